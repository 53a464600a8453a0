"""K-winner modern Hopfield memory, algorithm level: vectors, exact k winners, sparse weights, compiled."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, replace
from numbers import Real
from typing import Any, overload

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from .._text import shown
from ..description import LearnsInPlace, Summary
from ..errors import InputError
from ..io.files import replace_file
from . import kwinner_kernels as kernels
from .base import MEMORIES, ConfiguredMemory
from .config import KWinnerConfig, checked_config, generator
from .patterns import ActiveUnits, Patterns, active_units
from .saved import open_saved

_FORMAT = "snmem K-winner memory 1"
_CHUNK = 1 << 20


@MEMORIES.register("kwinner")
class KWinnerMemory(ConfiguredMemory, Summary, LearnsInPlace):
    r"""Memory that stores binary patterns one-shot and recalls them from damaged cues.

    With forward weights W (hidden, visible), return weights R (visible, hidden), both on the same random synapses,
    and kWTA_k(h) = 1 at the k largest entries of h (ties at random) and 0 elsewhere:

    .. math::
        z = \mathrm{kWTA}_k(W c), \qquad \hat{x} = \mathrm{kWTA}_s(R z)

    is the recall from a cue c, with k = ``config.winners`` and s = ``config.active``. Storing a pattern x takes
    :math:`z = \mathrm{kWTA}_k(W x)` and moves every synapse of the winners:
    :math:`\Delta W_{ji} = \epsilon (x_i - W_{ji})`, :math:`\Delta R_{ij} = \epsilon (x_i - R_{ij})`.
    Initial weights are uniform in [0, 1).

    A hash of the memory's seed and the cue breaks ties, so ``winners`` and ``recall`` are functions of weights and cue.

    Source: Bhandarkar & McClelland 2025, arXiv 2511.04593, section 2.

    Parameters
    ----------
    config
        Sizes and learning rate.
    seed
        Seed or numpy Generator for synapses, initial weights and ties; None draws fresh entropy.
    """

    def __init__(self, config: KWinnerConfig | None = None, seed: int | np.random.Generator | None = 0) -> None:
        self.config = checked_config(config)
        rng = generator(seed)
        inputs = _draw_inputs(self.config, rng)
        forward = rng.random(inputs.size)
        back = np.empty((0, 0)) if self.config.tied else rng.random(inputs.shape)
        if self.config.bits:
            forward, back = (_to_levels(w, self.config.levels) for w in (forward, back))
        self._set(inputs, forward, back, rng.integers(2**64, dtype=np.uint64))

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        return f"KWinnerMemory: {self._clock:,} patterns stored", self.config.rows()

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> KWinnerMemory:
        """Proportions of :meth:`KWinnerConfig.for_patterns`; see :meth:`snmem.memory.base.Memory.for_patterns`.

        Where bits are counted, weights have 4, which recall as well as float64 does.
        """
        config = KWinnerConfig.for_patterns(visible, active, bits=bits, precision=None if bits is None else 4)
        return cls(config, seed)

    def _set(
        self, inputs: NDArray[Any], forward: NDArray[Any], back: NDArray[Any], tie_seed: np.uint64, clock: int = 0
    ) -> None:
        """Take over the synapses: ``forward`` is ordered by visible, then hidden unit, ``back`` like ``inputs``."""
        self._clock, self._lesioned = clock, False  # patterns learned so far
        self._inputs, self._forward, self._back, self._tie_seed = inputs, forward, back, np.uint64(tie_seed)
        self._start = np.zeros(self.config.visible + 1, np.uint64)
        self._post = np.empty(inputs.size, np.uint32)
        self._place = np.empty(inputs.shape, np.uint32 if inputs.size < 2**32 else np.uint64)
        kernels.index_by_visible(inputs, self._start, self._post, self._place)
        self._idle: list[Any] = []  # working memory, as many as there were calls at a time

    @contextmanager
    def _scratch(self) -> Generator[Any]:
        try:
            scratch = self._idle.pop()
        except IndexError:
            scratch = kernels.make_scratch(self.config.hidden, self.config.visible)
        yield scratch
        self._idle.append(scratch)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_idle": []}

    @property
    def forward_weights(self) -> sp.csr_array:
        """Copy of the weights W from visible to hidden units, CSR of shape (hidden, visible)."""
        return self._csr(self._forward[self._place])

    @property
    def return_weights(self) -> sp.csr_array:
        """Copy of the weights R from hidden to visible units, CSR of shape (visible, hidden)."""
        return self._csr(self._forward[self._place] if self.config.tied else self._back).T.tocsr()

    def _csr(self, values: NDArray[Any]) -> sp.csr_array:
        bounds = np.arange(self.config.hidden + 1) * self.config.fan_in
        shape = (self.config.hidden, self.config.visible)
        return sp.csr_array((values.ravel().copy(), self._inputs.ravel().astype(np.int32), bounds), shape)

    def store(self, patterns: Patterns, targets: Patterns | None = None) -> None:
        """Learn patterns one-shot, in order.

        Parameters
        ----------
        patterns
            (n, visible) or (visible,) of 0 and 1, exactly ``active`` ones in each row; or a scipy.sparse array, whose
            rows cost nothing for their zeros.
        targets
            Patterns of the same shape to recall instead (hetero-association): ``patterns`` choose the winners and shape
            the forward weights, ``targets`` shape the return weights.

        Raises
        ------
        InputError
            For a wrong shape, values other than 0 and 1, a wrong number of ones, or targets with tied weights.
        """
        cues = self._patterns(patterns, "patterns")
        if targets is None:
            self._learn(cues, cues, cues)
            return
        if self.config.tied:
            raise InputError("store: targets need return weights of their own, but config.tied is True; use tied=False")
        wanted = self._patterns(targets, "targets")
        if len(wanted) != len(cues):
            raise InputError(f"store: {len(cues)} patterns but {len(wanted)} targets; give one target for each pattern")
        self._learn(cues, cues, wanted)

    def forget(self, patterns: Patterns, seed: int | np.random.Generator | None = 0, times: int = 3) -> None:
        """Overwrite patterns: the units that win for each of them learn a random pattern instead, ``times`` times over.

        Parameters
        ----------
        patterns
            As in :meth:`store`; they need not have been stored.
        seed
            Seed or Generator of the random patterns.
        times
            Overwritings in a row, each with a new random pattern and leaving a share (1 - rate) of the trace. Other
            patterns age by as many stores.
        """
        rng = np.random.default_rng(seed)
        cues = self._patterns(patterns, "patterns")
        if times < 1:
            raise InputError(f"forget: times must be at least 1, got {times}")
        for cue in cues:
            for _ in range(times):
                noise = rng.choice(self.config.visible, (1, self.config.active), replace=False)
                self._learn(cue[None], noise, noise)

    @overload
    def recall(self, cues: sp.csr_array) -> sp.csr_array: ...
    @overload
    def recall(self, cues: ArrayLike) -> NDArray[np.bool_]: ...
    def recall(self, cues: Any) -> Any:
        """Return the recalled pattern for each cue: booleans in the shape of ``cues``, ``active`` ones in each row.

        Parameters
        ----------
        cues
            (n, visible) or (visible,) of 0 and 1, at least one 1 in each row; for a scipy.sparse array the result is
            one too (CSR).

        Raises
        ------
        InputError
            For a wrong shape, values other than 0 and 1, or a cue without ones.
        """
        rows = self._cues(cues)
        c = self.config
        with self._scratch() as scratch:
            found = kernels.recall(
                rows.units, rows.bounds, self._start, self._post, self._inputs, self._place, self._forward, self._back,
                c.winners, c.active, self._tie_seed, scratch,
            )  # fmt: skip
        if rows.sparse:
            found.sort(axis=1)
            ends = np.arange(len(found) + 1) * c.active
            return sp.csr_array((np.ones(found.size, bool), found.ravel(), ends), (len(found), c.visible))
        out = np.zeros((len(found), c.visible), bool)
        np.put_along_axis(out, found, True, axis=1)
        return out[0] if rows.single else out

    def winners(self, cues: Patterns) -> NDArray[np.int64]:
        """Return the winning hidden units of each cue in increasing order, shape (n, winners) or (winners,)."""
        rows = self._cues(cues)
        with self._scratch() as scratch:
            found = kernels.find_winners(
                rows.units,
                rows.bounds,
                self._start,
                self._post,
                self._forward,
                self.config.winners,
                self._tie_seed,
                scratch,
            )
        found.sort(axis=1)
        return found[0] if rows.single else found

    def lesioned(
        self, neurons: float = 0.0, synapses: float = 0.0, seed: int | np.random.Generator | None = 0
    ) -> KWinnerMemory:
        """Return a copy in which a random share of the hidden neurons and of all synapses is dead; it only recalls.

        Parameters
        ----------
        seed
            Seed or generator of what is drawn.
        neurons
            Share of hidden units that never win and send nothing.
        synapses
            Share of the forward synapses, and of the return synapses, that transmit nothing, each drawn on its own
            (with tied weights both ways are one synapse).

        Raises
        ------
        InputError
            For a share outside [0, 1].
        """
        for name, share in (("neurons", neurons), ("synapses", synapses)):
            if not isinstance(share, Real) or not 0.0 <= share <= 1.0:
                raise InputError(f"lesioned: {name} must lie in [0, 1], got {shown(share)}")
        rng = generator(seed)
        other = copy(self)
        other._forward, other._back, other._lesioned = self._forward.copy(), self._back.copy(), True
        dead = rng.choice(self.config.hidden, round(neurons * self.config.hidden), replace=False)
        for weights in (other._forward, other._back):
            weights.ravel()[rng.choice(weights.size, round(synapses * weights.size), replace=False)] = 0.0
        other._forward[self._place[dead]] = 0.0
        if not self.config.tied:
            other._back[dead] = 0.0
        return other

    def rounded(self, bits: int) -> KWinnerMemory:
        """Return a copy whose weights are rounded to the nearest of ``2**bits`` values from 0 to 1, as for a chip.

        Raises
        ------
        InputError
            For bits outside 1..32.
        """
        levels = replace(self.config, bits=bits).levels
        other = copy(self)
        other._forward, other._back = (np.round(w * levels) / levels for w in (self._forward, self._back))
        return other

    def _learn(self, cues: NDArray[np.int64], targets: NDArray[np.int64], back_targets: NDArray[np.int64]) -> None:
        c = self.config
        if self._lesioned:
            raise InputError("store: a lesioned memory only recalls; store first, then take memory.lesioned(...)")
        bounds = np.arange(len(cues) + 1) * c.active
        with self._scratch() as scratch:
            kernels.store(
                cues.ravel(), bounds, targets, back_targets, self._start, self._post, self._inputs, self._place,
                self._forward, self._back, c.rate, c.winners, c.random_winners, c.levels, self._clock,
                self._tie_seed, scratch,
            )  # fmt: skip
        self._clock += len(cues)

    def _patterns(self, patterns: Patterns, name: str) -> NDArray[np.int64]:
        """Return the active units of each pattern, shape (n, active)."""
        rows = active_units(patterns, self.config.visible, name, exactly=self.config.active)
        return rows.units.reshape(-1, self.config.active)

    def _cues(self, cues: Patterns) -> ActiveUnits:
        return active_units(cues, self.config.visible, "cues", at_least=1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the memory to an .npz file of plain arrays, replacing the file only when it is complete."""
        header = {"format": _FORMAT, "config": asdict(self.config), "tie_seed": int(self._tie_seed)}
        header |= {"clock": self._clock, "lesioned": self._lesioned}
        with replace_file(path) as file:
            np.savez(file, header=json.dumps(header), inputs=self._inputs, forward=self._forward, back=self._back)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KWinnerMemory:
        """Read a memory written by :meth:`save`.

        Raises
        ------
        FileError
            The file is missing, is not a saved K-winner memory, or is damaged.
        """
        with open_saved(path, _FORMAT, "KWinnerMemory") as saved:
            c = saved.config
            shape = (c.hidden, c.fan_in)
            inputs = saved.numbers("inputs", "u", shape, 0, c.visible - 1).astype(np.uint32)
            if not (inputs[:, 1:] > inputs[:, :-1]).all():
                raise saved.error("array 'inputs': must rise within each row")
            forward = saved.numbers("forward", "f", (c.synapses,), 0, 1)
            back = saved.numbers("back", "f", (0, 0) if c.tied else shape, 0, 1)
            tie_seed, clock = saved.value("tie_seed", int, 0, 2**64 - 1), saved.value("clock", int, 0, 2**62, 0)
            lesioned = saved.value("lesioned", bool, default=False)
        memory = cls.__new__(cls)
        memory.config = c
        memory._set(inputs, forward, back, np.uint64(tie_seed), clock)
        memory._lesioned = lesioned
        return memory


def _to_levels(uniform: NDArray[Any], levels: int) -> NDArray[Any]:
    """Return multiples of 1 / levels, equally likely, from numbers uniform in [0, 1)."""
    return np.floor(uniform * (levels + 1)) / levels


def _draw_inputs(config: KWinnerConfig, rng: np.random.Generator) -> NDArray[np.uint32]:
    """Draw the visible units of every hidden unit, without replacement, shape (hidden, fan_in)."""
    inputs = np.empty((config.hidden, config.fan_in), np.uint32)
    pool = np.arange(config.visible)
    rows = max(1, _CHUNK // config.fan_in)
    for first in range(0, config.hidden, rows):
        part = inputs[first : first + rows]
        kernels.draw_rows(rng.random(part.shape), config.visible, pool, part)
    inputs.sort(axis=1)
    return inputs
