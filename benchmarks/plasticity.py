"""Learning: pair STDP beside Brian2's C++ standalone mode, sums of products beside the plain engine.

* A recurrent network of LIF neurons with 100 plastic synapses each, pair STDP (all-to-all, additive), a random input
  line for every neuron, steps of 0.1 ms. Brian2 runs the script that its users write: traces of the synapses,
  event-driven, updated in ``on_pre`` and ``on_post``. It rounds them otherwise than snmem (exp of each interval instead
  of a table of powers; -ffast-math), by about 1e-16; so spikes must be equal and final weights within 1e-9.
  Brian2's figure is the processor time its own binary reports for the run: no compilation, no building of synapses, no
  files. Ours is the processor time of the whole call of ``simulate``. Both use one thread, in turns; the ratio is that
  of the medians.
* Sums of products in floating point and in Loihi's integers, and the K-winner memory that learns in the latter: the
  event engine against the plain numpy engine, equal weights.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import (
    LIF,
    Input,
    KWinnerConfig,
    LoihiLIF,
    Network,
    Population,
    Projection,
    Spikes,
    SpikingKWinnerMemory,
    simulate,
)
from snmem.circuits import SuccessiveApproximation
from snmem.installation.content import load_script
from snmem.memory.onchip import OnChipMemory
from snmem.plasticity import PairSTDP, SumOfProducts
from snmem.tasks.patterns import random_patterns

DT = 1e-4
#: Membrane and current decay in 20 ms and 5 ms; threshold 1.
ALPHA, BETA, THETA = float(np.exp(-DT / 5e-3)), float(np.exp(-DT / 20e-3)), 1.0
RULE = PairSTDP.from_tau(20e-3, 20e-3, DT, a_plus=1e-5, a_minus=1.05e-5, bounds=(0.0, 3e-4))
#: Brian2's target: "cpp_standalone", or "numpy" for a first look without a compiler.
PEER = "cpp_standalone"
FAN_OUT, INPUT_RATE, INPUT_WEIGHT = 100, 40.0, 0.0125
#: Largest difference of a final weight, in units of the upper bound.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Size:
    """Neurons and steps of the STDP network; synapses of a sum of products, steps; patterns that a memory stores."""

    neurons: int = 10_000
    steps: int = 10_000
    repeats: int = 5
    sums: int = 200_000
    sum_steps: int = 200
    patterns: int = 20


FULL, QUICK = Size(), Size(neurons=2000, steps=3000, repeats=3, patterns=3)
Say = Callable[[str], None]


def stdp_network(size: Size, seed: int = 1) -> Network:
    """Recurrent plastic synapses drawn at random, weights anywhere between the bounds."""
    rng, n = np.random.default_rng(seed), size.neurons
    post = np.concatenate([rng.choice(n, FAN_OUT, replace=False) for _ in range(n)])
    pre, high = np.repeat(np.arange(n), FAN_OUT), RULE.bounds[1]
    recurrent = sp.csr_array((rng.uniform(0, high, len(pre)), (post, pre)), shape=(n, n))
    return Network(
        (Input("input", n), Population("neurons", n, LIF(alpha=ALPHA, beta=BETA, theta=THETA))),
        (
            Projection("input", "neurons", INPUT_WEIGHT * sp.eye_array(n, format="csr")),
            Projection("neurons", "neurons", recurrent, plasticity=RULE),
        ),
        dt=DT,
    )


def input_spikes(size: Size, seed: int = 2) -> Spikes:
    """Independent input spikes on every line."""
    cells = np.random.default_rng(seed).random(size.steps * size.neurons, np.float32) < INPUT_RATE * DT
    at = np.flatnonzero(cells)
    return Spikes.from_events(at // size.neurons, at % size.neurons, size.steps, size.neurons)


class Brian2:
    """The network as a Brian2 user would write it; ``run()`` executes it, again and again where it is a binary.

    ``u`` takes spikes in after the threshold, so Brian2's default schedule is the delay of one step.
    """

    def __init__(self, network: Network, spikes: Spikes, folder: str) -> None:
        import brian2 as b2

        b2.prefs.logging.console_log_level = "ERROR"
        self.b2, self.folder, self.steps, self.dt = b2, folder, spikes.steps, DT * b2.second
        if PEER == "cpp_standalone":
            b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{os.cpu_count()}"]
            b2.set_device(PEER, directory=folder, build_on_run=False)
            b2.device.reinit()
            b2.device.activate(directory=folder, build_on_run=False)
        b2.defaultclock.dt = self.dt
        size, q = network["neurons"].size, network["neurons->neurons"]
        neurons = b2.NeuronGroup(size, "u : 1\nv : 1", threshold=f"v > {THETA}", reset="v = 0", name="neurons")
        neurons.run_regularly(f"v = {BETA!r}*v + u\nu = {ALPHA!r}*u")
        source = b2.SpikeGeneratorGroup(size, spikes.neuron, spikes.step * self.dt, name="source")
        drive = b2.Synapses(source, neurons, on_pre=f"u_post += {INPUT_WEIGHT}", name="drive")
        drive.connect(j="i")
        low, high = RULE.bounds
        tau_plus, tau_minus = (-DT / np.log(d) * b2.second for d in (RULE.decay_plus, RULE.decay_minus))
        self.synapses = b2.Synapses(
            neurons,
            neurons,
            "w : 1\ndapre/dt = -apre/tau_plus : 1 (event-driven)\ndapost/dt = -apost/tau_minus : 1 (event-driven)",
            on_pre=f"u_post += w\napre += {RULE.a_plus!r}\nw = clip(w - apost, {low!r}, {high!r})",
            on_post=f"apost += {RULE.a_minus!r}\nw = clip(w + apre, {low!r}, {high!r})",
            namespace={"tau_plus": tau_plus, "tau_minus": tau_minus},
            name="synapses",
        )
        columns = q.by_pre.tocoo()
        self.synapses.connect(i=columns.col, j=columns.row)
        self.synapses.w = columns.data
        self.monitor = b2.SpikeMonitor(neurons, name="monitor")
        self.network = b2.Network(neurons, source, drive, self.synapses, self.monitor)
        if PEER == "cpp_standalone":
            self.network.run(spikes.steps * self.dt)
            b2.device.build(directory=folder, compile=True, run=False)
        else:
            self.network.store()

    def run(self) -> float:
        """Processor seconds of a run from the start."""
        if PEER == "cpp_standalone":
            self.b2.device.run(self.folder, with_output=False)
            return float(self.b2.device._last_run_time)
        self.network.restore()
        began = time.process_time()
        self.network.run(self.steps * self.dt)
        return time.process_time() - began

    def spikes(self) -> Spikes:
        """Spikes of the last run."""
        step = np.round(np.asarray(self.monitor.t) / float(self.dt)).astype(np.int64)
        return Spikes.from_events(step, np.asarray(self.monitor.i), self.steps, len(self.monitor.source))

    def weights(self) -> Any:
        """Weights after the last run, in the order of ``Projection.by_pre``."""
        return np.asarray(self.synapses.w[:])


def stdp_rows(size: Size, say: Say) -> list[dict[str, Any]]:
    """Equal spikes, equal weights, and the ratio of the medians."""
    import brian2 as b2

    say(f"pair STDP: {size.neurons:,} neurons, {size.neurons * FAN_OUT:,} plastic synapses, {size.steps:,} steps")
    network, spikes = stdp_network(size), input_spikes(size)
    ours = simulate(network, {"input": spikes}, size.steps)
    times: dict[str, list[float]] = {"brian2": [], "event": []}
    with tempfile.TemporaryDirectory(prefix="snmem-brian2-") as folder:
        try:
            say("Brian2 builds its binary")
            brian = Brian2(network, spikes, folder)
            for i in range(size.repeats):
                say(f"repeat {i + 1} of {size.repeats}")
                times["brian2"].append(brian.run())
                times["event"].append(seconds(lambda: simulate(network, {"input": spikes}, size.steps)))
            theirs, weights = brian.spikes(), brian.weights()
        finally:
            b2.device.reinit()
            b2.set_device("runtime")
    learned = ours.weights["neurons->neurons"].tocsc().data
    differing, first = ours.spikes["neurons"].differing(theirs)
    off = np.abs(learned - weights) / RULE.bounds[1]
    moved = np.abs(learned - network["neurons->neurons"].by_pre.data) / RULE.bounds[1]
    median = {name: statistics.median(values) for name, values in times.items()}
    ratio, updates = median["brian2"] / median["event"], ours.counters.weight_updates["neurons->neurons"]
    rate = len(ours.spikes["neurons"]) / (size.neurons * size.steps * DT)
    raw = {
        "seconds": times,
        "weight_updates": updates,
        "rate_hz": rate,
        "event_ns_per_update": 1e9 * median["event"] / updates,
    }
    count = int((off > TOLERANCE).sum())
    return [
        row("STDP: differing spikes", differing, 0, "cells", differing == 0, first_step=first),
        row(
            f"STDP: final weights that differ by more than {TOLERANCE:g} of the bound", count, 0, "synapses",
            count == 0, largest=float(off.max()), mean_change=float(moved.mean()), synapses=len(off),
        ),
        row("STDP: event engine against Brian2 C++, one thread", ratio, 3.0, "times as fast", ratio >= 3, **raw),
    ]  # fmt: skip


def seconds(run: Callable[[], Any]) -> float:
    """Processor seconds of a call."""
    began = time.process_time()
    run()
    return time.process_time() - began


#: An instar, and a rule with a decay of all weights that Loihi applies every 4 steps.
SUMS = {
    "instar": SumOfProducts("2^-2*y0*x1-2^-2*y0*w", x1=(127, 0)),
    "pairs and decay": SumOfProducts("2^-3*y0*x1-2^-3*x0*y1-2^-5*u2*w", x1=(20.5, 8), y1=(11.3, 5)),
}


def sum_rows(size: Size, say: Say, target: float) -> list[dict[str, Any]]:
    """Each rule in both arithmetics: the event engine against the plain one."""
    rows = []
    for arithmetic in ("float", "loihi"):
        for name, rule in SUMS.items():
            say(f"sum of products, {arithmetic}: {name}")
            rows += plain_rows(f"{name}, {arithmetic}", *sum_network(size, rule, arithmetic), arithmetic, target)
    return rows


def sum_network(size: Size, rule: SumOfProducts, arithmetic: str) -> tuple[Network, dict[str, Any], int]:
    """Random synapses between as many lines and neurons, and their input: 1 % of the lines in each step."""
    rng, n = np.random.default_rng(3), max(10, round(size.sums / FAN_OUT))
    count = min(FAN_OUT, n)
    post = np.concatenate([rng.choice(n, count, replace=False) for _ in range(n)])
    weights = sp.csr_array((rng.integers(1, 120, len(post)), (post, np.repeat(np.arange(n), count))), shape=(n, n))
    neuron = LoihiLIF(vth=500, du=2047, dv=512) if arithmetic == "loihi" else LIF(alpha=0.5, beta=0.875, theta=500.0)
    network = Network(
        (Input("input", n), Population("neurons", n, neuron)),
        (Projection("input", "neurons", weights, plasticity=rule),),
    )
    return network, {"input": rng.random((size.sum_steps, n)) < 0.01}, size.sum_steps


def plain_rows(
    name: str, network: Network, inputs: Any, steps: int, arithmetic: str, target: float
) -> list[dict[str, Any]]:
    """Differing weights, and times a step of the plain engine over those of the event engine (best of three)."""
    backend = "event" if arithmetic == "float" else "loihi"
    ours = simulate(network, inputs, steps, backend)
    event = min(seconds(lambda: simulate(network, inputs, steps, backend)) for _ in range(3))
    began = time.process_time()
    plain = simulate(network, inputs, steps, "reference")
    numpy = time.process_time() - began
    differing = sum(int((ours.weights[q].data != w.data).sum()) for q, w in plain.weights.items())
    differing += sum(s.differing(plain.spikes[p])[0] for p, s in ours.spikes.items())
    raw = {
        "event_us_per_step": 1e6 * event / steps,
        "plain_us_per_step": 1e6 * numpy / steps,
        "weight_updates": dict(ours.counters.weight_updates),
    }
    ratio = numpy / event
    return [
        row(f"{name}: differing weights and spikes", differing, 0, "entries", differing == 0),
        row(f"{name}: event engine against numpy", ratio, target, "times as fast", ratio >= target, **raw),
    ]


def memory_rows(size: Size, say: Say, target: float) -> list[dict[str, Any]]:
    """The K-winner memory in its main configuration, learning in Loihi's integers."""
    say(f"K-winner memory: {size.patterns} patterns in Loihi's integers")
    config = KWinnerConfig.main()
    chip = OnChipMemory(SpikingKWinnerMemory(config, 0, SuccessiveApproximation(7)))
    patterns = random_patterns(size.patterns, config.visible, config.active, np.random.default_rng(0))
    inputs, steps = chip.memory.storing_inputs(patterns, patterns, patterns)
    return plain_rows("K-winner memory", chip.network, inputs, steps, "loihi", target)


def row(name: str, value: float, target: float, unit: str, ok: bool, **raw: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "target": target, "unit": unit, "ok": bool(ok), "raw": raw}


def bench_plasticity(quick: bool = False, report: Say = lambda message: None) -> dict[str, Any]:
    """All rows; ``quick`` takes smaller sizes."""
    size = QUICK if quick else FULL
    rows = stdp_rows(size, report) + sum_rows(size, report, 10.0) + memory_rows(size, report, 50.0)
    machine = load_script("benchmarks", "engine").machine()
    return {"rows": rows, "ok": all(row["ok"] for row in rows), "machine": machine}
