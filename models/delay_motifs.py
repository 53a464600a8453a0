"""Delay motifs: neurons whose synapses differ in delay tell how a bar moves; delays by regression, and learned.

Bars on a ring of 64 pixels, 6 velocities, 15 delays, a third of the events missing and a tenth of the pixels spurious.
A logistic regression over pixels and delays becomes one LIF neuron a velocity. Grimaldi & Perrinet 2023 have 36 motions
of textures in two dimensions: accuracy about 91 %, near its peak down to 31 times fewer synapses; the task here is
ours, and easier. Rows that begin with "fails" say what does not work.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize

from snmem.circuits.motifs import first_spike, motif_detectors, on_levels
from snmem.cost import bill
from snmem.io.files import replace_file
from snmem.network import Input, Network, Population
from snmem.neurons import LIF
from snmem.protocols.rows import near, result, target
from snmem.quantization.grid import quantize
from snmem.simulation import get_backend, simulate
from snmem.tasks.moving_bars import Films, MovingBars

TASK, CHIP = MovingBars(missing=0.3, noise=0.1), "loihi1-davies2018"
CLASSES, DECAY = len(TASK.velocities), 1e-3
#: Synapses that are kept of all 5,760.
KEPT = (5760, 2000, 1000, 576, 300, 150, 90, 60, 30, 15)
#: Synapses of the network that is run on all runtimes.
PRUNED = 90
RUNTIMES = ("event", "loihi", "lava_fixed")
#: Steps from one film to the next: what is on its way has arrived.
PERIOD = TASK.steps + TASK.delays + 2


def passages(films: Films) -> np.ndarray:
    """Whether the bar is in the middle, with all delays before it in the film, (films, steps)."""
    return (films.place == TASK.middle) & (np.arange(TASK.steps) >= TASK.delays - 1)


def descend(loss: Callable[[np.ndarray], tuple[float, np.ndarray]], size: int) -> np.ndarray:
    """The parameters of least loss, from 0."""
    return minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x


def regression(films: Films, seed: int, kept: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Kernels (delays, pixels, classes) and biases of one logistic regression for each velocity.

    Learned from the passage of every film, and from three other steps, in which a velocity is mostly absent.
    ``kept``: the synapses that there are, bool in the shape of the kernels.
    """
    at, n = passages(films), len(films.label)
    film, step = np.tile(np.arange(n), 4), np.random.default_rng(seed).integers(TASK.delays - 1, TASK.steps, (4, n))
    step[0] = at.argmax(1)
    step = step.ravel()
    seen = sp.csr_array(TASK.windows(films, film, step).reshape(len(film), -1).astype(float))
    there = at[film, step][:, None] & (films.label[film][:, None] == np.arange(CLASSES))
    sign, lines = np.where(there, 1.0, -1.0), seen.shape[1]
    mask = np.ones((lines, CLASSES)) if kept is None else kept.reshape(lines, CLASSES).astype(float)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        w = parameters.reshape(lines + 1, CLASSES)
        margin = sign * (seen @ w[:-1] + w[-1])
        slope = -sign * np.exp(-np.logaddexp(0, margin)) / len(film)
        value = np.logaddexp(0, -margin).sum() / len(film) + DECAY / 2 * (w[:-1] ** 2).sum()
        return value, np.vstack([mask * (seen.T @ slope) + DECAY * w[:-1], slope.sum(0)]).ravel()

    w = descend(loss, (lines + 1) * CLASSES).reshape(lines + 1, CLASSES)
    return w[:-1].reshape(TASK.delays, TASK.pixels, CLASSES), w[-1]


def softmax_accuracy(learn: np.ndarray, label: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Classes that a multinomial regression on (n, lines) gives to ``test``."""
    lines, one_hot = learn.shape[1], np.eye(CLASSES)[label]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        w = parameters.reshape(lines, CLASSES)
        z = learn @ w
        z -= np.logaddexp.reduce(z, axis=1, keepdims=True)
        value = -(one_hot * z).sum() / len(label) + DECAY / 2 * (w**2).sum()
        return value, (learn.T @ (np.exp(z) - one_hot) / len(label) + DECAY * w).ravel()

    return (test @ descend(loss, lines * CLASSES).reshape(lines, CLASSES)).argmax(1)


def logits(kernels: np.ndarray, bias: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Of every velocity in every step, (films, steps, classes)."""
    out = np.zeros((*events.shape[:2], CLASSES)) + bias
    for age, kernel in enumerate(kernels):
        out[:, age:] += events[:, : events.shape[1] - age].astype(np.float32) @ kernel.astype(np.float32)
    return out


def decisions(z: np.ndarray) -> tuple[np.ndarray, float]:
    """The first velocity whose probability is above a half in a film, the first by number of several; -1 for none.

    Also the share of films in which several are above a half in that step.
    """
    above = z > 0
    now = above[np.arange(len(z)), above.any(2).argmax(1)]
    return np.where(now.any(1), now.argmax(1), -1), float((now.sum(1) > 1).mean())


def pruned(kernels: np.ndarray, keep: int) -> np.ndarray:
    """The largest weights only."""
    least = np.sort(np.abs(kernels), axis=None)[-keep]
    return np.where(np.abs(kernels) >= least, kernels, 0)


def network(kernels: np.ndarray, bias: np.ndarray) -> Network:
    """Pixels -> one detector a velocity -> the first of them that spikes in a film."""
    weights, theta = on_levels(kernels, -bias)
    motif, synapses = motif_detectors("motif", "pixels", weights, theta)
    winner, race = first_spike("decision", "motif", CLASSES, PERIOD)
    return Network((Input("pixels", TASK.pixels), motif, winner), (*synapses, *race), ("decision",))


def in_spikes(net: Network, films: Films, backend: str = "event", **options: Any) -> tuple[np.ndarray, Any]:
    """Decisions of a network, -1 for none, and the Recording."""
    film, step, pixel = np.nonzero(films.events)
    order = np.argsort(film * PERIOD + step, kind="stable")
    spikes = {"pixels": ((film * PERIOD + step)[order], pixel[order])}
    net = net if "float" in get_backend(backend).arithmetics else quantize(net).network
    recording = simulate(net, spikes, len(films.label) * PERIOD, backend, **options)
    found, out = recording.spikes["decision"], np.full(len(films.label), -1)
    out[found.step // PERIOD] = found.neuron
    return out, recording


def regression_rows(train: Films, test: Films, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any], Any]:
    """Accuracy by number of synapses; the network beside the regression."""
    kernels, bias = regression(train, seed)
    by_synapses = {k: float((logits(pruned(kernels, k), bias, test.events).max(1).argmax(1) == test.label).mean())
                   for k in KEPT}  # fmt: skip
    plateau = min(k for k in KEPT if by_synapses[k] >= max(by_synapses.values()) - 0.02)
    small = regression(train, seed, pruned(kernels, PRUNED) != 0)  # what is left learns once more
    rows = [
        target("regression: velocity right (chance 0.17)", by_synapses[KEPT[0]], 0.95, "share"),
        target("accuracy within 0.02 of its peak down to so many times fewer synapses", KEPT[0] / plateau, 10, "times"),
        target(f"fails: {KEPT[-1]} synapses", by_synapses[KEPT[-1]], 0.7, "share", False),
    ]
    raw: dict[str, Any] = {"by synapses": by_synapses}
    for keep, (k, b) in ((KEPT[0], (kernels, bias)), (PRUNED, small)):
        net = network(k, b)
        found, run = in_spikes(net, test, counters=True)
        wanted, several = decisions(logits(k, b, test.events))
        same = float((found == wanted).mean())
        rows.append(target(f"{keep} synapses in spikes: decides as the regression", same, 0.99, "share"))
        right = float((found == test.label).mean())
        rows.append(target(f"{keep} synapses in spikes: velocity right", right, 0.9, "share"))
        made = bill(net, run, CHIP, items=len(test.label), limits="report")
        raw[f"{keep} synapses"] = {
            "right": right,
            "several above a half": several,
            "events of a decision": made.counters["synaptic_events"] / len(test.label),
            "dynamic joules of a decision": made.per_item()["dynamic_joules_per_item"],
        }
    fewer = raw[f"{KEPT[0]} synapses"]["events of a decision"] / raw[f"{PRUNED} synapses"]["events of a decision"]
    rows.append(target(f"synaptic events of a decision, {KEPT[0]} against {PRUNED} synapses", fewer, 10, "ratio"))
    return rows, raw, net


def without_delays(train: Films, test: Films) -> list[dict[str, Any]]:
    """Without delays: spikes of each pixel, summed over the film, hold the speed but not the direction."""
    counts = (films.events.sum(1).astype(float) for films in (train, test))
    found = softmax_accuracy(next(counts), train.label, next(counts))
    forward = np.array(TASK.velocities) > 0
    direction = float((forward[found] == forward[test.label]).mean())
    return [near("fails: no delays, counts of a film: direction right, chance", direction, 0.5, 0.06, "share")]


def train_delays(train: Films, how: str, iterations: int, seed: int) -> Any:
    """A module of learned delays, of random ones that stay, or of none."""
    import torch

    from snmem.circuits.learned_delays import NARROW, LearnedDelays

    torch.manual_seed(seed)
    module = LearnedDelays(TASK.pixels, CLASSES, TASK.delays, seed)
    with torch.no_grad():
        if how != "learned":
            module.delay.copy_(module.delay.round() if how == "random" else torch.zeros_like(module.delay))
            module.sigma = NARROW
    delays = [module.delay] if how == "learned" else []
    optimizer = torch.optim.Adam([{"params": [module.weight, module.bias], "lr": 0.02}, {"params": delays, "lr": 0.3}])
    seen, label = windows_at_passage(train), torch.from_numpy(train.label)
    for n in range(iterations):
        if how == "learned":
            module.anneal(n / iterations)
        some = torch.randint(0, len(label), (256,))
        loss = torch.nn.functional.cross_entropy(module(torch.from_numpy(seen[some.numpy()])), label[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module


def windows_at_passage(films: Films) -> np.ndarray:
    """The latest events when the bar passes the middle, float32 (films, delays, pixels)."""
    step = passages(films).argmax(1)
    return TASK.windows(films, np.arange(len(step)), step).astype(np.float32)


def drives_in_network(module: Any, films: Films, backend: str) -> np.ndarray:
    """Potentials of detectors with the learned whole delays one step after the passage, (films, classes)."""
    detectors = Population("motif", CLASSES, LIF(alpha=0, beta=0, theta=np.inf, bias=module.bias.detach().numpy()))
    net = Network((Input("pixels", TASK.pixels), detectors), module.projections("pixels", "motif"))
    film, step, pixel = np.nonzero(films.events)
    order = np.argsort(film * PERIOD + step, kind="stable")
    spikes = {"pixels": ((film * PERIOD + step)[order], pixel[order])}
    run = simulate(net, spikes, len(films.label) * PERIOD, backend, record=["motif.v"])
    return np.asarray(run.traces["motif.v"])[np.arange(len(films.label)) * PERIOD + passages(films).argmax(1) + 1]


def delay_rows(train: Films, test: Films, iterations: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One synapse a pixel and velocity: no delays, random ones, learned ones; all with learned weights."""
    seen, right = windows_at_passage(test), {}
    for how in ("no", "random", "learned"):
        module = train_delays(train, how, iterations, seed)
        weights, delays = module.rounded()
        picked = np.take_along_axis(seen.transpose(0, 2, 1)[:, None], delays[None, ..., None], -1)[..., 0]
        drives = (picked * weights).sum(-1) + module.bias.detach().numpy()
        right[how] = float((drives.argmax(1) == test.label).mean())
    some = Films(test.events[:40], test.label[:40], test.place[:40])
    same = [
        float((drives_in_network(module, some, backend).argmax(1) == drives[:40].argmax(1)).mean())
        for backend in ("event", "snntorch")
    ]
    rows = [
        target("learned delays: velocity right", right["learned"], 0.95, "share"),
        target("learned delays above random ones", right["learned"] - right["random"], 0.1, "share"),
        target("random delays above none", right["random"] - right["no"], 0.1, "share"),
        near("fails: no delays, present events: velocity right, chance", right["no"], 1 / CLASSES, 0.06, "share"),
        target("learned delays as a network on event and snntorch: decides as the module", min(same), 1.0, "share"),
    ]
    return rows, {"delays": right}


def runtimes(net: Network, films: Films, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """The same spikes on the event engine, the emulator and Lava."""
    runs = {}
    for backend in RUNTIMES:
        report(f"{len(films.label)} films on {backend}")
        runs[backend] = in_spikes(net, films, backend)
    rows = []
    for backend in ("event", "lava_fixed"):
        same = float((runs[backend][0] == runs["loihi"][0]).mean())
        spikes, others = runs[backend][1].spikes, runs["loihi"][1].spikes
        cells = sum(s.differing(others[name])[0] for name, s in spikes.items())
        rows.append(target(f"{backend} and loihi: equal decisions", same, 1.0, "share"))
        rows.append(target(f"{backend} and loihi: spikes that differ", cells, 0, "entries", False))
    return rows


def draw(raw: dict[str, Any], out: Path) -> list[str]:
    """Accuracy by synapses, and by kind of delays."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    synapses, delays = figure.subplots(1, 2)
    synapses.semilogx(*zip(*raw["by synapses"].items(), strict=True), marker="o")
    synapses.set(xlabel="synapses", ylabel="velocity right", ylim=(0, 1.03))
    delays.bar(list(raw["delays"]), list(raw["delays"].values()))
    for ax in (synapses, delays):
        ax.axhline(1 / CLASSES, color="0.6", lw=0.8)
    delays.set(ylabel="velocity right", xlabel="delays, one synapse a pixel and velocity", ylim=(0, 1.03))
    with replace_file(out / "delay_motifs.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "delay_motifs.png")]


def run(seed: int = 0, synapses: int = PRUNED, films: int = 200, backend: str = "event") -> dict[str, float]:
    """Detectors of so many synapses in spikes: share of films decided right, and events of a decision."""
    train, test = TASK.sample(1000, seed), TASK.sample(films, seed + 1)
    kept = pruned(regression(train, seed)[0], synapses) != 0
    found, recording = in_spikes(network(*regression(train, seed, kept)), test, backend)
    events = sum(recording.counters.synaptic_events.values()) / films
    return {"right": float((found == test.label).mean()), "events": events}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Regression, network, learned delays; ``quick``: fewer films."""
    began = time.perf_counter()
    train, test = TASK.sample(2000 if quick else 6000, seed), TASK.sample(400 if quick else 2000, seed + 10_000)
    report("logistic regression over pixels and delays")
    rows, raw, net = regression_rows(train, test, seed)
    report("learned, random and no delays")
    more, found = delay_rows(train, test, 200 if quick else 1000, seed)
    some = Films(test.events[:3], test.label[:3], test.place[:3])
    rows += [*without_delays(train, test), *more, *runtimes(net, some, report)]
    raw |= found
    return result(rows, raw, draw(raw, out) if out else [], seed, began)
