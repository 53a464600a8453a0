"""Sums of products as tables (:mod:`..kernels.learning.products`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....loihi.arithmetic import condition_weights
from ....loihi.learning import limits_of
from ....loihi.rules import SYNAPTIC, WIDTH, Product, parse
from ....loihi.rules import TRACES as TRACE_NAMES
from ....network import Projection
from ....plasticity import SumOfProducts
from ..columns import (
    CHANCES,
    CHUNK,
    CHUNK_ROWS,
    DECAYS,
    DEPENDS,
    EVERY,
    GAINS,
    HIGHEST,
    INTEGER,
    LOWEST,
    OF_U,
    PRODUCTS,
    SUMS,
    TAGS,
    TRACES,
    UNIT,
)
from ..kernels.learning.products import ON_U, ON_X0, ON_Y0
from ..kernels.learning.random import words
from .rule_tables import Place, Tables

#: Variables in the order of a synapse's values.
_NUMBERS = {name: i for i, name in enumerate(("x0", "y0", *TRACE_NAMES, *SYNAPTIC))} | {"u": OF_U}
_BITS = {"x0": ON_X0, "y0": ON_Y0, "u": ON_U}


def sums(tables: Tables, place: Place, q: Projection, rule: SumOfProducts) -> None:
    """A sum of products: its tables, traces, tags, and generators of random numbers."""
    row, rate = tables.add(place, SUMS)
    integer = place.integer
    row[INTEGER] = integer
    series = {k: parse(text, f"d{k}") for k in SYNAPTIC if (text := getattr(rule, f"d{k}"))}
    used = {f.variable for products in series.values() for p in products for f in p.factors}
    _traces(tables, row, rate, rule, used, {"x": q.weights.shape[1], "y": q.weights.shape[0]}, integer)
    if {"d", "t"} & (used | set(series)):
        row[TAGS] = sum(map(len, tables.tags))
        tables.tags.append(np.tile(np.array([rule.d, rule.t], np.float64), q.synapses))
    rate[UNIT] = 2.0 ** max(q.exponent, 0)
    data = condition_weights(q.weights.data, clip=False) if integer else q.weights.data
    for k, name in enumerate(SYNAPTIC):
        rate[[LOWEST + k, HIGHEST + k]] = limits_of(rule, name, data, integer)
        row[PRODUCTS + k] = len(tables.products)
        for product in series.get(name, ()):
            row[DEPENDS] |= _BITS[product.dependency]
            row[EVERY] = max(row[EVERY], product.every)
            _product(tables, product)
    row[PRODUCTS + len(SYNAPTIC)] = len(tables.products)
    tables.random[-1][:] = _generators(rule.seed)
    tables.index(q, place, "post")


def _product(tables: Tables, product: Product) -> None:
    first = len(tables.factors)
    for f in product.factors:
        tables.factors.append((_NUMBERS[f.variable], f.constant, f.sign, WIDTH[f.variable]))
    tables.products.append(
        (
            _NUMBERS[product.dependency],
            first,
            len(tables.factors),
            product.mantissa,
            product.shift,
            product.exponent + 7,
        )
    )
    tables.constants.append(product.constant)


def _traces(
    tables: Tables, row: Any, rate: Any, rule: SumOfProducts, used: set[str], sizes: dict[str, int], integer: bool
) -> None:
    """Room for the buffer of synapses, marks of spikes, and the traces that the rule uses."""
    tables.room(CHUNK_ROWS * CHUNK + sizes["x"] + sizes["y"])
    for k, name in enumerate(TRACE_NAMES):
        if name not in used:
            continue
        row[TRACES + k] = tables.room(sizes[name[0]])
        gain, tau = getattr(rule, name)
        rate[DECAYS + k] = np.exp(-1 / np.array([tau]))[0] if tau else 0.0
        rate[GAINS + k] = np.floor(gain) if integer else gain
        rate[CHANCES + k] = round((gain - np.floor(gain)) * 256)


def _generators(seed: int) -> Any:
    """Generators of Lava's random numbers, each after its first (:mod:`snmem.loihi.learning`)."""
    out = []
    for own in (seed, seed + 1, seed + 2, seed + 3, 2):
        generator = np.random.default_rng(own)
        generator.random(1)
        out.append(words(generator))
    return np.array(out, np.uint64)
