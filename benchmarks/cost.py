"""The bill beside SANA-FE 2.2.9 (PyPI): the same networks on the same cores, counters, energies, times, speed, memory.

Two networks on 128 and 125 cores of the profile loihi1-nahuku, which holds the prices of SANA-FE's own loihi.yaml:

- "random": 10,240 neurons of which at first a quarter and then nearly all spike in every step, 16 synapses on each of 8
  cores: 33 million synaptic events in 100 steps;
- "recurrent": 10,000 integrate-and-fire neurons, 100 targets each anywhere: packets to nearly every core.

Each side runs in a process of its own, on one thread, with the simple and with the detailed timing. Processor time is
that of the run, once the network is on its cores: SANA-FE's ``sim``; our simulation, counting, timing and bill. The
time before, to put it there, is kept beside it. Memory is the peak of the whole process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Network, Population, Projection
from snmem.cost import BillOptions, Placement, load_chip, measure
from snmem.cost.bill import make_bill
from snmem.cost.streaming import run_metered

CHIP = "loihi1-nahuku"
SPEED, MEMORY, EXACT, DETAILED = 20.0, 0.1, 1e-12, 0.03
SAME = ("spikes", "updated", "packets", "synaptic_events", "hops")
TIMEOUT = 900


@dataclass(frozen=True)
class Case:
    """A network by name, its neurons in order on ``cores`` cores of ``per_core``, and the steps to run."""

    name: str
    cores: int
    per_core: int
    steps: int

    def network(self) -> Network:
        return NETWORKS[self.name.split()[0]](self.cores, self.per_core)

    def placement(self) -> Placement:
        return Placement({"n": np.arange(self.cores * self.per_core) // self.per_core})


def _random(cores: int, per_core: int, fan_cores: int = 8, fan: int = 16, seed: int = 2) -> Network:
    """Neurons of which a quarter spike by themselves in every step, each to ``fan`` neurons on ``fan_cores`` cores."""
    rng = np.random.default_rng(seed)
    n = cores * per_core
    fires = rng.random(n) < 0.25
    sources = np.flatnonzero(fires)
    post = np.empty((len(sources), fan_cores, fan), np.int32)
    for row in post:
        for k, c in enumerate(rng.choice(cores, fan_cores, replace=False)):
            row[k] = c * per_core + rng.choice(per_core, fan, replace=False)
    pre = np.repeat(sources.astype(np.int32), fan_cores * fan)
    neuron = LIF(beta=1.0, theta=64.0, bias=np.where(fires, 128.0, 0.0))
    return _network(n, neuron, pre, post.reshape(-1), np.full(len(pre), 128.0, np.float32))


def _recurrent(cores: int, per_core: int, targets: int = 100, seed: int = 12) -> Network:
    """Integrate-and-fire neurons with biases of 0 to 9, 80 % excitatory, each to ``targets`` others anywhere."""
    rng = np.random.default_rng(seed)
    n = cores * per_core
    bias = rng.integers(0, 10, n).astype(float)
    post = np.concatenate([rng.choice(n, targets, replace=False).astype(np.int32) for _ in range(n)])
    pre = np.repeat(np.arange(n, dtype=np.int32), targets)
    weight = np.where(pre < int(0.8 * n), 1.0, -4.0).astype(np.float32)
    return _network(n, LIF(beta=1.0, theta=100.0, bias=bias), pre, post, weight)


def _network(n: int, neuron: LIF, pre: Any, post: Any, weight: Any) -> Network:
    weights = sp.csr_array((weight, (post, pre)), shape=(n, n))
    return Network((Population("n", n, neuron),), (Projection("n", "n", weights),))


NETWORKS = {"random": _random, "recurrent": _recurrent}
CASES = (Case("random", 128, 80, 100), Case("recurrent", 125, 80, 75))
QUICK = (Case("random", 32, 40, 20), Case("recurrent", 32, 40, 50))


def _peak_bytes() -> int:
    """Peak memory of this process (of its own image: a child's ru_maxrss would begin at its parent's)."""
    text = Path("/proc/self/status").read_text()
    return 1024 * int(text.split("VmHWM:")[1].split()[0])


def run_snmem(case: Case, timing: str) -> dict[str, Any]:
    network, placement = case.network(), case.placement()
    measure(QUICK[0].network(), {}, 1, CHIP, placement=QUICK[0].placement())  # loads what is compiled
    start = time.process_time()
    options = BillOptions(placement, limits="report", detailed=timing == "detailed")
    order = options.order(network, CHIP)
    meter = order.meter()
    ready = time.process_time()
    bill = make_bill(order, meter, run_metered([meter], {}, case.steps))
    seconds = time.process_time() - ready
    c = bill.counters
    counters = {name: c[name] for name in SAME[:-1]} | {"hops": c["hops_ew"] + c["hops_ns"]}
    out = {"cpu_seconds": seconds, "setup_cpu_seconds": ready - start, "counters": counters}
    return out | {"joules": bill.dynamic["total"], "seconds": bill.seconds[timing], "peak_bytes": _peak_bytes()}


def run_sanafe(case: Case, timing: str) -> dict[str, Any]:
    import sanafe

    from snmem.cost.export.sanafe import architecture

    network, placement = case.network(), case.placement()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arch.yaml"
        path.write_text("\n".join(architecture(load_chip(CHIP))))
        arch = sanafe.load_arch(str(path))
    cores = [core for tile in arch.tiles for core in tile.cores]
    begin = time.process_time()
    neuron, q = network["n"].neuron, network.projections[0]
    net = sanafe.Network()
    group = net.create_neuron_group("n", network["n"].size, default_synapse_hw_name="dense", soma_hw_name="lif")
    bias = neuron.vector("bias", network["n"].size)
    for i, c in enumerate(placement.core["n"]):
        values = {"threshold": neuron.theta, "reset": 0.0, "leak_decay": 1.0, "bias": float(bias[i])}
        group.neurons[i].set_attributes(soma_hw_name="lif", model_attributes=values)
        group.neurons[i].map_to_core(cores[c])
    edges = q.weights.tocoo()
    pairs = list(zip(edges.col.tolist(), edges.row.tolist(), strict=True))
    group.connect_neurons_sparse(group, {"weight": edges.data.tolist()}, pairs)
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    start = time.process_time()
    r = chip.sim(case.steps, timing_model=timing, processing_threads=1, perf_trace=True)
    seconds = time.process_time() - start
    found = (r["neurons_fired"], r["neurons_updated"], r["packets_sent"], r["spikes"], sum(r["perf_trace"]["hops"]))
    counters = {name: int(n) for name, n in zip(SAME, found, strict=True)}
    out = {"cpu_seconds": seconds, "setup_cpu_seconds": start - begin, "counters": counters}
    return out | {"joules": r["energy"]["total"], "seconds": r["sim_time"], "peak_bytes": _peak_bytes()}


def _child(side: str, case: Case, timing: str) -> dict[str, Any]:
    """One side in a process of its own, on one thread."""
    from snmem.errors import BackendError

    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    threads["SNMEM_FIRST_RUN"] = "compile"
    command = [sys.executable, __file__, side, json.dumps(vars(case)), timing]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads, timeout=TIMEOUT)
    if done.returncode:
        raise BackendError(f"bench cost: {side}, {case.name}, {timing} failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def _rows(case: Case, timing: str, ours: dict[str, Any], theirs: dict[str, Any]) -> list[dict[str, Any]]:
    name = f"{case.name}, {timing}"
    faster = theirs["cpu_seconds"] / ours["cpu_seconds"]  # both did the same synaptic events
    memory = ours["peak_bytes"] / theirs["peak_bytes"]
    differing = sum(ours["counters"][k] != theirs["counters"][k] for k in SAME)
    joules, seconds = (abs(ours[k] / theirs[k] - 1) for k in ("joules", "seconds"))
    limit = EXACT if timing == "simple" else DETAILED
    raw = {"snmem": ours, "sanafe": theirs}

    def row(what: str, value: float, target: float, unit: str, ok: bool, **more: Any) -> dict[str, Any]:
        return {"name": f"{name}: {what}", "value": value, "target": target, "unit": unit, "ok": ok} | more

    return [
        row("synaptic events per CPU second, over SANA-FE's", faster, SPEED, "ratio", faster >= SPEED, raw=raw),
        row("peak memory, over SANA-FE's", memory, MEMORY, "ratio", memory <= MEMORY),
        row("counters that differ", differing, 0, f"of {len(SAME)}", differing == 0),
        row("energy, relative difference", joules, EXACT, "", joules <= EXACT),
        row("time, relative difference", seconds, limit, "", seconds <= limit),
    ]


def bench_cost(quick: bool = False, report: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Rows of speed, memory and agreement for each network and timing model; ``quick``: smaller networks."""
    from snmem.errors import MissingDependencyError

    say = report or (lambda _: None)
    try:
        sanafe = version("sanafe")
    except ImportError:
        raise MissingDependencyError("bench cost: package 'sanafe' is absent; pip install sanafe==2.2.9") from None
    rows: list[dict[str, Any]] = []
    say("compiling what is not compiled yet")
    _child("snmem", QUICK[0], "detailed")
    for case in QUICK if quick else CASES:
        for timing in ("simple", "detailed"):
            say(f"{case.name}, {timing}: snmem")
            ours = _child("snmem", case, timing)
            say(f"{case.name}, {timing}: SANA-FE")
            rows += _rows(case, timing, ours, _child("sanafe", case, timing))
    cases = [vars(case) for case in (QUICK if quick else CASES)]
    return {"rows": rows, "ok": all(r["ok"] for r in rows), "sanafe": sanafe, "chip": CHIP, "cases": cases}


if __name__ == "__main__":
    _side, _case, _timing = sys.argv[1:]
    _run = {"snmem": run_snmem, "sanafe": run_sanafe}[_side]
    print("\n" + json.dumps(_run(Case(**json.loads(_case)), _timing)))
