r"""Resonator networks: which codes of several codebooks were bound together?

Given :math:`s = x_1 \otimes \cdots \otimes x_F` with each :math:`x_f` from a codebook :math:`X_f` of M codes, the
estimate of every factor is improved in turn by taking the estimates of the others out of s:

.. math::
    y_f = s \oslash \bigotimes_{g \ne f} \hat x_g, \qquad
    \hat x_f \leftarrow \mathrm{threshold}\Big(\sum_m w_m X_{f,m}\Big)

with :math:`w = \mathrm{sim}(y_f, X_f)` (*plain*) or :math:`w = \mathrm{softmax}(\beta\,\mathrm{sim}(y_f, X_f))`
(*softmax*, the update of attention). A search through all :math:`M^F` products is avoided.

Sources: Frady, Kent, Olshausen & Sommer 2020, "Resonator networks, 1", Neural Computation 32. Softmax update: Yeung,
Poduval & Imani 2024, "Self-attention based semantic decomposition in vector symbolic architectures", arXiv 2403.13218.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .base import Algebra, whole

UPDATES = ("plain", "softmax")


@dataclass(frozen=True, eq=False)
class Factors:
    """What a resonator found.

    Attributes
    ----------
    index : int (n, F)
        Code of each codebook.
    solved : bool (n,)
        Whether these codes bound together are the product.
    iterations : int (n,)
        Sweeps over the factors that were needed; all of them where not solved.
    """

    index: NDArray[np.int64]
    solved: NDArray[np.bool_]
    iterations: NDArray[np.int64]


def resonator(
    products: ArrayLike,
    codebooks: Sequence[ArrayLike],
    algebra: Algebra,
    update: str = "plain",
    beta: float = 20.0,
    iterations: int = 100,
) -> Factors:
    """Factorise products of one code from each codebook (equations in the module docstring).

    Parameters
    ----------
    products : array
        The bound codes, (n, width) or (width,).
    codebooks : sequence of arrays
        F >= 2 codebooks (M, width).
    algebra : Algebra
        The algebra of the codes; its codes are thresholded (not MAP-I, whose bundles are sums).
    update : str
        "plain" or "softmax".
    beta : float
        Inverse temperature of the softmax, for similarities between 0 and 1.
    iterations : int
        Sweeps over all factors at most.

    Raises
    ------
    InputError
        For fewer than two codebooks, an unknown update, codes of another width, and an algebra of sums (MAP-I).
    """
    if update not in UPDATES:
        raise InputError(f"resonator: update {update!r} is unknown; use one of {', '.join(UPDATES)}")
    if len(codebooks) < 2:
        raise InputError(f"resonator: {len(codebooks)} codebook(s); a product has at least 2 factors")
    if algebra.name == "map-i":
        raise InputError("resonator: bundles of map-i are sums, not codes; use map-b, binary or block")
    sweeps = whole("resonator: iterations", iterations, 1)
    books = [algebra.codes(book, f"codebook {f}") for f, book in enumerate(codebooks)]
    wanted = np.atleast_2d(algebra.codes(products, "products"))
    estimates = [np.tile(algebra.bundle(book), (len(wanted), 1)) for book in books]
    index = np.zeros((len(wanted), len(books)), np.int64)
    solved, needed = np.zeros(len(wanted), bool), np.full(len(wanted), sweeps)
    open_ = np.arange(len(wanted))
    for sweep in range(1, sweeps + 1):
        for f, book in enumerate(books):
            others = [estimates[g][open_] for g in range(len(books)) if g != f]
            similar = algebra.similarity(_without(algebra, wanted[open_], others), book)
            index[open_, f] = np.abs(similar).argmax(1)  # two factors may both come out negated
            weights = similar if update == "plain" else _softmax(beta * similar)
            estimates[f][open_] = algebra.blend(weights, book)
        found = [book[index[open_, f]] for f, book in enumerate(books)]
        right = (_without(algebra, wanted[open_], found[1:]) == found[0]).all(1)
        solved[open_[right]], needed[open_[right]] = True, sweep
        open_ = open_[~right]
        if not open_.size:
            break
    return Factors(index, solved, needed)


def _without(algebra: Algebra, products: Any, factors: Sequence[Any]) -> Any:
    """The products with the factors taken out."""
    for factor in factors:
        products = algebra.unbind(products, factor)
    return products


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)
