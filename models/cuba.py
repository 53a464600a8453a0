"""CUBA: a self-sustained network of 4,000 neurons with two synaptic currents, beside the script of a Brian2 user.

The benchmark 2 of Brette et al. 2007 (doi 10.1007/s10827-007-0038-6), after Vogels and Abbott 2005. Both simulators
integrate exactly, with the same drawn connections and initial potentials; their spikes are compared one by one.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Network, Population, Projection, Recording, simulate
from snmem.neurons import synaptic_gain
from snmem.protocols.parameters import steps_of
from snmem.protocols.rows import expected, result, target
from snmem.protocols.spike_trains import draw_raster

NEURONS, EXCITATORY, DT = 4000, 3200, 1e-4
TAU_MEM, TAU_E, TAU_I, REFRACTORY = 20e-3, 5e-3, 10e-3, 5e-3
REST, RESET, THRESHOLD, WEIGHT_E, WEIGHT_I = -49.0, -60.0, -50.0, 1.62, -9.0  # mV


class Draw(NamedTuple):
    """What is drawn: synapses by presynaptic neuron, and potentials before the first step in mV."""

    pre: Any
    post: Any
    v: Any


def draw(seed: int) -> Draw:
    """Every pair of neurons is connected with probability 0.02; potentials are uniform between reset and threshold."""
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((NEURONS, NEURONS)) < 0.02)
    return Draw(pre, post, RESET + (THRESHOLD - RESET) * rng.random(NEURONS))


def network(drawn: Draw) -> Network:
    """The network: excitation reaches u, inhibition u2; Brian2 counts the step of a spike as refractory."""
    neuron = LIF.from_tau(
        TAU_MEM, TAU_E, DT, tau_syn2=TAU_I, theta=THRESHOLD, v_rest=REST, v_reset=RESET, v_init=drawn.v,
        refractory=REFRACTORY - DT,
    )  # fmt: skip
    populations = (Population("neurons", NEURONS, neuron),)

    def projection(name: str, there: Any, weight: float, tau: float, receptor: str) -> Projection:
        values = np.full(int(there.sum()), weight * synaptic_gain(TAU_MEM, tau, DT))
        matrix = sp.csr_array((values, (drawn.post[there], drawn.pre[there])), shape=(NEURONS, NEURONS))
        return Projection("neurons", "neurons", matrix, 1, name=name, receptor=receptor)

    excites = drawn.pre < EXCITATORY
    excitation = projection("excitation", excites, WEIGHT_E, TAU_E, "u")
    inhibition = projection("inhibition", ~excites, WEIGHT_I, TAU_I, "u2")
    return Network(populations, (excitation, inhibition), dt=DT)


def run(seconds: float = 1.0, backend: str = "event", seed: int = 0) -> dict[str, float]:
    """Simulate the network, which spikes without any input; returns spikes, and spikes per neuron and second."""
    spikes = len(record(seconds, backend, seed).spikes["neurons"])
    return {"spikes": spikes, "rate": spikes / NEURONS / seconds}


def record(seconds: float = 1.0, backend: str = "event", seed: int = 0) -> Recording:
    """Simulate the network."""
    steps = steps_of(seconds, DT)
    return simulate(network(draw(seed)), {}, steps, backend)


def brian2_spikes(drawn: Draw, seconds: float) -> set[tuple[int, int]]:
    """(step, neuron) of every spike in Brian2, by its own exact integration and in volts."""
    from snmem.backends.brian2_inputs import import_brian2

    b2 = import_brian2()
    b2.prefs.codegen.target = "numpy"
    clock, mv = b2.Clock(dt=DT * b2.second), b2.mV
    equations = f"""
    dv/dt = (ge + gi - (v - ({REST})*mV)) / ({TAU_MEM}*second) : volt (unless refractory)
    dge/dt = -ge / ({TAU_E}*second) : volt
    dgi/dt = -gi / ({TAU_I}*second) : volt
    """
    group = b2.NeuronGroup(
        NEURONS, equations, threshold=f"v > {THRESHOLD}*mV", reset=f"v = {RESET}*mV",
        refractory=REFRACTORY * b2.second, method="exact", clock=clock,
    )  # fmt: skip
    group.v = drawn.v * mv
    objects, excites = [group], drawn.pre < EXCITATORY
    for there, code in ((excites, f"ge += {WEIGHT_E}*mV"), (~excites, f"gi += {WEIGHT_I}*mV")):
        synapses = b2.Synapses(group, group, on_pre=code, clock=clock)
        synapses.connect(i=drawn.pre[there], j=drawn.post[there])
        objects.append(synapses)
    monitor = b2.SpikeMonitor(group)
    b2.Network(*objects, monitor).run(seconds * b2.second, namespace={})
    steps = np.round(np.asarray(monitor.t / b2.second) / DT).astype(int)
    return set(zip(steps.tolist(), np.asarray(monitor.i).tolist(), strict=True))


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """A second of both simulators; ``quick``: a tenth of it."""
    began, seconds = time.perf_counter(), 0.1 if quick else 1.0
    report(f"{seconds:g} s on backend event")
    recording = record(seconds, seed=seed)
    spikes = recording.spikes["neurons"]
    report(f"{seconds:g} s on Brian2")
    theirs = brian2_spikes(draw(seed), seconds)
    ours = set(zip(spikes.step.tolist(), spikes.neuron.tolist(), strict=True))
    rows = [
        expected("spikes that only one of snmem and Brian2 has", len(ours ^ theirs), 0, 0),
        target("rate of a neuron", len(ours) / NEURONS / seconds, 1.0, "spikes/s"),
    ]
    raw = {"spikes": len(ours), "brian2": len(theirs), "first": min(ours ^ theirs, default=None), "seconds": seconds}
    files = [] if out is None else [draw_raster(recording, out / "cuba.png")]
    return result(rows, raw, files, seed, began)
