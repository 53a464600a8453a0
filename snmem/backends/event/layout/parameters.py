"""Parameters of the neurons in tiles of a block each, and bounds on what they do without input."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ....network import Network, Population
from ....neurons import LIF, LOIHI_SHIFT
from ..arrays import BLOCK, zeros
from ..columns import ALIKE, BIAS, DRIVE, GAIN, THETA
from .custom import is_custom


def blocks_of(size: int) -> int:
    """Return the number of blocks that hold so many neurons."""
    return -(-size // BLOCK)


def flags_of(network: Network, populations: int) -> Any:
    """Return ``Neurons.flags``."""
    flags = np.zeros((populations, 4), np.int64)
    for i, p in enumerate(network.neurons):
        neuron: Any = p.neuron
        subtract = not is_custom(p) and neuron.reset == "subtract"
        flags[i] = neuron.arithmetic == "loihi", subtract, p.clear_every or 0, p.clear_offset
    return flags


def rise_gain(alpha: Any, beta: Any) -> Any:
    """What a unit of u above 0 adds at most to a later v, without input."""
    with np.errstate(all="ignore"):
        stay = np.where(beta < 1, 1 / (1 - beta), 1e300)
        gain = alpha * np.minimum(np.where(alpha < 1, 1 / (1 - alpha), 1e300), stay)
        # n steps on, a unit of u has left alpha (beta^n - alpha^n) / (beta - alpha) in v: most of it at this n.
        n = np.log(np.log(alpha) / np.log(beta)) / np.log(beta / alpha)
        peak = alpha * (beta**n - alpha**n) / (beta - alpha)
        gain = np.where((abs(beta - alpha) > 1e-4) & (peak >= 0), np.minimum(gain, peak), gain)
        return np.minimum(gain, 1e300) * (1 + 1e-6)


def _rise_bounds(neuron: Any, size: int) -> tuple[Any, Any]:
    """Factors of an upper bound on later v without input: v <= max(v, 0) + gain * max(u, 0) + drive.

    One number where it is that of all neurons.
    """
    if type(neuron) is LIF:
        alpha, beta, bias = (np.atleast_1d(getattr(neuron, n)) for n in ("alpha", "beta", "bias"))
    else:
        alpha = (4095 - neuron.vector("du", size)) / 4096
        beta = (4096 - neuron.vector("dv", size)) / 4096
        bias = np.broadcast_to(neuron.bias, size)
    with np.errstate(all="ignore"):
        return rise_gain(alpha, beta), np.maximum(bias, 0) * np.where(beta < 1, 1 / (1 - beta), 1e300)


def _rows(p: Population) -> Any:
    """(7, padded neurons) parameters, see ALPHA and what follows; padding never spikes.

    Where it would not with the parameters of the others, it has theirs, so that the last block is like the rest.
    Neurons that are not stepped by these parameters have those of padding.
    """
    n, neuron = p.size, cast(Any, p.neuron)
    rows = np.zeros((ALIKE, blocks_of(n) * BLOCK))
    rows[THETA] = np.inf
    if is_custom(p):
        return rows
    if type(neuron) is LIF:
        values = [neuron.vector(k, n) for k in ("alpha", "beta", "bias", "theta", "v_reset")]
    else:
        values = [
            (4095 - neuron.vector("du", n)) / 4096,
            (4096 - neuron.vector("dv", n)) / 4096,
            np.broadcast_to(neuron.bias, n),
            neuron.vector("vth", n) * float(LOIHI_SHIFT),
            np.zeros(n),
        ]
    rows[:GAIN, :n] = values
    rows[GAIN, :n], rows[DRIVE, :n] = _rise_bounds(neuron, n)
    first = rows[:, :1]
    if first[BIAS] == 0 and first[THETA] >= 0 and (rows[:, :n] == first).all():
        rows[:, n:] = first
    return rows


def tiles_of(network: Network) -> tuple[Any, Any]:
    """Return ``Neurons.par``, shared where blocks are alike, and the tile of every block."""
    tiles: list[Any] = []
    index: dict[bytes, int] = {}
    of_block = []
    for p in network.neurons:
        rows = _rows(p)
        for b in range(blocks_of(p.size)):
            tile = np.ascontiguousarray(rows[:, b * BLOCK : (b + 1) * BLOCK])
            number = index.setdefault(tile.tobytes(), len(tiles))
            if number == len(tiles):
                tiles.append(tile)
            of_block.append(number)
    par = zeros(len(tiles), ALIKE + 1, BLOCK)
    par[:, :ALIKE] = np.array(tiles).reshape(len(tiles), ALIKE, BLOCK)
    par[:, ALIKE] = (par == par[:, :, :1]).all(axis=(1, 2))[:, None]
    return par, np.array(of_block)


def spontaneous(par: Any) -> Any:
    """Return (tiles,) 1 where the bias alone may bring a spike, as :func:`.kernels.neuron.may_spike` has it."""
    drive, theta = par[:, DRIVE], par[:, THETA]
    with np.errstate(invalid="ignore"):
        limit = theta - np.where(drive > 0, 1e-6 * abs(theta) + 1e-300, 0.0)
    return (~(drive <= limit) & (theta < np.inf)).any(axis=1).astype(np.uint8)
