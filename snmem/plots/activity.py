"""Spikes, rates and state variables of a run over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._text import listed
from ..errors import InputError
from ..network import Network
from ..neurons import LIF
from ..spikes import Recording, Spikes, count
from .style import PALETTE, bare, label, new_figure, paper_axes, times

#: Spikes that are drawn one by one; more are drawn as the share of neurons that spike, in columns and rows.
MARKS = 100_000
_COLUMNS, _ROWS = 1000, 400


def _chosen(recording: Recording, populations: str | Sequence[str] | None) -> list[str]:
    return [populations] if isinstance(populations, str) else list(populations or recording.spikes)


def raster(recording: Recording, populations: str | Sequence[str] | None = None) -> Any:
    """Return a figure of all spikes: time to the right, neurons upwards, the populations in colours above each other.

    Up to 100,000 spikes are a mark each. More are drawn as an image whose darkness is the share of neurons that spike
    in each part of time and population, so that none is left out.

    Parameters
    ----------
    recording : Recording
        What :func:`snmem.simulate` returned.
    populations : str or sequence of str, optional
        Which to show, from the top; by default all.

    Raises
    ------
    UnknownNameError
        For a population that was not recorded.
    """
    names = _chosen(recording, populations)
    total = sum(recording.spikes[name].size for name in names)
    figure, axes = paper_axes(min(1.2 + 0.35 * len(names), 5.0) if len(names) > 2 else 2.2)
    marks = sum(len(recording.spikes[name]) for name in names) <= MARKS
    middles: list[float] = []
    top, axis = 0, "step"
    for i, name in enumerate(reversed(names)):
        spikes, colour = recording.spikes[name], PALETTE[(len(names) - 1 - i) % len(PALETTE)]
        if marks:
            at, axis = times(spikes.step, recording.dt, recording.start, recording.steps)
            axes.scatter(at, spikes.neuron + top, s=60 / max(total, 15), marker="|", lw=0.8, color=colour)
        else:
            axis = _density(axes, recording, spikes, top, colour)
        middles.append(top + spikes.size / 2)
        top += spikes.size
        if i < len(names) - 1:
            axes.axhline(top - 0.5, color="0.8", lw=0.5)
    ends, axis = times(np.array([0, recording.steps]), recording.dt, recording.start, recording.steps)
    axes.set(xlim=ends, ylim=(-0.5, top - 0.5), xlabel=axis)
    axes.set_yticks(middles, [f"{label(n)}\n({recording.spikes[n].size:,})" for n in reversed(names)])
    axes.tick_params(axis="y", length=0)
    return figure


def _density(axes: Any, recording: Recording, spikes: Spikes, bottom: int, colour: str) -> str:
    """An image of the share of neurons that spike."""
    from matplotlib.colors import LinearSegmentedColormap

    shape = min(_ROWS, spikes.size), min(_COLUMNS, spikes.steps)
    counts, rows, columns = np.histogram2d(
        spikes.neuron, spikes.step, bins=shape, range=((0, spikes.size), (0, spikes.steps))
    )
    share = counts / np.outer(np.diff(rows), np.diff(columns))
    at, axis = times(columns[[0, -1]], recording.dt, recording.start, recording.steps)
    axes.imshow(
        share,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(at[0], at[1], bottom - 0.5, bottom + spikes.size - 0.5),
        cmap=LinearSegmentedColormap.from_list("share", ["white", colour]),
        vmin=0,
        vmax=float(share.max()) or 1.0,
    )
    return axis


def rates(recording: Recording, populations: str | Sequence[str] | None = None, *, window: int | None = None) -> Any:
    """Return a figure of the mean firing rate of populations over time.

    Parameters
    ----------
    recording : Recording
        What :func:`snmem.simulate` returned.
    populations : str or sequence of str, optional
        Which to show; by default all.
    window : int, optional
        Steps over which spikes are counted; by default a hundredth of the run.

    Raises
    ------
    InputError
        For a window below 1.
    UnknownNameError
        For a population that was not recorded.
    """
    width = count("plots.rates: window", window, 1) if window is not None else max(1, recording.steps // 100)
    edges = np.append(np.arange(0, recording.steps, width), recording.steps)
    figure, axes = paper_axes(2.0)
    axis = "step"
    for i, name in enumerate(_chosen(recording, populations)):
        spikes = recording.spikes[name]
        per_step = np.histogram(spikes.step, edges)[0] / np.diff(edges) / max(len(recording.recorded(name)), 1)
        at, axis = times(edges, recording.dt, recording.start, recording.steps)
        values = per_step / recording.dt if recording.dt else per_step
        axes.stairs(values, at, color=PALETTE[i % len(PALETTE)], lw=1.0, label=label(name), baseline=None)
    axes.set(xlabel=axis, ylabel="rate (Hz)" if recording.dt else "spikes per neuron and step")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, frameon=False)
    return figure


def traces(recording: Recording, names: str | Sequence[str] | None = None, *, neurons: int | Sequence[int] = 3) -> Any:
    """Return a figure of recorded variables, a panel each; v with its threshold where all neurons shown share one.

    Parameters
    ----------
    recording : Recording
        Of ``simulate(..., record=...)``.
    names : str or sequence of str, optional
        Such as "population.v"; by default all that were recorded.
    neurons : int or sequence of int
        How many neurons to show, from the first, or which.

    Raises
    ------
    InputError
        If nothing was recorded, or for a neuron that does not exist.
    UnknownNameError
        For a trace that was not recorded.
    """
    chosen = [names] if isinstance(names, str) else list(names or recording.traces)
    if not chosen:
        raise InputError('plots.traces: the run recorded none; use simulate(..., record="population.v")')
    figure = new_figure(3.35, 0.5 + 1.2 * len(chosen))
    panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    axis = "step"
    for name, axes in zip(chosen, panels, strict=True):
        values = recording.traces[name]
        steps = np.round(recording.t(name) / (recording.dt or 1e-3)).astype(np.int64) - recording.start
        at, axis = times(steps, recording.dt, recording.start, recording.steps)
        there = recording.recorded(name)
        columns = columns_of_neurons(name, neurons, there)
        for i, column in enumerate(columns):
            colour = PALETTE[i % len(PALETTE)]
            axes.plot(at, values[:, column], color=colour, lw=0.8, label=f"neuron {there[column]}")
        threshold = shared_threshold(recording, name, [int(there[column]) for column in columns])
        if threshold is not None:
            axes.axhline(threshold, color="0.5", lw=0.7, ls="--")
        axes.set_ylabel(label(name))
        bare(axes)
    panels[0].legend(fontsize=6, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    panels[-1].set_xlabel(axis)
    return figure


def columns_of_neurons(name: str, neurons: int | Sequence[int], recorded: NDArray[np.int64]) -> list[int]:
    """Columns of a trace that hold the first so many neurons, or those of these numbers."""
    if isinstance(neurons, (int, np.integer)):
        return list(range(min(count("plots.traces: neurons", neurons, 1), len(recorded))))
    place = {int(neuron): column for column, neuron in enumerate(recorded)}
    for neuron in neurons:
        if neuron not in place:
            raise InputError(
                f"traces: {name!r} has no neuron {neuron}; there are {len(place)}, counted from 0"
                if len(place) == max(place, default=-1) + 1
                else f"traces: neuron {neuron} of {name!r} was not recorded; recorded are {listed(place)}"
            )
    return [place[int(neuron)] for neuron in neurons]


def shared_threshold(recording: Any, name: str, neurons: list[int]) -> float | None:
    """The threshold of v that the neurons share; None without one."""
    population, _, variable = name.rpartition(".")
    network = recording.network
    if variable != "v" or not isinstance(network, Network):
        return None
    p = network[population]
    theta = p.neuron.vector("theta", p.size) if isinstance(p.neuron, LIF) else 64.0 * p.neuron.vector("vth", p.size)
    values = np.unique(theta[neurons])
    return float(values[0]) if len(values) == 1 and np.isfinite(values[0]) else None
