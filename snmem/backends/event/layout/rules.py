"""Projections that learn: how each type of rule is laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import BackendError
from ....network import Network, Projection
from ....plasticity import (
    Instar,
    Outstar,
    PairSTDP,
    RewardSTDP,
    SelectiveClear,
    SelectiveSet,
    SetClear,
    SumOfProducts,
)
from ....plasticity.selective import Selective
from ..arrays import BLOCK
from ..columns import (
    A_MINUS,
    A_PLUS,
    DECAY,
    FADE,
    GAINS_AT,
    GATED,
    LOWER,
    MINUS,
    NEAREST,
    PAIRS,
    PLUS,
    POST,
    POST_FIRST,
    POST_LATE,
    PRE_LATE,
    RATE,
    RECEPTOR,
    REWARD,
    SELECTIVE,
    SERIES,
    SERIES_SIZE,
    SIGNAL_SIZE,
    SOFT,
    SYNAPSES,
    TAGS,
    THIRD,
    UPPER,
    VALUE,
)
from .rule_tables import Place, Tables
from .sums import sums
from .synapses import Records


def gated(tables: Tables, place: Place, q: Projection, rule: Instar | Outstar) -> None:
    """An instar or outstar: its rate, and a trace of every neuron of the signal."""
    row, rate = tables.add(place, GATED)
    rate[RATE], rate[DECAY] = rule.rate, rule.decay
    row[SIGNAL_SIZE] = place.sizes[place.signal]
    tables.room(int(row[SIGNAL_SIZE]))
    tables.index(q, place, rule.gated_by)


def pairs(tables: Tables, place: Place, q: Projection, rule: PairSTDP | RewardSTDP) -> None:
    """A rule of pairs of spikes: traces of both sides, and eligibilities where a reward decides."""
    row, rate = tables.add(place, PAIRS if isinstance(rule, PairSTDP) else REWARD)
    rate[[A_PLUS, A_MINUS, LOWER, UPPER]] = rule.a_plus, rule.a_minus, *rule.bounds
    row[NEAREST], row[POST_FIRST], row[SYNAPSES] = rule.pairing == "nearest", rule.first == "post", q.synapses
    row[PRE_LATE], row[POST_LATE] = rule.delays(q)
    row[PLUS : PLUS + 3], row[MINUS : MINUS + 3] = tables.powers(rule.decay_plus), tables.powers(rule.decay_minus)
    tables.room(2 * sum(q.weights.shape))
    tables.index(q, place, "post")
    if isinstance(rule, PairSTDP):
        row[SOFT] = rule.dependence == "multiplicative"
        return
    row[FADE : FADE + 3], row[GAINS_AT] = tables.powers(rule.decay), tables.number(rule.gains)
    steps, values = zip(*rule.series, strict=True) if rule.series else ((), ())
    row[SERIES], row[SERIES_SIZE] = tables.number([*steps, *values]), len(steps)
    row[TAGS] = sum(map(len, tables.tags))
    tables.tags.append(np.zeros(2 * q.synapses))


def selective(tables: Tables, place: Place, q: Projection, rule: Selective) -> None:
    """A selective rule: its values, and a trace of every neuron of the signal."""
    row, rate = tables.add(place, SELECTIVE)
    values = [value for _, value in rule.values()]
    rate[RATE], rate[VALUE : VALUE + len(values)], row[NEAREST] = rule.rate, values, 1
    row[PLUS : PLUS + 3] = tables.powers(rule.decay)
    tables.room(2 * q.weights.shape[1])
    tables.index(q, place, "post")


#: How each type of rule is laid out.
FILL: dict[type, Callable[[Tables, Place, Projection, Any], None]] = {
    Instar: gated,
    Outstar: gated,
    SumOfProducts: sums,
    PairSTDP: pairs,
    RewardSTDP: pairs,
    SelectiveSet: selective,
    SelectiveClear: selective,
    SetClear: selective,
}


def rules_of(network: Network, index: dict[str, int], first: Any, sizes: Any, records: Records) -> Tables:
    """The rules of all plastic projections."""
    tables, integer = Tables(), network.arithmetic == "loihi"
    for i, q in enumerate(network.projections):
        rule = q.plasticity
        if rule is not None:
            pre, gate, signal = index[q.pre], index[rule.gate_of(q)], index[rule.signal_of(q)]
            first_post = int(first[records.links[i, POST]]) + int(records.links[i, RECEPTOR]) * BLOCK
            place = Place(i, pre, gate, signal, first_post, records, sizes, integer)
            if type(rule) not in FILL:
                raise BackendError(
                    f"backend 'event': projection {q.name!r} learns by the rule {type(rule).__name__}, of which the "
                    "engine has no compiled form; use backend 'reference'"
                )
            FILL[type(rule)](tables, place, q, rule)
            third = rule.third_of(q)
            if type(rule) not in (Instar, Outstar, SumOfProducts):
                tables.rule[-1][THIRD] = -1 if third is None else index[third]
    return tables
