"""The cost report: one run billed for a chip and its sisters, the placement, and the dense twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...network import Network
from ...simulation import simulate
from ..bill import Bill, Interval, make_bill
from ..chip import Chip, chips, load_chip
from ..dense import dense_twin
from ..estimators import Estimate, QuantizedTwin, estimates, quantized_twin
from ..mapping.placement import Placement
from ..mapping.traffic import Placed, place
from ..options import BillOptions, Order, options_of
from ..streaming import run_metered


class FamilyInterval(Interval):
    """Low and high over the profiles of a chip's family, and of each profile by name."""

    by_profile: dict[str, Interval]


@dataclass(frozen=True)
class CostReport:
    """What a run costs, complete.

    bill : on the chip that was asked for.    others : bills on further chips, or the reason why there is none.
    interval : energies of one item over all profiles of the chip's family: low, high (None: open), and by profile.
    twin : the dense twin (:func:`snmem.cost.dense.dense_twin`).
    quantized : the bit-matched quantised twin (:func:`snmem.cost.estimators.quantized_twin`).
    estimates : what papers print, from the same counts (:func:`snmem.cost.estimators.estimates`).
    placed : what the placement gained, if it was chosen.
    """

    bill: Bill
    others: Mapping[str, Bill | str]
    interval: FamilyInterval
    twin: Mapping[str, Any]
    quantized: QuantizedTwin
    estimates: tuple[Estimate, ...]
    placed: Placed | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data: the bill's tables, ``dense_twin``, ``quantized_twin``, ``estimates``, ``chips``.

        If a placement was chosen, ``placement`` too.
        """
        billed = self.bill.to_dict()
        data: dict[str, Any] = {**billed, "energy": {**billed["energy"], "interval": dict(self.interval)}}
        data["dense_twin"] = dict(self.twin)
        data["quantized_twin"] = self.quantized.to_dict()
        data["estimates"] = [x.to_dict() for x in self.estimates]
        data["chips"] = {
            name: {"refused": other} if isinstance(other, str) else _summary(other)
            for name, other in self.others.items()
        }
        if self.placed:
            gains = {key: self.placed.gain(key) for key in ("network_joules", "seconds")}
            data["placement"] = {"taken": self.placed.strategy, "gains": gains, "candidates": dict(self.placed.table)}
        return data

    def __rich__(self) -> Any:
        from .terminal import report_tables

        return report_tables(self)

    def html(self) -> str:
        """The report as one HTML page that needs no other file."""
        from .html import report_page

        return report_page(self)


def _summary(bill: Bill) -> dict[str, Any]:
    per = bill.per_item()
    keys = ("joules_per_item", "dynamic_joules_per_item", "static_joules_per_item", "seconds_per_item")
    out: dict[str, Any] = {k: per[k] for k in keys} | {"lower_bound": bill.lower_bound, "interval": dict(bill.interval)}
    return out | {"unpriced": list(bill.unpriced), "violations": list(bill.mapping["violations"])}


def cost_report(
    network: Network,
    inputs: Mapping[str, Any] | None,
    steps: int,
    chip: str | Path | Chip,
    *,
    also: Iterable[str | Path | Chip] | None = None,
    placement: str | Placement = "in_order",
    objective: str = "both",
    backend: str = "event",
    evaluations: int = 1,
    number: str = "fp16",
    parameters: int | None = None,
    weight_bits: int = 8,
    progress: Callable[[int], None] | None = None,
    options: BillOptions | None = None,
    **changes: Any,
) -> CostReport:
    """Simulate once and bill the run for a chip, for others, and for dense arithmetic.

    Parameters
    ----------
    network, inputs, steps
        What is run, as for :func:`snmem.simulate`.
    chip
        Profile: a name of :func:`snmem.cost.chips`, a path, or a Chip.
    also
        Further chips; default: the other profiles of the same family. One that the network does not fit is listed with
        the reason.
    placement
        "in_order", "traffic" or "hypergraph" (:func:`snmem.cost.place`, by the traffic of this very run), or a
        Placement.
    evaluations, number, parameters
        Of the dense twin (:func:`snmem.cost.dense.dense_twin`); ``parameters`` also of the quantised one.
    weight_bits
        Bits of a weight of the quantised twin (:func:`snmem.cost.estimators.quantized_twin`).
    objective
        Of placement by traffic, as for :func:`snmem.cost.place`.
    backend, progress
        As for :func:`snmem.cost.measure`.
    options, **changes
        As for :func:`snmem.cost.bill`; ``per_step`` counts for the first chip.

    Raises
    ------
    InputError
        For what :func:`snmem.cost.measure` refuses.
    """
    profile = load_chip(chip)
    placed = None
    if isinstance(placement, str):
        if placement not in ("in_order", "traffic", "hypergraph"):
            names = '"in_order", "traffic", "hypergraph"'
            raise InputError(f"cost: placement must be {names} or a Placement, got {placement!r}")
        if placement != "in_order":
            spikes = simulate(network, inputs, steps, backend).spikes
            placed = place(network, profile, spikes, strategy=placement, objective=objective)
    chosen = placed.placement if placed else placement if isinstance(placement, Placement) else None
    options = options_of("cost_report", options, changes)
    order = replace(options, placement=chosen).order(network, profile)
    further = replace(options, placement=None, per_step=False)
    orders: list[Order] = [order]
    refused: dict[str, str] = {}
    for other in _family(profile) if also is None else also:
        given = load_chip(other)
        try:
            orders.append(further.order(network, given))
        except InputError as error:
            refused[given.name] = str(error)
    meters = [o.meter() for o in orders]
    totals = run_metered(meters, inputs, steps, backend, options.updated, progress)
    bills = [make_bill(o, m, totals) for o, m in zip(orders, meters, strict=True)]
    family = {b.chip: b for o, b in zip(orders, bills, strict=True) if o.chip.family == profile.family}
    others: dict[str, Bill | str] = {b.chip: b for b in bills[1:]}
    twin = dense_twin(network, bills[0], evaluations=evaluations, number=number, parameters=parameters)
    quantized = quantized_twin(network, bills[0], weight_bits=weight_bits, stored_weights=parameters)
    return CostReport(
        bills[0], others | refused, _interval(family), twin, quantized, estimates(network, bills[0]), placed
    )


def _family(chip: Chip) -> list[str]:
    """The other shipped profiles of the same chip."""
    return [n for n in chips() if n != chip.name and chip.family and load_chip(n).family == chip.family]


def _interval(bills: Mapping[str, Bill]) -> FamilyInterval:
    """Low and high over the profiles of a family; a profile that is a lower bound does not set the high end."""
    by_profile = {name: b.interval.copy() for name, b in bills.items()}
    each = by_profile.values()
    return {
        "by_profile": by_profile,
        "dynamic": _around(i["dynamic"] for i in each),
        "static": _around(i["static"] for i in each),
        "total": _around(i["total"] for i in each),
    }


def _around(pairs: Iterable[list[float | None]]) -> list[float | None]:
    """The lowest low and the highest high that are known."""
    lows, highs = ([x for x in ends if x is not None] for ends in zip(*pairs, strict=True))
    return [min(lows, default=None), max(highs, default=None)]
