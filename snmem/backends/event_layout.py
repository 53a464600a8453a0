"""Networks as the flat arrays that the compiled loops of the event engine run on."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from .._jit import kernel
from ..errors import BackendError
from ..loihi.arithmetic import condition_weights
from ..network import Network, Population, Projection
from ..neurons import LIF, LOIHI_SHIFT
from ..plasticity import Instar, SumOfProducts
from . import event_planes as planes
from . import event_types as kernels
from .event_types import BLOCK, Net, State, Work, copied, zeros


@dataclass(frozen=True)
class EventState:
    """A finished run, to go on from: the state arrays and the spikes still on their way.

    ``arrays.weight`` is None where nothing learns: the weights are those of the network. Copies and unpickled states
    are as good as the original, as a run copies all arrays to aligned ones before it goes on.
    """

    network: Network
    step: int
    last: int
    arrays: State
    spikes: Any
    exact: bool = True  # whether u and v are those of stepping


#: Bytes that the ring of spikes on their way may take in each thread: 16 for each population and step of delay.
_RING = 1 << 28
#: Weights from which on float32 is worth compiling the loops for it, where it holds them exactly.
_MANY = 1 << 20


def _blocks(size: int) -> int:
    return -(-size // BLOCK)


def _rise_bounds(neuron: Any, size: int) -> tuple[Any, Any]:
    """Factors of an upper bound on later v without input: v <= max(v, 0) + gain * max(u, 0) + drive."""
    if isinstance(neuron, LIF):
        alpha, beta, bias = (neuron.vector(n, size) for n in ("alpha", "beta", "bias"))
    else:
        alpha = (4095 - neuron.vector("du", size)) / 4096
        beta = (4096 - neuron.vector("dv", size)) / 4096
        bias = np.broadcast_to(neuron.bias, size)
    with np.errstate(all="ignore"):
        stay = np.where(beta < 1, 1 / (1 - beta), 1e300)
        gain = alpha * np.minimum(np.where(alpha < 1, 1 / (1 - alpha), 1e300), stay)
        # n steps on, a unit of u has left alpha (beta^n - alpha^n) / (beta - alpha) in v: most of it at this n.
        n = np.log(np.log(alpha) / np.log(beta)) / np.log(beta / alpha)
        peak = alpha * (beta**n - alpha**n) / (beta - alpha)
        gain = np.where((abs(beta - alpha) > 1e-4) & (peak >= 0), np.minimum(gain, peak), gain)
        return np.minimum(gain, 1e300) * (1 + 1e-6), np.maximum(bias, 0) * stay


def _parameters(p: Population) -> Any:
    """(7, padded neurons) rows as event_kernels numbers them; padding never spikes.

    Where it would not with the parameters of the others, it has theirs, so that the last block is like the rest.
    """
    n, neuron = p.size, cast(Any, p.neuron)
    rows = np.zeros((7, _blocks(n) * BLOCK))
    rows[kernels.THETA] = np.inf
    if isinstance(neuron, LIF):
        values = [neuron.vector(k, n) for k in ("alpha", "beta", "bias", "theta", "v_reset")]
    else:
        values = [
            (4095 - neuron.vector("du", n)) / 4096,
            (4096 - neuron.vector("dv", n)) / 4096,
            np.broadcast_to(neuron.bias, n),
            neuron.vector("vth", n) * float(LOIHI_SHIFT),
            np.zeros(n),
        ]
    rows[:5, :n] = values
    rows[5:, :n] = _rise_bounds(neuron, n)
    first = rows[:, :1]
    if first[kernels.BIAS] == 0 and first[kernels.THETA] >= 0 and (rows[:, :n] == first).all():
        rows[:, n:] = first
    return rows


def _tiles(network: Network) -> tuple[Any, Any]:
    """Parameter tiles of one block each, shared where blocks are alike, and the tile of every block."""
    tiles: list[Any] = []
    index: dict[bytes, int] = {}
    of_block = []
    for p in network.neurons:
        rows = _parameters(p)
        for b in range(_blocks(p.size)):
            tile = np.ascontiguousarray(rows[:, b * BLOCK : (b + 1) * BLOCK])
            number = index.setdefault(tile.tobytes(), len(tiles))
            if number == len(tiles):
                tiles.append(tile)
            of_block.append(number)
    par = zeros(len(tiles), kernels.ALIKE + 1, BLOCK)
    par[:, : kernels.ALIKE] = np.array(tiles).reshape(len(tiles), kernels.ALIKE, BLOCK)
    par[:, kernels.ALIKE] = (par == par[:, :, :1]).all(axis=(1, 2))[:, None]
    return par, np.array(of_block)


class Layout:
    """A network as flat arrays: ``net`` for the kernels, ``fresh()`` for a state at step 0."""

    def __init__(self, network: Network) -> None:
        self.network = network
        pops = [*network.neurons, *network.inputs]
        self.index = {p.name: i for i, p in enumerate(pops)}
        blocks = [_blocks(p.size) if isinstance(p, Population) else 0 for p in pops]
        self.pop_blk = np.concatenate(([0], np.cumsum(blocks)))
        padded = [b * BLOCK or p.size for b, p in zip(blocks, pops, strict=True)]
        self.first = np.concatenate(([0], np.cumsum(padded)))
        self.sizes = np.array([p.size for p in pops])
        self.depth = max(network.max_delay, 1)
        _check_delays(network, _RING // (16 * len(pops)))
        self._cuts: dict[int, Any] = {}
        self.turns: dict[int, Any] = {}  # by threads: which way of running was faster (event_team.Turns)
        tiles, blk_tile = _tiles(network)
        flags = np.zeros((len(pops), 4), np.int64)
        for i, p in enumerate(network.neurons):
            subtract = isinstance(p.neuron, LIF) and p.neuron.reset == "subtract"
            flags[i] = p.neuron.arithmetic == "loihi", subtract, p.clear_every or 0, p.clear_offset
        order = [self.index[name] for name in network.update_order]
        values = [self._values(q) for q in network.projections]
        known = [None if q.plasticity else _distinct(w) for q, w in zip(network.projections, values, strict=True)]
        plans = self._plans(values, known)
        dense, unit, first_planes, bits = self._planes(plans, values, known)
        self.tile = np.zeros(len(pops), np.int64)  # blocks
        for q, p in zip(network.projections, plans, strict=True):
            if p:
                self.tile[self.index[q.post]] = p.tile * kernels.WORD // BLOCK
        proj, shift, ptr, target, code, palette, self.weight = self._synapses(plans, values, known)
        del values
        delays = proj[:, 2]
        queues = [np.flatnonzero((delays == 0) & (proj[:, 1] == p)) for p in order] + [np.flatnonzero(delays > 0)]
        rule, rate, lptr, lpos, lother = self._rules(proj, shift, ptr, target)
        self.net = Net(
            par=tiles,
            blk_tile=blk_tile,
            pop_blk=self.pop_blk,
            pop_first=self.first,
            pop_size=self.sizes,
            cut=self.cut(1),
            pop_flags=flags,
            order=np.array(order),
            in_pops=np.arange(len(network.neurons), len(pops)),
            proj=proj,
            shift=shift,
            queue=np.concatenate(queues),
            turns=np.cumsum([0, *map(len, queues)]),
            ptr=ptr,
            target=target,
            code=code,
            palette=palette,
            dense=dense,
            unit=unit,
            planes=first_planes,
            bits=bits,
            rule=rule,
            rate=rate,
            lptr=lptr,
            lpos=lpos,
            lother=lother,
            traces=np.zeros((0, 3), np.int64),
        )

    def _plans(self, values: list[Any], known: list[Any]) -> list[planes.Plan | None]:
        """For each projection: how to lay it out in planes of bits, or None.

        Sums on a grid are exact in any order. Those into a population are taken up to the first projection off it.
        """
        queue = self.network.projections
        plans: list[planes.Plan | None] = [None] * len(queue)
        grids: dict[str, planes.Grid | None] = {}
        for i in sorted(range(len(queue)), key=lambda i: queue[i].delay == 0):  # as they are delivered
            q, w, d, grid = queue[i], values[i], known[i], grids.get(queue[i].post, planes.EMPTY)
            if d is not None and grid is not None:
                grid = grid.join(planes.grid_of(d, q.weights.shape[1]))
                plans[i] = planes.plan(q, w, d, grid, _parts(q.weights.shape[0]))
            grids[q.post] = None if d is None else grid
        return plans

    def _planes(self, plans: list[planes.Plan | None], values: list[Any], known: list[Any]) -> tuple[Any, ...]:
        """What ``Net`` says of the projections in planes of bits."""
        made = [p for p in plans if p is not None]
        bits = zeros(sum(p.step * p.tiles for p in made), dtype=np.uint64)
        dense, unit = np.zeros((len(plans), 4), np.int64), np.zeros(len(plans))
        dense[:, 0] = -1
        firsts, row, word = [np.zeros((0, 2), np.int64)], 0, 0
        for i, (q, p) in enumerate(zip(self.network.projections, plans, strict=True)):
            if p is not None:
                firsts.append(planes.fill(p, q, values[i], known[i], bits[word:]) + np.array([word, 0]))
                dense[i], unit[i] = (row, p.tile, p.step, word), p.unit
                row, word = row + len(firsts[-1]), word + p.step * p.tiles
        return dense, unit, np.concatenate(firsts), bits

    def work(self, threads: int) -> list[Work]:
        """Room for the sums of each thread."""
        scratch = zeros(self.pop_blk[-1] * BLOCK)
        work = []
        for _ in range(threads):
            listed = zeros(3, kernels.KINDS * kernels.SPIKES, dtype=np.int64)
            sums = zeros(2 * kernels.LEVELS, kernels.TILE, dtype=np.uint64)
            work.append(Work(scratch, listed, zeros(kernels.KINDS, dtype=np.int64), sums))
        return work

    def _synapses(self, plans: list[planes.Plan | None], values: list[Any], known: list[Any]) -> tuple[Any, ...]:
        """Of the other projections: table row, offsets by presynaptic neuron, padded targets, weights or codes of them.

        Written straight from the fan-in rows into arrays of the smallest types, which is the most that is ever held.
        """
        queue = self.network.projections
        sizes = [0 if p else q.synapses for q, p in zip(queue, plans, strict=True)]
        kept = [w for w, d in zip(values, known, strict=True) if d is None]
        total, wide = sum(sizes), sum(len(w) for w in kept)
        single = wide > _MANY and not any(q.plasticity for q in queue) and all(_fits_float32(w) for w in kept)
        target = zeros(total, dtype=np.uint16 if self.first[-1] <= np.iinfo(np.uint16).max else np.uint32)
        code, weight = zeros(total - wide, dtype=np.uint8), zeros(wide, dtype=np.float32 if single else np.float64)
        proj, shift = np.zeros((len(queue), 11), np.int64), np.zeros(len(queue), np.int64)
        palette, pointers = np.zeros((len(queue), 256)), [np.zeros(0, np.int64)]
        at = row = at_code = at_weight = 0
        for i, (q, w) in enumerate(zip(queue, values, strict=True)):
            pre, post, rows = self.index[q.pre], self.index[q.post], q.weights
            mean = -(-q.synapses // rows.shape[1])
            if plans[i]:
                proj[i] = pre, post, q.delay, min(q.exponent, 0), 0, 1, 0, 1, 1, mean, 0
                continue
            mark_all = q.synapses >= 2 * (self.pop_blk[post + 1] - self.pop_blk[post]) * rows.shape[1]
            ranges = _ranges(q)
            offsets = _offsets(rows.indptr, rows.indices, rows.shape[1], ranges)
            codes = known[i]
            begin = offsets[:-1:ranges].copy()
            _place(
                target[at : at + q.synapses], rows.indptr, rows.indices, begin, self.first[post], w,
                np.zeros(0) if codes is None else codes, code[at_code:], weight[at_weight:],
            )  # fmt: skip
            if codes is None:
                shift[i], at_weight = at_weight - at, at_weight + q.synapses
            else:
                palette[i, : len(codes)] = codes
                shift[i], at_code = at_code - at, at_code + q.synapses
            ahead = min(16, max(1, kernels.NEAR // max(mean, 1)))
            single, coded = q.synapses == rows.shape[1] and (np.diff(offsets) == 1).all(), codes is not None
            proj[i] = pre, post, q.delay, min(q.exponent, 0), row, mark_all, coded, ranges, ahead, mean, single
            pointers.append(offsets + at)
            at, row = at + q.synapses, row + len(offsets)
        return proj, shift, copied(np.concatenate(pointers)), target, code, palette, weight

    def _values(self, q: Projection) -> Any:
        """What a spike adds, in the order of ``q.weights``."""
        if self.network.arithmetic == "float":
            return q.weights.data
        return condition_weights(q.weights.data) * 2.0 ** max(q.exponent, 0)

    def _rules(self, proj: Any, shift: Any, ptr: Any, target: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Per plastic projection: the synapses of every gate neuron and the signal neuron each moves towards."""
        table, rates, pointers, positions, others = [], [], [], [], []
        at = row = x0 = 0
        for i, q in enumerate(self.network.projections):
            rule: Any = q.plasticity
            if rule is None:
                continue
            if isinstance(rule, SumOfProducts):
                raise BackendError(
                    f"backend 'event': projection {q.name!r} learns by a sum of products; use backend 'loihi' for a "
                    "Loihi network, 'reference' for a float one"
                )
            instar = isinstance(rule, Instar)
            gate = self.index[rule.gate or (q.post if instar else q.pre)]
            signal = self.index[rule.signal or (q.pre if instar else q.post)]
            n_pre = q.weights.shape[1]
            start = ptr[proj[i, 4] : proj[i, 4] + n_pre + 1]
            post = target[start[0] : start[-1]].astype(np.int64) - self.first[proj[i, 1]]
            pre = np.repeat(np.arange(n_pre), np.diff(start))
            owner, other = (post, pre) if instar else (pre, post)
            by_gate = np.argsort(owner, kind="stable")
            positions.append(start[0] + shift[i] + by_gate)
            others.append(other[by_gate])
            counts = np.bincount(owner, minlength=self.sizes[gate])
            pointers.append(at + np.concatenate(([0], np.cumsum(counts))))
            table.append((i, gate, signal, row, x0, self.sizes[signal]))
            rates.append((rule.rate, rule.decay))  # type: ignore[attr-defined]
            at, row, x0 = at + q.synapses, row + self.sizes[gate] + 1, x0 + self.sizes[signal]
        none = np.zeros(0, np.int64)
        return (
            np.array(table, np.int64).reshape(-1, 6),
            np.array(rates, np.float64).reshape(-1, 2),
            np.concatenate([none, *pointers]),
            np.concatenate([none, *positions]).astype(np.uint32 if self.weight.size <= 1 << 32 else np.int64),
            np.concatenate([none, *others]).astype(np.uint32),
        )

    def cut(self, threads: int) -> Any:
        """(pops, threads + 1) blocks at which populations are divided among threads; between ranges if possible."""
        if threads not in self._cuts:
            blocks, parts = np.diff(self.pop_blk), np.array([_parts(size) for size in self.sizes])
            width = np.where(parts % threads == 0, np.maximum(-(-blocks // parts), self.tile), 1)
            width = np.maximum(width, 1)[:, None]
            at = width * np.round(-(-blocks[:, None] // width) * np.arange(threads + 1) / threads).astype(np.int64)
            self._cuts[threads] = self.pop_blk[:-1, None] + np.minimum(at, blocks[:, None])
        return self._cuts[threads]

    @cached_property
    def _restless(self) -> Any:
        """(blocks,) 1 where the bias alone may bring a spike."""
        par = self.net.par
        drive, theta = par[:, kernels.DRIVE], par[:, kernels.THETA]
        with np.errstate(invalid="ignore"):  # as may_spike has it
            limit = theta - np.where(drive > 0, 1e-6 * abs(theta) + 1e-300, 0.0)
        return (~(drive <= limit) & (theta < np.inf)).any(axis=1).astype(np.uint8)[self.net.blk_tile]

    def fresh(self) -> EventState:
        """The state before step 0: everything zero; blocks in which the bias alone may bring a spike are awake."""
        n, rules = int(self.pop_blk[-1]), self.net.rule
        return EventState(
            self.network,
            0,
            -1,
            State(
                u=zeros(n * BLOCK),
                v=zeros(n * BLOCK),
                cur=zeros(n * BLOCK),
                touched=np.zeros(n, np.uint8),
                awake=self._restless.copy(),
                upto=np.zeros(n, np.int64),
                weight=self.weight,
                x=np.zeros(int(rules[:, 5].sum())),
                ring=np.zeros((self.depth, len(self.sizes), 2), np.int64),
                counts=np.zeros((len(self.sizes), 2), np.int64),
                learned=np.zeros(len(rules), np.int64),
            ),
            np.zeros(0, np.int64),
        )


def _check_delays(network: Network, most: int) -> None:
    for q in network.projections:
        if q.delay > most:
            raise BackendError(
                f"backend 'event': projection {q.name!r} has a delay of {q.delay:,} steps; with "
                f"{len(network.populations)} populations it keeps up to {most:,}; use a shorter one, or backend "
                "'reference'"
            )


def _parts(size: int) -> int:
    """Ranges of at most RANGE neurons that a population is divided into: one, or an even number, for two threads."""
    parts = -(-size // kernels.RANGE)
    return parts + parts % 2 if parts > 1 else 1


def _ranges(q: Projection) -> int:
    """Number of ranges of targets to deliver to one after the other.

    One, unless the synapses of a neuron would still come in long rows, and none of them learns.
    """
    post, pre = q.weights.shape
    ranges = _parts(post)
    return 1 if q.plasticity or q.synapses < 2 * kernels.STRIDE * ranges * pre else ranges


def _distinct(values: Any) -> Any:
    """The different weights, ascending, or None if there are more than 256."""
    known = np.unique(values[:: max(1, len(values) // 4096)]).astype(np.float64)
    at = 0
    while len(known) <= 256:
        at = _first_unknown(values, known, at)
        if at == len(values):
            return known
        known = np.union1d(known, values[at])
    return None


def _fits_float32(values: Any) -> bool:
    """Whether float32 holds every value exactly."""
    parts = (values[i : i + (1 << 22)] for i in range(0, len(values), 1 << 22))
    return values.dtype == np.float32 or all(np.array_equal(p.astype(np.float32), p) for p in parts)


@kernel
def _offsets(indptr, indices, pre, ranges):
    """Where the synapses of each presynaptic neuron and range begin (pre * ranges + 1,)."""
    width = -(-(indptr.size - 1) // BLOCK)  # blocks of a range
    width = -(-width // ranges)
    out = np.zeros(pre * ranges + 1, np.int64)
    for post in range(indptr.size - 1):
        r = post // (width * BLOCK) + 1
        for k in range(indptr[post], indptr[post + 1]):
            out[indices[k] * ranges + r] += 1
    for i in range(pre * ranges):
        out[i + 1] += out[i]
    return out


@kernel
def _place(target, indptr, indices, at, first, values, known, code, weight):
    """Write targets, and weights or their numbers among ``known``, of fan-in rows in presynaptic order.

    at: the next place of each presynaptic neuron. Some of these at a time, so that the places stay in cache.
    """
    here = indptr[:-1].copy()
    pre = at.size
    some = max(1, int(pre * 2_000_000.0 / max(values.size, 1)))
    for low in range(0, pre, some):
        for post in range(here.size):
            k, end = here[post], indptr[post + 1]
            while k < end and indices[k] < low + some:
                j = at[indices[k]]
                at[indices[k]] = j + 1
                target[j] = first + post
                if known.size:
                    code[j] = np.searchsorted(known, values[k])
                else:
                    weight[j] = values[k]
                k += 1
            here[post] = k


@kernel
def _first_unknown(values, known, start):
    """Index >= start of the first value that is not in the ascending ``known``, or the number of values."""
    for i in range(start, values.size):
        j = np.searchsorted(known, values[i])
        if j == known.size or known[j] != values[i]:
            return i
    return values.size


class _Kept:
    """The layout kept with a network; copies and pickles of the network begin without one and build their own."""

    layout: Layout | None = None

    def __reduce__(self) -> Any:
        return _Kept, ()


def layout(network: Network) -> Layout:
    """The compiled form of a network, built once and kept with it.

    Nobody looks for garbage meanwhile: numba, which loads compiled functions here for the first time, makes half a
    million objects that stay.
    """
    kept = network.__dict__.setdefault("_event_layout", _Kept())
    if kept.layout is None:
        collecting = gc.isenabled()
        gc.disable()
        try:
            kept.layout = Layout(network)
        finally:
            if collecting:
                gc.enable()
    return kept.layout
