r"""Induction heads: what followed the last time this token (these tokens) came? As an algorithm and wholly in spikes.

Token t of a sequence is the value, the tokens before it are the key, and the latest tokens are the query:

.. math::
    k_t = \bigvee_{n=0}^{N-1} c_n(x_{t-1-n}), \qquad v_t = c(x_t), \qquad q_t = \bigvee_{n=0}^{N-1} c_n(x_{t-n})

with a code c_n for tokens of age n, and N the order: 1 for an induction head, more for the trace of the associative
units of Memory Mosaics. Each token is asked first, then written with the tokens before it; a key that was there already
is overwritten, so that the most recent match wins. The memory is that of
:class:`~snmem.attention.fast_weights.FastWeightAttention`; a token is answered if its whole code is read.

**In spikes** a sequence is one spike a token. Copies of it that arrive later are the query, the key before it and the
value, start the searches and print: the fast weights are those of
:class:`~snmem.attention.network.AttentionNetwork`, and nothing outside the network says what to do when. A token takes
two presentations of P steps, the first to ask, the second to write.

Sources: Olsson et al. 2022, "In-context learning and induction heads", transformer-circuits.pub; Zhang et al. 2024,
"Memory Mosaics", arXiv 2405.06394.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..description import Description, frozen, is_whole
from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from ..quantization.grid import quantize
from ..simulation import get_backend, simulate
from ..spikes import Recording
from .cells import AND, PASS
from .config import AttentionConfig
from .fast_weights import FastWeightAttention
from .network import ERASE, PRINT, START, AttentionNetwork

#: An unused unit beats keys that share less than about this share of their spikes, so that only equal keys overwrite.
NOVELTY = 0.7


@dataclass(frozen=True, eq=False)
class InductionHead(Description):
    """Codes of tokens and the size of the memory (equations above).

    Parameters
    ----------
    keys : array (order, tokens, lines)
        Codes of 0 and 1 of tokens of age 0, 1, ...
    values : array (tokens, lines)
        Codes of what is answered, with equally many ones.
    hidden : int
        Hidden units: different keys that fit.

    Raises
    ------
    InputError
        For codes that are empty, hold other values, differ in their number of ones, and wrong shapes.
    """

    keys: Any
    values: Any
    hidden: int

    def __post_init__(self) -> None:
        for name, axes in (("keys", 3), ("values", 2)):
            codes = np.asarray(getattr(self, name))
            if codes.ndim != axes or not codes.size or not np.isin(codes, (0, 1)).all():
                raise InputError(f"InductionHead.{name}: must be 0 and 1 with {axes} axes, got shape {codes.shape}")
            ones = codes.sum(-1)
            if ones.min() < 1 or ones.min() != ones.max():
                raise InputError(f"InductionHead.{name}: codes have {ones.min()} to {ones.max()} ones; use one number")
            object.__setattr__(self, name, frozen(codes.astype(bool)))
        if self.keys.shape[1] != len(self.values):
            tokens = f"{self.keys.shape[1]} and {len(self.values)}"
            raise InputError(f"InductionHead: keys and values are codes of {tokens} tokens; make them equal")
        if not is_whole(self.hidden) or self.hidden < 1:
            raise InputError(f"InductionHead.hidden: must be a whole number >= 1, got {self.hidden!r}")

    @property
    def order(self) -> int:
        """Tokens in a key."""
        return len(self.keys)

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return len(self.values)

    @cached_property
    def config(self) -> AttentionConfig:
        """Sizes of the memory."""
        active = int(self.keys[:, 0].sum())
        lines, answers = self.keys.shape[2], self.values.shape[1]
        return AttentionConfig(lines, answers, self.hidden, 1, min(active, lines), NOVELTY)

    def check(self, sequence: ArrayLike) -> NDArray[np.int64]:
        """A sequence as numbers of tokens, (n,); InputError for anything else."""
        given = np.asarray(sequence)
        if given.ndim != 1 or not given.size or given.dtype.kind not in "iu":
            raise InputError(f"sequence: must be whole numbers (n,), got {given.dtype} {given.shape}")
        if given.min() < 0 or given.max() >= self.tokens:
            raise InputError(f"sequence: tokens {given.min()} to {given.max()}; there are 0 to {self.tokens - 1}")
        return given.astype(np.int64)

    def code(self, latest: ArrayLike) -> NDArray[np.bool_]:
        """The key of tokens, the latest first, (lines,)."""
        return np.any([codes[token] for codes, token in zip(self.keys, np.asarray(latest), strict=False)], axis=0)

    def answers(self, sequence: ArrayLike) -> NDArray[np.bool_]:
        """Tokens read after each token, bool (n, tokens); errors as :meth:`check`."""
        given, memory = self.check(sequence), FastWeightAttention(self.config)
        out, ones = np.zeros((len(given), self.tokens), bool), self.values[0].sum()
        back = given[::-1]
        for t in range(len(given)):
            latest = back[len(given) - 1 - t :]
            if memory.used.any():
                read = memory.read(self.code(latest)[None])[0]
                out[t] = (self.values & read).sum(1) == ones
            if t:
                memory.write(self.code(latest[1:])[None], self.values[[given[t]]])
        return out


def predictions(answers: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The token answered after each token, (n,): the first if there are several, -1 if there is none."""
    return np.where(answers.any(1), answers.argmax(1), -1)


@dataclass(frozen=True, eq=False)
class InductionNetwork(Description):
    """An induction head in LIF neurons: inputs ``token`` (one spike each) and ``reset``, answers of ``next``.

    Parameters
    ----------
    head : InductionHead
        Codes and sizes.
    form : str
        Of the fast weights, see :class:`~snmem.attention.network.AttentionNetwork`: "cells" runs on every backend.
    """

    head: InductionHead
    form: str = "cells"

    @cached_property
    def attention(self) -> AttentionNetwork:
        """The memory."""
        return AttentionNetwork(self.head.config, self.form)

    @property
    def slot(self) -> int:
        """Steps from one token to the next."""
        return 2 * self.attention.period

    @property
    def answer(self) -> int:
        """Steps from a token to the answer."""
        return self.attention.answer + 1

    @cached_property
    def network(self) -> Network:
        """The attention network, whose inputs are now neurons that tokens drive."""
        inner, tokens = self.attention.network, self.head.tokens
        fed = {p.name: p.size for p in inner.inputs}
        populations: list[Any] = [Input("token", tokens), Input("reset", 1)]
        populations += [Population(name, size, PASS) for name, size in fed.items()]
        populations += [p for p in inner.populations if p.name not in fed]
        ones = int(self.head.values[0].sum())
        populations += [
            Population("pair", 1, AND),
            Population("ask", 1, PASS),
            Population("next", tokens, LIF(alpha=0, beta=0, theta=ones + 0.5)),
        ]
        projections = (*inner.projections, *self._codes(), *self._lines())
        return Network(tuple(populations), projections, ("next",), inner.dt)

    def _codes(self) -> list[Projection]:
        """Copies of tokens: of the query, twice of the key (to find a unit, and to be printed), and of the value."""
        period, again = self.attention.period, self.attention.decision + 1
        first = 1 if self.form == "cells" else 2
        out = []
        for age, codes in enumerate(self.head.keys):
            before = (age + 1) * self.slot + period
            times = {"asked": age * self.slot + first, "found": before + first, "printed": before + again}
            for what, delay in times.items():
                out.append(Projection("token", "key", codes.T.astype(float), delay, name=f"{what}.{age}"))
        values = self.head.values.astype(float)
        return [*out, Projection("token", "value", values.T, period + again), Projection("output", "next", values)]

    def _lines(self) -> list[Projection]:
        """A token starts a query, and with one before it (``pair``) an item; a reset erases all."""
        period, decision, any_token = self.attention.period, self.attention.decision, np.ones((1, self.head.tokens))

        def to(line: int) -> NDArray[np.float64]:
            return (np.arange(3)[:, None] == line).astype(float)

        asked = to(START) @ any_token
        return [
            Projection("token", "line", asked, 2),
            Projection("token", "pair", any_token, 2),
            Projection("token", "pair", any_token, 2 + self.slot, name="pair.before"),
            Projection("pair", "line", to(START), period),
            Projection("pair", "line", to(PRINT), period + decision - 2, name="pair.print"),
            Projection("pair", "fresh", [[1.0]], period - 1),
            Projection("reset", "line", to(ERASE)),
            Projection("reset", "fresh", [[1.0]], 2),
            Projection("token", "ask", any_token, self.attention.answer),
            Projection("ask", "next", np.ones((self.head.tokens, 1))),
        ]

    def inputs(self, sequences: Sequence[ArrayLike]) -> tuple[dict[str, Any], int]:
        """Sequences one after another, each after a reset, as spikes; the number of steps; errors as ``check``."""
        steps, tokens, resets, at = list[int](), list[int](), list[int](), 0
        for sequence in sequences:
            given = self.head.check(sequence)
            resets.append(at * self.slot + self.attention.period - 3)
            steps += ((np.arange(len(given)) + at + 1) * self.slot).tolist()
            tokens += given.tolist()
            at += len(given) + 1
        spikes = {"token": (np.array(steps), np.array(tokens)), "reset": (np.array(resets), np.zeros_like(resets))}
        return spikes, at * self.slot

    def run(
        self, sequences: Sequence[ArrayLike], backend: str = "event", **options: Any
    ) -> tuple[list[NDArray[np.bool_]], Recording]:
        """Answers after each token of each sequence, as :meth:`InductionHead.answers`, and the Recording.

        The network is quantized for backends of Loihi's arithmetic; ``options`` go to :func:`snmem.simulate`.
        """
        inputs, steps = self.inputs(sequences)
        floats = "float" in get_backend(backend).arithmetics
        recording = simulate(
            self.network if floats else quantize(self.network).network, inputs, steps, backend, **options
        )
        spikes, at, out = recording.spikes["next"], 0, []
        for sequence in sequences:
            number = (spikes.step - self.answer) // self.slot - at - 1
            mine = (number >= 0) & (number < len(np.asarray(sequence)))
            answers = np.zeros((len(np.asarray(sequence)), self.head.tokens), bool)
            answers[number[mine], spikes.neuron[mine]] = True
            out.append(answers)
            at += len(answers) + 1
        return out, recording
