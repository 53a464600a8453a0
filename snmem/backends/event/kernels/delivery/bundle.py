"""Delivering spikes by the bundle of synapses with delays of their own (:mod:`...layout.bundle`)."""

from __future__ import annotations

import numpy as np

from ....._jit import inner
from ...columns import BEGIN, END
from ...llvm.memory import prefetch
from ...tuning import BUNDLE_AHEAD

#: Synapses to a line of the cache.
_LINE = np.uint64(16)


@inner
def _fetch(synapse, low, high):
    """Prefetch the synapses low .. high - 1."""
    for k in range(low, high, _LINE):
        prefetch(synapse, k)


@inner
def _add(bundle, listed, count, into):
    """Add the synapses listed[0, n] .. listed[1, n] - 1 of all n < count to the input of their targets."""
    synapse, unit, bits = bundle.synapse, bundle.unit, bundle.bits
    shift, mask = np.int32(bits), np.int32((1 << bits) - 1)
    for n in range(min(count, BUNDLE_AHEAD)):
        _fetch(synapse, np.uint64(listed[0, n]), np.uint64(listed[1, n]))
    for n in range(count):
        if n + BUNDLE_AHEAD < count:
            _fetch(synapse, np.uint64(listed[0, n + BUNDLE_AHEAD]), np.uint64(listed[1, n + BUNDLE_AHEAD]))
        for k in range(np.uint64(listed[0, n]), np.uint64(listed[1, n])):
            x = synapse[k]
            into[np.uint64(x & mask)] += unit * np.float64(x >> shift)


@inner
def _mark(bundle, pending, cut, thread):
    """Mark the blocks of this thread that the bundle reaches as those with input."""
    for k in range(bundle.target.shape[0]):
        p, aside = bundle.target[k, 0], bundle.target[k, 1]
        pending[cut[p, thread] + aside : cut[p, thread + 1] + aside] = 1


@inner
def deliver_bundle(bundle, neurons, blocks, work, ring, spikes, thread, t):
    """Add what arrives after step t in time for step t + 1 to the input of the targets in a thread's blocks.

    Delay after delay, from the ring of past spikes; groups are listed first, and prefetched meanwhile.
    """
    cut, first, listed, depth = neurons.cut, neurons.first, work.listed, ring.shape[0]
    threads = cut.shape[1] - 1
    shares = (bundle.begin.shape[1] - 1) // max(bundle.used.size, 1)
    mine, width = thread * shares // threads, shares // threads
    room, count, total, here = listed.shape[1], 0, 0, t % depth
    for rank in range(bundle.used.size):
        since = bundle.used[rank] - 1  # steps between the spikes and now
        if since > t:
            break
        slot, group = here - since + (depth if since > here else 0), rank * shares + mine
        for p in range(neurons.size.size - neurons.inputs.size):
            row = bundle.row[p]
            lo, hi = ring[slot, p, BEGIN], ring[slot, p, END]
            if row < 0 or lo == hi:
                continue
            for j in range(lo, hi):
                i = row + spikes[j] - first[p]
                low, high = bundle.begin[i, group], bundle.begin[i, group + width]
                if low == high:
                    continue
                listed[0, count], listed[1, count] = bundle.base[i] + low, bundle.base[i] + high
                total += np.int64(high - low)
                count += 1
                if count == room:
                    _add(bundle, listed, count, blocks.input)
                    count = 0
    _add(bundle, listed, count, blocks.input)
    if total:
        _mark(bundle, blocks.pending, cut, thread)
