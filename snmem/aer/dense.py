"""The dense twin: the same connections as dense arithmetic, billed by the same rules, and where spikes stop winning.

The twin multiplies every synapse once per evaluation and moves every weight and activation once. An item (a recall, an
inference) takes ``evaluations`` of them: 1 for a network that computes in one pass what the spiking one computes over
time. Counted in favour of the twin: only existing synapses are multiplied, and no instruction, launch or host is
charged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from ..content import content_dir
from ..errors import InputError
from ..network import Network
from .bill import Bill
from .chip import Constant, parse_constant

#: Bytes of a number.
FORMATS = {"fp32": 4, "fp16": 2, "int8": 1}
#: Memory of the 45 nm machine, by the bytes it holds.
_MEMORIES = ((8 * 1024, "sram_8k"), (32 * 1024, "sram_32k"), (1024 * 1024, "sram_1m"), (float("inf"), "dram"))
_NAMES = (
    "mac_fp32", "mac_fp16", "mac_int8", "sram_8k", "sram_32k", "sram_1m", "dram", "mac", "byte", "byte_time",
    "mac_time",
)  # fmt: skip


def dense_constants() -> tuple[dict[str, dict[str, Constant]], dict[str, str]]:
    """Constants of the dense machines and the sources they name."""
    data = tomllib.loads((content_dir("hardware") / "_dense.toml").read_text(encoding="utf-8"))
    sources = data.pop("sources")
    data.pop("title")
    tables = {
        machine: {
            name: parse_constant(
                f"dense {machine}.{name}", name, row, "time" if name.endswith("_time") else "energy", _NAMES, sources
            )
            for name, row in rows.items()
        }
        for machine, rows in data.items()
    }
    return tables, sources


def dense_twin(
    network: Network, bill: Bill, *, evaluations: int = 1, number: str = "fp16", parameters: int | None = None
) -> dict[str, Any]:
    """Bill the dense twin of one item of ``bill`` on 45 nm arithmetic with memory, and on an A100 and an H100.

    Parameters
    ----------
    evaluations : passes through the network that make one item; ``bill.steps // bill.items`` compares with stepping it.
    number : "fp32", "fp16" or "int8"; the size of a weight and of an activation (the cards compute in 16 bits).
    parameters : stored weights, if they are shared (convolutions); default: one per synapse.

    Returns
    -------
    Plain data: macs, weights and activations moved per item; for each machine joules, seconds where known, the ratio to
    the spiking energy, and ``break_even``: the synaptic events per MAC up to which spiking wins (None: never, since
    what it spends without any spike is more already).    The spiking side counts dynamic energy against 45 nm
    arithmetic, and dynamic + static energy against the cards, whose figures hold everything.
    """
    if number not in FORMATS:
        raise InputError(f"dense_twin: number must be one of {', '.join(FORMATS)}, got {number!r}")
    if evaluations < 1:
        raise InputError(f"dense_twin: evaluations must be at least 1, got {evaluations}")
    macs = evaluations * sum(q.synapses for q in network.projections)
    weights = sum(q.synapses for q in network.projections) if parameters is None else parameters
    activations = sum(p.size for p in network.populations)
    tables, sources = dense_constants()
    stored = FORMATS[number] * (weights + activations)
    moved = evaluations * FORMATS[number] * (weights + 2 * activations)
    machines = {"cmos45": _cmos45(tables["cmos45"], number, macs, moved, stored)}
    for card in ("a100", "h100"):
        machines |= _card(card, tables[card], macs, moved)
    dynamic = bill.dynamic["total"] / bill.items
    static = bill.static["free_running"]
    all_in = None if static is None else dynamic + static / bill.items
    events = bill.counters["synaptic_events"] / bill.items
    for name, row in machines.items():
        spiking = dynamic if name == "cmos45" else all_in
        row |= _compare(row["joules"], spiking, _fixed(bill, name != "cmos45"), events, macs)
    return {
        "evaluations": evaluations,
        "number": number,
        "macs": macs,
        "bytes_stored": stored,
        "bytes_moved": moved,
        "synaptic_events_per_mac": events / macs if macs else None,
        "machines": machines,
        "sources": sources,
    }


def _cmos45(c: Mapping[str, Constant], number: str, macs: int, moved: int, stored: int) -> dict[str, Any]:
    memory = next(c[name] for size, name in _MEMORIES if stored <= size)
    price, mac = memory.value or 0.0, c[f"mac_{number}"].value or 0.0
    out: dict[str, Any] = {"joules": macs * mac + moved * price, "arithmetic": macs * mac, "memory": moved * price}
    ends = [macs * mac + moved * (price if end is None else end) for end in (memory.low, memory.high)]
    return out | {"interval": ends, "memory_kind": memory.name, "seconds": None}


def _card(name: str, c: Mapping[str, Constant], macs: int, moved: int) -> dict[str, dict[str, Any]]:
    """One item at a time, when moving the weights sets the pace, and at full load, when arithmetic does."""
    v = {k: x.value or 0.0 for k, x in c.items()}
    alone = {
        "joules": max(moved * v["byte"], macs * v["mac"]),
        "seconds": max(moved * v["byte_time"], macs * v["mac_time"]),
    }
    full = {"joules": macs * v["mac"], "seconds": macs * v["mac_time"]}
    return {f"{name} batch 1": alone, f"{name} full load": full}


def _fixed(bill: Bill, all_in: bool) -> float | None:
    """Joules of an item that do not depend on spikes: neurons accessed and updated, and static energy if it counts."""
    fixed = sum(x.joules or 0.0 for x in bill.lines if x.name in ("neuron_access", "neuron_update")) / bill.items
    if not all_in:
        return fixed
    static = bill.static["free_running"]
    return None if static is None else fixed + static / bill.items


def _compare(dense: float, spiking: float | None, fixed: float | None, events: float, macs: int) -> dict[str, Any]:
    if spiking is None or fixed is None or not events or not macs:
        return {"spiking_joules": spiking, "dense_over_spiking": None, "break_even": None}
    per_event = (spiking - fixed) / events
    limit = (dense - fixed) / per_event / macs if per_event > 0 and dense > fixed else None
    ratio = dense / spiking if spiking else None
    return {"spiking_joules": spiking, "dense_over_spiking": ratio, "break_even": limit}
