"""Operations that cost no neuron: rotated blocks and known codes are permutations of the wires."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ...errors import InputError
from ..algebras.block import BlockCodes


def permute_wiring(codes: BlockCodes, shift: int = 1) -> sp.csr_array:
    """Weights (B L, B L) of a projection that rotates the blocks by ``shift``."""
    target = np.roll(np.arange(codes.dimensions).reshape(codes.blocks, -1), -shift, 0)
    return _permutation(target.ravel())


def bind_wiring(codes: BlockCodes, code: ArrayLike, inverse: bool = False) -> sp.csr_array:
    """Weights (B L, B L) of a projection that binds what passes with a stored code (``inverse``: takes it out).

    Raises
    ------
    InputError
        Unless ``code`` is one code of the algebra without silent blocks.
    """
    values = codes.codes(code, "bind_wiring: code").astype(np.int64)
    if values.ndim != 1 or (values < 0).any():
        raise InputError(f"bind_wiring: needs one code ({codes.blocks},) without silent blocks, got {values.shape}")
    unit = np.arange(codes.units) + (-values if inverse else values)[:, None]
    return _permutation((np.arange(codes.blocks)[:, None] * codes.units + unit % codes.units).ravel())


def _permutation(target: np.ndarray) -> sp.csr_array:
    """Neuron i to neuron target[i]."""
    n = len(target)
    return sp.csr_array((np.ones(n), (target, np.arange(n))), shape=(n, n))
