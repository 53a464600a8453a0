"""Drawing sources: a number of them for each target, with or without repetition."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._hash import mix
from .._jit import kernel
from .base import Ends, Pairs, pointers

#: Bits of a whole number below a limit that are drawn.
_BITS = 32


def chosen_sources(ends: Ends, counts: Any, autapses: bool, multapses: bool) -> Pairs:
    """``counts[i]`` sources for target i, each as likely as any other."""
    indptr = pointers(ends.owner, counts)
    key, pre, own = ends.stream(0), ends.sources(autapses), not autapses and ends.same

    def fill(indices: Any, low: int, high: int) -> None:
        choose_rows(indptr, indices, key, low, high, pre, own, multapses)

    return Pairs(indptr, fill, multapses)


@kernel
def below(key, index, limit):
    """A whole number in 0 .. limit - 1; one of 2**32 draws favours a number, at most."""
    return np.int64((mix(key, index) >> np.uint64(_BITS)) * np.uint64(limit) >> np.uint64(_BITS))


@kernel
def choose(out, size, key, marked, multapses):
    """Fill ``out`` with ascending numbers below ``size``, all different unless ``multapses``.

    marked: zeros (size,), left as such; without repetition a number that came before is drawn again, and of more than
    half of all numbers those left out are drawn.
    """
    if multapses:
        for k in range(out.size):
            out[k] = below(key, k, size)
        out.sort()
        return
    few = 2 * out.size <= size
    left, index = out.size if few else size - out.size, 0
    while left > 0:
        j = below(key, index, size)
        index += 1
        left -= marked[j] == 0
        marked[j] = 1
    n = 0
    for j in range(size):
        if (marked[j] == 1) == few:
            out[n] = j
            n += 1
        marked[j] = 0


@kernel
def choose_rows(indptr, indices, key, low, high, size, own, multapses):
    """The sources of the targets low .. high - 1, and no others; ``own``: leave out number i for target i."""
    marked = np.zeros(1 if multapses else size, np.uint8)
    for row in range(low, high):
        begin, end = indptr[row] - indptr[low], indptr[row + 1] - indptr[low]
        if begin == end:
            continue
        choose(indices[begin:end], size, mix(key, row), marked, multapses)
        if own:
            for k in range(begin, end):
                indices[k] += indices[k] >= row
