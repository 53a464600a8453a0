"""What the compiled loops of the event engine run on: constants, and the two groups of arrays."""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..errors import BackendError

#: Neurons per block: the unit of updating, sleeping and waking.
BLOCK = 256
#: Targets whose input is summed at a time: what fits the first-level cache together with the synapses streaming by.
RANGE = 2560
#: Steps of a sleeping block between two looks whether anything still moves in it.
PATIENCE = 16
#: Synapses between two prefetched places; rows whose beginnings are prefetched together.
STRIDE, AHEAD = 32, 16
#: Cells that are asked for ahead of their turn, about; cells brought up to date together by the closed form.
NEAR, FLOCK = 80, 8
#: Weights that learn and are asked for ahead of their turn.
LEARNT = 24
#: Planes of bits (:mod:`snmem.backends.event_planes`): neurons to a word; words to a register; most words of a tile.
WORD, WIDE, TILE = 64, 8, 40
#: Bits of the largest weight; kinds of planes: bits of positive weights, then of negative ones.
BITS = 15
KINDS = 2 * BITS
#: Planes added at a time; spikes added up before their sum goes to the neurons; rows that such a sum may need.
GROUP, SPIKES = 8, 256
LEVELS = BITS + SPIKES.bit_length() + 3
#: Rows of ``Net.par``: decay of u, decay of v, bias, threshold, reset value, bound factor, bound of the bias; 1 where
#: all neurons of the block have the same.
ALPHA, BETA, BIAS, THETA, RESET, GAIN, DRIVE, ALIKE = range(8)


#: Where a run is: step, spikes in the buffer, next input spike, step of the latest spike or -1, and steps done, without
#: those that were skipped.
STEP, COUNT, EVENT, LAST, DONE = range(5)

#: Bytes of a line of the cache, of a large page of memory, and of arrays that are worth such pages.
LINE, PAGE, LARGE = 64, 1 << 21, 1 << 22


def zeros(*shape: int, dtype: Any = np.float64) -> Any:
    """An array of zeros that shares no line of the cache: no register is filled from two, no thread waits for it.

    Large ones ask for large pages (Linux), so that places picked at random need no search for where their page is.
    Memory that was used before would keep its small ones, therefore theirs is new.
    """
    size, item = math.prod(shape), np.dtype(dtype).itemsize
    if size * item >= LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        pages = mmap.mmap(-1, size * item + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # a kernel may be built without them
            pages.madvise(mmap.MADV_HUGEPAGE)
        raw, line = np.frombuffer(pages, np.uint8), PAGE
    else:
        raw, line = np.zeros(-(-size * item // LINE) * LINE + LINE, np.uint8), LINE
    return raw[-raw.ctypes.data % line :][: size * item].view(dtype).reshape(shape)


def copied(array: Any) -> Any:
    """A copy, laid out as by :func:`zeros`."""
    made = zeros(*array.shape, dtype=array.dtype)
    made[:] = array
    return made


def check_aligned(**arrays: Any) -> None:
    """Raise BackendError for an array that does not begin at a line of the cache, where compiled loads rely on it."""
    for name, array in arrays.items():
        if array.size and array.ctypes.data % LINE:
            raise BackendError(f"backend 'event': array {name!r} is not aligned to {LINE} bytes; build it with zeros()")


class Net(NamedTuple):
    """What does not change during a run. Neurons of all populations stand in one index, each padded to whole blocks."""

    par: Any  # (tiles, 8, BLOCK) parameters; blocks that are alike share one tile
    blk_tile: Any  # (blocks,)
    pop_blk: Any  # (pops + 1,) blocks of population p: pop_blk[p] .. pop_blk[p + 1]
    pop_first: Any  # (pops,) first padded neuron of p; inputs have no blocks and are numbered after the neurons
    pop_size: Any  # (pops,)
    cut: Any  # (pops, threads + 1): thread k steps the blocks cut[p, k] .. cut[p, k + 1] of population p
    pop_flags: Any  # (pops, 4): Loihi arithmetic, subtractive reset, clear_every (0 = never), clear_offset
    order: Any  # neuron populations in update order
    in_pops: Any  # input populations
    proj: Any  # (projections, 11): pre, post, delay, exponent, offset into ptr, mark all, coded, ranges,
    # rows asked for ahead, mean length of a row, 1 where every row is one synapse
    shift: Any  # (projections,) from a synapse's index in target to its index in code, or in State.weight
    queue: Any  # projections as they deliver: of delay 0, in the update order of their targets; then the others
    turns: Any  # (populations in order + 2,) where those of each begin in ``queue``, where the others, and the end
    ptr: Any  # per projection (pre * ranges + 1) offsets into target: synapses by presynaptic neuron, then range
    target: Any  # padded neuron index of each synapse
    code: Any  # uint8: weights of projections with at most 256 different ones, as numbers into palette
    palette: Any  # (projections, 256)
    dense: Any  # (projections, 4): first row of ``planes`` or -1, words of a tile, words from tile to tile, first word
    unit: Any  # (projections,) what bit 0 of a weight is worth
    planes: Any  # (rows, 2), presynaptic neurons of the dense projections: first word of their planes, bits of kinds
    bits: Any  # words of all planes, by projection and tile, a plane of zeros before each
    rule: Any  # (plastic, 6): projection, gate pop, signal pop, offset into lptr, offset into x, signal size
    rate: Any  # (plastic, 2): rate, decay
    lptr: Any  # synapses of each gate neuron: offsets into lpos / lother
    lpos: Any  # position in weight
    lother: Any  # signal neuron that the synapse moves towards
    traces: Any  # (recorded, 3): population, row of the state (0 = u, 1 = v), column in the output


class State(NamedTuple):
    """What a step changes."""

    u: Any  # (blocks * BLOCK,)
    v: Any
    cur: Any  # input of the coming step
    touched: Any  # (blocks,) 1 where cur may be nonzero
    awake: Any  # (blocks,) 1 where a neuron may spike without further input
    upto: Any  # (blocks,) steps done
    weight: Any  # weights of all other projections
    x: Any  # traces of the learning rules
    ring: Any  # (depth, pops, 2) ranges of the spike buffer, by step modulo depth
    counts: Any  # (pops, 2): updated, changed
    learned: Any  # (plastic,) weight updates


class Work(NamedTuple):
    """Room of one thread for sums that are not yet input."""

    scratch: Any  # (blocks * BLOCK,) shared by all threads
    listed: Any  # (3, KINDS * SPIKES) planes: first word; where each group begins, its kind
    filled: Any  # (KINDS,) how many planes of each kind are listed
    sums: Any  # (2 * LEVELS, TILE) bit by bit: of positive weights, then of negative ones


class Cells(NamedTuple):
    """Populations that run neuron by neuron (:mod:`snmem.backends.event_cells`); what a thread needs for its part."""

    on: Any  # (pops,) 1 where the population does; shared by all threads, as all down to ``table``
    cells: Any  # (neurons * 4,) u, v, input, age, by padded neuron
    ages: Any  # the same bytes as whole numbers
    due: Any  # lists of due cells, one for each population and thread, with a place to spare
    waiting: Any  # (threads, pops) length of each list
    par: Any  # (pops, 8, 1) parameters where all neurons are alike
    table: Any  # (pops, AGES or 0, 4) closed forms, if wanted
    margin: Any  # (pops, 1 + FLOCK) by the closed form: smallest |v - theta| where one may spike, largest |u|, |v|
    load: Any  # (pops, 3) since the last look: neurons stepped, synaptic events, steps with due cells
    ordered: Any  # room for a list
    first: Any  # (AGES,) where each age begins in it
    lanes: Any  # (5, LANES) room for the cells that are stepped together
    lane_age: Any  # (LANES,)
