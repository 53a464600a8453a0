"""Parts of a network whose spikes are hyperedges: a source and all neurons it reaches, cut by Mt-KaHyPar.

A spike makes one packet for each core that holds a target, however many targets are there. That is the connectivity of
a hyperedge, so that the sum over hyperedges of rate x (parts - 1), which the partitioner makes small, is the number of
packets between cores itself; the edges of a graph count a packet once for each pair of neurons.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...errors import BackendError, MissingDependencyError
from ..counting.wiring import Sparse

Array = NDArray[Any]
#: Largest weight of a vertex or hyperedge, imbalance of the parts.
_SCALE, _IMBALANCE = 1000, 0.06


@cache
def _library() -> tuple[Any, Any]:
    """The package and its state for one thread; it can be initialized once in a process."""
    try:
        import mtkahypar  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingDependencyError(
            "placement 'hypergraph': package 'mtkahypar' is absent; pip install 'snmem[hypergraph]', or use 'traffic'"
        ) from None
    return mtkahypar, mtkahypar.initialize(1)


def partition_hyperedges(reach: Sparse, rate: Array, weight: Array, parts: int, seed: int = 1) -> Array:
    """A part for each group of neurons; about equal sums of ``weight``, few packets between parts.

    Parameters
    ----------
    reach : sparse array of shape (sources, groups)
        Which groups each source reaches, itself among the first sources if it is a neuron; any number other than 0.
    rate : array of shape (sources,)
        Spikes of each source.
    weight : array of shape (groups,)
        What each group takes of a part.
    parts : int
        How many parts; some may stay empty, and numbers are then closed up.
    seed : int
        Of the partitioner, which is run in its deterministic mode.

    Raises
    ------
    MissingDependencyError
        Without mtkahypar.
    BackendError
        If it fails.
    """
    library, state = _library()
    table = sp.csr_array(reach)
    each = rate + rate.max() * 1e-3
    counts = np.diff(table.indptr)
    chosen = np.flatnonzero(counts > 1)
    pins = np.split(table.indices.astype(np.int64), table.indptr[1:-1])
    edges = [pins[i].tolist() for i in chosen]
    heights = np.maximum(np.rint(each[chosen] * (_SCALE / each.max())), 1).astype(np.int64)
    loads = np.maximum(np.ceil(weight * (_SCALE / weight.max())), 1).astype(np.int64)
    try:
        context = state.context_from_preset(library.PresetType.DETERMINISTIC)
        context.set_partitioning_parameters(parts, _IMBALANCE, library.Objective.KM1)
        context.logging = False
        library.set_seed(seed)
        graph = state.create_hypergraph(context, table.shape[1], len(edges), edges, loads.tolist(), heights.tolist())
        part = np.asarray(graph.partition(context).get_partition(), np.int64)
    except (library.InvalidInputError, library.InvalidParameterError, library.SystemError) as error:
        raise BackendError(f"placement 'hypergraph': mtkahypar fails ({error})") from None
    return np.unique(part, return_inverse=True)[1]
