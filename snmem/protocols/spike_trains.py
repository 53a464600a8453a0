"""Statistics of spike trains: rates, irregularity and correlation, as the literature of network models gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..plots import raster
from ..spikes import Recording, Spikes

#: Intervals that a neuron needs for a coefficient of variation.
LEAST = 3


def rates(spikes: Spikes, dt: float) -> NDArray[np.float64]:
    """Spikes per second of each neuron; ``dt`` is the duration of a step in seconds."""
    return np.bincount(spikes.neuron, minlength=spikes.size) / (spikes.steps * dt)


def interval_cv(spikes: Spikes) -> NDArray[np.float64]:
    """Standard deviation of a neuron's intervals by their mean, of the neurons with at least three intervals."""
    order = np.lexsort((spikes.step, spikes.neuron))
    owner, length = spikes.neuron[order][1:], np.diff(spikes.step[order])
    same = owner == spikes.neuron[order][:-1]
    owner, length = owner[same], length[same].astype(np.float64)
    count = np.bincount(owner)
    enough = count >= LEAST
    mean = np.bincount(owner, length)[enough] / count[enough]
    square = np.bincount(owner, length**2)[enough] / count[enough]
    return np.sqrt(np.maximum(square - mean**2, 0)) / mean


def correlations(spikes: Spikes, width: int, neurons: int = 200) -> NDArray[np.float64]:
    """Pearson correlation of spike counts in bins of ``width`` steps, of all pairs of the first ``neurons`` that spike.

    A rest of steps shorter than a bin is left out.
    """
    bins = spikes.steps // width
    if not bins:
        return np.zeros(0)
    used = spikes.step < bins * width
    step, neuron = spikes.step[used], spikes.neuron[used]
    chosen = np.unique(neuron)[:neurons]
    there = np.isin(neuron, chosen)
    cells = np.searchsorted(chosen, neuron[there]) * bins + step[there] // width
    counts = np.bincount(cells, minlength=len(chosen) * bins).reshape(len(chosen), bins)
    counts = counts[counts.std(axis=1) > 0]
    if len(counts) < 2:
        return np.zeros(0)
    return np.asarray(np.corrcoef(counts)[np.triu_indices(len(counts), 1)], np.float64)


def draw_raster(recording: Recording, path: Path, populations: Sequence[str] | None = None) -> str:
    """Write a raster of a run; returns its path, for a result's ``files``."""
    raster(recording, populations).savefig(path, dpi=150)
    return str(path)
