"""The tables of learning rules, rule by rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....network import Projection
from ....plasticity.decay import powers
from ..arrays import Rules
from ..columns import (
    FACTOR_SIZE,
    FIRST_PTR,
    GATE,
    GATE_PTR,
    GENERATORS,
    KIND,
    LEARNS,
    PRE_OF,
    PRODUCT_SIZE,
    PROJECTION,
    RATE_SIZE,
    ROWS,
    RULE_SIZE,
    SIGNAL,
    TAGS,
    TARGET,
    TRACE,
    TRACES,
    WEIGHT,
)
from .synapses import Records


class Place(NamedTuple):
    """Where a projection stands in the arrays of the network."""

    number: int
    pre: int
    gate: int
    signal: int
    first_post: int
    records: Records
    sizes: Any
    integer: bool

    @property
    def rows(self) -> int:
        """First place of its rows in ``Synapses.ptr``."""
        return int(self.records.links[self.number, FIRST_PTR])


class Tables:
    """What the rules so far need: rows of ``Rules``, and what ``State`` begins with."""

    def __init__(self) -> None:
        self.rule: list[Any] = []
        self.rate: list[Any] = []
        self.pointers: list[Any] = []
        self.positions: list[Any] = []
        self.others: list[Any] = []
        self.products: list[Any] = []
        self.factors: list[Any] = []
        self.constants: list[float] = []
        self.numbers: list[Any] = []
        self.tags: list[Any] = []
        self.random: list[Any] = []
        self.traces = self.at = self.row = self.tagged = 0

    def add(self, place: Place, kind: int) -> tuple[Any, Any]:
        """Begin a rule; returns its rows of ``Rules.rule`` and ``Rules.rate``, to fill in."""
        rule, rate = np.zeros(RULE_SIZE, np.int64), np.zeros(RATE_SIZE)
        rule[[PROJECTION, PRE_OF, GATE, SIGNAL, KIND]] = place.number, place.pre, place.gate, place.signal, kind
        start = place.records.ptr[place.rows]
        rule[[ROWS, TARGET, WEIGHT]] = place.rows, place.first_post, start + place.records.shift[place.number]
        rule[TRACE], rule[TRACES:LEARNS], rule[TAGS] = self.traces, -1, -1
        self.rule.append(rule)
        self.rate.append(rate)
        self.random.append(np.zeros((GENERATORS, 4), np.uint64))
        return rule, rate

    def number(self, values: Any) -> int:
        """Keep numbers for reading by place; returns the first place."""
        self.numbers.append(np.asarray(values, np.float64))
        return sum(map(len, self.numbers[:-1]))

    def powers(self, decay: float) -> tuple[int, int, int]:
        """Keep the powers of a decay; returns their place and sizes."""
        low, high = powers(decay)
        return self.number(np.concatenate([low, high])), len(low), len(high)

    def room(self, size: int) -> int:
        """Places for ``size`` numbers among the traces; returns the first."""
        self.traces += size
        return self.traces - size

    def index(self, q: Projection, place: Place, gated_by: str) -> None:
        """List the synapses of every neuron that gates."""
        records, n_pre, rule = place.records, q.weights.shape[1], self.rule[-1]
        start = records.ptr[place.rows : place.rows + n_pre + 1]
        post = records.target[start[0] : start[-1]].astype(np.int64) - place.first_post
        pre = np.repeat(np.arange(n_pre), np.diff(start))
        owner, other = (post, pre) if gated_by == "post" else (pre, post)
        by_gate = np.argsort(owner, kind="stable")
        self.positions.append(rule[WEIGHT] + by_gate)
        self.others.append(other[by_gate])
        counts = np.bincount(owner, minlength=place.sizes[place.gate])
        self.pointers.append(self.at + np.concatenate(([0], np.cumsum(counts))))
        rule[GATE_PTR] = self.row
        self.at, self.row = self.at + q.synapses, self.row + len(counts) + 1

    def rules(self, weights: int) -> Rules:
        """All rules; ``weights``: places in ``State.weight``."""
        none = np.zeros(0, np.int64)
        return Rules(
            np.array(self.rule, np.int64).reshape(-1, RULE_SIZE),
            np.array(self.rate, np.float64).reshape(-1, RATE_SIZE),
            np.concatenate([none, *self.pointers]),
            np.concatenate([none, *self.positions]).astype(np.uint32 if weights <= 1 << 32 else np.int64),
            np.concatenate([none, *self.others]).astype(np.uint32),
            np.array(self.products, np.int64).reshape(-1, PRODUCT_SIZE),
            np.array(self.factors, np.int64).reshape(-1, FACTOR_SIZE),
            np.array(self.constants, np.float64),
            np.concatenate([np.zeros(0), *self.numbers]),
        )

    def memory(self) -> tuple[Any, Any, Any]:
        """``State.x``, ``State.tags`` and ``State.random`` before step 0."""
        random = np.array(self.random, np.uint64).reshape(-1, GENERATORS, 4)
        return np.zeros(self.traces), np.concatenate([np.zeros(0), *self.tags]), random
