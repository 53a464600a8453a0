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


class _Work(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("target", "weight", "palette", "rows", "spikes", "first")),
        ("steps", ctypes.c_int64),
        ("ranges", ctypes.c_int64),
    )


def _compiled(size: int, folder: Path) -> Any:
    target, _, weight, _, palette = RECORDS[size]
    library = folder / f"limit{size}.so"
    flags = ["-O3", "-march=native", "-shared", "-fPIC", f"-DTARGET={target}", f"-DWEIGHT={weight}"]
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if compiler is None:
        raise FileNotFoundError("a C compiler (cc, gcc or clang)")
    source = Path(__file__).with_name("limit.c")
    command = [compiler, *flags, *(["-DPALETTE"] if palette else []), str(source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    return ctypes.CDLL(str(library))


def _pattern(neurons: int, fan_out: int, per_step: int, steps: int) -> tuple[Any, Any, Any, Any]:
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
    report: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Synaptic events per second, by record size: ``add`` (the best variant's median) and ``stream`` (reading only)."""
    target, row, spikes, first = _pattern(neurons, fan_out, per_step, steps)
    events = int(np.bincount(row, minlength=neurons)[spikes].sum())
    found: dict[str, Any] = {"neurons": neurons, "synapses": len(target), "events": events, "records": {}}
    with tempfile.TemporaryDirectory(prefix="snmem-limit-") as folder:
        for size in RECORDS:
            report(f"limit of the machine, records of {size} bytes")
            library = _compiled(size, Path(folder))
            found["records"][str(size)] = _best(library, size, (target, row, spikes, first), neurons, events, repeats)
    return found


def _best(library: Any, size: int, pattern: tuple[Any, Any, Any, Any], neurons: int, events: int, repeats: int) -> Any:
    target, row, spikes, first = pattern
    _, target_type, _, weight_type, _ = RECORDS[size]
    rng = np.random.default_rng(1)
    targets = target.astype(target_type)
    weights = rng.integers(0, 32, len(target)).astype(weight_type)
    palette, sums = rng.random(256), np.zeros(neurons)
    adds: dict[str, float] = {}
    stream = float("inf")
    for span in RANGES:
        ranges = -(-neurons // span)
        rows = np.concatenate(([0], np.cumsum(np.bincount(row * ranges + target // span, minlength=neurons * ranges))))
        parts = [a.ctypes.data for a in (targets, weights, palette, rows, spikes, first)]
        work = _Work(*parts, len(first) - 1, ranges)
        for ahead in AHEAD:
            call = (library.deliver, ctypes.byref(work), ctypes.c_void_p(sums.ctypes.data), ctypes.c_int64(ahead))
            name = f"{'one range' if ranges == 1 else f'ranges of {span}'}, {ahead} rows ahead"
            adds[name] = median(_seconds(*call) for _ in range(repeats))
        if ranges == 1:
            stream = median(_seconds(library.stream, ctypes.byref(work)) for _ in range(repeats))
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
