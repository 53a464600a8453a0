"""What the compiled loops of the engine run on: groups of arrays, how they lie in memory, and fixed sizes."""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ...errors import BackendError
from .tuning import LARGE

#: Neurons per block: the unit of updating, sleeping and waking.
BLOCK = 256
#: Neurons to a word of bits; words to a register (a vector of 512 bits).
WORD, WIDE = 64, 8
#: Cells that the closed form takes together; cells that are stepped together.
BATCH, LANES = 8, 64
#: Rows of the closed form's table; classes of ages when cells are ordered by age.
AGES, AGE_CLASSES = 1024, 512
#: Rows of a block that extended populations keep.
ROOM = 13
#: Most words of a tile of bit planes.
TILE = 40
#: Bits of the largest weight; kinds of planes: bits of positive weights, then of negative ones.
BITS = 15
KINDS = 2 * BITS
#: Planes added at a time; spikes added up before their sum goes to the neurons; rows that such a sum may need.
GROUP_SIZE, SPIKES = 8, 256
LEVELS = BITS + SPIKES.bit_length() + 3
#: Bytes of a line of the cache, and of a large page of memory; lines between arrays that stand side by side.
LINE, PAGE, APART = 64, 1 << 21, 13


def zeros(*shape: int, dtype: Any = np.float64) -> Any:
    """Return an array of zeros that begins at a line of the cache and shares none with other arrays.

    So that no vector is loaded from two lines, and no thread waits for one that another writes to. Large arrays ask for
    large pages (Linux), so that places picked at random need no search for where their page is. Memory that was used
    before would keep its small pages, therefore theirs is new.
    """
    size, item = math.prod(shape), np.dtype(dtype).itemsize
    if not size:
        return np.zeros(shape, dtype)
    if size * item >= LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        pages = mmap.mmap(-1, size * item + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # a kernel may be built without them
            pages.madvise(mmap.MADV_HUGEPAGE)
        raw, line = np.frombuffer(pages, np.uint8), PAGE
    else:
        raw, line = np.zeros(-(-size * item // LINE) * LINE + LINE, np.uint8), LINE
    return np.ndarray(shape, dtype, raw, -raw.__array_interface__["data"][0] % line)


def copied(array: Any) -> Any:
    """Return a copy, laid out as by :func:`zeros`."""
    copy = zeros(*array.shape, dtype=array.dtype)
    copy[:] = array
    return copy


def side_by_side(*kinds: tuple[int | tuple[int, ...], Any]) -> list[Any]:
    """Return arrays of zeros of these shapes and types, one behind the other in one piece of memory.

    Kernels that go through several arrays in step take up to twice as long where these lie anywhere, and the time
    differs from process to process: lines of the cache push each other out although there is room. Each begins a few
    lines after the end of the one before, so that equal places are not always of one set of the cache.
    """
    sizes = [-(-int(np.prod(shape)) * np.dtype(kind).itemsize // LINE) * LINE + APART * LINE for shape, kind in kinds]
    room, ends = zeros(sum(sizes), dtype=np.uint8), np.cumsum(sizes)
    return [
        np.ndarray(shape, kind, room, end - size) for (shape, kind), size, end in zip(kinds, sizes, ends, strict=True)
    ]


def check_aligned(**arrays: Any) -> None:
    """Raise BackendError for an array that does not begin at a line of the cache, where compiled loads rely on it."""
    for name, array in arrays.items():
        if array.size and array.ctypes.data % LINE:
            raise BackendError(f"backend 'event': array {name!r} is not aligned to {LINE} bytes; build it with zeros()")


class Neurons(NamedTuple):
    """Neurons of all populations stand in one index, each population padded to whole blocks; inputs come after them."""

    par: Any  # (tiles, 8, BLOCK) parameters, see ALPHA and what follows; blocks that are alike share one tile
    tile: Any  # (blocks,) tile of each block
    blocks: Any  # (pops + 1,) blocks of population p: blocks[p] .. blocks[p + 1]; inputs have none
    first: Any  # (pops + 1,) first padded neuron of p
    size: Any  # (pops,) neurons of p
    cut: Any  # (pops, threads + 1): thread k steps the blocks cut[p, k] .. cut[p, k + 1] of population p
    flags: Any  # (pops, 4), see LOIHI
    order: Any  # neuron populations in update order
    inputs: Any  # input populations


class Synapses(NamedTuple):
    """Projections, and the synapses of those that are not kept as bit planes."""

    links: Any  # (projections, LINK_SIZE), see PRE
    shift: Any  # (projections,) from a synapse's index in target to its index in code, or in State.weight
    queue: Any  # projections as they deliver: of delay 0, in the update order of their targets; then the others
    turns: Any  # (populations in order + 2,) where those of each begin in ``queue``, where the others, and the end
    ptr: Any  # per projection (pre * ranges + 1) offsets into target: synapses by presynaptic neuron, then range
    target: Any  # padded neuron index of each synapse
    code: Any  # uint8: weights of projections with at most 256 different ones, as numbers into palette
    palette: Any  # (projections, 256)


class Planes(NamedTuple):
    """Projections kept as bit planes."""

    dense: Any  # (projections, 4), see FIRST_ROW
    unit: Any  # (projections,) what bit 0 of a weight is worth
    rows: Any  # (rows, 2), see FIRST_WORD: presynaptic neurons of these projections
    bits: Any  # words of all planes, by projection and tile, a plane of zeros before each


class Rules(NamedTuple):
    """Projections that learn."""

    rule: Any  # (plastic, RULE_SIZE), see PROJECTION
    rate: Any  # (plastic, RATE_SIZE), see RATE and what follows, by kind of the rule
    ptr: Any  # synapses of each gate neuron: offsets into position and other
    position: Any  # position in State.weight
    other: Any  # neuron at the other end of the synapse
    product: Any  # (products, PRODUCT_SIZE), see DEPENDENCY
    factor: Any  # (factors, FACTOR_SIZE), see VARIABLE_OF
    constant: Any  # (products,)
    number: Any  # tables of powers, and what else is read by place


class Late(NamedTuple):
    """Projections whose synapses have delays of their own: in ``ptr`` order, each row by delay, then target."""

    base: Any  # (projections,) number of the first synapse
    first_row: Any  # (projections,) place of the first presynaptic neuron in ``row``
    used_first: Any  # (projections + 1,) where the delays of each begin in ``used``
    used: Any  # the different delays, ascending
    row: Any  # per projection (pre + 1) first group of each presynaptic neuron
    step: Any  # the delay of each group; one more at the end of each projection
    begin: Any  # the first synapse of each group, from ``base`` on; one more at the end of each projection


class Bundle(NamedTuple):
    """Projections whose synapses have delays of their own, all in one (:mod:`.layout.bundle`)."""

    row: Any  # (pops,) row in ``begin`` of the first neuron of each presynaptic population, else -1
    target: Any  # (targets, 2) populations that it reaches, and blocks from their neurons to the receptor
    used: Any  # the different delays, ascending
    begin: Any  # (rows, delays * SHARES + 1) of each neuron, delay and share: first synapse, from ``base`` on
    base: Any  # (rows + 1,) first synapse of each neuron
    synapse: Any  # place of the target, and above it the weight in units
    unit: float
    bits: int  # of the place of the target


class Custom(NamedTuple):
    """Populations of neurons of types from elsewhere (:mod:`.layout.custom`)."""

    steps: Any  # (pops + 1,) address of the compiled step, or 0
    first: Any  # (pops + 1,) first place in State.custom: a row of all neurons for each variable
    row: Any  # (pops + 1,) first place in ``par``
    par: Any  # a row of all neurons for each parameter, then one of the bias


class Extended(NamedTuple):
    """Populations that do more than the plain neuron (:mod:`.layout.extended`)."""

    flags: Any  # (pops, EXTENDED_FLAGS), see LANES
    par: Any  # (tiles, EXTENDED_ROWS, BLOCK) parameters, see ALPHA2
    tile: Any  # (blocks,) the tile of every block of neurons


class Potentials(NamedTuple):
    """Projections that deliver membrane potentials."""

    senders: Any  # (populations that deliver v, 3), see SENDER
    row: Any  # (projections,) the row in ``senders`` of each that delivers v, else -1


class Shared(NamedTuple):
    """Projections that share weights (:mod:`.layout.shared`)."""

    row: Any  # (projections,) the row in ``size`` of each that does, else -1
    size: Any  # (convolutions, SHARED_SIZE), see CHANNELS_IN
    axis: Any  # of each index of each axis: first output that it reaches; place of the weight in the window; how many
    weight: Any  # of each input channel, output of its group, and place of the window
    tap: Any  # uint8: which of them are synapses


class Net(NamedTuple):
    """What does not change during a run."""

    neurons: Neurons
    synapses: Synapses
    planes: Planes
    rules: Rules
    custom: Custom
    traces: Any  # (recorded, 6), see POPULATION
    extended: Extended
    potentials: Potentials
    late: Late
    bundle: Bundle
    shared: Shared
    parts: Any  # (PARTS,) addresses of parts that some runs need, or 0, see TO_CELLS


class Blocks(NamedTuple):
    """State of the neurons, in blocks."""

    u: Any  # (blocks * BLOCK,)
    v: Any
    input: Any  # of the coming step
    pending: Any  # (blocks,) 1 where the input may not be 0
    awake: Any  # (blocks,) 1 where a neuron may spike without further input
    upto: Any  # (blocks,) steps done


class State(NamedTuple):
    """What a step changes."""

    blocks: Blocks
    custom: Any  # variables of neurons of types from elsewhere, see Custom
    weight: Any  # weights of projections that are neither coded nor planes
    x: Any  # traces of the learning rules
    tags: Any  # d and t of the synapses whose rules use them
    random: Any  # (plastic, GENERATORS, 4) generators of the learning rules, see X_DECAY
    ring: Any  # (depth, pops, 2) ranges of the spike buffers, by step modulo depth, see BEGIN
    counts: Any  # (pops, 2), see UPDATED
    learned: Any  # (plastic,) weight updates
    held: Any  # (blocks * BLOCK / WORD,) a bit for each neuron: whether it is refractory
    potentials: Any  # of the last steps, see PLACE_KEPT


def state_of_blocks(blocks: int, words: int) -> tuple[Blocks, Any]:
    """Return ``State.blocks`` of as many blocks and ``State.held`` of ``words`` words, of zeros, side by side."""
    n = blocks * BLOCK
    kinds = [(n, np.float64)] * 3 + [(blocks, np.uint8)] * 2 + [(blocks, np.int64), (words, np.uint64)]
    *own, held = side_by_side(*kinds)
    return Blocks(*own), held


def kinds(state: State) -> list[Any]:
    """Shape and type of each array of a state."""
    return [(array.shape, array.dtype) for array in (*state.blocks, *state[1:])]


class Work(NamedTuple):
    """Room of one thread for what is not yet input, or not yet state."""

    scratch: Any  # (blocks * BLOCK,) sums, or v before a step; shared by all threads
    listed: Any  # (3, KINDS * SPIKES), see PLACE
    filled: Any  # (KINDS,) how many planes of each kind are listed
    sums: Any  # (2 * LEVELS, TILE) bit by bit: of positive weights, then of negative ones
    over: Any  # (blocks, BLOCK / WORD) a bit for each neuron: whether it is over threshold
    before: Any  # (3, BLOCK) input, u and v of a block
    room: Any  # (ROOM or 0, BLOCK) what extended populations keep of a block


class Cells(NamedTuple):
    """Populations that run neuron by neuron (:mod:`.kernels.cells`); what a thread needs for its part."""

    on: Any  # (pops,) 1 where the population does; shared by all threads, as all down to ``table``
    cells: Any  # (neurons * FIELDS,) by padded neuron, see U
    ages: Any  # the same bytes as whole numbers
    due: Any  # lists of due cells, one for each population and thread, with a place to spare
    waiting: Any  # (threads, pops) length of each list
    direct: Any  # (threads, pops) 1 where something arrived at v itself for the coming step
    par: Any  # (pops, 8, 1) parameters where all neurons are alike
    table: Any  # (pops, AGES or 0, 4) closed forms, if wanted
    margin: Any  # (pops, 1 + BATCH), see MARGIN
    load: Any  # (pops, 3), see STEPPED
    ordered: Any  # room for a list
    classes: Any  # of the ages of the cells on it
    first: Any  # (2, AGE_CLASSES) where each class of ages begins in it, of every other cell; zeros between
    lanes: Any  # (5, LANES), see LANE_U
    lane_age: Any  # (LANES,)
    stages: Any  # (LANES / WIDE,) steps of each vector of lanes before the next one joins it


class Inputs(NamedTuple):
    """Spikes of all inputs, by step, then population, then neuron."""

    neuron: Any
    step: Any
    value: Any  # what each carries; empty where no input carries values
    graded: Any  # (inputs,) 1 where an input carries values


class Buffer(NamedTuple):
    """Where spikes go."""

    neuron: Any
    step: Any


class Part(NamedTuple):
    """What a call of the loop is to do."""

    out: Any  # (steps, columns) traces, from the first of the steps on
    stop: int  # the step before which to end
    time: int  # nanoseconds after which to end
    room: int  # spikes of a step, at most
    stepped: bool  # whether every block is stepped in every step
    counting: bool  # whether to count updated and changed neurons


class Meeting(NamedTuple):
    """Where threads meet."""

    thread: int
    sync: Any  # see ARRIVED in :mod:`.kernels.meeting`
    spiking: Any  # (2, threads, neurons + 1) spikes of a population by thread, their number first; two by turns
    ignored: Any  # room for the steps of these, which all know


class Here(NamedTuple):
    """What the parts of the loop that are compiled by themselves (:mod:`.kernels.parts`) find in memory."""

    net: Net
    state: State
    cell: Cells
    work: Work
    inputs: Inputs
    spikes: Buffer
    meeting: Meeting


class Arrivals(NamedTuple):
    """Spikes ``low`` .. ``high - 1`` of a buffer that reach the blocks ``begin`` .. ``end - 1`` by a projection."""

    link: int
    low: int
    high: int
    begin: int
    end: int
    first: int  # neuron of the presynaptic population
    first_block: int  # of the postsynaptic population, and the one behind its last
    last_block: int


class Kinds(NamedTuple):
    """What the step of a block needs of ``Neurons``; every array costs when it changes hands in every step."""

    par: Any
    tile: Any
    flags: Any


class Rows(NamedTuple):
    """Where the targets and weights of a projection's synapses stand."""

    target: Any
    code: Any  # of a weight in ``palette``, by number of the synapse + shift; so is ``weight``
    palette: Any  # (256,) its different weights
    weight: Any
    coded: bool  # whether weights are numbers into the palette
    shift: Any


class CellRows(NamedTuple):
    """Cells, and the list of due ones of a population and thread."""

    cells: Any
    ages: Any  # the same bytes as whole numbers
    due: Any


class Turn(NamedTuple):
    """A population's step: blocks ``begin`` .. ``end - 1`` of it in step ``step``."""

    population: int
    step: int
    begin: int
    end: int
    stepped: bool
    counting: bool
