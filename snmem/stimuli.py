"""Input spikes to drive a network with: Poisson, and numbers as rates, latencies, changes and times of spikes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._draws import draw_rates
from ._events import LONGEST, array_of
from ._text import shown
from .description import flag, real_array
from .errors import InputError
from .network import Input, Network
from .spikes import Spikes, count

#: Numbers that are drawn for one input, at most: some minutes; and at a time.
DRAWS, _BLOCK = 2**36, 2**22
#: Spikes of one input, at most, expected on average: 16 GB.
_SPIKES = 10**9


def poisson(network: Network, steps: int, seed: int, rate: float) -> dict[str, Spikes]:
    """Return Poisson spikes for every input: a line spikes with probability 1 - exp(-rate) in a step.

    Parameters
    ----------
    network : Network
        Its inputs are given spikes, each from a random stream of its own.
    steps : int
        Length of the run.
    seed : int
        Of the random streams.
    rate : float
        Spikes per line and step.

    Returns
    -------
    dict
        Input name -> Spikes.

    Raises
    ------
    InputError
        For steps or a seed that are no whole numbers >= 0, a rate that is no number >= 0, and more numbers than are
        drawn.
    """
    steps, seed = count("poisson: steps", steps, high=LONGEST), count("poisson: seed", seed)
    if not isinstance(cast(object, network), Network):
        raise InputError(f"poisson: network must be a Network, got {shown(network)}")
    p = _probability(rate)
    for source in network.fed:
        cells = steps * source.size
        if cells > DRAWS or cells * p > _SPIKES:
            raise InputError(
                f"poisson: {steps:,} steps of input {source.name!r} ({source.size:,} lines) are {cells:.3g} random "
                f"numbers and {cells * p:.3g} spikes, the limits are {DRAWS:.3g} and {_SPIKES:.0e}; use fewer steps"
            )
    streams = (np.random.default_rng([seed, i]) for i in range(len(network.fed)))
    return {source.name: _drawn(source, steps, rng, p) for source, rng in zip(network.fed, streams, strict=True)}


def _probability(rate: object) -> float:
    """Of at least one spike in a step."""
    if not (isinstance(rate, Real) and cast(float, rate) >= 0 and (rate == np.inf or cast(float, rate) < 2**1000)):
        raise InputError(f"poisson: rate must be a number of spikes per line and step >= 0, got {shown(rate)}")
    return float(-np.expm1(-float(rate)))


def _drawn(source: Input, steps: int, rng: np.random.Generator, p: float) -> Spikes:
    """Spikes of one input, a block of steps at a time; the numbers are those of one draw."""
    rows, cells = max(1, _BLOCK // source.size), [np.zeros(0, np.int64)]
    for first in range(0, steps, rows):
        block: NDArray[np.float64] = rng.random((min(rows, steps - first), source.size))
        cells.append(np.flatnonzero(block < p) + first * source.size)
    at = np.concatenate(cells)
    return Spikes(at // source.size, at % source.size, steps, source.size)


def rate(data: ArrayLike, steps: int | None = None, *, seed: int, gain: float = 1.0, offset: float = 0.0) -> Spikes:
    """Rate code: line i spikes in step t with probability p = gain x + offset, cut to 0 .. 1 (snnTorch: spikegen.rate).

    Each draw is a hash of (seed, line, step): a longer run begins with the same spikes.

    Parameters
    ----------
    data : array
        x, of any shape, each number the input of a line; with ``steps`` None of shape (steps, ...).
    steps : int or None
        Length of the run; None: ``data`` has a row for each step.
    seed : int
        Of the draws.
    gain, offset : float
        From x to the probability.

    Returns
    -------
    Spikes
        Of as many lines as x has numbers.

    Raises
    ------
    InputError
        For data that are no finite numbers, and more numbers than are drawn.
    """
    values = _numbers(data, "rate", steps is None)
    p = np.clip(_number(gain, "rate: gain") * values + _number(offset, "rate: offset"), 0, 1)
    p = p.reshape(len(p), -1) if steps is None else p.reshape(1, -1)
    length, size = len(p) if steps is None else count("rate: steps", steps, high=LONGEST), p.shape[1]
    key = np.uint64(count("rate: seed", seed) % 2**64)
    if length * size > DRAWS or length * float(p.mean() if p.size else 0) * size > _SPIKES:
        raise InputError(
            f"rate: {length:,} steps of {size:,} lines are {length * size:.3g} random numbers, the limit is "
            f"{DRAWS:.3g}, and of {_SPIKES:.0e} spikes; use fewer steps"
        )
    rows, found = max(1, _BLOCK // max(size, 1)), [np.zeros((2, 0), np.int64)]
    for first in range(0, length, rows):
        out = np.zeros((min(rows, length - first), size), np.bool_)
        draw_rates(key, np.ascontiguousarray(p[first : first + rows] if steps is None else p), first, out)
        step, line = np.nonzero(out)
        found.append(np.stack([step + first, line]))
    step, line = np.concatenate(found, axis=1)
    return Spikes(step, line, length, size)


def latency(
    data: ArrayLike,
    steps: int,
    *,
    threshold: float = 0.01,
    tau: float = 1.0,
    first_spike_time: int = 0,
    normalize: bool = False,
    linear: bool = False,
    clip: bool = False,
    epsilon: float = 1e-7,
) -> Spikes:
    """Latency code, time to first spike: the larger x, the earlier its line spikes, once (snnTorch: spikegen.latency).

    t = first_spike_time + tau ln(x / (x - threshold)), when a LIF neuron of time constant tau driven by x reaches the
    threshold; ``linear``: t = first_spike_time + tau (1 - x). The step is t rounded, halves to even.

    Parameters
    ----------
    data : array
        x in 0 .. 1, of any shape, a line each.
    steps : int
        Length of the run.
    threshold : float
        x below it counts as just above it: the last spike.
    tau : float
        Time constant in steps.
    first_spike_time : int
        Step of the earliest spike.
    normalize : bool
        Stretch the times so that the last spike is in the last step.
    linear : bool
        Times fall linearly with x.
    clip : bool
        Lines below threshold do not spike.
    epsilon : float
        How far above the threshold x is at least.

    Raises
    ------
    InputError
        For x outside of 0 .. 1, and spikes after the last step (longer run, smaller tau, or ``normalize``).
    """
    x, steps = _numbers(data, "latency").reshape(-1), count("latency: steps", steps, 1, LONGEST)
    for name, value in (("normalize", normalize), ("linear", linear), ("clip", clip)):
        flag(f"latency: {name}", value, InputError)
    first = count("latency: first_spike_time", first_spike_time)
    threshold, tau = _number(threshold, "latency: threshold"), _number(tau, "latency: tau")
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise InputError(f"latency: data must lie in 0..1, got {x.min():g} to {x.max():g}; scale them")
    if not (0 <= threshold <= 1 and tau > 0 and first < steps):
        raise InputError(
            f"latency: needs a threshold in 0..1, tau > 0 and first_spike_time < steps, got {threshold:g}, {tau:g} and "
            f"{first} of {steps}"
        )
    if linear:
        tau = steps - 1 - first if normalize else tau
        time = np.minimum(tau * (1 - x), tau * (1 - threshold))
    else:
        above = np.maximum(x, threshold + _number(epsilon, "latency: epsilon"))
        time = tau * np.log(above / (above - threshold))
        if normalize and time.max(initial=0.0) > 0:
            time = time * (steps - first - 1) / time.max()
    step = np.rint(time + first).astype(np.int64)
    there = np.flatnonzero(x >= threshold) if clip else np.arange(len(x))
    last = int(step[there].max(initial=0))
    if last >= steps:
        raise InputError(
            f"latency: a spike comes in step {last}, after the last of {steps}; use more steps, a smaller tau, or "
            "normalize=True"
        )
    return Spikes.from_events(step[there], there, steps, len(x), "latency")


def delta(data: ArrayLike, threshold: float = 0.1, *, padding: bool = False, off_spike: bool = False) -> Spikes:
    """Delta code: a line spikes where x grows by at least ``threshold`` from a step to the next (spikegen.delta).

    Parameters
    ----------
    data : array
        x, (steps, ...).
    threshold : float
        Least change.
    padding : bool
        Before the first step x was as in it; else it was 0.
    off_spike : bool
        As many lines again, behind the others, spike where x falls by at least ``threshold``: of n lines, line i is
        "up" and line n + i is "down", as the two polarities of an event camera.

    Raises
    ------
    InputError
        For data that are no finite numbers, and a threshold that is not positive.
    """
    for name, value in (("padding", padding), ("off_spike", off_spike)):
        flag(f"delta: {name}", value, InputError)
    x = _numbers(data, "delta", True)
    threshold = _number(threshold, "delta: threshold")
    if threshold <= 0:
        raise InputError(f"delta: threshold must be > 0, got {threshold:g}")
    x = x.reshape(len(x), -1)
    change = np.diff(x, axis=0, prepend=x[:1] if padding else np.zeros((1, x.shape[1])))
    up, down = change >= threshold, change <= -threshold
    return Spikes.from_raster(np.concatenate([up, down], axis=1) if off_spike else up, "delta")


def at_times(
    times: Sequence[ArrayLike], dt: float, steps: int | None = None, *, start: float = 0.0, name: str = "at_times"
) -> Spikes:
    """Spikes at times in seconds: one at time t is in step k where k dt <= t - start < (k + 1) dt.

    A time within 1e-6 of a step below it counts as in it, as decimals such as 0.3 / 0.1 need it.

    Parameters
    ----------
    times : sequence of arrays
        For each line the times of its spikes, such as neo's spike trains in seconds.
    dt : float
        Duration of a step in seconds.
    steps : int or None
        Length of the run; None: up to the last spike.
    start : float
        When step 0 begins.
    name : str
        How errors call it.

    Raises
    ------
    InputError
        For times before ``start`` or after the last step, and two spikes of a line in one step.
    """
    dt, start = _number(dt, f"{name}: dt"), _number(start, f"{name}: start")
    if not dt > 0:
        raise InputError(f"{name}: dt must be > 0 seconds, got {dt:g}")
    if not isinstance(cast(object, times), Iterable) or (isinstance(times, np.ndarray) and times.ndim == 0):
        raise InputError(f"{name}: times must hold an array of times for each line, got {shown(times)}")
    trains = [_numbers(train, f"{name}: times of line {i}").reshape(-1) for i, train in enumerate(times)]
    line = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    exact = (np.concatenate([np.zeros(0), *trains]) - start) / dt
    if exact.size and not (exact.min() > -1e-6 and exact.max() < 2**52):
        raise InputError(
            f"{name}: times must lie between start = {start:g} s and 2**52 steps later, got "
            f"{exact.min() * dt + start:g} to {exact.max() * dt + start:g}"
        )
    step = np.maximum(np.floor(exact + 1e-6), 0).astype(np.int64)
    length = int(step.max(initial=-1)) + 1 if steps is None else count(f"{name}: steps", steps, high=LONGEST)
    return Spikes.from_events(step, line, length, len(trains), name)


def _numbers(data: Any, owner: str, by_step: bool = False) -> NDArray[np.float64]:
    """Finite float64 numbers; ``by_step``: with an axis of steps and one of lines."""
    given = real_array(data)
    if given is None and np.shape(array_of(data, f"{owner}: data")) == (0,):
        given = np.zeros(0)
    if given is None:
        raise InputError(f"{owner}: data are no array of numbers, got {shown(data)}")
    array = given.astype(np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"{owner}: data must be finite numbers, got {shown(float(array[~np.isfinite(array)][0]))}")
    if by_step and array.ndim < 2:
        raise InputError(f"{owner}: data must have shape (steps, lines), got {array.shape}")
    return array


def _number(value: Any, owner: str) -> float:
    try:
        number = np.nan if value is True or value is False or not isinstance(value, Real) else float(value)
    except OverflowError:
        number = np.nan
    if not np.isfinite(number):
        raise InputError(f"{owner} must be a finite number, got {shown(value)}")
    return number
