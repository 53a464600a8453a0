"""Frameworks and NIR primitives, both ways: which spikes are exact, and why others are not.

The answers of the frameworks were recorded in environments of their own (``benchmarks/interop``): files that they
exported with the spikes of their own forward pass, and the spikes of what they imported from graphs of ours. Here these
files are read and run by snmem, as by a user without options, and compared entry by entry.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SnmemError
from ..installation.content import content_dir
from ..network import Network
from ..simulation import simulate
from .smallest import Example, smallest

#: Readings that are tried where spikes differ, to name the cause.
READINGS: tuple[dict[str, Any], ...] = (
    {"reset": "subtract_late"},
    {"reset": "subtract"},
    {"spike": "unit"},
    {"spike": "current"},
    {"threshold": ">="},
    {"if_gain": "r*dt"},
    {"if_gain": "1"},
    {"feedforward_delay": 1},
    {"discretization": "exp"},
    {"spike": "unit", "reset": "subtract_late", "feedforward_delay": 1},
    {"spike": "unit", "reset": "subtract", "feedforward_delay": 1},
    {"spike": "unit", "discretization": "exp", "reset": "subtract", "threshold": ">="},
    {"spike": "decayed", "discretization": "exp", "reset": "subtract", "threshold": ">="},
    {"spike": "pulse", "discretization": "exp", "reset": "subtract", "threshold": ">="},
)
#: Our graphs mean what their numbers say, whatever framework they look like.
PLAIN = {"origin": "none"}
_R = "its importer ignores r of LIF, as it warns"
_LEFT_OUT = "its importer leaves out nodes of a type that it does not know"
_BATCH = "its importer flattens the batch axis too"
_LAST = "it flattens images channels last"
#: Causes that no reading stands for, as the source of the importer has them: framework and direction -> primitive.
CAUSES = {
    ("norse", "ours"): dict.fromkeys(("Affine", "Conv2d", "LIF", "Linear", "NIRGraph", "SumPool2d"), _R)
    | dict.fromkeys(("CubaLI", "Delay", "I", "LI", "Threshold"), _LEFT_OUT)
    | {"Flatten": _BATCH},
    ("rockpool", "ours"): {
        "CubaLIF": "its importer takes dt for the least of tau / (1 + r)",
        "LI": "its importer takes tau in whole numbers, and dt for the least of tau / (1 + r)",
    },
    ("snntorch", "ours"): {"Flatten": _BATCH, "IF": "its importer makes a Leaky of beta 0.9 of an IF"},
    ("spyx", "ours"): dict.fromkeys(("CubaLI", "Delay", "I", "Scale", "Threshold"), _LEFT_OUT) | {"Flatten": _LAST},
    ("spyx", "theirs"): {"Flatten": f"{_LAST}, and its exporter does not reorder the weights behind"},
}
#: By how much a threshold is moved to see whether float32 rounds v to the other side of it.
NUDGE = 1e-6
#: How far a recorded potential in float32 may be from ours.
TOLERANCE = 1e-4

#: How the page of the docs begins that :func:`markdown` completes.
PAGE = """# Which frameworks give the same spikes?

`snmem interop` makes these tables, from files and spikes that other frameworks gave in environments of their own
(`benchmarks/interop`; weights are multiples of 1/64; each framework's licence is kept beside its answers).
`python benchmarks/interop/run.py` asks them anew. Every file is read without options.

* *spike-exact*: no (step, neuron) entry differs; potentials of readouts agree to 1e-4.
* *differs*: with the reading that gives the framework's spikes, or the cause.
  The smallest file of each, with the shortest input, is in `benchmarks/interop/differs.zip`.
* *refused*: snmem refuses the file in one line. *crashes*: the framework's exporter or importer raises.
* *not exported*: the framework has no such layer, or does not export it.
* *read*: imported, but not run or not comparable.

Input and Output stand in every graph. Not asked: Lava-DL (for Python 3.10 only), Nengo 4.1 (reads and writes no NIR),
and hxtorch (not on PyPI).

"""


def interop() -> dict[str, Any]:
    """Compare the recorded answers of all frameworks with what snmem reads and runs.

    Returns
    -------
    dict
        ``frameworks``: name -> ``versions``, ``date``, ``licence``; ``rows``: one for each framework, primitive and
        direction ("theirs": their file here; "ours": our graph there), with ``status`` ("spike-exact", "differs",
        "refused", "crashes", "read" or "not exported"), ``why`` in words, and ``differing`` and ``entries`` where
        spikes were compared; of one that differs ``smallest``, its file in ``benchmarks/interop/differs.zip``.

    Raises
    ------
    FileError
        If the records are not part of the installation.
    """
    frameworks, rows = {}, []
    with tempfile.TemporaryDirectory() as place:
        ours, records = _records(Path(place))
        for name, about, files in records:
            frameworks[name] = {key: about[key] for key in ("versions", "date", "licence")}
            rows += [{"framework": name, **row} for row in _rows(name, about, files, ours)]
    with zipfile.ZipFile(content_dir("benchmarks") / "interop" / "differs.zip") as packed:
        written = set(packed.namelist())
    for row in rows:
        if row["status"] == "differs":
            row["smallest"] = name if (name := f"{_title(row)}.nir") in written else None
    rows.sort(key=lambda row: (row["framework"], row["direction"] == "ours", row["primitive"]))
    return {"frameworks": frameworks, "rows": rows}


def _records(place: Path) -> tuple[Path, Iterator[tuple[str, dict[str, Any], Path]]]:
    """Our graphs, and of each framework its name, what it says of itself and its files, unpacked below ``place``."""
    folder = content_dir("benchmarks") / "interop"

    def records() -> Iterator[tuple[str, dict[str, Any], Path]]:
        for record in sorted((folder / "records").glob("*.zip")):
            files = _unpacked(record, place / record.stem)
            yield record.stem, json.loads((files / "about.json").read_text()), files

    return _unpacked(folder / "graphs.zip", place / "graphs"), records()


def _title(row: Mapping[str, Any]) -> str:
    """What the files of a row are called."""
    return f"{row['framework']} {row['direction']} {row['primitive']}"


def _unpacked(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder


def _rows(name: str, about: Mapping[str, Any], files: Path, ours: Path) -> Iterator[dict[str, Any]]:
    for direction in ("theirs", "ours"):
        for case, answer in sorted(about[direction].items()):
            row = {"direction": direction, "primitive": case}
            if "error" in answer:
                plain = direction == "theirs" and answer["error"].startswith(("no layer", "writes no"))
                yield row | {"status": "not exported" if plain else "crashes", "why": answer["error"]}
            elif "note" in answer:
                yield row | {"status": "read", "why": answer["note"]}
    for row, example, options in _examples(about, files, ours):
        yield _named(name, row | _compared(example.file, example.x, example.arrays, options))


def _examples(
    about: Mapping[str, Any], files: Path, ours: Path
) -> Iterator[tuple[dict[str, Any], Example, Mapping[str, Any]]]:
    """What a framework ran: direction and primitive, the file with what was recorded, and the options to read it."""
    for direction in ("theirs", "ours"):
        for case, answer in sorted(about[direction].items()):
            row = {"direction": direction, "primitive": case}
            if "error" in answer or "note" in answer:
                continue
            if direction == "theirs":
                arrays = dict(np.load(files / f"theirs_{case}.npz"))
                yield row, Example(files / f"theirs_{case}.nir", arrays.pop("x"), arrays), {}
            else:
                x = np.load(ours / f"{case}.npz")["x"]
                out = np.load(files / f"ours_{case}.npz")["out"]
                yield row, Example(ours / f"{case}.nir", x.reshape(len(x), -1), {"out": out}), PLAIN


def _named(framework: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row that differs, with the cause known from the framework's source where no reading explains it."""
    if row["status"] == "differs" and not row["why"]:
        row["why"] = CAUSES.get((framework, row["direction"]), {}).get(row["primitive"], "not explained")
    return row


def _compared(
    file: Path, x: NDArray[Any], arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """How the spikes of a file, read with these options, compare with those recorded."""
    try:
        differing, entries = _differing(file, x, arrays, options)
    except SnmemError as error:
        return {"status": "refused", "why": str(error)}
    found = {"differing": differing, "entries": entries}
    if not differing:
        return {"status": "spike-exact", "why": "", **found}
    return {"status": "differs", "why": _cause(file, x, arrays, options), **found}


def _cause(file: Path, x: NDArray[Any], arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any]) -> str:
    """The reading that gives the recorded spikes, or what else they show."""
    if any((values != np.round(values)).any() for name, values in arrays.items() if name.startswith("layer")):
        return "it sends numbers, not spikes"
    if any(values.max() > 1 for name, values in arrays.items() if name.startswith("layer")):
        return "several spikes in one step"
    for reading in READINGS:
        try:
            if not _differing(file, x, arrays, {**options, **reading})[0]:
                return "equal with " + ", ".join(f"{name}={value}" for name, value in reading.items())
        except SnmemError:
            continue
    for nudge in (NUDGE, -NUDGE):
        if not _differing(file, x, arrays, options, nudge)[0]:
            return "v meets the threshold, and float32 rounds it to the other side"
    return ""


def write_smallest(folder: Path) -> list[str]:
    """Write a smallest file of each difference into a folder: ``NAME.nir``, and ``NAME.npz`` with what was recorded.

    Returns their names, "framework direction primitive".
    """
    written = []
    with tempfile.TemporaryDirectory() as place:
        ours, records = _records(Path(place))
        for framework, about, files in records:
            for row, example, options in _examples(about, files, ours):
                if _compared(example.file, example.x, example.arrays, options)["status"] == "differs":
                    name = _title({"framework": framework, **row})
                    found = smallest(example, partial(first_difference, options), folder / f"{name}.nir")
                    np.savez_compressed(folder / f"{name}.npz", x=found.x, **found.arrays)  # type: ignore[arg-type]
                    written.append(name)
    return written


def first_difference(options: Mapping[str, Any], example: Example) -> dict[str, tuple[int, int]]:
    """(step, neuron) of the first entry that differs, by array; (0, 0) where the shapes do."""
    found = {}
    for name, ours, theirs in _side_by_side(example.file, example.x, example.arrays, options):
        wrong = np.argwhere(_apart(ours, theirs)) if ours is not None else np.zeros((1, 2), int)
        if len(wrong):
            found[name] = (int(wrong[0, 0]), int(wrong[0, 1]))
    return found


def _apart(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.bool_]:
    return np.abs(ours - theirs) > TOLERANCE


def _differing(
    file: Path, x: NDArray[Any], arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any], nudge: float = 0.0
) -> tuple[int, int]:
    """Entries that differ and entries compared, over all recorded layers and the output.

    Thresholds are multiplied by 1 + ``nudge``.
    """
    differing = entries = 0
    for _, ours, theirs in _side_by_side(file, x, arrays, options, nudge):
        if ours is None:
            return theirs.size, theirs.size
        differing += int(_apart(ours, theirs).sum())
        entries += theirs.size
    return differing, entries


def _side_by_side(
    file: Path, x: NDArray[Any], arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any], nudge: float = 0.0
) -> Iterator[tuple[str, NDArray[Any] | None, NDArray[Any]]]:
    """Name, ours and theirs of each recorded array; None where ours has another shape."""
    from ..nir_io import read_nir

    network = read_nir(file, **options)
    if nudge:
        network = replace(network, populations=tuple(_nudged(p, nudge) for p in network.populations))
    neurons = {p.name: p for p in network.neurons}
    graded = [name for name in network.outputs if name in neurons and neurons[name].neuron.never_spikes]
    inputs = {network.inputs[0].name: x.astype(bool)}
    run = simulate(network, inputs, len(x), "reference", record=[f"{name}.v" for name in graded], progress=False)
    spiking = [p.name for p in network.neurons if not p.neuron.never_spikes and p.name != "bias"]
    for name, theirs in arrays.items():
        ours = _values(network, run, spiking, graded, name)
        yield name, ours if ours is not None and ours.shape == theirs.shape else None, theirs


def _nudged(p: Any, nudge: float) -> Any:
    neuron = getattr(p, "neuron", None)
    return p if neuron is None else replace(p, neuron=replace(neuron, theta=np.multiply(neuron.theta, 1 + nudge)))


def _values(network: Network, run: Any, spiking: list[str], graded: list[str], name: str) -> NDArray[Any] | None:
    """What snmem has for a recorded array: "layer3" is the fourth population that spikes, "out" the output."""
    if name.startswith("layer"):
        at = int(name[5:])
        return run.spikes[spiking[at]].raster().astype(float) if at < len(spiking) else None
    if graded:
        return run.traces[f"{graded[0]}.v"]
    return run.spikes[network.outputs[0]].raster().astype(float) if network.outputs else None


def interop_tables(result: Mapping[str, Any]) -> list[Any]:
    """The result of :func:`interop` for a terminal."""
    from .._rich import Table

    parts = []
    for direction, title in (("theirs", "their files here"), ("ours", "our graphs there")):
        table = Table("framework", "primitive", "", "differing", "why", title=title)
        for row in (row for row in result["rows"] if row["direction"] == direction):
            count = f"{row['differing']} of {row['entries']}" if "entries" in row else ""
            table.add_row(row["framework"], row["primitive"], row["status"], count, row["why"])
        parts.append(table)
    return parts


def markdown(result: Mapping[str, Any]) -> str:
    """The result of :func:`interop` as the tables of docs/interop.md."""
    lines = ["| framework | versions | recorded |", "|---|---|---|"]
    for name, about in result["frameworks"].items():
        versions = ", ".join(f"{package} {version}" for package, version in about["versions"].items())
        lines.append(f"| {name} | {versions} | {about['date']} |")
    for direction, title in (("theirs", "Their files, read and run here"), ("ours", "Our graphs, imported there")):
        lines += ["", f"## {title}", "", "| framework | primitive | result | why |", "|---|---|---|---|"]
        for row in (row for row in result["rows"] if row["direction"] == direction):
            count = f" ({row['differing']} of {row['entries']})" if row["status"] == "differs" else ""
            why = row["why"].replace("|", "/")[:120]
            lines.append(f"| {row['framework']} | {row['primitive']} | {row['status']}{count} | {why} |")
    return "\n".join(lines) + "\n"
