"""NEST: ``iaf_psc_exp`` for neurons with a synaptic current, ``iaf_psc_delta`` for those without.

Both integrate exactly; with tau = -dt / log(decay) and weights over the gain of current on potential they follow the
same equations, except that a spike arrives one step later and that a neuron spikes at the threshold already. Rates are
therefore compared, not spikes.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from snmem import LIF, Network, Population, Spikes

from .cases import Case

#: Synapses connected at a time.
CHUNK = 5_000_000


class Unsupported(Exception):
    """What the engine cannot run, and why."""


def run(case: Case, steps: int, repeats: int) -> dict[str, Any]:
    """One run (NEST goes on from where it is; it is not started again), on one thread."""
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution, nest.local_num_threads = 1.0, 1
    began = time.perf_counter()
    network = case.make()
    for q in network.projections:
        if q.plasticity is not None:
            raise Unsupported(f"{q.name}: NEST has no such learning rule")
    groups, gains = {}, {}
    for p in network.neurons:
        groups[p.name], gains[p.name] = _neurons(nest, p)
    spikes = {name: s.between(0, steps) for name, s in case.inputs.items()}
    lines = {name: _lines(nest, s) for name, s in spikes.items()}
    for q in network.projections:
        _connect(nest, network, q, groups, lines, gains[q.post])
    recorders = {name: nest.Create("spike_recorder") for name in groups}
    for name, group in groups.items():
        nest.Connect(group, recorders[name], syn_spec={"delay": 1.0})
    nest.Prepare()
    nest.Run(1.0)
    setup = time.perf_counter() - began
    clock = time.process_time()
    nest.Run(float(steps - 1))
    took = (time.process_time() - clock) * steps / (steps - 1)
    nest.Cleanup()
    found = dict(spikes)
    for name, group in groups.items():
        events = recorders[name].events
        step = np.round(events["times"]).astype(np.int64) - 1
        found[name] = Spikes.from_events(step, events["senders"] - int(group[0].global_id), steps, network[name].size)
    return {"setup_s": setup, "run_s": [took], "spikes": found}


def _neurons(nest: Any, p: Population) -> tuple[Any, float]:
    """The neurons of population ``p``, and what to multiply weights with."""
    lif = p.neuron
    if not isinstance(lif, LIF) or lif.reset != "zero" or not all(
        np.isscalar(getattr(lif, name)) for name in ("alpha", "beta", "theta", "bias", "v_reset")
    ):  # fmt: skip
        raise Unsupported(f"{p.name}: parameters that differ by neuron, or another reset")
    if p.clear_every:
        raise Unsupported(f"{p.name}: NEST's neurons have no timed clearing of their state")
    if not 0 < lif.beta < 1 or lif.alpha == 1 or lif.alpha == lif.beta or lif.theta <= lif.v_reset:
        raise Unsupported(f"{p.name}: decays 0 or 1, or a threshold at the reset value")
    tau = -1 / np.log(lif.beta)
    common = {"tau_m": tau, "C_m": 1.0, "t_ref": 0.0, "E_L": 0.0, "V_m": 0.0, "V_th": lif.theta, "V_reset": lif.v_reset}
    common["I_e"] = lif.bias / (tau * (1 - lif.beta))
    if lif.alpha == 0:
        return nest.Create("iaf_psc_delta", p.size, common), 1.0
    syn = -1 / np.log(lif.alpha)
    gain = tau * syn / (tau - syn) * (lif.beta - lif.alpha)
    return nest.Create("iaf_psc_exp", p.size, common | {"tau_syn_ex": syn, "tau_syn_in": syn}), 1 / gain


def _lines(nest: Any, spikes: Spikes) -> tuple[Any, Any]:
    """A generator for each line that spikes, and each line's generator (0 = none)."""
    used, first = np.unique(spikes.neuron, return_index=False), np.zeros(spikes.size, np.int64)
    if not len(used):
        return None, first
    order = np.argsort(spikes.neuron, kind="stable")
    times = np.split(spikes.step[order] + 1.0, np.cumsum(spikes.counts()[used])[:-1])
    generators = nest.Create("spike_generator", len(used), [{"spike_times": t} for t in times])
    first[used] = np.asarray(generators.global_id).reshape(-1)
    return generators, first


def _connect(nest: Any, network: Network, q: Any, groups: Any, lines: Any, gain: float) -> None:
    nest.SetDefaults("static_synapse", {"delay": float(q.delay)})
    weights = q.by_pre
    neurons = groups.get(q.pre)
    ids = lines[q.pre][1] if neurons is None else int(neurons[0].global_id) + np.arange(network[q.pre].size)
    owner = np.repeat(ids, np.diff(weights.indptr))
    post = weights.indices + int(groups[q.post][0].global_id)
    for low in range(0, len(owner), CHUNK):
        part = slice(low, low + CHUNK)
        used = owner[part] > 0
        if used.any():
            syn = {"synapse_model": "static_synapse", "weight": weights.data[part][used] * gain}
            nest.Connect(owner[part][used], post[part][used].astype(np.int64), "one_to_one", syn)
