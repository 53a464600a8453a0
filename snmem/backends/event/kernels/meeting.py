"""How threads begin together, and wait for each other in every step."""

from __future__ import annotations

import numpy as np

from ...._jit import inner
from ..arrays import LINE
from ..llvm.system import atomic_increment, atomic_load, nanoseconds, sched_yield, sleep
from ..tuning import OFFERS, SPINS

#: Rows of ``sync``, none of which shares a line of the cache with another: arrivals at meetings; whether to give up;
#: whether the first thread's time is up; arrivals at the start; whether all start; naps taken while waiting;
#: nanoseconds that the first waits for the others at the start; and for each thread, whether all that it steps is
#: asleep. What is said in a step stands in one of two columns by turns, since none can be two steps ahead of another.
ARRIVED, GIVE_UP, UP, READY, STARTED, NAPS, PATIENCE, SAID = range(8)
#: Length of these rows: two lines, as processors fetch pairs.
COLUMNS = np.int64(2 * LINE // 8)
#: Microseconds of the first nap while waiting, and of the longest.
_NAP, _NAP_MOST = 50, 1000


@inner
def _rest(sync, looks):
    """What to do after so many looks at something that is not yet there: look again, let others run, or take a nap."""
    naps = looks - SPINS - OFFERS
    if naps > 0:
        atomic_increment(sync, NAPS * COLUMNS)
        sleep(np.uint32(min(_NAP << min(naps - 1, 10), _NAP_MOST)))
    elif looks > SPINS:
        sched_yield()


@inner
def begin(sync, threads, thread):
    """Whether all threads begin. The first waits some time for the others, and tells them to give up if they are late.

    So it may go on alone while they are not even running, since the machine has other things to do.
    """
    atomic_increment(sync, READY * COLUMNS)
    row, wanted = (READY * COLUMNS, threads) if thread == 0 else (STARTED * COLUMNS, 1)
    looks, until = 0, nanoseconds() + sync[PATIENCE, 0]
    while atomic_load(sync, row) < wanted and atomic_load(sync, GIVE_UP * COLUMNS) == 0:
        looks += 1
        if looks > SPINS and thread == 0 and nanoseconds() > until:
            break
        _rest(sync, looks)
    if thread == 0:
        together = atomic_load(sync, row) >= wanted and atomic_load(sync, GIVE_UP * COLUMNS) == 0
        atomic_increment(sync, (STARTED if together else GIVE_UP) * COLUMNS)
        return together
    return atomic_load(sync, GIVE_UP * COLUMNS) == 0


@inner
def wait(sync, threads):
    """Go on when all threads have come here (``sync`` counts arrivals), or when it tells to give up."""
    arrived = atomic_increment(sync, ARRIVED * COLUMNS) + 1
    wanted = -(-arrived // threads) * threads
    looks = 0
    while atomic_load(sync, ARRIVED * COLUMNS) < wanted and sync[GIVE_UP, 0] == 0:
        looks += 1
        if looks > SPINS:
            _rest(sync, looks)


@inner
def all_said(sync, column):
    """Whether every thread said so in the step that belongs to the column."""
    said = 0
    for row in range(SAID, sync.shape[0]):
        said += sync[row, column] != 0
    return said == sync.shape[0] - SAID


@inner
def gather(spiking, spikes, t, n, thread):
    """Append the spikes of all threads to a buffer, in their order; returns the new number. One notes their step."""
    threads, before = spiking.shape[0], n
    for k in range(threads):
        for j in range(1, spiking[k, 0]):
            spikes.neuron[n] = spiking[k, j]
            n += 1
    if thread == 0:
        spikes.step[before:n] = t
    return n
