"""NEST by itself, for tests: small recurrent networks as JSON on standard input, their spikes and potentials out."""

import contextlib
import io
import json
import sys

import numpy as np

with contextlib.redirect_stdout(io.StringIO()):
    import nest

nest.verbosity = nest.VerbosityLevel.ERROR


def run(case):
    """[step, neuron] of each spike, and v after each step; NEST stamps both with the end of a step."""
    nest.ResetKernel()
    nest.resolution = dt = case["dt"]
    size = len(case["v"])
    neurons = nest.Create(case["model"], size, params=case["params"])
    neurons.V_m, neurons.I_e = case["v"], case["current"]
    pre, post, weight, delay = (np.array(values) for values in case["synapses"])
    nest.Connect(pre + 1, post + 1, "one_to_one", {"weight": weight, "delay": delay * dt})
    recorder = nest.Create("spike_recorder", params={"time_in_steps": True})
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": dt})
    nest.Connect(neurons, recorder)
    nest.Connect(meter, neurons)
    nest.Simulate((case["steps"] + 1) * dt)  # what it records of a step is there one step later
    spikes, trace = recorder.events, meter.events
    kept = [[int(t) - 1, int(i) - 1] for t, i in zip(spikes["times"], spikes["senders"], strict=True)]
    v = trace["V_m"][np.lexsort((trace["senders"], np.rint(trace["times"] / dt)))].reshape(-1, size)
    return {"spikes": [pair for pair in kept if pair[0] < case["steps"]], "v": v[: case["steps"]].tolist()}


json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
