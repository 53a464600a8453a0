"""One attention head of a real language model, wholly in spikes, on real text: same winners, its error, its bill.

A head of SmolLM2-135M-Instruct reads English. Its keys and values are synapses, queries come in as spikes, a k-WTA
circuit finds the largest score, and graded winners make a leaky read-out (:mod:`snmem.language.spiking_head`). Spikes
are compared with the coded algorithm and between runtimes; the output with the softmax. The bill of a query, score
computation included, stands beside dense attention over the same keys (8-bit integers), against the length of the
context. Rows that begin with "fails" say what does not hold. Nothing of this is published as a table.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem.cost import bill, load_chip
from snmem.cost.dense import dense_job
from snmem.cost.memory_rows import memory_rows
from snmem.io.files import replace_file
from snmem.language.head import Grades, HeadOnText, attend, code_head, grades_of, output_error, watch_heads
from snmem.language.spiking_head import SpikingHead
from snmem.language.texts import survey_of, window
from snmem.network import Network
from snmem.protocols.rows import near, result, target
from snmem.simulation import simulate

#: Text, and the other text that scales are found on, with its length.
TEXT, OTHER, SURVEYED = "python", "sonnets", 512
LAYER, HEAD, BITS, QUERIES = 12, 4, 6, 4
RUNTIMES = ("event", "loihi", "lava_fixed")
CHIPS = ("loihi1-davies2018", "loihi1-nahuku", "spinnaker2")
#: Keys of the run on all runtimes; lengths of the bill; layers whose heads are looked at; bits compared there.
COMPARED, LENGTHS, LAYERS, CODES = 256, (64, 128, 256, 512, 1024, 2048, 4096), tuple(range(0, 30, 3)), (4, 5, 6)
#: From so many keys on, what a query costs in any case no longer counts.
FROM = 512
#: Steps of an idle second, at 1 ms each.
IDLE = 1000


def first(watched: Any, n: int) -> Any:
    """The head's queries, keys and values of the first n tokens."""
    return tuple(x[:, :n] for x in watched)


def same_on_all(head: HeadOnText, grades: Grades, report: Callable[[str], None]) -> tuple[list[Any], dict[str, Any]]:
    """Winners and grades as the algorithm's, spikes equal, output errors, on every runtime."""
    spiking, wanted = SpikingHead(head.codes, grades), grades_of(head.codes, grades)
    rows, raw, runs = [], {}, {}
    for name in RUNTIMES:
        report(f"the head on {name}")
        output, runs[name] = spiking.run(name)
        same = float((spiking.grades_in(runs[name]) == wanted).all(1).mean())
        rows.append(target(f"{name}: queries whose winners and grades are the algorithm's", same, 1.0, "share"))
        raw[name] = {
            "error_against_softmax": output_error(output, head.output),
            "error_against_algorithm": output_error(output, attend(head.codes, grades)),
        }
    for name in RUNTIMES[1:]:
        cells = sum(s.differing(runs["event"].spikes[p])[0] for p, s in runs[name].spikes.items())
        rows.append(target(f"{name} and event: spikes that differ", cells, 0, "entries", False))
    rows += [
        near(f"{name}: output against the algorithm's, relative", raw[name]["error_against_algorithm"], 0.0, 0.01)
        for name in RUNTIMES
    ]
    raw["winners"] = float((wanted > 0).sum(1).mean())
    raw["zero"] = float(1 - (wanted > 0).sum() / head.codes.visible.sum())
    return rows, raw


def all_heads(model: Any, survey: Any, tokens: list[int], layers: tuple[int, ...], grades: Grades) -> dict[str, Any]:
    """Output error against softmax of the coded algorithm, of all heads of some layers, by bits; quantiles."""
    found: dict[str, list[float]] = {f"{bits} bits": [] for bits in CODES}
    zero = []
    for layer, watched in watch_heads(model, tokens, layers).items():
        for head in range(model.shape.heads):
            coded_heads = [code_head(watched, survey, layer, head, 32, bits) for bits in CODES]
            for bits, made in zip(CODES, coded_heads, strict=True):
                found[f"{bits} bits"].append(output_error(attend(made.codes, grades), made.output))
            finest = coded_heads[-1].codes
            zero.append(1 - (grades_of(finest, grades) > 0).sum() / finest.visible.sum())
    quantiles = {name: np.quantile(errors, (0.1, 0.5, 0.9)).tolist() for name, errors in found.items()}
    return {"heads": len(zero), "error, 10 %, median, 90 %": quantiles, "zero": float(np.mean(zero))}


def priced(head: HeadOnText, grades: Grades) -> dict[str, Any]:
    """A query of one length: counts, joules on the profiles, and dense attention over the same keys."""
    spiking, (n, size) = SpikingHead(head.codes, grades), head.codes.keys.shape
    inputs, steps = spiking.inputs()
    run, queries = simulate(spiking.network, inputs, steps, counters=True), len(head.codes.queries)
    events = run.counters.synaptic_events
    scores = sum(count for name, count in events.items() if name.startswith("query."))
    votes = sum(count for name, count in events.items() if name.endswith("->output"))
    touched = sum(memory_rows(spiking.network, run).values())
    dense = dense_job(2 * size * n, 2 * size * n + 3 * size, 2 * size * n)
    written = 2 * size * (head.codes.bits - 1) + size + 1
    out: dict[str, Any] = {
        "keys": n,
        "winners": float((grades_of(head.codes, grades) > 0).sum(1).mean()),
        "error": output_error(attend(head.codes, grades), head.output),
        "events": sum(events.values()) / queries,
        "events_of_scores": scores / queries,
        "events_of_votes": votes / queries,
        "rows_touched": touched / queries,
        "synapses_written": written,
        "dense": {"macs": 2 * size * n, "words_moved": (2 * size * n + 3 * size) / 8},
        "dense_joules": {name: machine["joules"] for name, machine in dense.items()},
        "chips": {},
    }
    for chip in CHIPS:
        per = bill(spiking.network, run, chip, items=queries, limits="report").per_item()
        update = load_chip(chip).energy("synapse_update")
        out["chips"][chip] = {
            "dynamic_joules": per["dynamic_joules_per_item"],
            "static_joules": per["static_joules_per_item"],
            "seconds": per["seconds_per_item"],
            "writing_joules": None if update is None else written * update,
        }
    return out


def idle_watts(head: HeadOnText, grades: Grades, chip: str) -> dict[str, float | None]:
    """Power while nothing arrives, at steps of 1 ms."""
    network = SpikingHead(head.codes, grades).network
    per = bill(network, simulate(network, {}, IDLE, counters=True), chip, step_time=1e-3, limits="report").per_item()
    seconds = IDLE * 1e-3
    dynamic, static = per["dynamic_joules_per_item"], per["throttled_static_joules_per_item"]
    return {
        "dynamic": None if dynamic is None else dynamic / seconds,
        "static": None if static is None else static / seconds,
    }


def slope(runs: list[dict[str, Any]], what: str) -> float:
    """Slope of its logarithm on that of the number of keys."""
    return float(np.polyfit(np.log([r["keys"] for r in runs]), np.log([r[what] for r in runs]), 1)[0])


def bill_rows(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the bills say of the longest context; rows "fails" hold where spikes do not win."""
    last, chip = runs[-1], CHIPS[0]
    votes = last["events_of_votes"] / last["events_of_scores"]
    work = last["events"] / last["dense"]["macs"]
    moved = last["rows_touched"] / last["dense"]["words_moved"]
    joules = last["chips"][chip]["dynamic_joules"] / last["dense_joules"]["cmos45"]
    where = f"{last['keys']} keys"
    rows = [
        target(f"{where}: events of the winners' votes per event of the scores", votes, 0.5, "ratio", False),
        target(f"fails: {where}: events of a query per multiplication of dense attention", work, 0.5, "ratio"),
        target(f"fails: {where}: memory words touched per word that dense attention moves", moved, 0.5, "ratio"),
        target(f"fails: {where}: {chip}, dynamic energy over dense attention at 45 nm", joules, 1.0, "ratio"),
    ]
    long = [r for r in runs if r["keys"] >= FROM]
    if len(long) > 1:
        law = near(f"events of a query against keys, {FROM} and more, log-log slope", slope(long, "events"), 1.0, 0.1)
        rows.insert(0, law)
    return rows


def draw(runs: list[dict[str, Any]], out: Path) -> list[str]:
    """Energy and memory words of a query against the number of keys."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    energy, memory = figure.subplots(1, 2)
    keys = [r["keys"] for r in runs]
    for chip in CHIPS:
        joules = [r["chips"][chip]["dynamic_joules"] for r in runs]
        if None not in joules:
            energy.loglog(keys, joules, marker="o", label=f"spikes, {chip}")
    for machine in runs[0]["dense_joules"]:
        energy.loglog(keys, [r["dense_joules"][machine] for r in runs], ls="--", label=f"dense, {machine}")
    energy.set(xlabel="keys", ylabel="J of a query, dynamic")
    memory.loglog(keys, [r["rows_touched"] for r in runs], marker="o", label="words touched, spikes")
    memory.loglog(keys, [r["dense"]["words_moved"] for r in runs], ls="--", label="words moved, dense")
    memory.set(xlabel="keys", ylabel="64-bit words of a query")
    for ax in (energy, memory):
        ax.legend(fontsize=7)
    with replace_file(out / "lm_head.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "lm_head.png")]


def coded(tokens: int, layer: int, head: int, bits: int, queries: int) -> HeadOnText:
    """A head on the first tokens of the text."""
    from snmem.language import read_language_model

    model = read_language_model()
    watched = watch_heads(model, window(model, TEXT, tokens), [layer])
    return code_head(watched[layer], survey_of(model, OTHER, SURVEYED), layer, head, queries, bits)


def network(tokens: int = 64, layer: int = LAYER, head: int = HEAD, bits: int = BITS) -> Network:
    """The network of a head on the first tokens of the text."""
    return SpikingHead(coded(tokens, layer, head, bits, 1).codes).network


def run(
    seed: int = 0, tokens: int = 256, layer: int = LAYER, head: int = HEAD, bits: int = BITS, steps: int = 12,
    share: float = 0.01,
) -> dict[str, float]:  # fmt: skip
    """One head on one window: output error against softmax, winners, events of a query."""
    made, grades = coded(tokens, layer, head, bits, QUERIES), Grades(share, steps)
    spiking = SpikingHead(made.codes, grades)
    output, recording = spiking.run(counters=True)
    counters = recording.counters
    return {
        "error": output_error(output, made.output),
        "winners": float((spiking.grades_in(recording) > 0).sum(1).mean()),
        "events": sum(counters.synaptic_events.values()) / QUERIES,
    }


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Three runtimes, all heads of ten layers, bills from 64 to 4,096 keys; ``quick``: one layer, up to 128 keys."""
    from snmem.language import read_language_model

    began, grades = time.perf_counter(), Grades()
    lengths, compared, layers = (LENGTHS[:2], 64, (LAYER,)) if quick else (LENGTHS, COMPARED, LAYERS)
    report("reading SmolLM2")
    model = read_language_model()
    report(f"surveying the heads on other text ({OTHER})")
    survey = survey_of(model, OTHER, compared)
    report(f"{lengths[-1]} tokens")
    tokens = window(model, TEXT, lengths[-1])
    watched = watch_heads(model, tokens, [LAYER])[LAYER]
    head = code_head(first(watched, compared), survey, LAYER, HEAD, QUERIES, BITS)
    rows, raw = same_on_all(head, grades, report)
    report("all heads")
    raw["all_heads"] = all_heads(model, survey, tokens[: 2 * compared], layers, grades)
    median = raw["all_heads"]["error, 10 %, median, 90 %"][f"{BITS} bits"][1]
    rows.append(target(f"{BITS} bits: output against softmax, relative, median of heads", median, 0.3, "ratio", False))
    raw["bills"] = []
    for n in lengths:
        report(f"the bill of a query of {n} keys")
        made = code_head(first(watched, n), survey, LAYER, HEAD, QUERIES, BITS)
        raw["bills"].append(priced(made, grades))
    rows += bill_rows(raw["bills"])
    raw["idle_watts"] = {chip: idle_watts(head, grades, chip) for chip in CHIPS}
    raw |= {"layer": LAYER, "head": HEAD, "bits": BITS, "share": grades.share, "steps": grades.steps}
    return result(rows, raw, draw(raw["bills"], out) if out else [], seed, began)
