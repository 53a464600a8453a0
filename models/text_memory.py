"""One-shot memory for sentences by what they mean: vectors of MiniLM, k-WTA codes, a spiking K-winner memory.

Sixty plain sentences among 224 lines of verse are stored, once each and in any order, and recalled from paraphrases and
from damaged sentences. Recall@1: the share whose nearest stored pattern is the right one, beside what the codes alone
give, and exact search through the vectors. The bill of a recall stands beside the exact search on dense arithmetic; the
sentence model itself, which both need, is in neither. Rows that begin with "fails" say what does not hold. Nothing of
this is published as a table.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import KWinnerConfig, SpikingKWinnerMemory
from snmem.cost import bill
from snmem.cost.dense import dense_job
from snmem.encode import load_verses, replace_characters
from snmem.io.files import replace_file
from snmem.metrics import identified
from snmem.protocols.rows import result, target

CHIP, CONFIG = "loihi1-davies2018", KWinnerConfig.main()


def sentences(seed: int, distractors: int | None = None) -> tuple[list[str], np.ndarray, dict[str, list[str]]]:
    """What is stored, where the plain sentences are in it, and the cues of each kind."""
    from snmem.language.meaning import drop_words, load_paraphrases

    plain, paraphrases = load_paraphrases()
    lines, rng = [*plain, *load_verses()[:distractors]], np.random.default_rng(seed)
    order = rng.permutation(len(lines))
    cues = {"paraphrases": paraphrases}
    cues |= {f"{share:.0%} of the words lost": drop_words(plain, share, rng) for share in (0.3, 0.5)}
    cues |= {f"{share:.0%} of the letters wrong": replace_characters(plain, share, rng) for share in (0.1, 0.2)}
    return [lines[i] for i in order], np.argsort(order)[: len(plain)], cues


def measure(seed: int, distractors: int | None, report: Callable[[str], None]) -> dict[str, Any]:
    """Recall@1 by kind of cue: exact search, codes alone, the spiking memory; and the bill of a recall."""
    from snmem.language.meaning import MeaningEncoder

    stored, right, cues = sentences(seed, distractors)
    report(f"{len(stored)} sentences as vectors")
    encoder = MeaningEncoder(CONFIG.visible, CONFIG.active).fit(stored)
    patterns, memory = encoder.encode(stored), SpikingKWinnerMemory(CONFIG, seed)
    report("storing them one-shot")
    memory.store(patterns)
    found: dict[str, Any] = {"stored": len(stored), "cues": len(right)}
    for kind, texts in cues.items():
        report(f"recalling from {kind}")
        coded = encoder.encode(texts)
        found[kind] = {
            "exact_search": float((encoder.search(texts) == right).mean()),
            "codes": identified(coded, patterns, right),
            "memory": identified(memory.recall(coded), patterns, right),
        }
    report("the bill")
    recording = memory.present(encoder.encode(cues["paraphrases"]), counters=True)
    per = bill(memory.recall_network, recording, CHIP, items=len(right), limits="report").per_item()
    width = encoder.model.sizes.width
    n = len(stored) * width
    dense = dense_job(n, n + width, n)
    found["joules"] = {f"memory, {CHIP}, {kind}": per[f"{kind}_joules_per_item"] for kind in ("dynamic", "static")}
    found["joules"] |= {f"exact search, 8 bits, {machine}": row["joules"] for machine, row in dense.items()}
    return found


def draw(found: dict[str, Any], out: Path) -> list[str]:
    """Recall@1 by kind of cue."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    ax = figure.subplots()
    kinds = [kind for kind, value in found.items() if isinstance(value, dict) and "memory" in value]
    for i, way in enumerate(("exact_search", "codes", "memory")):
        ax.bar(
            np.arange(len(kinds)) + 0.27 * (i - 1), [found[k][way] for k in kinds], 0.25, label=way.replace("_", " ")
        )
    ax.set_xticks(range(len(kinds)), kinds, fontsize=8)
    ax.set(ylabel="recall@1", ylim=(0, 1.03))
    ax.legend()
    with replace_file(out / "text_memory.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "text_memory.png")]


def run(seed: int = 0, distractors: int = 224) -> dict[str, float]:
    """Recall@1 from paraphrases, of 60 sentences among lines of verse."""
    return measure(seed, distractors, lambda text: None)["paraphrases"]


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """All 284 sentences; ``quick``: 100."""
    began = time.perf_counter()
    found = measure(seed, 40 if quick else None, report)
    said, lost, wrong = (found[k] for k in ("paraphrases", "30% of the words lost", "20% of the letters wrong"))
    joules = found["joules"]
    ratio = joules[f"memory, {CHIP}, dynamic"] / joules["exact search, 8 bits, cmos45"]
    rows = [
        target("paraphrases: exact search, recall@1", said["exact_search"], 0.95, "share"),
        target("paraphrases: codes alone, recall@1", said["codes"], 0.9, "share"),
        target("paraphrases: spiking memory, recall@1", said["memory"], 0.75, "share"),
        target("30% of the words lost: spiking memory, recall@1", lost["memory"], 0.95, "share"),
        target("fails: 20% of the letters wrong: spiking memory, recall@1", wrong["memory"], 0.5, "share", False),
        target("fails: dynamic energy of a recall over an exact search at 45 nm", ratio, 1.0, "ratio"),
    ]
    return result(rows, found, draw(found, out) if out else [], seed, began)
