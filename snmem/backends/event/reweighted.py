"""The layout of a network out of one that differs in the weights of projections alone: only these are laid out anew."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ...network import Network, Projection
from .arrays import copied
from .columns import CODED, FIRST_PTR, FIRST_ROW, POST, RANGES
from .layout.shared import is_shared
from .layout.synapses import distinct, fits_float32, place

if TYPE_CHECKING:
    from .layout.network import Layout


def reweighted(layout: Layout, network: Network) -> Layout | None:
    """The layout of ``network``, which shares with ``layout`` all but some weights; None where that is not so.

    The weights are those of synapses in rows, of populations that no sums in any order reach, and stay of their kind:
    at most 256 different ones, or more.
    """
    old = layout.network.projections
    if layout.made_of is not layout.network or len(old) != len(network.projections):
        return None
    changed = [i for i, q in enumerate(network.projections) if q is not old[i]]
    if not all(_alike(layout, i, network.projections[i]) for i in changed):
        return None
    made = copy.copy(layout)
    made.network = made.made_of = network
    synapses = layout.net.synapses
    code, palette, made.weight = copied(synapses.code), synapses.palette.copy(), copied(layout.weight)
    for i in changed:
        if not _fill(made, i, code, palette):
            return None
    made.net = layout.net._replace(synapses=synapses._replace(code=code, palette=palette))
    made.turns = {}
    return made


def _alike(layout: Layout, i: int, q: Projection) -> bool:
    """Whether q differs from the layout's projection number i in weights alone, which stand in rows of their own."""
    old, net = layout.network.projections[i], layout.net
    if old.plasticity is not None or len(old.delays) > 1 or len(q.delays) > 1 or is_shared(old) or is_shared(q):
        return False
    if any(getattr(old, f.name) != getattr(q, f.name) for f in fields(q) if f.name not in ("weights", "delay")):
        return False
    post, aside = net.synapses.links[i, POST], net.planes.dense[:, FIRST_ROW] >= 0
    if (aside & (net.synapses.links[:, POST] == post)).any() or post in net.bundle.target[:, 0]:
        return False
    a, b = old.weights, q.weights
    return old.delays == q.delays and np.array_equal(a.indptr, b.indptr) and np.array_equal(a.indices, b.indices)


def _fill(layout: Layout, i: int, code: Any, palette: Any) -> bool:
    """Write the weights of projection number i; returns whether they are of the kind of those before."""
    q, synapses = layout.network.projections[i], layout.net.synapses
    values, link = layout.values_of(q), synapses.links[i]
    known, ranges = distinct(values), int(link[RANGES])
    single = layout.weight.dtype == np.float32
    if (known is not None) != bool(link[CODED]) or (known is None and single and not fits_float32(values)):
        return False
    first = int(link[FIRST_PTR])
    offsets = synapses.ptr[first : first + q.weights.shape[1] * ranges]
    at, shift = int(offsets[0]), int(synapses.shift[i])
    nowhere = np.empty(q.synapses, synapses.target.dtype)  # targets stay as they are
    starts, into = (offsets[::ranges] - at).copy(), slice(at + shift, at + shift + q.synapses)
    nothing = np.zeros(0)
    if known is None:
        place(nowhere, q.weights.indptr, q.weights.indices, starts, 0, values, nothing, code[:0], layout.weight[into])
        return True
    palette[i] = 0.0
    palette[i, : len(known)] = known
    place(nowhere, q.weights.indptr, q.weights.indices, starts, 0, values, known, code[into], layout.weight[:0])
    return True
