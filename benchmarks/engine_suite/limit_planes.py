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

from snmem.backends.event_types import zeros

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


def measure(library: Path, neurons: int, fan_out: int, per_step: int, steps: int, repeats: int) -> dict[str, Any]:
    """Synaptic events per second: ``add`` (the best way of asking ahead, median) and ``stream`` (reading only)."""
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
    kept = words, np.array(groups), np.array(rows), np.array(first)
    work, sums = _Planes(*(a.ctypes.data for a in kept), steps, tiles), np.zeros(tiles * TILE * 64)
    code, into = ctypes.CDLL(str(library)), ctypes.c_void_p(sums.ctypes.data)
    adds = {
        f"{ahead} groups ahead": _seconds(repeats, code.count, work, ctypes.c_double(1.0), into, ctypes.c_int64(ahead))
        for ahead in AHEAD
    }
    place = [np.zeros_like(sums) for _ in range(2)]

    def part(k: int) -> None:
        mine = ctypes.c_void_p(place[k].ctypes.data)
        code.count(ctypes.byref(work), ctypes.c_double(1.0), mine, ctypes.c_int64(6))

    stream = min(_seconds(repeats, code.stream, work, ctypes.c_int64(ahead)) for ahead in AHEAD)
    best, events = min(adds, key=lambda name: adds[name]), per_step * fan_out * steps
    size = 8 * (len(words) - TILE) / (neurons * fan_out)
    return {
        "bytes": size,
        "two_at_once": two_at_once(part, repeats),
        "add_events_per_s": events / adds[best],
        "stream_events_per_s": events / stream,
        "stream_gb_per_s": size * events / stream / 1e9,
        "best": best,
        "add_ns": {name: 1e9 * t / events for name, t in adds.items()},
    }


def two_at_once(part: Callable[[int], object], repeats: int) -> float:
    """How much more two threads get done, which call ``part(0)`` and ``part(1)``, than one: at best 2."""

    def seconds(threads: int) -> float:
        began = time.perf_counter()
        list(pool.map(part, range(threads)))
        return time.perf_counter() - began

    with ThreadPoolExecutor(2) as pool:
        one, two = (median(seconds(threads) for _ in range(2 * repeats)) for threads in (1, 2))
    return 2 * one / two


def _seconds(repeats: int, function: Any, work: _Planes, *arguments: Any) -> float:
    times = []
    for _ in range(repeats):
        began = time.process_time()
        function(ctypes.byref(work), *arguments)
        times.append(time.process_time() - began)
    return median(times)
