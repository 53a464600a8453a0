"""How a run is billed: what :func:`snmem.cost.bill`, ``measure`` and ``cost_report`` share, and its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._text import listed
from ..description import is_whole, whole
from ..errors import InputError
from ..network import Network
from ..neurons import LIF, LoihiLIF
from ..neurons.base import require_neurons
from .chip import Chip, load_chip
from .counting.meter import Meter
from .mapping.placement import Fit, Placement, check_fit, check_placement, chips_used, fit, place_in_order
from .pricing import synapse_formats


@dataclass(frozen=True)
class BillOptions:
    """How a run is billed.

    Parameters
    ----------
    placement : Placement, optional
        Neurons on cores; by default :func:`snmem.cost.place_in_order`.
    synapses : str or mapping of str to str
        Format of the synapses, "dense", "sparse" or "conv", for all or by projection name; it sets the price of a
        synaptic event where the chip distinguishes them.
    updated : str
        "counted"; "all" charges every neuron with an update in every step; "recorded", of a recording, takes the counts
        that came with it, which leave out inputs that cancel, and spreads them evenly over steps and cores.
    step_time : float, optional
        Seconds of a step when throttled to real time; by default ``network.dt``.
    items : int
        Number of recalls or inferences in the run, for :meth:`Bill.per_item <snmem.cost.bill.Bill.per_item>`.
    limits : str
        "error" refuses a network that does not fit the chip; "report" bills it and lists the broken limits.
    most_chips : int, optional
        Chips there are. Where a network needs more cores than they have, every core takes several parts in turn:
        seconds are multiplied by the number of turns; exchanging their state is in neither time nor energy.
    detailed : bool
        Also run the detailed timing model.
    per_step : bool
        Keep the counts of every step (``Bill.by_step``).
    """

    placement: Placement | None = None
    synapses: str | Mapping[str, str] = "dense"
    updated: str = "counted"
    step_time: float | None = None
    items: int = 1
    limits: str = "error"
    most_chips: int | None = None
    detailed: bool = True
    per_step: bool = False

    def order(self, network: Network, chip: str | Path | Chip) -> Order:
        """Check the options for a network on a chip; InputError names what is wrong."""
        require_neurons("bill", network, (LIF, LoihiLIF), features=None)
        for q in network.projections:
            if q.signal != "spikes":
                raise InputError(f"bill: projection {q.name!r} delivers potentials, which have no price; use spikes")
        profile = load_chip(chip)
        formats = synapse_formats(network, profile, self.synapses)
        for name, allowed in (("limits", ("error", "report")), ("updated", ("counted", "recorded", "all"))):
            if getattr(self, name) not in allowed:
                choices = " or ".join(f'"{value}"' for value in allowed)
                raise InputError(f"bill: {name} must be {choices}, got {getattr(self, name)!r}")
        if not is_whole(self.items) or self.items < 1:
            raise InputError(f"bill: items must be a whole number >= 1, got {self.items!r}")
        most = profile.limit("chips")
        if self.most_chips is not None:
            whole("bill: most_chips", self.most_chips, 1, most)
        step = network.dt if self.step_time is None else self.step_time
        if not (np.isfinite(step) and step > 0):
            raise InputError(f"bill: step_time must be a positive number of seconds, got {self.step_time!r}")
        placement = place_in_order(network, profile) if self.placement is None else self.placement
        check_placement(network, placement)
        fitted = fit(network, placement, profile, shared=self.most_chips is not None)
        if self.limits == "error":
            check_fit(fitted, placement, profile)
        options = replace(self, placement=placement, step_time=float(step), items=int(self.items))
        most = chips_used(profile, placement) if self.most_chips is None else self.most_chips
        turns = -(-(int(placement.cores[-1]) + 1) // (most * profile.cores))
        return Order(network, profile, placement, fitted, formats, float(step), options, turns)


@dataclass(frozen=True)
class Order:
    """What to bill and how, already checked."""

    network: Network
    chip: Chip
    placement: Placement
    fit: Fit
    formats: Mapping[str, str]
    step_time: float
    options: BillOptions
    turns: int = 1

    @property
    def chips(self) -> int:
        """Chips in use."""
        used = chips_used(self.chip, self.placement)
        return min(used, self.options.most_chips or used)

    def meter(self) -> Meter:
        """A meter for the run."""
        o = self.options
        return Meter(self.network, self.placement, self.chip, self.formats, o.detailed, o.per_step)


def options_of(owner: str, options: BillOptions | None, changes: Mapping[str, Any]) -> BillOptions:
    """``options``, by default the usual ones, with ``changes`` by name; InputError for a name that is no option."""
    known = [field.name for field in fields(BillOptions)]
    for name in changes:
        if name not in known:
            raise InputError(f"{owner}: there is no option {name!r}; there are {listed(known)}")
    return replace(options or BillOptions(), **changes)
