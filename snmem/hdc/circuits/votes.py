r"""Bundling by votes: codes that arrive one after another vote for units, the unit with most votes of a block spikes.

The candidates of a grouped k-WTA circuit (B groups of L units, one winner each) hold the votes in their current. All
units that tie for most votes win; a last layer lets the one of highest priority through.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from ...circuits.kwta import Line, SuccessiveApproximation
from ...errors import InputError
from ...network import Population, Projection
from ..algebras.block import BlockCodes
from .parts import PASS, Part, first_of_block


def votes(name: str, codes: BlockCodes, most: int, start: Line, period: int, clear: int) -> Part:
    """Build the circuit; the caller projects codes onto ``<name>.votes`` with weight 1.

    Parameters
    ----------
    name : str
        Of the output population; ``<name>.votes`` are the candidates.
    codes : BlockCodes
        The algebra.
    most : int
        Largest number of votes of a unit: of codes in a bundle.
    start : Line
        A neuron that spikes when all votes, but those of this step, have come in.
    period, clear : int
        The votes are forgotten in step ``clear`` of every ``period``, at the earliest with the answer.

    Raises
    ------
    InputError
        For ``most`` outside 1..255, and a period too short.
    """
    if not 1 <= most <= 255:
        raise InputError(f"votes: most = {most} codes in a bundle; must lie in 1..255 (Loihi's current fades in more)")
    bits = math.ceil(math.log2(most + 1))
    candidates = f"{name}.votes"
    strategy = SuccessiveApproximation(bits, codes.blocks)
    circuit = strategy.build(candidates, codes.dimensions, 1, start, 2.0**bits, period, clear)
    # votes lie half a vote off the trial thresholds: no runtime has to decide a tie, and no votes win nothing
    half = np.zeros((codes.dimensions, start.size))
    half[:, start.index] = -0.5
    projections = (
        *circuit.projections,
        Projection(start.population, candidates, sp.csr_array(half), name=f"{name}.half"),
        Projection(circuit.winners, name, first_of_block(codes)),
    )
    populations = (*circuit.populations, Population(name, codes.dimensions, PASS))
    return Part(populations, projections, name, circuit.latency + 1)
