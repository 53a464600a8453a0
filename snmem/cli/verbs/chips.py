"""``snmem chips``."""

from typing import Annotated, Any

from typer import Argument, Option

from ..contract import Report


def chips(
    name: Annotated[str | None, Argument(help="A profile to print in full, or the path of your own (.toml).")] = None,
    toml: Annotated[
        bool, Option("--toml", help="Print the profile as the file it is, to copy and change; generic is a template.")
    ] = False,
    check: Annotated[
        bool,
        Option("--check", help="Set published measurements of whole systems beside what the profiles say of them."),
    ] = False,
    measure: Annotated[
        bool, Option("--measure", help="Measure this computer (about 10 s) and print its profile as TOML.")
    ] = False,
) -> Report:
    """List the chip profiles that a bill can be made for, or print one with the source of every constant."""
    from ..._rich import Table
    from ...cost import chips as names
    from ...cost import load_chip
    from ...errors import InputError

    if sum((check, measure, name is not None or toml)) > 1:
        raise InputError("chips: --check, --measure and a profile's name are different things; give one of them")
    if check:
        return _checks()
    if measure:
        from ...cost.machine import measure_machine

        chip, text = measure_machine()
        return Report(chip.to_dict() | {"toml": text}, text.splitlines())
    if toml:
        return _file(name)
    if name is not None:
        chip = load_chip(name)
        return Report(chip.to_dict(), [f"{chip.name}: {chip.title}", *chip.summary.split("\n"), *_tables(chip)])
    profiles = [load_chip(n) for n in names()]
    table = Table("chip", "title", "vendor", "node", "cores", "joules")
    for chip in profiles:
        priced = "yes" if chip.energy("synaptic_event") is not None else "no public price"
        table.add_row(chip.name, chip.title, chip.vendor, chip.node, str(chip.cores), priced)
    return Report({"chips": [chip.to_dict() for chip in profiles]}, [table])


def _file(name: str | None) -> Report:
    from rich.text import Text

    from ..._text import visible
    from ...cost.chip import load_chip, profile_file
    from ...errors import InputError

    if name is None:
        raise InputError("chips: --toml prints one profile; name it, e.g. snmem chips generic --toml")
    load_chip(name)  # what is printed is a profile
    text = profile_file(name)[1].decode().rstrip("\n")
    shown = "\n".join(visible(line.rstrip("\r").expandtabs()) for line in text.split("\n"))
    return Report({"name": name, "toml": text}, [Text(shown)])


def _checks() -> Report:
    from ..._rich import Table
    from ...cost.report.tables import si
    from ...cost.validation import check, summary

    checks = check()
    table = Table("", "chip", "predicted", "measured", "error", "role", "note")
    for c in checks:
        m, error = c.measured, "no price" if c.error is None else f"{c.error:+.1%}"
        table.add_row(m.name, m.chip, si(c.value, m.unit), si(m.value, m.unit), error, m.role, m.cause or m.note)
    totals = summary(checks)
    said = (
        f"{totals['rows']} measurements, {totals['held_out']} held out: median absolute error "
        f"{totals['held_out_median_absolute_error']:.0%}, {totals['held_out_within_factor_2']} within a factor of 2"
    )
    return Report({"rows": [c.to_dict() for c in checks], "summary": totals}, [table, said])


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
