"""``snmem chips``."""

from typing import Annotated, Any

from typer import Argument, Option

from ..contract import Report


def chips(
    name: Annotated[str | None, Argument(help="A profile to print in full, or the path of your own (.toml).")] = None,
    check: Annotated[
        bool,
        Option("--check", help="Set published measurements of whole systems beside what the profiles say of them."),
    ] = False,
) -> Report:
    """List the chip profiles that a bill can be made for, or print one with the source of every constant."""
    from ..._rich import Table
    from ...cost import chips as names
    from ...cost import load_chip

    if check:
        return _checks()
    if name is not None:
        chip = load_chip(name)
        return Report(chip.to_dict(), [f"{chip.name}: {chip.title}", *chip.summary.split("\n"), *_tables(chip)])
    profiles = [load_chip(n) for n in names()]
    table = Table("chip", "title", "vendor", "node", "cores", "joules")
    for chip in profiles:
        priced = "yes" if chip.energy("synaptic_event") is not None else "no public price"
        table.add_row(chip.name, chip.title, chip.vendor, chip.node, str(chip.cores), priced)
    return Report({"chips": [chip.to_dict() for chip in profiles]}, [table])


def _checks() -> Report:
    from ..._rich import Table
    from ...cost.checks import closed_form_checks
    from ...cost.report.tables import si

    rows = closed_form_checks()
    table = Table("", "chip", "ours", "published", "error", "role", "note")
    for r in rows:
        error = "unknown" if r["error"] is None else f"{r['error']:+.1%}"
        numbers = (si(r["value"], r["unit"]), si(r["published"], r["unit"]), error)
        table.add_row(r["name"], r["chip"], *numbers, r["role"], r["note"])
    return Report({"rows": rows}, [table])


def _tables(chip: Any) -> list[Any]:
    """The constants of a profile by table, then its sources and what it does not model."""
    from ..._rich import Table

    out: list[Any] = []
    for title, rows in chip.tables.items():
        table = Table("constant", "value", "unit", "kind", "source", "note", title=title)
        for name, constant in rows.items():
            row = constant.to_dict()
            value = ", ".join(f"{k}: {v}" for k, v in row["value"]) if constant.table else str(row["value"])
            if constant.within:
                value = f"in {constant.within}"
            if {"low", "high"} & row.keys():
                value += f" ({row.get('low', row['value'])} to {row.get('high', row['value'])})"
            table.add_row(name, value, *(row.get(key, "") for key in ("unit", "kind", "source", "note")))
        out += [table] if rows else []
    sources = Table("source", "reference", title="sources")
    for name, text in chip.sources.items():
        sources.add_row(name, text)
    return [*out, sources, "Not modelled: " + "; ".join(chip.not_modelled)]
