"""Pair STDP in Brian2, with the bits of :mod:`snmem.plasticity.stdp`.

Each neuron holds its trace as it was after its last spike, and the step of that; powers of the decay are read from the
tables of the definition. What a rule sees late is a delay of the pathway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..network import Projection
from ..plasticity import PairSTDP
from ..plasticity.decay import BLOCK, powers
from ..plasticity.stdp import sides
from ..spikes import Spikes

#: Variables of the neurons at both ends: trace after the last spike, and the step of that.
_TRACES = {"pre": "x", "post": "y"}


def trace_equations(k: int, q: Projection, population: str) -> str:
    """Variables that the k-th plastic projection needs in a population."""
    ends = [side for side, name in (("pre", q.pre), ("post", q.post)) if name == population]
    return "".join(f"{_TRACES[side]}{k} : 1\n{_TRACES[side]}last{k} : integer\n" for side in ends)


def _power(b2: Any, dt: float, name: str, decay: float) -> tuple[str, dict[str, Any]]:
    """Code of the power of a decay, with {n} for its number, and what the code refers to."""
    low, high = powers(decay)
    ends = [np.append(table, 0.0) if len(table) < BLOCK else table for table in (low, high)]
    tables = {f"{name}_low": ends[0], f"{name}_high": ends[1]}
    names = {key: b2.TimedArray(table, dt=dt * b2.second) for key, table in tables.items()}
    if len(low) < BLOCK:
        return f"{name}_low(({{n}})*{dt!r}*second)", names
    code = f"{name}_low((({{n}}) % {BLOCK})*{dt!r}*second)*{name}_high((({{n}}) // {BLOCK})*{dt!r}*second)"
    return code, names


class PairCode:
    """Brian2's code for the k-th plastic projection.

    Attributes
    ----------
    namespace : dict
        What it refers to.
    """

    def __init__(self, b2: Any, dt: float, k: int, rule: PairSTDP) -> None:
        self.rule, self.k = rule, k
        self._plus, plus = _power(b2, dt, f"plus{k}", rule.decay_plus)
        self._minus, minus = _power(b2, dt, f"minus{k}", rule.decay_minus)
        self.namespace = plus | minus

    def _now(self, side: str, end: str) -> str:
        """The trace of one side in this step; ``end``: how the code names its neuron."""
        name, power = _TRACES[side], self._plus if side == "pre" else self._minus
        n = f"t_in_timesteps - {name}last{self.k}{end}"
        return f"{name}{self.k}{end}*{power.format(n=n)}"

    def spike(self, side: str) -> str:
        """A spike reaches the trace of the neuron that a synapse of one to one leads to."""
        gain, name = (self.rule.a_plus if side == "pre" else self.rule.a_minus), _TRACES[side]
        value = f"{gain!r}" if self.rule.pairing == "nearest" else f"{self._now(side, '_post')} + {gain!r}"
        return f"{name}{self.k}_post = {value}\n{name}last{self.k}_post = t_in_timesteps"

    def change(self, side: str) -> str:
        """What a spike of a side does to a weight."""
        (low, high), soft = self.rule.bounds, self.rule.dependence == "multiplicative"
        step = self._now("post", "_post") if side == "pre" else self._now("pre", "_pre")
        if soft:
            step = f"({step})*(w - {low!r})" if side == "pre" else f"({step})*({high!r} - w)"
        return f"w = clip(w {'-' if side == 'pre' else '+'} {step}, {low!r}, {high!r})"

    def order(self, q: Projection, groups: dict[str, Any]) -> Iterator[tuple[str, Any, str, int]]:
        """Both sides in their order: pathway, neurons, what a spike does to their traces, and how late."""
        pre, post = self.rule.delays(q)
        for side in sides(self.rule):
            group, late = (groups[q.pre], pre) if side == "pre" else (groups[q.post], post)
            yield f"learn_{side}", group, self.spike(side), late


def pair_codes(b2: Any, dt: float, plastic: list[Projection]) -> dict[int, PairCode]:
    """Code for those of the plastic projections that learn by pair STDP."""
    rules = enumerate(q.plasticity for q in plastic)
    return {k: PairCode(b2, dt, k, rule) for k, rule in rules if isinstance(rule, PairSTDP)}


def touched(q: Projection, rule: PairSTDP, spikes: dict[str, Spikes], steps: int) -> int:
    """Weight updates of a run: synapses of the spikes that the rule has seen."""
    late = rule.delays(q)
    fans = (q.fan_out, np.diff(q.weights.indptr))
    seen = (spikes[name].between(0, max(steps - d, 0)) for name, d in zip((q.pre, q.post), late, strict=True))
    return int(sum(s.counts() @ fan for s, fan in zip(seen, fans, strict=True)))
