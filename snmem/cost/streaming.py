"""Simulate and bill in one go: chunk by chunk, in memory that does not grow with the activity of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.arguments import as_network
from ..network import Network
from .bill import Bill, make_bill
from .chip import Chip
from .counting.runs import run_metered
from .options import BillOptions, options_of


def measure(
    network: Network,
    inputs: Any,
    steps: int | None,
    chip: str | Path | Chip,
    options: BillOptions | None = None,
    *,
    backend: str = "event",
    progress: Callable[[int], None] | None = None,
    **changes: Any,
) -> Bill:
    """Simulate ``network`` for ``steps`` steps and return the bill; no recording is kept.

    Neurons updated are counted exactly, by step and core. Memory holds a chunk of steps at a time, and 26 bytes per
    step for the step times (with ``per_step`` 106).

    Parameters
    ----------
    network, inputs, steps, backend
        As for :func:`snmem.simulate`.
    chip, options, **changes
        As for :func:`snmem.cost.bill`.
    progress
        Called with the steps done so far.

    Raises
    ------
    InputError
        For what :func:`snmem.simulate` and :func:`snmem.cost.bill` refuse.
    """
    network = as_network(network, "measure")
    order = options_of("measure", options, changes).order(network, chip)
    if order.options.updated == "recorded":
        raise InputError('measure: updated="recorded" is for the bill of a recording; use "counted"')
    meter = order.meter()
    return make_bill(order, meter, run_metered([meter], inputs, steps, backend, order.options.updated, progress))
