"""What a profile says of a measurement: one function for each kind, registered by its name.

Nothing is fitted here; a prediction reads the profile and the table ``predict`` of the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...errors import FileError, SnmemError
from ...network import Input, Network, Population, Projection
from ...neurons import LIF
from ...registry import Registry
from ..chip import Chip, load_chip
from ..events import EVENTS
from ..mapping.placement import Placement
from ..streaming import measure
from .measurements import Measurement

#: Kinds of predictions: functions of a profile and the table ``predict``, which return SI units (None: no price).
PREDICTIONS: Registry[Callable[[Chip, Mapping[str, Any]], float | None]] = Registry("kind of prediction")


def predict(row: Measurement) -> float | None:
    """What the profile says of a measurement, in SI units; None where a price is unknown.

    Raises
    ------
    FileError
        For a table ``predict`` that lacks something or names an event that there is not; the message names the row.
    """
    if row.role == "unpriced":
        return None
    options = dict(row.predict)
    try:
        return PREDICTIONS[options.pop("kind")](load_chip(row.chip), options)
    except SnmemError:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise FileError(f"measurement {row.name!r}: predict is incomplete ({type(error).__name__}: {error})") from None


@PREDICTIONS.register("events")
def _events(chip: Chip, options: Mapping[str, Any]) -> float | None:
    """Counts times prices: joules, or watts where ``per_second`` is set.

    ``events`` : counts by event, of the run.    ``seconds`` : duration of the run.    ``per_second`` : a power.
    ``static`` : chips whose static power counts for the duration.    ``host`` : the same for the host's.
    """
    seconds, joules = float(options.get("seconds", 1.0)), 0.0
    for name, count in options["events"].items():
        if name not in EVENTS:
            raise ValueError(f"no event {name!r}; use {', '.join(EVENTS)}")
        if chip.constant("energy", name).within or not count:
            continue
        price = chip.energy(name)
        if price is None:
            return None
        joules += count * price
    for key in ("static", "host"):
        joules += (chip.power(f"{key}_chip") or 0.0) * float(options.get(key, 0)) * seconds
    return joules / seconds if options.get("per_second") else joules


@PREDICTIONS.register("constant")
def _constant(chip: Chip, options: Mapping[str, Any]) -> float | None:
    """A constant of the profile, ``table`` and ``name``, for ``times`` chips; ``at`` : tiles, where it is a table."""
    value = chip.constant(options["table"], options["name"]).at(options.get("at", 1))
    return None if value is None else value * float(options.get("times", 1))


@PREDICTIONS.register("layers")
def _layers(chip: Chip, options: Mapping[str, Any]) -> float | None:
    """Layers of neurons, each connected to all of the next: joules of ``steps`` steps.

    ``layers`` : their sizes, the first being the input.    ``active`` : everything spikes in every step (true), or the
    input once.    ``seconds_of_host`` : seconds of the host's power on top.
    """
    sizes, steps, active = [int(n) for n in options["layers"]], int(options["steps"]), bool(options["active"])
    neuron = LIF(beta=0.0, theta=0.5, bias=1.0) if active else LIF(theta=np.inf)
    names = [f"layer {i}" for i in range(len(sizes))]
    populations = [
        Input(names[0], sizes[0]),
        *(Population(n, k, neuron) for n, k in zip(names[1:], sizes[1:], strict=True)),
    ]
    pairs = range(len(sizes) - 1)
    links = [Projection(names[i], names[i + 1], np.ones((sizes[i + 1], sizes[i]))) for i in pairs]
    spikes = np.ones((steps, sizes[0]))
    spikes[1:] *= active
    network = Network((*populations,), (*links,))
    bill = measure(network, {names[0]: spikes}, steps, chip, limits="report", detailed=False)
    host = (chip.power("host_chip") or 0.0) * float(options.get("seconds_of_host", 0.0))
    return None if bill.dynamic["total"] is None else bill.dynamic["total"] + host


@PREDICTIONS.register("idle step")
def _idle_step(chip: Chip, options: Mapping[str, Any]) -> float | None:
    """Seconds of a step in which ``neurons`` neurons, spread evenly over the cores of ``chips``, do not spike."""
    neurons, cores = int(options["neurons"]), int(options["chips"]) * chip.cores
    network = Network((Population("all", neurons, LIF(theta=np.inf, bias=1.0)),))
    placement = Placement({"all": np.arange(neurons) * cores // neurons})
    return measure(network, None, 1, chip, placement=placement, limits="report").seconds["simple"]


@PREDICTIONS.register("seconds")
def _seconds(chip: Chip, options: Mapping[str, Any]) -> float | None:
    """Counts times times, one after the other: seconds of a run on one core.  ``events`` : counts by event."""
    times = {name: chip.time(name) for name in options["events"]}
    if None in times.values():
        return None
    return sum(count * (times[name] or 0.0) for name, count in options["events"].items())
