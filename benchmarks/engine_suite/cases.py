"""The networks of the suite, each from a seed, so that every process builds the same one.

Weights are whole numbers (threshold 1024) or lie on a dyadic grid: the order of summation changes no spike.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Input, Instar, KWinnerConfig, Network, Population, Projection, Spikes, SpikingKWinnerMemory

THETA, ALPHA, BETA = 1024.0, 0.5, 0.875
#: An input spike alone makes its neuron spike.
DRIVE = 1280
#: Rows of a random matrix that are drawn at a time.
ROWS = 1000


@dataclass(frozen=True)
class Case:
    """A network and what it is run on. ``arrays`` were there before set-up began; ``network`` is made by it."""

    make: Callable[[], Network]
    inputs: dict[str, Spikes]
    steps: int


def random_matrix(post: int, pre: int, p: float, excite: tuple[int, int], inhibit: tuple[int, int], seed: int) -> Any:
    """CSR arrays (data int8, indices, indptr): each pair connected with probability p; the last fifth inhibits."""
    rng = np.random.default_rng(seed)
    data, indices, degrees = [], [], []
    for start in range(0, post, ROWS):
        rows = min(ROWS, post - start)
        expected = rows * pre * p
        gaps = rng.geometric(p, int(expected + 10 * expected**0.5 + 10))
        flat = np.cumsum(gaps) - 1
        flat = flat[: np.searchsorted(flat, rows * pre)]
        row, column = np.divmod(flat, pre)
        exciting = column < 0.8 * pre
        weights = rng.integers(*excite, len(column), np.int8, endpoint=True)
        weights[~exciting] = -rng.integers(*inhibit, int((~exciting).sum()), np.int8, endpoint=True)
        data.append(weights)
        indices.append(column.astype(np.int32))
        degrees.append(np.bincount(row, minlength=rows))
    indptr = np.concatenate(([0], np.cumsum(np.concatenate(degrees)))).astype(np.int32)
    return np.concatenate(data), np.concatenate(indices), indptr


def recurrent(arrays: Any, neurons: int, inputs: int | None = None) -> Network:
    """Neurons with recurrent synapses, the first ``inputs`` of them (default: all) with an input line of their own."""
    lines = inputs or neurons
    drive = sp.csr_array(
        (np.full(lines, DRIVE, np.int16), np.arange(lines, dtype=np.int32), np.arange(neurons + 1).clip(max=lines)),
        shape=(neurons, lines),
    )
    return Network(
        (Input("input", lines), Population("neurons", neurons, LIF(alpha=ALPHA, beta=BETA, theta=THETA))),
        (
            Projection("input", "neurons", drive),
            Projection("neurons", "neurons", sp.csr_array(arrays, shape=(neurons, neurons))),
        ),
    )


def random_input(size: int, steps: int, per_step: float, seed: int, on: Any = None) -> Spikes:
    """``per_step`` input spikes on average on lines drawn at random, in the steps where ``on`` is true."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(per_step, steps) * (1 if on is None else on)
    cells = np.unique(np.repeat(np.arange(steps), counts) * size + rng.integers(size, size=counts.sum()))
    return Spikes(cells // size, cells % size, steps, size)


def balanced(neurons: int, steps: int, rate: float, fan_out: int = 1000) -> Case:
    """Cases (a) and (b): balanced random network."""
    scale = 1000 // fan_out if fan_out < 1000 else 1
    arrays = random_matrix(
        neurons, neurons, fan_out / neurons, (2 * scale, 6 * scale), (13 * min(scale, 3), 38 * min(scale, 3)), 1
    )
    return Case(lambda: recurrent(arrays, neurons), {"input": random_input(neurons, steps, rate * neurons, 2)}, steps)


#: Steps with input and without, in turns, in case (c).
STRETCH = 250


def million(neurons: int, steps: int) -> Case:
    """Case (c): 100 synapses a neuron; 0.01 % spike per step on average, all of it in every second stretch."""
    arrays = random_matrix(neurons, neurons, 100 / neurons, (10, 20), (60, 120), 1)
    on = np.arange(steps) // STRETCH % 2 == 0
    spikes = random_input(neurons, steps, 2e-4 * neurons, 2, on)
    return Case(lambda: recurrent(arrays, neurons), {"input": spikes}, steps)


def memory(hidden: int, cues: int) -> Case:
    """Case (d): recall from a K-winner memory of LIF neurons, two thirds of each cue's ones kept."""
    config = KWinnerConfig(visible=1000, hidden=hidden)
    made = SpikingKWinnerMemory(config, seed=1)
    rng = np.random.default_rng(2)
    patterns = np.zeros((cues, config.visible), bool)
    for row in patterns:
        row[rng.choice(config.visible, config.active, replace=False)] = True
    made.store(patterns)
    given, steps = made.recall_inputs(patterns & (rng.random(patterns.shape) < 2 / 3))
    network = made.recall_network
    inputs = {
        p.name: Spikes.from_events(*given[p.name], steps=steps, size=p.size) for p in network.inputs if p.name in given
    }
    parts = network.populations, network.projections, network.outputs
    return Case(lambda: Network(*parts), inputs, steps)


def convolutional(steps: int) -> Case:
    """Case (e): three convolutions, two pools, two dense layers on 2 x 34 x 34 pixels, read from a NIR file."""
    import nir

    from snmem.nir_io import read_nir

    rng, dt = np.random.default_rng(3), 2.0**-10

    def weights(*shape: int) -> Any:
        return (np.round(64 * rng.normal(0, 0.3, shape)) / 64).astype(np.float32)

    def lif(*shape: int) -> Any:
        return nir.LIF(*(np.full(shape, x) for x in (8 * dt, 8.0, 0.0, 1.0)))

    def conv(size: tuple[int, int], stride: int, *shape: int) -> Any:
        return nir.Conv2d(size, weights(*shape), stride, 1, 1, 1, np.zeros(shape[0], np.float32))

    pools = [nir.SumPool2d(*np.array([[2, 2], [2, 2], [0, 0]])) for _ in range(2)]
    chain = [
        nir.Input(np.array([2, 34, 34])),
        *(conv((34, 34), 2, 16, 2, 5, 5), lif(16, 16, 16)),
        *(conv((16, 16), 1, 16, 16, 3, 3), lif(16, 16, 16), pools[0]),
        *(conv((8, 8), 1, 8, 16, 3, 3), lif(8, 8, 8), pools[1]),
        nir.Flatten(np.array([8, 4, 4]), 0, -1),
        *(nir.Linear(weights(256, 128)), lif(256)),
        *(nir.Linear(weights(10, 256)), lif(10)),
        nir.Output(np.array([10])),
    ]
    names = [f"node{i}" for i in range(len(chain))]
    graph = nir.NIRGraph(dict(zip(names, chain, strict=True)), list(pairwise(names)), type_check=False)
    with tempfile.TemporaryDirectory(prefix="snmem-suite-") as folder:
        nir.write(Path(folder) / "net.nir", graph)
        network = read_nir(Path(folder) / "net.nir", dt, feedforward_delay=1)
    parts = network.populations, network.projections, network.outputs
    spikes = random_input(2 * 34 * 34, steps, 0.02 * 2 * 34 * 34, 4)
    return Case(lambda: Network(*parts), {network.inputs[0].name: spikes}, steps)


def plastic(hidden: int, steps: int) -> Case:
    """Case (f): 1000 lines drive LIF neurons; at the spikes of a teacher the synapses learn by the instar rule."""
    rng = np.random.default_rng(5)
    weights = sp.csr_array((rng.random((hidden, 1000)) < 0.5) * np.round(64 * rng.random((hidden, 1000))) / 64)
    neuron = LIF(alpha=ALPHA, beta=BETA, theta=np.round(64 * rng.uniform(20, 120, hidden)) / 64)

    def make() -> Network:
        rule = Instar(0.125, gate="teacher", decay=0.5)
        return Network(
            (Input("input", 1000), Input("teacher", hidden), Population("neurons", hidden, neuron)),
            (Projection("input", "neurons", weights, plasticity=rule),),
        )

    teacher = random_input(hidden, steps, 0.01 * hidden, 7)
    return Case(make, {"input": random_input(1000, steps, 20, 6), "teacher": teacher}, steps)


#: name -> (letter, what it is, full size, quick size); sizes are the arguments of the function of that name.
CASES: dict[str, tuple[str, str, Callable[..., Case], dict[str, Any], dict[str, Any]]] = {
    "balanced": ("a", "balanced random network, 1.5 % spiking", balanced,
                 {"neurons": 10_000, "steps": 1000, "rate": 0.0145}, {"neurons": 4000, "steps": 200, "rate": 0.0145}),
    "balanced-quiet": ("b", "balanced random network, 0.05 % spiking", balanced,
                       {"neurons": 10_000, "steps": 1000, "rate": 5e-4}, {"neurons": 4000, "steps": 200, "rate": 5e-4}),
    "million": ("c", "a million neurons, 0.01 % spiking, silent stretches", million,
                {"neurons": 1_000_000, "steps": 10_000}, {"neurons": 50_000, "steps": 1000}),
    "memory": ("d", "K-winner memory, recall", memory,
               {"hidden": 10_000, "cues": 100}, {"hidden": 2000, "cues": 10}),
    "convolutional": ("e", "convolutional network from NIR", convolutional, {"steps": 1000}, {"steps": 100}),
    "plastic": ("f", "instar learning on", plastic, {"hidden": 2000, "steps": 1000}, {"hidden": 500, "steps": 200}),
}  # fmt: skip


def build(name: str, quick: bool) -> Case:
    """The case of that name in its full or quick size."""
    _, _, function, full, small = CASES[name]
    return function(**(small if quick else full))
