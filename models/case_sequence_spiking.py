"""The QK-MHN-transformer wholly in spikes: every sequence of the Case Sequence Task, on every runtime.

Slow weights are trained by the local rule of Bhandarkar & McClelland 2025 (arXiv 2511.04593, section 3), then keys,
queries, values, the choice of the hidden unit, the writing of the fast weights and the answer are spikes of LIF
neurons. Three forms of the network: fast weights that are plastic synapses; fast weights that are neurons, for runtimes
without plasticity; and keys written by Loihi's learning engine, on the emulator and in Lava, with values in neurons.
``raw`` holds steps, spikes, synaptic events and joules of an answer.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Network
from snmem.attention import MODELS, SpikingTransformer, spiking_transformer, train
from snmem.attention.network import FORMS
from snmem.attention.transformer.figures import query_raster
from snmem.cost import bill
from snmem.errors import MissingDependencyError
from snmem.io.files import replace_file
from snmem.protocols.rows import expected, not_run, result
from snmem.quantization.grid import quantize
from snmem.simulation import simulate
from snmem.spikes import Recording
from snmem.tasks.case_sequence import Sequences

RUNTIMES = ("event", "loihi", "lava_fixed")
CHIP = "loihi1-nahuku"
#: Sequences that are billed.
BILLED = 24


def differing(a: Recording, b: Recording) -> int:
    """Cells of all spike records in which two runs differ."""
    return sum(a.spikes[name].differing(spikes)[0] for name, spikes in b.spikes.items())


def cost(model: SpikingTransformer, sequences: Sequences) -> dict[str, Any]:
    """Steps, spikes, synaptic events and joules of one answer, context included."""
    network = quantize(model.network).network
    inputs, steps = model.inputs(sequences)
    run = simulate(network, inputs, steps, "loihi", counters=True)
    made = bill(network, run, CHIP, items=len(sequences), limits="report")
    per = made.per_item()
    return {
        "neurons": sum(p.size for p in network.neurons),
        "steps": model.steps_per_answer,
        "spikes": made.counters["spikes"] / len(sequences),
        "synaptic_events": made.counters["synaptic_events"] / len(sequences),
        "dynamic_joules": per["dynamic_joules_per_item"],
        "joules": per["joules_per_item"],
        "chip": CHIP,
        "unpriced": list(made.unpriced),
    }


def on_runtimes(
    model: SpikingTransformer, sequences: Sequences, copies: int, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Answers of the event engine, the emulator and Lava to the same sequences; their spikes compared."""
    runs, absent, rows, form = {}, {}, [], model.attention.form
    for backend in RUNTIMES:
        report(f"{form}, {backend}: {len(sequences)} sequences in {copies} networks side by side")
        name = f"{form}, {backend}: share right of {len(sequences)}"
        try:
            answers, runs[backend] = model.run(sequences, backend, copies)
        except MissingDependencyError as error:  # the other rows are kept
            absent[backend] = str(error)
            rows.append(not_run(name, str(error), 1.0, 0.0))
        else:
            rows.append(expected(name, float((answers == sequences.upper).mean()), 1.0, 0.0))
    for backend in (name for name in RUNTIMES if name != "loihi"):
        name = f"{form}, {backend} and loihi: spikes that differ"
        if backend in absent:
            rows.append(not_run(name, absent[backend], 0, 0, "cells"))
        else:
            rows.append(expected(name, differing(runs[backend], runs["loihi"]), 0, 0, "cells"))
    return rows


def network(seed: int = 0, form: str = "cells", iterations: int = 2000) -> Network:
    """The network of a model trained on the task by the local rule; form "cells" holds its context in LIF neurons."""
    training = train(MODELS["QK, projected"], iterations=iterations, trials=1, seed=seed)
    return spiking_transformer(training, 0, form).network


def run(seed: int = 0, form: str = "cells", backend: str = "event", sequences: int = 100) -> dict[str, float]:
    """Train a model and answer random sequences in spikes: share right; steps, spikes and events of an answer."""
    model = spiking_transformer(train(MODELS["QK, projected"], iterations=2000, trials=1, seed=seed), 0, form)
    asked = model.task.sample(sequences, seed)
    answers, recording = model.run(asked, backend)
    counters = recording.counters
    return {
        "share right": float((answers == asked.upper).mean()),
        "steps": float(model.steps_per_answer),
        "spikes": sum(counters.spikes.values()) / sequences,
        "synaptic events": sum(counters.synaptic_events.values()) / sequences,
    }


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Train, answer all 1536 sequences on every runtime, compare spikes; ``quick``: 200 of them on Lava.

    The form that learns on chip answers 200 in any case: Lava's learning is slow.
    """
    began = time.perf_counter()
    report("training the slow weights")
    training = train(MODELS["QK, projected"], trials=2 if quick else 10, seed=seed)
    sequences = training.task.all()
    rows, events = [], {}
    for form in FORMS:
        scores = []
        for trial in range(len(training.w_k)):
            report(f"trial {trial}, {form}: {len(sequences)} sequences on the event engine")
            answers, run = spiking_transformer(training, trial, form).run(sequences)
            scores.append(float((answers == sequences.upper).mean()))
        rows.append(expected(f"{form}, event: share right, worst trial", min(scores), 1.0, 0.0))
        counts = {"spikes": run.counters.spikes, "synaptic_events": run.counters.synaptic_events}
        counts["weight_updates"] = run.counters.weight_updates
        events[form] = {name: sum(count.values()) / len(sequences) for name, count in counts.items()}
    model = spiking_transformer(training)
    some = sequences[np.random.default_rng(seed).choice(len(sequences), 200, replace=False)]
    rows += on_runtimes(model, some if quick else sequences, 50 if quick else 128, report)
    rows += on_runtimes(spiking_transformer(training, 0, "onchip"), some, 10, report)
    raw: dict[str, Any] = {"cost of an answer": cost(model, sequences[:BILLED]), "events of an answer": events}
    raw["cost of an answer"]["period"] = model.attention.period
    files = []
    if out:
        with replace_file(out / "query.png") as file:
            query_raster(model, sequences[len(sequences) // 2 :][:1]).savefig(file, dpi=120, format="png")
        files.append(str(out / "query.png"))
    return result(rows, raw, files, seed, began)
