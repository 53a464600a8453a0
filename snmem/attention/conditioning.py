r"""Fast weights as classical conditioning, on vectors: keys are conditioned, values unconditioned stimuli.

.. math::
    \text{Hebb:}\quad S \leftarrow S + v k^T, \qquad
    \text{decay:}\quad S \leftarrow \lambda S + v k^T, \qquad
    \text{delta:}\quad S \leftarrow S + \eta\,(v - S k)\,k^T

and the response to a key q is S q. For random keys of length 1 and d dimensions, the responses to T Hebbian pairs err
by :math:`|S k - v|^2 = T / d` on average; the nearest value is still found up to about T = d. The delta rule is that of
Rescorla & Wagner: what is predicted already is not learned, which blocks. Spikes: the counters of
:mod:`snmem.memory.systems.pavlovian`.

Sources: Qiao 2025, "Understanding transformers through the lens of Pavlovian conditioning", arXiv 2508.08289;
Schlag, Irie & Schmidhuber 2021, "Linear transformers are secretly fast weight programmers", ICML; Rescorla & Wagner
1972, "A theory of Pavlovian conditioning".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..description import LearnsInPlace, Summary, is_whole, number, real_array
from ..errors import InputError

RULES = ("hebb", "decay", "delta")


class ConditionedWeights(Summary, LearnsInPlace):
    r"""Fast weights S (values, keys), 0 at first; equations: :mod:`snmem.attention.conditioning`.

    Parameters
    ----------
    keys, values : int
        Dimensions.
    rule : str
        "hebb", "decay" or "delta".
    rate : float
        Delta: the learning rate, in (0, 1]; decay: the factor kept when the next pair is written, in [0, 1].

    Raises
    ------
    InputError
        For sizes below 1, an unknown rule and a rate out of range.
    """

    def __init__(self, keys: int, values: int, rule: str = "hebb", rate: float = 1.0) -> None:
        for name, size in (("keys", keys), ("values", values)):
            if not is_whole(size) or size < 1:
                raise InputError(f"ConditionedWeights.{name}: must be a whole number >= 1, got {size!r}")
        if rule not in RULES:
            raise InputError(f"ConditionedWeights.rule: unknown {rule!r}; use one of {', '.join(RULES)}")
        self.keys, self.values, self.rule, self.rate = keys, values, rule, number("ConditionedWeights.rate", rate)
        if not 0 <= self.rate <= 1 or (rule == "delta" and self.rate == 0):
            raise InputError(f"ConditionedWeights.rate: must lie between 0 and 1, got {rate!r}")
        self.weights = np.zeros((values, keys))

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        return f"ConditionedWeights: {self.values:,} x {self.keys:,}", [("rule", self.rule), ("rate", f"{self.rate:g}")]

    def _rows(self, given: ArrayLike, what: str, size: int) -> NDArray[np.float64]:
        rows: Any = real_array(given)
        if rows is None or rows.ndim != 2 or rows.shape[1] != size or not np.isfinite(rows).all():
            raise InputError(f"{what}: must be finite numbers of shape (n, {size}), got shape {np.shape(given)}")
        return np.asarray(rows, np.float64)

    def write(self, keys: ArrayLike, values: ArrayLike) -> None:
        """Pair keys (n, keys) with values (n, values), in order; InputError for other shapes."""
        cues, contents = self._rows(keys, "keys", self.keys), self._rows(values, "values", self.values)
        if len(cues) != len(contents):
            raise InputError(f"write: {len(cues)} keys but {len(contents)} values; give one value for each key")
        if self.rule == "hebb":
            self.weights += contents.T @ cues
            return
        for key, value in zip(cues, contents, strict=True):
            if self.rule == "decay":
                self.weights *= self.rate
                self.weights += np.outer(value, key)
            else:
                self.weights += np.outer(self.rate * (value - self.weights @ key), key)

    def read(self, queries: ArrayLike) -> NDArray[np.float64]:
        """The responses S q, (n, values)."""
        return self._rows(queries, "queries", self.keys) @ self.weights.T
