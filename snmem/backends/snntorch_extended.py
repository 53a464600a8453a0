"""What may be switched on beyond the plain LIF neuron, for the torch modules of :mod:`snmem.backends.snntorch`.

And what a run of one sample needs: its inputs row by row, and one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..neurons.base import LEFT
from ..neurons.noise import normal
from ..spikes import Spikes


class Switched(nn.Module):
    """The step of neurons that do more than the plain one, in the order of :func:`snmem.neurons.lif.step_extended`.

    Parameters
    ----------
    lif : LIF
        The neurons.
    size : int
        How many there are.
    dtype : torch.dtype
        Of all numbers.
    """

    def __init__(self, lif: Any, size: int, dtype: Any) -> None:
        super().__init__()
        self.kappa: Tensor
        self.rho: Tensor
        self.refractory: Tensor
        self.alpha2: Tensor
        self.lif, self.size = lif, size
        for name in ("kappa", "rho", "refractory", "alpha2"):
            value = getattr(lif, name)
            self.register_buffer(name, torch.tensor(0 if value is None else value, dtype=dtype))

    def first(self, batch: int, like: Tensor) -> dict[str, Tensor]:
        """All variables before step 0, each of shape (batch, neurons)."""
        return {k: torch.as_tensor(x, dtype=like.dtype, device=like.device).repeat(batch, 1)
                for k, x in self.lif.initial(self.size).items()}  # fmt: skip

    def noise(self, t: int, like: Tensor) -> Tensor:
        """The noise of step t."""
        values = np.asarray(self.lif.noise_sd * normal(self.lif.noise_seed, self.size, t))
        return torch.as_tensor(values, dtype=like.dtype, device=like.device)

    def step(
        self, cell: Any, neurons: Any, current: Mapping[str, Tensor], before: Mapping[str, Tensor], t: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One step: the variables after it, and the spikes.

        Parameters
        ----------
        cell : snntorch neuron
            Holds beta, the threshold and, unless there is no synaptic memory, alpha.
        neurons : module
            Holds bias, v_reset and ``subtract``.
        current : mapping of str to Tensor
            What arrives, by receptor.
        before : mapping of str to Tensor
            All variables.
        t : int
            Number of the step.
        """
        # The order of :func:`snmem.neurons.lif.step_extended`, in torch and with surrogate gradients.
        has, now, alpha = self.lif.features, dict(before), getattr(cell, "alpha", None)
        u = (0 * before["u"].detach() if alpha is None else alpha.clamp(0, 1) * before["u"]) + current["u"]
        v = cell.beta.clamp(0, 1) * before["v"] + u
        if "second_current" in has:
            now["u2"] = self.alpha2 * before["u2"] + current["u2"]
            v = v + now["u2"]
        v = v + neurons.bias
        if "v" in current:
            v = v + current["v"]
        if "noise" in has:
            v = v + self.noise(t, v)
        held = before[LEFT] > 0 if LEFT in before else torch.zeros_like(v, dtype=torch.bool)
        v = torch.where(held, before["v"], v)
        theta = cell.threshold
        if "adaptation" in has:
            now["a"] = self.rho * before["a"]
            theta = theta + now["a"]
        spikes = torch.where(held, torch.zeros_like(v), cell.spike_grad(v - theta))
        fired = spikes.detach() > 0
        now["v"] = torch.where(fired, v - cell.threshold if neurons.subtract else neurons.v_reset, v)
        now["u"] = torch.where(held, before["u"], u) if "freeze" in has else u
        if "freeze" in has and "u2" in now:
            now["u2"] = torch.where(held, before["u2"], now["u2"])
        for name in ("u", "u2") if self.lif.reset_current else ():
            if name in now:
                now[name] = torch.where(fired, torch.zeros_like(v), now[name])
        if "adaptation" in has:
            now["a"] = torch.where(fired, now["a"] + self.kappa, now["a"])
        if LEFT in before:
            now[LEFT] = torch.where(fired, self.refractory, (before[LEFT] - 1).clamp(min=0))
        return now, spikes


@contextmanager
def one_thread() -> Iterator[None]:
    """For one sample, threads cost more than they bring."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def row_of(s: Spikes, t: int, dtype: Any) -> Tensor:
    """Values of the lines in step t, shape (1, lines)."""
    row = torch.zeros(1, s.size, dtype=dtype)
    now = slice(*np.searchsorted(s.step, (t, t + 1)))
    row[0, s.neuron[now]] = 1 if s.value is None else torch.tensor(s.value[now], dtype=dtype)
    return row
