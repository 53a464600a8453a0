r"""From a float network to the same network in Loihi's integers.

Every population gets one scale S (weight units per unit of v), a power of two, so that for all of its neurons

.. math::
    v_{th} = \mathrm{round}(\theta S), \quad W 2^e = \mathrm{round}(w S), \quad
    b = \mathrm{round}(64\, c\, S), \quad d_u = \mathrm{round}(4096 (1 - \alpha)) - 1, \quad
    d_v = \mathrm{round}(4096 (1 - \beta))

and u and v before step 0 in the units of b, with mantissas W of 8 bits. S is the largest that keeps u within its 24
bits even if every synapse of a neuron is active (u wraps around, it does not saturate), thresholds within 17 bits, and
exponents within reach. A projection whose integer weights need more than one mantissa's range is split into up to one
projection per sign and magnitude, which costs no precision.

A readout (:math:`\theta = \infty`) gets Loihi's largest threshold, which v can still pass: it then spikes and falls to
0. Where v could, its S is halved as long as no precision is lost by it; if v still can, a warning says when.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._text import listed, unique
from .._weights import sums_of, values_of, with_values
from ..description import Summary, number
from ..errors import NetworkError, SnmemWarning
from ..io.arguments import as_network
from ..network import LOIHI_EXPONENT, Network, Population, Projection
from ..neurons import LIF, LOIHI_SHIFT, LOIHI_STATE_LIMIT
from ..neurons.base import require_neurons
from ..plasticity import Instar, Outstar, SelectiveClear, SelectiveSet
from .neurons import TAKEN, VTH_MAX, integer_neuron, scale_limits
from .reach import LONGEST, reach

#: Largest weight mantissa of one sign, and the share by which a weight may be clipped for one more bit.
_MANTISSA, _CLIP = 255, 1 / 255
_TRACE_MAX = 127
#: Largest integer weight that stands for 1 where a rule sets it.
_SET = 128


@dataclass(frozen=True, repr=False)
class Quantized(Summary):
    """A Loihi network and how it came about.

    network : the Network of LoihiLIF populations.
    scale : population name -> S.
    weight_error : projection name -> largest |W 2^e / S - w|, in units of the float weight.
    clipped : projection name -> number of weights clipped to the mantissa's range.
    parts : projection name -> names of the projections it became.
    strategy : how the scales were chosen.
    warnings : a sentence for each population whose v could leave its range.
    """

    network: Network
    scale: dict[str, float]
    weight_error: dict[str, float]
    clipped: dict[str, int]
    parts: dict[str, tuple[str, ...]]
    strategy: str = "grid"
    warnings: tuple[str, ...] = ()

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [(name, f"scale {scale:g}") for name, scale in self.scale.items()]
        rows += [
            (name, f"largest error {error:g}, {self.clipped[name]} weights clipped, {len(self.parts[name])} parts")
            for name, error in self.weight_error.items()
        ]
        return f"Quantized: a Loihi network, strategy {self.strategy!r}, {len(self.warnings)} warnings", rows


def quantize(network: Network, scales: Mapping[str, float] | None = None, split: bool = True) -> Quantized:
    """Convert a frozen float network to Loihi's integers (equations above).

    Parameters
    ----------
    network
        LIF populations with reset to zero. Instar and Outstar rules become sums of products with the nearest rate that
        Loihi can hold; their weights, 0 or more, are whole numbers of which 127 (or S, if less) stand for 1.
    scales
        S by population name where the choice made here is not wanted. Powers of two keep dyadic weights exact.
    split
        False leaves every projection in one piece with one exponent; where it has both signs, Loihi then spends a bit
        on the sign, and weights are even.

    Raises
    ------
    NetworkError
        Naming the population or projection that Loihi cannot hold: v_reset other than 0, a feature that its neurons do
        not have, a learning rule, or a threshold, bias or weight out of range at every scale.

    Warns
    -----
    SnmemWarning
        Naming each readout whose v could leave its range, and from which step on.
    """
    made = convert(as_network(network, "quantize"), scales, split)
    for text in made.warnings:
        warnings.warn(text, SnmemWarning, stacklevel=2)
    return made


def convert(network: Network, scales: Mapping[str, float] | None = None, split: bool = True) -> Quantized:
    """:func:`quantize`, whose warnings are kept in the result only."""
    if network.arithmetic == "loihi":
        raise NetworkError("quantize: the network is in Loihi's integers already; pass a float network")
    require_neurons("quantize", network, (LIF,), TAKEN)
    given = _check_scales(network, scales or {})
    scale = {p.name: given[p.name] if p.name in given else _scale(network, p) for p in network.neurons}
    populations = [
        replace(p, neuron=integer_neuron(p, scale[p.name])) if isinstance(p, Population) else p
        for p in network.populations
    ]
    projections: list[Projection] = []
    error: dict[str, float] = {}
    clipped: dict[str, int] = {}
    parts: dict[str, tuple[str, ...]] = {}
    taken = {item.name for item in (*network.populations, *network.projections)}
    for q in network.projections:
        made, error[q.name], clipped[q.name] = _parts(q, scale[q.post], split)
        if len(made) > 1:
            made = [replace(m, name=unique(f"{q.name}.{i}", taken)) for i, m in enumerate(made)]
            taken |= {m.name for m in made}
        parts[q.name] = tuple(m.name for m in made)
        projections += made
    result = Network(tuple(populations), tuple(projections), network.outputs, network.dt)
    texts = [text for p in network.neurons if (text := _warning(network, p, scale[p.name]))]
    return Quantized(result, scale, error, clipped, parts, warnings=tuple(texts))


def _check_scales(network: Network, scales: Mapping[str, float]) -> dict[str, float]:
    known = [p.name for p in network.neurons]
    for name, scale in scales.items():
        if name not in known:
            raise NetworkError(f"quantize: there is no population {name!r} to scale; the network has {listed(known)}")
        if not 0 < number(f"quantize: scale of {name!r}", scale) < np.inf:
            raise NetworkError(f"quantize: scale of {name!r} must be a positive number, got {scale!r}")
    return {name: float(scale) for name, scale in scales.items()}


def values(q: Projection) -> Any:
    """The weights in float64, those of a kernel once each: int8 has no 128 to be the magnitude of -128."""
    return values_of(q.weights).astype(np.float64)


def _incoming(network: Network, name: str) -> list[Projection]:
    return [q for q in network.projections if q.post == name and q.synapses]


def _scale(network: Network, p: Population) -> float:
    """The largest useful power of two for population ``p``; less for readouts, where it costs nothing."""
    scale = 2.0 ** np.floor(np.log2(largest_scale(network, p)))
    if not np.isposinf(p.neuron.vector("theta", p.size)).any():
        return scale

    while steps_in_range(network, p, scale) is not None and _loss(network, p, scale / 2) <= _loss(network, p, scale):
        scale /= 2
    return scale


def _loss(network: Network, p: Population, scale: float) -> float:
    """What v may lose in a step: by rounded weights and bias, and by sums rounded down (negative exponents)."""
    bias = LOIHI_SHIFT * scale * p.neuron.vector("bias", p.size)
    loss = float(np.abs(np.round(bias) - bias).max()) / (LOIHI_SHIFT * scale)
    for q in _incoming(network, p.name):
        parts, error, _ = _parts(q, scale, split=True)
        loss += error * q.weights.shape[1] + sum(part.exponent < 0 for part in parts) / scale
    return loss


def steps_in_range(network: Network, p: Population, scale: float) -> int | None:
    """Steps that v of the readouts among ``p`` stays in Loihi's range even with all synapses active; None: always."""
    neurons = np.isposinf(p.neuron.vector("theta", p.size))
    found = reach(network, p)
    if found is None or not neurons.any():
        return None
    longest = p.clear_every or LONGEST
    high, low = VTH_MAX / scale, (LOIHI_STATE_LIMIT - 1) / LOIHI_SHIFT / scale
    steps = (found.of(neurons).steps_below(limit, longest, sign) for limit, sign in ((high, 1), (low, -1)))
    return min((n for n in steps if n is not None), default=None)


def _warning(network: Network, p: Population, scale: float) -> str | None:
    steps = steps_in_range(network, p, scale)
    if steps is None:
        return None
    return (
        f"population {p.name!r} is a readout (theta = inf), but Loihi has no threshold above {VTH_MAX}: v leaves its "
        f"range (to {VTH_MAX / scale:.4g}) from step {steps} on if all synapses are active, spikes, and falls to 0; "
        f"clear it before (clear_every), run fewer steps, or give a scale below {scale:g}"
    )


def largest_scale(network: Network, p: Population, current: float | None = None) -> float:
    """The largest useful S for population ``p``.

    ``current``: the largest |u| to reckon with, where it is not to be that of all synapses active at once.
    """
    incoming = _incoming(network, p.name)
    alpha = p.neuron.vector("alpha", p.size)
    most, limits = current or 0.0, [2.0**30]
    if incoming:
        peaks = [1.0 if q.plasticity else np.abs(values(q)).max() for q in incoming]
        peaks = [w for w in peaks if w > 0]
        if peaks:
            limits.append(_MANTISSA * (1 + _CLIP) / min(peaks))
            limits.append(_MANTISSA * 2.0 ** LOIHI_EXPONENT[1] / max(peaks))
        arriving = sum(_arriving(q) for q in incoming)
        # A current that is held (alpha = 1) is taken to get each synapse's spike once between two clears.
        held = arriving / np.where(alpha == 1, 1, 1 - alpha)
        most = held.max() if current is None else current
        if most > 0:
            limits.append((LOIHI_STATE_LIMIT - 1) / LOIHI_SHIFT / most)
    limits += scale_limits(p, most)
    if min(limits) < np.finfo(float).tiny:
        raise NetworkError(
            f"quantize: population {p.name!r} has a threshold, bias or input beyond 1e300, which no scale brings into "
            "Loihi's range; scale weights, biases and thresholds down"
        )
    return min(limits)


def _arriving(q: Projection) -> Any:
    """The most that each neuron can get through ``q`` in a step; a weight that learns may become 1."""
    if q.plasticity:
        return np.diff(q.weights.indptr).astype(float)
    return sums_of(q.weights, np.abs)


def unit_of(scale: float) -> tuple[float, int]:
    """What weight 1 of a plastic projection becomes, at most 127 (the largest trace), and the exponent beside it."""
    exponent = max(0, int(np.ceil(np.log2(scale / (_TRACE_MAX + 1)))))
    return min(scale / 2**exponent, _TRACE_MAX), exponent


def _parts(q: Projection, scale: float, split: bool) -> tuple[list[Projection], float, int]:
    """The integer projections of ``q``, the largest weight error, and the number of clipped weights."""
    return (_plastic if q.plasticity else _projections if split else _whole)(q, scale)


def _plastic(q: Projection, scale: float) -> tuple[list[Projection], float, int]:
    """The integer projection that learns what ``q`` learns."""
    data = values(q)
    kinds = (Instar, Outstar, SelectiveSet, SelectiveClear)
    if type(q.plasticity) not in kinds or data.min(initial=0) < 0 or data.max(initial=0) > 1:
        raise NetworkError(
            f"quantize: projection {q.name!r} learns; it needs the rule Instar, Outstar, SelectiveSet or "
            "SelectiveClear and weights in [0, 1], or to be frozen (Network.freeze)"
        )
    unit, exponent = unit_of(scale)
    if isinstance(q.plasticity, SelectiveSet):  # a power of two that its rule sets exactly
        exponent = max(0, int(np.ceil(np.log2(scale / _SET))))
        unit = scale / 2**exponent
    if exponent > LOIHI_EXPONENT[1]:
        raise NetworkError(f"quantize: projection {q.name!r} learns and needs the exponent {exponent}; lower its scale")
    weights: Any = q.weights.astype(np.float64)
    weights.data = np.rint(data * unit)
    error = float(np.abs(weights.data / unit - data).max(initial=0))
    assert q.plasticity is not None
    rule = q.plasticity.as_products(q, float(round(unit)), exact=False)
    return [replace(q, weights=weights.astype(np.int32), exponent=exponent, plasticity=rule)], error, 0


def _whole(q: Projection, scale: float) -> tuple[list[Projection], float, int]:
    """``q`` as one projection: the nearest mantissas of one exponent, even ones where it has both signs."""
    exact = values(q) * scale
    peak = np.abs(exact).max(initial=0)
    mixed = exact.min(initial=0) < 0 < exact.max(initial=0)
    exponent = 0
    while peak > _MANTISSA * (1 + _CLIP) * 2.0**exponent and exponent < LOIHI_EXPONENT[1]:
        exponent += 1
    mantissa = np.rint(exact / 2.0**exponent / (1 + mixed)) * (1 + mixed)
    lowest = -256 if len(q.delays) == 1 else -254  # synapses of one delay may all be <= 0: down to -255
    made: Any = np.clip(mantissa, lowest, 254) if mixed else np.clip(mantissa, -_MANTISSA, _MANTISSA)
    weights = with_values(q.weights, made.astype(np.int32))
    error = float(np.abs(made * 2.0**exponent - exact).max(initial=0) / scale)
    return [replace(q, weights=weights, exponent=exponent)], error, int((made != mantissa).sum())


def _projections(q: Projection, scale: float) -> tuple[list[Projection], float, int]:
    """The integer projections that together carry ``q``, the largest weight error, and the number of clipped
    weights."""
    exact = values(q) * scale
    pieces: list[tuple[Any, Any, int]] = []
    error, clipped = 0.0, 0
    for sign in (1, -1):
        mine = (exact > 0) if sign > 0 else (exact < 0)
        if sign > 0:
            mine |= exact == 0
        if mine.any():
            for group, mantissa, exponent in _magnitudes(np.abs(exact), mine):
                kept: Any = np.minimum(mantissa, _MANTISSA)
                clipped += int((mantissa > _MANTISSA).sum())
                error = max(error, float(np.abs(kept * 2.0**exponent - np.abs(exact[group])).max() / scale))
                pieces.append((group, sign * kept, exponent))
    if len(pieces) == 1:
        group, mantissa, exponent = pieces[0]
        weights = with_values(q.weights, mantissa.astype(np.int32))
        return [replace(q, weights=weights, exponent=exponent)], error, clipped
    made: list[Projection] = []
    for group, mantissa, exponent in pieces:
        weights = with_values(q.weights, mantissa.astype(np.int32), group)
        delay = q.delay if len(q.delays) == 1 else q.delay[group]
        made.append(replace(q, weights=weights, delay=delay, exponent=exponent))
    return made, error, clipped


def _magnitudes(exact: Any, mine: Any) -> list[tuple[Any, Any, int]]:
    """Split the weights ``exact[mine]`` (>= 0) into groups of one exponent each: (mask, mantissa, exponent).

    One group, or two, if whole numbers can be kept exactly that way; else one group with the mantissa rounded.
    """
    small = mine & (exact <= _MANTISSA)
    for groups in ((mine,), (small, mine & ~small)):
        exponents = [_exact_exponent(exact[group]) for group in groups]
        if None not in exponents:
            pairs = zip(groups, exponents, strict=True)
            return [(g, exact[g] / 2.0**e, e) for g, e in pairs if e is not None and g.any()]
    top, high = LOIHI_EXPONENT
    peak = exact[mine].max()
    while peak > _MANTISSA * 2.0**top * (1 + _CLIP) and top < high:
        top += 1
    return [(mine, np.round(exact[mine] / 2.0**top), top)]


def _exact_exponent(values: Any) -> int | None:
    """The smallest exponent >= 0 with which all ``values`` are whole mantissas in range, or None."""
    for exponent in range(LOIHI_EXPONENT[1] + 1):
        mantissa = values / 2.0**exponent
        if (mantissa == np.rint(mantissa)).all() and mantissa.max(initial=0) <= _MANTISSA:
            return exponent
    return None
