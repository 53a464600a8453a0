"""Networks in plainer terms, for runtimes that do not hold all of the definition themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._text import unique
from .convolution import MOST_SYNAPSES, Convolution
from .errors import BackendError
from .network import Network, Projection

#: Of a CSR matrix whose synapses have delays of their own: delay, and the indices of its synapses in the data.
Group = tuple[int, NDArray[np.int64]]


def written_out(network: Network, owner: str) -> Network:
    """The network with every convolution as a matrix, for what takes synapses one by one.

    Without a convolution it is the network itself; the result is kept with the network.

    Raises
    ------
    BackendError
        For more synapses than are written out, before any memory is taken; ``owner`` is what the message begins with.
    """
    shared = [q for q in network.projections if isinstance(q.weights, Convolution)]
    if not shared:
        return network
    synapses, most = sum(q.synapses for q in shared), max(shared, key=lambda q: q.synapses)
    if synapses > MOST_SYNAPSES:
        raise BackendError(
            f"{owner}: projection {most.name!r} shares its weights among {most.synapses:,} synapses (all that do, "
            f"{synapses:,}), of which at most {MOST_SYNAPSES:,} are written out one by one; use what takes kernels as "
            "they are (backends 'event', 'reference', 'loihi'), or a smaller network"
        )
    if "_written_out" not in network.__dict__:
        projections = (replace(q, weights=q.weights.expanded) if q in shared else q for q in network.projections)
        network.__dict__["_written_out"] = replace(network, projections=tuple(projections))
    return network.__dict__["_written_out"]


def groups_of(q: Projection) -> Iterator[Group]:
    """The synapses of each delay of a projection that has several, in the order of the weights' data."""
    order = np.argsort(q.delay, kind="stable")
    bounds = np.searchsorted(q.delay[order], [*q.delays, q.delays[-1] + 1])
    for delay, low, high in zip(q.delays, bounds[:-1], bounds[1:], strict=True):
        yield delay, order[low:high]


def matrix_at(matrix: Any, at: NDArray[np.int64]) -> sp.csr_array:
    """The entries ``at`` (ascending) of a CSR matrix, as a matrix of the same shape."""
    indptr = np.searchsorted(at, matrix.indptr).astype(matrix.indptr.dtype)
    return sp.csr_array((matrix.data[at], matrix.indices[at], indptr), shape=matrix.shape)


def split_delays(network: Network) -> Network:
    """The network with a projection for each delay where synapses of one projection differ in it.

    By definition it gives the same spikes: the parts stand in the place of the whole, delays ascending. They are called
    ``<name>.<delay>``. Without such a projection it is the network itself; the result is kept with the network.
    """
    if all(len(q.delays) == 1 for q in network.projections):
        return network
    if "_split_delays" not in network.__dict__:
        parts = tuple(part for parts in delay_parts(network).values() for part in parts)
        network.__dict__["_split_delays"] = replace(network, projections=parts)
    return network.__dict__["_split_delays"]


def delay_parts(network: Network) -> dict[str, tuple[Projection, ...]]:
    """Name of each projection -> those that :func:`split_delays` puts in its place; kept with the network."""
    if "_delay_parts" not in network.__dict__:
        network.__dict__["_delay_parts"] = _all_parts(network)
    return network.__dict__["_delay_parts"]


def _all_parts(network: Network) -> dict[str, tuple[Projection, ...]]:
    taken = {item.name for item in (*network.populations, *network.projections)}
    parts: dict[str, tuple[Projection, ...]] = {}
    for q in network.projections:
        parts[q.name] = (q,) if len(q.delays) == 1 else tuple(_parts(q, taken))
    return parts


def _parts(q: Projection, taken: set[str]) -> Iterator[Projection]:
    for delay, at in groups_of(q):
        name = unique(f"{q.name}.{delay}", taken)
        taken.add(name)
        yield replace(q, name=name, weights=matrix_at(q.weights, at), delay=delay)


def join_delays(parts: Sequence[Projection], name: str) -> Projection:
    """One projection out of those that :func:`split_delays` made of it, also with other weights."""
    if len(parts) == 1:
        return replace(parts[0], name=name)
    places = [part.weights.tocoo() for part in parts]
    row, column, data = (np.concatenate([getattr(m, key) for m in places]) for key in ("row", "col", "data"))
    steps = np.repeat([part.delay for part in parts], [part.synapses for part in parts])
    weights = sp.coo_array((data, (row, column)), shape=parts[0].weights.shape)
    return replace(parts[0], name=name, weights=weights, delay=steps)


def joined(network: Network, split: Network) -> tuple[Projection, ...]:
    """The projections of ``network`` with the weights that those of its :func:`split_delays` have in ``split``."""
    parts = delay_parts(network).items()
    return tuple(join_delays([split[part.name] for part in group], name) for name, group in parts)
