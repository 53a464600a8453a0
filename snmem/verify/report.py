"""What :func:`snmem.verify.verify` returns, and its tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, TypedDict

from .._text import shown


class PopulationResult(TypedDict):
    """One population on one backend against the baseline."""

    cells: int  # (step, neuron) entries compared
    differing: int
    first_step: int | None
    reason: NotRequired[str | None]
    late: NotRequired[int]
    spikes: NotRequired[int]
    spikes_loihi: NotRequired[int]


class BackendResult(TypedDict):
    """One backend. ``status``: "ran", "refused", "absent", "failed" or "not run", with the ``reason``."""

    status: str
    agree: bool | None
    reason: str | None
    seconds: float | None
    populations: dict[str, PopulationResult]


class QuantizedResult(TypedDict):
    """The network in Loihi fixed point against the float network, and the backends of this arithmetic against it."""

    status: str
    agree: bool | None
    reason: str | None
    populations: dict[str, PopulationResult]
    weight_error: NotRequired[dict[str, float]]
    clipped: NotRequired[dict[str, int]]
    warnings: NotRequired[list[str]]
    silent: NotRequired[list[str]]
    backends: NotRequired[dict[str, BackendResult]]


class Reading(TypedDict):
    """Options for reading a file, and in how many entries the recorded spikes then differ."""

    options: dict[str, Any]
    differing: int


class GoldenResult(TypedDict):
    """The baseline against spikes that were saved earlier."""

    file: str
    sha256: str
    same_network: bool
    agree: bool
    populations: dict[str, PopulationResult]
    reading: NotRequired[Reading | None]  # another reading of the file that comes closer
    lost: NotRequired[list[str]]  # what the origin of the file does not write, where no reading gives the spikes
    records: dict[str, str]  # population -> the record compared with it, where that has another name


class Verdict(TypedDict):
    """The result of :func:`snmem.verify.verify`, whose docstring has the meaning of the keys."""

    agree: bool
    verdict: str
    evidence: dict[str, Any]
    file: str | None
    origin: str | None
    arithmetic: str
    baseline: str
    steps: int
    seed: int | None
    input_spikes: dict[str, int]
    spikes: dict[str, int]
    sha256: str
    choices: list[str]
    backends: dict[str, BackendResult]
    golden: NotRequired[GoldenResult]
    quantized: NotRequired[QuantizedResult]
    saved: NotRequired[str]


def verify_tables(result: Verdict) -> list[Any]:
    """The result of :func:`snmem.verify.verify` for a terminal: tables and texts of rich."""
    from .._rich import plain_text

    table = _table("backend", f"against {result['baseline']}, {result['steps']} steps")
    _add_baseline(table, result)
    _add_backends(table, result["backends"])
    parts: list[Any] = [*map(plain_text, result["choices"]), table]
    if "golden" in result:
        parts.append(extra := _table("", "against the golden raster"))
        _add_rows(extra, "golden", result["golden"]["populations"])
        parts += [plain_text(line) for line in _golden_lines(result["golden"])]
    if "quantized" in result:
        title = "in Loihi fixed point: quantized against the float network, the runtimes against loihi"
        parts.append(extra := _table("", title))
        quantized = result["quantized"]
        _add_rows(extra, "quantized", quantized["populations"], "spikes_loihi")
        if quantized["status"] != "ran":
            extra.add_row("quantized", "", "", "", "", "", quantized["reason"] or "")
        _add_backends(extra, quantized.get("backends", {}))
    return [*parts, *_verdict(result)]


def _golden_lines(golden: GoldenResult) -> Iterator[str]:
    """Whose spikes were taken for whose, and the reading that comes closer."""
    for population, record in golden["records"].items():
        what = f"{shown(record)} of the file" if record else "the raster of the file"
        yield f"{what} is taken for {shown(population)}"
    reading = golden.get("reading")
    if reading:
        options = " ".join(f"--set {name}={value}" for name, value in _settings(reading["options"]))
        total = sum(d["cells"] for d in golden["populations"].values())
        yield f"Read with {options}, {reading['differing']} of {total} entries differ."
    for what in golden.get("lost", []):
        yield f"Not in the file, and may be why: {what}."


def _settings(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Options as the command line takes them."""
    for name, value in options.items():
        each = value if isinstance(value, Mapping) else {"": value}
        yield from ((name, f"{one}@{node}" if node else str(one)) for node, one in each.items())


def _verdict(result: Verdict) -> list[Any]:
    from .._rich import plain_text

    evidence = result["evidence"]
    lines = []
    if evidence["raised"]:
        taken = f"Poisson input of rate {evidence['rate']:.3g} was taken, for {result['steps']} steps"
        lines.append(plain_text(f"Not every population fired at first: {taken}."))
    if evidence["reason"]:
        lines.append(plain_text(f"No verdict: {evidence['reason']}", "red"))
    if result["verdict"] != "no evidence":
        agree = ("All agree.", "green") if result["agree"] else ("Not all agree.", "red")
        lines.append(plain_text(*agree))
    return lines


def _table(first: str, title: str) -> Any:
    from .._rich import Table

    columns = (first, "population", "spikes", "entries", "differing", "first step", "")
    return Table(*columns, title=title)


def _add_baseline(table: Any, result: Verdict) -> None:
    evidence = result["evidence"]
    for name, count in result["spikes"].items():
        note = "readout: has no threshold to reach" if name in evidence["readouts"] else evidence["unable"].get(name)
        note = note or ("" if count else "never fired")
        style = "yellow" if not count and name not in evidence["readouts"] else "dim"
        table.add_row(result["baseline"], name, count, "", "", "", note, style=style)


def _add_backends(table: Any, backends: Mapping[str, BackendResult]) -> None:
    for name, one in backends.items():
        if one["status"] != "ran":
            table.add_row(name, "", "", "", "", "", f"{one['status']}: {one['reason']}", style="dim")
        _add_rows(table, name, one["populations"])


def _add_rows(table: Any, name: str, populations: Mapping[str, PopulationResult], spikes: str = "spikes") -> None:
    for pop, d in populations.items():
        first = "" if d["first_step"] is None else str(d["first_step"])
        late = d.get("late", 0)
        note = d.get("reason") or (f"latency of {late} steps more, taken into account" if late else "")
        numbers = (d.get(spikes, ""), d["cells"], d["differing"], first)
        table.add_row(name, pop, *numbers, note, style="red" if d["differing"] else None)
