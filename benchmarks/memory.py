"""The K-winner memory at algorithm level: cost of a store and a recall, throughput beside peers, and scale.

* Costs in the paper's main configuration, in CPU time, against those of the authors' code (measured once, single
  thread, AMD EPYC: 2.36 ms a store, 1.42 ms a retrieval).
* Recalls per second from half of the ones at 10**3 to 10**6 stored patterns, beside exact search (faiss, on floats and
  on bits) and softmax retrieval (torch, a modern Hopfield network), all on one thread, in batches. The peers keep every
  pattern and return it whole; the K-winner memory is of fixed size and keeps the newest few hundred: what each recalls
  stands beside its speed.
* A memory of 1 million hidden units and 50 million synapses; time of a store by active synapses and by hidden units.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem.errors import MissingDependencyError
from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.metrics import accuracy
from snmem.tasks.patterns import partial_cues, random_patterns

#: CPU seconds of the authors' code for a store and a retrieval, and the shares of them we want to need at most.
REFERENCE = {"store": (2.36e-3, 60), "recall": (1.42e-3, 40)}
BATCH, NEWEST = 64, 10
GIGABYTES = 2.0
#: Exponent of hidden units in the time of a store that may remain at equal numbers of active synapses (cache misses).
HIDDEN_EXPONENT = 0.4
Say = Callable[[str], None]


def bench_memory(
    quick: bool = False, report: Callable[[str], None] | None = None, out: Path | None = None
) -> dict[str, Any]:
    """Rows on costs, peers and scale; with ``out``, the plot of the time of a store."""
    say = report or (lambda _: None)
    rows = cost_rows(say) + peer_rows((10**3, 10**4) if quick else (10**3, 10**4, 10**5, 10**6), say)
    found = measure_scale(quick, say)
    rows += scale_rows(found)
    files = [plot_scale(found, out)] if out else []
    return {"rows": rows, "ok": all(row["ok"] for row in rows), "scale": found, "files": files}


def bench_row(name: str, value: float, target: Any, unit: str, ok: bool, **raw: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "target": target, "unit": unit, "ok": bool(ok), "raw": raw}


def cost_rows(say: Say, count: int = 4000) -> list[dict[str, Any]]:
    """CPU time of a store and a recall in the main configuration, best of three."""
    say(f"cost: {count} stores and {count} recalls in the main configuration")
    config = KWinnerConfig.main()
    patterns = random_patterns(count, config.visible, config.active, 0)
    memory = KWinnerMemory(config, 0)
    memory.store(patterns)  # no unit is unused any more
    verbs = {"store": memory.store, "recall": memory.recall}
    rows = []
    for verb, (reference, share) in REFERENCE.items():
        seconds = best(lambda verb=verb: verbs[verb](patterns), time.process_time) / count
        raw = {"reference_us": 1e6 * reference, "times_faster": reference / seconds}
        limit = 1e6 * reference / share
        name = f"one {verb}, main configuration (reference / {share})"
        rows.append(bench_row(name, 1e6 * seconds, limit, "us CPU", 1e6 * seconds <= limit, **raw))
    return rows


def best(run: Callable[[], Any], clock: Callable[[], float] = time.perf_counter, times: int = 3) -> float:
    """Least seconds of several runs, after one to warm up."""
    run()
    seconds = []
    for _ in range(times):
        began = clock()
        run()
        seconds.append(clock() - began)
    return min(seconds)


def peer_rows(sizes: tuple[int, ...], say: Say) -> list[dict[str, Any]]:
    """Recalls per second of everyone, and the share of bits that is right, for each number of stored patterns."""
    config, rng = KWinnerConfig.main(), np.random.default_rng(1)
    memory, stored = KWinnerMemory(config, 1), 0
    patterns = random_patterns(max(sizes), config.visible, config.active, rng)
    rows = []
    for size in sizes:
        say(f"throughput at {size} stored patterns")
        for first in range(stored, size, 10_000):
            memory.store(patterns[first : min(first + 10_000, size)])
        stored = size
        items = patterns[:size]
        index = rng.integers(0, size, BATCH)
        index[:NEWEST] = np.arange(size - NEWEST, size)  # the newest first
        cues = partial_cues(items[index], 0.5, rng)
        ours = timed(lambda cues=cues: memory.recall(cues), items[index])
        for name, peer in PEERS.items():
            theirs = peer(items, cues, index)
            ratio = ours["per_second"] / theirs["per_second"]
            who = "K-winner faster" if ratio > 1 else f"{name} faster"
            title = f"{size} stored: recalls per second, K-winner to {name} ({who})"
            rows.append(bench_row(title, ratio, "shown", "ratio", True, kwinner=ours, peer=theirs))
    return rows


def timed(run: Callable[[], Any], wanted: Any) -> dict[str, float]:
    """Recalls per second, and the share of ones recovered of the newest patterns and of all."""
    scores = accuracy(run(), wanted)
    seconds = best(run) / len(wanted)
    return {"per_second": 1 / seconds, "newest": float(scores[:NEWEST].mean()), "all": float(scores.mean())}


def softmax_torch(items: Any, cues: Any, index: Any) -> dict[str, float]:
    """Softmax retrieval as in hopfield-layers: attention over all stored patterns, largest entries of the mean."""
    import torch

    torch.set_num_threads(1)
    keys, queries = (torch.from_numpy(np.asarray(x, np.float32)) for x in (items, cues))

    def run() -> Any:
        with torch.inference_mode():
            drives = torch.softmax(queries @ keys.T, dim=1) @ keys
            recalled = torch.zeros_like(drives, dtype=torch.bool)
            recalled.scatter_(1, drives.topk(KWinnerConfig.main().active, dim=1).indices, True)
            return recalled.numpy()

    return timed(run, items[index])


def faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise MissingDependencyError("bench memory: package 'faiss' is absent; pip install faiss-cpu") from None
    faiss.omp_set_num_threads(1)
    return faiss


def exact_floats(items: Any, cues: Any, index: Any) -> dict[str, float]:
    """The nearest pattern by inner product, exact."""
    search = faiss().IndexFlatIP(items.shape[1])
    for first in range(0, len(items), 50_000):
        search.add(items[first : first + 50_000].astype(np.float32))
    queries = cues.astype(np.float32)
    return timed(lambda: items[search.search(queries, 1)[1][:, 0]], items[index])


def exact_bits(items: Any, cues: Any, index: Any) -> dict[str, float]:
    """The nearest pattern by Hamming distance on packed bits: the same order, since all patterns have as many ones."""
    search = faiss().IndexBinaryFlat(items.shape[1])
    search.add(np.packbits(items, axis=1))
    queries = np.packbits(cues, axis=1)
    return timed(lambda: items[search.search(queries, 1)[1][:, 0]], items[index])


PEERS = {"softmax in torch": softmax_torch, "faiss on floats": exact_floats, "faiss on bits": exact_bits}


def measure_scale(quick: bool, say: Say) -> dict[str, Any]:
    """Time and memory for growing hidden layers, and for growing patterns, each in a process of its own."""
    by_hidden = []
    for hidden in (20_000, 200_000) if quick else (2_000, 20_000, 100_000, 200_000, 500_000, 1_000_000):
        say(f"scale: {hidden} hidden units of 50 synapses")
        by_hidden.append(scale_child(hidden, 100))
    say(f"scale: {by_hidden[-1]['hidden']} hidden units over 1000 visible ones, as dense as the paper's")
    dense = scale_child(by_hidden[-1]["hidden"], 100, 1000, 40)
    by_active = []
    for active in (25, 100, 400) if quick else (25, 50, 100, 200, 400, 800):
        say(f"scale: {active} ones a pattern")
        by_active.append(scale_child(100_000, active))
    return {"by_hidden": by_hidden, "by_active": by_active, "dense": dense}


def scale_child(hidden: int, active: int, visible: int | None = None, count: int = 500) -> dict[str, Any]:
    """Run :func:`scale` in a fresh process, whose memory is its own."""
    call = f"scale({hidden}, {active}, {visible or hidden // 2}, {count})"
    load = "import json; from snmem.installation.content import load_script"
    code = f"{load}; print(json.dumps(load_script('benchmarks', 'memory').{call}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def scale(hidden: int, active: int, visible: int, count: int) -> dict[str, Any]:
    """Store and recall sparse patterns; a pattern meets active * hidden * 50 / visible synapses."""
    config = KWinnerConfig(visible, hidden, active=active)
    rng = np.random.default_rng(0)
    memory = KWinnerMemory(config, 0)
    units = [np.sort(rng.choice(visible, active, replace=False)) for _ in range(count)]
    patterns = as_rows(units, visible)
    halves = as_rows([u[rng.permutation(active) < active // 2] for u in units], visible)
    store = best(lambda: memory.store(patterns)) / count
    recall = best(lambda: memory.recall(halves)) / count
    found = memory.recall(halves)
    return {
        "hidden": hidden,
        "synapses": config.synapses,
        "active_synapses": active * config.synapses // config.visible,
        "store_us": 1e6 * store,
        "recall_us": 1e6 * recall,
        "accuracy": float(found.multiply(patterns).sum() / patterns.sum()),
        "gigabytes": peak_memory() / 1e9,
    }


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    import resource

    status = Path("/proc/self/status")
    if status.is_file():  # the figure of resource covers the parent, too, up to its fork
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(peak.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def as_rows(units: list[Any], size: int) -> sp.csr_array:
    ends = np.concatenate([[0], np.cumsum([len(u) for u in units])])
    return sp.csr_array((np.ones(ends[-1], bool), np.concatenate(units), ends), (len(units), size))


def scale_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Memory of the largest, and exponents of hidden units and of active synapses in the time of a store."""
    largest, dense = found["by_hidden"][-1], found["dense"]
    wide = [run for run in found["by_hidden"] if run["hidden"] > run["active_synapses"]]  # units beyond active synapses
    hidden = exponent([run["hidden"] for run in wide], [run["store_us"] for run in wide])
    runs = found["by_active"]
    active = exponent([run["active_synapses"] for run in runs], [run["store_us"] for run in runs])
    gigabytes = max(largest["gigabytes"], dense["gigabytes"])
    size = f"{dense['hidden']} hidden units, {dense['synapses']} synapses"
    title = f"{size}: bits recalled from half cues, 1000 visible units"
    same = "store time ~ hidden units ** x, at equal active synapses"
    return [
        bench_row(f"{size}: memory", gigabytes, GIGABYTES, "GB", gigabytes <= GIGABYTES, sparse=largest, dense=dense),
        bench_row(title, dense["accuracy"], 0.7, "share", dense["accuracy"] >= 0.7),
        bench_row(same, hidden, HIDDEN_EXPONENT, "x", hidden <= HIDDEN_EXPONENT),
        bench_row("store time ~ active synapses ** x", active, 1.2, "x", active <= 1.2),
    ]


def exponent(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def plot_scale(found: dict[str, Any], out: Path) -> str:
    """Time of a store and a recall against active synapses, and against hidden units."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, runs, key, label in (
        (left, found["by_active"], "active_synapses", "active synapses (100,000 hidden units)"),
        (right, found["by_hidden"], "hidden", "hidden units (10,000 active synapses)"),
    ):
        for verb in ("store", "recall"):
            ax.loglog([run[key] for run in runs], [run[f"{verb}_us"] for run in runs], "o-", label=verb)
        ax.set(xlabel=label, ylabel="µs")
        ax.legend(frameon=False)
    path = out / "memory-scale.png"
    figure.savefig(path, dpi=150)
    return str(path)
