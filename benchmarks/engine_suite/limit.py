"""What this machine can do for the access pattern of spike delivery (``limit.c``), by the size of a synapse record."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import limit_cells, limit_planes

#: bytes of a record -> types in C and numpy of its target and weight; the smallest looks its weight up in a table.
RECORDS: dict[int, tuple[str, Any, str, Any, bool]] = {
    3: ("uint16_t", np.uint16, "uint8_t", np.uint8, True),
    5: ("uint32_t", np.uint32, "uint8_t", np.uint8, True),
    6: ("uint16_t", np.uint16, "float", np.float32, False),
    8: ("uint32_t", np.uint32, "float", np.float32, False),
    12: ("uint32_t", np.uint32, "double", np.float64, False),
}
#: Ranges of targets tried, in neurons, and rows that are asked for ahead.
RANGES, AHEAD = (1024, 2048, 4096, 1 << 30), (0, 1, 2)


#: Targets, the row of each, rows to deliver, where each step begins in them.
Pattern = tuple[Any, Any, Any, Any]


class _Work(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("target", "weight", "palette", "rows", "spikes", "first")),
        ("steps", ctypes.c_int64),
        ("ranges", ctypes.c_int64),
    )


def compiled(folder: Path, source: str, *flags: str) -> Path:
    """A library in ``folder`` made of a C file, of this folder unless a path; FileNotFoundError without a compiler."""
    library = folder / f"{len(list(folder.iterdir()))}.so"
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if compiler is None:
        raise FileNotFoundError("a C compiler (cc, gcc or clang)")
    command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", *flags]
    subprocess.run([*command, str(Path(__file__).parent / source), "-o", str(library)], check=True, capture_output=True)
    return library


def records(size: int, folder: Path) -> Any:
    target, _, weight, _, palette = RECORDS[size]
    flags = [f"-DTARGET={target}", f"-DWEIGHT={weight}", *(["-DPALETTE"] if palette else [])]
    return ctypes.CDLL(str(compiled(folder, "limit.c", *flags)))


def _pattern(neurons: int, fan_out: int, per_step: int, steps: int) -> Pattern:
    """Targets (rows in turn, ascending) and degrees of every row; rows to deliver, and where each step begins."""
    rng = np.random.default_rng(0)
    gaps = rng.geometric(fan_out / neurons, int(1.02 * neurons * fan_out) + 1000)
    flat = np.cumsum(gaps) - 1
    row, target = np.divmod(flat[: np.searchsorted(flat, neurons * neurons)], neurons)
    spikes = np.concatenate([np.sort(rng.choice(neurons, per_step, replace=False)) for _ in range(steps)])
    return target, row, spikes, np.arange(steps + 1) * per_step


def measure(
    neurons: int = 10_000,
    fan_out: int = 1000,
    per_step: int = 150,
    steps: int = 200,
    repeats: int = 3,
    sizes: tuple[int, ...] = (10_000, 31_623, 100_000, 316_228, 1_000_000),
    report: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Synaptic events per second, by record size: ``add`` (the best variant's median) and ``stream`` (reading only).

    ``planes``: the same synapses as planes of bits; ``cells``: what a large population takes at least.
    ``two_at_once``: what two threads get done against one; ``scattered``: adds over ``sizes`` neurons.
    """
    target, row, spikes, first = _pattern(neurons, fan_out, per_step, steps)
    events = int(np.bincount(row, minlength=neurons)[spikes].sum())
    found: dict[str, Any] = {"neurons": neurons, "synapses": len(target), "events": events, "records": {}}
    with tempfile.TemporaryDirectory(prefix="snmem-limit-") as folder:
        for size in RECORDS:
            report(f"limit of the machine, records of {size} bytes")
            library = records(size, Path(folder))
            found["records"][str(size)] = _best(library, size, (target, row, spikes, first), neurons, events, repeats)
            if size == 3:
                found["two_at_once"] = _together(library, size, (target, row, spikes, first), neurons, repeats)
        report("limit of the machine, planes of bits")
        planes = compiled(Path(folder), "planes.c")
        found["records"]["planes"] = limit_planes.measure(planes, neurons, fan_out, per_step, steps, repeats)
        report("limit of the machine, adds scattered over more and more neurons")
        points = scattered(records(5, Path(folder)), sizes, repeats)
        x, y = (np.log([p[key] for p in points]) for key in ("x", "ns"))
        found["scattered"] = {"points": points, "exponent": float(np.polyfit(x, y, 1)[0])}
        report("limit of the machine, a large population in which few get input")
        cells = compiled(Path(folder), *limit_cells.SOURCE)
        found["cells"] = limit_cells.measure(cells, max(sizes), repeats)
    return found


def _together(library: Any, size: int, pattern: Pattern, neurons: int, repeats: int) -> float:
    """How much more two threads get done that share nothing but the records: at best 2."""
    work, kept = _work(size, pattern, neurons, neurons, RANGES[1])
    sums, halves = [np.zeros(neurons) for _ in range(2)], [limit_planes.half(work, k) for k in range(2)]

    def part(k: int) -> None:
        library.deliver(ctypes.byref(halves[k]), ctypes.c_void_p(sums[k].ctypes.data), ctypes.c_int64(1))

    together = limit_planes.two_at_once(part, repeats)
    del kept
    return together


def scattered(
    library: Any, sizes: tuple[int, ...], repeats: int, rows: int = 20_000, fan_out: int = 100
) -> list[dict[str, float]]:
    """Nanoseconds per add of rows of ``fan_out`` targets anywhere among so many neurons."""
    rng, points = np.random.default_rng(0), list[dict[str, float]]()
    for neurons in sizes:
        target = np.sort(rng.integers(neurons, size=(rows, fan_out)), axis=1).ravel()
        first = np.arange(0, rows + 1, 100)
        pattern = target, np.repeat(np.arange(rows), fan_out), np.arange(rows), first
        work, kept = _work(5, pattern, rows, neurons, 1 << 30)
        sums = ctypes.c_void_p((place := np.zeros(neurons)).ctypes.data)
        took = median(
            _seconds(library.deliver, ctypes.byref(work), sums, ctypes.c_int64(1)) for _ in range(2 * repeats + 1)
        )
        points.append({"x": neurons, "ns": 1e9 * took / len(target)})
        del kept, place
    return points


def _work(size: int, pattern: Pattern, sources: int, neurons: int, span: int) -> tuple[_Work, Any]:
    """What the C functions are handed, and the arrays that it points to."""
    target, row, spikes, first = pattern
    _, target_type, _, weight_type, _ = RECORDS[size]
    rng, ranges = np.random.default_rng(1), -(-neurons // span)
    weights, palette = rng.integers(0, 32, len(target)).astype(weight_type), rng.random(256)
    rows = np.concatenate(([0], np.cumsum(np.bincount(row * ranges + target // span, minlength=sources * ranges))))
    kept = (target.astype(target_type), weights, palette, rows, spikes, first)
    return _Work(*(a.ctypes.data for a in kept), len(first) - 1, ranges), kept


def _best(library: Any, size: int, pattern: Pattern, neurons: int, events: int, repeats: int) -> dict[str, Any]:
    sums = np.zeros(neurons)
    adds: dict[str, float] = {}
    stream = float("inf")
    for span in RANGES:
        work, kept = _work(size, pattern, neurons, neurons, span)
        for ahead in AHEAD:
            call = (library.deliver, ctypes.byref(work), ctypes.c_void_p(sums.ctypes.data), ctypes.c_int64(ahead))
            name = f"{'one range' if work.ranges == 1 else f'ranges of {span}'}, {ahead} rows ahead"
            adds[name] = median(_seconds(*call) for _ in range(repeats))
        if work.ranges == 1:
            stream = median(_seconds(library.stream, ctypes.byref(work)) for _ in range(repeats))
        del kept
    best = min(adds, key=lambda name: adds[name])
    return {
        "add_events_per_s": events / adds[best],
        "stream_events_per_s": events / stream,
        "stream_gb_per_s": size * events / stream / 1e9,
        "best": best,
        "add_ns": {name: 1e9 * t / events for name, t in adds.items()},
    }


def _seconds(function: Any, *arguments: Any) -> float:
    began = time.process_time()
    function(*arguments)
    return time.process_time() - began


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=1))
