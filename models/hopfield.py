"""Hopfield networks: what classical, dense and modern ones hold, and where their updates end.

* Classical (pairs of units, p = 1/2): retrieval is lost at a load of 0.138 patterns a unit, with an overlap of 0.967
  before it (Amit, Gutfreund & Sompolinsky 1985, doi 10.1103/PhysRevLett.55.1530). The load at which half of the stored
  patterns keep an overlap of 0.9 is extrapolated in 1 / sqrt(N).
* Dense, of power n: patterns at which one unit of a hundred is unstable, beside the formula of Krotov & Hopfield 2016
  (arXiv 1606.01164, equation 5), and their exponent in N, n - 1.
* Modern (Ramsauer et al. 2021, arXiv 2008.02217), on continuous patterns: the energy never rises, an update is
  attention, and over the inverse temperature fixed points are of three kinds.
* In LIF neurons: the classical network recalls the same bits.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import quantize, simulate
from snmem.attention.sparse import softmax
from snmem.io.files import replace_file
from snmem.memory.energy import energy, retrieve
from snmem.memory.systems.hopfield import DenseHopfieldMemory, HopfieldMemory, most_patterns
from snmem.protocols.rows import expected, finding, result, row, target
from snmem.tasks.patterns import partial_cues, random_patterns

LOADS = (0.12, 0.138, 0.15, 0.16, 0.17, 0.18, 0.2)
#: Units of the classical network, and of dense ones by power.
UNITS, DENSE = (500, 1000, 2000), {2: (100, 200, 400, 800), 3: (32, 48, 72, 108), 4: (24, 32, 40, 52)}
ERROR, RETRIEVED = 0.01, 0.9
KINDS = ("one pattern", "mean of a group", "mean of all")


def overlaps(units: int, load: float, seed: int, probes: int = 60) -> np.ndarray:
    """Overlap of stored patterns with where the network goes from them."""
    patterns = random_patterns(round(load * units), units, units // 2, seed)
    memory = HopfieldMemory(units, units // 2, passes=30, precision=16)
    memory.store(patterns)
    return 2.0 * (memory.recall(patterns[:probes]) == patterns[:probes]).mean(axis=1) - 1.0


def crossing(x: Any, y: Any, level: float) -> float:
    """Where a falling (or rising) curve meets a level, by linear interpolation."""
    order = np.argsort(y)
    return float(np.interp(level, np.asarray(y)[order], np.asarray(x)[order]))


def classical(samples: int, seed: int, say: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The critical load, and the overlap at it."""
    curves: dict[int, list[list[float]]] = {}
    means: dict[int, list[float]] = {}
    found: list[list[np.ndarray]] = []
    for units in UNITS:
        say(f"classical: {units} units at {len(LOADS)} loads")
        found = [[overlaps(units, load, seed + 100 * s) for load in LOADS] for s in range(samples)]
        curves[units] = [[float((x > RETRIEVED).mean()) for x in sample] for sample in found]
        means[units] = [float(np.mean([sample[n].mean() for sample in found])) for n in range(len(LOADS))]
    half = np.array([[crossing(LOADS, sample, 0.5) for sample in curves[units]] for units in UNITS])
    fits = np.array([np.polyfit(np.array(UNITS) ** -0.5, one, 1)[1] for one in half.T])
    error = max(3 * float(fits.std(ddof=1)) / samples**0.5, 0.01)
    at = np.concatenate([sample[LOADS.index(0.138)] for sample in found])  # of the largest network
    name = f"classical: overlap of what is retrieved at a load of 0.138, {UNITS[-1]} units"
    rows = [
        row("classical: load at which half is lost, extrapolated", float(fits.mean()), 0.138, error),
        row(name, float(at[at > RETRIEVED].mean()), 0.967, 0.02),
    ]
    return rows, {"loads": LOADS, "half_lost": half.tolist(), "overlap": means}


def held(units: int, power: int, samples: int, seed: int) -> float:
    """Random patterns at which a share ``ERROR`` of all units of stored patterns is unstable."""
    tried = np.round(most_patterns(units, power, ERROR) * np.geomspace(0.6, 1.6, 6)).astype(int)
    shares = []
    for count in tried:
        unstable = []
        for s in range(samples):
            patterns = random_patterns(int(count), units, units // 2, seed + s)
            memory = DenseHopfieldMemory(units, units // 2, power)
            memory.store(patterns)
            probes = patterns[: max(10, 10_000 // units)]
            unstable.append(((memory.drives(probes) > 0) != probes).mean())
        shares.append(float(np.mean(unstable)))
    return crossing(tried, shares, ERROR)


def dense(samples: int, seed: int, say: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Capacity by units for powers 2, 3 and 4."""
    rows, raw = [], {}
    for power, sizes in DENSE.items():
        say(f"dense: power {power}")
        counts = [held(units, power, samples, seed) for units in sizes]
        slope = float(np.polyfit(np.log(sizes), np.log(counts), 1)[0])
        ratio = counts[-1] / most_patterns(sizes[-1], power, ERROR)
        rows.append(expected(f"power {power}: patterns at 1 % unstable ~ units ** x", slope, power - 1, 0.2))
        rows.append(row(f"power {power}: these at {sizes[-1]} units, to the formula", ratio, 1.0, 0.15))
        raw[str(power)] = {"units": sizes, "patterns": counts}
    return rows, raw


def modern(seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Energy, attention, and the kinds of fixed points over beta."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(20, 64))
    patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
    states, rise, apart = rng.normal(size=(100, 64)), -np.inf, 0.0
    for beta in (0.5, 2.0, 8.0, 32.0):
        path = retrieve(states, patterns, beta, steps=100)
        levels = np.array([energy(at, patterns, beta) for at in path])
        rise = max(rise, float(np.diff(levels, axis=0).max()))
        apart = max(apart, float(np.abs(path[1] - softmax(beta * states @ patterns.T) @ patterns).max()))
    rows = [
        target("modern: largest rise of the energy, 100 random states, 100 steps", rise, 1e-9, "", least=False),
        target("modern: largest difference of an update from attention", apart, 1e-6, "", least=False),
    ]
    group = patterns[0] + 0.2 * patterns[1:5]  # four that resemble each other, among others
    group /= np.linalg.norm(group, axis=1, keepdims=True)
    stored = np.vstack([group, patterns[5:]])
    points = {KINDS[0]: group[0], KINDS[1]: group.mean(axis=0), KINDS[2]: stored.mean(axis=0)}
    betas, kinds = np.geomspace(300.0, 0.01, 40), []
    for beta in betas:
        end = retrieve(group[0], stored, float(beta), steps=2000)[-1, 0]
        near = {name: np.linalg.norm(end - point) / np.linalg.norm(point) for name, point in points.items()}
        best = min(near, key=lambda name: near[name])
        kinds.append(best if near[best] < 0.1 else "between")
    seen = [kind for n, kind in enumerate(kinds) if kind != "between" and kind not in kinds[:n]]
    rows.append(finding("modern: fixed points as beta falls from 300 to 0.01", ", ".join(seen), ", ".join(KINDS)))
    return rows, {"betas": betas.tolist(), "kinds": kinds}


def spiking(seed: int) -> list[dict[str, Any]]:
    """Bits in which the LIF network differs from the algorithm."""
    memory = HopfieldMemory(100, 5, passes=2)
    patterns = random_patterns(60, 100, 5, seed)
    memory.store(patterns)
    cues = partial_cues(patterns[:10], 0.6, seed)
    inputs, steps = memory.recall_inputs(cues)
    network, wanted, rows = memory.network(), memory.recall(cues), []
    for backend in ("event", "loihi"):
        run = simulate(network if backend == "event" else quantize(network).network, inputs, steps, backend)
        wrong = int((memory.read(run) != wanted).sum())
        rows.append(target(f"LIF on {backend}: bits that differ from the algorithm", wrong, 0, "", least=False))
    return rows


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """All rows; ``quick`` draws fewer samples."""
    began = time.perf_counter()
    classical_rows, loads = classical(3 if quick else 12, seed, report)
    dense_rows, counts = dense(2 if quick else 10, seed, report)
    modern_rows, points = modern(seed)
    raw = {"classical": loads, "dense": counts, "modern": points}
    files = [draw(raw, out / "hopfield.png")] if out else []
    return result([*classical_rows, *dense_rows, *modern_rows, *spiking(seed)], raw, files, seed, began)


def draw(raw: dict[str, Any], path: Path) -> str:
    """Overlap by load, capacity by units, kinds of fixed points by beta."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for units, values in raw["classical"]["overlap"].items():
        left.plot(raw["classical"]["loads"], values, "o-", label=f"{units} units")
    left.axvline(0.138, color="grey", linestyle=":")
    left.set(xlabel="patterns / units", ylabel="overlap", title="classical")
    left.legend(frameon=False)
    for power, found in raw["dense"].items():
        units = np.array(found["units"])
        dots = middle.loglog(units, found["patterns"], "o", label=f"power {power}")
        formula = [most_patterns(n, int(power), ERROR) for n in units]
        middle.loglog(units, formula, "-", color=dots[0].get_color())
    middle.xaxis.set_minor_formatter(NullFormatter())
    middle.set(xlabel="units", ylabel="patterns, 1 % unstable", title="dense (lines: formula)")
    middle.legend(frameon=False)
    betas, names = raw["modern"]["betas"], [KINDS[2], "between", KINDS[1], KINDS[0]]
    right.semilogx(betas, [names.index(kind) for kind in raw["modern"]["kinds"]], "o")
    right.set_yticks(range(len(names)), names)
    right.set(xlabel="beta", title="modern: where updates end")
    with replace_file(path) as file:
        figure.savefig(file, format="png", dpi=150)
    return str(path)
