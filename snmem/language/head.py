r"""One head of a language model, as whole numbers: what its spiking network computes, exactly, without its steps.

Codes of a query q and of the keys k_j give scores :math:`s_j = q \cdot k_j`; one unit of a score is worth ``unit`` in
the exponent of the softmax. With the largest score m of the keys that the query may see, ``steps`` S thresholds rise
through the last :math:`-\ln(\mathrm{share})` below it, ``width`` w apart:

.. math::
    n_j = \#\{i \in 1..S : s_j \ge m - w(S - \tfrac12) + (i-1)\,w\}, \qquad
    a_j = \sum_{i=1}^{n_j} \beta^{S-i}, \qquad \beta = e^{-w \cdot \mathrm{unit}}, \qquad
    y = \frac{\sum_j a_j v_j}{\sum_j a_j}

A winner (:math:`n_j \ge 1`) spikes :math:`n_j` times into a leaky output that forgets by :math:`\beta` each step, so
that its votes fall with its score as those of the softmax, in S grades.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..description import is_whole
from ..errors import InputError

if TYPE_CHECKING:
    from .llama import LanguageModel
    from .rules import Survey

#: Whole numbers of values lie within this.
VALUE = 127


@dataclass(frozen=True, eq=False)
class HeadCodes:
    """Queries, keys and values of a head.

    Parameters
    ----------
    queries : int (m, size)
        Codes of the queries.
    keys : int (n, size)
        Codes of the keys.
    values : int (n, width)
        Codes of the values.
    seen : int (m,)
        Query i sees the keys before number seen[i].
    unit : float
        What one unit of a score is worth in the exponent.
    value_unit : float
        What one unit of a value is worth.
    bits : int
        Bits of queries and keys, with the sign.

    Raises
    ------
    InputError
        For codes of different length, out of range, and a query that sees no key or more than there are.
    """

    queries: NDArray[np.int64]
    keys: NDArray[np.int64]
    values: NDArray[np.int64]
    seen: NDArray[np.int64]
    unit: float
    value_unit: float = 1.0
    bits: int = 6

    def __post_init__(self) -> None:
        if not is_whole(self.bits) or not 2 <= self.bits <= 8:
            raise InputError(f"HeadCodes.bits: must be a whole number from 2 to 8, got {self.bits!r}")
        for name, axes in (("queries", 2), ("keys", 2), ("values", 2), ("seen", 1)):
            array = np.asarray(getattr(self, name))
            if array.ndim != axes or not array.size or array.dtype.kind not in "iu":
                what = f"{axes} axes of whole numbers, not empty"
                raise InputError(f"HeadCodes.{name}: expected {what}, got {array.dtype} {array.shape}")
            object.__setattr__(self, name, array.astype(np.int64))
        n, size = self.keys.shape
        if self.queries.shape[1] != size:
            raise InputError(f"HeadCodes.queries: codes of length {self.queries.shape[1]}, but keys of {size}; use one")
        if len(self.values) != n:
            raise InputError(f"HeadCodes.values: {len(self.values)} of them for {n} keys; give one for each key")
        for name, most in (("queries", self.most), ("keys", self.most), ("values", VALUE)):
            if (largest := int(np.abs(getattr(self, name)).max())) > most:
                raise InputError(f"HeadCodes.{name}: a component is {largest}, the limit is {most}; use fewer bits")
        if len(self.seen) != len(self.queries) or self.seen.min() < 1 or self.seen.max() > n:
            raise InputError(f"HeadCodes.seen: needs a number from 1 to {n} for each of {len(self.queries)} queries")
        if not (math.isfinite(self.unit) and self.unit > 0):
            raise InputError(f"HeadCodes.unit: must be a positive number, got {self.unit!r}")

    @property
    def most(self) -> int:
        """Largest component of a query or key."""
        return 2 ** (self.bits - 1) - 1

    @property
    def scores(self) -> NDArray[np.int64]:
        """Scores (m, n)."""
        return self.queries @ self.keys.T

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Which keys a query sees, (m, n)."""
        return np.arange(len(self.keys)) < self.seen[:, None]


@dataclass(frozen=True)
class Grades:
    """How the winners of a race are weighted.

    Parameters
    ----------
    share : float
        Keys win whose softmax weight is at least this share of the largest.
    steps : int
        Grades.

    Raises
    ------
    InputError
        For a share outside (0, 1) and fewer than one step.
    """

    share: float = 0.01
    steps: int = 12

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f"Grades.share: must lie in (0, 1), got {self.share!r}")
        if not is_whole(self.steps) or not 1 <= self.steps <= 1000:
            raise InputError(f"Grades.steps: must be a whole number from 1 to 1000, got {self.steps!r}")

    def width(self, unit: float) -> int:
        """Scores between two thresholds: a whole number of 8 significant bits, as synapses hold it."""
        exact = max(1, round(-math.log(self.share) / unit / (self.steps - 0.5)))
        shift = max(0, exact.bit_length() - 8)
        return (exact >> shift) << shift

    def lift(self, unit: float) -> int:
        """How far below the largest score a winner's may lie."""
        width = self.width(unit)
        return width * (self.steps - 1) + width // 2

    def decay(self, unit: float) -> float:
        """What the output keeps from step to step."""
        return math.exp(-self.width(unit) * unit)


def grades_of(head: HeadCodes, grades: Grades) -> NDArray[np.int64]:
    """The grade of each key for each query, (m, n): 0 for those that do not win."""
    scores = np.where(head.visible, head.scores, np.iinfo(np.int64).min // 2)
    lead = scores - scores.max(1, keepdims=True) + grades.lift(head.unit)
    return np.clip(lead // grades.width(head.unit) + 1, 0, grades.steps)


def votes_of(head: HeadCodes, grades: Grades) -> NDArray[np.float64]:
    """Votes of each key for each query as the output ends with them, a_j above, (m, n)."""
    decay, n = grades.decay(head.unit), grades_of(head, grades)
    kept = decay ** np.arange(grades.steps - 1, -1, -1)
    return np.concatenate([[0.0], np.cumsum(kept)])[n]


def attention_weights(head: HeadCodes, grades: Grades) -> NDArray[np.float64]:
    """Attention weights (m, n): exactly 0 for those that do not win."""
    votes = votes_of(head, grades)
    return votes / votes.sum(1, keepdims=True)


def attend(head: HeadCodes, grades: Grades) -> NDArray[np.float64]:
    """Outputs (m, width), in the units of the model."""
    return head.value_unit * (attention_weights(head, grades) @ head.values)


@dataclass(frozen=True, eq=False)
class HeadOnText:
    """A head on a text: its codes, and what the softmax gives.

    Attributes
    ----------
    codes : HeadCodes
        Of the last queries and all keys and values.
    softmax : float (m, n)
        Weights of the softmax.
    output : float (m, size)
        Its outputs.
    """

    codes: HeadCodes
    softmax: NDArray[np.float64]
    output: NDArray[np.float64]


def watch_heads(model: LanguageModel, tokens: Any, layers: Sequence[int]) -> dict[int, tuple[Any, Any, Any]]:
    """Queries, keys and values of all heads of some layers on a text, (heads, n, size) each.

    Raises
    ------
    InputError
        For a layer that the model does not have.
    """
    for layer in layers:
        if not is_whole(layer) or not 0 <= layer < model.shape.layers:
            raise InputError(f"layer {layer!r}: the model has layers 0 to {model.shape.layers - 1}")
    watched: dict[int, Any] = {int(layer): None for layer in layers}
    model.forward(tokens, None, watched)
    shared = model.shape.heads // model.shape.key_heads
    return {
        layer: (q, k.repeat_interleave(shared, 0), v.repeat_interleave(shared, 0))
        for layer, (q, k, v) in watched.items()
    }


def code_head(watched: Any, survey: Survey, layer: int, head: int, queries: int = 8, bits: int = 6) -> HeadOnText:
    """Code the last queries of a head, and all its keys and values.

    Parameters
    ----------
    watched : (queries, keys, values)
        Of a layer, from :func:`watch_heads`.
    survey : Survey
        Of other text, for the scales.
    layer, head : int
        Which.
    queries : int
        How many, the last ones.
    bits : int
        Bits of queries and keys.

    Raises
    ------
    InputError
        For a head that there is not, more queries than tokens, and bits out of range.
    """
    import torch

    from .rules import Coded, Scores, Threshold

    q, k, v = watched
    heads, n, size = q.shape
    if not is_whole(head) or not 0 <= head < heads:
        raise InputError(f"head {head!r}: the layer has heads 0 to {heads - 1}")
    if not is_whole(queries) or not 1 <= queries <= n:
        raise InputError(f"queries: {queries!r} of {n} tokens; must lie in 1..{n}")
    future = torch.ones(queries, n, dtype=torch.bool).triu(n - queries + 1)
    scores = Scores(q[:, -queries:], k, future, layer)
    asked, known, worth = (x[head] for x in Coded(bits, Threshold(0.5), survey).code(scores))
    step = float(v[head].abs().max()) / VALUE
    weights = scores.logits()[head].softmax(-1)
    asked, known, values = (np.rint(x.numpy()).astype(np.int64) for x in (asked, known, v[head] / step))
    seen = np.arange(n - queries + 1, n + 1)
    codes = HeadCodes(asked, known, values, seen, float(worth) / math.sqrt(size), step, bits)
    return HeadOnText(codes, weights.double().numpy(), (weights @ v[head]).double().numpy())


def output_error(output: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Distance of outputs (m, size) from the wanted ones, relative to their length, mean over queries."""
    return float(np.mean(np.linalg.norm(output - wanted, axis=1) / np.linalg.norm(wanted, axis=1)))
