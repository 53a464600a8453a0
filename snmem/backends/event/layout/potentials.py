"""Projections that deliver membrane potentials, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....network import Network
from ..arrays import Custom, Potentials
from .custom import is_custom


def potentials_of(network: Network, index: dict[str, int], custom: Custom) -> tuple[Potentials, int]:
    """Return ``Net.potentials``, and the size of ``State.potentials``: v of as many steps as spikes are kept of."""
    sending = list(dict.fromkeys(q.pre for q in network.projections if q.signal == "v"))
    depth, place, rows = network.spike_memory, 0, []
    for name in sending:
        p: Any = network[name]
        inside = custom.first[index[name]] + p.neuron.variables.index("v") * p.size if is_custom(p) else -1
        rows.append((index[name], place, inside))
        place += depth * p.size
    row = [sending.index(q.pre) if q.signal == "v" else -1 for q in network.projections]
    return Potentials(np.array(rows, np.int64).reshape(-1, 3), np.array(row, np.int64)), place
