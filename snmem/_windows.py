"""Windows of a convolution: which inputs and outputs they join along an axis, and what they are checked for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._text import shown
from .description import WEIGHT_TYPES, entries, frozen, is_whole, real_array, whole
from .errors import NetworkError


class Axis(NamedTuple):
    """Sizes of an axis; output i and place k of the window join input ``stride i + dilation k - before``."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def outputs(self) -> int:
        """Size of the output."""
        return (self.size + self.before + self.after - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    def bounds(self, k: Any) -> tuple[Any, Any]:
        """The first output whose place k lies inside the input, and the one behind the last."""
        shift = self.before - self.dilation * np.asarray(k, np.int64)
        low = np.maximum(-(-shift // self.stride), 0)
        high = np.minimum((self.size - 1 + shift) // self.stride + 1, self.outputs)
        return low, np.maximum(high, low)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Of each place of the window, the number of outputs for which it lies inside the input."""
        low, high = self.bounds(np.arange(self.kernel))
        return high - low

    def outputs_of(self, k: int) -> slice:
        """The outputs whose place k lies inside the input."""
        return slice(*map(int, self.bounds(k)))

    def inputs_of(self, k: int) -> slice:
        """The inputs that are place k of some output, in the order of these."""
        low, high = map(int, self.bounds(k))
        first = low * self.stride + self.dilation * k - self.before
        return slice(first, first + (high - low - 1) * self.stride + 1, self.stride) if high > low else slice(0, 0)

    def targets(self, i: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The places of the window at which input i stands, and the outputs of these, ascending."""
        k = np.arange(self.kernel)[::-1]
        index, valid = self.joined(np.array([i]), True)
        return k[valid[0]], index[0][valid[0]]

    def joined(self, at: NDArray[Any], by_pre: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """What inputs (``by_pre``) or outputs at these places are joined with, ascending, by place of the window.

        Returns
        -------
        tuple
            Arrays (places, kernel): index of the output or input, and whether there is such a synapse. For inputs, the
            places of the window come in descending order.
        """
        k = np.arange(self.kernel, dtype=np.int64)
        if not by_pre:
            index = at[:, None] * self.stride + self.dilation * k - self.before
            return index, (index >= 0) & (index < self.size)
        index, rest = np.divmod(at[:, None] + self.before - self.dilation * k[::-1], self.stride)
        return index, (rest == 0) & (index >= 0) & (index < self.outputs)


def pairs_of(name: str, value: Any, rank: int) -> tuple[int, ...]:
    """A number, or one for each axis, as a tuple of whole numbers >= 1; NetworkError for anything else."""
    given = entries(value, rank)
    if len(given) != rank:
        raise NetworkError(f"convolution: {name} must be a number or {rank} of them, got {shown(value)}")
    return tuple(whole(f"convolution: {name}", n, 1, 2**31 - 1) for n in given)


def padding_of(
    padding: Any, space: tuple[int, ...], spans: list[int], stride: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """The padding of each axis as (before, after), where what is after reaches as far as the last window does.

    Raises
    ------
    NetworkError
        For what is no padding, and windows that do not fit into the input.
    """
    pairs = []
    for n, span, step, (before, after) in zip(space, spans, stride, _pairs(padding, spans, stride), strict=True):
        outputs = (n + before + after - span) // step + 1
        if outputs < 1:
            raise NetworkError(
                f"convolution: a window of {span} does not fit into {n} inputs with padding {before} and {after}"
            )
        pairs.append((before, (outputs - 1) * step + span - n - before))
    return tuple(pairs)


def _pairs(padding: Any, spans: list[int], stride: tuple[int, ...]) -> list[tuple[int, int]]:
    rank, limit = len(spans), 2**31 - 1
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise NetworkError(f"convolution: padding must be numbers, 'same' or 'valid', got {shown(padding)}")
        if padding == "same" and max(stride) > 1:
            raise NetworkError(f"convolution: padding 'same' needs stride 1, got {stride}")
        return [((s - 1) // 2, s - 1 - (s - 1) // 2) if padding == "same" else (0, 0) for s in spans]
    given = entries(padding, rank)
    if len(given) != rank:
        raise NetworkError(
            f"convolution: padding must be a number or one for each of {rank} axes, got {shown(padding)}"
        )
    pairs = [(p, p) if is_whole(p) else entries(p) for p in given]
    if any(len(p) != 2 for p in pairs):
        raise NetworkError(
            f"convolution: padding of an axis must be a whole number or a pair (before, after), got {shown(padding)}"
        )
    both = [tuple(whole("convolution: padding", n, -limit, limit) for n in p) for p in pairs]
    return [(before, after) for before, after in both]


def kernel_of(kernel: Any) -> NDArray[Any]:
    """A kernel as an array of a type that weights have; NetworkError for anything else."""
    given = real_array(kernel)
    if given is None or given.ndim not in (3, 4) or not given.size:
        what = shown(kernel) if given is None else f"shape {given.shape}"
        raise NetworkError(
            f"convolution: kernel must be real numbers (outputs, inputs / groups, one or two axes), got {what}"
        )
    given = given.astype(np.float32) if given.dtype == np.float16 else given
    if given.dtype not in WEIGHT_TYPES:
        cast = given.astype(np.float64)
        with np.errstate(all="ignore"):
            if given.dtype.itemsize >= 8 and (cast.astype(given.dtype) != given).any():
                raise NetworkError(
                    f"convolution: kernel holds {given.dtype} numbers that float64 does not; round them first"
                )
        given = cast
    if not np.isfinite(given).all():
        raise NetworkError("convolution: kernel holds NaN or infinity; give finite weights")
    return given


def taps_of(taps: Any, kernel: NDArray[Any]) -> NDArray[Any]:
    """Which places of a kernel are synapses, as a frozen array of its shape."""
    if taps is None:
        return frozen(kernel != 0, own=True)
    given = real_array(taps)
    if given is None or given.dtype != bool or given.shape != kernel.shape:
        raise NetworkError(
            f"convolution: taps must be an array of bool of the kernel's shape {kernel.shape}, got {shown(taps)}"
        )
    if (kernel[~given] != 0).any():
        raise NetworkError("convolution: taps leave out a weight other than 0; set it to 0, or let it be a synapse")
    return frozen(given)
