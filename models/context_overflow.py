"""One memory for context and for the long term: what overflows from fast weights goes into a K-winner memory.

The discussion of Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593, proposes that the
context of a transformer and long-term memory share one hippocampal system, and does not try it. Here a stream of pairs
(key, value), as in multi-query associative recall, is written into fast weights of 8 units. When all are in use, the
oldest item leaves: its key and value, as the fast weights hold them, are stored together as one pattern in a K-winner
memory, one-shot, and its unit is free. A query that matches no key of the fast weights by three quarters is a partial
cue for that memory.

Beside it: fast weights alone, which forget what leaves; the same overflow into the 1-winner memory of 100 slots with as
many synapses; and the K-winner memory alone, into which every pair goes at once. Recall by age: a pair is right if the
value nearest to the answer, of 4096, is its own. Queries are whole keys, or keys with half of their spikes.

Nothing of this is published; expected is what our own full run gave: with whole keys the K-winner memory keeps all of
the pairs of ages 9 to 50, 0.99 of those to 100 and 0.67 of those to 200, slots 0.82, 0.50 and 0.25. Beyond age 200 both
have forgotten (0.07), and with half of a key slots are as good from age 101 on.
"""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.attention import AttentionConfig, FastWeightAttention
from snmem.io.files import replace_file
from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.protocols.curves import smooth
from snmem.protocols.rows import expected, finding, result
from snmem.tasks.patterns import partial_cues, random_patterns

SIZE, SPIKES, VALUES, UNITS = 500, 50, 4096, 8
#: Pairs that were there before, and pairs that are asked; bands of age.
BEFORE, ASKED = 1500, 400
BANDS = ((1, 8), (9, 50), (51, 100), (101, 200), (201, 400))
SHARES, MATCH = (1.0, 0.5), 0.75
FAST, KWINNER, SLOTS, ALONE = "fast weights", "overflow, K-winner", "overflow, 1-winner", "K-winner alone"
LONG = {KWINNER: KWinnerConfig.main(), SLOTS: KWinnerConfig.one_winner(), ALONE: KWinnerConfig.main()}
#: Share recalled in our full run: 10 runs, bands as above, whole keys and half keys.
EXPECTED: dict[tuple[str, float], tuple[float, ...]] = {
    (FAST, 1.0): (1.0, 0.0, 0.0, 0.0, 0.0),
    (KWINNER, 1.0): (1.0, 1.0, 0.992, 0.670, 0.072),
    (SLOTS, 1.0): (1.0, 0.824, 0.498, 0.254, 0.067),
    (ALONE, 1.0): (1.0, 1.0, 0.984, 0.622, 0.064),
    (FAST, 0.5): (1.0, 0.0, 0.0, 0.0, 0.0),
    (KWINNER, 0.5): (1.0, 0.957, 0.716, 0.227, 0.021),
    (SLOTS, 0.5): (1.0, 0.824, 0.498, 0.255, 0.067),
    (ALONE, 0.5): (1.0, 0.914, 0.660, 0.194, 0.015),
}


class OverflowingContext:
    """Fast weights of ``units`` units; the oldest item makes room for a new one and goes into ``memory``, if any.

    Parameters
    ----------
    units : int
        Units of the fast weights; 0 writes into the memory at once.
    memory : KWinnerMemory or None
        Where items go that leave.
    """

    def __init__(self, units: int, memory: KWinnerMemory | None) -> None:
        self.memory, self.order = memory, deque()
        self.fast = FastWeightAttention(AttentionConfig(SIZE, SIZE, units, 1, SPIKES, novelty=1.01)) if units else None

    def write(self, key: np.ndarray, value: np.ndarray) -> None:
        """Write one pair."""
        fast = self.fast
        if fast is None:
            self._keep(key, value)
            return
        if fast.used.all():
            oldest = self.order.popleft()
            self._keep(fast.keys[oldest], fast.values[oldest])
            fast.keys[oldest], fast.values[oldest], fast.used[oldest] = False, False, False
        self.order.append(int(fast.write(key[None], value[None])[0]))

    def _keep(self, key: np.ndarray, value: np.ndarray) -> None:
        if self.memory is not None:
            self.memory.store(np.concatenate([key, value]))

    def read(self, queries: np.ndarray) -> np.ndarray:
        """The value of each query, bool (n, SIZE)."""
        out = np.zeros((len(queries), SIZE), bool)
        here = np.zeros(len(queries), bool)
        if self.fast is not None:
            overlap = queries.astype(np.int64) @ self.fast.keys.T.astype(np.int64)
            here = overlap.max(axis=1) >= MATCH * queries.sum(axis=1)
            if here.any():
                out[here] = self.fast.read(queries[here])
        if self.memory is not None and not here.all():
            cues = np.hstack([queries[~here], np.zeros((int((~here).sum()), SIZE), bool)])
            out[~here] = self.memory.recall(cues)[:, SIZE:]
        return out


def systems(seed: int) -> dict[str, OverflowingContext]:
    """The four systems, new."""
    made = {name: KWinnerMemory(config, seed) for name, config in LONG.items()}
    contexts = {FAST: OverflowingContext(UNITS, None)}
    return contexts | {name: OverflowingContext(0 if name == ALONE else UNITS, made[name]) for name in LONG}


def run_once(before: int, seed: int) -> dict[tuple[str, float], np.ndarray]:
    """One stream through all systems: right or wrong by age, newest first."""
    rng, total = np.random.default_rng(seed), before + ASKED
    keys = random_patterns(total, SIZE, SPIKES, rng)
    codes = random_patterns(VALUES, SIZE, SPIKES, rng)
    values = rng.integers(VALUES, size=total)
    found = {}
    made = systems(seed)
    for key, value in zip(keys, codes[values], strict=True):
        for system in made.values():
            system.write(key, value)
    newest, wanted = keys[: -ASKED - 1 : -1], values[: -ASKED - 1 : -1]
    for share in SHARES:
        queries = partial_cues(newest, share, rng)
        for name, system in made.items():
            overlap = system.read(queries).astype(np.float32) @ codes.T.astype(np.float32)
            found[name, share] = (overlap.argmax(axis=1) == wanted) & (overlap.max(axis=1) > 0)
    return found


def band_table(runs: list[dict[tuple[str, float], np.ndarray]]) -> dict[tuple[str, float], np.ndarray]:
    """Mean and standard error over runs, (bands, 2), of each system and share."""
    table = {}
    for key in runs[0]:
        curves = np.array([run[key] for run in runs], float)
        bands = np.stack([curves[:, a - 1 : b].mean(axis=1) for a, b in BANDS], axis=1)
        table[key] = np.column_stack([bands.mean(axis=0), bands.std(axis=0, ddof=1) / np.sqrt(len(runs))])
    return table


def verdict_rows(table: dict[tuple[str, float], np.ndarray], runs: int) -> list[dict[str, Any]]:
    """Share recalled by band beside our full run; and does the overflow help?"""
    rows = []
    for key, wanted in EXPECTED.items():
        for (first, last), (mean, error), full in zip(BANDS, table[key], wanted, strict=True):
            name = f"{key[0]}, {key[1]:.0%} of a key: recalled at ages {first}-{last}"
            tolerance = 3.0 * max(float(error), 0.005) * np.sqrt(1.0 + runs / 10.0) + 0.005
            rows.append(expected(name, float(mean), full, tolerance))
    for share in SHARES:
        fast, ours, slots, alone = (table[name, share][:, 0] for name in (FAST, KWINNER, SLOTS, ALONE))
        shown = f"{ours[1:4].mean():.2f} to {fast[1:4].mean():.2f}"
        word = "more" if ours[1:4].min() > fast[1:4].max() + 0.05 else "no more"
        rows.append(
            finding(f"{share:.0%} of a key, ages 9-200: overflow to fast weights alone ({shown})", word, "more")
        )
        word = "more" if all(ours[1:3] > slots[1:3]) else "no more"
        shown = f"{ours[1:3].mean():.2f} to {slots[1:3].mean():.2f}"
        rows.append(finding(f"{share:.0%} of a key, ages 9-100: K-winner to 1-winner ({shown})", word, "more"))
        word = "no less" if ours[0] >= alone[0] else "less"
        shown = f"{ours[0]:.2f} to {alone[0]:.2f}"
        rows.append(finding(f"{share:.0%} of a key, ages 1-8: overflow to K-winner alone ({shown})", word, "no less"))
    return rows


def draw(runs: list[dict[tuple[str, float], np.ndarray]], out: Path) -> list[str]:
    """Share recalled by age, running means over 15 ages (within the fast weights: over all of them)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    ages = np.arange(1, ASKED + 1)
    for ax, share in zip(figure.subplots(1, 2), SHARES, strict=True):
        for name in (FAST, KWINNER, SLOTS, ALONE):
            mean = np.mean([run[name, share] for run in runs], axis=0)
            curve = np.concatenate([np.full(UNITS, mean[:UNITS].mean()), smooth(mean[UNITS:], 15)])
            ax.plot(ages, curve, "--" if name == ALONE else "-", label=name)
        ax.axvline(UNITS, color="0.6", linewidth=0.8)
        ax.set(
            title=f"{share:.0%} of a key", xlabel="age in pairs", ylabel="recalled", xscale="log", ylim=(-0.02, 1.02)
        )
    ax.legend(frameon=False)
    with replace_file(out / "overflow.png") as file:
        figure.savefig(file, dpi=130, format="png")
    return [str(out / "overflow.png")]


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Stream pairs through all systems; ``quick``: 3 runs instead of 10."""
    began, number = time.perf_counter(), 3 if quick else 10
    runs = []
    for run in range(number):
        report(f"run {run}: {BEFORE + ASKED} pairs through {len(LONG) + 1} systems")
        runs.append(run_once(BEFORE, seed + run))
    table = band_table(runs)
    raw = {
        f"{name}, {share:.0%} of a key": {
            f"{a}-{b}": {"mean": float(m), "error": float(e)} for (a, b), (m, e) in zip(BANDS, x, strict=True)
        }
        for (name, share), x in table.items()
    }
    return result(verdict_rows(table, number), raw, draw(runs, out) if out else [], seed, began)
