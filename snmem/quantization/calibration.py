r"""Quantisation that looks at spikes: scales chosen on sample input, and a report of what they cost.

For every population, with the float network's own spikes as its input, each candidate scale is tried on the emulator.
Candidates are the power of two S of :func:`snmem.quantization.grid.quantize`, S/2, 2 S, 4 S, 8 S, and the scales at
which the largest weight of a projection fills its mantissa; u is bounded by twice its measured peak instead of by all
synapses at once. A candidate is taken if its spikes differ from the float network's in clearly fewer cells than those
of the one before: by more than the square root of their number, so that the choice does not follow chance.

The *expected* number of differing cells assumes that rounding errors of the weights add up like noise: with
:math:`\delta_{ij}` the error of a weight, :math:`r_j` the rate of its source, and h the response of v to a current,

.. math:: \sigma_i^2 = \sum_k h_k^2 \sum_j \delta_{ij}^2 r_j (1 - r_j) + \Big(\sum_k h_k \sum_j \delta_{ij} r_j\Big)^2

a spike is won or lost where :math:`|v - \theta|` before the reset is less than such an error, with probability
:math:`\Phi(-|v - \theta| / \sigma_i)`, and costs two cells, since it usually moves by a step. The response is taken
over the mean interval between spikes, which erase it. Use it for the order of magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._text import unique
from .._weights import sums_of, values_of
from ..convolution import Convolution
from ..loihi.arithmetic import condition_weights
from ..network import Input, Network, Population, Projection
from ..neurons import LIF, LOIHI_SHIFT, LOIHI_STATE_LIMIT, LoihiLIF
from ..simulation import simulate
from ..spikes import Recording, Spikes
from .grid import Quantized, convert, largest_scale, values

STRATEGIES = ("calibrated", "grid", "plain")
#: Steps of the response of v that count at most.
_MEMORY = 200
#: Room above the largest |u| seen on sample input.
_MARGIN = 2.0
#: Room above the largest |v| of a readout seen on sample input.
_READOUT_MARGIN = 1.25


@dataclass(frozen=True)
class Sample:
    """The float network's run on sample input."""

    network: Network
    recording: Recording

    def alone(self, p: Population) -> tuple[Network, dict[str, Spikes]]:
        """Population ``p`` with all that projects to it as inputs, and their spikes."""
        incoming = [q for q in self.network.projections if q.post == p.name]
        sources = dict.fromkeys(q.pre for q in incoming)
        taken = {p.name, *(q.name for q in incoming)}
        names: dict[str, str] = {}
        for name in sources:
            names[name] = unique(f"from {name}", taken)
            taken.add(names[name])
        populations = [Input(names[n], self.network[n].size, values=True) for n in sources]
        projections = tuple(replace(q, pre=names[q.pre]) for q in incoming)
        spikes = {names[n]: self.recording.spikes[n] for n in sources}
        return Network((*populations, p), projections), spikes


def sample(network: Network, inputs: Mapping[str, Any], steps: int) -> Sample:
    """Run a float network and keep u and v of every neuron."""
    record = [f"{p.name}.{variable}" for p in network.neurons for variable in "uv"]
    return Sample(network, simulate(network, inputs, steps, "event", record=record))


def calibrate(network: Network, inputs: Mapping[str, Any], steps: int, strategy: str = "calibrated") -> Quantized:
    """Convert a float network to Loihi's integers.

    Parameters
    ----------
    network
        As for :func:`snmem.quantization.grid.quantize`.
    inputs, steps
        Sample input, as for :func:`snmem.simulate`.
    strategy
        "calibrated" (module docstring), "grid" (powers of two, no look at spikes), or "plain": one projection each, its
        weights rounded to the nearest that Loihi holds.

    Raises
    ------
    NetworkError
        As :func:`snmem.quantization.grid.quantize`.
    """
    if strategy == "plain":
        return replace(convert(network, _plain_scales(network), split=False), strategy=strategy)
    if strategy == "grid" or any(q.plasticity for q in network.projections):
        return convert(network)
    seen = sample(network, inputs, steps)
    scales = {p.name: _best(seen, p) for p in network.neurons}
    return replace(convert(network, scales), strategy=strategy)


def _plain_scales(network: Network) -> dict[str, float]:
    """For every population, the largest power of two with which its strongest synapse fits a mantissa."""
    scales: dict[str, float] = {}
    for p in network.neurons:
        peaks = [np.abs(values(q)).max() for q in network.projections if q.post == p.name and q.synapses]
        peak = max(peaks, default=0)
        most = largest_scale(network, p)
        scales[p.name] = 2.0 ** np.floor(np.log2(min(most, 255 / peak if peak else most)))
    return scales


def _best(seen: Sample, p: Population) -> float:
    network, spikes = seen.alone(p)
    expected = seen.recording.spikes[p.name]
    best, least = None, np.inf
    for scale in _candidates(seen, network, p):
        made = convert(network, {p.name: scale}).network
        cells = simulate(made, spikes, expected.steps, "loihi").spikes[p.name].differing(expected)[0]
        if best is None or cells < least - np.sqrt(least):
            best, least = scale, cells
        if not cells:
            break
    assert best is not None
    return best


def _candidates(seen: Sample, network: Network, p: Population) -> list[float]:
    """Scales to try, the power of two first."""
    peak = float(np.abs(seen.recording.traces[f"{p.name}.u"]).max(initial=0))
    most = min(largest_scale(network, p, _MARGIN * peak), _readout_limit(seen, p))
    grid = 2.0 ** np.floor(np.log2(min(largest_scale(network, p), most)))
    found = [grid, grid / 2, *(grid * 2.0**k for k in range(1, 4))]
    for q in network.projections:
        weights = values(q)
        for part in (weights[weights > 0], -weights[weights < 0]):
            if len(part):
                fill = 255 / part.max()
                fill *= 2.0 ** np.floor(np.log2(most / fill))
                found += [fill, fill / 2]
    return [grid, *(scale for scale in dict.fromkeys(found) if scale <= most and scale != grid)]


def _readout_limit(seen: Sample, p: Population) -> float:
    """The scale at which v of the readouts among ``p``, which have no threshold, fills its range on sample input."""
    v = seen.recording.traces[f"{p.name}.v"][:, _readouts(p)]
    peak = float(np.abs(v).max(initial=0))
    return LoihiLIF.limits["vth"][1] / (_READOUT_MARGIN * peak) if peak else np.inf


def report(network: Network, made: Quantized, inputs: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """What quantisation did to ``network`` on this input, as plain data.

    Returns
    -------
    ``strategy``; ``populations``: name -> ``scale``, ``threshold`` (vth of 131071), ``u_worst`` and ``u_peak`` (largest
    |u| with all synapses active, and seen; parts of 2**23, beyond which u wraps), ``v_peak`` (largest |v| of readouts,
    in parts of their range) and ``v_leaves`` (first step in which it is left, or None), ``spikes``, ``expected`` and
    ``measured`` differing cells with the float network's spikes as input, ``differing`` in the whole network;
    ``projections``: name -> ``parts``, ``error`` (largest, in float weights), ``relative`` (root mean square error over
    that of the weights), ``clipped``.
    """
    seen = sample(network, inputs, steps)
    traces = [f"{p.name}.u" for p in network.neurons] + [f"{p.name}.v" for p in network.neurons if _readouts(p).any()]
    whole = simulate(made.network, inputs, steps, "loihi", record=traces)
    errors = {q.name: weight_errors(q, made) for q in network.projections}
    populations = {}
    for p in network.neurons:
        alone, spikes = seen.alone(p)
        twin = convert(alone, {p.name: made.scale[p.name]}, split=made.strategy != "plain").network
        forced = simulate(twin, spikes, steps, "loihi").spikes[p.name]
        integer = made.network[p.name].neuron
        populations[p.name] = {
            "scale": made.scale[p.name],
            "threshold": float(np.max(integer.vth) / LoihiLIF.limits["vth"][1]),
            "u_worst": _u_worst(made.network, p.name) / LOIHI_STATE_LIMIT,
            "u_peak": float(np.abs(whole.traces[f"{p.name}.u"]).max(initial=0) / LOIHI_STATE_LIMIT),
            **_range_of_v(p, whole),
            "spikes": len(seen.recording.spikes[p.name]),
            "expected": _expected(seen, p, errors),
            "measured": forced.differing(seen.recording.spikes[p.name])[0],
            "differing": whole.spikes[p.name].differing(seen.recording.spikes[p.name])[0],
        }
    projections = {}
    for q in network.projections:
        size, error = (_mean_size(w, q.synapses) for w in (q.weights, errors[q.name]))
        projections[q.name] = {
            "parts": list(made.parts[q.name]),
            "error": made.weight_error[q.name],
            "relative": error / size if size else 0.0,
            "clipped": made.clipped[q.name],
        }
    return {"strategy": made.strategy, "populations": populations, "projections": projections}


def _readouts(p: Population) -> Any:
    """Which neurons of a float population have no threshold."""
    return np.isposinf(p.neuron.vector("theta", p.size))


def _range_of_v(p: Population, run: Recording) -> dict[str, Any]:
    """How far v of the readouts among ``p`` went in Loihi fixed point, and when it left its range."""
    neurons = _readouts(p)
    if not neurons.any():
        return {"v_peak": None, "v_leaves": None}
    limit = LOIHI_SHIFT * LoihiLIF.limits["vth"][1]
    v = np.abs(run.traces[f"{p.name}.v"][:, neurons]).max(axis=1)
    left = np.flatnonzero(v >= limit)
    spikes = run.spikes[p.name]
    steps = [*left[:1], *spikes.step[neurons[spikes.neuron]][:1]]
    return {"v_peak": 1.0 if steps else float(v.max() / limit), "v_leaves": int(min(steps)) if steps else None}


def _mean_size(weights: Any, synapses: int) -> float:
    """The root mean square of the weights."""
    if isinstance(weights, Convolution):
        return float(np.sqrt(sums_of(weights, np.square).sum() / max(synapses, 1)))
    return float(np.sqrt((weights.data.astype(np.float64) ** 2).sum() / max(synapses, 1)))


def _squared(weights: Any) -> Any:
    return weights.with_kernel(weights.kernel**2) if isinstance(weights, Convolution) else weights.power(2)


def weight_errors(q: Projection, made: Quantized) -> Any:
    """What the integer weights of ``q`` say, less what its float weights say: CSR (post, pre), or a convolution."""
    if isinstance(q.weights, Convolution):
        kernel = np.where(q.weights.used, -q.weights.kernel.astype(np.float64), 0)
        for name in made.parts[q.name]:
            part = made.network[name]
            unit = 2.0**part.exponent / made.scale[q.post]
            kernel[part.weights.used] += condition_weights(values_of(part.weights)) * unit
        return q.weights.with_kernel(kernel, q.weights.used)
    total = -q.weights.astype(np.float64)
    for name in made.parts[q.name]:
        part = made.network[name]
        weights = part.weights.astype(np.float64)
        weights.data = condition_weights(part.weights.data) * 2.0**part.exponent / made.scale[q.post]
        total = total + weights
    return total.tocsr()


def _u_worst(network: Network, name: str) -> float:
    """The largest |u| with all synapses active in every step; once, where the current is held."""
    neuron = network[name].neuron
    total = np.zeros(network[name].size)
    for q in network.projections:
        if q.post == name:
            total += sums_of(q.weights, np.abs) * 2.0**q.exponent
    du = np.asarray(neuron.du)
    return float((LOIHI_SHIFT * total / np.where(du == 0, 1, (du + 1) / 4096)).max(initial=0))


def _expected(seen: Sample, p: Population, errors: Mapping[str, Any]) -> float:
    """Expected number of cells of ``p`` that differ (module docstring)."""
    from scipy.special import ndtr

    neuron, spikes = p.neuron, seen.recording.spikes
    assert isinstance(neuron, LIF)
    steps = seen.recording.steps
    variance, mean = np.zeros(p.size), np.zeros(p.size)
    for q in seen.network.projections:
        if q.post == p.name:
            rate = spikes[q.pre].counts() / steps
            variance += _squared(errors[q.name]) @ (rate * (1 - rate))
            mean += errors[q.name] @ rate
    alpha, beta, bias, theta = (neuron.vector(n, p.size) for n in ("alpha", "beta", "bias", "theta"))
    interval = np.clip(steps / np.maximum(spikes[p.name].counts(), 1), 1, _MEMORY)
    u, h, squares, total = np.ones(p.size), np.ones(p.size), np.zeros(p.size), np.zeros(p.size)
    for k in range(int(interval.max())):
        squares += np.where(k < interval, h**2, 0)
        total += np.where(k < interval, h, 0)
        u = u * alpha
        h = h * beta + u
    sigma = np.sqrt(variance * squares + (mean * total) ** 2)
    us, vs = seen.recording.traces[f"{p.name}.u"], seen.recording.traces[f"{p.name}.v"]
    before = np.vstack([np.zeros((1, p.size)), vs[:-1]]) * beta + us + bias
    with np.errstate(divide="ignore", invalid="ignore"):
        flips = ndtr(-np.abs(before - theta) / sigma)
    return float(2 * np.nansum(np.where(sigma > 0, flips, 0)))
