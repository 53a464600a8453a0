"""What is measured of one memory, a run of a sweep each; every number is a mean over cues.

Accuracy is :math:`|x \\wedge \\hat x| / \\max(|x|, |\\hat x|)`: 1 if a pattern comes back exactly, less for bits that
are missing and for bits too many. Cues hold half of a pattern's ones unless said otherwise. ``load`` names files that
register memories, apart by colons (semicolons in Windows).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from math import comb, log2
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cost import bill
from ...errors import FileError, InputError
from ...memory import MEMORIES, SpikingMemory
from ...simulation import simulate
from ...tasks.patterns import partial_cues, random_patterns, tree_patterns
from .damage import dead_neurons, dead_synapses, drifted, rounded
from .peers import PEERS, package

CUES, INSERTED = (1.0, 0.75, 0.5, 0.25), (0.25, 0.5, 1.0)
SHARES, BITS, DRIFTS = (0.1, 0.25, 0.5), (1, 2, 4, 8), (0.1, 0.2, 0.3)
#: First and last age of a band; 1 is the newest.
AGES = ((1, 10), (11, 32), (33, 100), (101, 320), (321, 1000))
CHIPS = ("loihi1-nahuku", "spinnaker1")
LEVELS = (0.99, 0.95, 0.5)
#: Cues of one measurement at most, and of one in spikes.
PROBES, BILLED = 128, 10
Numbers = dict[str, Any]


def load_files(load: str) -> None:
    """Run the files that register memories.

    Raises
    ------
    FileError
        For a file that is missing or cannot be run.
    """
    for name in filter(None, load.split(os.pathsep)):
        path = Path(name)
        spec = spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileError(f"{path}: is no Python file; give one that registers a memory")
        try:
            spec.loader.exec_module(module_from_spec(spec))
        except Exception as error:
            raise FileError(f"{path}: cannot be run ({type(error).__name__}: {error}); mend it") from error


def make(memory: str, visible: int, active: int, bits: int, seed: int, load: str) -> Any:
    """An empty memory of at most so many bits."""
    load_files(load)
    if memory in PEERS:
        kind, needs = PEERS[memory]
        package(needs)
        return kind.for_patterns(visible, active, bits=bits, seed=seed)
    return MEMORIES[memory].for_patterns(visible, active, bits=bits, seed=seed)


def accuracy(recalled: Any, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Bits in both by the larger number of ones, (n,)."""
    found = np.asarray(recalled, bool)
    return (found & wanted).sum(axis=1) / np.maximum(np.maximum(found.sum(axis=1), wanted.sum(axis=1)), 1)


def score(memory: Any, patterns: NDArray[np.bool_], seed: int, share: float = 0.5) -> float:
    """Mean accuracy of some of the patterns, each from a share of its ones."""
    rng = np.random.default_rng(seed)
    some = patterns[rng.permutation(len(patterns))[:PROBES]]
    return float(accuracy(memory.recall(partial_cues(some, share, rng)), some).mean())


def capacity(
    memory: str, seed: int = 0, visible: int = 128, active: int = 8, bits: int = 65536, most: int = 2048, load: str = ""
) -> Numbers:
    """Patterns that are stored while the mean accuracy of all is at least 99, 95 and 50 %."""
    made, patterns = make(memory, visible, active, bits, seed, load), random_patterns(most, visible, active, seed)
    loads = np.unique(np.geomspace(min(8, most), most, 2 * int(log2(most)) - 4).round().astype(int))
    found, stored = np.full(len(loads), np.nan), 0
    for n, count in enumerate(loads):
        made.store(patterns[stored:count])
        stored = int(count)
        found[n] = score(made, patterns[:count], seed + n)
        if n and max(found[n - 1 : n + 1]) < min(LEVELS) / 2:
            break
    held = [crossing(loads, found, level) for level in LEVELS]
    information = held[1] * log2(comb(visible, active)) / made.bits
    named = {f"patterns_{level:.0%}".replace("%", ""): value for level, value in zip(LEVELS, held, strict=True)}
    return {**named, "bits": made.bits, "bits_per_bit": information, "loads": loads, "accuracy": found}


def crossing(loads: NDArray[Any], values: NDArray[Any], level: float) -> float:
    """The largest load at which accuracy reaches a level, interpolated in its logarithm.

    0 if it never does; the largest load measured if it does there.
    """
    reached = np.flatnonzero(values >= level)
    if not reached.size:
        return 0.0
    n = int(reached[-1])
    if n + 1 == len(values) or not np.isfinite(values[n + 1]):
        return float(loads[n])
    share = (values[n] - level) / (values[n] - values[n + 1])
    return float(np.exp(np.log(loads[n]) + share * np.log(loads[n + 1] / loads[n])))


def cues(
    memory: str, seed: int = 0, visible: int = 128, active: int = 8, bits: int = 65536, count: int = 64, load: str = ""
) -> Numbers:
    """Accuracy from cues with ones erased, and from whole patterns with others inserted; familiarity of new ones."""
    made, patterns = make(memory, visible, active, bits, seed, load), random_patterns(count, visible, active, seed)
    made.store(patterns)
    some = patterns[:PROBES]
    more = [with_insertions(some, share, seed) for share in INSERTED]
    new = random_patterns(PROBES, visible, active, seed + 1000)
    known, unknown = made.familiarity(partial_cues(some, 0.5, seed)), made.familiarity(new)
    apart = (known[:, None] > unknown).mean() + 0.5 * (known[:, None] == unknown).mean()
    return {
        "erased": [score(made, patterns, seed, share) for share in CUES],
        "inserted": [float(accuracy(made.recall(cue), some).mean()) for cue in more],
        "told_apart": float(apart),
        "false_alarms": float((unknown >= made.threshold).mean()),
    }


def with_insertions(patterns: NDArray[np.bool_], share: float, seed: int) -> NDArray[np.bool_]:
    """Patterns with random further ones, a share of as many as they have."""
    rng, out = np.random.default_rng(seed), patterns.copy()
    for row in out:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(len(free), round(share * row.sum())), replace=False)] = True
    return out


def age(
    memory: str, seed: int = 0, visible: int = 128, active: int = 8, bits: int = 65536, most: int = 2048, load: str = ""
) -> Numbers:
    """Accuracy by age when many more patterns have been stored than the memory holds."""
    made, patterns = make(memory, visible, active, bits, seed, load), random_patterns(most, visible, active, seed)
    made.store(patterns)
    newest = patterns[::-1]
    return {"by_age": [score(made, newest[a - 1 : b], seed) if a <= most else np.nan for a, b in AGES]}


def similarity(
    memory: str, seed: int = 0, visible: int = 128, active: int = 8, bits: int = 65536, count: int = 64, load: str = ""
) -> Numbers:
    """Accuracy for patterns that resemble each other, the leaves of a tree, beside random ones."""
    tree = tree_patterns(4 * count, max(1, active // 4), visible, active, seed)
    leaves = np.unique(tree.shuffled_leaves(seed), axis=0)
    leaves = np.random.default_rng(seed).permutation(leaves)[:count]
    scores = []
    for patterns in (random_patterns(len(leaves), visible, active, seed), leaves):
        made = make(memory, visible, active, bits, seed, load)
        made.store(patterns)
        scores.append(score(made, patterns, seed))
    return {"random": scores[0], "similar": scores[1], "stored": len(leaves)}


def damage(
    memory: str, seed: int = 0, visible: int = 128, active: int = 8, bits: int = 65536, count: int = 64, load: str = ""
) -> Numbers:
    """Accuracy with dead neurons, dead synapses, weights of few bits, and drift."""
    made, patterns = make(memory, visible, active, bits, seed, load), random_patterns(count, visible, active, seed)
    made.store(patterns)

    def after(harm: Callable[..., Any], *values: Any) -> float:
        return score(harm(made, *values), patterns, seed)

    return {
        "whole": score(made, patterns, seed),
        "neurons": [after(dead_neurons, share, seed) for share in SHARES],
        "synapses": [after(dead_synapses, share, seed) for share in SHARES],
        "precision": [after(rounded, number) for number in BITS],
        "drift": [after(drifted, sd, seed) for sd in DRIFTS],
    }


def energy(
    memory: str, seed: int = 0, visible: int = 128, active: int = 8, bits: int = 65536, count: int = 64, load: str = ""
) -> Numbers:
    """Steps, spikes, synaptic events, joules and seconds of a recall in spikes, and whether it gives the same bits.

    Joules are dynamic and static ones, seconds those of a chip that runs freely. NaN without a spiking form.
    """
    made, patterns = make(memory, visible, active, bits, seed, load), random_patterns(count, visible, active, seed)
    names = ("steps", "neurons", "spikes", "events", "differing")
    out: Numbers = dict.fromkeys((*names, *(f"{what}_{n}" for what in ("joules", "seconds") for n in range(2))), np.nan)
    made.store(patterns)
    if not isinstance(made, SpikingMemory):
        return out
    shown = partial_cues(patterns[:BILLED], 0.5, seed)
    inputs, steps = made.recall_inputs(shown)
    network = made.network()
    run = simulate(network, inputs, steps, counters=True)
    counters = run.counters
    out["steps"], out["neurons"] = steps / len(shown), sum(p.size for p in network.populations)
    out["spikes"] = sum(counters.spikes.values()) / len(shown)
    out["events"] = sum(counters.synaptic_events.values()) / len(shown)
    out["differing"] = int((made.read(run) != made.recall(shown)).sum())
    for n, chip in enumerate(CHIPS):
        try:
            per = bill(network, run, chip, items=len(shown), limits="report").per_item()
        except InputError:  # a chip without such neurons
            continue
        joules, seconds = per["joules_per_item"], per["seconds_per_item"]
        out[f"joules_{n}"], out[f"seconds_{n}"] = (np.nan if x is None else float(x) for x in (joules, seconds))
    return out


#: Parts by name.
PARTS: dict[str, Callable[..., Numbers]] = {
    part.__name__: part for part in (capacity, cues, age, similarity, damage, energy)
}


def run(
    memory: str,
    part: str,
    seed: int = 0,
    visible: int = 128,
    active: int = 8,
    bits: int = 131072,
    count: int = 64,
    most: int = 2048,
    load: str = "",
) -> Numbers:
    """One part for one memory, under names that begin with that of the part.

    Parameters
    ----------
    memory, part : str
        Names, in the registry or among the peers, and in ``PARTS``.
    seed : int
        Of patterns, cues and memory.
    visible, active : int
        Bits and ones of a pattern.
    bits : int
        Largest storage.
    count : int
        Patterns stored, where not their number is measured.
    most : int
        Patterns stored at most, or before their ages are looked at.
    load : str
        Files that register memories.

    Raises
    ------
    InputError
        For unknown names, or if the memory does not fit into ``bits``.
    """
    if part not in PARTS:
        raise InputError(f"bench memories: part {part!r} is unknown; use one of {', '.join(PARTS)}")
    size = {"most": most} if part in ("capacity", "age") else {"count": count}
    found = PARTS[part](memory, seed, visible, active, bits, load=load, **size)
    return {f"{part}_{name}": value for name, value in found.items()}
