"""What can be viewed: a run on disk, spikes in a file, the folder of a verb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._text import path_text
from ..errors import FileError
from ..io.arrays import open_arrays
from ..io.reading import parse_json, read_bytes
from ..io.results.update import RUN_FILE, read_run
from ..io.spikes import RASTERS, read_spikes
from ..recording.choice import Plan, Samples
from ..recording.stored import is_run, open_recording
from ..spikes import Counters, Recording, Spikes

#: Largest JSON file that is read, in bytes.
_LARGEST = 2**28


@dataclass(frozen=True)
class Source:
    """What was found to view.

    Attributes
    ----------
    recording : Recording or None
        Spikes and traces.
    report : mapping
        What the verb printed with ``--json``; empty for a file.
    verb : str
        The verb that wrote the folder; "" for a file.
    config : mapping
        Its options.
    """

    recording: Any
    report: Mapping[str, Any] = field(default_factory=dict)
    verb: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)


def open_source(path: Path, dt: float | None = None) -> Source:
    """Read a folder that a verb wrote with ``--out``, a run (``simulate --to``), or a file of spikes.

    Parameters
    ----------
    path : Path
        The folder or file.
    dt : float or None
        Duration of a step in seconds, for spikes in a file that does not state it.

    Raises
    ------
    FileError
        For what is none of these, or damaged.
    """
    if path.is_dir():
        return _folder(path)
    if path.suffix not in RASTERS and is_run(path):
        return Source(open_recording(path))
    return Source(_recorded(path, None, {}, dt))


def _folder(folder: Path) -> Source:
    run = read_run(folder)
    if run is None:
        raise FileError(f"{path_text(folder)}: is no folder of results (no run.json of snmem); name one, or a file")
    about, report = (_object(folder / name) for name in (RUN_FILE, "report.json"))
    config = about.get("config")
    config = config if isinstance(config, dict) else {}
    recording = None
    if "spikes.h5" in run.files:
        recording = _recorded(
            folder / "spikes.h5", folder / "traces.npz" if "traces.npz" in run.files else None, config
        )
    return Source(recording, report, str(about.get("verb", "")), config)


def _object(path: Path) -> Mapping[str, Any]:
    """The JSON object of a file."""
    data = parse_json(read_bytes(path, _LARGEST), path_text(path), "name another folder")
    if not isinstance(data, dict):
        raise FileError(f"{path_text(path)}: holds no JSON object; name another folder")
    return data


def _recorded(path: Path, traces: Path | None, config: Mapping[str, Any], dt: float | None = None) -> Recording:
    """Spikes and traces that ``snmem simulate --out`` wrote, as a Recording."""
    file = read_spikes(path, dt=dt, merge=None)
    spikes = {name or path.stem: s for name, s in file.spikes.items()}
    if not spikes:
        raise FileError(f"{path_text(path)}: holds no spikes; name another file")
    steps = max(s.steps for s in spikes.values())
    kept = dict(_traces(traces)) if traces else {}
    every = config.get("every")
    every = every if isinstance(every, int) and every > 0 else 1
    return Recording(
        str(file.about.get("backend", "unknown")),
        steps,
        {n: Spikes.trusted(s.step, s.neuron, steps, s.size, s.value) for n, s in spikes.items()},
        kept,
        Counters({name: len(s) for name, s in spikes.items()}, {}, {}),
        dt=float(file.about.get("dt", dt or 0)) or None,
        plan=Plan({}, (), (), None, {name: Samples(None, rows.shape[1], every) for name, rows in kept.items()}, {}),
    )


def _traces(path: Path) -> Iterator[tuple[str, Any]]:
    with open_arrays(path) as file:
        for name in file.headers:
            file.require(name, "fiu", (None, None))
            yield name, file.read(name)
