"""A runtime in plain Python: one neuron and one synapse at a time."""

import numpy as np

from snmem import LIF, Spikes
from snmem.backends.base import Backend, make_recording, register_backend


def run(job):
    """Run a job; sums are taken in the order of the reference, so that results equal it bit for bit."""
    network, populations = job.network, job.network.neurons
    u, v = ({p.name: [0.0] * p.size for p in populations} for _ in range(2))
    arriving = {(p.name, t): [0.0] * p.size for p in populations for t in range(job.steps + network.max_delay + 1)}
    events = {p.name: [] for p in network.populations}
    traces = {name: [] for name in job.record}
    for t in range(job.steps):
        for name, spikes in job.inputs.items():
            events[name] += [(t, int(i)) for i in spikes.neuron[spikes.step == t]]
        for p in populations:
            step(p, u[p.name], v[p.name], arriving[p.name, t], events[p.name], t)
        for q in network.projections:
            columns = q.by_pre
            for at, i in events[q.pre]:
                if at == t + 1 - q.delay:
                    for k in range(columns.indptr[i], columns.indptr[i + 1]):
                        arriving[q.post, t + 1][columns.indices[k]] += float(columns.data[k])
        for (population, variable), name in zip(job.traces(), job.record, strict=True):
            traces[name].append(list((u if variable == "u" else v)[population]))
    return make_recording(
        job,
        "loops",
        {p.name: recorded(events[p.name], job.steps, p.size) for p in network.populations},
        traces={name: np.array(rows) for name, rows in traces.items()},
    )


def step(p, u, v, current, events, t):
    """Update the neurons of a population by the equations of LIF."""
    alpha, beta, theta, bias = (p.neuron.vector(name, p.size) for name in ("alpha", "beta", "theta", "bias"))
    for i in range(p.size):
        u[i] = float(alpha[i]) * u[i] + current[i]
        v[i] = float(beta[i]) * v[i] + u[i] + float(bias[i])
        if v[i] > theta[i]:
            v[i] = 0.0
            events.append((t, i))


def recorded(events, steps, size):
    """Events as Spikes."""
    step, neuron = np.array(events, int).reshape(-1, 2).T
    return Spikes.from_events(step, neuron, steps, size)


register_backend(Backend("loops", run, neurons=(LIF,), rules=(), without=("subtract", "v_reset", "clear", "delay_0")))
