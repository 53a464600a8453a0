r"""Leaky integrators folded into the synaptic current of what follows, with the same bits.

An integrator (LIF of alpha 0 and infinite threshold) has :math:`v \leftarrow \beta v + I`, and a projection with
``signal="v"`` delivers w v. A neuron of alpha 0 that receives nothing else in u thus has :math:`u = w v`, which is
:math:`u \leftarrow \beta u + w I`: the synaptic current of a CubaLIF whose alpha is the integrator's beta. In floating
point both are equal bit for bit where w is a power of two, since products by it are exact, and where a neuron gets one
integrator, since sums of two currents are rounded otherwise. Delays add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from .convolution import Convolution
from .network import Input, Network, Population, Projection
from .neurons import LIF


@dataclass(frozen=True)
class Folded:
    """What :func:`fold` returns.

    Attributes
    ----------
    network : Network
        The network without the folded integrators.
    folded : tuple of str
        Names of these.
    kept : mapping of str to str
        The other integrators whose v is delivered, and why each stays.
    """

    network: Network
    folded: tuple[str, ...]
    kept: Mapping[str, str]


def fold(network: Network) -> Folded:
    """Fold leaky integrators in front of LIF neurons into the current of these, where that changes no bit.

    Parameters
    ----------
    network : Network
        Float network. Its other populations have the same spikes and v afterwards; u of those that follow an integrator
        is w v of it, from the step on in which it arrives.
    """
    folded: list[str] = []
    kept: dict[str, str] = {}
    for name in [p.name for p in network.neurons]:
        p = network[name]
        if not _delivers_v(network, p):
            continue
        why = "; ".join(_reasons(network, p))
        if why:
            kept[p.name] = why
        else:
            network = _without(network, p)
            folded.append(p.name)
    return Folded(network, tuple(folded), kept)


def _delivers_v(network: Network, p: Population) -> bool:
    """Whether a population never spikes and another one receives its v."""
    return type(p.neuron) is LIF and p.neuron.never_spikes and any(
        q.pre == p.name and q.signal == "v" for q in network.projections
    )  # fmt: skip


def _reasons(network: Network, p: Population) -> Iterator[str]:
    """What keeps an integrator from being folded."""
    neuron: Any = p.neuron
    after = [q for q in network.projections if q.pre == p.name]
    before = [q for q in network.projections if q.post == p.name]
    if np.any(neuron.alpha) or np.any(neuron.bias) or neuron.features:
        yield "it has more than a decay of v"
    if p.clear_every:
        yield "it has timed clears"
    if p.name in network.outputs:
        yield "it is an output"
    if any(p.name in (r.gate_of(q), r.signal_of(q), r.third_of(q)) for q in network.projections if (r := q.plasticity)):
        yield "a learning rule names it"
    if len(after) > 1:
        yield f"{len(after)} projections come from it"
    if any(q.receptor not in ("", "u") or q.plasticity or q.pre == p.name for q in before):
        yield "what reaches it learns, comes from itself, or goes to v"
    if any(len(q.delays) > 1 and q.delays[0] == 0 for q in before):
        yield "synapses of a projection to it act in the same step, and others later"
    if any(isinstance(q.weights, Convolution) for q in (*before, *after)):
        yield "convolutions lead to it or from it"
    else:
        yield from _reasons_after(network, after[0])


def _reasons_after(network: Network, q: Projection) -> Iterator[str]:
    """What keeps the current that a projection delivers from being one of the target neurons."""
    post = network[q.post]
    neuron: Any = post.neuron
    if type(neuron) is not LIF or np.any(neuron.alpha) or post.clear_every:
        yield f"{q.post!r} has a current or timed clears of its own"
    elif neuron.features & {"freeze", "reset_current"}:
        yield f"{q.post!r} stops or clears its current"
    if q.receptor not in ("", "u"):
        yield f"it goes to receptor {q.receptor!r} of {q.post!r}"
    if any(r is not q and r.post == q.post and r.receptor in ("", "u") for r in network.projections):
        yield f"{q.post!r} gets more in u"
    if (np.diff(q.weights.indptr) > 1).any():
        yield f"neurons of {q.post!r} get several integrators"
    if (np.abs(np.frexp(q.weights.data.astype(np.float64))[0]) != 0.5).any():
        yield "its weights are no powers of two"


def _without(network: Network, p: Population) -> Network:
    """The network with an integrator folded."""
    (q,) = (q for q in network.projections if q.pre == p.name)
    post, matrix = network[q.post], q.weights
    alpha = np.zeros(post.size)
    there = np.diff(matrix.indptr) > 0
    alpha[there] = p.neuron.vector("beta", p.size)[matrix.indices]
    cuba = replace(post, neuron=replace(post.neuron, alpha=alpha, u_init=0.0))
    populations = [cuba if x.name == post.name else x for x in network.populations if x.name != p.name]
    others = [r for r in network.projections if r is not q and r.post != p.name]
    before = [r for r in network.projections if r.post == p.name]
    before.sort(key=lambda r: r.delays == (0,))  # same-step projections are summed last
    projections = (*others, *(_through(r, q) for r in before))
    return replace(network, populations=tuple[Input | Population, ...](populations), projections=projections)


def _through(r: Projection, q: Projection) -> Projection:
    """Projection r onto an integrator, led on to the neurons that projection q leads to."""
    inner, outer = r.weights, q.weights
    many = np.zeros(outer.shape[0], np.int64)
    there = np.diff(outer.indptr) > 0
    many[there] = np.diff(inner.indptr)[outer.indices]
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(many)])
    row = np.repeat(np.arange(outer.shape[0]), many)
    first, factor = np.zeros(len(many), np.int64), np.zeros(len(many))
    first[there], factor[there] = inner.indptr[outer.indices], outer.data
    at = first[row] + np.arange(start[-1]) - start[row]
    data = inner.data[at].astype(np.float64) * factor[row]
    delay: Any = r.delay + q.delay if isinstance(r.delay, int) else r.delay[at].astype(np.int64) + q.delay
    weights = sp.csr_array((data, inner.indices[at], start), shape=(outer.shape[0], inner.shape[1]))
    return replace(r, post=q.post, weights=weights, delay=delay, receptor="")
