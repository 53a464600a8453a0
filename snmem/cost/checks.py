"""Published measurements of whole systems beside what the profiles say of them, with the error. Nothing is fitted.

Each row is worked out from a profile alone, by a network of the published size or by closed form. Where the publication
leaves traffic open, the row is a bound: of a step in which nothing spikes, or of steps in which everything does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from .chip import load_chip
from .mapping.placement import Placement
from .streaming import measure

NAHUKU, DAVIES = "loihi1-nahuku", "loihi1-davies2018"


def _row(
    name: str, chip: str, value: float | None, published: float, unit: str, role: str, note: str
) -> dict[str, Any]:
    error = None if value is None else value / published - 1
    row = {"name": name, "chip": chip, "value": value, "published": published, "unit": unit, "error": error}
    return row | {"role": role, "note": note}


def closed_form_checks() -> list[dict[str, Any]]:
    """Rows of name, chip, value, published, unit, error (relative), role ("held out", "bound", "source") and note."""
    return [*_nearest_neighbours(), *_keywords(), *_truenorth(), *_odin()]


def _nearest_neighbours() -> list[dict[str, Any]]:
    """Nearest neighbours on 32 chips (Frady et al., NICE 2020): powers, and the time of a step."""
    chips, patterns = 32, 76_800
    rows = []
    powers = (("static power", "static_chip", 3.34), ("power of the x86 cores", "host_chip", 2.115))
    for name, constant, published in powers:
        watts = (load_chip(NAHUKU).power(constant) or 0.0) * chips
        rows.append(
            _row(f"k-NN, 32 chips: {name}", NAHUKU, watts, published, "W", "source", "the constant comes from here")
        )
    network = Network((Population("patterns", patterns, LIF(theta=np.inf, bias=1.0)),))
    for name in (NAHUKU, DAVIES):
        cores = chips * load_chip(name).cores
        placement = Placement({"patterns": np.arange(patterns) * cores // patterns})
        seconds = measure(network, None, 1, name, placement=placement, limits="report").seconds["simple"]
        note = "a step without spikes; barriers across chips and traffic have no public time"
        rows.append(_row("k-NN, 32 chips: time of a step", name, seconds, 5.8e-6, "s", "bound", note))
    barrier = load_chip(NAHUKU).constant("time", "barrier").at(32)
    note = "the profile's barrier is that of one chip; the step across chips is measured, but has no model here"
    for many, seconds in ((256, 14.3e-6), (768, 16.2e-6)):
        rows.append(_row(f"barrier across {many} chips", NAHUKU, barrier, seconds, "s", "held out", note))
    return rows


def _keywords() -> list[dict[str, Any]]:
    """Keyword spotting (Blouw et al., NICE 2019): 0.27 mJ of dynamic energy an inference at 296 inferences a second."""
    steps, rate, published = 10, 296.0, 81e-3 / 296
    sizes = (390, 256, 256, 29)
    names = ("in", "one", "two", "out")
    always = LIF(beta=0.0, theta=0.5, bias=1.0)
    populations = [Input(names[0], sizes[0])]
    populations += [Population(n, k, always) for n, k in zip(names[1:], sizes[1:], strict=True)]
    projections = [Projection(names[i], names[i + 1], np.ones((sizes[i + 1], sizes[i]))) for i in range(3)]
    bill = measure(Network((*populations,), (*projections,)), {"in": np.ones((steps, sizes[0]))}, steps, NAHUKU)
    dynamic, host = bill.dynamic["total"], load_chip(NAHUKU).power("host_chip") or 0.0
    assumed = "390-256-256-29 neurons for 10 steps is assumed"
    static = load_chip(NAHUKU).power("static_chip")
    return [
        _row("keyword spotting: dynamic energy, neurons and network", NAHUKU, dynamic, published, "J", "bound",
             f"everything spikes in every step; {assumed}: the cores alone do not explain what was measured"),
        _row("keyword spotting: the same and the x86 cores", NAHUKU, dynamic + host / rate, published, "J", "bound",
             f"x86 power over 1/296 s on top; {assumed}"),
        _row("keyword spotting: idle power", NAHUKU, static, 29e-3, "W", "held out",
             "two measurements of idle chips disagree; both are the ends of the profile's interval"),
    ]  # fmt: skip


def _truenorth() -> list[dict[str, Any]]:
    """TrueNorth at 20 Hz and 128 active synapses a neuron: 72 mW (Merolla et al., Science 2014)."""
    events = 2**20 * 20 * 128
    watts = events * (load_chip("truenorth").energy("synaptic_event") or 0.0)
    note = "2.7 G synaptic events a second; the price is this power over its events, rounded"
    return [_row("TrueNorth, 20 Hz, 128 synapses: power", "truenorth", watts, 72e-3, "W", "source", note)]


def _odin() -> list[dict[str, Any]]:
    """ODIN on handwritten digits: 15 nJ an inference (Frenkel et al. 2019)."""
    network = Network(
        (Input("pixels", 256), Population("digits", 10, LIF(theta=np.inf))),
        (Projection("pixels", "digits", np.ones((10, 256))),),
    )
    bill = measure(network, {"pixels": np.ones((1, 256))}, 2, "odin", limits="report", detailed=False)
    note = "every one of 16 x 16 pixels spikes once into 10 neurons, which is assumed; 15 nJ are 1,181 events"
    return [_row("ODIN, a digit: energy", "odin", bill.dynamic["total"], 15e-9, "J", "bound", note)]
