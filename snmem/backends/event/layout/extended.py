"""Populations of LIF neurons that do more than the plain one, and LoihiLIF neurons that are refractory.

They stand in blocks like all others. What else they have stands in further blocks, their lanes, behind those of all
populations: in lane k the input of receptor k, and two more state variables in place of u and v.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...._jit import c_function
from ....network import Network, Population, Projection
from ....neurons.base import LEFT
from ..arrays import BLOCK, Extended, zeros
from ..columns import (
    ADAPTIVE,
    ALIKE2,
    ALPHA2,
    CLEARS,
    CURRENT2,
    DIRECT,
    EXTENDED_FLAGS,
    EXTENDED_ROWS,
    FREEZES,
    GAIN2,
    KAPPA,
    LANES,
    NOISY,
    PERIOD,
    RHO,
    SD,
    SEED,
    SHIFT,
    SIDE,
    STEP_AT,
    WAITS,
)
from ..kernels.extended.step import step_extended
from ..llvm.calls import EXTENDED
from .custom import is_custom
from .parameters import blocks_of, rise_gain


def is_extended(network: Network, p: Any) -> bool:
    """Whether the population ``p`` needs more than u, v and one input."""
    if not isinstance(p, Population) or is_custom(p):
        return False
    return bool(p.neuron.features) or any(network.receptor_of(q) for q in network.projections if q.post == p.name)


def _direct(network: Network, p: Population) -> bool:
    """Whether synapses reach v itself."""
    return any(q.receptor == "v" for q in network.projections if q.post == p.name)


def _lanes(network: Network, p: Population) -> int:
    """Blocks for each block of neurons: itself, and its lanes."""
    receptors = len(p.neuron.receptors) - (p.neuron.arithmetic == "float" and not _direct(network, p))
    return max(receptors, 1 + -(-len(p.neuron.variables[2:]) // 2))


@cache
def compiled_step() -> Any:
    """The step of all extended populations, compiled once and kept for as long as it may be called."""
    return c_function(EXTENDED, step_extended, keep=True)


class Lanes:
    """Where the lanes of a network's populations stand.

    Attributes
    ----------
    total : int
        Blocks of all populations, with their lanes.
    first : dict of str to int
        First block of the lanes of each extended population.
    """

    def __init__(self, network: Network, own: int) -> None:
        self.network, self.total = network, own
        self.first: dict[str, int] = {}
        for p in network.neurons:
            if is_extended(network, p):
                self.first[p.name] = self.total
                self.total += (_lanes(network, p) - 1) * blocks_of(p.size)

    def offset(self, q: Projection, blocks: Any, index: dict[str, int]) -> int:
        """Blocks from those of the target neurons to those of the receptor that a projection reaches."""
        lane = self.network.receptor_of(q)
        if not lane:
            return 0
        return self.first[q.post] - int(blocks[index[q.post]]) + (lane - 1) * blocks_of(self.network[q.post].size)

    def place(self, p: Population, variable: int, blocks: Any, index: dict[str, int]) -> tuple[int, int]:
        """Where a variable stands: 0 in u or 1 in v, and blocks from those of the neurons."""
        if variable < 2:
            return variable, 0
        lane, array = divmod(variable - 2, 2)
        return array, self.first[p.name] - int(blocks[index[p.name]]) + lane * blocks_of(p.size)


def _flags(network: Network, p: Population, shift: int) -> Any:
    """A row of ``Extended.flags``."""
    neuron: Any = p.neuron
    flags, has, names = np.zeros(EXTENDED_FLAGS, np.int64), neuron.features, list(neuron.variables)
    flags[LANES], flags[SHIFT], flags[SIDE] = _lanes(network, p), shift, blocks_of(p.size)

    def place(name: str) -> int:
        """1 + 2 * lane + array of a variable; 0 if there is none."""
        return names.index(name) + 1 if name in names else 0

    flags[CURRENT2], flags[ADAPTIVE], flags[WAITS] = place("u2"), place("a"), place(LEFT)
    flags[FREEZES], flags[CLEARS] = "freeze" in has, "reset_current" in has
    flags[DIRECT] = neuron.receptors.index("v") if neuron.arithmetic == "float" and _direct(network, p) else 0
    flags[STEP_AT] = compiled_step().address
    if "noise" in has:
        flags[NOISY], flags[SEED] = 1, neuron.noise_seed
    return flags


def _rows(p: Population) -> Any:
    """(EXTENDED_ROWS, padded neurons) parameters; padding does nothing."""
    neuron: Any = p.neuron
    rows = np.zeros((EXTENDED_ROWS, blocks_of(p.size) * BLOCK))
    n = p.size
    if neuron.arithmetic == "loihi":
        rows[PERIOD, :n] = np.asarray(neuron.refractory) - 1
        return rows
    names = {KAPPA: "kappa", RHO: "rho", PERIOD: "refractory", SD: "noise_sd"}
    for row, name in names.items():
        rows[row, :n] = neuron.vector(name, n)
    if neuron.alpha2 is not None:
        alpha2, beta = neuron.vector("alpha2", n), neuron.vector("beta", n)
        rows[ALPHA2, :n], rows[GAIN2, :n] = alpha2, rise_gain(alpha2, beta)
    return rows


def extended_of(network: Network, lanes: Lanes, index: dict[str, int], blocks: Any) -> Extended:
    """Return ``Net.extended``."""
    flags = np.zeros((len(index), EXTENDED_FLAGS), np.int64)
    tile, tiles = np.zeros(int(blocks[-1]), np.int64), []
    for p in network.neurons:
        if p.name in lanes.first:
            first = int(blocks[index[p.name]])
            flags[index[p.name]] = _flags(network, p, lanes.first[p.name] - first)
            rows = _rows(p)
            for b in range(blocks_of(p.size)):
                tile[first + b] = len(tiles)
                tiles.append(rows[:, b * BLOCK : (b + 1) * BLOCK])
    alike: dict[bytes, int] = {}
    numbers = np.array([alike.setdefault(np.ascontiguousarray(t).tobytes(), len(alike)) for t in tiles] or [0])
    par = zeros(len(alike), EXTENDED_ROWS, BLOCK)
    for number, rows in zip(numbers, tiles, strict=False):
        par[number] = rows
    par[:, ALIKE2] = (par[:, ALPHA2] == par[:, ALPHA2, :1]).all(axis=1)[:, None]
    return Extended(flags, par, numbers[tile])


def begin(network: Network, lanes: Lanes, index: dict[str, int], blocks: Any, u: Any, v: Any) -> None:
    """Write the values before step 0 of extended populations into the state."""
    for p in network.neurons:
        if p.name in lanes.first:
            at, start = int(blocks[index[p.name]]) * BLOCK, p.neuron.initial(p.size)
            u[at : at + p.size], v[at : at + p.size] = start["u"], start["v"]
