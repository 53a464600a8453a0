"""Synapses of convolutions, counted from the kernel: they are gone through, and never written out all at once.

Geometry of a convolution, with one axis taken for two of which the first has one place:

``size`` : int64 (14,): channels of the input in a group, outputs of a group, then height and width of the input, the
output, the kernel, the stride, the dilation, and the padding before the input.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..._jit import inner, kernel
from ..._windows import Axis
from ...convolution import Convolution

Array = NDArray[Any]
#: Synapses that are listed at a time, unless a neuron has more.
_PART = 1 << 20


def geometry(c: Convolution) -> Array:
    """``size`` of a convolution, as the module docstring has it."""
    both = (Axis(1, 1, 1, 1, 0, 0), *c.axes)[-2:]
    columns = ("size", "outputs", "kernel", "stride", "dilation", "before")
    numbers = [getattr(axis, name) for name in columns for axis in both]
    return np.array([c.kernel.shape[1], c.kernel.shape[0] // c.groups, *numbers], np.int64)


class Windows:
    """The synapses of a convolution by target.

    Attributes
    ----------
    size : array
        :func:`geometry`.
    taps : uint8 array, flat
        Which places of the kernel are synapses.
    most : int
        Synapses of a target, at most.
    area : int
        Neurons of an output channel.
    """

    def __init__(self, c: Convolution) -> None:
        self.size, self.taps = geometry(c), np.ascontiguousarray(c.taps, np.uint8).reshape(-1)
        self.most, self.area = int(np.prod(c.kernel.shape[1:])), c.shape[0] // c.kernel.shape[0]
        self.sources = c.shape[1]
        self.step = max(1, _PART // self.most)

    def rows(self, targets: Array) -> tuple[Array, Array, Array]:
        """Of each target: where its synapses begin (one more number than targets); their sources and places of the
        kernel."""
        start = np.zeros(len(targets) + 1, np.int64)
        source, place = (np.empty(len(targets) * self.most, np.int32) for _ in range(2))
        count = list_sources(self.size, self.taps, targets, start, source, place)
        return start, source[:count], place[:count]

    def by_group(self, order: Array, bound: Array, keep: Array | None) -> sp.csr_array:
        """Synapses by (source, group), of the targets order[bound[g] : bound[g + 1]] in group g.

        ``keep`` : bool, of each place of the kernel, flat; None: all count. A group without any keeps its place.
        """
        found, counts, ends = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], [0]
        for low, high in pairwise(bound):
            synapses, kept = (np.zeros(self.sources, np.int64) for _ in range(2))
            for at in range(low, high, self.step):
                _, source, place = self.rows(order[at : min(at + self.step, high)])
                synapses += np.bincount(source, minlength=self.sources)
                if keep is not None:
                    kept += np.bincount(source[keep[place]], minlength=self.sources)
            here = np.flatnonzero(synapses)
            found.append(here.astype(np.int32))
            counts.append((synapses if keep is None else kept)[here].astype(np.int32))
            ends.append(ends[-1] + len(here))
        data, found = np.concatenate(counts), np.concatenate(found)
        counts.clear()
        return sp.csr_array(sp.csc_array((data, found, ends), shape=(self.sources, len(bound) - 1)))


@kernel
def list_sources(size, taps, targets, start, source, place):
    """Write down the synapses of some targets one after the other; returns how many."""
    inner_, outputs, ih, iw, oh, ow, kh, kw = size[0], size[1], size[2], size[3], size[4], size[5], size[6], size[7]
    n = 0
    for i in range(targets.size):
        o, rest = divmod(targets[i], oh * ow)
        y, x = divmod(rest, ow)
        for c in range(inner_):
            channel = o // outputs * inner_ + c
            for a in range(kh):
                row = size[8] * y + size[10] * a - size[12]
                if row < 0 or row >= ih:
                    continue
                for b in range(kw):
                    column = size[9] * x + size[11] * b - size[13]
                    k = ((o * inner_ + c) * kh + a) * kw + b
                    if 0 <= column < iw and taps[k]:
                        source[n], place[n] = (channel * ih + row) * iw + column, k
                        n += 1
        start[i + 1] = n
    return n


@inner
def _output(i, a, stride, dilation, before, outputs):
    """The output at which input i stands at place a of the window; -1 if there is none."""
    m, rest = divmod(i + before - dilation * a, stride)
    return m if rest == 0 and 0 <= m < outputs else -1


@kernel
def mark_windows(size, taps, step, source, first, delay, arrived):
    """Set ``arrived[step + delay, first + target]`` for every synapse of every spike."""
    inner_, outputs, ih, iw, oh, ow, kh, kw = size[0], size[1], size[2], size[3], size[4], size[5], size[6], size[7]
    for i in range(step.size):
        row = arrived[step[i] + delay]
        channel, rest = divmod(source[i], ih * iw)
        y, x = divmod(rest, iw)
        group, c = divmod(channel, inner_)
        for a in range(kh):
            down = _output(y, a, size[8], size[10], size[12], oh)
            if down < 0:
                continue
            for b in range(kw):
                right = _output(x, b, size[9], size[11], size[13], ow)
                if right < 0:
                    continue
                for o in range(group * outputs, (group + 1) * outputs):
                    if taps[((o * inner_ + c) * kh + a) * kw + b]:
                        row[first + (o * oh + down) * ow + right] = 1
