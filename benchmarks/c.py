"""``snmem compile --to c`` beside the emulator: the same spikes, time per step, bytes, and what valgrind says.

Three networks: the recall network of a K-winner memory of 1,000 units, a recurrent CubaLIF net of the size of the NIR
paper's Braille reader (12, 38, 7), and a convolutional net of the size of its N-MNIST reader (2 x 34 x 34; three
convolutions with pools; 256; 10). The program is built with ``-O2``, and timed with its input and output through pipes;
the emulator by its second call. Valgrind runs the same program for ten steps; without valgrind that row is not ok.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

from snmem import Network, Spikes, quantize, simulate
from snmem.c_target.compile import write
from snmem.c_target.run import build, run
from snmem.c_target.tables import describe
from snmem.errors import BackendError
from snmem.memory import SpikingKWinnerMemory
from snmem.nir_io import read_nir
from snmem.stimuli import poisson

VALGRIND = ("valgrind", "-q", "--error-exitcode=9", "--leak-check=full")
Inputs = dict[str, Spikes]


def memory() -> tuple[Network, Inputs, int]:
    """What recalls 10 patterns."""
    made = SpikingKWinnerMemory.for_patterns(1000, 50, seed=1)
    patterns = np.argsort(np.random.default_rng(0).random((10, 1000)), axis=1) < 50
    made.store(patterns)
    inputs, steps = made.recall_inputs(patterns)
    network = made.recall_network
    spikes = simulate(network, inputs, steps).spikes
    return quantize(network).network, {p.name: spikes[p.name] for p in network.inputs}, steps


# The tests of the Lava compiler build this net too; benchmarks ship in the wheel and cannot import tests.
def recurrent() -> tuple[Network, Inputs, int]:
    """12 lines, 38 recurrent CubaLIF neurons, 7 more."""
    rng, dt = np.random.default_rng(0), 1e-4
    cuba = {"tau_syn": 5 * dt, "tau_mem": 10 * dt, "r": 10.0, "v_leak": 0.0, "v_threshold": 1.0, "w_in": 5.0}

    def layer(n: int) -> nir.NIRNode:
        return nir.CubaLIF(**{k: np.full(n, v) for k, v in cuba.items()})

    nodes = {
        "input": nir.Input(np.array([12])),
        "fc1": nir.Affine(rng.normal(0, 0.5, (38, 12)), rng.normal(0, 0.02, 38)),
        "lif1": layer(38),
        "recurrent": nir.Affine(rng.normal(0, 0.15, (38, 38)), np.zeros(38)),
        "fc2": nir.Affine(rng.normal(0, 0.3, (7, 38)), rng.normal(0, 0.02, 7)),
        "lif2": layer(7),
        "output": nir.Output(np.array([7])),
    }
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "recurrent"), ("recurrent", "lif1")]
    edges += [("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    return _read(nir.NIRGraph(nodes, edges), 1000, 0.1)


def convolutional() -> tuple[Network, Inputs, int]:
    """Three convolutions (16, 16 and 8 channels), sum pools of 2 x 2, 256 and 10 neurons; IF neurons."""
    rng = np.random.default_rng(0)

    def conv(channels: int, inputs: int, kernel: int, stride: int) -> nir.NIRNode:
        weight = rng.normal(0.02, 1 / kernel, (channels, inputs, kernel, kernel))
        return nir.Conv2d(None, weight, stride, 1, 1, 1, np.zeros(channels))

    def neurons(*shape: int) -> nir.NIRNode:
        return nir.IF(r=np.ones(shape), v_threshold=np.ones(shape), v_reset=np.zeros(shape))

    def pool() -> nir.NIRNode:
        return nir.SumPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0]))

    nodes = {
        "input": nir.Input(np.array([2, 34, 34])),
        "conv1": conv(16, 2, 5, 2),
        "if1": neurons(16, 16, 16),
        "conv2": conv(16, 16, 3, 1),
        "if2": neurons(16, 16, 16),
        "pool1": pool(),
        "conv3": conv(8, 16, 3, 1),
        "if3": neurons(8, 8, 8),
        "pool2": pool(),
        "flat": nir.Flatten(input_type={"input": np.array([8, 4, 4])}, start_dim=0, end_dim=-1),
        "fc1": nir.Linear(rng.normal(0.02, 0.2, (256, 128))),
        "if4": neurons(256),
        "fc2": nir.Linear(rng.normal(0.01, 0.2, (10, 256))),
        "if5": neurons(10),
        "output": nir.Output(np.array([10])),
    }
    names = list(nodes)
    return _read(nir.NIRGraph(nodes, list(pairwise(names))), 200, 0.02)


def _read(graph: nir.NIRGraph, steps: int, rate: float) -> tuple[Network, Inputs, int]:
    with tempfile.TemporaryDirectory() as folder:
        nir.write(Path(folder, "x.nir"), graph)
        network = read_nir(Path(folder, "x.nir"), report=lambda choice: None)
    made = quantize(network).network
    return made, poisson(made, steps, 1, rate), steps


NETWORKS = {"K-winner memory": memory, "recurrent CubaLIF": recurrent, "convolutional": convolutional}


def compare(name: str, repeats: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of one network: differing cells, valgrind, time."""
    report(f"{name}: emulator")
    network, given, steps = NETWORKS[name]()
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        expected = simulate(network, given, steps, "loihi").spikes
        times.append(time.perf_counter() - began)
    inputs = {p.name: expected[p.name] for p in network.inputs}
    report(f"{name}: C")
    tables = describe(network)
    with tempfile.TemporaryDirectory(prefix="snmem-c-") as scratch:
        write(Path(scratch), tables)
        program = build(Path(scratch), Path(scratch, "network"))
        code = program.stat().st_size
        done = [run(program, network, inputs, steps) for _ in range(repeats)]
        report(f"{name}: valgrind")
        clean = _valgrind(program, network, {n: s.between(0, 10) for n, s in inputs.items()})
    cells = sum(expected[p.name].differing(done[0].spikes[p.name])[0] for p in network.neurons)
    raw = {
        "c_us_per_step": 1e6 * min(d.seconds for d in done) / steps,
        "emulator_us_per_step": 1e6 * min(times[1:]) / steps,
        "constant_bytes": tables.constant,
        "state_bytes": tables.state,
        "program_bytes": code,
        "synapses": sum(q.synapses for q in network.projections),
        "spikes": sum(len(expected[p.name]) for p in network.neurons),
        "steps": steps,
    }
    return [
        {"name": f"{name}: differing cells", "value": cells, "target": 0, "unit": "cells"}
        | {"ok": cells == 0 and raw["spikes"] > 0},
        {"name": f"{name}: errors under valgrind", "value": clean, "target": 0, "unit": "", "ok": clean == 0},
        {
            "name": f"{name}: time per step, emulator / C",
            "value": raw["emulator_us_per_step"] / raw["c_us_per_step"],
            "target": "shown",
            "unit": "",
            "ok": True,
            "raw": raw,
        },
    ]


def _valgrind(program: Path, network: Network, inputs: Inputs) -> int | None:
    """0 if valgrind finds nothing, 1 if it does, None without valgrind."""
    if shutil.which(VALGRIND[0]) is None:
        return None
    try:
        run(program, network, inputs, 10, VALGRIND)
    except BackendError:
        return 1
    return 0


def bench_c(quick: bool = False, report: Callable[[str], None] = lambda message: None) -> dict[str, Any]:
    """Run the comparison; ``quick`` repeats less and leaves out the convolutional network."""
    names = list(NETWORKS)[: 2 if quick else None]
    rows = [row for name in names for row in compare(name, 2 if quick else 5, report)]
    return {"rows": rows, "ok": all(r["ok"] for r in rows)}
