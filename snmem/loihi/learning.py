"""The learning engine: traces, random rounding and sums of products, in Loihi's integers or in floating point.

In integers, per step: a trace x decays to floor(y) + (r1 < frac(y)) with y = exp(-1/tau) x, and gains its impulse at a
spike: x + floor(i) + (r2 < round(256 frac(i))), clipped to 0..127. Every product clips its factors to their widths,
multiplies them and its mantissa in 32 bits, is shifted right by what exceeds 15 bits and left by exponent + 7, and is
added to 128 w in an accumulator of 15 bits and sign, which is rounded to w at random by one number r3 per step.
In floating point a trace below 2^-1000 is 0.
r1, r2 and r3 come from numpy's default generator: r1, r2 of the x traces from ``seed`` and ``seed + 1``, of the y
traces from ``seed + 2`` and ``seed + 3``, drawn twice a step; r3 from seed 2, drawn once a step.

Source: lava-nc 0.10.0, ``PyLearningDenseModelBitApproximate`` and ``PyLearningDenseModelFloat``, equal weights by test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..description import row_numbers
from .rules import ACCUMULATOR_BITS, SYNAPTIC, TRACES, WIDTH, Factor, Product, parse

if TYPE_CHECKING:
    from ..plasticity import SumOfProducts

_TRACE_MAX = 127
_TOP = 2**ACCUMULATOR_BITS
#: A trace below this in floating point is 0.
TINY = 2.0**-1000
#: Limits of the weights in integers by their sign mode, and of d and t.
_LIMITS = {"MIXED": (-256, 255), "EXCITATORY": (0, 255), "INHIBITORY": (-255, 0), "d": (0, 255), "t": (-257, 255)}


class _Noise:
    """Numbers for rounding traces: one for decays, one for impulses; both are drawn twice a step."""

    def __init__(self, seed: int) -> None:
        self.decay, self.impulse = np.random.default_rng(seed), np.random.default_rng(seed + 1)
        self._draw()

    def _draw(self) -> tuple[float, int]:
        return float(self.decay.random(1)[0]), int(self.impulse.integers(0, _TRACE_MAX + 1, size=1, dtype=int)[0])

    def step(self) -> tuple[float, int]:
        """The numbers of this step."""
        self._draw()
        return self._draw()


class Learning:
    """What one plastic projection remembers: traces, tags, generators. Weights are passed to :meth:`step`.

    Parameters
    ----------
    rule
        The rule.
    matrix
        CSR (post, pre), its synapses.
    integer
        Loihi's integers or floating point.
    """

    def __init__(self, rule: SumOfProducts, matrix: Any, integer: bool) -> None:
        self.rule, self.integer = rule, integer
        self.post = row_numbers(matrix)
        self.pre = matrix.indices.astype(np.int64)
        kind: Any = np.int64 if integer else np.float64
        sizes = {name: matrix.shape[0 if name[0] == "y" else 1] for name in TRACES}
        self.traces = {name: np.zeros(size, kind) for name, size in sizes.items()}
        self.tags = {name: np.full(len(self.pre), getattr(rule, name), kind) for name in "dt"}
        self.limits = {name: limits_of(rule, name, matrix.data, integer) for name in SYNAPTIC}
        self.series = {
            name: parse(getattr(rule, f"d{name}"), f"d{name}") for name in SYNAPTIC if getattr(rule, f"d{name}")
        }
        self.noise = {"x": _Noise(rule.seed), "y": _Noise(rule.seed + 2)}
        self.rounding = np.random.default_rng(2)
        self.rounding.random(1)
        self.time = 0

    def step(self, weights: Any, pre: Any, post: Any) -> int:
        """Learn from the spikes of a step (indices); changes ``weights`` in place, returns the synapses touched."""
        self.time += 1
        noise = {side: generator.step() for side, generator in self.noise.items()}
        for name, trace in self.traces.items():
            side = name[0]
            self.traces[name] = self._trace(name, trace, pre if side == "x" else post, *noise[side])
        r3 = float(self.rounding.random(1)[0])
        spiked = {"x0": _flags(self.pre, pre), "y0": _flags(self.post, post)}
        active = self._active(spiked)
        at = np.flatnonzero(active)
        if not len(at):
            return 0
        values: dict[str, Any] = {name: spiked[name][at].astype(np.int64) for name in spiked}
        values |= {name: t[(self.pre if name[0] == "x" else self.post)[at]] for name, t in self.traces.items()}
        values |= {"w": weights[at], "d": self.tags["d"][at], "t": self.tags["t"][at]}
        made = {name: self._apply(products, name, values, r3) for name, products in self.series.items()}
        for name, new in made.items():
            (weights if name == "w" else self.tags[name])[at] = new
        return len(at)

    def _active(self, spiked: dict[str, Any]) -> Any:
        """Synapses that a product acts on in this step."""
        active = np.zeros(len(self.pre), bool)
        for products in self.series.values():
            for product in products:
                if product.dependency == "u":
                    active |= self._due(product)
                else:
                    active |= spiked[product.dependency]
        return active

    def _due(self, product: Product) -> bool:
        return self.time % 2**product.every == 0

    def _trace(self, name: str, trace: Any, spikes: Any, r1: float, r2: int) -> Any:
        impulse, tau = getattr(self.rule, name)
        faded = np.exp(-1 / np.array([tau])) * trace if tau else np.zeros(len(trace))
        if not self.integer:
            faded[faded < TINY] = 0
            faded[spikes] += impulse
            return faded
        whole = np.floor(faded)
        whole = (whole + (r1 < faded - whole)).astype(np.int64)
        step = int(np.floor(impulse)) + int(r2 < round((impulse - np.floor(impulse)) * 256))
        whole[spikes] = np.clip(whole[spikes] + step, 0, _TRACE_MAX)
        return whole

    def _apply(self, products: tuple[Product, ...], name: str, values: dict[str, Any], r3: float) -> Any:
        """The new values of synaptic variable ``name``."""
        if not self.integer:
            new = values[name] + sum(self._float(product, values) for product in products)
            return np.clip(new, *self.limits[name])
        total = values[name].astype(np.int32) << 7
        for product in products:
            total = np.clip(total + self._integer(product, values), -_TOP - 1, _TOP - 1)
        part = total / 128
        whole = np.floor(part)
        return np.clip((whole + (r3 < part - whole)).astype(np.int64), *self.limits[name])

    def _dependency(self, product: Product, values: dict[str, Any]) -> Any:
        return int(self._due(product)) if product.dependency == "u" else values[product.dependency]

    def _float(self, product: Product, values: dict[str, Any]) -> Any:
        made = product.constant * self._dependency(product, values)
        for factor in product.factors:
            made = made * _value(factor, values)
        return made

    def _integer(self, product: Product, values: dict[str, Any]) -> Any:
        made = np.full(len(values["w"]), self._dependency(product, values), np.int32)
        for factor in product.factors:
            width = WIDTH[factor.variable]
            made = made * np.clip(_value(factor, values), -(2**width), 2**width - 1).astype(np.int32)
        made = (made * np.int32(product.mantissa)) >> product.shift
        return np.clip(made << (product.exponent + 7), -_TOP - 1, _TOP - 1)


def _value(factor: Factor, values: dict[str, Any]) -> Any:
    value = values[factor.variable] + factor.constant
    return np.sign(value) if factor.sign else value


def _flags(index: Any, spikes: Any) -> Any:
    """Which entries of ``index`` are among ``spikes``."""
    if not len(spikes):
        return np.zeros(len(index), bool)
    flags = np.zeros(max(int(index.max(initial=0)), int(np.max(spikes))) + 1, bool)
    flags[spikes] = True
    return flags[index]


def limits_of(rule: SumOfProducts, name: str, weights: Any, integer: bool) -> tuple[float, float]:
    """Smallest and largest value of synaptic variable ``name``; ``weights`` are those that learning begins with.

    Weights keep the sign that all have at first (Lava's sign mode), or in floating point the bounds of the rule.
    """
    bounds = (-np.inf, np.inf) if rule.bounds is None or name != "w" else rule.bounds
    sign = _sign(weights) if name == "w" else name
    low, high = _LIMITS[sign]
    if not integer:
        kept = name == "w" and rule.bounds is not None
        low, high = -np.inf if low or kept else 0.0, np.inf if high or kept else 0.0
    return max(low, bounds[0]), min(high, bounds[1])


def _sign(data: Any) -> str:
    """Lava's sign mode for the weights that learning begins with."""
    if not len(data) or data.min() >= 0:
        return "EXCITATORY"
    return "INHIBITORY" if data.max() <= 0 else "MIXED"
