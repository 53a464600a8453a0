"""Counts of events by blocks of lines: the tables, and the events of some steps (method: :mod:`.poisson`)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._hash import mixed

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


class Drawing(NamedTuple):
    """Some lines of a source, as they are drawn."""

    table: Table  # of all lines
    key: np.uint64
    lines: tuple[int, int]  # the first, which counts as number 0, and the one behind the last
    several: bool  # whether a line may have several events in a step
    expected: float  # mean number of events of a step


class Joined(NamedTuple):
    """Sources that are drawn together: their groups, one source after the other, as :class:`Table` has them."""

    table: Table
    key: Array  # uint64, of each group
    group: Array  # (sources + 1,) first group of each source
    own: Array  # (sources, 2) lines of each, see :class:`Drawing`
    several: Array
    line: Array  # (sources,) number that the first line of each has among all
    place: Array  # (sources + 1,) first place of each in arrays of all lines, a multiple of 64


def joined(drawings: Sequence[Drawing], first: Sequence[int]) -> Joined:
    """Put sources together, whose lines are numbered from ``first`` on."""
    tables, sizes = [d.table for d in drawings], [len(d.table.bits) for d in drawings]
    lines = np.cumsum([0, *(len(t.lines) for t in tables)])
    at = np.cumsum([0, *(len(t.thresholds) for t in tables)])
    table = Table(
        np.concatenate([t.lines for t in tables]),
        np.concatenate([*(t.first[:-1] + n for t, n in zip(tables, lines, strict=False)), lines[-1:]]),
        np.concatenate([t.bits for t in tables]),
        np.concatenate([t.thresholds for t in tables]),
        np.concatenate([*(t.at[:-1] + n for t, n in zip(tables, at, strict=False)), at[-1:]]),
        np.concatenate([t.guide for t in tables]),
        np.concatenate([t.keep for t in tables]),
    )
    keys = [mixed(d.key, g) for d, n in zip(drawings, sizes, strict=True) for g in range(n)]
    own = np.array([d.lines for d in drawings], np.int64)
    padded = -(-(own[:, 1] - own[:, 0]) // 64) * 64
    return Joined(
        table, np.array(keys, np.uint64), np.cumsum([0, *sizes]), own, np.array([d.several for d in drawings]),
        np.array(first, np.int64), np.cumsum([0, *padded]),
    )  # fmt: skip


class Draw:
    """Events of sources that are drawn together, some steps at a time.

    Parameters
    ----------
    drawings : sequence of Drawing
        The sources.
    first : sequence of int
        The number of the first line of each among all.

    Attributes
    ----------
    lines : int
        Places that all lines need.
    expected : float
        Mean number of events of a step.
    """

    def __init__(self, drawings: Sequence[Drawing], first: Sequence[int]) -> None:
        self.sources, self.expected = joined(drawings, first), sum(d.expected for d in drawings)
        self.lines = int(self.sources.place[-1])
        self._counts, self._words = np.zeros(self.lines, np.uint32), np.zeros(self.lines // 64, np.uint64)
        self._taken = np.zeros(max(1, len(self.sources.table.thresholds)), np.int64)
        self._seen = np.zeros(self.lines, np.int64)

    def room(self, steps: int) -> int:
        """Places for the events of so many steps, but for rare cases."""
        return self.lines + int(1.1 * self.expected * steps) + 64

    def into(self, start: int, stop: int, shift: int, out: Sequence[Array], n: int) -> tuple[int, int]:
        """Write steps, lines and values of events from step ``start`` on into ``out``, from place n on.

        As long as there is room; steps are numbered ``shift`` higher. Returns the place behind the last event, and the
        step before which the room was over, or ``stop``.
        """
        from .kernels import draw_steps  # numba is imported when somebody draws

        return draw_steps(self.sources, start, stop, shift, self._counts, self._words, self._taken, self._seen, *out, n)

    def seen(self) -> list[Array]:
        """How many steps since the last call had events, for each line of each source; counted anew from here."""
        sources, seen = self.sources, self._seen.copy()
        self._seen[:] = 0
        return [seen[k : k + high - low] for k, (low, high) in zip(sources.place, sources.own, strict=False)]


def draw_events(drawing: Drawing, start: int, stop: int) -> tuple[Array, Array, Array | None]:
    """Events of the steps start .. stop-1 by step, then line, those of a line in a step added up to its value."""
    nothing = np.zeros(0, np.int64)
    if not len(drawing.table.lines) or start >= stop:
        return nothing, nothing, None
    draw, t, parts = Draw([drawing], [0]), start, list[list[Array]]()
    room = draw.room(stop - start)
    while t < stop:
        out = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
        n, t = draw.into(t, stop, 0, out, 0)
        parts.append([array[:n] for array in out])
    step, line, value = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
    return step, line, None if (value == 1).all() else value
