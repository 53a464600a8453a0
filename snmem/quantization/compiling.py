"""What every compiler does around its own target: take a source, choose its integers, compare spikes, report.

A target's ``compile`` prepares the network as the target needs it, and writes and runs what it makes of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..network import Network
from ..nir_io import read_nir
from ..simulation import simulate
from ..spikes import Recording, Spikes
from ..stimuli import poisson
from .calibration import STRATEGIES, calibrate
from .calibration import report as quantization_report
from .grid import Quantized

#: Steps of random sample input, at least.
SAMPLE = 500


@dataclass(frozen=True)
class Spiking:
    """Spikes to compare on: ``inputs``, as for :func:`snmem.simulate`, or Poisson spikes of ``rate`` from ``seed``."""

    inputs: Mapping[str, Any] | None
    steps: int
    rate: float
    seed: int

    def compared(self, network: Network) -> Mapping[str, Any]:
        """The spikes that runs are compared on."""
        return poisson(network, self.steps, self.seed, self.rate) if self.inputs is None else self.inputs

    def sample(self, network: Network) -> tuple[Mapping[str, Any], int]:
        """The spikes that scales are chosen on, and their steps: random ones are other ones, and at least SAMPLE."""
        if self.inputs is not None:
            return self.inputs, self.steps
        length = max(self.steps, SAMPLE)
        return poisson(network, length, self.seed + 1, self.rate), length


@dataclass(frozen=True)
class Source:
    """What is compiled, its title, and the choices made where a file leaves something open."""

    network: Network
    title: str
    choices: list[Any]


def open_source(source: Network | str | os.PathLike[str], title: str | None, options: Mapping[str, Any]) -> Source:
    """A network, or that of a NIR file, read with ``options``."""
    choices: list[Any] = []
    if isinstance(source, Network):
        return Source(source, title or "network", choices)
    network = read_nir(source, report=choices.append, **options)
    return Source(network, title or Path(source).name.removesuffix(".nir"), choices)


@dataclass(frozen=True)
class Integers:
    """The network that a target runs, and how it was quantized (None: not at all)."""

    network: Network
    quantized: Quantized | None
    prepared: Network

    def report(self, inputs: Mapping[str, Any], steps: int) -> dict[str, Any] | None:
        """What the integers cost on ``inputs`` (:func:`snmem.quantization.calibration.report`); None without any."""
        return quantization_report(self.prepared, self.quantized, inputs, steps) if self.quantized else None

    def parts(self, projection: str) -> tuple[str, ...]:
        """Names of the projections that together carry a projection of the source."""
        return self.quantized.parts[projection] if self.quantized else (projection,)


def in_integers(prepared: Network, spiking: Spiking, strategy: str, report: Callable[[str], None]) -> Integers:
    """The integers of a float network, its scales chosen on sample input; a Loihi network stays as it is."""
    if prepared.arithmetic == "loihi":
        return Integers(prepared, None, prepared)
    report("choosing scales")
    quantized = calibrate(prepared, *spiking.sample(prepared), strategy)
    return Integers(quantized.network, quantized, prepared)


def check_strategy(strategy: str) -> None:
    """Raise InputError for a way of choosing scales that does not exist."""
    if strategy not in STRATEGIES:
        raise InputError(f"compile: quantization={strategy!r}; use one of {', '.join(STRATEGIES)}")


def run_exact(network: Network, inputs: Mapping[str, Any], steps: int) -> Recording:
    """Run a network on the engine, in its own arithmetic."""
    return simulate(network, inputs, steps, "loihi" if network.arithmetic == "loihi" else "event")


def starts_of(network: Network) -> dict[str, Any]:
    """Population -> v before the first step, where it is not 0."""
    found: dict[str, Any] = {p.name: getattr(p.neuron, "v_init", 0) for p in network.neurons}
    return {name: v for name, v in found.items() if np.any(v)}


def differing_cells(a: Mapping[str, Spikes], b: Mapping[str, Spikes], network: Network) -> dict[str, Any]:
    """Cells in which two runs differ, in all and for each population."""
    by_population = {p.name: a[p.name].differing(b[p.name])[0] for p in network.neurons}
    return {"cells": sum(by_population.values()), "by_population": by_population}


def projection_rows(
    network: Network,
    integers: Integers,
    found: Mapping[str, Any] | None,
    part: Callable[[str], dict[str, Any] | None],
) -> list[dict[str, Any]]:
    """A row for each projection of the source; ``part`` describes one that the target holds (None: it holds none)."""
    rows: list[dict[str, Any]] = []
    for q in network.projections:
        row: dict[str, Any] = {"name": q.name, "pre": q.pre, "post": q.post, "synapses": q.synapses, "delay": q.delay}
        row |= found["projections"][q.name] if found else {}
        row["parts"] = [{"name": name, **entry} for name in integers.parts(q.name) if (entry := part(name)) is not None]
        rows.append(row)
    return rows
