"""Weights that many synapses share: convolutions and pools, kept as their kernel.

What a :class:`Convolution` says is a matrix (post, pre) like any other: it has a shape, a number of synapses, rows and
columns. But it takes memory with its kernel, and everything here is worked out from that and from the sizes of the
axes; only :meth:`Convolution.tocsr` writes the synapses out one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._windows import Axis, kernel_of, padding_of, pairs_of, taps_of
from .description import Description, Weights, flag, frozen, shape_of, whole
from .errors import NetworkError

Array = NDArray[Any]
#: Synapses that a convolution is written out to at most.
MOST_SYNAPSES = 100_000_000
#: Synapses that are worked on at a time.
_PART = 1 << 22
#: What of a sparse matrix is looked up in the synapses written out.
_OF_MATRIX = frozenset(("data", "indices", "indptr", "astype", "tocsc", "tocoo", "toarray", "sum", "copy"))


@dataclass(frozen=True, eq=False)
class Convolution(Description):
    r"""The weights of a convolution, as PyTorch and NIR define it (a correlation), for ``Projection(weights=...)``.

    With stride s, dilation d and padding p, of each spatial axis,

    .. math:: y_{o,i} = \sum_{c,k} W_{o,c,k} \, x_{c,\, s i + d k - p}

    where c runs over the channels of the group of o, and what lies outside the input is 0. Neurons are numbered in
    row-major order over (channel, \*space). A synapse is a place of the kernel that lies inside the input.

    Parameters
    ----------
    kernel : array of shape (outputs, inputs / groups, \*size)
        The weights W, with one or two spatial axes.
    input_shape : tuple of int
        (channels, \*space) of the presynaptic population.
    stride, dilation : int or tuple of int
        For all spatial axes, or one for each.
    padding : int, tuple, "same" or "valid"
        Zeros around the input: one number, one for each axis, or a pair (before, after) for each axis; less than 0
        leaves values out. "same" gives outputs of the size of the inputs.
    groups : int
        Groups of channels, which do not mix.
    taps : array of bool of the kernel's shape
        Which places of the kernel are synapses; by default those of a weight other than 0.

    Raises
    ------
    NetworkError
        For a kernel that is no finite real array, sizes that do not fit one another, or are too large.

    Attributes
    ----------
    output_shape : tuple of int
        (outputs, \*space) of the postsynaptic population.
    shape : tuple of int
        Of the matrix: (postsynaptic neurons, presynaptic neurons).
    nnz : int
        Number of synapses.
    """

    kernel: Any
    input_shape: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    taps: Any = None

    def __post_init__(self) -> None:
        kernel = kernel_of(self.kernel)
        rank = kernel.ndim - 2
        shape = shape_of("convolution: input_shape", self.input_shape)
        if len(shape) != rank + 1:
            raise NetworkError(
                f"convolution: input_shape must be (channels, {rank} spatial axes) for a kernel of shape "
                f"{kernel.shape}, got {shape}"
            )
        groups = whole("convolution: groups", self.groups, 1, 2**31 - 1)
        if kernel.shape[0] % groups or kernel.shape[1] * groups != shape[0]:
            raise NetworkError(
                f"convolution: a kernel of shape {kernel.shape} in {groups} groups takes {kernel.shape[1] * groups} "
                f"channels, and its outputs must be a multiple of {groups}; the input has {shape[0]} channels"
            )
        stride, dilation = (pairs_of(name, getattr(self, name), rank) for name in ("stride", "dilation"))
        spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[2:], strict=True)]
        padding = padding_of(self.padding, shape[1:], spans, stride)
        values = {"kernel": frozen(kernel), "input_shape": shape, "stride": stride, "padding": padding}
        values |= {"dilation": dilation, "groups": groups, "taps": taps_of(self.taps, kernel)}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        shape_of("convolution: output_shape", self.output_shape)

    @classmethod
    def pool(
        cls, input_shape: Any, size: Any, stride: Any = None, padding: Any = 0, *, mean: bool = False
    ) -> Convolution:
        """The sum, or mean, over windows of each channel by itself; padding counts as zeros.

        Parameters
        ----------
        input_shape : tuple of int
            (channels, \\*space).
        size : int or tuple of int
            Of the windows.
        stride : int or tuple of int
            By default, ``size``.
        padding : int or tuple
            As of a convolution.
        mean : bool
            Whether to take the mean.
        """
        shape, mean = shape_of("pool: input_shape", input_shape), flag("pool: mean", mean)
        size = pairs_of("pool: size", size, len(shape) - 1)
        kernel = np.broadcast_to(np.float64(1 / prod(size) if mean else 1.0), (shape[0], 1, *size))
        return cls(kernel, shape, size if stride is None else stride, padding, groups=shape[0])

    # --- geometry ---

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The spatial axes."""
        sizes = zip(self.input_shape[1:], self.kernel.shape[2:], self.stride, self.dilation, self.padding, strict=True)
        return tuple(Axis(n, k, s, d, *p) for n, k, s, d, p in sizes)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(outputs, *space) of the postsynaptic population."""
        return (self.kernel.shape[0], *(axis.outputs for axis in self.axes))

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Of the matrix: (postsynaptic neurons, presynaptic neurons)."""
        return prod(self.output_shape), prod(self.input_shape)

    @property
    def ndim(self) -> int:
        """2, as of every matrix."""
        return 2

    @property
    def dtype(self) -> Any:
        """Type of the weights."""
        return self.kernel.dtype

    @cached_property
    def used(self) -> Array:
        """Which places of the kernel stand for a synapse at least, of the kernel's shape."""
        out = self.taps
        for i, axis in enumerate(self.axes):
            out = out & (axis.counts > 0).reshape(-1, *[1] * (len(self.axes) - 1 - i))
        return out

    @cached_property
    def values(self) -> Array:
        """The weights that synapses have, in no order: those of the kernel that are used."""
        return self.kernel[self.used]

    @cached_property
    def nnz(self) -> int:
        """Number of synapses."""
        each = self.taps.sum(axis=(0, 1), dtype=np.int64).astype(object)  # whole numbers of any size
        for i, axis in enumerate(self.axes):
            each = each * axis.counts.astype(object).reshape(-1, *[1] * (len(self.axes) - 1 - i))
        return int(each.sum())

    @cached_property
    def fan_out(self) -> Array:
        """Synapses of each presynaptic neuron, shape (pre,)."""
        return self.sums_by_pre(self.taps)

    @cached_property
    def fan_in(self) -> Array:
        """Synapses of each postsynaptic neuron, shape (post,)."""
        return self.sums_by_post(self.taps)

    def sums_by_pre(self, of: Array) -> Array:
        """The sum of ``of``, an array of the kernel's shape, over the synapses of each presynaptic neuron."""
        each = of.reshape(self.groups, -1, *of.shape[1:]).sum(axis=1).reshape(-1, *of.shape[2:])
        out = np.zeros(self.input_shape, each.dtype)
        for k, places in self._windows("inputs"):
            out[places] += each[k].reshape(-1, *[1] * len(self.axes))
        return out.reshape(-1)

    def sums_by_post(self, of: Array) -> Array:
        """The sum of ``of``, an array of the kernel's shape, over the synapses of each postsynaptic neuron.

        Terms are added in ascending order of the presynaptic neurons.
        """
        out = np.zeros(self.output_shape, np.result_type(of, np.int64) if of.dtype == bool else of.dtype)
        for c in range(of.shape[1]):
            for k, places in self._windows("outputs"):
                out[places] += of[:, c][k].reshape(-1, *[1] * len(self.axes))
        return out.reshape(-1)

    def _windows(self, side: str) -> Iterator[tuple[Any, Any]]:
        """Of each place of the window, ascending: what takes it from an array (..., *size), and what takes the inputs,
        or outputs, that it joins from an array (channels, *space)."""
        for place in product(*(range(axis.kernel) for axis in self.axes)):
            slices = [getattr(axis, f"{side}_of")(k) for axis, k in zip(self.axes, place, strict=True)]
            yield (slice(None), *place), (slice(None), *slices)

    def __matmul__(self, vector: Any) -> Array:
        """The matrix times a vector (pre,), terms in ascending order of the presynaptic neurons."""
        x = np.asarray(vector, np.float64).reshape(self.groups, -1, *self.input_shape[1:])
        kernel = np.where(self.taps, self.kernel, 0).astype(np.float64)
        kernel = kernel.reshape(self.groups, -1, *kernel.shape[1:])
        out = np.zeros((self.groups, kernel.shape[1], *self.output_shape[1:]))
        inputs, outputs = ([*self._windows(side)] for side in ("inputs", "outputs"))
        for c in range(kernel.shape[2]):
            for (k, places), (_, at) in zip(inputs, outputs, strict=True):
                weights = kernel[(slice(None), slice(None), c, *k[1:])].reshape(
                    *kernel.shape[:2], *[1] * len(self.axes)
                )
                out[(slice(None), *at)] += weights * x[(slice(None), c, *places[1:])][:, None]
        return out.reshape(-1)

    # --- synapses ---

    def row(self, pre: int) -> tuple[NDArray[np.int64], Array]:
        """The synapses of one presynaptic neuron: targets, ascending, and weights."""
        channel, *at = np.unravel_index(pre, self.input_shape)
        group, inner = divmod(int(channel), self.kernel.shape[1])
        mine = slice(group * (n := self.kernel.shape[0] // self.groups), (group + 1) * n)
        places, targets = zip(*(axis.targets(int(i)) for axis, i in zip(self.axes, at, strict=True)), strict=True)
        which = np.ix_(np.arange(mine.start, mine.stop), [inner], *places)
        there = self.taps[which].reshape(-1)
        target = np.arange(mine.start, mine.stop)
        for axis, positions in zip(self.axes, targets, strict=True):
            target = (target[..., None] * axis.outputs + positions).astype(np.int64)
        return target.reshape(-1)[there], self.kernel[which].reshape(-1)[there]

    def parts(self, by_pre: bool = False, size: int = _PART) -> Iterator[tuple[int, Array, Array, Array]]:
        """The synapses part by part, of about ``size`` at most: first neuron; of each neuron from it on, how many; at
        the other side, ascending; and weights.

        Parameters
        ----------
        by_pre : bool
            Whether the neurons are presynaptic ones, or postsynaptic ones.
        size : int
            Synapses of a part, unless a neuron has more.
        """
        here, there = (self.input_shape, self.output_shape) if by_pre else (self.output_shape, self.input_shape)
        outputs, inner = self.kernel.shape[0] // self.groups, self.kernel.shape[1]
        back = tuple(slice(None, None, -1 if by_pre else 1) for _ in self.axes)
        for channel in range(here[0]):
            group, own = divmod(channel, inner if by_pre else outputs)
            first = group * (outputs if by_pre else inner)
            which = (slice(first, first + outputs), own) if by_pre else channel
            kernel, taps = (a[which][(slice(None), *back)] for a in (self.kernel, self.taps))
            step = max(1, size // max(kernel.size, 1))
            for low in range(0, prod(here[1:]), step):
                pixels = np.unravel_index(np.arange(low, min(low + step, prod(here[1:]))), here[1:])
                mask, place = taps[None], np.arange(first, first + len(kernel))[None, :, *[None] * len(self.axes)]
                for i, (axis, at) in enumerate(zip(self.axes, pixels, strict=True)):
                    index, valid = axis.joined(at, by_pre)
                    wide = (len(at), 1, *[axis.kernel if i == j else 1 for j in range(len(self.axes))])
                    place, mask = place * there[1 + i] + index.reshape(wide), mask & valid.reshape(wide)
                counts = mask.reshape(len(mask), -1).sum(axis=1)
                data = np.broadcast_to(kernel[None], mask.shape)[mask]
                yield channel * prod(here[1:]) + low, counts, np.broadcast_to(place, mask.shape)[mask], data

    def tocsr(self, limit: int = MOST_SYNAPSES) -> Weights:
        """The synapses written out one by one, as a matrix in CSR form.

        Raises
        ------
        NetworkError
            For more synapses than ``limit``, before any memory is taken.
        """
        if limit < self.nnz:
            raise NetworkError(
                f"convolution: means {self.nnz:,} synapses, of which at most {limit:,} are written out one by one; "
                "use what takes its kernel as it is (backends 'event', 'reference', 'loihi'), or a smaller network"
            )
        kind = np.int32 if max(self.nnz, *self.shape) < 2**31 else np.int64
        data, indices = np.empty(self.nnz, self.dtype), np.empty(self.nnz, kind)
        counts, at = np.zeros(self.shape[0] + 1, kind), 0
        for first, many, index, weights in self.parts():
            counts[first + 1 : first + 1 + len(many)] = many
            data[at : at + len(index)], indices[at : at + len(index)] = weights, index
            at += len(index)
        matrix = Weights((data, indices, np.cumsum(counts, dtype=kind)), shape=self.shape)
        matrix.has_canonical_format = True
        return matrix.lock()

    @cached_property
    def expanded(self) -> Weights:
        """:meth:`tocsr`, kept with the convolution."""
        return self.tocsr()

    def __getattr__(self, name: str) -> Any:
        if name in _OF_MATRIX:
            return getattr(self.expanded, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __abs__(self) -> Any:
        return abs(self.expanded)

    # --- other weights, comparison ---

    def with_kernel(self, kernel: Any, taps: Any = None) -> Convolution:
        """The same convolution with another kernel; ``taps`` are those of this one by default."""
        return replace(self, kernel=kernel, taps=self.taps if taps is None else taps)

    def _geometry(self) -> tuple[Any, ...]:
        return tuple(getattr(self, f.name) for f in fields(self) if f.name not in ("kernel", "taps"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Convolution):
            return NotImplemented
        same = self is other or (self._geometry() == other._geometry() and np.array_equal(self.taps, other.taps))
        return same and np.array_equal(self.kernel, other.kernel)

    def __hash__(self) -> int:
        return hash((self._geometry(), self.kernel.shape, (self.kernel.astype(np.float64) + 0.0).tobytes()))

    def __repr__(self) -> str:
        sizes = " x ".join(map(str, self.kernel.shape))
        return f"<convolution {self.input_shape} -> {self.output_shape}, kernel {sizes}, {self.nnz:,} synapses>"
