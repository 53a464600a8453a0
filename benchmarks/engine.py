"""The event engine beside Brian2's C++ standalone mode: one random network, equal spikes, run times.

10,000 LIF neurons (80 % excitatory), 10 million recurrent synapses of delay 1, every neuron with an input line of its
own; run for 1000 steps at about 1.5 % and at about 0.05 % of the neurons spiking per step. Weights are multiples of
1/4096, so that neither the order of summation nor Brian2's default compiler flags (-O3 -ffast-math) change a spike.

Brian2's figure is the processor time its own binary reports for the run: no compilation, no building of synapses,
no files. Ours is the processor time of the whole call of ``simulate``. Both keep all spikes; both use one thread.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Input, Network, Population, Projection, Spikes, simulate

TARGET = 2.0
ALPHA, BETA, THETA = 0.5, 0.875, 1.0
INPUT_WEIGHT = 1.25
NEURONS, FAN_OUT = 10_000, 1000


@dataclass(frozen=True)
class Load:
    """A level of activity: probability of an input spike per neuron and step, which sets the share that spikes."""

    name: str
    input_rate: float
    spiking: float


LOADS = (Load("1.5 % spiking", 0.0145, 0.015), Load("0.05 % spiking", 0.0005, 0.0005))


def random_network(seed: int = 1) -> Network:
    """Recurrent network in which inhibition, about 6 times as strong as excitation, holds the activity down."""
    rng = np.random.default_rng(seed)
    post = np.concatenate([rng.choice(NEURONS, FAN_OUT, replace=False) for _ in range(NEURONS)])
    pre = np.repeat(np.arange(NEURONS), FAN_OUT)
    strength = rng.uniform(0.5, 1.5, len(pre)) * np.where(pre < 0.8 * NEURONS, 1, -6.3)
    values = np.round(4 * strength) / 4096
    recurrent = sp.csr_array((values, (post, pre)), shape=(NEURONS, NEURONS))
    lif = LIF(alpha=ALPHA, beta=BETA, theta=THETA)
    return Network(
        (Input("input", NEURONS), Population("neurons", NEURONS, lif)),
        (
            Projection("input", "neurons", INPUT_WEIGHT * sp.eye_array(NEURONS, format="csr")),
            Projection("neurons", "neurons", recurrent),
        ),
    )


def input_spikes(steps: int, rate: float, seed: int = 2) -> Spikes:
    """Independent input spikes on every line."""
    rng = np.random.default_rng(seed)
    cells = np.flatnonzero(rng.random(steps * NEURONS) < rate)
    return Spikes.from_events(cells // NEURONS, cells % NEURONS, steps, NEURONS)


class Brian2Standalone:
    """The network as a Brian2 user would write it, compiled once per load; ``run()`` executes the binary again.

    ``u`` takes spikes in after the threshold, so Brian2's default schedule is the delay of one step.
    """

    def __init__(self, network: Network, spikes: Spikes, steps: int, folder: str) -> None:
        import brian2 as b2

        b2.prefs.logging.console_log_level = "ERROR"
        b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{os.cpu_count()}"]
        b2.device.reinit()
        b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        b2.device.reinit()
        b2.device.activate(directory=folder, build_on_run=False)
        b2.defaultclock.dt = self.dt = 2**-10 * b2.second
        recurrent = network["neurons->neurons"].by_pre.tocoo()
        size, self.steps = network["neurons"].size, steps
        neurons = b2.NeuronGroup(size, "u : 1\nv : 1", threshold=f"v > {THETA}", reset="v = 0", name="neurons")
        neurons.run_regularly(f"v = {BETA}*v + u\nu = {ALPHA}*u")
        source = b2.SpikeGeneratorGroup(size, spikes.neuron, spikes.step * self.dt, name="source")
        drive = b2.Synapses(source, neurons, on_pre=f"u_post += {INPUT_WEIGHT}", name="drive")
        drive.connect(j="i")
        synapses = b2.Synapses(neurons, neurons, "w : 1 (constant)", on_pre="u_post += w", name="synapses")
        synapses.connect(i=recurrent.col, j=recurrent.row)
        synapses.w = recurrent.data
        self.monitor = b2.SpikeMonitor(neurons, name="monitor")
        self.network = b2.Network(neurons, source, drive, synapses, self.monitor)
        self.network.run(steps * self.dt)
        self.folder = folder
        b2.device.build(directory=folder, compile=True, run=False)

    def run(self) -> float:
        """Execute the binary; returns Brian2's own run time in seconds."""
        import brian2 as b2

        b2.device.run(self.folder, with_output=False)
        return float(b2.device._last_run_time)

    def spikes(self) -> Spikes:
        """Spikes of the last run."""
        step = np.round(np.asarray(self.monitor.t) / float(self.dt)).astype(np.int64)
        return Spikes.from_events(step, np.asarray(self.monitor.i), self.steps, len(self.monitor.source))


def compare(
    network: Network, load: Load, steps: int, repeats: int, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Rows for one level of activity: first that the spikes are equal, then the ratio of medians."""
    import brian2 as b2

    size = network["neurons"].size
    spikes = input_spikes(steps, load.input_rate)
    report(f"{load.name}: event engine, first call")
    began = time.perf_counter()
    ours = simulate(network, {"input": spikes}, steps).spikes["neurons"]
    first_call = time.perf_counter() - began
    share = len(ours) / (steps * size)
    with tempfile.TemporaryDirectory(prefix="snmem-brian2-") as folder:
        report(f"{load.name}: Brian2 builds its binary")
        began = time.perf_counter()
        try:
            brian = Brian2Standalone(network, spikes, steps, folder)
            build = time.perf_counter() - began
            times: dict[str, list[float]] = {"brian2": [brian.run()], "event": []}
            differing, first = ours.differing(brian.spikes())
            for i in range(repeats):
                report(f"{load.name}: repeat {i + 1} of {repeats}")
                if i:
                    times["brian2"].append(brian.run())
                began = time.process_time()
                simulate(network, {"input": spikes}, steps)
                times["event"].append(time.process_time() - began)
        finally:
            b2.device.reinit()
            b2.set_device("runtime")
    median = {name: statistics.median(values) for name, values in times.items()}
    ratio = median["brian2"] / median["event"]
    events = int(ours.counts() @ network["neurons->neurons"].fan_out)
    raw = {
        "event_s": times["event"],
        "brian2_s": times["brian2"],
        "event_first_call_s": first_call,
        "brian2_build_s": build,
        "spikes": len(ours),
        "share_spiking": share,
        "synaptic_events": events,
        "event_ns_per_synaptic_event": 1e9 * median["event"] / max(events, 1),
    }
    near = 2 / 3 < share / load.spiking < 3 / 2
    return [
        row(f"differing cells, {load.name}", differing, 0, "cells", differing == 0, first_step=first),
        row(f"share spiking, {load.name}", share, load.spiking, "of neurons per step", near),
        row(f"event engine against Brian2 C++, {load.name}", ratio, TARGET, "times as fast", ratio >= TARGET, **raw),
    ]


def row(name: str, value: float, target: float, unit: str, ok: bool, **raw: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "target": target, "unit": unit, "ok": bool(ok), "raw": raw}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("snmem", "brian2", "nest-simulator", "numba", "numpy")},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def bench_engine(quick: bool = False, report: Callable[[str], None] = lambda message: None) -> dict[str, Any]:
    """Run the comparison; ``quick`` takes 200 steps instead of 1000. ``report`` is told what happens."""
    steps, repeats = (200, 3) if quick else (1000, 7)
    report(f"building a network of {NEURONS} neurons and {NEURONS * FAN_OUT} synapses")
    network = random_network()
    rows = [r for load in LOADS for r in compare(network, load, steps, repeats, report)]
    return {
        "rows": rows,
        "ok": all(r["ok"] for r in rows),
        "network": {"neurons": NEURONS, "synapses": NEURONS * (FAN_OUT + 1), "steps": steps, "repeats": repeats},
        "machine": machine(),
    }


def bench_engine_suite(
    quick: bool = False, report: Callable[[str], None] = lambda message: None, out: Path | None = None
) -> dict[str, Any]:
    """Run the suite (package ``engine_suite``); ``out`` gets ``table.md``, ``engine.png`` and ``engine.svg``."""
    folder = str(Path(__file__).resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    from engine_suite import pages, suite

    data = suite.run_suite(quick, report) | {"machine": machine()}
    if out is not None:
        (out / "table.md").write_text(pages.markdown(data), encoding="utf-8")
        pages.plot(data, out)
    return data | {"table": [pages.HEAD, *map(pages.cells, data["cases"])]}


if __name__ == "__main__":
    import json

    def stderr(message: str) -> None:
        print(message, file=sys.stderr)

    print(json.dumps(bench_engine("--quick" in sys.argv, stderr), indent=1))
