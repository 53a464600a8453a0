r"""Clean-up: which stored codes resemble the one that comes in?

Unit v of an item memory is reached by the units of its code, so that its drive is the number of equal blocks. *volley*:
all items above a fixed threshold spike together, in one step; none may, or several. *winner*: a k-WTA circuit finds the
item with the largest drive, the first of those that tie.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ...circuits.delays import with_delays
from ...circuits.kwta import Line, SuccessiveApproximation
from ...errors import InputError
from ...network import Population, Projection
from ...neurons import LIF
from ..algebras.block import BlockCodes
from .parts import PASS, Part

#: Items of a k-WTA clean-up: each inhibits all that come after it.
LIMIT = 4096


def _items(codes: BlockCodes, items: ArrayLike) -> np.ndarray:
    values = codes.codes(items, "items").astype(np.int64)
    if values.ndim != 2 or not len(values):
        raise InputError(f"items: expected shape (items, {codes.blocks}) with at least one item, got {values.shape}")
    return values


def _weights(codes: BlockCodes, values: np.ndarray) -> sp.csr_array:
    """1 from each active unit of an item (items, B), as (items, B L)."""
    item, block = np.nonzero(values >= 0)
    unit = block * codes.units + values[item, block]
    return sp.csr_array((np.ones(len(item)), (item, unit)), shape=(len(values), codes.dimensions))


def volley(name: str, codes: BlockCodes, source: str, items: ArrayLike, least: int, phases: bool = False) -> Part:
    """All items that equal the code of ``source`` in at least ``least`` blocks spike together.

    Parameters
    ----------
    name : str
        Of the output population, one neuron an item.
    codes : BlockCodes
        The algebra.
    source : str
        Population whose volley (with ``phases``: whose spikes in a window) is compared.
    items : array (items, B)
        The stored codes.
    least : int
        Equal blocks that are needed.
    phases : bool
        The source has one neuron a block; delays of L - u steps let the spikes of an item's own code arrive at once, L
        steps after the window began.

    Raises
    ------
    InputError
        For codes of another width, no items, and ``least`` outside 1..B.
    """
    if not 1 <= least <= codes.blocks:
        raise InputError(f"volley: least = {least} equal blocks of {codes.blocks}; must lie in 1..{codes.blocks}")
    values = _items(codes, items)
    if phases:
        synapses = with_delays(source, name, (values >= 0).astype(float), codes.units - np.maximum(values, 0))
    else:
        synapses = (Projection(source, name, _weights(codes, values)),)
    population = Population(name, len(values), LIF(alpha=0, beta=0, theta=least - 0.5))
    return Part((population,), synapses, name, codes.units if phases else 1)


def search_steps(codes: BlockCodes) -> int:
    """Steps from the start of a :func:`winner` to its answer: two for each bit of the number of blocks, and three."""
    return 2 * codes.blocks.bit_length() + 3


def winner(name: str, codes: BlockCodes, source: str, items: ArrayLike, start: Line, period: int, clear: int) -> Part:
    """The item that equals the code of ``source`` in most blocks spikes; nobody where no block is equal.

    Parameters
    ----------
    name : str
        Of the output population, one neuron an item; ``<name>.drive`` are the candidates.
    codes : BlockCodes
        The algebra.
    source : str
        Population whose volley is compared.
    items : array (items, B)
        The stored codes, at most 4096.
    start : Line
        A neuron that spikes in the step of the volley.
    period, clear : int
        Drives are forgotten in step ``clear`` of every ``period``, at the earliest with the answer.

    Raises
    ------
    InputError
        For codes of another width, no items, too many, and a period too short.
    """
    values, drive = _items(codes, items), f"{name}.drive"
    weights, count = _weights(codes, values), len(values)
    if count > LIMIT:
        raise InputError(f"winner: {count} items, limit {LIMIT}; use volley")
    bits = codes.blocks.bit_length()
    circuit = SuccessiveApproximation(bits).build(drive, count, 1, start, 2.0**bits, period, clear)
    half = np.zeros((count, start.size))
    half[:, start.index] = -0.5
    projections = (
        *circuit.projections,
        Projection(source, drive, weights),
        Projection(start.population, drive, sp.csr_array(half), name=f"{drive}.half"),
        Projection(circuit.winners, name, sp.eye_array(count, format="csr") - sp.csr_array(np.tri(count, k=-1))),
    )
    return Part((*circuit.populations, Population(name, count, PASS)), projections, name, circuit.latency + 1)
