"""Capacity and retention of the K-winner memory over winners, rate and fan-in, at equal numbers of weights.

Goes beyond Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593, which shows a few
points: every memory here has the same number of forward synapses (100,000, that of the paper), so hidden units are
synapses / fan-in, and learns random patterns until its state is steady before anything is scored.

Of each run, by bands of age on a logarithmic scale: the raw difference (accuracy beyond that for patterns never
learned). From it

* ``newest``: accuracy at ages 1 to 10,    ``never``: accuracy for patterns never learned,
* ``capacity``: area under the raw difference, in patterns: how many fully recalled ones the trace amounts to,
* ``lifetime``: age at which d' over patterns (mean over standard deviation of the paired difference) falls below 1.
"""

import numpy as np

from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.metrics import accuracy, d_prime
from snmem.patterns import partial_cues, random_patterns

#: Bands of age: 1-10, then BANDS_PER_DECADE each with SCORED patterns at random ages, or all if there are fewer.
BANDS_PER_DECADE, SCORED = 6, 60


def run(
    seed: int = 0,
    winners: int = 50,
    rate: float = 0.3,
    fan_in: int = 50,
    synapses: int = 100_000,
    visible: int = 1000,
    active: int = 100,
    share: float = 0.5,
    horizon: int = 3000,
) -> dict[str, object]:
    """Measure one memory: ``share`` of the ones in a cue, ages up to ``horizon``; results as in the module's text."""
    hidden = round(synapses / fan_in)
    config = KWinnerConfig(visible, hidden, fan_in, min(winners, hidden), active, rate)
    rng = np.random.default_rng(seed)
    memory = KWinnerMemory(config, rng)
    # A unit wins once in hidden / winners patterns, and what it knew decays by (1 - rate) each time.
    settled = round(max(horizon, 5 * hidden / (config.winners * rate)))
    learned = random_patterns(settled, visible, active, rng)
    memory.store(learned)
    bands = age_bands(horizon)
    never = score(memory, random_patterns(1000, visible, active, rng), share, rng)
    difference, effect = [], []
    for first, last in bands:
        ages = np.arange(first, last + 1)
        ages = rng.permutation(np.repeat(ages, -(-SCORED // ages.size)))[:SCORED]
        found = score(memory, learned[-ages], share, rng)
        difference.append(found.mean() - never.mean())
        effect.append(float(d_prime(found, rng.permutation(never)[: found.size])))
    middle, width = np.array([np.sqrt(a * b) for a, b in bands]), np.array([b - a + 1 for a, b in bands])
    return {
        "age": ("age", middle),
        "difference": ("age", difference),
        "newest": difference[0] + never.mean(),
        "never": never.mean(),
        "capacity": float(width @ np.array(difference)),
        "lifetime": fall_below(middle, np.array(effect), 1.0),
    }


def score(memory: KWinnerMemory, patterns: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Accuracy for each pattern from a cue with ``share`` of its ones."""
    return accuracy(memory.recall(partial_cues(patterns, share, rng)), patterns)


def age_bands(horizon: int) -> list[tuple[int, int]]:
    """First and last age of every band, both included; together they are the ages 1 to ``horizon``."""
    edges = 10 ** np.arange(1, np.log10(max(horizon, 11)) + 1 / BANDS_PER_DECADE, 1 / BANDS_PER_DECADE)
    ends = [round(float(edge)) for edge in edges if edge < horizon * 0.99] + [horizon]
    return list(zip([1, *(end + 1 for end in ends[:-1])], ends, strict=True))


def fall_below(ages: np.ndarray, curve: np.ndarray, limit: float) -> float:
    """First age at which a curve falls below ``limit``, on a logarithmic scale of age; infinity if it never does."""
    below = np.flatnonzero(curve < limit)
    if not below.size:
        return float("inf")
    at = int(below[0])
    if at == 0:
        return 0.0
    high, low = curve[at - 1], curve[at]
    return float(ages[at - 1] * (ages[at] / ages[at - 1]) ** ((high - limit) / (high - low)))
