"""Brunel's network of 12,500 neurons in its four states, beside NEST and the mean-field theory of its stationary state.

Brunel 2000 (doi 10.1023/A:1008925309027): excitatory and inhibitory neurons, each with synapses from a tenth of either,
and Poisson events from outside. The strength of inhibition g and the external rate eta (in units of the rate that alone
lifts v to the threshold) lead to synchronous regular firing (SR), asynchronous irregular firing (AI), or oscillations
in which the neurons fire irregularly, fast or slow (SI). NEST is given the connections and the external events that
were drawn here, and its spikes are compared one by one; Brunel's theory gives the rate of the AI state.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snmem import LIF, Network, Population, Recording, simulate
from snmem.circuits.kwta.base import check_whole
from snmem.description import option
from snmem.errors import InputError
from snmem.protocols.parameters import steps_of
from snmem.protocols.rows import expected, not_run, result, target
from snmem.protocols.spike_trains import interval_cv
from snmem.sources import Poisson
from snmem.topology import fixed_in_degree, one_to_one

NEURONS, DT, J = 12_500, 1e-4, 0.1  # J: mV, in the network of that size
TAU, REFRACTORY, DELAY, THRESHOLD, RESET = 20e-3, 2e-3, 15, 20.0, 10.0  # delay: steps, potentials: mV above rest
STATES = {"SR": (3.0, 2.0), "SI fast": (6.0, 4.0), "AI": (5.0, 2.0), "SI slow": (4.5, 0.9)}  # g, eta
SIZES = {"excitatory": 0.8, "inhibitory": 0.2}


def network(state: str = "AI", seed: int = 0, neurons: int = NEURONS) -> Network:
    """The network in a state; smaller ones have stronger synapses, so that their sum is the same.

    Potentials are in units of an excitatory weight, so that sums of weights are exact in any order.
    """
    g, eta = STATES[option("state", state, STATES, InputError)]
    check_whole("neurons", neurons, 10, 10_000_000)
    j = unit(neurons)
    neuron = LIF.from_tau(TAU, dt=DT, theta=THRESHOLD / j, v_reset=RESET / j, refractory=REFRACTORY)
    groups = [Population(name, round(share * neurons), neuron) for name, share in SIZES.items()]
    outside = [Poisson(f"to {p.name}", p.size, rate=eta * THRESHOLD / (j * TAU), seed=seed) for p in groups]
    projections = [one_to_one(o, p, 1.0, receptor="v") for o, p in zip(outside, groups, strict=True)]
    for pre, weight in zip(groups, (1.0, -g), strict=True):
        for post in groups:
            few = {"multapses": False, "seed": seed, "receptor": "v"}
            projections.append(fixed_in_degree(pre, post, pre.size // 10, weight, DELAY, **few))
    return Network((*outside, *groups), tuple(projections), dt=DT)


def unit(neurons: int) -> float:
    """mV of an excitatory weight in a network of that size."""
    return J * NEURONS / neurons


def run(
    state: str = "AI", seconds: float = 1.0, neurons: int = NEURONS, backend: str = "event", seed: int = 0
) -> dict[str, float]:
    """Simulate a state: "SR", "SI fast", "AI" or "SI slow"; returns its :func:`statistics`."""
    return statistics(record(state, seconds, neurons, backend, seed))


def record(state: str, seconds: float, neurons: int = NEURONS, backend: str = "event", seed: int = 0) -> Recording:
    """Simulate a state."""
    steps = steps_of(seconds, DT)
    return simulate(network(state, seed, neurons), {}, steps, backend)


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """All states for 0.6 s, a tenth of a second of it in NEST too; ``quick``: 1,250 neurons for 0.05 s."""
    began, neurons, seconds = time.perf_counter(), NEURONS // 10 if quick else NEURONS, 0.05 if quick else 0.6
    runs: dict[str, Recording] = {}
    for state in STATES:
        report(f"{state}: {seconds:g} s on backend event")
        runs[state] = record(state, seconds, neurons, seed=seed)
    found = {state: statistics(recording) for state, recording in runs.items()}
    report(f"{min(seconds, 0.1):g} s of each on NEST")
    rows = beside_nest(runs, round(min(seconds, 0.1) / DT))
    if not quick:
        rows += regimes(found)
        found["theory"] = {state: mean_field(state) for state in STATES}
    files = [] if out is None else [draw(runs, out / "brunel.png")]
    return result(rows, {"states": found, "neurons": neurons, "seconds": seconds}, files, seed, began)


def statistics(recording: Recording) -> dict[str, float]:
    """Rate of a neuron, CV of its intervals, and of the activity of all: its spread, and its frequency.

    The spread is the standard deviation of the number of spikes in a millisecond, by the mean; the frequency that of
    the largest power. The first 50 ms are left out, or the first half of a shorter run. What too few spikes say
    nothing about is NaN.
    """
    first = min(round(0.05 / DT), recording.steps // 2)
    parts = [recording.spikes[name] for name in SIZES]
    size, steps = sum(p.size for p in parts), recording.steps - first
    intervals = [interval_cv(p.between(first, recording.steps)) for p in parts]
    counts = sum(np.bincount(p.step[p.step >= first] - first, minlength=steps) for p in parts)
    bins = counts[: steps // 10 * 10].reshape(-1, 10).sum(1)
    each, active = np.concatenate(intervals), bins.any()
    power = np.abs(np.fft.rfft(bins - bins.mean())) ** 2 if active else bins
    return {
        "rate": float(counts.sum() / size / steps / DT),
        "cv": float(each.mean()) if each.size else np.nan,
        "spread": float(bins.std() / bins.mean()) if active else np.nan,
        "frequency": float(np.argmax(power) / len(bins) / (10 * DT)) if active else np.nan,
    }


def regimes(found: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """What Brunel says of the states, and his theory's rate of the one whose activity is stationary."""
    sr, fast, ai, slow = (found[state] for state in STATES)
    rows = [
        expected("SR: spikes of a neuron in a period of all", sr["rate"] / sr["frequency"], 1.0, 0.05),
        target("SR: CV of intervals", sr["cv"], 0.1, "", least=False),
        expected("AI: rate, mean-field theory", ai["rate"], mean_field("AI"), 2.0, "spikes/s"),
        target("AI: spread of the activity, of that in SI fast", ai["spread"] / fast["spread"], 0.75, "", least=False),
    ]
    for name, state in (("SI fast", fast), ("SI slow", slow)):
        rows.append(target(f"{name}: periods of all in an interval", state["frequency"] / state["rate"], 2.0, ""))
    return [*rows, target("SI: frequency, fast to slow", fast["frequency"] / slow["frequency"], 4.0, "")]


def mean_field(state: str) -> float:
    r"""The stationary rate of Brunel's theory (his equations 21 and 22), in spikes per second.

    .. math::

        1 / \nu = \tau_{rp} + \tau \sqrt{\pi} \int_{(V_r - \mu) / \sigma}^{(\theta - \mu) / \sigma}
            e^{u^2} (1 + \text{erf } u) \, du

    with mu = eta theta + C J tau nu (1 - g / 4) and sigma^2 = J eta theta + C J^2 tau nu (1 + g^2 / 4).
    """
    from scipy.integrate import quad
    from scipy.optimize import brentq
    from scipy.special import erfcx

    (g, eta), c = STATES[state], 0.08 * NEURONS

    def rate(nu: float) -> float:
        mu = eta * THRESHOLD + c * J * TAU * nu * (1 - g / 4)
        sigma = np.sqrt(J * eta * THRESHOLD + c * J**2 * TAU * nu * (1 + g**2 / 4))
        bounds = (RESET - mu) / sigma, (THRESHOLD - mu) / sigma
        passage = quad(lambda u: erfcx(-u), *bounds)[0]  # exp(u^2) (1 + erf u)
        return 1 / (REFRACTORY + TAU * np.sqrt(np.pi) * passage)

    return float(brentq(lambda nu: rate(nu) - nu, 0.01, 1 / REFRACTORY))


def draw(runs: Mapping[str, Recording], file: Path) -> str:
    """The last 100 ms of the states: spikes of 50 neurons, and spikes of all in each step."""
    from snmem.plots.style import PALETTE, bare, new_figure

    figure = new_figure(7, 5)
    axes = figure.subplots(4, 2, height_ratios=(2, 1, 2, 1), sharex="col")
    for i, (state, recording) in enumerate(runs.items()):
        raster, activity = (bare(axes[2 * (i // 2) + k, i % 2]) for k in range(2))
        spikes, first = recording.spikes["excitatory"], max(recording.steps - 1000, 0)
        shown = (spikes.neuron < 50) & (spikes.step >= first)
        raster.scatter(spikes.step[shown] * DT * 1e3, spikes.neuron[shown], s=1.5, marker=".", lw=0, color=PALETTE[i])
        raster.set(title=f"{state}: g = {STATES[state][0]:g}, eta = {STATES[state][1]:g}", ylabel="neuron")
        counts = np.bincount(spikes.step, minlength=recording.steps)[first:]
        activity.plot(np.arange(first, recording.steps) * DT * 1e3, counts, lw=0.5, color=PALETTE[i])
        activity.set(ylabel="spikes", xlabel="time (ms)" if i > 1 else "")
    figure.savefig(file, dpi=150)
    return str(file)


def beside_nest(runs: Mapping[str, Recording], steps: int) -> list[dict[str, Any]]:
    """Rows: the spikes of the first ``steps`` that only one of snmem and NEST has; NEST runs in a process of its own.

    NEST spikes where v >= theta, and here it is v > theta: with drawn events v is never equal to theta.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="snmem-brunel-") as folder:
        for i, recording in enumerate(runs.values()):
            np.savez(Path(folder) / f"{i}.npz", **_arrays(recording, steps))
        child = subprocess.run([sys.executable, __file__, folder], capture_output=True, text=True, check=False)
        why = (child.stderr.strip().splitlines() or ["no message"])[-1]
        for i, (state, recording) in enumerate(runs.items()):
            name = f"{state}: spikes that only one of snmem and NEST has, {steps} steps"
            if child.returncode:
                rows.append(not_run(name, f"NEST failed ({why}); pip install nest-simulator", 0, 0))
                continue
            theirs = {tuple(pair) for pair in np.load(Path(folder) / f"{i}.npy").tolist()}
            ours, base = set[tuple[int, int]](), 0
            for group in SIZES:
                s = recording.spikes[group].between(0, steps)
                ours |= set(zip(s.step.tolist(), (s.neuron + base).tolist(), strict=True))
                base += s.size
            rows.append(expected(name, len(ours ^ theirs) if ours and theirs else np.nan, 0, 0))
    return rows


def _arrays(recording: Recording, steps: int) -> dict[str, Any]:
    """What NEST needs of a network: external events by neuron, their times in ms, and synapses by target."""
    network, arrays = recording.network, {"steps": steps}
    assert network is not None
    for p, source in zip(network.neurons, network.inputs, strict=True):
        step, line, value = source.draw(0, steps, DT)
        order = np.argsort(line, kind="stable")
        arrays[f"{p.name} times"] = (step[order] + 1) * DT * 1e3
        arrays[f"{p.name} events"] = np.ones(len(step), int) if value is None else value[order].astype(int)
        arrays[f"{p.name} ends"] = np.cumsum(np.bincount(line, minlength=p.size))
    for k, q in enumerate(network.projections):
        arrays[f"{k} indices"], arrays[f"{k} indptr"] = q.weights.indices, q.weights.indptr
        arrays[f"{k} weight"] = q.weights.data[0] * unit(sum(p.size for p in network.neurons))
    return arrays


def _in_nest(file: Path) -> None:
    """Run the network of ``file`` in NEST, and leave (step, neuron) of its spikes beside it."""
    with contextlib.redirect_stdout(io.StringIO()):
        import nest
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = dt = DT * 1e3
    arrays = np.load(file)
    ms = {"tau_m": TAU * 1e3, "t_ref": REFRACTORY * 1e3}
    potentials = {"E_L": 0.0, "V_m": 0.0, "V_th": THRESHOLD, "V_reset": RESET}
    model = ("iaf_psc_delta", ms | potentials)
    groups = {name: nest.Create(model[0], len(arrays[f"{name} ends"]), params=model[1]) for name in SIZES}
    first = {name: group[0].global_id for name, group in groups.items()}
    for k, (name, group) in enumerate(groups.items()):
        times, events, ends = (arrays[f"{name} {what}"] for what in ("times", "events", "ends"))
        bounds = zip([0, *ends[:-1]], ends, strict=True)
        own = [{"spike_times": times[a:b], "spike_multiplicities": events[a:b]} for a, b in bounds]
        sources = nest.Create("spike_generator", len(ends), params=own)
        nest.Connect(sources, group, "one_to_one", {"weight": float(arrays[f"{k} weight"]), "delay": dt})
    pairs = [(pre, post) for pre in SIZES for post in SIZES]
    for k, (pre, post) in enumerate(pairs, len(SIZES)):
        indptr, indices = arrays[f"{k} indptr"], arrays[f"{k} indices"]
        into = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) + first[post]
        values = {"weight": np.full(len(into), arrays[f"{k} weight"]), "delay": np.full(len(into), DELAY * dt)}
        nest.Connect(indices + first[pre], into, "one_to_one", values)
    recorder = nest.Create("spike_recorder", params={"time_in_steps": True})
    for group in groups.values():
        nest.Connect(group, recorder)
    nest.Simulate((int(arrays["steps"]) + 1) * dt)
    events = recorder.events
    step, neuron = events["times"].astype(int) - 1, events["senders"] - min(first.values())
    kept = step < arrays["steps"]
    np.save(file.with_suffix(".npy"), np.stack([step[kept], neuron[kept]], 1))


if __name__ == "__main__":
    for file in Path(sys.argv[1]).glob("*.npz"):
        _in_nest(file)
