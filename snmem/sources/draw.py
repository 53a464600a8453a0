"""Counts of events by blocks of lines: the tables, and the events of some steps (method: :mod:`.poisson`)."""

from __future__ import annotations

import hashlib
import math
from decimal import Context, Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: Different rates that are drawn apart; with more, lines are put together by powers of two.
APART = 16
#: Digits of the tables' arithmetic; the number of 64 bits that follows the largest.
_DIGITS, _ALL = 60, 2**64


class Group(NamedTuple):
    """Lines that are drawn together."""

    lines: Array  # their numbers, ascending
    bits: int  # a block has 2**bits lines
    thresholds: Array  # uint64, of the count of a block
    guide: Array  # (256,) thresholds that every hash with this first byte reaches
    keep: Array  # uint64 of each line: a draw is kept where a hash is not above; empty: always


class Table(NamedTuple):
    """Groups of a source, one after the other."""

    lines: Array
    first: Array  # (groups + 1,) first place of each group in ``lines`` and ``keep``
    bits: Array
    thresholds: Array
    at: Array  # (groups + 1,) first place in ``thresholds``
    guide: Array  # (groups, 256)
    keep: Array


def key_of(name: str, seed: int) -> np.uint64:
    """The key of a source's hashes, of its name and seed."""
    return np.uint64(int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "little"))


def groups_of(means: Array, several: bool) -> list[Group]:
    """Group lines by their means per step; lines of mean 0 are in none."""
    known = np.unique(means[means > 0])
    if len(known) <= APART:
        return [_group(np.flatnonzero(means == mean), float(mean), several, None) for mean in known]
    exponents = np.where(means > 0, np.frexp(means)[1], np.iinfo(np.int64).min)  # 2**(e - 1) <= mean < 2**e
    found = []
    for e in np.unique(exponents[means > 0]):
        lines = np.flatnonzero(exponents == e)
        top = 2.0 ** int(e) if several else min(2.0 ** int(e), 1.0)
        keep = np.array([min(int(math.ldexp(m / top, 64)), _ALL - 1) for m in means[lines]], np.uint64)
        found.append(_group(lines, top, several, keep))
    return found


def _group(lines: Array, mean: float, several: bool, keep: Array | None) -> Group:
    bits = max(0, min(math.floor(-math.log2(mean)) if mean < 1 else 0, (len(lines) - 1).bit_length()))
    if mean * 2**bits > 1 and bits:
        bits -= 1
    table = _poisson(mean * 2**bits) if several else _binomial(2**bits, mean)
    thresholds = np.array(table, np.uint64)
    guide = np.searchsorted(thresholds, np.arange(256, dtype=np.uint64) << np.uint64(56), side="right")
    return Group(lines, bits, thresholds, guide, np.zeros(0, np.uint64) if keep is None else keep)


def _poisson(mean: float) -> list[int]:
    """floor(2**64 P(N <= k)) for k = 0, 1, ... as long as it is below 2**64 - 1."""
    with localcontext(Context(prec=_DIGITS)):
        exact = Decimal(mean)
        term = (-exact).exp()
        total, k, table = term, 0, list[int]()
        while (found := int(total * _ALL)) < _ALL - 1 and (k <= exact or term * _ALL * 4 > 1):
            table.append(found)
            k += 1
            term = term * exact / k
            total += term
    return table


def _binomial(n: int, p: float) -> list[int]:
    """As :func:`_poisson`, for the events of n lines with probability p."""
    with localcontext(Context(prec=_DIGITS)):
        exact = Decimal(p)
        if exact == 1:
            return [0] * n
        term = (1 - exact) ** n
        total, k, table = term, 0, list[int]()
        while k < n and (found := int(total * _ALL)) < _ALL - 1 and (k <= n * exact or term * _ALL * 4 > 1):
            table.append(found)
            term = term * (n - k) / (k + 1) * exact / (1 - exact)
            k += 1
            total += term
    return table


def table_of(groups: list[Group]) -> Table:
    """The groups as arrays."""
    kept = [g.keep if len(g.keep) else np.full(len(g.lines), _ALL - 1, np.uint64) for g in groups]
    nothing = np.zeros(0, np.uint64)
    return Table(
        np.concatenate([np.zeros(0, np.int64), *(g.lines for g in groups)]),
        np.cumsum([0, *(len(g.lines) for g in groups)]),
        np.array([g.bits for g in groups], np.int64),
        np.concatenate([nothing, *(g.thresholds for g in groups)]),
        np.cumsum([0, *(len(g.thresholds) for g in groups)]),
        np.array([g.guide for g in groups], np.int64).reshape(-1, 256),
        np.concatenate([nothing, *kept]),
    )


def draw_events(
    table: Table, key: np.uint64, lines: tuple[int, int], start: int, stop: int, several: bool, expected: float
) -> tuple[Array, Array, Array | None]:
    """Events of the steps start .. stop-1 by step, then line, those of a line in a step added up to its value.

    Parameters
    ----------
    table : Table
        Of the lines.
    key : uint64
        Of the source.
    lines : pair of int
        The first line, which counts as number 0, and the one behind the last.
    start, stop : int
        Numbers of steps.
    several : bool
        Whether a line may have several events in a step.
    expected : float
        Mean number of events of a step.
    """
    from .kernels import draw_steps  # numba is imported when somebody draws

    size = lines[1] - lines[0]
    counts, words = np.zeros(size, np.uint32), np.zeros(-(-size // 64), np.uint64)
    taken = np.zeros(max(1, len(table.thresholds)), np.int64)
    parts: list[list[Array]] = []
    room = size + int(1.1 * expected * (stop - start)) + 64
    t, nothing = start, np.zeros(0, np.int64)
    if not len(table.lines) or start >= stop:
        return nothing, nothing, None
    while t < stop:
        out = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
        n, t = draw_steps(table, np.uint64(key), t, stop, lines, several, counts, words, taken, *out)
        parts.append([array[:n] for array in out])
    step, line, value = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
    return step, line, None if (value == 1).all() else value
