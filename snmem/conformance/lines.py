"""Random inputs and sources of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..network import Input
from ..sources import Poisson, Regular, Scheduled


def random_lines(seed: int, sizes: Sequence[int], values: bool, sources: bool) -> list[Input]:
    """Inputs "in0", "in1", ... of these sizes, from a generator of their own.

    Parameters
    ----------
    seed : int
        Of the generator.
    sizes : sequence of int
        Lines of each.
    values : bool
        Whether inputs may take numbers, and sources draw several events of a line in a step.
    sources : bool
        Whether some may be sources.
    """
    rng = np.random.default_rng([seed, 2])
    values, sources = values and rng.random() < 2 / 3, sources and rng.random() < 1 / 2
    return [
        _source(rng, f"in{i}", int(n), values)
        if sources and rng.random() < 0.5
        else Input(f"in{i}", int(n), values=bool(values and rng.random() < 0.5))
        for i, n in enumerate(sizes)
    ]


def _source(rng: np.random.Generator, name: str, n: int, values: bool) -> Input:
    kind, seed = rng.integers(3 if values else 2), int(rng.integers(100))
    if kind == 0:
        rates = rng.uniform(0, 1.5 if values else 0.6, n if rng.random() < 0.5 else 1)
        return Poisson(name, n, rate=rates, unit="step", seed=seed, several=values)
    if kind == 1:
        period = rng.uniform(1, 12, n if rng.random() < 0.5 else 1)
        return Regular(name, n, period=period, phase=float(rng.integers(6)))
    events = int(rng.integers(0, 4 * n + 1))
    return Scheduled(name, n, times=rng.uniform(0, 0.06, events), lines=rng.integers(0, n, events), unit="s")
