"""Names of the columns (and rows) of the engine's tables of numbers."""

from __future__ import annotations

#: ``Neurons.par``, rows of a tile: decay of u, decay of v, bias, threshold, reset value, bound factor, bound of the
#: bias; 1 where all neurons of the block have the same.
ALPHA, BETA, BIAS, THETA, RESET, GAIN, DRIVE, ALIKE = range(8)
#: ``Neurons.flags``: Loihi arithmetic; reset by subtraction; timed clears, every so many steps (0 = never) from one on.
LOIHI, SUBTRACT, CLEAR_EVERY, CLEAR_OFFSET = range(4)

#: ``Synapses.links``: populations; delay; binary exponent of weights (Loihi, where negative); first place in ``ptr``;
#: whether to mark all blocks as reached; whether weights are numbers into the palette; ranges of targets; rows that are
#: prefetched ahead; mean synapses of a row; whether every row is one synapse;
#: blocks from those of the target neurons to those of the receptor; address of the part that delivers, or 0 for rows.
PRE, POST, DELAY, EXPONENT, FIRST_PTR, MARK_ALL, CODED, RANGES, ROWS_AHEAD, ROW_LENGTH, SINGLE, RECEPTOR = range(12)
DELIVERS, LINK_SIZE = 12, 13

#: ``Shared.size``, of a convolution: input channels and outputs of a group; size of a window; values of an input
#: channel and of a row of it; of a row of outputs, and of an output; from target to target of a window, down and to the
#: right; first place in ``weight``, and in ``axis`` of either axis.
CHANNELS_IN, CHANNELS_OUT, HEIGHT, WINDOW, PLANE, LINE_IN, LINE_OUT, AREA, DOWN, ACROSS, FIRST_TAP = range(11)
FIRST_Y, FIRST_X, SHARED_SIZE = 11, 12, 13

#: In place of a delay: synapses have delays of their own (``Net.late``).
LATE = -1

#: ``Planes.dense``: first row in ``rows`` or -1; words of a tile; words from tile to tile; first word.
FIRST_ROW, TILE_WORDS, TILE_STEP, ZEROS = range(4)
#: ``Planes.rows``, of a presynaptic neuron: first word of its planes in the first tile; bits of their kinds.
FIRST_WORD, KINDS_THERE = range(2)
#: ``Work.listed``: first words of the listed planes; where each group of them begins; its kind.
PLACE, GROUP, GROUP_KIND = range(3)

#: ``Rules.rule``: projection; gate and signal population; first places in ``ptr`` and in the traces; signal neurons;
#: kind (see GATED); presynaptic population, first place of its rows in ``Synapses.ptr``, first target neuron and
#: first weight; first place in ``State.tags``; Loihi's integers; products of w, d and t from the first of one up to the
#: first of the next; what they depend on, as bits; the k of u<k>; places of x1, x2, y1, y2 and y3 in the traces or -1.
PROJECTION, GATE, SIGNAL, GATE_PTR, TRACE, SIGNAL_SIZE, KIND, PRE_OF, ROWS, TARGET, WEIGHT, TAGS, INTEGER = range(13)
PRODUCTS, DEPENDS, EVERY, TRACES = 13, 17, 18, 19
#: The same of rules of pairs and selective ones: nearest spikes only; soft bounds; postsynaptic spikes first; steps
#: after which spikes of either side are seen; tables of powers in ``Rules.number``, three numbers each: first place,
#: sizes of both parts; third population or -1; place of the steps and rewards of a series, their number, place of the
#: gains of a reward population; synapses.
NEAREST, SOFT, POST_FIRST, PRE_LATE, POST_LATE, PLUS, MINUS, FADE = 13, 14, 15, 16, 17, 18, 21, 24
THIRD, SERIES, SERIES_SIZE, GAINS_AT, SYNAPSES = 27, 28, 29, 30, 31
#: Of every rule: address of the part that learns.
LEARNS, RULE_SIZE = 32, 33
#: Kinds of rules: instar and outstar; sums of products; pairs of spikes; those with a reward; selective ones.
GATED, SUMS, PAIRS, REWARD, SELECTIVE = range(5)
#: ``Rules.rate`` of a gated or selective rule; values that the latter sets.
RATE, DECAY, VALUE = range(3)
#: ``Rules.rate`` of a rule of pairs: what traces gain; bounds.
A_PLUS, A_MINUS, LOWER, UPPER = range(4)
#: ``Rules.rate`` of sums of products: decay of each trace; what it gains at a spike, and, in integers, the random
#: number below which it gains 1 more; what a weight is in ``State.weight``; bounds of w, d and t.
DECAYS, GAINS, CHANCES, UNIT, LOWEST, HIGHEST, RATE_SIZE = 0, 5, 10, 15, 16, 19, 22
#: ``Rules.product``: dependency, as a row of the buffer; factors from one up to another; mantissa; bits that
#: Loihi's arithmetic shifts right, then left.
DEPENDENCY, FIRST_FACTOR, END_FACTOR, MANTISSA, RIGHT, LEFT, PRODUCT_SIZE = range(7)
#: ``Rules.factor``: number of the variable; constant; whether only the sign counts; bits.
VARIABLE_OF, CONSTANT, SIGN, WIDTH, FACTOR_SIZE = range(5)
#: Rows of the buffer of synapses that learn together, CHUNK at most: spikes of both sides, traces, w, d, t, and whether
#: u<k> is due; places among the synapses of the projection; a product; the sum; new w, d and t.
X0, Y0, X1, Y1, OF_W, OF_D, OF_T, OF_U = 0, 1, 2, 4, 7, 8, 9, 10
SYNAPSE, MADE, TOTAL, NEW, CHUNK_ROWS = 11, 12, 13, 14, 17
CHUNK = 128
#: ``State.random``: generators of a rule's random numbers.
X_DECAY, X_GAIN, Y_DECAY, Y_GAIN, ROUNDING, GENERATORS = range(6)

#: ``Extended.flags``: blocks for each block of neurons (0: a population that is not extended); what is added to a
#: block's number to get that of its lane 1; blocks from lane to lane; the second current, what was added to the
#: threshold, and the refractory steps left, each as 1 + number of the variable or 0; the lane of what arrives at v or
#: 0; whether refractory neurons stand still, spikes clear the currents, and there is noise; its seed; address of the
#: compiled step.
LANES, SHIFT, SIDE, CURRENT2, ADAPTIVE, WAITS, DIRECT, FREEZES, CLEARS, NOISY, SEED, STEP_AT, EXTENDED_FLAGS = range(13)
#: ``Extended.par``, rows of a tile: decay of the second current and bound factor of it; gain and decay of the
#: threshold; refractory steps; standard deviation of the noise; 1 where all have the decay of the first.
ALPHA2, GAIN2, KAPPA, RHO, PERIOD, SD, ALIKE2, EXTENDED_ROWS = range(8)

#: ``Net.traces``: population; variable, as its neurons number them, or 0 for u and 1 for v; places from those of the
#: neurons to those of the variable; first column of the output; neurons, from one on.
POPULATION, VARIABLE, ASIDE, COLUMN, LOW, HIGH = range(6)
#: ``Potentials.senders``: population; first place in ``State.potentials``: a row of all neurons for each step of the
#: ring; first place of v in ``State.custom``, or -1 for neurons in blocks.
SENDER, PLACE_KEPT, V_PLACE = range(3)
#: ``State.ring``: spikes of a step and population, from one place of a buffer up to another.
BEGIN, END = range(2)
#: ``State.counts``.
UPDATED, CHANGED = range(2)

#: ``Cells.cells``: u, v, input of the coming step, and 2 * (steps done) + (whether it is due), as a whole number.
U, V, INPUT, AGE, FIELDS = range(5)
#: An entry of a list of due cells is neuron + (age << 32): the bits of the neuron.
NEURON = (1 << 32) - 1
#: ``Cells.load``, since the last look: neurons stepped; synaptic events; steps with due cells.
STEPPED, EVENTS, STEPS = range(3)
#: ``Cells.margin``, by the closed form: smallest abs(v - theta) where a cell may spike; then the largest abs(u)
#: and abs(v), by place in a batch.
MARGIN, PEAKS = range(2)
#: ``Cells.lanes``: u, v and input of the cells that are stepped together; u and v before.
LANE_U, LANE_V, LANE_INPUT, BEFORE_U, BEFORE_V = range(5)

#: ``Net.parts``: delivery to cells; step of cells; delivery of spikes that carry values, by rows; keeping potentials.
TO_CELLS, STEP_DUE, VALUED, KEEPS, PARTS = range(5)

#: Where a run is: step; spikes in the buffer; next input spike; step of the latest spike or -1; steps done, without
#: those that were skipped.
STEP, COUNT, EVENT, LAST, DONE = range(5)
