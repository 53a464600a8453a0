"""Write a placed network and a chip profile as SANA-FE's architecture and network files.

SANA-FE (https://github.com/SLAM-Lab/SANA-FE, GPL-3, ``pip install sanafe``) then counts and prices the same run::

    arch = sanafe.load_arch("arch.yaml")
    chip = sanafe.SpikingChip(arch)
    chip.load(sanafe.load_net("net.yaml", arch))
    chip.sim(steps)

Its soma has one state variable and one delay, so what can be exported has alpha = 0, delay 1, reset to zero and no
timed clears. Input lines become neurons of its "input" soma on tile 0, whose spikes it counts with those of neurons. It
cuts leaking potentials to multiples of 1/64, so with beta other than 0 and 1 its spikes may differ from ours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ...description import row_numbers
from ...errors import InputError
from ...io.files import replace_file
from ...io.given import require_plain
from ...network import Input, Network
from ...neurons import LIF
from ...spikes import Spikes
from ..chip import Chip, load_chip
from ..events import SYNAPSES
from ..mapping.placement import Placement, check_placement, chips_used
from ..pricing import synapse_formats

_SOMA, _INPUT = "lif", "input_line"


def export_sanafe(
    network: Network,
    chip: str | Path | Chip,
    placement: Placement,
    folder: str | os.PathLike[str],
    *,
    inputs: Mapping[str, Spikes] | None = None,
    synapses: str | Mapping[str, str] = "dense",
    force_update: bool = False,
) -> tuple[Path, Path]:
    """Write ``arch.yaml`` and ``net.yaml`` into ``folder``; returns their paths.

    Parameters
    ----------
    network, chip, placement
        What is simulated, on which chip, and on which of its cores.
    folder
        Folder to write into.
    inputs
        Spikes of the inputs; those left out are silent.
    synapses
        As in :func:`snmem.cost.bill`.
    force_update
        Charge an update to every neuron in every step (``updated="all"`` of a bill).

    Raises
    ------
    InputError
        Naming the population, projection or constant that SANA-FE cannot express.
    """
    profile = load_chip(chip)
    check_placement(network, placement)
    formats = synapse_formats(network, profile, synapses)
    _check(network, profile, placement)
    into = _formats_by_target(network, formats)
    arch, net = Path(folder) / "arch.yaml", Path(folder) / "net.yaml"
    with replace_file(arch, "w") as file:
        file.writelines(f"{line}\n" for line in architecture(profile))
    with replace_file(net, "w") as file:
        file.writelines(f"{line}\n" for line in _network(network, profile, placement, inputs or {}, into, force_update))
    return arch, net


def _check(network: Network, chip: Chip, placement: Placement) -> None:
    if chips_used(chip, placement) > 1:
        raise InputError("export_sanafe: the placement uses several chips; SANA-FE has no links between chips")
    for p in network.neurons:
        owner = f"export_sanafe: population {p.name!r}"
        if type(p.neuron) is not LIF:
            raise InputError(f"{owner} has Loihi's integers; export the float network")
        if p.neuron.features:
            raise InputError(f"{owner} uses {min(p.neuron.features)!r}; SANA-FE's neurons do not")
        if np.any(p.neuron.alpha) or p.neuron.reset != "zero" or p.clear_every:
            raise InputError(f'{owner} must have alpha 0, reset "zero" and no timed clears; SANA-FE has no others')
    for q in network.projections:
        if q.delays != (1,) or q.plasticity:
            what = "a learning rule" if q.plasticity else f"delay {q.delays[-1]}"
            raise InputError(f"export_sanafe: projection {q.name!r} has {what}; SANA-FE has delay 1 and no learning")
    for name in ("neuron_access", "neuron_update", "neuron_spike", "synaptic_event", "packet", "hop_ew", "hop_ns"):
        if chip.energy(name) is None or chip.time(name) is None:
            raise InputError(f"export_sanafe: chip {chip.name} has no public {name}; SANA-FE needs a number")


def _formats_by_target(network: Network, formats: Mapping[str, str]) -> dict[str, str]:
    """Synapse format of each population: SANA-FE keeps it with the receiving neuron."""
    into: dict[str, str] = {}
    for q in network.projections:
        if into.setdefault(q.post, formats[q.name]) != formats[q.name]:
            raise InputError(
                f"export_sanafe: projection {q.name!r} is {formats[q.name]!r} but another one into {q.post!r} is "
                f"{into[q.post]!r}; SANA-FE has one synapse format a neuron"
            )
    return into


def _cost(chip: Chip, event: str, energy: str, latency: str) -> list[str]:
    return [f"{energy}: {chip.energy(event) or 0.0!r}", f"{latency}: {chip.time(event) or 0.0!r}"]


def _unit(name: str, *attributes: str) -> list[str]:
    return [f"            - name: {name}", "              attributes:", *(f"                {a}" for a in attributes)]


def architecture(chip: Chip) -> Iterator[str]:
    """Lines of SANA-FE's architecture file for a chip profile."""
    barrier = chip.constant("time", "barrier")
    table = barrier.table or ((1, barrier.value or 0.0),)
    hops = [
        line
        for way, event in (("north", "hop_ns"), ("east", "hop_ew"), ("south", "hop_ns"), ("west", "hop_ew"))
        for line in _cost(chip, event, f"energy_{way}_hop", f"latency_{way}_hop")
    ]
    yield "architecture:"
    yield f"  name: {json.dumps(chip.name)}"
    yield "  attributes:"
    yield "    topology: mesh"
    yield f"    width: {chip.geometry('tiles_x')}"
    yield f"    height: {chip.geometry('tiles_y')}"
    yield f"    link_buffer_size: {chip.geometry('link_buffer', 16)}"
    yield "    sync_model: table"
    yield f"    latency_sync: {{ {', '.join(f'{int(k)}: {v!r}' for k, v in table)} }}"
    yield "  tile:"
    yield f"    - name: tile[0..{chip.tiles - 1}]"
    yield "      attributes:"
    yield from (f"        {line}" for line in hops)
    yield "      core:"
    yield f"        - name: core[0..{chip.geometry('cores_per_tile') - 1}]"
    yield "          attributes:"
    yield "            buffer_position: soma"
    yield "            buffer_inside_unit: false"
    yield f"            max_neurons_supported: {chip.limit('neurons_per_core') or 1024}"
    yield "          axon_in:"
    yield from _unit("axon_in", *_cost(chip, "packet_receive", "energy_message_in", "latency_message_in"))
    yield "          soma:"
    yield from _unit(
        _SOMA,
        "model: leaky_integrate_fire",
        *_cost(chip, "neuron_access", "energy_access_neuron", "latency_access_neuron"),
        *_cost(chip, "neuron_update", "energy_update_neuron", "latency_update_neuron"),
        *_cost(chip, "neuron_spike", "energy_spike_out", "latency_spike_out"),
    )
    free = [f"{x}_{y}: 0.0" for y in ("access_neuron", "update_neuron", "spike_out") for x in ("energy", "latency")]
    yield from _unit(f"{_INPUT}[0..{chip.limit('neurons_per_core') or 1024}]", "model: input", *free)
    yield "          dendrite:"
    yield from _unit("dendrite", "model: accumulator", "energy_update: 0.0", "latency_update: 0.0")
    yield "          synapse:"
    for kind, event in SYNAPSES.items():
        if chip.energy(event) is not None:
            costs = _cost(chip, event, "energy_process_spike", "latency_process_spike")
            yield from _unit(kind, "model: current_based", *costs)
    yield "          axon_out:"
    yield from _unit("axon_out", *_cost(chip, "packet", "energy_message_out", "latency_message_out"))


def _network(
    network: Network,
    chip: Chip,
    placement: Placement,
    inputs: Mapping[str, Spikes],
    formats: Mapping[str, str],
    force_update: bool,
) -> Iterator[str]:
    groups = {p.name: f"g{i}" for i, p in enumerate(network.populations)}
    yield "network:"
    yield "  name: network"
    yield "  groups:"
    for p in network.populations:
        yield f"    - name: {groups[p.name]}"
        yield f"      attributes: [synapse_hw_name: {formats.get(p.name, 'dense')}]"
        yield "      neurons:"
        if isinstance(p, Input):
            require_plain("sanafe", {p.name: inputs[p.name]} if p.name in inputs else {})
            raster = inputs[p.name].raster() if p.name in inputs else np.zeros((1, p.size), bool)
            for i in range(p.size):
                yield f"        - {i}: [spikes: [{', '.join('1' if x else '0' for x in raster[:, i])}]]"
            continue
        values = {k: np.nan_to_num(p.neuron.vector(k, p.size)) for k in ("theta", "v_reset", "beta", "bias")}
        names = {"theta": "threshold", "v_reset": "reset", "beta": "leak_decay", "bias": "bias"}
        for i in range(p.size):
            fields = ", ".join(f"{names[k]}: {float(v[i])!r}" for k, v in values.items())
            fields += ", force_update: true" if force_update else ""
            yield f"        - {i}: [{fields}, soma_hw_name: {_SOMA}]"
    yield "  edges:" if any(q.synapses for q in network.projections) else "  edges: []"
    for q in network.projections:
        pre, post = groups[q.pre], groups[q.post]
        rows = row_numbers(q.weights)
        for i, j, w in zip(q.weights.indices.tolist(), rows.tolist(), q.weights.data.tolist(), strict=True):
            yield f"    - {pre}.{i} -> {post}.{j}: [weight: {float(w)!r}]"
    yield "mappings:"
    line = 0
    per_tile = chip.geometry("cores_per_tile")
    for p in network.populations:
        for i in range(p.size):
            if isinstance(p, Input):
                place, soma = "0.0", f"{_INPUT}[{line}]"
                line += 1
            else:
                tile, core = divmod(int(placement.core[p.name][i]), per_tile)
                place, soma = f"{tile}.{core}", _SOMA
            yield f'  - {groups[p.name]}.{i}: [core: {place}, soma: "{soma}"]'
