"""The event engine."""

from __future__ import annotations

import time
from typing import Any

from snmem import Network, simulate
from snmem.backends.event import layout_of
from snmem.backends.event.columns import CODED, FIRST_ROW

from .cases import Case


def run(case: Case, steps: int, repeats: int, **options: Any) -> dict[str, Any]:
    """Time ``simulate`` with these options; with several threads by the clock on the wall."""
    clock = time.perf_counter if options.get("threads", 1) > 1 else time.process_time
    inputs = {name: s.between(0, steps) for name, s in case.inputs.items()}
    began = time.perf_counter()
    network = case.make()
    simulate(network, {}, 1, **options)
    setup = time.perf_counter() - began
    times, recording = [], None
    for _ in range(repeats):
        began = clock()
        recording = simulate(network, inputs, steps, **options)
        times.append(clock() - began)
    assert recording is not None
    return {"setup_s": setup, "run_s": times, "spikes": recording.spikes, "records": records(network)}


def records(network: Network) -> str:
    """How the engine reads the last projection: "planes" of bits, or bytes per synapse, its target and weight."""
    layout, last = layout_of(network), len(network.projections) - 1
    synapses = layout.net.synapses
    if layout.net.planes.dense[last, FIRST_ROW] >= 0:
        return "planes"
    weight = synapses.code if synapses.links[last, CODED] else layout.weight
    return str(synapses.target.itemsize + weight.itemsize)
