"""What all circuits share: what a circuit adds to a network, and one winner a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ...network import Population, Projection
from ...neurons import LIF
from ..algebras.block import BlockCodes

#: A neuron that passes a spike on, and one that needs two in the same step.
PASS, AND = LIF(alpha=0, beta=0, theta=0.5), LIF(alpha=0, beta=0, theta=1.5)


@dataclass(frozen=True)
class Part:
    """What a circuit adds to a network.

    Attributes
    ----------
    populations, projections : tuple
        To be put into a Network.
    output : str
        Name of the population that answers.
    latency : int
        Steps from the spikes (the start signal) that came in to those of the output.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    output: str
    latency: int


def first_of_block(codes: BlockCodes) -> sp.csr_array:
    """Weights by which only the unit of highest priority among the spiking ones of each block makes its target spike.

    1 from the unit itself, -1 from each of higher priority: shape (B L, B L), for targets of threshold 1/2.
    """
    higher = codes.priority[:, None, :] > codes.priority[:, :, None]
    return sp.csr_array(sp.block_diag(list(np.eye(codes.units) - higher), format="csr"))


def one_to_one(size: int, weight: float = 1.0) -> sp.csr_array:
    """Each neuron to its counterpart."""
    return sp.csr_array(weight * sp.eye_array(size, format="csr"))


def to_units(codes: BlockCodes, weight: float = 1.0) -> sp.csr_array:
    """From one neuron a block to all units of the block, (B L, B)."""
    return sp.csr_array(sp.kron(sp.eye_array(codes.blocks), sp.coo_array(np.full((codes.units, 1), weight))))
