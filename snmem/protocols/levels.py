"""Two levels of a memory beside each other: its network on every runtime, what a recall costs, and cues with errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cost import bill
from ..errors import NetworkError
from ..memory.base import SpikingMemory
from ..quantization.grid import quantize
from ..simulation import simulate
from .rows import expected, finding

#: The engine in floating point, Loihi's integers on the emulator, and in Lava.
RUNTIMES = ("event", "loihi", "lava_fixed")
CHIP = "loihi1-nahuku"


def runtime_rows(
    name: str, memory: SpikingMemory, cues: NDArray[Any], runtimes: Sequence[str] = RUNTIMES, say: Any = None
) -> list[dict[str, Any]]:
    """Rows with the bits in which the network recalls otherwise than the algorithm, for each runtime.

    Parameters
    ----------
    name : str
        Begins the names of the rows.
    memory : SpikingMemory
        What has stored something.
    cues : array (n, visible)
        What is asked.
    runtimes : sequence of str
        Backends.
    say : function or None
        Told which runtime begins.
    """
    network, (inputs, steps) = memory.network(), memory.recall_inputs(cues)
    wanted, rows = memory.recall(cues), []
    integer = quantize(network).network
    for runtime in runtimes:
        if say:
            say(f"{name}: {len(cues)} recalls in spikes on {runtime}")
        run = simulate(network if runtime == "event" else integer, inputs, steps, runtime)
        wrong = int((memory.read(run) != wanted).sum())
        rows.append(expected(f"{name}, {runtime}: bits unlike the algorithm", wrong, 0, 0, "bits"))
    return rows


def storing_rows(
    name: str, fresh: Any, patterns: NDArray[Any], wanted: Sequence[NDArray[Any]], runtimes: Sequence[str] = RUNTIMES
) -> list[dict[str, Any]]:
    """Rows with the weights that the learning network learns otherwise than the algorithm, for each runtime.

    Parameters
    ----------
    name : str
        Begins the names of the rows.
    fresh : memory
        With ``learning_network``, ``storing_inputs`` and ``learned``.
    patterns : array (n, visible)
        What it stores.
    wanted : sequence of arrays
        What ``learned`` should return.
    runtimes : sequence of str
        Backends.
    """
    network, (inputs, steps) = fresh.learning_network(), fresh.storing_inputs(patterns)
    rows = []
    for runtime in runtimes:
        run = simulate(network if runtime == "event" else quantize(network).network, inputs, steps, runtime)
        found = fresh.learned(run)
        pairs = zip(found if isinstance(found, tuple) else (found,), wanted, strict=True)
        wrong = sum(int((a != b).sum()) for a, b in pairs)
        rows.append(expected(f"{name}, {runtime}: weights unlike the algorithm", wrong, 0, 0, "weights"))
    return rows


def refused_row(name: str, memory: Any) -> dict[str, Any]:
    """A row that says that the learning network has no form in Loihi's integers; the memory's module says why."""
    try:
        quantize(memory.learning_network())
        found = "converted by quantize"
    except NetworkError:
        found = "refused by quantize"
    return finding(f"{name}, loihi and lava_fixed", found, "refused by quantize")


def recall_cost(memory: SpikingMemory, cues: NDArray[Any], chip: str = CHIP) -> dict[str, Any]:
    """Steps, spikes, synaptic events, seconds and joules of a recall, on average over ``cues``."""
    network, (inputs, steps) = memory.network(), memory.recall_inputs(cues)
    made = bill(network, simulate(network, inputs, steps, counters=True), chip, items=len(cues), limits="report")
    per = made.per_item()
    counts = {name: made.counters[name] / len(cues) for name in ("spikes", "synaptic_events")}
    joules = {"dynamic_joules": per["dynamic_joules_per_item"], "joules": per["joules_per_item"]}
    return {"chip": chip, "steps": steps / len(cues), **counts, **joules, "unpriced": list(made.unpriced)}


def with_errors(patterns: NDArray[np.bool_], bits: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Patterns with that many random bits of each turned over."""
    out = patterns.copy()
    at = rng.random(out.shape).argpartition(bits, axis=1)[:, :bits]
    np.put_along_axis(out, at, ~np.take_along_axis(out, at, axis=1), axis=1)
    return out


def mean_and_sd(measure: Callable[[int], Sequence[float]], seeds: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean and standard deviation over seeds of what ``measure`` returns for each."""
    found = np.array([measure(seed) for seed in seeds], float)
    return found.mean(axis=0), found.std(axis=0, ddof=1) if len(found) > 1 else np.zeros(found.shape[1:])
