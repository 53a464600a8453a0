r"""Phase codes: one neuron a block, which spikes in step u of a window of L steps. Binding is a delay.

A spike in step u of the window from t on, delayed by d (an *early* copy) and by d + L (a *late* one), arrives in step

.. math::
    t + 1 + u + d \quad\text{and}\quad t + 1 + u + d + L

One of the two falls into the output window from t + L + 1 on, at its step :math:`(u + d) \bmod L`. A gate neuron that
spikes through this window lets it pass: a bound code takes B neurons and 4 B synapses whatever L is, where
:mod:`.coincidence` takes B L squared. Windows may follow each other every 2 L steps.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ...circuits.delays import with_delays
from ...circuits.kwta.base import Line, sparse_matrix, to_all
from ...errors import InputError
from ...network import Population, Projection
from ..algebras.block import BlockCodes
from .parts import AND, PASS, Part, one_to_one


def phase_encode(name: str, codes: BlockCodes, source: str) -> Part:
    """From a volley of B L neurons in step t to phases in the window from t + 1 on."""
    unit = np.tile(np.arange(codes.units), codes.blocks)
    weights = sp.kron(sp.eye_array(codes.blocks), sp.coo_array(np.ones((1, codes.units))))
    delays = np.broadcast_to(1 + unit, (codes.blocks, codes.dimensions))
    lines = Population(name, codes.blocks, PASS)
    return Part((lines,), with_delays(source, name, weights, delays), name, 1)


def phase_bind(name: str, codes: BlockCodes, source: str, code: ArrayLike, start: Line, inverse: bool = False) -> Part:
    """Bind the phases of ``source`` (B neurons) with a stored code.

    Parameters
    ----------
    name : str
        Of the output population; ``<name>.gate`` is its gate.
    codes : BlockCodes
        The algebra.
    source : str
        Population of B neurons, one a block.
    code : array (B,)
        The code, without silent blocks.
    start : Line
        A neuron that spikes in the first step of each input window; ``latency`` L + 1 steps later the output window
        begins. At least 2 L steps lie between two windows.
    inverse : bool
        Take the code out instead.

    Raises
    ------
    InputError
        Unless ``code`` is one code without silent blocks.
    """
    values = codes.codes(code, "phase_bind: code").astype(np.int64)
    if values.ndim != 1 or (values < 0).any():
        raise InputError(f"phase_bind: needs one code ({codes.blocks},) without silent blocks, got {values.shape}")
    shift, length, gate = (-values if inverse else values) % codes.units, codes.units, f"{name}.gate"
    delays = np.broadcast_to(shift[:, None] + 1, (codes.blocks, codes.blocks))
    eye = one_to_one(codes.blocks)
    populations = (Population(gate, 1, PASS), Population(name, codes.blocks, AND))
    window = [
        Projection(start.population, gate, sparse_matrix(1, start.size, {(0, start.index): weight}), delay, name=label)
        for weight, delay, label in ((1.0, length, f"{gate}.open"), (-1.0, 2 * length, f"{gate}.close"))
    ]
    projections = (
        *window,
        Projection(gate, gate, one_to_one(1)),
        Projection(gate, name, to_all(codes.blocks, 1, {0: 1.0})),
        *with_delays(source, name, eye, delays, f"{name}.early"),
        *with_delays(source, name, eye, delays + length, f"{name}.late"),
    )
    return Part(populations, projections, name, length + 1)


def phase_decode(name: str, codes: BlockCodes, source: str, start: Line) -> Part:
    """From phases in the window that ``start`` begins to a volley of B L neurons, L + 2 steps after its start.

    A clock of L neurons spikes through the window; the unit of a block whose step it is spikes with the block's neuron.
    """
    clock, units, length = f"{name}.clock", f"{name}.units", codes.units
    unit = np.tile(np.arange(length), codes.blocks)
    chain = {(u + 1, u): 1.0 for u in range(length - 1)}
    ticks = sp.csr_array((np.ones(codes.dimensions), (np.arange(codes.dimensions), unit)))
    lines = sp.kron(sp.eye_array(codes.blocks), sp.coo_array(np.ones((length, 1))))
    delays = np.broadcast_to(length - unit, (codes.dimensions, codes.dimensions))
    populations = (
        Population(clock, length, PASS),
        Population(units, codes.dimensions, AND),
        Population(name, codes.dimensions, PASS),
    )
    projections = (
        Projection(start.population, clock, sparse_matrix(length, start.size, {(0, start.index): 1.0})),
        Projection(clock, clock, sparse_matrix(length, length, chain)),
        Projection(clock, units, ticks),
        Projection(source, units, sp.csr_array(lines), delay=2),  # the clock is a step behind the window
        *with_delays(units, name, one_to_one(codes.dimensions), delays),
    )
    return Part(populations, projections, name, length + 2)
