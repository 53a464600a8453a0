r"""Rules that stand in for the softmax of a head: most of their weights are exactly zero.

A rule maps the queries and keys of a layer to weights (heads, queries, keys), 0 for the future. With the logits z and
their softmax p over the past:

* :class:`Largest`: the k largest p, normalised; or 1/k each (``equal``).
* :class:`Threshold`: those p that are at least ``share`` of the largest, normalised: what a race computes that stops
  some time after its first finisher, as ln p falls linearly with the time of arrival.
* :class:`Budgets`: the k_h largest of head h, normalised; a :class:`Survey` of other text finds k_h.
* :class:`Coded`: another rule on the scores of spikes.

Each takes ``sink=True``: the first token is a fixed slot, always among the winners (it takes one of the k).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Scores:
    """Queries (heads, m, size) and keys (heads, n, size) of a layer, and which keys are in the future of a query."""

    queries: Tensor
    keys: Tensor
    future: Tensor
    layer: int

    def logits(self) -> Tensor:
        """q k / sqrt(size), -inf in the future."""
        z = self.queries @ self.keys.mT / self.queries.shape[-1] ** 0.5
        return z.masked_fill(self.future, float("-inf"))


class Rule(Protocol):
    """What stands in for the softmax."""

    def __call__(self, scores: Scores) -> Tensor:
        """Weights (heads, m, n)."""
        ...


def softmax(scores: Scores) -> Tensor:
    """All weights of the past positive."""
    return scores.logits().softmax(-1)


def keep(weights: Tensor, won: Tensor, future: Tensor, sink: bool, equal: bool = False) -> Tensor:
    """The weights of the winners, normalised (or all equal); with ``sink`` the first token wins always."""
    won = won & ~future
    if sink:
        won[..., 0] = True
    kept = won.to(weights.dtype) if equal else weights * won
    return kept / kept.sum(-1, keepdim=True)


def largest(weights: Tensor, k: int, sink: bool) -> Tensor:
    """Where the k largest weights are; with ``sink`` the k - 1 largest but the first (k at least 1)."""
    if sink:
        weights = weights.clone()
        weights[..., 0] = float("inf")
    return weights >= weights.topk(min(k, weights.shape[-1]), -1).values[..., -1:]


@dataclass(frozen=True)
class Largest:
    """The k largest.

    Parameters
    ----------
    k : int
        Winners.
    equal : bool
        All have the weight 1 / k.
    sink : bool
        The first token is one of them.

    Raises
    ------
    InputError
        For k below 1.
    """

    k: int
    equal: bool = False
    sink: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise InputError(f"Largest.k: must be a whole number >= 1, got {self.k!r}")

    def weights(self, p: Tensor, scores: Scores) -> Tensor:
        """Of a softmax p."""
        return keep(p, largest(p, self.k, self.sink), scores.future, self.sink, self.equal)

    def __call__(self, scores: Scores) -> Tensor:
        """Weights (heads, m, n)."""
        return self.weights(softmax(scores), scores)


@dataclass(frozen=True)
class Threshold:
    """Those with at least ``share`` of the largest weight.

    Parameters
    ----------
    share : float
        In (0, 1].
    sink : bool
        The first token always wins, and the largest is that of the others.
    equal : bool
        All winners have the same weight.

    Raises
    ------
    InputError
        For a share out of range.
    """

    share: float
    sink: bool = False
    equal: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"Threshold.share: must lie in (0, 1], got {self.share}")

    def weights(self, p: Tensor, scores: Scores) -> Tensor:
        """Of a softmax p."""
        rest = p.clone() if self.sink else p
        if self.sink:
            rest[..., 0] = 0
        return keep(p, rest >= self.share * rest.amax(-1, keepdim=True), scores.future, self.sink, self.equal)

    def __call__(self, scores: Scores) -> Tensor:
        """Weights (heads, m, n)."""
        return self.weights(softmax(scores), scores)


@dataclass(frozen=True, eq=False)
class Budgets:
    """The k_h largest of each head.

    Parameters
    ----------
    k : list of int tensors (heads,)
        Winners by layer and head.
    sink : bool
        The first token is one of them.
    """

    k: list[Tensor] = field(repr=False)
    sink: bool = False

    def weights(self, p: Tensor, scores: Scores) -> Tensor:
        """Of a softmax p."""
        ranked = p.clone() if self.sink else p
        if self.sink:
            ranked[..., 0] = float("inf")
        k = self.k[scores.layer].clamp(max=p.shape[-1]).tolist()
        won = ranked >= _kth(ranked, k)
        return keep(p, won, scores.future, self.sink)

    def __call__(self, scores: Scores) -> Tensor:
        """Weights (heads, m, n)."""
        return self.weights(softmax(scores), scores)


def _kth(p: Tensor, k: list[int]) -> Tensor:
    """The k_h-th largest of each row of head h, (heads, m, 1)."""
    import torch

    return torch.stack([row.topk(n, -1).values[..., -1:] for row, n in zip(p, k, strict=True)])


class Scales(NamedTuple):
    """Of the queries and keys of a layer's heads, in other text.

    Attributes
    ----------
    centre : Tensor (heads, 1, size)
        Mean key.
    balance : Tensor (heads, 1, size)
        What queries are divided, and centred keys multiplied by, so that each component is as large in both.
    largest, mean : list of two Tensors (heads, 1, 1)
        Largest and mean absolute component of balanced queries and keys.
    """

    centre: Tensor
    balance: Tensor
    largest: list[Tensor]
    mean: list[Tensor]


class Survey:
    """The softmax, which also notes what budgets and codes need to know of each head.

    Parameters
    ----------
    most : int
        Largest budget of a head.
    """

    def __init__(self, most: int = 256) -> None:
        self.most = most
        self._mass: dict[int, list[Tensor]] = {}
        self._seen: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, scores: Scores) -> Tensor:
        """The softmax."""
        p = softmax(scores)
        top = p.topk(min(self.most, p.shape[-1]), -1).values.cumsum(-1)
        if top.shape[-1] == self.most:
            self._mass.setdefault(scores.layer, []).append(top.mean(1))
        self._seen[scores.layer] = scores.keys, scores.queries
        return p

    def budgets(self, share: float) -> list[Tensor]:
        """By layer, the least k at which each head's winners carry ``share`` of the weight on average, (heads,).

        Raises
        ------
        InputError
            If the text was shorter than the largest budget.
        """
        import torch

        if not self._mass:
            raise InputError(f"Survey: saw no window of {self.most} tokens; survey a longer text")
        means = [torch.stack(self._mass[layer]).mean(0) for layer in sorted(self._mass)]
        return [((mass < share).sum(-1) + 1).clamp(max=self.most) for mass in means]

    def scales(self, layer: int) -> Scales:
        """How the queries and keys of a layer are scaled before they become whole numbers."""
        keys, queries = self._seen[layer]
        centre = keys.mean(1, keepdim=True)
        keys = keys - centre
        sizes = [x.pow(2).mean(1, keepdim=True).clamp(min=1e-12).sqrt() for x in (queries, keys)]
        balance = (sizes[0] / sizes[1]).sqrt()
        queries, keys = (queries / balance).abs(), (keys * balance).abs()
        largest = [x.amax((1, 2), keepdim=True) for x in (queries, keys)]
        mean = [x.mean((1, 2), keepdim=True) for x in (queries, keys)]
        return Scales(centre, balance, largest, mean)


@dataclass(frozen=True, eq=False)
class Coded:
    r"""Scores of spikes: queries and keys become whole numbers, and synapses count their products.

    A key loses the mean key of its head, which changes no softmax, and each component is scaled so that queries and
    keys have the same root mean square in it, which changes no score. With ``bits`` = b components become whole numbers
    from :math:`-(2^{b-1} - 1)` to :math:`2^{b-1} - 1`, one scale for all of a head, which the largest component fills;
    with 1 bit their sign. All of these were found on other text.

    Parameters
    ----------
    bits : int
        1 to 8.
    rule : Largest, Threshold or Budgets
        What is made of the scores.
    survey : Survey
        Of other text.

    Raises
    ------
    InputError
        For bits out of range.
    """

    bits: int
    rule: Any
    survey: Survey = field(repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or not isinstance(self.bits, int) or not 1 <= self.bits <= 8:
            raise InputError(f"Coded.bits: must be a whole number from 1 to 8, got {self.bits!r}")

    def code(self, scores: Scores) -> tuple[Tensor, Tensor, Tensor]:
        """Codes of queries and of keys (whole numbers), and what a product of two is worth, (heads, 1, 1)."""
        scales = self.survey.scales(scores.layer)
        queries, keys = scores.queries / scales.balance, (scores.keys - scales.centre) * scales.balance
        if self.bits == 1:
            return sign(queries), sign(keys), scales.mean[0] * scales.mean[1]
        most = 2 ** (self.bits - 1) - 1
        steps = scales.largest[0] / most, scales.largest[1] / most
        found = [(x / step).round().clamp(-most, most) for x, step in zip((queries, keys), steps, strict=True)]
        return found[0], found[1], steps[0] * steps[1]

    def __call__(self, scores: Scores) -> Tensor:
        """Weights (heads, m, n)."""
        queries, keys, worth = self.code(scores)
        z = (queries @ keys.mT) * worth / queries.shape[-1] ** 0.5
        p = z.masked_fill(scores.future, float("-inf")).softmax(-1)
        return self.rule.weights(p, scores)


def sign(x: Tensor) -> Tensor:
    """1 where x is positive, else -1."""
    return (x > 0).to(x.dtype) * 2 - 1
