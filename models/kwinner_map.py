"""Capacity and retention of the K-winner memory over winners, rate and fan-in, at equal numbers of weights.

Goes beyond Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593, which shows a few
points: every memory here has the same number of forward synapses (100,000, that of the paper), so hidden units are
synapses / fan-in, and learns random patterns until its state is steady before anything is scored.

Of each run, by bands of age on a logarithmic scale: the raw difference (accuracy beyond that for patterns never
learned). From it

* ``newest``: accuracy at ages 1 to 10,    ``never``: accuracy for patterns never learned,
* ``capacity``: area under the raw difference, in patterns: how many fully recalled ones the trace amounts to,
* ``lifetime``: age at which d' over patterns (mean over standard deviation of the paired difference) falls below 1.

``snmem sweep kwinner-map --grid ...`` measures any grid; ``reproduce`` measures one of 75 points and draws it. Of this
map only one point is published, the paper's main configuration. Its capacity must be amplitude / rate of the published
fit to the raw difference. For the rest, wanted is what our own full run found: more winners than 20 only cost capacity,
so does one-shot replacement (rate 1) against rate 0.3; and a memory of few units with many synapses each and few
winners (fan-in 500, k = 5) beats the paper's configuration in both, the newest items and capacity.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.metrics import accuracy, d_prime
from snmem.protocols import published as paper
from snmem.protocols.rows import finding, result, row
from snmem.sweep import sweep
from snmem.tasks.patterns import partial_cues, random_patterns

GRID = {"fan_in": (20, 50, 100, 200, 500), "winners": (5, 10, 20, 50, 100), "rate": (0.1, 0.3, 1.0)}
QUICK = {"fan_in": (50, 500), "winners": (5, 20, 50), "rate": (0.3, 1.0)}
MAIN = {"fan_in": 50, "winners": 50, "rate": 0.3}
#: Of the memories that beat the paper's in newest and capacity, the one of most capacity.
BEST = "fan-in 500, k = 5, rate 0.3"

#: Bands of age: 1-10, then BANDS_PER_DECADE each with SCORED patterns at random ages, or all if there are fewer.
BANDS_PER_DECADE, SCORED = 6, 150


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


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Sweep over the grid, compare the paper's point with its numbers, and draw the map."""
    began = time.perf_counter()
    seeds = range(seed, seed + (2 if quick else 4))
    with tempfile.TemporaryDirectory() as folder:
        data = sweep("kwinner-map", QUICK if quick else GRID, seeds, folder, report=report).data
    mean = data.mean("seed")
    names = ("newest", "never", "capacity", "lifetime")
    raw = {name: mean[name].values.tolist() for name in names}
    raw |= {name: mean[name].values.tolist() for name in GRID}
    return result(map_rows(mean), raw, [draw(mean, out)] if out else [], seed, began)


def map_rows(mean: Any) -> list[dict[str, Any]]:
    """The published point, and what the map says."""
    main = mean.sel(MAIN)
    fit = paper.FIT[paper.K, 0.5]
    newest = float(np.mean(paper.ACCURACY[paper.K, 0.5][:3]))  # ages 1, 5 and 10
    rows = [
        row("main configuration: accuracy at ages 1-10", float(main["newest"]), newest, 0.02),
        row("main configuration: accuracy, never stored", float(main["never"]), paper.NEVER[paper.K, 0.5], 0.005),
        row("main configuration: capacity", float(main["capacity"]), fit[0] / fit[1], 9.0, "patterns"),
    ]
    wide = mean["capacity"].sel(fan_in=mean["fan_in"] >= 50)
    falls = bool((wide.sel(winners=wide["winners"] >= 20).diff("winners") < 0).all())
    rows.append(finding("fan-in 50 and more: capacity from 20 winners on", "falls" if falls else "mixed", "falls"))
    less = bool((wide.sel(rate=1.0) < wide.sel(rate=0.3)).all())
    rows.append(finding("fan-in 50 and more: capacity at rate 1 to that at 0.3", "less" if less else "mixed", "less"))
    better = mean.where((mean["newest"] > main["newest"]) & (mean["capacity"] > main["capacity"]))["capacity"]
    flat = better.stack(point=list(GRID)).dropna("point")
    found = "none"
    if flat.size:
        fan_in, winners, rate = flat["point"].values[int(flat.values.argmax())]
        found = f"fan-in {fan_in:.0f}, k = {winners:.0f}, rate {rate:g}"
    return [*rows, finding("beats the main configuration in newest and capacity, with most capacity", found, BEST)]


def draw(mean: Any, out: Path) -> str:
    """Maps over winners and fan-in: a row of panels for each figure, a column for each rate."""
    from matplotlib.figure import Figure

    names = {"newest": "accuracy, ages 1-10", "capacity": "capacity in patterns", "lifetime": "age of d' = 1"}
    rates = mean["rate"].values
    figure = Figure(figsize=(3.4 * len(rates), 3.0 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), len(rates), squeeze=False)
    for line, (name, title) in zip(axes, names.items(), strict=True):
        top = float(mean[name].max())
        for ax, rate in zip(line, rates, strict=True):
            values = mean[name].sel(rate=rate).transpose("fan_in", "winners").values
            ax.imshow(values, origin="lower", vmin=0, vmax=top, aspect="auto")
            for (i, k), value in np.ndenumerate(values):
                text = f"{value:.2f}" if top <= 1 else f"{value:.0f}"
                ax.text(k, i, text, ha="center", va="center", color="w" if value < 0.6 * top else "k", fontsize=8)
            ax.set(title=f"{title}, rate {rate:g}", xlabel="winners k", ylabel="fan-in")
            ax.set_xticks(range(values.shape[1]), [f"{x:.0f}" for x in mean["winners"].values])
            ax.set_yticks(range(values.shape[0]), [f"{x:.0f}" for x in mean["fan_in"].values])
    path = out / "map.png"
    figure.savefig(path, dpi=150)
    return str(path)
