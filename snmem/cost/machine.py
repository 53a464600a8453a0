"""A profile of this computer running the event engine: times of a neuron step, a spike and a synaptic event, measured.

Runs of known counts are timed and divided among their events by least squares, none below 0. Joules come from the
processor's own meter (RAPL, Linux) where it may be read, and stay unknown where it may not.
"""

from __future__ import annotations

import os
import platform
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import nnls

from ..io.files import replace_file
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from ..simulation import simulate
from .chip import Chip, parse_chip

#: Events whose price is measured, in the order of the columns of the fit.
PRICED = ("neuron_access", "neuron_spike", "synaptic_event")
RAPL = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Run:
    """One timed run: its counts by event, seconds, and joules where they can be read."""

    counts: Mapping[str, int]
    seconds: float
    joules: float | None


def _meters() -> list[Path]:
    """Energy counters of the processor packages that may be read."""
    found = sorted(RAPL.glob("intel-rapl:*/energy_uj"))
    return [path for path in found if path.parent.name.count(":") == 1 and os.access(path, os.R_OK)]


def _joules(meters: list[Path]) -> float:
    return sum(int(path.read_text()) for path in meters) * 1e-6


def _network(neurons: int, spiking: bool, fan_out: int, rng: np.random.Generator) -> Network:
    """Neurons that a bias keeps busy, and, with ``fan_out``, inputs that reach random ones."""
    neuron = LIF(beta=0.9, bias=1.0 if spiking else 0.01, theta=0.5)
    populations: list[Input | Population] = [Population("neurons", neurons, neuron)]
    projections = []
    if fan_out:
        lines = max(1, neurons // 10)
        target = rng.integers(0, neurons, (lines, fan_out))
        weights = sp.csr_array(
            (np.full(target.size, 1e-6), (target.ravel(), np.repeat(np.arange(lines), fan_out))), shape=(neurons, lines)
        )
        populations.insert(0, Input("lines", lines))
        projections.append(Projection("lines", "neurons", weights))
    return Network((*populations,), (*projections,))


def _timed(network: Network, inputs: Mapping[str, Any], steps: int, repeats: int) -> Run:
    """The fastest of some runs, after one that compiles."""
    simulate(network, inputs, steps, progress=False)
    meters, best = _meters(), None
    for _ in range(repeats):
        joules, began = _joules(meters), time.perf_counter()
        recording = simulate(network, inputs, steps, progress=False)
        seconds, spent = time.perf_counter() - began, _joules(meters) - joules
        if best is None or seconds < best.seconds:
            c = recording.counters
            counts = {
                "neuron_access": sum(c.accessed.values()),
                "neuron_spike": sum(c.spikes[p.name] for p in network.neurons),
                "synaptic_event": sum(c.synaptic_events.values()),
            }
            best = Run(counts, seconds, spent if meters and spent > 0 else None)
    assert best is not None
    return best


def runs(neurons: int = 100_000, steps: int = 200, repeats: int = 3, seed: int = 0) -> list[Run]:
    """The runs that a profile is fitted to: neurons that only step, that spike in every step, and that get input."""
    rng = np.random.default_rng(seed)
    out = [_timed(_network(neurons, spiking, 0, rng), {}, steps, repeats) for spiking in (False, True)]
    for fan_out in (20, 100):
        network = _network(neurons, False, fan_out, rng)
        spikes = rng.random((steps, network["lines"].size)) < 0.1
        out.append(_timed(network, {"lines": spikes}, steps, repeats))
    return out


def fitted(found: list[Run], value: Callable[[Run], float | None]) -> dict[str, float] | None:
    """What each event takes, by least squares with nothing below 0; None where ``value`` is unknown."""
    values = [value(run) for run in found]
    if None in values:
        return None
    counts = np.array([[run.counts[name] for name in PRICED] for run in found], float)
    scale = np.array(values, float)  # so that relative errors count
    return dict(zip(PRICED, nnls(counts / scale[:, None], np.ones(len(found)))[0].tolist(), strict=True))


def measure_machine(
    neurons: int = 100_000, steps: int = 200, repeats: int = 3, path: str | Path | None = None
) -> tuple[Chip, str]:
    """Measure this computer (about 10 s) and return its profile, and the profile as TOML.

    Parameters
    ----------
    neurons, steps, repeats : int
        Size of the runs, and how often each is timed; the fastest counts.
    path : str or Path, optional
        File to write the profile to; then ``snmem cost net.nir --chip FILE`` uses it.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    found = runs(neurons, steps, repeats)
    text = _toml(fitted(found, lambda run: run.seconds) or {}, fitted(found, lambda run: run.joules))
    chip = parse_chip(tomllib.loads(text), "this-machine")
    if path is not None:
        with replace_file(Path(path), "w") as file:
            file.write(text)
    return chip, text


def _toml(seconds: Mapping[str, float], joules: Mapping[str, float] | None) -> str:
    def rows(values: Mapping[str, float] | None, unit: str, scale: float) -> list[str]:
        why, measured = "the processor's energy meter cannot be read here", 'kind = "measured", source = "here"'
        return [
            f'{name} = {{ value = "unknown", note = "{why}" }}'
            if values is None
            else f'{name} = {{ value = {values[name] / scale:.6g}, unit = "{unit}", {measured} }}'
            for name in PRICED
        ]

    part = 'kind = "derived", source = "here"'
    zero = [f'{name} = {{ value = 0, unit = "ns", {part} }}' for name in _FREE]
    free = [f'{name} = {{ value = 0, unit = "nJ", {part} }}' for name in _FREE if name != "barrier"]
    size = [f'{name} = {{ value = 1, unit = "{unit}", {part} }}' for name, unit in _SIZE]
    machine = "".join(
        c if c.isprintable() and c not in '"\\' else " " for c in platform.processor() or platform.machine()
    )
    return "\n".join(
        [
            f'title = "This machine ({machine}), one thread of the event engine"',
            'family = "this-machine"',
            'phases = "sequential"',
            'summary = "Fitted to timed runs of this computer; whatever else ran at the time is in it."',
            'not_modelled = ["memory that does not fit the caches", "other threads", "learning"]',
            "",
            "[sources]",
            f'here = "snmem chips --measure, {time.strftime("%Y-%m-%d")}, {platform.system()}"',
            "",
            "[energy]",
            *rows(joules, "nJ", 1e-9),
            *([] if joules is None else free),
            "",
            "[time]",
            *rows(seconds, "ns", 1e-9),
            *zero,
            "",
            "[power]",
            'static_chip = { value = "unknown", note = "the energy per event holds it, while the engine runs" }',
            "",
            "[geometry]",
            *size,
            "",
        ]
    )


#: What a program on one thread has for nothing, or within the events that are measured.
_FREE = ("neuron_update", "packet", "packet_receive", "input_packet", "hop_ew", "hop_ns", "barrier")
_SIZE = (("tiles_x", "tiles"), ("tiles_y", "tiles"), ("cores_per_tile", "cores"))
