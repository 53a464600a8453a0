"""The models as Brian2 C++ standalone, as its users write them; run time is Brian2's own figure, without compiling."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

import numpy as np
from engine_suite.memory import PeakOfBinary

from snmem import simulate
from snmem.installation.content import load_script

from .ours import DT, network

brunel = load_script("models", "brunel")
cuba = load_script("models", "cuba")
fly_brain = load_script("models", "fly_brain")


#: Neurons outside of Brunel's network that reach each one inside.
_OUTSIDE = 1000


def run(model: str, job: dict[str, Any]) -> dict[str, Any]:
    """Compile, build and run a model; its spikes are monitored, which snmem's are not while they are timed."""
    import brian2 as b2

    b2.prefs.logging.console_log_level = "ERROR"
    b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{os.cpu_count()}"]
    with tempfile.TemporaryDirectory(prefix="snmem-brian2-") as folder, PeakOfBinary() as binary:
        given = PREPARED[model](job) if model in PREPARED else {}
        began = time.perf_counter()
        b2.set_device("cpp_standalone", directory=folder, build_on_run=True)
        spikes, neurons = MODELS[model](job, **given)
        device: Any = b2.device
        took = float(device._last_run_time)
    pairs = np.array(sorted(spikes), np.int64).reshape(-1, 2).T
    found = {"setup_s": time.perf_counter() - began - took, "run_s": took, "seconds": job["seconds"], "spikes": pairs}
    late = pairs[0] >= round(min(job["discard"], job["seconds"] / 2) / DT)
    lasts = job["seconds"] - min(job["discard"], job["seconds"] / 2)
    found["rates"] = {
        name: float((late & (pairs[1] >= low) & (pairs[1] < high)).sum() / (high - low) / lasts)
        for name, (low, high) in neurons.items()
    }
    return found | {"peak_mb": binary.peak_mb}


def _cuba(job: dict[str, Any]) -> tuple[set[tuple[int, int]], dict[str, tuple[int, int]]]:
    return cuba.brian2_spikes(cuba.draw(0), job["seconds"]), {"neurons": (0, cuba.NEURONS)}


def _fly_events(job: dict[str, Any]) -> dict[str, Any]:
    """The same events from outside as on snmem."""
    brain = fly_brain.twin(job["scale"])
    ours = simulate(fly_brain.network(brain), {}, round(job["seconds"] / DT), progress=False)
    return {"brain": brain, "events": ours.spikes["outside"]}


def _fly_brain(job: dict[str, Any], brain: Any, events: Any) -> tuple[set[tuple[int, int]], dict[str, tuple[int, int]]]:
    return fly_brain.brian2_spikes(brain, events, job["seconds"]), {"brain": (0, brain.neurons)}


def _brunel(job: dict[str, Any]) -> tuple[set[tuple[int, int]], dict[str, tuple[int, int]]]:
    import brian2 as b2

    built = network("brunel", job["scale"])
    _, eta = brunel.STATES["AI"]
    neurons = round(brunel.NEURONS * job["scale"])
    j, clock, mv = brunel.unit(neurons), b2.Clock(dt=DT * b2.second), b2.mV
    group = b2.NeuronGroup(
        neurons, f"dv/dt = -v / ({brunel.TAU}*second) : volt (unless refractory)",
        threshold=f"v > {brunel.THRESHOLD}*mV", reset=f"v = {brunel.RESET}*mV",
        refractory=brunel.REFRACTORY * b2.second, method="exact", clock=clock,
    )  # fmt: skip
    rate = eta * brunel.THRESHOLD / (j * brunel.TAU * _OUTSIDE)
    drive = b2.PoissonInput(group, "v", _OUTSIDE, rate * b2.Hz, j * mv)
    first, objects, base = {}, [group, drive], 0
    for p in built.neurons:
        first[p.name], base = (base, base + p.size), base + p.size
    for q in built.projections[len(built.inputs) :]:
        coo = q.weights.tocoo()
        synapses = b2.Synapses(
            group,
            group,
            on_pre=f"v += {float(q.weights.data[0]) * j}*mV",
            delay=brunel.DELAY * DT * b2.second,
            clock=clock,
        )
        synapses.connect(i=coo.col + first[q.pre][0], j=coo.row + first[q.post][0])
        objects.append(synapses)
    monitor = b2.SpikeMonitor(group)
    b2.Network(*objects, monitor).run(job["seconds"] * b2.second, namespace={})
    steps = np.round(np.asarray(monitor.t / b2.second) / DT).astype(int)
    return set(zip(steps.tolist(), np.asarray(monitor.i).tolist(), strict=True)), first


PREPARED = {"fly_brain": _fly_events}
MODELS = {"cuba": _cuba, "fly_brain": _fly_brain, "brunel": _brunel}
