"""The models on snmem's event engine."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from snmem import Network, Record, simulate
from snmem.backends.event.layout.network import layout_of
from snmem.installation.content import load_script

brunel = load_script("models", "brunel")
cuba = load_script("models", "cuba")
fly_brain = load_script("models", "fly_brain")
microcircuit = load_script("models", "microcircuit")

DT = 1e-4


def network(model: str, scale: float, seed: int = 0) -> Network:
    """The network of a model, or a part of it."""
    if model == "cuba":
        return cuba.network(cuba.draw(seed))
    if model == "brunel":
        return brunel.network("AI", seed, round(brunel.NEURONS * scale))
    if model == "fly_brain":
        return fly_brain.network(fly_brain.twin(scale, seed), seed)
    return microcircuit.network(scale, drive_of(scale), seed)


def drive_of(scale: float) -> str:
    """Constant, but for small parts of the microcircuit, which it does not keep going."""
    return "dc" if scale > 0.5 else "poisson"


def run(model: str, job: dict[str, Any]) -> dict[str, Any]:
    """Build, discard the first part, and time the rest without recording spikes; then record what is compared."""
    began = time.perf_counter()
    built = network(model, job["scale"])
    layout_of(built)
    simulate(built, {}, 10, threads=job["threads"], progress=False)  # loads what is compiled
    setup = time.perf_counter() - began
    state, discarded = None, round(job["discard"] / DT)
    if discarded:
        state = simulate(built, {}, discarded, record=Record(spikes=False), threads=job["threads"]).state
    steps = round(job["seconds"] / DT)
    wall, clock = time.perf_counter(), time.process_time()
    timed = simulate(built, {}, steps, record=Record(spikes=False), state=state, threads=job["threads"], progress=False)
    took, used = time.perf_counter() - wall, time.process_time() - clock
    counters = timed.counters
    found = {"setup_s": setup, "run_s": took, "cpu_s": used, "seconds": job["seconds"]}
    found["synaptic_events"] = int(sum(counters.synaptic_events.values()))
    found["neurons"], found["steps"] = sum(p.size for p in built.neurons), steps
    found["synapses"] = sum(q.synapses for q in built.projections)
    found["rates"] = {p.name: counters.spikes[p.name] / p.size / job["seconds"] for p in built.neurons}
    if job["compared"] == "spikes":
        compared = simulate(built, {}, round(job["compare_s"] / DT), progress=False)
        (name,) = (p.name for p in built.neurons)
        found["spikes"] = np.stack([compared.spikes[name].step, compared.spikes[name].neuron])
    return found
