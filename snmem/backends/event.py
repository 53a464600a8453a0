"""The event-driven engine: work is proportional to spikes, synaptic events and neurons that may still spike.

Neurons are kept in blocks of 256. A block is updated only in steps in which an input reaches it or one of its neurons
may spike without input; otherwise it sleeps and is brought up to date, step by step and bit for bit, when its next
input comes. When every block sleeps and no spike is on its way, the engine jumps to the next input.
Both arithmetics run in the same loops (:mod:`snmem.backends.event_kernels`); results equal the reference step exactly.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import BackendError, InputError
from ..loihi.arithmetic import condition_weights
from ..network import Network, Population, Projection
from ..neuron import LIF, LOIHI_SHIFT
from ..plasticity import Instar, SumOfProducts
from ..simulation import Job, make_recording
from ..spikes import Interrupted, Recording, Spikes
from . import event_kernels as kernels
from .event_kernels import BLOCK, Net, State

#: Seconds of compiled work between two looks at Ctrl-C and progress.
SLICE_S = 0.2


@dataclass(frozen=True)
class EventState:
    """A finished run, to go on from: the state arrays and the spikes still on their way."""

    network: Network
    step: int
    last: int
    arrays: State
    spikes: Any


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
    with np.errstate(divide="ignore", invalid="ignore"):
        stay = np.where(beta < 1, 1 / (1 - beta), 1e300)
        gain = alpha * np.minimum(np.where(alpha < 1, 1 / (1 - alpha), 1e300), stay)
    return np.minimum(gain, 1e300) * (1 + 1e-6), np.minimum(np.maximum(bias, 0) * stay, 1e300)


def _parameters(p: Population) -> Any:
    """(7, padded neurons) rows as event_kernels numbers them; padding never spikes."""
    n, neuron = p.size, p.neuron
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
    return np.array(tiles), np.array(of_block)


class _Layout:
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
        tiles, blk_tile = _tiles(network)
        flags = np.zeros((len(pops), 4), np.int64)
        for i, p in enumerate(network.neurons):
            subtract = isinstance(p.neuron, LIF) and p.neuron.reset == "subtract"
            flags[i] = p.neuron.arithmetic == "loihi", subtract, p.clear_every or 0, p.clear_offset
        order = [self.index[name] for name in network.update_order]
        proj, shift, ptr, target, code, palette, self.weight = self._synapses()
        delays = proj[:, 2]
        rule, rate, lptr, lpos, lother = self._rules(proj, shift, ptr, target)
        self.net = Net(
            par=tiles,
            uniform=(tiles == tiles[:, :, :1]).all(axis=(1, 2)).astype(np.uint8),
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
            proj_in0=np.array([q for p in order for q in np.flatnonzero((delays == 0) & (proj[:, 1] == p))], np.int64),
            proj_late=np.flatnonzero(delays > 0),
            ptr=ptr,
            target=target,
            code=code,
            palette=palette,
            rule=rule,
            rate=rate,
            lptr=lptr,
            lpos=lpos,
            lother=lother,
            traces=np.zeros((0, 3), np.int64),
        )

    def _synapses(self) -> tuple[Any, ...]:
        """Per projection: table row, offsets by presynaptic neuron, padded target indices, weights or codes of them."""
        queue = self.network.projections
        proj, shift = np.zeros((len(queue), 8), np.int64), np.zeros(len(queue), np.int64)
        narrow = self.first[-1] <= np.iinfo(np.uint16).max
        target = np.empty(sum(q.synapses for q in queue), np.uint16 if narrow else np.uint32)
        palette = np.zeros((len(queue), 256))
        pointers, codes, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)], []
        at = row = at_code = at_weight = 0
        for i, q in enumerate(queue):
            pre, post = self.index[q.pre], self.index[q.post]
            columns: Any = q.by_pre
            n_blocks = self.pop_blk[post + 1] - self.pop_blk[post]
            mark_all = q.synapses >= 2 * n_blocks * columns.shape[1]
            values = columns.data
            if self.network.arithmetic == "loihi":
                values = condition_weights(values) * 2.0 ** max(q.exponent, 0)
            coded = None if q.plasticity else _codes(values)
            if coded is None:
                shift[i], at_weight = at_weight - at, at_weight + q.synapses
                weights.append(values)
            else:
                shift[i], at_code = at_code - at, at_code + q.synapses
                palette[i, : len(coded[0])] = coded[0]
                codes.append(coded[1])
            ranges, offsets = _ranges(q, columns)
            proj[i] = pre, post, q.delay, min(q.exponent, 0), row, mark_all, coded is not None, ranges
            target[at : at + q.synapses] = columns.indices
            target[at : at + q.synapses] += target.dtype.type(self.first[post])
            pointers.append(offsets + at)
            at, row = at + q.synapses, row + len(offsets)
        plastic = any(q.plasticity for q in queue)
        return proj, shift, np.concatenate(pointers), target, np.concatenate(codes), palette, _joined(weights, plastic)

    def _rules(self, proj: Any, shift: Any, ptr: Any, target: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Per plastic projection: the synapses of every gate neuron and the signal neuron each moves towards."""
        table, rates, pointers, positions, others = [], [], [], [], []
        at = row = x0 = 0
        for i, q in enumerate(self.network.projections):
            rule = q.plasticity
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
            rates.append((rule.rate, rule.decay))
            at, row, x0 = at + q.synapses, row + self.sizes[gate] + 1, x0 + self.sizes[signal]
        none = np.zeros(0, np.int64)
        return (
            np.array(table, np.int64).reshape(-1, 6),
            np.array(rates, np.float64).reshape(-1, 2),
            np.concatenate([none, *pointers]),
            np.concatenate([none, *positions]),
            np.concatenate([none, *others]),
        )

    def cut(self, threads: int) -> Any:
        """(pops, threads + 1) blocks at which the populations are divided among threads."""
        blocks = np.diff(self.pop_blk)[:, None]
        return self.pop_blk[:-1, None] + np.round(blocks * np.arange(threads + 1) / threads).astype(np.int64)

    def fresh(self) -> EventState:
        """The state before step 0: everything zero, every block awake."""
        n = int(self.pop_blk[-1])
        rules = self.net.rule
        return EventState(
            self.network,
            0,
            -1,
            State(
                u=np.zeros(n * BLOCK),
                v=np.zeros(n * BLOCK),
                cur=np.zeros(n * BLOCK),
                touched=np.zeros(n, np.uint8),
                awake=np.ones(n, np.uint8),
                upto=np.zeros(n, np.int64),
                weight=self.weight,
                x=np.zeros(int(rules[:, 5].sum())),
                ring=np.zeros((self.depth, len(self.sizes), 2), np.int64),
                counts=np.zeros((len(self.sizes), 2), np.int64),
                learned=np.zeros(len(rules), np.int64),
            ),
            np.zeros(0, np.int64),
        )


def _ranges(q: Projection, columns: Any) -> tuple[int, Any]:
    """Number of ranges of targets to deliver to one after the other, and where each presynaptic neuron's begin.

    One range, unless the synapses of a neuron would still come in long rows.
    """
    post, pre = columns.shape
    ranges = -(-post // kernels.RANGE)
    if q.plasticity or q.synapses < 2 * kernels.STRIDE * ranges * pre:
        return 1, columns.indptr.astype(np.int64)
    key = np.repeat(np.arange(pre) * ranges, np.diff(columns.indptr)) + columns.indices // kernels.RANGE
    return ranges, np.concatenate(([0], np.cumsum(np.bincount(key, minlength=pre * ranges))))


def _codes(values: Any) -> tuple[Any, Any] | None:
    """At most 256 different weights and the number of each synapse's among them, or None if there are more."""
    sample = values[:: max(1, len(values) // 4096)]
    if len(np.unique(sample)) > 256:
        return None
    different, code = np.unique(values, return_inverse=True)
    return (different, code.astype(np.uint8)) if len(different) <= 256 else None


def _joined(weights: list[Any], plastic: bool) -> Any:
    """All weights in one array: float32 where that holds every one exactly and none changes, else float64."""
    exact = all(w.dtype == np.float32 or np.array_equal(w.astype(np.float32), w) for w in weights)
    return np.concatenate([np.zeros(0), *weights]).astype(
        np.float32 if weights and exact and not plastic else np.float64
    )


def layout(network: Network) -> _Layout:
    """The compiled form of a network, built once and kept with it."""
    cache = network.__dict__
    if "_event_layout" not in cache:
        cache["_event_layout"] = _Layout(network)
    return cache["_event_layout"]


def _start(job: Job, made: _Layout) -> EventState:
    """The state to start from, copied so that the caller's stays as it was."""
    state = job.state
    if state is None:
        return made.fresh()
    if not isinstance(state, EventState):
        raise InputError(
            f"simulate: state is a {type(state).__name__}, expected Recording.state of an event-engine run"
        )
    if state.network is not job.network and state.network != job.network:
        raise InputError("simulate: state belongs to another network; start without it or use the same network")
    arrays = [a if a is made.weight else a.copy() for a in state.arrays]
    arrays = State(*arrays)
    arrays.counts[:] = 0
    arrays.learned[:] = 0
    return EventState(job.network, state.step, state.last, arrays, state.spikes)


def run(job: Job) -> Recording:
    """Run ``job`` on the event engine (both arithmetics, plasticity, continuing from a state).

    Ctrl-C raises Interrupted, which carries what was recorded so far.
    """
    made = layout(job.network)
    start = _start(job, made)
    state = start.arrays
    if made.net.rule.size and state.weight is made.weight:
        state = state._replace(weight=made.weight.copy())
    net, out = _trace_plan(job, made)
    end = start.step + job.steps
    events, event_step = _input_events(job, made, start.step)
    room = int(made.first[-1])
    carried = len(start.spikes)
    buffer = np.empty((2, carried + max(2 * room, 1 << 16)), np.int64)
    buffer[0, :carried], buffer[1, :carried] = start.spikes, start.step - 1
    team = _Team(1 if made.net.rule.size else job.threads, made, net, state)
    kept: list[Any] = []
    at, size = np.array([start.step, carried, 0, start.last]), 64
    try:
        while at[0] < end:
            began, before = time.perf_counter(), int(at[0])
            team.run(
                events, event_step, min(end, before + size), buffer[0], buffer[1], room, out[before - start.step :],
                bool(job.record), job.counters, at,
            )  # fmt: skip
            kept.append(buffer[:, carried : at[1]].copy())
            at[1] = carried = _carry(buffer, state.ring, int(at[1]))
            size = _next_slice(size, int(at[0]) - before, time.perf_counter() - began)
            if job.progress:
                job.progress(int(at[0]) - start.step)
    except KeyboardInterrupt:
        done = np.concatenate([np.zeros((2, 0), np.int64), *kept], axis=1)
        raise _interrupted(job, made, start, state, done, buffer[:, : at[1]], int(at[0]), out) from None
    finally:
        team.close()
    kernels.settle(net, state, end, job.counters)
    final = EventState(job.network, end, int(at[3]), state, buffer[0, : at[1]].copy())
    return _recording(job, made, final, np.concatenate(kept, axis=1), out, start.step)


class _Team:
    """The threads of a run: all step the same network, each its own blocks; the first is the caller's.

    State arrays are shared, rings and counters are each thread's own.
    """

    def __init__(self, threads: int, made: _Layout, net: Net, state: State) -> None:
        self.net = net._replace(cut=made.cut(threads))
        more = [state._replace(ring=state.ring.copy(), counts=0 * state.counts) for _ in range(threads - 1)]
        self.states = [state, *more]
        self.found = np.zeros((threads, int(made.first[-1]) + 1 if more else 1), np.int64)
        self.sync = np.zeros(2, np.int64)
        self.scratch = np.zeros(state.cur.size)
        self.pool = ThreadPoolExecutor(threads - 1) if more else None

    def run(
        self, events: Any, event_step: Any, stop: int, spk: Any, spk_step: Any, room: int, out: Any, dense: bool,
        counting: bool, at: Any,
    ) -> None:  # fmt: skip
        """Steps up to ``stop``; ``at`` (step, spikes in the buffer, next event, step of the latest spike) moves on."""

        def part(thread: int) -> None:
            kernels.run(
                self.net, self.states[thread], events, event_step, stop, spk, spk_step, room, out, self.scratch, dense,
                counting, thread, self.sync, self.found, at if thread == 0 else at_start,
            )  # fmt: skip

        if self.pool is None:
            part(0)
            return
        for state in self.states[1:]:
            state.ring[:] = self.states[0].ring
        at_start = at.copy()
        others = []
        try:
            others += [self.pool.submit(part, k) for k in range(1, len(self.states))]
            part(0)
        except BaseException:
            self.sync[1] = 1  # nobody waits any longer
            raise
        finally:
            wait(others)

    def close(self) -> None:
        """End the threads and add up what they counted."""
        if self.pool is not None:
            self.sync[1] = 1
            self.pool.shutdown()
            for state in self.states[1:]:
                self.states[0].counts[:] += state.counts


def _interrupted(
    job: Job, made: _Layout, start: EventState, state: State, done: Any, buffer: Any, stop: int, out: Any
) -> Interrupted:
    """What was recorded before Ctrl-C, up to step ``stop``."""
    after = done[1, -1] if done.size else start.step - 1
    events = np.concatenate(
        [done, buffer[:, buffer[1] > after][:, start.spikes.size if not done.size else 0 :]], axis=1
    )
    steps = stop - start.step
    short = replace(job, steps=steps, inputs={name: s.between(0, steps) for name, s in job.inputs.items()})
    final = EventState(job.network, stop, -1, state, np.zeros(0, np.int64))
    recording = _recording(short, made, final, events, out[:steps], start.step)
    return Interrupted(replace(recording, state=None))


def _next_slice(size: int, done: int, seconds: float) -> int:
    """Steps for the next call of the kernel, so that it returns about every SLICE_S seconds."""
    return max(1, min(int(max(done, 1) * SLICE_S / max(seconds, 1e-6)), 8 * size))


def _carry(buffer: Any, ring: Any, n: int) -> int:
    """Move the spikes that are still on their way to the start of the buffer; returns how many."""
    live = ring[..., 1] > ring[..., 0]
    low = int(ring[..., 0][live].min()) if live.any() else n
    buffer[:, : n - low] = buffer[:, low:n].copy()
    ring[live] -= low
    ring[~live] = 0
    return n - low


def _input_events(job: Job, made: _Layout, offset: int) -> tuple[Any, Any]:
    ids = [s.neuron + made.first[made.index[name]] for name, s in job.inputs.items()]
    when = [s.step + offset for s in job.inputs.values()]
    none = np.zeros(0, np.int64)
    all_ids, all_steps = np.concatenate([none, *ids]), np.concatenate([none, *when])
    if len(ids) == 1:  # sorted already
        return all_ids, all_steps
    order = np.lexsort((all_ids, all_steps))
    return all_ids[order], all_steps[order]


def _trace_plan(job: Job, made: _Layout) -> tuple[Net, Any]:
    rows, column = [], 0
    for pop, var in job.traces():
        p = made.index[pop]
        rows.append((p, "uv".index(var), column))
        column += int(made.sizes[p])
    plan = np.array(rows, np.int64).reshape(-1, 3)
    return made.net._replace(traces=plan), np.zeros((job.steps if rows else 0, column))


def _recording(job: Job, made: _Layout, final: EventState, events: Any, out: Any, offset: int) -> Recording:
    network, state = job.network, final.arrays
    spikes = {}
    for p in network.populations:
        i = made.index[p.name]
        low = made.first[i]
        mine = (events[0] >= low) & (events[0] < low + p.size)
        spikes[p.name] = Spikes(events[1][mine] - offset, events[0][mine] - low, job.steps, p.size)
    kind = np.float64 if network.arithmetic == "float" else np.int64
    columns = np.cumsum([network[pop].size for pop, _ in job.traces()])[:-1]
    traces = dict(zip(job.record, np.split(out, columns, axis=1), strict=True)) if job.record else {}
    plastic = [network.projections[r] for r in made.net.rule[:, 0]]
    counts = {p.name: state.counts[made.index[p.name]] for p in network.neurons}
    return make_recording(
        job,
        "event",
        spikes,
        traces={name: trace.astype(kind) for name, trace in traces.items()},
        updated={name: int(c[0]) for name, c in counts.items()},
        changed={name: int(c[1]) for name, c in counts.items()},
        weight_updates={q.name: int(n) for q, n in zip(plastic, state.learned, strict=True)},
        weights={q.name: _learned_weights(made, q, state.weight) for q in plastic},
        state=final,
    )


def _learned_weights(made: _Layout, q: Projection, weight: Any) -> sp.csr_array:
    i = made.network.projections.index(q)
    at = made.net.ptr[made.net.proj[i, 4]] + made.net.shift[i]
    c = q.by_pre
    return sp.csc_array((weight[at : at + q.synapses].copy(), c.indices, c.indptr), shape=c.shape).tocsr()
