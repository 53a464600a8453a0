"""Neurons on cores: placements and the limits they must keep."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._weights import values_of
from ...convolution import Convolution
from ...errors import InputError
from ...network import Network, Projection
from ..chip import Chip
from ..counting.wiring import fan_out_to, offsets, sources
from .filling import Kernels, fill_in_order

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Placement:
    """Core of every neuron: ``core[population]`` holds one physical core number per neuron.

    Core c of a system of chips is core ``c % chip.cores`` of chip ``c // chip.cores``; within a chip it sits on tile
    ``c // cores_per_tile``, and tile t at x = t // tiles_y, y = t % tiles_y.    Inputs are not placed: their spikes
    enter the mesh at tile 0 of chip 0.
    """

    core: Mapping[str, Array]
    strategy: str = "given"

    @property
    def cores(self) -> Array:
        """The cores in use, ascending."""
        return np.unique(np.concatenate(list(self.core.values())))

    def digest(self) -> str:
        """sha256 of the placement."""
        h = hashlib.sha256()
        for name in sorted(self.core):
            h.update(name.encode() + np.asarray(self.core[name], np.int64).tobytes())
        return h.hexdigest()


def tile_position(chip: Chip, core: Array, chips: int) -> tuple[Array, Array, Array]:
    """(x, y, tile number) of cores in a system of ``chips`` chips, which stand in rows of ceil(sqrt(chips))."""
    which, inside = np.divmod(core, chip.cores)
    tile = inside // chip.geometry("cores_per_tile")
    per_row = int(np.ceil(np.sqrt(max(chips, 1))))
    height, width = chip.geometry("tiles_y"), chip.geometry("tiles_x")
    x = tile // height + width * (which % per_row)
    y = tile % height + height * (which // per_row)
    return x, y, which * chip.tiles + tile


def chips_used(chip: Chip, placement: Placement) -> int:
    """Chips needed to hold the highest core in use."""
    return int(placement.cores[-1]) // chip.cores + 1


def fill(
    network: Network, chip: Chip, per_core: int, work: Array | None = None, most_work: float = np.inf
) -> Placement:
    """Neurons in network order; a new core where the next neuron would break a limit of the core it would join.

    ``work``: (neurons, 2) loads of each neuron, of each of which a core takes at most ``most_work``.
    """
    return split(network, fill_in_order(network, chip, per_core, work, most_work), "in_order")


def split(network: Network, core: Array, strategy: str) -> Placement:
    """The Placement that a vector over all neurons describes."""
    parts = np.split(core, np.cumsum([p.size for p in network.neurons])[:-1])
    return Placement({p.name: part for p, part in zip(network.neurons, parts, strict=True)}, strategy)


def place_in_order(network: Network, chip: Chip, neurons_per_core: int | None = None) -> Placement:
    """Fill cores in network order.

    A core takes up to ``neurons_per_core`` neurons (default: the chip's limit), and no more than keep its limits of
    axons in, synapses and synapse memory. Without ``neurons_per_core``, that number is halved as long as the limit of
    axons out is broken and more cores help; whether the result fits is for :func:`fit` to say.

    Raises
    ------
    InputError
        If ``neurons_per_core`` is not a whole number from 1 to the chip's limit.
    """
    limit = chip.limit("neurons_per_core")
    if neurons_per_core is not None:
        if not 1 <= neurons_per_core <= (limit or neurons_per_core):
            raise InputError(
                f"placement: neurons_per_core must lie in 1..{limit} on {chip.name}, got {neurons_per_core}"
            )
        return fill(network, chip, int(neurons_per_core))
    per_core, most = limit or 2**31, chip.cores * (chip.limit("chips") or 1)
    first = placement = fill(network, chip, per_core)
    while len(placement.cores) <= most and fit(network, placement, chip).violations:
        per_core = min(per_core, int(np.bincount(np.concatenate(list(placement.core.values()))).max())) // 2
        if not per_core:
            return first
        placement = fill(network, chip, per_core)
    return placement if len(placement.cores) <= most else first


@dataclass(frozen=True)
class Fit:
    """How a placed network fits a chip.

    utilisation : by limit, the largest load, its core, the mean over used cores, the limit (None: unknown), and the
    used part of it.    violations : one sentence for each broken limit.
    """

    utilisation: Mapping[str, Mapping[str, float | int | None]]
    violations: tuple[str, ...]


def fit(network: Network, placement: Placement, chip: Chip, *, shared: bool = False) -> Fit:
    """Compare loads of cores, number of chips, delays and (on integer networks) weights with the chip's limits.

    ``shared``: cores are shared in time, so that there is no limit of chips.
    """
    rows, cores = core_loads(network, placement, chip), placement.cores
    use: dict[str, dict[str, float | int | None]] = {}
    broken: list[str] = []
    for name, load in rows.items():
        worst, limit = int(np.argmax(load)), chip.limit(name)
        most, core = int(load[worst]), int(cores[worst])
        use[name] = {"max": most, "core": core, "mean": float(np.mean(load)), "limit": limit}
        use[name]["used"] = most / limit if limit else None
        if limit and most > limit:
            broken.append(f"{name} is {limit}, core {core} needs {most}")
    chips, most_chips = chips_used(chip, placement), chip.limit("chips")
    if most_chips and chips > most_chips and not shared:
        broken.append(f"chips is {most_chips}, the placement needs {chips} ({chip.cores} cores each)")
    delay = chip.limit("delay")
    if delay and network.max_delay > delay:
        late = max(network.projections, key=lambda q: q.delays[-1])
        broken.append(f"delay is {delay} steps, projection {late.name!r} has {late.delays[-1]}")
    bits = chip.limit("weight_bits")
    for q in network.projections if bits and network.arithmetic == "loihi" else ():
        values = values_of(q.weights)
        needed = 1 + int(np.abs(values + (values < 0)).max(initial=0)).bit_length()
        if bits and needed > bits:
            broken.append(f"weight_bits is {bits}, projection {q.name!r} needs {needed}")
    if broken and not chip.geometry("kernel_weight_bits", 0) and (q := _largest_kernel(network)):
        broken[-1] += (
            f" ({chip.name} states no kernel_weight_bits, so it holds the {q.synapses:,} synapses of the convolution "
            f"{q.name!r} one by one)"
        )
    return Fit(use, tuple(broken))


def _largest_kernel(network: Network) -> Projection | None:
    """The convolution of the most synapses, if there is one."""
    shared = [q for q in network.projections if isinstance(q.weights, Convolution)]
    return max(shared, key=lambda q: q.synapses, default=None)


def core_loads(network: Network, placement: Placement, chip: Chip) -> dict[str, Array]:
    """By limit, the load of every used core: neurons, axons in and out, synapses, bits of synapse memory."""
    from ..counting.kernels import count_loads

    cores = placement.cores
    compact = {name: np.searchsorted(cores, core) for name, core in placement.core.items()}
    first, n = offsets(network), len(cores)
    place = np.concatenate([compact.get(p.name, np.full(p.size, -1)) for p in sources(network)])
    empty = {"synapse_bits": 0, "synapse_list_bits": 0, "synapse_word_bits": 1}  # of a chip without such lists
    bits = tuple(chip.geometry(name, value) for name, value in empty.items())
    loads = {name: np.zeros(n, np.int64) for name in ("neurons", "axons_out")}
    for core in compact.values():
        loads["neurons"] += np.bincount(core, minlength=n)
    kernels, tables = Kernels(network, chip), dict[str, list[Any]]()
    for q, table in zip(network.projections, fan_out_to(network, place, n), strict=True):
        own = np.zeros_like(table.data) if q.name in kernels.shared else table.data
        tables.setdefault(q.pre, []).append((table, own))
    into = np.zeros((n, 3), np.int64)
    for name, parts in tables.items():
        indptr, core, synapses, own = _lists(parts)
        count_loads(core, synapses, own, bits, into)
        if name in compact:
            source = place[first[name] : first[name] + len(indptr) - 1]
            loads["axons_out"] += np.bincount(source, np.diff(indptr), minlength=n).astype(np.int64)
    into[:, 2] += kernels.words_by_core(network, compact, n) * bits[2]
    loads |= dict(zip(("axons_in", "synapses", "memory"), into.T, strict=True))
    keys = {"memory": "synapse_memory_per_core"}
    if not chip.geometry("synapse_bits", 0):
        del loads["memory"]
    return {keys.get(name, f"{name}_per_core"): load for name, load in loads.items()}


def _lists(parts: list[Any]) -> tuple[Array, Array, Array, Array]:
    """Tables (pre, cores) of one source, each with its synapses that take memory of their own, added up.

    Where the lists of each presynaptic neuron begin; their cores, synapses, and synapses of their own.
    """
    if len(parts) > 1:
        rows, columns, data, own = (
            np.concatenate(x)
            for x in zip(*((t.tocoo().row, t.indices, t.data, part) for t, part in parts), strict=True)
        )
        table, part = (
            sp.csr_array(sp.coo_array((x, (rows, columns)), shape=parts[0][0].shape)) for x in (data, own)
        )  # a place stays, also at 0
        return table.indptr, table.indices, table.data, part.data
    table, part = parts[0]
    return table.indptr, table.indices, table.data, part


def check_fit(fitted: Fit, placement: Placement, chip: Chip) -> None:
    """InputError naming every broken limit, if the placed network does not fit the chip."""
    if fitted.violations:
        shared = any(text.startswith("chips ") for text in fitted.violations)
        turns = "most_chips (--most-chips) to let cores take several parts in turn, " if shared else ""
        raise InputError(
            f"network does not fit {chip.name} ({placement.strategy}): limit {'; limit '.join(fitted.violations)}. Use "
            f"{turns}"
            'a smaller or sparser network, another placement, or limits="report" (snmem cost --allow-oversize) to bill '
            "it all the same"
        )


def check_placement(network: Network, placement: Placement) -> None:
    """InputError if a population is missing, has another size, or has core numbers that are not whole."""
    for p in network.neurons:
        given = np.asarray(placement.core.get(p.name, ()))
        if given.shape != (p.size,) or given.dtype.kind not in "iu" or (given < 0).any():
            got = f"{given.size} of type {given.dtype}, smallest {given.min()}" if given.size else "none"
            raise InputError(f"placement: population {p.name!r} needs {p.size} whole core numbers >= 0, got {got}")
