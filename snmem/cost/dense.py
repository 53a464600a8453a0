"""The dense twin: the same connections as dense arithmetic, billed by the same rules, and where spikes stop winning.

The twin multiplies every synapse once per evaluation and moves every weight and activation once. An item (a recall, an
inference) takes ``evaluations`` of them: 1 for a network that computes in one pass what the spiking one computes over
time. Counted in favour of the twin: only existing synapses are multiplied, and no instruction, launch or host is
charged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._weights import values_of
from ..errors import InputError
from ..installation.content import content_dir
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
    network, bill
        The network, and the bill of its run.
    evaluations
        Passes through the network that make one item; ``bill.steps // bill.items`` compares with stepping it.
    number
        "fp32", "fp16" or "int8"; the size of a weight and of an activation (the cards compute in 16 bits).
    parameters
        Stored weights, if others are shared than those of convolutions; default: one for each synapse, and those of the
        kernel of a convolution.

    Returns
    -------
    Plain data: macs, weights and activations moved per item, ``activity`` of the run (spikes per neuron or input line
    and step); for each machine joules, seconds where known, the ratio to the spiking energy, and up to where spiking
    wins: ``break_even`` in synaptic events per MAC, ``break_even_activity`` in spikes per neuron and step (None: never,
    since what it spends without any spike is more already, or unknown, since the chip gives no joules).
    The spiking side counts dynamic energy against 45 nm arithmetic, and dynamic + static energy against the cards,
    whose figures hold everything.
    ``every_step`` holds the machines again for a twin that is evaluated in every step of the item.
    """
    if number not in FORMATS:
        raise InputError(f"dense_twin: number must be one of {', '.join(FORMATS)}, got {number!r}")
    if evaluations < 1:
        raise InputError(f"dense_twin: evaluations must be at least 1, got {evaluations}")
    synapses = sum(q.synapses for q in network.projections)
    kept = sum(values_of(q.weights).size for q in network.projections)
    weights = kept if parameters is None else parameters
    activations = sum(p.size for p in network.populations)
    spikes = bill.counters["spikes"] + bill.counters["input_spikes"]
    tables, sources = dense_constants()
    size = FORMATS[number]
    job = _Job(number, synapses, size * (weights + 2 * activations), size * (weights + activations))
    return {
        "evaluations": evaluations,
        "number": number,
        "macs": evaluations * job.macs,
        "weights_moved": evaluations * weights,
        "activations_moved": evaluations * 2 * activations,
        "bytes_stored": job.stored,
        "bytes_moved": evaluations * job.moved,
        "synaptic_events_per_mac": _ratio(bill.counters["synaptic_events"] / bill.items, evaluations * job.macs),
        "activity": spikes / (activations * bill.steps),
        "machines": _machines(bill, tables, job, evaluations),
        "every_step": _machines(bill, tables, job, max(1, bill.steps // bill.items)),
        "sources": sources,
    }


def dense_job(macs: int, moved: int, stored: int, number: str = "int8") -> dict[str, dict[str, Any]]:
    """Joules of dense arithmetic that is no network, such as attention, on the machines of :func:`dense_twin`.

    Parameters
    ----------
    macs : int
        Multiplications with accumulation.
    moved, stored : int
        Bytes moved, and bytes of the memory that holds them.
    number : str
        "fp32", "fp16" or "int8" (the cards compute in 16 bits).

    Raises
    ------
    InputError
        For an unknown number format.
    """
    if number not in FORMATS:
        raise InputError(f"dense_job: number must be one of {', '.join(FORMATS)}, got {number!r}")
    tables, job = dense_constants()[0], _Job(number, macs, moved, stored)
    machines = {"cmos45": _cmos45(tables["cmos45"], job)}
    return machines | _card("a100", tables["a100"], job) | _card("h100", tables["h100"], job)


@dataclass(frozen=True)
class _Job:
    """One evaluation of the twin: number format, MACs, bytes moved, bytes stored."""

    number: str
    macs: int
    moved: int
    stored: int

    def times(self, n: int) -> _Job:
        return replace(self, macs=n * self.macs, moved=n * self.moved)


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _machines(
    bill: Bill, tables: Mapping[str, Mapping[str, Constant]], one: _Job, evaluations: int
) -> dict[str, dict[str, Any]]:
    """The twin on each machine, beside an item of the bill."""
    job = one.times(evaluations)
    machines = {"cmos45": _cmos45(tables["cmos45"], job)}
    for card in ("a100", "h100"):
        machines |= _card(card, tables[card], job)
    per = bill.per_item()
    dynamic, all_in = per["dynamic_joules_per_item"], per["joules_per_item"]
    for name, row in machines.items():
        row |= _compare(bill, row["joules"], dynamic if name == "cmos45" else all_in, _fixed(bill, name), job.macs)
    return machines


def _cmos45(c: Mapping[str, Constant], job: _Job) -> dict[str, Any]:
    memory = next(c[name] for size, name in _MEMORIES if job.stored <= size)
    price, mac = memory.value or 0.0, c[f"mac_{job.number}"].value or 0.0
    arithmetic, moving = job.macs * mac, job.moved * price
    out: dict[str, Any] = {"joules": arithmetic + moving, "arithmetic": arithmetic, "memory": moving}
    ends = [arithmetic + job.moved * (price if end is None else end) for end in (memory.low, memory.high)]
    return out | {"interval": ends, "memory_kind": memory.name, "seconds": None}


def _card(name: str, c: Mapping[str, Constant], job: _Job) -> dict[str, dict[str, Any]]:
    """One item at a time, when moving the weights sets the pace, and at full load, when arithmetic does."""
    v = {k: x.value or 0.0 for k, x in c.items()}
    alone = {
        "joules": max(job.moved * v["byte"], job.macs * v["mac"]),
        "seconds": max(job.moved * v["byte_time"], job.macs * v["mac_time"]),
    }
    full = {"joules": job.macs * v["mac"], "seconds": job.macs * v["mac_time"]}
    return {f"{name} batch 1": alone, f"{name} full load": full}


def _fixed(bill: Bill, machine: str) -> float | None:
    """Joules of an item that do not depend on spikes: neurons accessed and updated, and static energy if it counts."""
    fixed = sum(x.joules or 0.0 for x in bill.lines if x.name in ("neuron_access", "neuron_update")) / bill.items
    if machine == "cmos45":
        return fixed
    static = bill.static["free_running"]
    return None if static is None else fixed + static / bill.items


def _compare(bill: Bill, dense: float, spiking: float | None, fixed: float | None, macs: int) -> dict[str, Any]:
    """The ratio of the energies and the activity at which they are equal; all but ``fixed`` goes with the events."""
    out: dict[str, Any] = {"spiking_joules": spiking, "spiking_joules_without_spikes": fixed}
    out |= {"dense_over_spiking": _ratio(dense, spiking or 0.0), "break_even": None, "break_even_activity": None}
    events = bill.counters["synaptic_events"] / bill.items
    if spiking is None or fixed is None or spiking <= fixed or not macs or dense <= fixed:
        return out
    times = (dense - fixed) / (spiking - fixed)
    cells = bill.steps * sum(row["neurons"] for row in bill.layers.values())
    spikes = bill.counters["spikes"] + bill.counters["input_spikes"]
    return out | {"break_even": times * events / macs, "break_even_activity": times * spikes / cells}
