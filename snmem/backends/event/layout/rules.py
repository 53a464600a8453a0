"""Projections that learn: the synapses of every gate neuron and the signal neuron each moves towards."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....errors import BackendError
from ....network import Network
from ....plasticity import Instar, SumOfProducts
from ..arrays import BLOCK, Rules
from ..columns import FIRST_PTR, POST, RECEPTOR, SIGNAL_SIZE
from .synapses import Records


def rules_of(network: Network, index: dict[str, int], first: Any, sizes: Any, records: Records) -> Rules:
    """Return ``Net.rules``.

    Raises
    ------
    BackendError
        for a rule that the engine does not run.
    """
    table, rates, pointers, positions, others = [], [], [], [], []
    at = row = x0 = 0
    for i, q in enumerate(network.projections):
        rule: Any = q.plasticity
        if rule is None:
            continue
        if isinstance(rule, SumOfProducts):
            raise BackendError(
                f"backend 'event': projection {q.name!r} learns by a sum of products; use backend 'loihi' for a "
                "Loihi network, 'reference' for a float one"
            )
        instar = isinstance(rule, Instar)
        gate = index[rule.gate or (q.post if instar else q.pre)]
        signal = index[rule.signal or (q.pre if instar else q.post)]
        n_pre, begin = q.weights.shape[1], records.links[i, FIRST_PTR]
        start = records.ptr[begin : begin + n_pre + 1]
        post = records.target[start[0] : start[-1]].astype(np.int64) - first[records.links[i, POST]]
        post -= records.links[i, RECEPTOR] * BLOCK
        pre = np.repeat(np.arange(n_pre), np.diff(start))
        owner, other = (post, pre) if instar else (pre, post)
        by_gate = np.argsort(owner, kind="stable")
        positions.append(start[0] + records.shift[i] + by_gate)
        others.append(other[by_gate])
        counts = np.bincount(owner, minlength=sizes[gate])
        pointers.append(at + np.concatenate(([0], np.cumsum(counts))))
        table.append((i, gate, signal, row, x0, sizes[signal]))
        rates.append((rule.rate, rule.decay))
        at, row, x0 = at + q.synapses, row + sizes[gate] + 1, x0 + sizes[signal]
    none = np.zeros(0, np.int64)
    return Rules(
        np.array(table, np.int64).reshape(-1, SIGNAL_SIZE + 1),
        np.array(rates, np.float64).reshape(-1, 2),
        np.concatenate([none, *pointers]),
        np.concatenate([none, *positions]).astype(np.uint32 if records.weight.size <= 1 << 32 else np.int64),
        np.concatenate([none, *others]).astype(np.uint32),
    )
