"""The trained QK-MHN-transformer, wholly in spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...circuits.copies import inputs_of_copies, side_by_side, spikes_of_copy
from ...errors import InputError
from ...network import Network
from ...quantization.grid import quantize
from ...simulation import get_backend, simulate
from ...spikes import Recording, Spikes
from ...tasks.case_sequence import CaseSequenceTask, Sequences
from ..config import AttentionConfig
from ..network import GRID, AttentionNetwork, SlowWeights, between
from .models import Training


@dataclass(frozen=True, eq=False)
class SpikingTransformer:
    """A transformer on the Case Sequence Task made of spiking neurons.

    task : what it was trained on.    attention : its :class:`~snmem.attention.AttentionNetwork`.
    """

    task: CaseSequenceTask
    attention: AttentionNetwork

    @property
    def network(self) -> Network:
        """The network of LIF neurons."""
        return self.attention.network

    @property
    def steps_per_answer(self) -> int:
        """Steps of one sequence: a presentation for each item and one for the query."""
        return (self.task.context + 1) * self.attention.period

    def inputs(self, sequences: Sequences) -> tuple[dict[str, Any], int]:
        """Input spikes of sequences one after another, and the number of steps."""
        tokens = np.eye(self.task.tokens, dtype=bool)
        return self.attention.inputs(list(tokens[sequences.context]), list(tokens[sequences.query][:, None]))

    def answers(self, output: Spikes) -> NDArray[np.int64]:
        """1 (upper), 0 (lower), or -1 (neither or both output neurons spiked) for each sequence of a run."""
        n = output.steps // self.steps_per_answer
        lower, upper = self.attention.read(output, [self.task.context] * n, [1] * n).T
        return np.where(lower == upper, -1, upper)

    def run(
        self, sequences: Sequences, backend: str = "event", copies: int = 1, **options: Any
    ) -> tuple[NDArray[np.int64], Recording]:
        """Answer sequences; the network is quantised for the backends of Loihi's arithmetic.

        ``copies``: networks side by side that share the sequences (for Lava, whose cost is per step). Returns
        :meth:`answers` and the Recording; ``options`` go to :func:`snmem.simulate`.
        """
        if not 1 <= copies <= len(sequences):
            raise InputError(f"run: {copies} copies for {len(sequences)} sequences; use 1 to {len(sequences)}")
        floats = "float" in get_backend(backend).arithmetics
        network = self.network if floats else quantize(self.network).network
        parts = [self.inputs(sequences[rows]) for rows in np.array_split(np.arange(len(sequences)), copies)]
        inputs = inputs_of_copies(network, [x for x, _ in parts])
        recording = simulate(side_by_side(network, copies), inputs, max(n for _, n in parts), backend, **options)
        answers: list[NDArray[Any]] = []
        for number, (_, steps) in enumerate(parts):
            output = spikes_of_copy(recording.spikes["output"], number, copies).between(0, steps)
            answers.append(self.answers(output))
        return np.concatenate(answers), recording


def spiking_transformer(
    training: Training, trial: int = 0, form: str = "cells", dead: Sequence[int] = ()
) -> SpikingTransformer:
    """Turn a trained QK-MHN-transformer (with input projection) into a network of spiking neurons.

    Key and query neurons come in pairs: one spikes where the component of W_K x (W_Q x for query tokens) is above the
    threshold, the other where it is below its negative; the threshold is the root mean square of all components. Value
    neurons spike where W_V x > 1 / 2. The input projection drives the units of a token half as much as its own key
    does. With ``training.config.winners`` k > 1 an item is written to k units and k units answer; an output spikes at
    one vote.

    Parameters
    ----------
    training : Training
        Trained models.
    trial : int
        Which of them.
    form : str
        Form of the fast weights, see :mod:`snmem.attention.network`.
    dead : sequence of int
        Hidden units whose votes never arrive (a lesion).

    Raises
    ------
    InputError
        For a model without input projection or with graded writing, or one in which a token makes no key neuron spike.
    """
    if training.config.rule == "softmax" or not training.config.projected:
        raise InputError("spiking_transformer: needs an MHN-transformer with input projection (config.projected)")
    if training.config.write_rate != 1.0:
        rate = training.config.write_rate
        raise InputError(
            f"spiking_transformer: write_rate is {rate}, but binary fast weights are replaced; train with 1"
        )
    if not 0 <= trial < len(training.w_k):
        raise InputError(f"spiking_transformer: trial {trial} of {len(training.w_k)}; count from 0")
    task, n = training.task, 2 * training.task.letters
    weights: list[NDArray[np.float64]] = [
        np.round(w[trial] * GRID) / GRID for w in (training.w_k, training.w_q, training.w_v)
    ]
    w_k, w_q, w_v = weights
    used = np.hstack([w_k[:, :n], w_q[:, n:]])
    key_theta = between(np.sqrt((used**2).mean()))
    spikes = (np.abs(used) > key_theta).sum(0)
    if not spikes.all():
        token = task.token_name(int(spikes.argmin()))
        raise InputError(f"spiking_transformer: token {token!r} makes no key neuron spike; train the model longer")
    active, hidden, k = int(spikes.max()), training.config.hidden, training.config.winners
    project = (active // 2) * training.config.projection(task)
    many: dict[str, Any] = {"k": k, "share": 0.0, "write_all": True} if k > 1 else {}
    config = AttentionConfig(2 * training.config.keys, 2, hidden, active=active, levels=0, dead=tuple(dead), **many)
    slow = SlowWeights(np.vstack([w_k, -w_k]), np.vstack([w_q, -w_q]), w_v, project, key_theta, between(0.5))
    return SpikingTransformer(task, AttentionNetwork(config, form, slow))
