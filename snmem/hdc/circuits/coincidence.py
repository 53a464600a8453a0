r"""Binding of two codes by coincidence: one neuron for each pair of units of a block.

.. math::
    s^{\mathrm{pairs}}_{b,i,j} = a_{b,i} \wedge b_{b,j}, \qquad
    s^{\mathrm{out}}_{b,u} = \bigvee_{(i \pm j) \bmod L = u} s^{\mathrm{pairs}}_{b,i,j}

B L squared neurons, of which B spike: 2 B L synaptic events come in, B go out. For short blocks; see :mod:`.phase`.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ...errors import InputError
from ...network import Population, Projection
from ..algebras.block import BlockCodes
from .parts import AND, PASS, Part

#: Neurons of a binding circuit; above, phase codes are the smaller.
LIMIT = 1 << 24


def coincidence(name: str, codes: BlockCodes, a: str, b: str, inverse: bool = False) -> Part:
    """Bind the volleys of two populations of B L neurons that spike in the same step; the output spikes 2 steps later.

    Parameters
    ----------
    name : str
        Of the output population; ``<name>.pairs`` are the coincidence neurons.
    codes : BlockCodes
        The algebra.
    a, b : str
        Names of the populations that spike.
    inverse : bool
        Take b out of a, instead of binding both.

    Raises
    ------
    InputError
        Where B L squared exceeds 2**24 neurons.
    """
    blocks, units, pairs = codes.blocks, codes.units, f"{name}.pairs"
    if (count := blocks * units**2) > LIMIT:
        raise InputError(
            f"coincidence: {blocks} blocks of {units} units need {count} neurons, limit {LIMIT}; use phases"
        )
    from_b = sp.kron(sp.eye_array(blocks), sp.kron(sp.coo_array(np.ones((units, 1))), sp.eye_array(units)))
    i, j = np.divmod(np.arange(units**2), units)
    unit = (i - j if inverse else i + j) % units
    target = (np.arange(blocks)[:, None] * units + unit).ravel()
    either = sp.csr_array((np.ones(count), (target, np.arange(count))), shape=(codes.dimensions, count))
    from_a = sp.kron(sp.eye_array(codes.dimensions), sp.coo_array(np.ones((units, 1))))
    populations = (Population(pairs, count, AND), Population(name, codes.dimensions, PASS))
    projections = (
        Projection(a, pairs, sp.csr_array(from_a), name=f"{a}->{pairs}.a"),
        Projection(b, pairs, sp.csr_array(from_b), name=f"{b}->{pairs}.b"),
        Projection(pairs, name, either),
    )
    return Part(populations, projections, name, 2)
