"""The main job, end to end: real data into a spiking memory, recalled, through NIR to Lava, with the bill.

Sparse patterns of the items are stored one-shot by local learning in a spiking K-winner memory, recalled from damaged
cues and decoded. The frozen memory is written as NIR, read back, run on every runtime, and billed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import encode
from .._compiling import compiled_first
from ..circuits import Race
from ..errors import FileError, InputError
from ..lava import LavaSession
from ..lava.shim import require_lava
from ..memory.kwinner import KWinnerMemory
from ..memory.spiking import SpikingKWinnerMemory
from ..metrics import accuracy, identified
from ..network import Network
from ..nir_io import read_nir, write_nir
from ..quantization.grid import quantize
from ..simulation import simulate
from ..tasks.patterns import partial_cues

CHIPS = ("loihi1-davies2018", "loihi1-nahuku")
#: Digits stored; items recalled at the most; cues that every runtime answers; share of a line's characters replaced.
DIGITS, NEWEST, COMPARED, REPLACED = 300, 50, 20, 0.2
#: Bits a cue keeps, for images and vectors; share of its words that a sentence loses.
KEPT, LOST = 0.5, 0.3

Say = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """Items to store and the damaged cues to recall them from.

    kind : "images", "text" or "vectors".    items : what is stored, oldest first.    encoder : fitted to them.
    patterns : bool (items, visible).    damaged : the newest items as damaged for people to see, or None for pictures.
    cues : bool (newest, visible).    never, never_cues : patterns that are not stored, and their cues.
    """

    kind: str
    items: Any
    encoder: encode.Encoder
    patterns: NDArray[np.bool_]
    damaged: list[str] | None
    cues: NDArray[np.bool_]
    never: NDArray[np.bool_]
    never_cues: NDArray[np.bool_]

    @property
    def newest(self) -> int:
        """Number of items recalled, the last ones stored."""
        return len(self.cues)


def prepare(data: str | Path, seed: int, meaning: bool = False) -> Task:
    """Read and encode ``data``: "digits", a text file (one memory a line) or an .npy file of vectors (one a row).

    Items that are not stored: other digits; lines and vectors with their characters or components shuffled. With
    ``meaning``, lines of a text file become patterns by what they mean, and cues lose words.

    Raises
    ------
    FileError, InputError
        For a file that is missing or not usable.
    """
    rng = np.random.default_rng(seed)
    if meaning and (str(data) == "digits" or Path(data).suffix == ".npy"):
        raise InputError(f"demo: --meaning is for text, but the data are {str(data)!r}; name a text file")
    if str(data) == "digits":
        images = encode.load_digits()[0]
        chosen = images[rng.permutation(len(images))[: DIGITS + NEWEST]].astype(float)
        return _numeric_task("images", chosen[:DIGITS], chosen[DIGITS:], rng)
    if Path(data).suffix == ".npy":
        vectors = encode.load_vectors(data)
        return _numeric_task("vectors", vectors, rng.permuted(vectors[-NEWEST:], axis=0), rng)
    return _text_task(encode.load_text(data), rng, meaning)


def _text_task(lines: list[str], rng: np.random.Generator, meaning: bool) -> Task:
    if meaning:
        from ..language.meaning import MeaningEncoder, drop_words

        config = encode.recommended_config("text")
        encoder, damage, share = MeaningEncoder(config.visible, config.active).fit(lines), drop_words, LOST
    else:
        encoder, damage, share = encode.default_encoder("text", lines), encode.replace_characters, REPLACED
    newest = lines[-NEWEST:]
    never = ["".join(rng.permutation(list(line))) for line in newest]
    damaged, never_damaged = (damage(x, share, rng) for x in (newest, never))
    patterns = (encoder.encode(x) for x in (lines, damaged, never, never_damaged))
    stored, cues, *others = patterns
    return Task("text", lines, encoder, stored, damaged, cues, *others)


def _numeric_task(kind: str, items: Any, other: Any, rng: np.random.Generator) -> Task:
    encoder = encode.default_encoder(kind, items)
    patterns, never = encoder.encode(items), encoder.encode(other)
    cues, never_cues = (partial_cues(x, KEPT, rng) for x in (patterns[-NEWEST:], never))
    return Task(kind, items, encoder, patterns, None, cues, never, never_cues)


@compiled_first()
def compare_runtimes(
    network: Network, integer: Network, inputs: Any, steps: int, lava: bool, say: Say
) -> dict[str, Any]:
    """Cells and differing cells of every runtime against its reference, over all populations.

    Float: ``event`` and ``lava_float`` against the reference step. Integers: ``loihi`` and ``lava_fixed`` against the
    reference step in Loihi's arithmetic.
    """
    result: dict[str, Any] = {}
    for net, runtimes in ((network, ("event", "lava_float")), (integer, ("loihi", "lava_fixed"))):
        say(f"reference step, {net.arithmetic} arithmetic")
        expected = simulate(net, inputs, steps, "reference").spikes
        for name in runtimes:
            if name.startswith("lava") and not lava:
                continue
            say(f"running on {name}")
            began = time.perf_counter()
            spikes = simulate(net, inputs, steps, name).spikes
            differing = {p: s.differing(expected[p]) for p, s in spikes.items()}
            first = [at for _, at in differing.values() if at is not None]
            result[name] = {
                "against": f"reference ({net.arithmetic})",
                "steps": steps,
                "cells": sum(s.steps * s.size for s in spikes.values()),
                "spikes": sum(len(s) for s in spikes.values()),
                "differing": sum(n for n, _ in differing.values()),
                "first_step": min(first, default=None),
                "seconds": time.perf_counter() - began,
            }
    return result


def cost(network: Network, inputs: Any, steps: int, recalls: int) -> dict[str, Any]:
    """Bill of the recalls on every chip: joules and seconds per recall, dynamic and static apart, and the counters."""
    from ..cost import measure

    result = {}
    for chip in CHIPS:
        made = measure(network, inputs, steps, chip, backend="loihi", items=recalls, limits="report")
        per = made.per_item()
        result[chip] = {
            "joules_per_recall": per["joules_per_item"],
            "dynamic_joules_per_recall": per["dynamic_joules_per_item"],
            "static_joules_per_recall": per["static_joules_per_item"],
            "host_joules_per_recall": per["host_joules_per_item"],
            "seconds_per_recall": per["seconds_per_item"],
            "throttled": {key.removeprefix("throttled_"): x for key, x in per.items() if key.startswith("throttled_")},
            **made.to_dict(),
        }
    return result


def demo(
    data: str | Path = "digits",
    out: Path | None = None,
    seed: int = 0,
    lava: bool = True,
    say: Say = print,
    meaning: bool = False,
) -> dict:
    """Run the main job.

    Parameters
    ----------
    data
        "digits", a UTF-8 text file with one memory a line, or an .npy file with one vector a row.
    out
        Folder for the NIR file and the pictures; None keeps neither.
    seed
        Of the choice of items, the damage, and the memory's synapses.
    lava
        Also run on Lava, which must then be installed.
    say
        Told what happens.
    meaning
        Lines of a text file are stored by what they mean (vectors of MiniLM), and recalled from some of their words.

    Returns
    -------
    dict with ``data``, ``recall``, ``kwta`` (a report per strategy), ``conformance`` (per runtime), ``cost`` (per
    chip), ``network``, ``files``, ``seed``, ``seconds`` and ``ok``.

    Raises
    ------
    SnmemError
        For unusable data, or a runtime that is not installed.
    """
    began = time.perf_counter()
    if lava:
        require_lava()
    say(f"reading and encoding {data}")
    task = prepare(data, seed, meaning)
    config = encode.recommended_config(task.kind)
    spiking, algorithm = SpikingKWinnerMemory(config, seed), KWinnerMemory(config, seed)
    say(f"storing {len(task.patterns)} items one-shot in {config.hidden} hidden neurons")
    stored = spiking.store(task.patterns)
    algorithm.store(task.patterns)
    say(f"recalling the newest {task.newest} from damaged cues")
    recalled = spiking.recall(task.cues)
    recall = _scores(task, recalled, algorithm.recall(task.cues), spiking.recall(task.never_cues))
    kwta = {m.kwta.name: m.kwta_report(task.cues) for m in (spiking, spiking.with_kwta(Race()))}
    say("writing the frozen memory as NIR and reading it back")
    network, files, nir_bytes = _through_nir(spiking.recall_network, out)
    integer = quantize(network).network
    inputs, steps = spiking.recall_inputs(task.cues[-COMPARED:])
    with LavaSession() if lava else nullcontext():
        conformance = compare_runtimes(network, integer, inputs, steps, lava, say)
    say(f"billing {task.newest} recalls")
    bills = cost(integer, *spiking.recall_inputs(task.cues), task.newest)
    if out:
        say("drawing pictures")
        files |= draw(task, recalled, spiking, out)
    return {
        "data": {"source": str(data), "kind": task.kind, "stored": len(task.patterns), "recalled": task.newest},
        "recall": recall,
        "kwta": kwta,
        "conformance": conformance,
        "cost": bills,
        "network": {
            "neurons": sum(p.size for p in network.neurons),
            "synapses": sum(q.synapses for q in network.projections),
            "steps_per_recall": spiking.recalling.period,
            "weight_updates": sum(stored.counters.weight_updates.values()),
            "nir_bytes": nir_bytes,
            "sha256": network.digest(),
        },
        "files": files,
        "seed": seed,
        "seconds": time.perf_counter() - began,
        "ok": all(c["differing"] == 0 for c in conformance.values()),
    }


def _scores(task: Task, recalled: Any, by_algorithm: Any, never: Any) -> dict[str, float]:
    """Shares; with vectors of sentences also what an exact search through them finds ("exact_search")."""
    right = np.arange(len(task.patterns))[-task.newest :]
    newest = task.patterns[right]
    search = getattr(task.encoder, "search", None)
    exact = {"exact_search": float((search(task.damaged) == right).mean())} if search else {}
    return exact | {
        "spiking": float(accuracy(recalled, newest).mean()),
        "algorithm": float(accuracy(by_algorithm, newest).mean()),
        "never_stored": float(accuracy(never, task.never).mean()),
        "identified": identified(recalled, task.patterns, right),
        "identified_algorithm": identified(by_algorithm, task.patterns, right),
    }


def _through_nir(network: Network, out: Path | None) -> tuple[Network, dict[str, str], int]:
    """The network as read back from a NIR file, the file if it is kept, and its size in bytes."""
    with nullcontext(out) if out else TemporaryDirectory(prefix="snmem-") as folder:
        path = Path(folder) / "memory.nir"
        write_nir(network, path)
        again = read_nir(path)
        if again != network:
            raise FileError(f"{path}: reads back as another network; this is a defect of snmem, please report it")
        return again, {"nir": str(path)} if out else {}, path.stat().st_size


def draw(task: Task, recalled: NDArray[Any], memory: SpikingKWinnerMemory, out: Path) -> dict[str, str]:
    """The pictures: stored / cue / recalled items, and the raster of one recall."""
    from .. import plots

    shown = min(10, task.newest)
    patterns = task.patterns[-shown:]
    files = {"items": str(out / "recall.png"), "raster": str(out / "raster.png")}
    recording = memory.present(task.cues[-1:])
    if task.kind == "text":
        stored, cues = list(task.items[-shown:]), (task.damaged or [])[-shown:]
        figure = plots.text_recall(stored, cues, task.encoder.decode(recalled[-shown:]))
    else:
        decoded = [task.encoder.decode(p) for p in (patterns, task.cues[-shown:], recalled[-shown:])]
        figure = plots.item_recall(np.asarray(task.items[-shown:]), *decoded)
    with plots.plain_text():
        figure.savefig(files["items"], dpi=130)
        plots.recall_raster(recording, memory.kwta.latency).savefig(files["raster"], dpi=130)
    return files


def tables(result: Mapping[str, Any]) -> list[Any]:
    """The result as short tables for a terminal."""
    from .._rich import Table
    from ..cost.report.terminal import si

    recall, data = result["recall"], result["data"]
    first = Table(title=f"Recall of the newest {data['recalled']} of {data['stored']} {data['kind']}")
    for name in ("", "spiking", "algorithm", "never stored"):
        first.add_column(name, justify="right" if name else "left")
    first.add_row("active bits recovered", *(f"{recall[k]:.3f}" for k in ("spiking", "algorithm", "never_stored")))
    first.add_row("right item nearest", f"{recall['identified']:.0%}", f"{recall['identified_algorithm']:.0%}", "")
    if "exact_search" in recall:
        first.add_row("exact search of all vectors", "", f"{recall['exact_search']:.0%}", "")
    second = Table("k-WTA circuit", "winners", "Jaccard", "steps", "spikes", "events")
    for name, r in result["kwta"].items():
        values = (r["winners"]["mean"], r["jaccard"]["mean"], r["steps"], r["spikes"], r["synaptic_events"])
        second.add_row(name, *(f"{x:,.4g}" for x in values))
    third = Table("runtime", "cells compared", "spikes", "differing", "against", "seconds")
    for name, r in result["conformance"].items():
        row = (f"{r['cells']:,}", f"{r['spikes']:,}", str(r["differing"]), r["against"], f"{r['seconds']:.1f}")
        third.add_row(name, *row)
    fourth = Table("one recall on", "dynamic", "static", "time")
    for chip, r in result["cost"].items():
        energies = (r["dynamic_joules_per_recall"], r["static_joules_per_recall"])
        fourth.add_row(chip, *(si(x, "J") for x in energies), si(r["seconds_per_recall"], "s"))
    return [first, second, third, fourth]
