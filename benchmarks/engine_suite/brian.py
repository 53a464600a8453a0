"""Brian2, C++ standalone and Cython.

A recurrent network without learning, as in cases (a) to (c), is written as a Brian2 user would, in Brian2's own
schedule and with its default compiler flags: ``u`` takes spikes in after the threshold, which is the delay of one step.
The others run on snmem's Brian2 backends. Run time is Brian2's own figure: no compiling, no building of synapses.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import wraps
from typing import Any

import numpy as np

from snmem import LIF, Network, Spikes, simulate

from .cases import Case
from .memory import PeakOfBinary

DT = 2.0**-10


class RunTimes:
    """Notes how long Brian2's runs take, on both devices, apart from the preparations."""

    def __init__(self) -> None:
        import brian2 as b2
        from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

        self.binary: list[float] = []
        self.cython = 0.0
        self._wrap(b2.Network, "run", 1)
        self._wrap(b2.Network, "before_run", -1)
        run_binary = CPPStandaloneDevice.run

        @wraps(run_binary)
        def noted(device: Any, *args: Any, **options: Any) -> Any:
            result = run_binary(device, *args, **options)
            self.binary.append(float(device._last_run_time))
            return result

        CPPStandaloneDevice.run = noted

    def _wrap(self, owner: Any, name: str, sign: int) -> None:
        original = getattr(owner, name)

        @wraps(original)
        def noted(*args: Any, **options: Any) -> Any:
            began = time.process_time()
            result = original(*args, **options)
            self.cython += sign * (time.process_time() - began)
            return result

        setattr(owner, name, noted)


def run(case: Case, steps: int, repeats: int, target: str) -> dict[str, Any]:
    """Run on ``target`` "cpp" or "cython"."""
    import brian2 as b2

    b2.prefs.logging.console_log_level = "ERROR"
    noted, inputs = RunTimes(), {name: s.between(0, steps) for name, s in case.inputs.items()}
    began = time.perf_counter()
    network = case.make()
    with PeakOfBinary() as binary:
        if _plain(network):
            found = _native(network, inputs, steps, repeats, target, noted, began)
        else:
            recording = simulate(network, inputs, steps, f"brian2_{target}")
            times = noted.binary if target == "cpp" else [noted.cython]
            setup = time.perf_counter() - began - times[0]
            found = {"setup_s": setup, "run_s": times, "spikes": recording.spikes}
    return found | ({"peak_mb": binary.peak_mb} if target == "cpp" else {})


def _plain(network: Network) -> bool:
    return len(network.neurons) == len(network.inputs) == 1 and not any(q.plasticity for q in network.projections)


def _native(
    network: Network, inputs: dict[str, Spikes], steps: int, repeats: int, target: str, noted: RunTimes, began: float
) -> dict[str, Any]:
    import brian2 as b2

    with tempfile.TemporaryDirectory(prefix="snmem-brian2-") as folder:
        if target == "cpp":
            b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{os.cpu_count()}"]
            b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        else:
            b2.prefs.codegen.target = "cython"
        b2.defaultclock.dt = DT * b2.second
        model, monitor = _model(network, inputs["input"])
        if target == "cpp":
            model.run(steps * DT * b2.second)
            b2.device.build(directory=folder, compile=True, run=False)
            for _ in range(repeats):
                b2.device.run(folder, with_output=False)
            times = noted.binary
        else:
            noted.cython = 0.0
            model.run(steps * DT * b2.second)
            times = [noted.cython]
        setup = time.perf_counter() - began - sum(times)
        step = np.round(np.asarray(monitor.t) / DT).astype(np.int64)
        spikes = Spikes.from_events(step, np.asarray(monitor.i), steps, len(monitor.source))
    return {"setup_s": setup, "run_s": times, "spikes": {"neurons": spikes}}


def _model(network: Network, spikes: Spikes) -> tuple[Any, Any]:
    """The network of Brian2, and the monitor of its spikes."""
    import brian2 as b2

    lif, size = network["neurons"].neuron, network["neurons"].size
    assert isinstance(lif, LIF)
    neurons = b2.NeuronGroup(size, "u : 1\nv : 1", threshold=f"v > {lif.theta}", reset="v = 0", name="neurons")
    neurons.run_regularly(f"v = {lif.beta}*v + u\nu = {lif.alpha}*u")
    source = b2.SpikeGeneratorGroup(spikes.size, spikes.neuron, spikes.step * DT * b2.second, name="source")
    drive = b2.Synapses(source, neurons, on_pre=f"u_post += {network.projections[0].weights.data[0]}", name="drive")
    drive.connect(j="i")
    weights = network["neurons->neurons"].by_pre.tocoo()
    synapses = b2.Synapses(neurons, neurons, "w : 1 (constant)", on_pre="u_post += w", name="synapses")
    synapses.connect(i=weights.col, j=weights.row)
    synapses.w = weights.data.astype(float)
    monitor = b2.SpikeMonitor(neurons, name="monitor")
    return b2.Network(neurons, source, drive, synapses, monitor), monitor
