"""How the engine's time grows, with fitted exponents: each curve varies one thing and keeps the others.

One process measures all curves, by its processor time; each point is the median of its repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np

from snmem import Network, Spikes, simulate

from .cases import random_input, random_matrix, recurrent

Point = tuple[float, Network, dict[str, Spikes], int]
#: Neurons that get input in the curves over neurons.
ACTIVE, PER_STEP = 10_000, 100


def bystanders(sizes: tuple[int, ...], steps: int) -> Iterator[Point]:
    """Neurons: the same 10,000 work in every network, the others have synapses but nothing reaches them."""
    rng = np.random.default_rng(1)
    for n in sizes:
        inner = random_matrix(ACTIVE, ACTIVE, 100 / ACTIVE, (10, 20), (60, 120), 1)
        counts = np.full(n - ACTIVE, 100)
        indices = rng.integers(ACTIVE, max(n, ACTIVE + 1), counts.sum()).astype(np.int32)
        indptr = np.concatenate((inner[2], inner[2][-1] + np.cumsum(counts))).astype(np.int32)
        data = np.concatenate((inner[0], np.full(len(indices), 15, np.int8)))
        yield _driven(n, (data, np.concatenate((inner[1], indices)), indptr), ACTIVE, steps)


def scattered(sizes: tuple[int, ...], steps: int) -> Iterator[Point]:
    """Neurons: the same number of events, scattered over all neurons."""
    for n in sizes:
        yield _driven(n, random_matrix(n, n, 100 / n, (10, 20), (60, 120), 1), n, steps)


def _driven(n: int, arrays: Any, lines: int, steps: int) -> Point:
    return n, recurrent(arrays, n, lines), {"input": random_input(lines, steps, PER_STEP, 2)}, steps


def synapses(fans: tuple[int, ...], steps: int) -> Iterator[Point]:
    """Synapses per neuron: 10,000 neurons, 1.5 % spiking."""
    for fan in fans:
        arrays = random_matrix(ACTIVE, ACTIVE, fan / ACTIVE, (1, 3), (6, 18), 1)
        yield fan, recurrent(arrays, ACTIVE), {"input": random_input(ACTIVE, steps, 0.0145 * ACTIVE, 2)}, steps


def activity(rates: tuple[float, ...], steps: int) -> Iterator[Point]:
    """Share of neurons spiking per step, hence synaptic events: 10,000 neurons, 1000 synapses each, on a grid."""
    yield from _active(random_matrix(ACTIVE, ACTIVE, 0.1, (1, 3), (6, 18), 1), rates, steps)


def activity_off_grid(rates: tuple[float, ...], steps: int) -> Iterator[Point]:
    """The same with weights that are spread by up to a half of each, and therefore delivered one by one."""
    data, *places = random_matrix(ACTIVE, ACTIVE, 0.1, (1, 3), (6, 18), 1)
    yield from _active((data * np.random.default_rng(3).uniform(0.5, 1.5, len(data)), *places), rates, steps)


def _active(arrays: Any, rates: tuple[float, ...], steps: int) -> Iterator[Point]:
    network = recurrent(arrays, ACTIVE)
    for rate in rates:
        yield rate, network, {"input": random_input(ACTIVE, steps, rate * ACTIVE, 2)}, steps


def silence(stretches: tuple[int, ...], steps: int) -> Iterator[Point]:
    """Silent steps after ``steps`` steps with input: 10,000 neurons, 100 synapses each."""
    network = recurrent(random_matrix(ACTIVE, ACTIVE, 0.01, (10, 20), (60, 120), 1), ACTIVE)
    spikes = random_input(ACTIVE, steps, PER_STEP, 2)
    for silent in stretches:
        yield silent, network, {"input": Spikes(spikes.step, spikes.neuron, steps + silent, ACTIVE)}, steps + silent


#: name -> (function, what is varied, measured against, full values, quick values, steps, quick steps)
CURVES: dict[str, tuple[Callable[..., Iterator[Point]], str, str, tuple[Any, ...], tuple[Any, ...], int, int]] = {
    "neurons": (bystanders, "neurons, events in 10,000 of them", "x",
                (10_000, 31_623, 100_000, 316_228, 1_000_000), (10_000, 50_000), 1000, 200),
    "neurons-scattered": (scattered, "neurons, events scattered over all", "x",
                          (10_000, 31_623, 100_000, 316_228, 1_000_000), (10_000, 50_000), 1000, 200),
    "neurons-scattered-closed": (scattered, "the same, exact=False", "x",
                                 (10_000, 31_623, 100_000, 316_228, 1_000_000), (10_000, 50_000), 1000, 200),
    "events": (activity_off_grid, "synaptic events by activity, 0.5 % spiking and more", "synaptic_events",
               (5e-3, 1e-2, 2e-2, 5e-2, 1e-1), (1e-2, 5e-2), 300, 100),
    "events-planes": (activity, "the same, weights on a grid", "synaptic_events",
                      (5e-3, 1e-2, 2e-2, 5e-2, 1e-1), (1e-2, 5e-2), 300, 100),
    "activity": (activity, "share of neurons spiking per step", "x",
                 (5e-4, 1.5e-3, 5e-3, 1.5e-2, 5e-2), (2e-3, 2e-2), 500, 100),
    "synapses": (synapses, "synapses per neuron", "x", (250, 500, 1000, 2000, 4000), (250, 1000), 400, 100),
    "silence": (silence, "silent steps", "x",
                (10_000, 100_000, 1_000_000, 10_000_000), (10_000, 1_000_000), 1000, 100),
}  # fmt: skip


#: What ``simulate`` is called with for a curve.
OPTIONS: dict[str, dict[str, Any]] = {"neurons-scattered-closed": {"exact": False}}


def measure(name: str, quick: bool, repeats: int = 5) -> dict[str, Any]:
    """Points of a curve (x, run_s, set-up, synaptic events, neurons), and the exponent fitted to them."""
    function, label, against, full, small, steps, few = CURVES[name]
    points: list[dict[str, Any]] = []
    for x, network, inputs, total in function(small if quick else full, few if quick else steps):
        began = time.process_time()
        simulate(network, {}, 1)
        setup, times, found = time.process_time() - began, [], None
        for _ in range(repeats):
            began = time.process_time()
            found = simulate(network, inputs, total, **OPTIONS.get(name, {}))
            times.append(time.process_time() - began)
        assert found is not None
        points.append({
            "x": x, "run_s": median(times), "times": times, "setup_s": setup, "steps": total,
            "synapses": sum(q.synapses for q in network.projections),
            "synaptic_events": sum(found.counters.synaptic_events.values()), "spikes": len(found.spikes["neurons"]),
        })  # fmt: skip
    return {"name": name, "label": label, "against": against, "points": points, "exponent": exponent(points, against)}


def exponent(points: list[dict[str, Any]], against: str) -> float:
    """Slope of log(time) over log(x), least squares."""
    x, y = ([np.log(p[key]) for p in points] for key in (against, "run_s"))
    return float(np.polyfit(x, y, 1)[0])
