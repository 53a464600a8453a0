"""Surrogate gradients of snnTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from torch import Tensor

snn: Any = import_module("snntorch")


class Surrogate:
    """A surrogate gradient of snnTorch that can be pickled, as the functions that snnTorch returns cannot.

    Parameters
    ----------
    name : str
        Its name in ``snntorch.surrogate``.
    options

        Its arguments.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name, self.options = name, options
        self._function = getattr(snn.surrogate, name)(**options)

    def __call__(self, distance: Tensor) -> Tensor:
        """Spikes, 0 or 1, where the distance from threshold is above 0."""
        return self._function(distance)

    def __reduce__(self) -> Any:
        return partial(Surrogate, self.name, **self.options), ()


class Fire:
    """``spike``, with results of the type of what comes in."""

    def __init__(self, spike: Callable[[Tensor], Tensor]) -> None:
        self.spike = spike

    def __call__(self, distance: Tensor) -> Tensor:
        """Spikes, 0 or 1."""
        return self.spike(distance).to(distance.dtype)
