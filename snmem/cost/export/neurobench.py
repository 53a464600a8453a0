"""Counters by the definitions of NeuroBench 2.3 (https://neurobench.ai), under its names.

| NeuroBench | here |
|---|---|
| Effective_ACs | synaptic events through weights other than 0, those of inputs included, per sample |
| Effective_MACs | those of inputs that carry values, which multiply |
| Dense | all weights, steps and neurons: rows x columns of each matrix ("linear"), or its synapses ("conv") |
| ActivationSparsity | 1 - spikes / (neurons x steps), inputs left out; also by layer |
| ConnectionSparsity | zeros / weights, rounded to four digits |
| ParameterCount | weights |
| MembraneUpdates | neuron-steps in which the potential before reset changes; all in step 0 |
| Effective_Neuron_Ops, Neuron_Dense_Ops | membrane updates, or neuron-steps, times 4 (with u: 6 or 8) |

``MembraneUpdates`` is change-based and is neither ``accessed`` nor ``updated`` of a bill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ...errors import InputError
from ...network import Network, Population
from ...neurons import LIF
from ...spikes import Recording
from ..counting.activity import keeps_current
from ..counting.wiring import nonzero_fan_out


def neurobench_traces(network: Network) -> list[str]:
    """Traces to record for :func:`neurobench`."""
    return [f"{p.name}.{x}" for p in network.neurons for x in "uv"]


def neurobench(
    network: Network, recordings: Sequence[Recording], kinds: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """NeuroBench's counters of a float network over samples, one recording each.

    Parameters
    ----------
    network
        Float network.
    recordings
        Of runs from step 0 with ``record=neurobench_traces(network)``.
    kinds
        Projection name -> "linear" (default) or "conv", for the dense count and the number of weights.

    Raises
    ------
    InputError
        For Loihi networks, no recordings, missing traces, or unknown kinds.
    """
    kinds = kinds or {}
    if network.arithmetic != "float":
        raise InputError("neurobench: membrane updates are defined on float networks; use the network before quantize")
    if not recordings:
        raise InputError("neurobench: got no recordings; give one per sample")
    for name, kind in kinds.items():
        if name not in {q.name for q in network.projections} or kind not in ("linear", "conv"):
            raise InputError(f'neurobench: kinds[{name!r}] = {kind!r}; give "linear" or "conv" to a projection')
    samples = len(recordings)
    weights = {
        q.name: q.synapses if kinds.get(q.name) == "conv" else prod(q.weights.shape) for q in network.projections
    }
    fan_out = {q.name: nonzero_fan_out(q) for q in network.projections}
    nonzero = {name: int(counts.sum()) for name, counts in fan_out.items()}
    both = [(r.spikes[q.pre], fan_out[q.name]) for r in recordings for q in network.projections]
    plain, valued = (sum(int(fan @ s.counts()) for s, fan in both if (s.value is not None) is v) for v in (False, True))
    cells = {p.name: sum(p.size * r.steps for r in recordings) for p in network.neurons}
    spikes = {p.name: sum(len(r.spikes[p.name]) for r in recordings) for p in network.neurons}
    updates = {p.name: sum(_membrane_updates(p, r) for r in recordings) for p in network.neurons}
    ops = {p.name: _ops(p) for p in network.neurons}
    total = sum(weights.values())
    return {
        "ParameterCount": total,
        "ConnectionSparsity": round(1 - sum(nonzero.values()) / total, 4) if total else 0.0,
        "ActivationSparsity": 1 - sum(spikes.values()) / sum(cells.values()),
        "ActivationSparsityByLayer": {name: 1 - spikes[name] / cells[name] for name in cells},
        "Effective_MACs": valued / samples,
        "Effective_ACs": plain / samples,
        "Dense": total * sum(r.steps for r in recordings) / samples,
        "MembraneUpdates": sum(updates.values()) / samples,
        "Effective_Neuron_Ops": sum(updates[n] * ops[n] for n in ops) / samples,
        "Neuron_Dense_Ops": sum(cells[n] * ops[n] for n in ops) / samples,
    }


def _membrane_updates(p: Population, run: Recording) -> int:
    """Neuron-steps in which beta v + u + c, the potential before the reset, changes; all in the first step."""
    for name in (f"{p.name}.u", f"{p.name}.v"):
        if name not in run.traces:
            raise InputError(f"neurobench: the recording lacks the trace {name!r}; record neurobench_traces(network)")
    u, v = run.traces[f"{p.name}.u"], run.traces[f"{p.name}.v"]
    before = np.vstack([np.zeros((1, p.size)), v[:-1]])
    if p.clear_every:
        before[np.arange(run.steps) % p.clear_every == p.clear_offset] = 0.0
    membrane = p.neuron.vector("beta", p.size) * before + u + p.neuron.vector("bias", p.size)
    return p.size + int((membrane[1:] != membrane[:-1]).sum())


def _ops(p: Population) -> int:
    """Operations of one neuron update in NeuroBench's table (snnTorch's Leaky, or Synaptic)."""
    if not keeps_current(p).any():
        return 4
    return 6 if isinstance(p.neuron, LIF) and p.neuron.reset == "subtract" else 8
