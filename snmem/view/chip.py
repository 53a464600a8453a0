"""The section of the chip: what every core holds and does, and how busy the links between tiles are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..cost.chip import Chip
from ..cost.counting.wiring import offsets, sources, wire
from ..cost.mapping.placement import Placement, chips_used, core_loads, place_in_order, tile_position
from ..errors import FileError
from ..network import Network
from .kernels import link_loads

#: Cores that a map shows.
MOST_CORES = 8192


def chip_map(chip: Chip, cores: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the cores of a bill stand, as plain data; None for more than a map shows.

    Parameters
    ----------
    chip : Chip
        Profile.
    cores : mapping
        Columns by core, as ``Bill.cores``.

    Raises
    ------
    FileError
        For columns that fit no chip.
    """
    numbers = np.asarray(cores["core"])
    whole = numbers.dtype.kind in "iu" and (numbers >= 0).all() and (numbers < 2**40).all()
    if not len(numbers) or not whole or any(len(c) != len(numbers) for c in cores.values()):
        raise FileError("view: the report's table of cores is damaged; write it again with snmem cost --out")
    chips = int(numbers.max()) // chip.cores + 1
    if len(numbers) > MOST_CORES or chips > MOST_CORES:
        return None
    x, y, _ = tile_position(chip, numbers, chips)
    inside = numbers % chip.cores % chip.geometry("cores_per_tile")
    return {
        "chip": chip.name,
        "tile": [chip.geometry("tiles_x"), chip.geometry("tiles_y")],
        "per_tile": chip.geometry("cores_per_tile"),
        "chips": chips,
        "x": x.tolist(),
        "y": y.tolist(),
        "place": inside.tolist(),
        "columns": {name: list(column) for name, column in cores.items()},
    }


def add_loads(
    shown: dict[str, Any],
    network: Network,
    chip: Chip,
    spikes: Mapping[str, Any],
    placement: Placement | None = None,
) -> None:
    """Add to a map what takes the network: memory and busy time of the cores, packets on the links, populations.

    By default the network is placed in order, as for the bill; packets go along x first, then along y.
    """
    placement = place_in_order(network, chip) if placement is None else placement
    cores, n = placement.cores, len(placement.cores)
    local = {name: np.searchsorted(cores, core) for name, core in placement.core.items()}
    wiring = wire(network, local, n, {q.name: chip.time("synaptic_event") for q in network.projections})
    counts = np.concatenate([spikes[p.name].counts() for p in sources(network)]).astype(np.int64)
    x, y, _ = tile_position(chip, np.append(cores, 0), chips_used(chip, placement))
    links = np.zeros((int(x.max()) + 1, int(y.max()) + 1, 4), np.int64)
    tree = chip.routing == "multicast"
    x, y = x.astype(np.int64), y.astype(np.int64)
    link_loads(wiring.start, wiring.target, wiring.core, x, y, counts, tree, links)
    at = np.argwhere(links)
    shown["links"] = [[*map(int, place), int(links[tuple(place)])] for place in at]
    for name, load in core_loads(network, placement, chip).items():
        shown["columns"][name.removesuffix("_per_core")] = load.tolist()
    route = np.repeat(np.arange(len(counts)), np.diff(wiring.start))
    received = np.bincount(wiring.target, counts[route], minlength=n)
    reading = np.bincount(wiring.target, counts[route] * wiring.seconds, minlength=n)
    shown["columns"]["packets_received"] = received.astype(int).tolist()
    _add_busy(shown["columns"], chip, received, reading)
    first, holds = offsets(network), [list[str]() for _ in range(n)]
    for p in network.neurons:
        there = np.bincount(wiring.core[first[p.name] : first[p.name] + p.size], minlength=n)
        for core in np.flatnonzero(there):
            holds[core].append(f"{p.name} ({there[core]:,})")
    shown["holds"] = holds


def _add_busy(columns: dict[str, Any], chip: Chip, received: Any, reading: Any) -> None:
    """Seconds that each core sends and receives, where the chip has times (the simple model of a step)."""
    if any(chip.time(name) is None for name in ("neuron_access", "synaptic_event")):
        return

    def seconds(**events: str) -> Any:
        return sum(np.asarray(columns[column]) * (chip.time(name) or 0.0) for name, column in events.items())

    send = seconds(neuron_access="accessed", neuron_update="updated", neuron_spike="spikes", packet="packets")
    receive = received * (chip.time("packet_receive") or 0.0) + reading
    columns["send_seconds"], columns["receive_seconds"] = send.tolist(), receive.tolist()
