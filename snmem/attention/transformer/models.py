r"""The baseline transformer and the six MHN-transformers, trained on the Case Sequence Task by hand-written gradients.

Slow weights W_Q, W_K (keys, tokens) and W_V (2, tokens); tokens x are one-hot, e = y - y_target.

**Baseline** (:math:`\beta = 1/\sqrt{keys}`):
:math:`y = \sum_j \mathrm{softmax}_j(\beta\, W_Q x_q \cdot W_K x_j)\, W_V x_j`.

**MHN-transformers**: every sequence has fast weights of its own, F_K (hidden, keys), F_V (2, hidden), F_X (hidden,
tokens). For each item, unit :math:`j = \arg\max(F_K W_K x + P x)` takes it over: row j of F_K becomes W_K x, column j
of F_V becomes W_V x, row j of F_X becomes x. Query: :math:`a = \mathrm{softmax}(F_K W_Q x_q)`,
:math:`\hat y = F_V a` is the answer, :math:`\tilde x = F_X^T a` the reinstated item, and
:math:`\tilde y = W_V \tilde x` trains W_Q and W_V: with :math:`J(a) = \mathrm{diag}(a) - a a^T`,

.. math::
    \nabla W_V = 2 e \tilde x^T, \qquad \nabla W_Q = 2 F_K^T J(a) F_X W_V^T e\, x_q^T .

W_K is fixed, or trained through the memory (a second read with the key of :math:`\tilde x`), or by query-key
alignment: :math:`\nabla W_K = 2 (W_K \tilde x - W_Q x_q) \tilde x^T` with the W_Q just updated. Gradients are summed
over the batch.

**K winners** (``winners`` k > 1 or ``write_rate`` :math:`\epsilon < 1`; proposed in the discussion, not tested there):
each item is written to the k units of largest drive, by graded steps: :math:`\Delta F_{K,j} = \epsilon (W_K x -
F_{K,j})`, likewise column j of F_V and row j of F_X; P drives k units for every token. Reading and gradients stay.

The authors' gradient of the baseline ("published") leaves the factor beta out; "exact" is the true
one.

Source: Bhandarkar & McClelland 2025, arXiv 2511.04593, section 3 and appendix B.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...description import is_whole
from ...errors import InputError
from ...tasks.case_sequence import CaseSequenceTask

KEY_RULES = ("softmax", "fixed", "memory", "alignment")


@dataclass(frozen=True)
class TransformerConfig:
    """One of the models.

    Parameters
    ----------
    rule
        "softmax" (baseline), or how an MHN-transformer trains W_K: "fixed", "memory" or "alignment".
    projected
        Input projection P, one hidden unit per context token, and fast weights that start at 0.
    keys
        Size of keys and queries.
    hidden
        Hidden units (MHN only).
    rate
        Learning rate of W_Q and W_V.
    key_rate
        Learning rate of W_K.
    gradient
        Of the baseline, "published" or "exact".
    winners
        Hidden units to which an item is written (MHN only).
    write_rate
        Step towards the item of the fast weights of these units, in (0, 1]; 1 replaces what they held.
    value_rate
        Learning rate of W_V, if not ``rate``.

    Raises
    ------
    InputError
        For an unknown rule or gradient, sizes below 1, negative rates, more winners than hidden units.
    """

    rule: str = "alignment"
    projected: bool = True
    keys: int = 50
    hidden: int = 16
    rate: float = 5e-3
    key_rate: float = 1e-4
    gradient: str = "published"
    winners: int = 1
    write_rate: float = 1.0
    value_rate: float | None = None

    def __post_init__(self) -> None:
        for name, known in (("rule", KEY_RULES), ("gradient", ("published", "exact"))):
            if getattr(self, name) not in known:
                raise InputError(
                    f"TransformerConfig.{name}: unknown {getattr(self, name)!r}; use one of {', '.join(known)}"
                )
        if not is_whole(self.winners):
            raise InputError(f"TransformerConfig.winners: must be a whole number, got {self.winners!r}")
        for name in ("keys", "hidden", "winners"):
            if getattr(self, name) < 1:
                raise InputError(f"TransformerConfig.{name}: must be at least 1, got {getattr(self, name)}")
        for name in ("rate", "key_rate", "value_rate"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise InputError(f"TransformerConfig.{name}: must not be negative, got {value}")
        if not 0 < self.write_rate <= 1:
            raise InputError(f"TransformerConfig.write_rate: must lie in (0, 1], got {self.write_rate}")
        if self.rule != "softmax" and self.winners > self.hidden:
            raise InputError(
                f"TransformerConfig.winners: {self.winners} of {self.hidden} hidden units; use winners <= hidden"
            )

    def check_task(self, task: CaseSequenceTask) -> None:
        """Raise InputError if the hidden units cannot hold the task."""
        if self.rule == "softmax":
            return
        if self.projected and self.winners == 1 and self.hidden < 2 * task.letters:
            raise InputError(
                f"TransformerConfig.hidden: {self.hidden} units, but the input projection needs one per context token, "
                f"2 x {task.letters} letters; use at least {2 * task.letters}"
            )

    def projection(self, task: CaseSequenceTask) -> NDArray[np.float64]:
        """Input projection P, (hidden, tokens) of 0 and 1: each context token drives ``winners`` units.

        Units are dealt out in turn, so that tokens share none as long as there are enough; then again, shuffled.
        """
        out = np.zeros((self.hidden, task.tokens))
        if self.projected:
            rng, deck = np.random.default_rng(0), list(range(self.hidden))
            for token in range(2 * task.letters):
                if len(deck) < self.winners:  # what is left comes first, and last in the new round
                    more = rng.permutation(self.hidden)
                    left = np.isin(more, deck)
                    deck += [*more[~left].tolist(), *more[left].tolist()]
                out[deck[: self.winners], token] = 1.0
                deck = deck[self.winners :]
        return out


#: The seven models in the paper's configuration.
MODELS = {
    "baseline": TransformerConfig("softmax", False, 10, 1, 1e-3, 1e-3),
    "fixed": TransformerConfig("fixed", False, 50, 10, 1e-3, 0.0),
    "fixed, projected": TransformerConfig("fixed", True, 50, 10, 1e-3, 0.0),
    "memory": TransformerConfig("memory", False, 50, 16, 5e-3, 5e-3),
    "memory, projected": TransformerConfig("memory", True, 50, 10, 5e-3, 5e-3),
    "QK": TransformerConfig("alignment", False),
    "QK, projected": TransformerConfig("alignment", True),
}
#: Rows of :attr:`Training.similarity`.
PAIRS = ("upper and lower keys", "queries and lower keys", "queries and upper keys")


@dataclass(frozen=True, eq=False)
class Training:
    """Trials of one model.

    Attributes
    ----------
    w_q, w_k
        (trials, keys, tokens), w_v : (trials, 2, tokens), after training.
    accuracy
        On the fresh batch of every iteration, of y_hat, (trials, iterations).
    loss, loss_reinstated
        Squared error summed over the 2 outputs, batch mean, of y_hat and y_tilde.
    similarity
        (trials, records, 3, 2), mean on- and off-diagonal of the products PAIRS, every ``every`` iterations and at the
        end.
    values
        W_V at the same times, (trials, records, 2, tokens).
    initial
        W_Q, W_K and W_V before training.
    """

    config: TransformerConfig
    task: CaseSequenceTask
    every: int
    w_q: NDArray[np.float64]
    w_k: NDArray[np.float64]
    w_v: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    loss_reinstated: NDArray[np.float64]
    similarity: NDArray[np.float64]
    values: NDArray[np.float64]
    initial: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

    @property
    def recorded(self) -> NDArray[np.int64]:
        """Iterations of the records."""
        end = int(self.accuracy.shape[1])
        return np.append(np.arange(0, end, self.every), end)

    def final_accuracy(self, last: int = 1000) -> NDArray[np.float64]:
        """Mean accuracy over the last iterations, per trial."""
        return self.accuracy[:, -last:].mean(axis=1)

    def reaches(self, level: float = 0.99, window: int = 50) -> float:
        """First iteration from which ``window`` of them have a mean (of the trials' median) >= level, or infinity."""
        median = np.median(self.accuracy, axis=0)
        if median.size < window:
            return np.inf
        mean = cast(NDArray[np.float64], np.convolve(median, np.ones(window) / window, "valid"))
        found = np.flatnonzero(mean >= level - 1e-12)
        return float(found[0]) if found.size else np.inf


def train(
    config: TransformerConfig,
    task: CaseSequenceTask | None = None,
    *,
    iterations: int = 5000,
    trials: int = 10,
    batch: int = 64,
    seed: int = 0,
    every: int = 10,
    workers: int = 2,
    general: bool = False,
) -> Training:
    """Train ``trials`` copies of a model, each with weights and sequences of its own; a fresh batch every iteration.

    The result depends on the seed only, not on ``workers`` (threads). ``general``: one winner takes the code of many
    too (the same numbers).

    Raises
    ------
    InputError
        For numbers below 1, or a model too small for the task.
    """
    task = task or CaseSequenceTask()
    config.check_task(task)
    numbers = {"iterations": iterations, "trials": trials, "batch": batch, "every": every, "workers": workers}
    for name, value in numbers.items():
        if value < 1:
            raise InputError(f"train: {name} must be at least 1, got {value}")
    records = -(-iterations // every) + 1
    out: dict[str, Any] = {name: np.empty((trials, iterations)) for name in ("accuracy", "loss", "loss_reinstated")}
    out["similarity"] = np.empty((trials, records, 3, 2))
    values = np.empty((trials, records, task.tokens, 2))
    rngs = np.random.default_rng(seed).spawn(trials)
    weights = [_initial(config, task, rng) for rng in rngs]
    initial = _stacked(weights)
    plain = config.winners == 1 and config.write_rate == 1.0 and not general
    ensemble = 0 if plain else config.winners, float(config.write_rate), config.projection(task)

    def run(trial: int) -> None:
        from . import kernels

        recorded = [x[trial] for x in (*out.values(), values)]
        rule = KEY_RULES.index(config.rule) - 1
        sizes = batch, task.letters, task.context, config.hidden, config.projected, rule
        value_rate = config.rate if config.value_rate is None else config.value_rate
        rates = config.gradient == "published", config.rate, config.key_rate, value_rate, every
        kernels.train_trial(rngs[trial], *sizes, ensemble, *rates, *weights[trial], *recorded)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, range(trials)))
    return Training(
        config, task, every, *_stacked(weights), values=values.transpose(0, 1, 3, 2), initial=initial, **out
    )


def _stacked(weights: list[list[NDArray[np.float64]]]) -> tuple[Any, Any, Any]:
    """Copies of W_Q, W_K and W_V of all trials, (trials, rows, tokens)."""
    w_q, w_k, w_v = (np.stack(ws).transpose(0, 2, 1) for ws in zip(*weights, strict=True))
    return w_q, w_k, w_v


def answered(training: Training, sequences: int = 2000, dead: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    """Share of random sequences that each trial of an MHN-transformer answers right, (trials,), with a lesion.

    Parameters
    ----------
    training : Training
        Trained models.
    sequences : int
        Number of sequences.
    dead : float
        Share of hidden units that fall silent after the context was written, others in every sequence.
    seed : int
        Seed of sequences and lesions.

    Raises
    ------
    InputError
        For the baseline, which has no hidden units, a share outside [0, 1), or no sequence.
    """
    from . import kernels

    config, task = training.config, training.task
    if config.rule == "softmax":
        raise InputError("answered: the baseline has no hidden units; use an MHN-transformer")
    if not 0.0 <= dead < 1.0 or sequences < 1:
        raise InputError(f"answered: needs 0 <= dead < 1 and sequences >= 1, got {dead} and {sequences}")
    ensemble = config.winners, float(config.write_rate), config.projection(task)
    sizes = (
        sequences,
        task.letters,
        task.context,
        config.hidden,
        config.projected,
        ensemble,
        round(dead * config.hidden),
    )
    weights = [
        [np.ascontiguousarray(w.T) for w in ws] for ws in zip(training.w_q, training.w_k, training.w_v, strict=True)
    ]
    rngs = np.random.default_rng(seed).spawn(len(weights))
    return np.array([kernels.answer_trial(rng, *sizes, *ws) for rng, ws in zip(rngs, weights, strict=True)])


def _initial(config: TransformerConfig, task: CaseSequenceTask, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """W_Q and W_K normal, W_V uniform in [0, 0.1), one row per token."""
    spread = (0.25 if config.rule == "softmax" else 1.0) / np.sqrt(config.keys)
    q, k = (rng.normal(0.0, spread, (task.tokens, config.keys)) for _ in range(2))
    return [q, k, rng.uniform(0.0, 0.1, (task.tokens, 2))]
