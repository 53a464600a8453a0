"""The cortical microcircuit of Potjans and Diesmann: 77,169 neurons and 299 million synapses under a square millimetre.

Potjans and Diesmann 2014 (doi 10.1093/cercor/bhs358): eight populations of LIF neurons, drawn with a fixed total number
of synapses for each pair, a delay for each synapse, and a constant or a Poisson drive from outside. Potentials count
from rest in units of the weights' grid, an eightieth of the common weight, so that all weights are whole numbers of at
most 256 values.

``scale`` k takes k of the neurons with k of the synapses each: weights grow by 1/sqrt(k), and a constant drive makes up
for the mean of what is missing, at the rates of the full network, so that mean and variance of the input stay (van
Albada et al. 2015, doi 10.1371/journal.pcbi.1004490). Rates then stay about right, correlations grow. A constant drive
falls silent in small parts: it has the rates of the whole at k = 0.15, and hardly a spike at 0.1 and below, where a
Poisson drive goes on.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snmem import LIF, Network, Population, Projection, Recording, Spikes, simulate
from snmem.description import option
from snmem.errors import InputError
from snmem.neurons import synaptic_gain
from snmem.protocols.distributions import Agreement, agreement, histogram
from snmem.protocols.parameters import real, steps_of
from snmem.protocols.rows import near, not_run, result, target
from snmem.protocols.spike_trains import correlations, interval_cv, rates
from snmem.sources import Poisson
from snmem.topology import Normal, fixed_total_number, one_to_one

NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
#: Probability that a pair is connected; rows are targets, columns sources.
PROBABILITY = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)
#: Synapses from outside that a neuron has, each with 8 spikes per second.
OUTSIDE, OUTSIDE_RATE = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100), 8.0
V_MEAN = (-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43)  # mV, before the first step
V_SD = (5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48)
#: Spikes per second in one run of the authors' reference implementation.
RATES = (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829)
DT, TAU_MEM, TAU_SYN, REFRACTORY = 1e-4, 10e-3, 0.5e-3, 2e-3  # s
CAPACITY, REST, THRESHOLD, PSP = 250.0, -65.0, -50.0, 0.15  # pF, mV
GRID = 80  # units of the common weight
#: Distributions of NEST, and the command that made them; units of their histograms but for rates, counted in spikes.
MEASURED = Path(__file__).parent / "measured" / "microcircuit_nest.json"
UNITS = {"cv": 0.005, "correlation": 0.001}
#: What distributions are of.
STATISTICS = {"rate": "rates", "cv": "CV of intervals", "correlation": "correlations"}


def current() -> float:
    """pA of a synapse whose potential peaks at PSP."""
    tau, s = TAU_MEM / TAU_SYN, 1 / (TAU_SYN - TAU_MEM)
    peak = TAU_MEM * TAU_SYN / CAPACITY * 1e3 * s * (tau ** (TAU_MEM * s) - tau ** (TAU_SYN * s))
    return PSP / peak


def network(scale: float = 1.0, drive: str = "dc", seed: int = 0) -> Network:
    """The microcircuit, or a part of it; ``drive``: "dc" or "poisson"."""
    option("drive", drive, ("dc", "poisson"), InputError)
    scale = real("scale", scale, 0.001, 1)
    unit = millivolts(current()) * float(synaptic_gain(TAU_MEM, TAU_SYN, DT)) / GRID / np.sqrt(scale)
    rng, groups, outside, projections = np.random.default_rng(seed), [], [], []
    for i, (name, full) in enumerate(zip(NAMES, SIZES, strict=True)):
        size = round(full * scale)
        neuron = LIF.from_tau(
            TAU_MEM, TAU_SYN, DT, theta=np.nextafter((THRESHOLD - REST) / unit, -np.inf),
            drive=constant(i, scale, drive) / unit, refractory=REFRACTORY,
            v_init=rng.normal((V_MEAN[i] - REST) / unit, V_SD[i] / unit, size),
        )  # fmt: skip
        groups.append(Population(name, size, neuron))
        if drive == "poisson":
            outside.append(Poisson(f"to {name}", size, rate=OUTSIDE_RATE * OUTSIDE[i] * scale, seed=seed))
            projections.append(one_to_one(outside[-1], groups[-1], GRID, round(1.5e-3 / DT) + 1))
    for i, post in enumerate(groups):
        for j, pre in enumerate(groups):
            number = round(synapses(i, j) * scale**2)
            if number:
                drawn = {"seed": seed, "dtype": np.int16, "threads": 2}
                projections.append(fixed_total_number(pre, post, number, weights(i, j), delays(j), **drawn))
    return Network((*outside, *groups), tuple(projections), dt=DT)


def millivolts(pico: float) -> float:
    """mV that a constant current of so many pA lifts the potential to."""
    return pico * TAU_MEM / CAPACITY * 1e3


def constant(post: int, scale: float, drive: str) -> float:
    """Constant drive in mV: the mean of the synapses from outside, and of those that a smaller network lacks."""
    events = OUTSIDE[post] * OUTSIDE_RATE
    inside = sum(synapses(post, j) / SIZES[post] * RATES[j] * weights(post, j).mean / GRID for j in range(len(NAMES)))
    share = np.sqrt(scale) if drive == "dc" else 0.0
    return millivolts(current() * TAU_SYN) * ((1 - np.sqrt(scale)) * (events + inside) + share * events)


def synapses(post: int, pre: int) -> int:
    """Synapses of two populations at full size: as many as connect a pair with its probability."""
    pairs = SIZES[post] * SIZES[pre]
    return round(np.log(1 - PROBABILITY[post][pre]) / np.log((pairs - 1) / pairs))


def weights(post: int, pre: int) -> Normal:
    """Weights in units: s.d. a tenth of the mean, of one sign; inhibition is four times as strong."""
    inhibits, twice = pre % 2, (post, pre) == (0, 2)  # from L4E to L23E twice
    mean = GRID * (-4 if inhibits else 2 if twice else 1)
    low, high = sorted((0.4 * mean, 1.6 * mean))
    return Normal(mean, abs(mean) / 10, low, high, grid=abs(mean) // GRID)


def delays(pre: int) -> Normal:
    """Delays in steps, at least one: 1.5 ms from excitatory neurons, half of it from inhibitory ones, +- half."""
    mean = 0.75e-3 / DT if pre % 2 else 1.5e-3 / DT  # NEST's delay of d steps is one of d + 1 here
    return Normal(mean + 1, mean / 2, 1.5, 1 + 6 * mean)


def run(
    scale: float = 0.1, seconds: float = 1.0, drive: str = "poisson", backend: str = "event", seed: int = 0
) -> dict[str, dict[str, float]]:
    """Simulate a part of the microcircuit and return its :func:`statistics`."""
    steps = steps_of(seconds, DT)
    return statistics(simulate(network(scale, drive, seed), {}, steps, backend))


def late(recording: Recording, first: float = 0.5) -> dict[str, Spikes]:
    """Spikes of the populations after ``first`` seconds, or after the first half of a shorter run."""
    skip = min(round(first / DT), recording.steps // 2)
    return {name: recording.spikes[name].between(skip, recording.steps) for name in NAMES}


def statistics(recording: Recording) -> dict[str, dict[str, float]]:
    """Means of each population over its neurons: rate, CV of intervals, correlation of counts in 2 ms."""
    return {
        name: {
            "rate": float(rates(spikes, DT).mean()),
            "cv": mean(interval_cv(spikes)),
            "correlation": mean(correlations(spikes, round(2e-3 / DT))),
        }
        for name, spikes in late(recording).items()
    }


def distributions(spikes: Mapping[str, Spikes]) -> dict[str, dict[str, Any]]:
    """Histograms of each population: spikes of its neurons, CV of their intervals, correlations of counts in 2 ms."""
    found = {}
    for name in NAMES:
        values = {"cv": interval_cv(spikes[name]), "correlation": correlations(spikes[name], round(2e-3 / DT))}
        found[name] = {"rate": histogram(np.bincount(spikes[name].neuron, minlength=spikes[name].size), 1.0)}
        found[name] |= {what: histogram(values[what], unit) for what, unit in UNITS.items()}
    return found


def mean(values: Any) -> float:
    """The mean, 0 of no values."""
    return float(np.mean(values)) if len(values) else 0.0


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Full size and three tenths of it with a constant drive, beside NEST; ``quick``: a tenth with a Poisson drive."""
    began = time.perf_counter()
    part = {} if quick else measure(0.3, "dc", range(seed, seed + 3), report)
    whole = measure(0.1, "poisson", [seed], report) if quick else measure(1.0, "dc", [seed], report)
    compared = [*rows(whole["statistics"], whole["rates"] if quick else RATES), *whole["agreement"]]
    compared += [{**row, "name": f"three tenths, {row['name']}"} for row in part.get("agreement", ())]
    recording, beside = whole.pop("recording"), whole.pop("beside")
    files = [] if out is None else [figure(recording, compared, beside, out / "microcircuit.png")]
    return result(compared, {**whole, "distances": table(beside)}, files, seed, began)


def measure(scale: float, drive: str, seeds: Sequence[int], report: Callable[[str], None]) -> dict[str, Any]:
    """Run a part of the network with each seed, as long as NEST was run, and set the runs beside that."""
    began, reference = time.perf_counter(), references(scale, drive)
    discard, lasts = (reference[0][key] for key in ("discard", "seconds")) if reference else (0.5, 1.0)
    runs = []
    for seed in seeds:
        report(
            f"drawing {round(sum(SIZES) * scale):,} neurons, seed {seed}; then {discard + lasts:g} s on backend event"
        )
        built = network(scale, drive, seed)
        about = {"seconds_to_draw": time.perf_counter() - began, "synapses": sum(q.synapses for q in built.projections)}
        about["values"] = max(map(different, built.projections))
        recording = simulate(built, {}, round((discard + lasts) / DT), threads=2 if scale > 0.5 else 1)
        runs.append(about | {"recording": recording, "distributions": distributions(late(recording, discard))})
        began = time.perf_counter()
    spreads = [run["distributions"] for run in runs]
    beside = agreement(spreads, [run["populations"] for run in reference]) if reference else None
    return {
        **runs[0], "beside": beside, "distributions": spreads, "statistics": statistics(runs[0]["recording"]),
        "agreement": agreement_rows(beside, max(run["values"] for run in runs)),
        "rates": mean_rates(reference) if reference else None,
    }  # fmt: skip


def different(projection: Projection) -> int:
    """How many different weights a projection has, all of them whole numbers."""
    weights = np.asarray(projection.weights.data)
    there = np.zeros(2**16, bool)
    there[weights.astype(np.int16, copy=False).view(np.uint16)] = True
    return int(there.sum())


def references(scale: float, drive: str) -> list[dict[str, Any]]:
    """Runs of NEST of one size and duration, the longest of which there are three; none if there are fewer."""
    runs = json.loads(MEASURED.read_text(encoding="utf-8"))["runs"]
    runs = [run for run in runs if (run["scale"], run["drive"]) == (scale, drive)]
    times = Counter(run["seconds"] for run in runs)
    longest = max((s for s, number in times.items() if number >= 3), default=0)
    return [run for run in runs if run["seconds"] == longest]


def rows(found: Mapping[str, Mapping[str, float]], wanted: Sequence[float] = RATES) -> list[dict[str, Any]]:
    """Rates beside those of the reference implementation, or of NEST; the state is irregular and asynchronous."""
    named = zip(NAMES, wanted, strict=True)
    compared = [near(f"{n}: rate", found[n]["rate"], r, max(0.2 * r, 0.1), "spikes/s") for n, r in named]
    cv = float(np.mean([f["cv"] for f in found.values()]))
    correlation = float(np.mean([f["correlation"] for f in found.values()]))
    return [
        *compared,
        target("CV of intervals, mean of the populations", cv, 0.5, ""),
        target("correlation of counts, mean of the populations", correlation, 0.03, "", least=False),
    ]


def mean_rates(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Mean rates of the populations, of several runs of a reference."""
    found = [[spikes_per_neuron(run["populations"][name]["rate"]) / run["seconds"] for name in NAMES] for run in runs]
    return np.mean(found, axis=0).tolist()


def spikes_per_neuron(counts: Mapping[str, Any]) -> float:
    """The mean of a histogram of spikes."""
    return float(np.average(counts["first"] + np.arange(len(counts["counts"])), weights=counts["counts"]))


def agreement_rows(beside: Agreement | None, values: int) -> list[dict[str, Any]]:
    """Distances of distributions from those of NEST: no larger than between its own seeds."""
    levels = target("different weights of a projection", values, 256, "", least=False)
    if beside is None:
        why = f"{MEASURED.name} has fewer than 3 runs of NEST of this size; its first line says how to add some"
        return [not_run("distributions", why, 0, 0), levels]
    pairs = zip(STATISTICS.values(), beside.mean, beside.mean_between, strict=True)
    return [
        *(target(f"distribution of {what}: distance from NEST's", d, most, "", least=False) for what, d, most in pairs),
        target("of 24 distributions, further from NEST's than NEST's seeds from each other", beside.beyond,
               beside.beyond_themselves, "", least=False),
        levels,
    ]  # fmt: skip


def table(beside: Agreement | None) -> dict[str, dict[str, dict[str, float]]]:
    """Distances of each statistic and population: from NEST's, and the largest between two seeds of NEST."""
    if beside is None:
        return {}
    pairs = {"from NEST": beside.distance, "between seeds of NEST": beside.between}
    return {
        what: {name: {k: float(d[s, p]) for k, d in pairs.items()} for p, name in enumerate(NAMES)}
        for s, what in enumerate(STATISTICS)
    }


def figure(recording: Recording, compared: Sequence[Mapping[str, Any]], beside: Agreement | None, file: Path) -> str:
    """Half a second of some 4,000 neurons, rates, and distances of distributions from those of NEST."""
    from snmem.plots.style import PALETTE, bare, new_figure

    page = new_figure(7, 5.4 if beside else 3.4)
    upper, *lower = page.subfigures(2, 1, height_ratios=(3, 2)) if beside else [page]
    raster, bars = map(bare, upper.subplots(1, 2, width_ratios=(2, 1)))
    draw_raster(raster, recording, PALETTE)
    means = compared[: len(NAMES)]
    bars.barh(NAMES, [row["value"] for row in means], color=[PALETTE[k % 2] for k in range(len(NAMES))])
    bars.plot([row["target"] for row in means], NAMES, "k|", ms=9, mew=2, label="reference")
    bars.invert_yaxis()
    bars.set(xlabel="spikes/s")
    bars.legend(loc="upper right")
    for part in lower:
        draw_distances(part, beside, PALETTE[0])
    page.savefig(file, dpi=150)
    return str(file)


def draw_distances(part: Any, beside: Any, colour: str) -> None:
    """A panel for each statistic: distances from NEST, and how far NEST is from itself."""
    from snmem.plots.style import bare

    panels = part.subplots(1, len(STATISTICS))
    for axes, what, ours, theirs in zip(panels, STATISTICS.values(), beside.distance, beside.between, strict=True):
        bare(axes).bar(NAMES, theirs, color="0.8", label="NEST from NEST, largest")
        axes.plot(NAMES, ours, "o", ms=5, color=colour, label="from NEST")
        axes.set_title(what, fontsize="medium")
        axes.set(ylim=(0, 1.4 * max(theirs.max(), ours.max())))
        axes.tick_params(axis="x", rotation=90)
    panels[0].set(ylabel="KS distance")
    panels[0].legend(loc="upper right", fontsize="x-small")


def draw_raster(axes: Any, recording: Recording, colours: Sequence[str]) -> None:
    """The last half second of some 4,000 neurons, a population below the other."""
    first, base, ticks = max(recording.steps - round(0.5 / DT), 0), 0, []
    for k, name in enumerate(NAMES):
        spikes = recording.spikes[name]
        size = min(SIZES[k] * 4000 // sum(SIZES), spikes.size)
        shown = (spikes.neuron < size) & (spikes.step >= first)
        at = spikes.step[shown] * DT, base + spikes.neuron[shown]
        axes.scatter(*at, s=6, marker=".", lw=0, color=colours[k % 2])
        ticks.append(base + size / 2)
        base += size
    axes.set(xlabel="time (s)", ylim=(base, 0), yticks=ticks, yticklabels=NAMES)
