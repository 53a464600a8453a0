"""What is done with a file: it is read, and if it is accepted, it must work. Every use returns whether it was."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import random
import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from snmem import (
    LIF,
    Input,
    Network,
    Population,
    Projection,
    Recording,
    SumOfProducts,
    open_recording,
    quantize,
    simulate,
)
from snmem.cli import main
from snmem.cost import load_chip, measure
from snmem.errors import BackendError, NetworkError, SnmemError
from snmem.io.inputs import load_inputs
from snmem.io.results import to_json
from snmem.io.spikes import read_spikes
from snmem.lava.compiler.module import MODULE, write_module
from snmem.lava.compiler.preparation import prepare
from snmem.memory import KWinnerConfig, KWinnerMemory, SpikingKWinnerMemory
from snmem.nir_io import inspect_nir, plain, read_nir, write_nir
from snmem.protocols.demo import prepare as prepare_demo
from snmem.stimuli import poisson
from snmem.sweep import Sweep
from snmem.sweep.dataset import dataset, write_dataset
from snmem.sweep.storage import RUNS, SweepFolder
from snmem.verify import verify

CONFIG = KWinnerConfig(visible=20, hidden=24, fan_in=6, winners=3, active=4, rate=0.5)
PATTERNS = np.random.default_rng(0).permuted(np.tile(np.arange(20) < 4, (3, 1)), axis=1)
#: A network that is accepted is run only if it is this small: neurons, synapses.
_SMALL = (2000, 20_000)


def replace_config(**values: Any) -> KWinnerConfig:
    """The sizes of the memories here, some of them changed."""
    return replace(CONFIG, **values)


class Odd(AssertionError):
    """A file was accepted, or refused, in a way that it should not be."""


def often(rng: random.Random, share: float) -> bool:
    """True for a share of the cases; always when a failure is run again."""
    return getattr(rng, "thorough", False) or rng.random() < share


def require(fine: bool, what: str) -> None:
    """Raise :class:`Odd` unless it is fine."""
    if not fine:
        raise Odd(what)


@cache
def network() -> Network:
    """Two inputs, of 3 and 4 lines, and two populations."""
    populations = (
        Input("in", 3),
        Input("x", (2, 2)),
        Population("a", 3, LIF(0.5, 0.5)),
        Population("b", 2, LIF(beta=0.5)),
    )
    projections = (
        Projection("in", "a", np.eye(3) * 1.5),
        Projection("x", "a", np.ones((3, 4))),
        Projection("a", "b", np.ones((2, 3))),
    )
    return Network(populations, projections, ("b",))


@cache
def one_input() -> Network:
    """One input of 3 lines: a raster without a name fits it."""
    populations = Input("in", 3), Population("a", 3, LIF(0.5, 0.5))
    return Network(populations, (Projection("in", "a", np.eye(3) * 1.5),), ("a",))


@cache
def six_lines() -> Network:
    """The populations whose spikes the HDF5 files hold."""
    populations = Input("in", 6), Population("a", 4, LIF(0.5, 0.5)), Population("b", 3, LIF(0.5, 0.5))
    projections = Projection("in", "a", np.ones((4, 6)) / 2), Projection("a", "b", np.ones((3, 4)))
    return Network(populations, projections, ("b",))


def compare(net: Network, inputs: Any, steps: int) -> None:
    """The event engine and the reference must give the same spikes, or refuse."""
    if sum(p.size for p in net.populations) > _SMALL[0] or sum(q.synapses for q in net.projections) > _SMALL[1]:
        return
    runs = []
    for backend in ("event" if net.arithmetic == "float" else "loihi", "reference"):
        try:
            runs.append(simulate(net, inputs, steps, backend, progress=False).spikes)
        except BackendError:
            return
    for name, spikes in runs[0].items():
        require(spikes == runs[1][name], f"spikes of {name!r} differ between the event engine and the reference")


def command_line(*args: Any) -> None:
    """A verb must end with 0, 1 or 2, with at most one line of error, and without a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(arg) for arg in args])
    errors = [line for line in err.getvalue().splitlines() if line.startswith("snmem: error: ")]
    require(code in (0, 1, 2), f"snmem {args[0]} ended with {code}")
    require("unexpected" not in "".join(errors), f"snmem {args[0]}: {errors}")
    require("Traceback" not in err.getvalue() and len(errors) <= 1, f"snmem {args[0]} printed {err.getvalue()[:300]!r}")
    if "--json" in args:
        json.loads(out.getvalue())


def fail_in_two_lines(path: Path, rng: random.Random) -> bool:
    """What no reader should do."""
    raise SnmemError("a message of\ntwo lines")


def run_for_ever(path: Path, rng: random.Random) -> bool:
    """What no reader should do either."""
    while True:
        pass


#: Synapses up to which a convolution is read as a matrix.
_MATRIX_TO = plain.MATRIX_TO


def use_nir(path: Path, rng: random.Random) -> bool:
    """A NIR file: read, inspected, simulated, written again."""
    if often(rng, 0.1):
        with contextlib.suppress(SnmemError):
            to_json(inspect_nir(path))
    if often(rng, 0.01):
        command_line("inspect", path, *(["--json"] if often(rng, 0.5) else []))
    plain.MATRIX_TO = -1 if rng.random() < 0.5 else _MATRIX_TO  # small convolutions stay kernels, or become matrices
    net = read_nir(path, metadata=rng.random() < 0.8)
    if often(rng, 0.2):
        compare(net, poisson(net, 12, 1, 0.5) if sum(p.size for p in net.populations) <= _SMALL[0] else {}, 12)
    if often(rng, 0.03) and sum(q.synapses for q in net.projections) <= _SMALL[1]:
        again = path.with_name("again.nir")
        with contextlib.suppress(SnmemError):
            write_nir(net, again)
            require(read_nir(again) == net, "a network reads back as another one")
    return True


def use_inputs(path: Path, rng: random.Random) -> bool:
    """A file of input spikes."""
    steps = rng.choice([None, None, 1, 7])
    if often(rng, 0.01):
        file = path.with_name("network.nir")
        write_nir(network(), file)
        command_line("verify", file, "--input", path, "--backends", "event", "--steps", 5)
    net = {".npy": one_input, ".h5": six_lines}.get(path.suffix, network)()
    spikes, length = load_inputs(path, net, steps)
    for name, s in spikes.items():
        fine = len(s) == 0 or (s.step[-1] < length and 0 <= s.neuron.min() <= s.neuron.max() < s.size)
        require(fine and s.size == net[name].size, f"spikes of {name!r} are out of range")
    if length <= 100 and often(rng, 0.3):
        compare(net, spikes, length)
    return True


def use_golden(path: Path, rng: random.Random) -> bool:
    """A golden file: its spikes, and a run compared with them."""
    if often(rng, 0.01):
        with contextlib.suppress(SnmemError):
            verify(network(), golden=path, backends=["event"])
    read_spikes(path, rng.choice([None, 3]))
    return True


def use_run(path: Path, rng: random.Random) -> bool:
    """A run on disk: opened, read in parts and as a whole."""
    with open_recording(path) as run:
        for name, spikes in run.spikes.items():
            part = spikes.between(2, 9)
            require(len(part) == 0 or part.neuron.max() < spikes.size, f"spikes of {name!r} are out of range")
        for table in (*run.traces.values(), *run.weight_traces.values()):
            require(table[1:3].shape == (len(range(*slice(1, 3).indices(len(table)))), *table.shape[1:]), "odd rows")
        if often(rng, 0.5):
            found = run.recording()
            for name in (*found.traces, *found.weight_traces):
                require(len(found.recorded(name)) == run_columns(found, name), f"columns of {name!r} have no numbers")
    return True


def run_columns(found: Recording, name: str) -> int:
    """Columns of a trace, or of weights over time."""
    return (found.traces if name in found.traces else found.weight_traces)[name].shape[1]


def use_algorithm(path: Path, rng: random.Random) -> bool:
    """A saved memory, algorithm level."""
    memory = KWinnerMemory.load(path)
    c = memory.config
    require(memory.forward_weights.shape == memory.return_weights.shape[::-1], "weights do not fit each other")
    memory.forward_weights.check_format()
    if c.visible * c.hidden > 10**6:
        return True
    cues = np.eye(c.visible, dtype=bool)[:3]
    require(memory.recall(cues).sum(1).tolist() == [c.active] * len(cues), "a recall has another number of ones")
    if not memory._lesioned and often(rng, 0.5):
        memory.store((np.arange(c.visible) < c.active)[None])
        memory.recall(cues)
    if often(rng, 0.1):
        memory.save(path.with_name("again.npz"))
        again = KWinnerMemory.load(path.with_name("again.npz"))
        require(bool((again.recall(cues) == memory.recall(cues)).all()), "a memory loads as another one")
    return True


def use_spiking(path: Path, rng: random.Random) -> bool:
    """A saved spiking memory."""
    memory = SpikingKWinnerMemory.load(path)
    c = memory.config
    for weights in (memory.forward_weights, memory.return_weights):
        weights.check_format(full_check=True)
        require(bool(np.isfinite(weights.data).all()), "weights are not finite")
    if c.visible * c.hidden > 10**4 or memory.recalling.period > 1000 or not often(rng, 0.15):
        return True
    with contextlib.suppress(BackendError):  # of a name that is no backend
        recalled = memory.recall(np.eye(c.visible, dtype=bool)[:2])
        require(recalled.shape == (min(2, c.visible), c.visible), "a recall has another shape")
        memory.store((np.arange(c.visible) < c.active)[None])
        memory.recall(np.eye(c.visible, dtype=bool)[0])
    return True


def use_chip(path: Path, rng: random.Random) -> bool:
    """A chip profile: read, shown, and a run billed by it."""
    if often(rng, 0.02):
        command_line("chips", path, *(["--json"] if often(rng, 0.3) else []))
    chip = load_chip(path)
    json.loads(to_json(chip.to_dict()))
    if often(rng, 0.05):
        with contextlib.suppress(SnmemError):
            bill = measure(network(), poisson(network(), 5, 1, 0.5), 5, chip, limits="report")
            json.loads(to_json(bill.to_dict()))
    return True


POINT = {"winners": 5, "rate": 0.5, "seed": 0}


@cache
def plan() -> Sweep:
    """A sweep of one run."""
    return Sweep("kwinner-map", {"winners": (5,), "rate": (0.5,)}, {}, (0,))


def use_sweep(path: Path, rng: random.Random) -> bool:
    """The file of a run of a sweep."""
    key = plan().key(POINT)
    folder = path.with_name("sweep")
    (folder / RUNS).mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text('{"target": "kwinner-map"}')
    shutil.copyfile(path, folder / RUNS / f"{key}.npz")
    data = dataset(plan(), {key: SweepFolder(folder).read(key, POINT)})
    if often(rng, 0.1):
        write_dataset(data, folder / "results.nc")
    return True


def use_mark(path: Path, rng: random.Random) -> bool:
    """The file that says what a folder holds a sweep of."""
    folder = path.with_name("sweep")
    (folder / RUNS).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / "sweep.json")
    SweepFolder(folder).describe("kwinner-map", {"seeds": [0]})
    return True


def use_data(path: Path, rng: random.Random) -> bool:
    """Data of the demo: read, encoded, decoded."""
    task = prepare_demo(path, 0)
    require(task.patterns.shape[0] == len(task.items), "items and patterns differ in number")
    require(bool((task.patterns.sum(1) == task.encoder.active).all()), "a pattern has another number of ones")
    task.encoder.decode(task.cues[:2])
    return True


def use_rule(path: Path, rng: random.Random) -> bool:
    """A learning rule: parsed, and run in both arithmetics."""
    text = path.read_bytes().decode("utf-8", "surrogatepass")
    rule = SumOfProducts(text, x1=(8, 2), x2=(3, 0), y1=(4, 5), y2=(1, 0), y3=(2, 1))
    if often(rng, 0.1):
        populations = Input("in", 3), Population("a", 2, LIF(0.5, 0.5))
        net = Network(populations, (Projection("in", "a", np.full((2, 3), 0.75), plasticity=rule),))
        inputs = poisson(net, 10, 1, 0.5)
        with contextlib.suppress(NetworkError, BackendError):
            simulate(net, inputs, 10, "reference", progress=False)
        weights = Projection("in", "a", np.full((2, 3), 48), plasticity=rule)
        fixed = quantize(Network(populations, (Projection("in", "a", np.full((2, 3), 0.75)),))).network
        with contextlib.suppress(NetworkError, BackendError):
            simulate(Network(fixed.populations, (weights,)), inputs, 10, "loihi", progress=False)
    return True


def use_name(path: Path, rng: random.Random) -> bool:
    """A name: of populations, projections and a title; in NIR files, compiled modules and on the terminal."""
    name = path.read_bytes().decode("utf-8", "surrogatepass")
    populations = Input(name, 2), Population("b", 2, LIF(0.0, 0.5))
    net = Network(populations, (Projection(name, "b", np.eye(2) * 2, name=name + "1"),), ("b",))
    net.digest()
    if often(rng, 0.2):
        again = path.with_name("again.nir")
        write_nir(net, again)
        require(read_nir(again) == net, "a network reads back as another one")
        if often(rng, 0.1):
            command_line("inspect", again)
    if often(rng, 0.05):
        write_module(path.parent / "module", prepare(net).network, name, {})
        text = (path.parent / "module" / MODULE).read_text("utf-8")
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        require(not calls & {"__import__", "eval", "exec", "abort"}, "a name became code")
        require(re.search("[^\n -~]", text) is None, "a compiled module holds what is no printable ASCII")
    return True


def use_file_name(path: Path, rng: random.Random) -> bool:
    """A name of a file that is not there, or holds something else."""
    name = path.read_bytes().decode("utf-8", "surrogatepass")
    place = path.parent / name[:200]
    with contextlib.suppress(OSError, ValueError):
        if place.parent == path.parent and not place.exists():
            place.write_bytes(b"x")
    readers = (
        lambda: load_inputs(f"{place}.npz", network()),
        lambda: load_chip(f"{place}.toml"),
        lambda: KWinnerMemory.load(place),
        lambda: prepare_demo(place, 0),
    )
    rng.choice(readers)()
    return True
