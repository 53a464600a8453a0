"""Case (a) on one thread and on two, and the limit's program for planes of bits, in turns in one process.

What is compared meets the same machine that way, whatever else it does from minute to minute.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snmem import simulate

from . import limit, limit_planes, ours
from .cases import build


def measure(quick: bool) -> dict[str, Any]:
    """Seconds on the wall of every run, and the synaptic events of one: ``one``, ``two`` (threads) and ``limit``.

    ``records`` is how the engine reads the synapses; where they are no planes of bits, there is no ``limit``.
    """
    case = build("balanced", quick)
    network, steps, times = case.make(), case.steps, {"one": [], "two": []}
    inputs = {name: s.between(0, steps) for name, s in case.inputs.items()}
    recorded = dict(simulate(network, inputs, steps).spikes)
    found = {"events": sum(int(q.fan_out @ recorded[q.pre].counts()) for q in network.projections)}
    works: dict[str, Callable[[], object]] = {
        "one": lambda: simulate(network, inputs, steps), "two": lambda: simulate(network, inputs, steps, threads=2),
    }  # fmt: skip
    kind = ours.records(network)
    with tempfile.TemporaryDirectory(prefix="snmem-limit-") as folder:
        if kind == "planes":
            library = limit.compiled(Path(folder), "planes.c")
            neurons, per_step = network.neurons[0].size, round(len(recorded["neurons"]) / steps)
            fan_out = network.projections[-1].synapses // neurons
            program = limit_planes.Program(library, neurons, fan_out, per_step, 40 if quick else 200)
            ahead, _ = program.best(3)
            works["limit"], times["limit"] = lambda: program.count(ahead), []
            found["limit_events"] = program.events
        for _ in range(9 if quick else 31):
            for name, work in works.items():
                began = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - began)
    return {"records": kind, "seconds": times, **found}
