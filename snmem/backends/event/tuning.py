"""Constants that decide speed and change no bit, each with the command that measures it.

A command compiles the engine once with every value given and times a case of the benchmark suite in turns; run it from
the folder ``benchmarks``. The value is the one that was fastest, or as fast as any within what repeats differ by, when
it was chosen; other processors may prefer others.
"""

from __future__ import annotations

#: Targets whose input is summed at a time: what fits the first-level cache beside the synapses streaming by.
#: ``python -m engine_suite.tune RANGE 1280 2560 5120 --case records``
RANGE = 2560
#: Steps of a sleeping block between two tests whether anything still moves in it.
#: ``python -m engine_suite.tune PATIENCE 4 16 64 --case balanced-quiet``
PATIENCE = 16
#: Synapses between two prefetched places of a row.
#: ``python -m engine_suite.tune STRIDE 16 32 64 --case records``
STRIDE = 32
#: Rows of synapses whose beginnings are prefetched together.
#: ``python -m engine_suite.tune ROWS_AT_ONCE 4 16 64 --case records``
ROWS_AT_ONCE = 16
#: Cells that are prefetched ahead of their turn, about.
#: ``python -m engine_suite.tune CELLS_AHEAD 40 80 160 --case million``
CELLS_AHEAD = 80
#: Learning weights that are prefetched ahead of their turn.
#: ``python -m engine_suite.tune WEIGHTS_AHEAD 8 24 64 --case plastic``
WEIGHTS_AHEAD = 24
#: Groups of bit planes that are prefetched ahead; spikes whose rows of the table of planes are.
#: ``python -m engine_suite.tune GROUPS_AHEAD 2 5 10 --case balanced`` (and SPIKES_AHEAD 4 8 16)
GROUPS_AHEAD, SPIKES_AHEAD = 5, 8
#: Neurons of a population from which on bit planes are tried; bytes that they may take for each synapse, on average.
#: ``python -m engine_suite.tune PLANES_FROM 512 100000 --case balanced`` (the second value leaves them out)
PLANES_FROM, PLANE_BYTES = 512, 6
#: Steps without input between two tests whether anything still moves in the cells that are stepped together.
#: ``python -m engine_suite.tune STRETCH 64 256 1024 --case million``
STRETCH = 256
#: Steps without input from which on such tests are made.
#: ``python -m engine_suite.tune FAR 1024 8192 65536 --case million``
FAR = 8192
#: Neurons of a population from which on it may run by cells; below, its state stays in a near cache anyway.
#: ``python -m engine_suite.tune CELLS_FROM 1 8192 1000000 --case million``
CELLS_FROM = 8192
#: exact -> (a, b): to cells where there are more than ``a`` neurons stepped to a synaptic event; back to blocks where
#: there are fewer than ``b`` neurons to an event or due cell.
#: ``python -m engine_suite.tune CELL_LIMITS "{True: (10, 4), False: (4, 3)}" "{True: (20, 7), False: (8, 5)}"
#: "{True: (40, 14), False: (16, 10)}" --case million``
CELL_LIMITS = {True: (20, 7), False: (8, 5)}
#: Weights from which on float32 is worth compiling the loops for it, where it holds them exactly.
#: ``python -m engine_suite.tune FLOAT32_FROM 0 1048576 --case records``
FLOAT32_FROM = 1 << 20
#: Synapses of a convolution, and synapses of a presynaptic neuron, above which it runs by its kernel; with fewer of
#: either it is written out, into no more memory than this or than the neurons take.
#: ``python -m engine_suite.tune SHARED_FROM 0 1048576 --case convolutional`` (and SHARED_ROW 0 32 256)
SHARED_FROM, SHARED_ROW = 1 << 20, 32
#: Bytes of tables that a synapse of the bundle may take, on average; groups of its synapses that are prefetched ahead.
#: ``python -m engine_suite.tune BUNDLE_BYTES 0 8 --case delays`` (and BUNDLE_AHEAD 1 4 16)
BUNDLE_BYTES, BUNDLE_AHEAD = 8, 4
#: Events that sources draw at a time, where all of them draw together: what a cache holds.
#: ``python -m engine_suite.tune DRAWN_AT_ONCE 65536 262144 1048576 --case delays``
DRAWN_AT_ONCE = 1 << 19
#: Bytes of arrays from which on large pages are asked for.
#: ``python -m engine_suite.tune LARGE 4194304 1099511627776 --case million``
LARGE = 1 << 22
#: Looks at another thread before the processor is offered to others; offers before the first nap.
#: ``python -m engine_suite.tune SPINS 400 4000 40000 --case balanced --threads 2`` (and OFFERS 4 40 400)
SPINS, OFFERS = 40_000, 400
