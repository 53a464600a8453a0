"""What this machine can do for spikes that are delivered over planes of bits (``planes.c``)."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from snmem.backends.event.arrays import zeros

#: Words of a tile, levels of the counters, as in planes.c; planes added at a time; how far ahead they are asked for.
TILE, LEVELS, GROUP, AHEAD = 40, 14, 8, (0, 2, 4, 6, 8, 12)
#: Planes of an exciting and of an inhibiting neuron in case (a): weights of 2 to 6, and of -38 to -13.
PLANES = (3, 6)


class _Planes(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("words", "group", "row", "first")),
        ("steps", ctypes.c_int64),
        ("tiles", ctypes.c_int64),
    )


def _groups(spikes: Any, planes: Any, base: Any, exciting: int) -> tuple[Any, Any]:
    """For the spikes of a step: places and strides of the planes by eight, and where they are added."""
    groups, rows = [], []
    for side, mine in enumerate((spikes[spikes < exciting], spikes[spikes >= exciting])):
        most = 0
        for bit in range(PLANES[side]):
            for low in range(0, len(mine), GROUP):
                some = mine[low : low + GROUP]
                group = np.zeros((2, GROUP), np.int64)
                group[:, : len(some)] = base[some] + bit * TILE, planes[some] * TILE
                most += len(some) << bit
                groups.append(group.ravel())
                rows.append((side * LEVELS + bit, max(0, int(most).bit_length() - bit - 3)))
    return groups, rows


class Program:
    """The compiled ``planes.c`` with the planes of ``neurons`` and ``steps`` steps of ``per_step`` of them spiking."""

    def __init__(self, library: Path, neurons: int, fan_out: int, per_step: int, steps: int) -> None:
        rng, exciting, tiles = np.random.default_rng(0), neurons * 4 // 5, -(-neurons // (64 * TILE))
        planes = np.where(np.arange(neurons) < exciting, *PLANES)
        base = TILE + np.concatenate(([0], np.cumsum(planes))) * TILE * tiles
        words = zeros(int(base[-1]), dtype=np.uint64)
        words[TILE:] = rng.integers(0, 2**62, len(words) - TILE, np.uint64)
        groups, rows, first = [], [], [0]
        for _ in range(steps):
            group, row = _groups(np.sort(rng.choice(neurons, per_step, replace=False)), planes, base, exciting)
            groups += group
            rows += row
            first.append(len(rows))
        self.kept = words, np.array(groups), np.array(rows), np.array(first)
        self.work = _Planes(*(a.ctypes.data for a in self.kept), steps, tiles)
        self.sums = np.zeros((2, tiles * TILE * 64))
        self.code = ctypes.CDLL(str(library))
        self.events = per_step * fan_out * steps
        self.size = 8 * (len(words) - TILE) / (neurons * fan_out)

    def count(self, ahead: int, work: _Planes | None = None, place: int = 0) -> None:
        """Add up the planes, ``ahead`` groups of which are asked for."""
        sums = ctypes.c_void_p(self.sums[place].ctypes.data)
        self.code.count(ctypes.byref(work or self.work), ctypes.c_double(1.0), sums, ctypes.c_int64(ahead))

    def stream(self, ahead: int) -> None:
        """Read the planes."""
        self.code.stream(ctypes.byref(self.work), ctypes.c_int64(ahead))

    def best(self, repeats: int) -> tuple[int, dict[int, float]]:
        """The best of AHEAD, and the median seconds of each."""
        times = {ahead: seconds_of(repeats, self.count, ahead) for ahead in AHEAD}
        return min(times, key=lambda ahead: times[ahead]), times


def measure(library: Path, neurons: int, fan_out: int, per_step: int, steps: int, repeats: int) -> dict[str, Any]:
    """Synaptic events per second: ``add`` (the best way of asking ahead, median) and ``stream`` (reading only)."""
    program = Program(library, neurons, fan_out, per_step, steps)
    best, adds = program.best(repeats)
    halves = [half(program.work, k) for k in range(2)]
    stream = min(seconds_of(repeats, program.stream, ahead) for ahead in AHEAD)
    return {
        "bytes": program.size,
        "two_at_once": two_at_once(lambda k: program.count(best, halves[k], k), repeats),
        "add_events_per_s": program.events / adds[best],
        "stream_events_per_s": program.events / stream,
        "stream_gb_per_s": program.size * program.events / stream / 1e9,
        "best": f"{best} groups ahead",
        "add_ns": {f"{ahead} groups ahead": 1e9 * t / program.events for ahead, t in adds.items()},
    }


def half(work: Any, k: int) -> Any:
    """The first or second half of the steps of ``work``."""
    mine = type(work).from_buffer_copy(work)
    mine.steps = work.steps // 2
    mine.first = work.first + 8 * k * mine.steps
    return mine


def two_at_once(part: Callable[[int], object], repeats: int) -> float:
    """How much more two threads get done, which call ``part(0)`` and ``part(1)``, than one: at best 2."""

    def seconds(threads: int) -> float:
        began = time.perf_counter()
        list(pool.map(part, range(threads)))
        return time.perf_counter() - began

    with ThreadPoolExecutor(2) as pool:
        one, two = zip(*[(seconds(1), seconds(2)) for _ in range(4 * repeats)], strict=True)
    return 2 * median(one) / median(two)


def seconds_of(repeats: int, function: Callable[..., object], *arguments: int) -> float:
    """Median seconds of processor time of a call."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        function(*arguments)
        times.append(time.process_time() - began)
    return median(times)
