"""The paper's retention experiment: learn a long stream once, then ask for the newest items and for ones never seen.

Protocol (Bhandarkar & McClelland 2025, arXiv 2511.04593, section 2.2): a fresh network learns ``burn_in + scored``
patterns, each once, in order. Then, without further learning, it recalls the last ``scored`` of them and as many
patterns it never learned, each from a cue with a given share of its ones. Age 1 is the pattern learned last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..memory.config import KWinnerConfig
from ..memory.kwinner import KWinnerMemory
from ..metrics import ExponentialFit, accuracy, d_prime, exponential_fit
from ..tasks.patterns import partial_cues, random_patterns, tree_patterns


@dataclass(frozen=True)
class Protocol:
    """Lengths of the experiment: ``samples`` of ``runs`` runs each, with fresh networks and patterns in every run."""

    burn_in: int = 3000
    scored: int = 1000
    runs: int = 20
    samples: int = 10

    @classmethod
    def quick(cls) -> Protocol:
        """Return one sample of 20 runs over shorter sequences: minutes become seconds."""
        return cls(burn_in=1500, scored=400, samples=1)


class Changed:
    """A memory that stores as it is and recalls after a change, such as a lesion or a rounding of its weights."""

    def __init__(self, memory: KWinnerMemory, change: Callable[[KWinnerMemory], KWinnerMemory]) -> None:
        self._memory, self._change = memory, change
        self._changed: KWinnerMemory | None = None

    def store(self, patterns: NDArray[np.bool_]) -> None:
        """Store in the memory as it is."""
        self._memory.store(patterns)
        self._changed = None

    def recall(self, cues: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Recall from the changed memory."""
        self._changed = self._changed or self._change(self._memory)
        return self._changed.recall(cues)


@dataclass(frozen=True)
class Stream:
    """Patterns of one run: ``learned`` in order, and ``never`` learned ones by kind, ``scored`` of each."""

    learned: NDArray[np.bool_]
    never: Mapping[str, NDArray[np.bool_]]


#: Nodes of a tree of patterns. A shorter sequence takes fewer leaves of as large a tree: a smaller tree has other ones.
NODES = 14_000
Source = Callable[[KWinnerConfig, Protocol, np.random.Generator], Stream]
#: Makes a memory with ``store`` and ``recall``.
Build = Callable[[KWinnerConfig, np.random.Generator], Any]


def unstructured(config: KWinnerConfig, protocol: Protocol, rng: np.random.Generator) -> Stream:
    """Independent random patterns."""
    learned = random_patterns(protocol.burn_in + protocol.scored, config.visible, config.active, rng)
    return Stream(learned, {"same": random_patterns(protocol.scored, config.visible, config.active, rng)})


def tree(flips: int) -> Source:
    """Return the source of shuffled leaves of a fresh tree; its "uniform" never-learned patterns are unstructured."""

    def draw(config: KWinnerConfig, protocol: Protocol, rng: np.random.Generator) -> Stream:
        learned, scored = protocol.burn_in + protocol.scored, protocol.scored
        nodes = max(NODES, round(NODES * (learned + scored) / 5000))
        leaves = tree_patterns(nodes, flips, config.visible, config.active, rng).shuffled_leaves(rng)
        if len(leaves) < learned + scored:
            raise InputError(f"tree: {len(leaves)} leaves for {learned + scored} patterns; use a longer sequence")
        uniform = random_patterns(scored, config.visible, config.active, rng)
        return Stream(leaves[:learned], {"same": leaves[learned : learned + scored], "uniform": uniform})

    return draw


@dataclass(frozen=True, eq=False)
class Retention:
    """Accuracies of one model at one cue level.

    Attributes
    ----------
    stored
        (samples, runs, ages), share of active bits recovered; entry a - 1 is age a.
    never
        The same for patterns never learned, by kind; paired with ``stored`` through the run only.
    """

    stored: NDArray[np.float64]
    never: Mapping[str, NDArray[np.float64]]

    def accuracy(self) -> NDArray[np.float64]:
        """Mean accuracy by age over all runs."""
        return self.stored.mean(axis=(0, 1))

    def baseline(self, kind: str = "same") -> float:
        """Mean accuracy for patterns never learned."""
        return float(self.never[kind].mean())

    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of the accuracy by age over runs."""
        return self.stored.reshape(-1, self.stored.shape[-1]).std(axis=0)

    def d_prime(self, kind: str = "same") -> NDArray[np.float64]:
        """The paper's d' by age for every sample, (samples, ages)."""
        return d_prime(self.stored, self.never[kind], axis=1)

    def raw_difference(self, kind: str = "same") -> NDArray[np.float64]:
        """Accuracy minus that for patterns never learned, by age for every sample, (samples, ages)."""
        return (self.stored - self.never[kind]).mean(axis=1)

    def fit(self, ages: int = 200, kind: str = "same") -> ExponentialFit:
        """Exponential fit of the mean raw difference at ages 1 to ``ages``."""
        return exponential_fit(self.raw_difference(kind).mean(axis=0)[:ages])


def retention(
    config: KWinnerConfig,
    shares: Sequence[float],
    protocol: Protocol,
    seed: int,
    source: Source = unstructured,
    workers: int | None = None,
    build: Build = KWinnerMemory,
) -> dict[float, Retention]:
    """Run the experiment; return the accuracies for every share of ones in a cue (all from the same networks).

    ``build`` makes the memory of a run from ``config``, which also says what the patterns are like.
    Runs are spread over ``workers`` threads, by default one per processor; the result does not depend on their number.
    """
    seeds = np.random.SeedSequence(seed).spawn(protocol.samples * protocol.runs)
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        try:
            runs = list(pool.map(lambda s: _run(config, shares, protocol, source, build, s), seeds))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    shape = (protocol.samples, protocol.runs, protocol.scored)

    def gather(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.array(values).reshape(shape)

    return {
        share: Retention(
            gather([run[share][0] for run in runs]),
            {kind: gather([run[share][1][kind] for run in runs]) for kind in runs[0][share][1]},
        )
        for share in shares
    }


def retention_of(
    models: Mapping[str, KWinnerConfig],
    shares: Sequence[float],
    protocol: Protocol,
    seed: int,
    report: Callable[[str], None],
) -> dict[tuple[str, float], Retention]:
    """:func:`retention` of several models by name, the n-th from ``seed`` + n: (name, share) -> accuracies."""
    found: dict[tuple[str, float], Retention] = {}
    for number, (name, config) in enumerate(models.items()):
        report(f"{name}: {protocol.samples * protocol.runs} runs of {protocol.burn_in + protocol.scored} patterns")
        ours = retention(config, shares, protocol, seed + number)
        found |= {(name, share): accuracies for share, accuracies in ours.items()}
    return found


def _run(
    config: KWinnerConfig,
    shares: Sequence[float],
    protocol: Protocol,
    source: Source,
    build: Build,
    seed: np.random.SeedSequence,
) -> dict[float, tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]]:
    rng = np.random.default_rng(seed)
    stream = source(config, protocol, rng)
    memory = build(config, rng)
    memory.store(stream.learned)
    newest = stream.learned[: -protocol.scored - 1 : -1]

    def score(patterns: NDArray[np.bool_], share: float) -> NDArray[np.float64]:
        return accuracy(memory.recall(partial_cues(patterns, share, rng)), patterns)

    return {
        share: (score(newest, share), {kind: score(patterns, share) for kind, patterns in stream.never.items()})
        for share in shares
    }
