r"""A bundle that grows: integrators count the votes of each unit, and can be read again and again.

The membrane potential of the integrator of a unit is its count c, at most M (``most``). A read lifts all integrators by
1 every second step, M + 1 times. Those with most votes reach the threshold first: unit spikes in lift M + 1 - c, which
stops the lifts of its block by inhibition, and gives itself back what the spike took:

.. math::
    v = c \;\to\; c + j \le M + \tfrac12 < c + j + 1 \;\to\; 0 \;\to\; (M + 1) - I + \dots \;\to\; c

so that every count is as before when the inhibition I and the lifts are taken back at the end. Of units that tie, the
one of highest priority is held until the read ends; then the units of all blocks spike in one step. Work does not
depend on the number of codes that were bundled.
"""

from __future__ import annotations

import scipy.sparse as sp

from ...circuits.kwta.base import Line, sparse_matrix, to_all
from ...errors import InputError
from ...network import Population, Projection
from ...neurons import LIF
from ..algebras.block import BlockCodes
from .parts import PASS, Part, first_of_block, one_to_one, to_units


def trace(name: str, codes: BlockCodes, most: int, read: Line, clear_every: int) -> Part:
    """Build the circuit; the caller projects codes to be added onto ``<name>.counts`` with weight 1, between reads.

    Parameters
    ----------
    name : str
        Of the output population, which spikes 2 ``most`` + 3 steps after ``read``; one read takes a step more.
    codes : BlockCodes
        The algebra.
    most : int
        Largest number of votes M that a unit can have.
    read : Line
        A neuron whose spike starts a read.
    clear_every : int
        All counts are 0 at the start of every so many steps.

    Raises
    ------
    InputError
        For ``most`` outside 1..255.
    """
    if not 1 <= most <= 255:
        raise InputError(f"trace: most = {most} votes of a unit; must lie in 1..255")
    size, clock, counts = codes.dimensions, f"{name}.clock", f"{name}.counts"
    ticks = 2 * most + 3
    stop = 2.0 * most + 2
    lifts = dict.fromkeys(range(0, 2 * most + 1, 2), 1.0)
    end = {2 * most + 2: stop - (most + 1)}
    chain = {(n + 1, n): 1.0 for n in range(ticks - 1)}
    populations = (
        Population(counts, size, LIF(alpha=0, beta=1, theta=most + 0.5), clear_every=clear_every),
        Population(clock, ticks, PASS),
        Population(f"{name}.stop", codes.blocks, PASS),
        Population(f"{name}.first", size, PASS),
        Population(name, size, LIF(alpha=0, beta=1, theta=1.5), clear_every=clear_every),
    )
    projections = (
        Projection(read.population, clock, sparse_matrix(ticks, read.size, {(0, read.index): 1.0})),
        Projection(clock, clock, sparse_matrix(ticks, ticks, chain)),
        Projection(clock, counts, to_all(size, ticks, lifts | end)),
        Projection(counts, f"{name}.stop", sp.csr_array(to_units(codes).T)),
        Projection(f"{name}.stop", counts, to_units(codes, -stop)),
        Projection(counts, counts, one_to_one(size, most + 1.0), delay=2),
        Projection(counts, f"{name}.first", first_of_block(codes)),
        # the last lift stops the blocks without votes; their units stay silent
        Projection(clock, f"{name}.first", to_all(size, ticks, {2 * most + 1: -2.0})),
        Projection(f"{name}.first", name, one_to_one(size)),
        Projection(name, name, one_to_one(size)),  # takes part in the -1 that ends a read
        Projection(clock, name, to_all(size, ticks, {2 * most + 1: 1.0, 2 * most + 2: -1.0})),
    )
    return Part(populations, projections, name, ticks)
