"""The Spiking HD-Transformer: tokens as block codes, position by permutation, context in superposition or fast weights.

MQAR, the Case Sequence Task and real text, with untrained and trained codes, on vectors and in spikes. A superposition
does the same work for each token however many pairs it holds, but holds few; fast weights hold every pair exactly, and
their work grows with the pairs. Both laws are counted in synaptic events. Rows that begin with "fails" say what does
not work. Nothing of this is published as a table.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snmem.cost import bill
from snmem.cost.memory_rows import memory_rows
from snmem.hdc import BlockCodes
from snmem.hdc.context import Superposition
from snmem.hdc.spiking import SpikingHDTransformer, silenced
from snmem.hdc.training import Batch, train
from snmem.hdc.transformer import MEMORIES, HDTransformer
from snmem.io.files import replace_file
from snmem.network import Network
from snmem.protocols.rows import near, result, target
from snmem.simulation import simulate
from snmem.tasks.case_sequence import CaseSequenceTask
from snmem.tasks.mqar import RecallTask
from snmem.tasks.text import NONE, Text, followers, sonnets

VOCABULARY, PAIRS, CHIP = 8192, 64, "loihi1-davies2018"
NARROW, WIDE = BlockCodes(100, 100), BlockCodes(1000, 100)
#: Codes of the networks that run on every runtime, and of those that are trained.
SMALL, TRAINED = BlockCodes(16, 8), BlockCodes(24, 16)
RUNTIMES = ("event", "loihi", "lava_fixed")
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    queries : of MQAR at each load.    superposed, slots : pairs of the runs whose events are counted.
    sequences, cases : of the Case Sequence Task, sequences in spikes and iterations of training.
    segments, iterations : of text, segments and iterations of training.
    """

    queries: int
    superposed: tuple[int, ...]
    slots: tuple[int, ...]
    sequences: int
    cases: int
    segments: int
    iterations: int
    shares: tuple[float, ...]


QUICK = Effort(128, (4, 32), (256, 512), 100, 200, 6, 30, (0.0, 0.5, 0.9))
FULL = Effort(2048, (4, 8, 16, 32, 64, 128, 256), (4, 16, 64, 256, 512, 1024), 1536, 400, 38, 300, SHARES)
#: Segments of text from which a share of 99 % is judged.
MOST = 30
#: From so many pairs on, the search through their slots outweighs what a token costs in any case.
FROM = 256


def mqar(model: HDTransformer, pairs: int, queries: int, seed: int) -> float:
    """Share of queries answered right, among all tokens."""
    recall = RecallTask(pairs, 4 * pairs, VOCABULARY).sample(max(1, queries // pairs), seed)
    right = [model.answer(k, v, k) == v for k, v in zip(recall.keys, recall.values, strict=True)]
    return float(np.mean(right))


def counted(codes: BlockCodes, pairs: int, keep: int, queries: int, seed: int) -> float:
    """MQAR from a bundle in which ``keep`` units of each block stay, not one: share right among all values.

    A pair's unit is among those kept more often than it wins its block; no circuit of neurons is built for this form.
    """
    rng, right, trials = np.random.default_rng(seed), 0, max(1, queries // pairs)
    for _ in range(trials):
        keys, items = codes.random(pairs, rng), codes.random(VOCABULARY // 2, rng)
        values = rng.permutation(len(items))[:pairs]
        layers = codes.kept(codes.accumulate(codes.accumulator(), codes.bind(keys, items[values])), keep)
        similar = sum(codes.similarity(codes.unbind(layer, keys), items) for layer in layers)
        right += int((np.argmax(similar, 1) == values).sum())
    return right / (trials * pairs)


def recall_rows(effort: Effort, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """MQAR by load, for both memories; attention weights that are exactly zero."""
    loads = (4, 10, 20, PAIRS)
    models = {
        "superposition, 10,000 dimensions": HDTransformer.random(NARROW, VOCABULARY, seed),
        "superposition, 100,000 dimensions": HDTransformer.random(WIDE, VOCABULARY, seed),
        "fast weights, 10,000 dimensions": HDTransformer.random(
            NARROW, VOCABULARY, seed, memory="fast_weights", slots=2 * PAIRS
        ),
    }
    found = {name: {k: mqar(m, k, effort.queries, seed) for k in loads} for name, m in models.items()}
    narrow, wide, fast = (found[name] for name in models)
    model, task = models["fast weights, 10,000 dimensions"], RecallTask(PAIRS, 4 * PAIRS, VOCABULARY).sample(1, seed)
    memory: Any = model.new_memory()
    model.write(memory, task.keys[0], task.values[0])
    several = {keep: counted(NARROW, PAIRS, keep, effort.queries // 2, seed) for keep in (1, 8, 16)}
    used = (memory.weights(model.compose(task.keys[0], model.queries)) > 0).sum(1).mean()
    zero = {
        f"of {n} {what}": 1 - used / n for n, what in ((4 * PAIRS, "tokens"), (2 * PAIRS, "units"), (PAIRS, "pairs"))
    }
    rows = [
        target(f"fast weights, 10,000 dimensions, {PAIRS} pairs: recalled", fast[PAIRS], 0.99, "share"),
        target(f"superposition, 100,000 dimensions, {PAIRS} pairs: recalled", wide[PAIRS], 0.99, "share"),
        target("superposition, 10,000 dimensions, 10 pairs: recalled", narrow[10], 0.9, "share"),
        target(f"fails: superposition, 10,000 dimensions, {PAIRS} pairs", narrow[PAIRS], 0.5, "share", False),
        target(f"superposition, 10,000 dimensions, {PAIRS} pairs, 16 units a block kept", several[16], 0.99, "share"),
        target("attention weights that are zero, of 256 tokens", zero["of 256 tokens"], 0.99, "share"),
        target("attention weights that are zero, of 128 units", zero["of 128 units"], 0.99, "share"),
    ]
    return rows, {"recalled": found, "zero": zero, f"{PAIRS} pairs, units kept of each block": several}


def in_spikes(memory: str, pairs: int, seed: int, vocabulary: int = 1024, cost: bool = False) -> dict[str, Any]:
    """One sequence of 4 tokens a pair in spikes, codes 10,000 wide: answers and the algorithm's, events of a token."""
    recall = RecallTask(pairs, 4 * pairs, max(vocabulary, 4 * pairs)).sample(1, seed)
    keys, values = recall.keys[0], recall.values[0]
    model = HDTransformer.random(NARROW, max(vocabulary, 4 * pairs), seed, memory=memory, slots=pairs)
    spiking = SpikingHDTransformer(model, pairs, pairs, most=16)
    answers, run = spiking.run([(keys, values)], [keys], counters=cost)
    tokens = 4 * pairs
    out = {
        "pairs": pairs,
        "right": float((answers == values).mean()),
        "as_the_algorithm": bool(np.array_equal(answers, model.answer(keys, values, keys))),
        "events_per_token": sum(run.counters.synaptic_events.values()) / tokens,
        "spikes_per_token": sum(run.counters.spikes.values()) / tokens,
        "memory_rows_per_token": sum(memory_rows(spiking.network, run).values()) / tokens,
        "neurons": sum(p.size for p in spiking.network.neurons),
        "steps_per_token": run.steps / tokens,
    }
    if cost:
        made = bill(spiking.network, run, CHIP, items=tokens, limits="report")
        per = made.per_item()
        out |= {"chip": CHIP, "dynamic_joules": per["dynamic_joules_per_item"], "joules": per["joules_per_item"]}
        out["unpriced"] = list(made.unpriced)
    return out


def slope(runs: list[dict[str, Any]], least: int = 0) -> float:
    """Slope of log events per token on log pairs, for runs of at least so many pairs."""
    points = [(run["pairs"], run["events_per_token"]) for run in runs if run["pairs"] >= least]
    return float(np.polyfit(*np.log(np.array(points)).T, 1)[0])


def laws(effort: Effort, seed: int, report: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Events of a token by number of pairs, in both memories."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for memory, loads in zip(MEMORIES, (effort.superposed, effort.slots), strict=True):
        runs[memory] = []
        for pairs in loads:
            report(f"in spikes, {memory}: {pairs} pairs")
            runs[memory].append(in_spikes(memory, pairs, seed))
    same = [run["as_the_algorithm"] for each in runs.values() for run in each]
    rows = [
        near("superposition: events of a token against pairs", slope(runs["superposition"]), 0.0, 0.1, "log-log slope"),
        near(
            f"fast weights, {FROM} pairs and more: events of a token against pairs",
            slope(runs["fast_weights"], FROM),
            1.0,
            0.1,
            "log-log slope",
        ),
        target("runs of 10,000-wide codes in spikes that answer as the algorithm", float(np.mean(same)), 1.0, "share"),
    ]
    return rows, {"events": runs}


def small_contexts(order: int, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    """Two contexts of 4 pairs and 3 queries, tokens out of 12."""
    keys = [np.stack([rng.permutation(12)[:4] for _ in range(order)], 1) for _ in range(2)]
    return [(k, rng.integers(0, 12, 4)) for k in keys], [k[:3] for k in keys]


def runtimes(seed: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """The same spikes, and the algorithm's answers, on the event engine, the emulator and Lava."""
    rows = []
    for memory, order in (("superposition", 2), ("fast_weights", 1)):
        model = HDTransformer.random(SMALL, 12, seed, memory=memory, slots=4, order=order)
        spiking = SpikingHDTransformer(model, 4, 3, most=4, form="cells")
        contexts, queries = small_contexts(order, np.random.default_rng(seed))
        wanted = np.concatenate([model.answer(*c, q) for c, q in zip(contexts, queries, strict=True)])
        runs = {}
        for backend in RUNTIMES:
            report(f"{memory} on {backend}")
            answers, runs[backend] = spiking.run(contexts, queries, backend)
            share = float((answers == wanted).mean())
            rows.append(target(f"{memory}, {backend}: answers as the algorithm", share, 1.0, "share"))
        for backend in ("event", "lava_fixed"):
            cells = sum(s.differing(runs["loihi"].spikes[name])[0] for name, s in runs[backend].spikes.items())
            rows.append(target(f"{memory}, {backend} and loihi: spikes that differ", cells, 0, "entries", False))
    return rows


def case_models(iterations: int, seed: int) -> dict[str, HDTransformer]:
    """Codes for the Case Sequence Task at random, written by hand, and trained, for both memories."""
    task, rng = CaseSequenceTask(), np.random.default_rng(seed)
    table, values, items = (TRAINED.random(n, rng) for n in (task.tokens, task.tokens, 2))
    letters = np.tile(TRAINED.random(task.letters, rng), (3, 1))
    cases = items[np.repeat([0, 1, 0], task.letters)]
    models = {}

    def sample(rng: np.random.Generator) -> Batch:
        s = task.sample(64, rng)
        return Batch(s.context, s.context, s.query[:, None], s.upper[:, None].astype(int))

    for memory in MEMORIES:
        start = HDTransformer(TRAINED, table, table, values, items, memory=memory, slots=task.context)
        models[f"{memory}, random codes"] = start
        models[f"{memory}, codes by hand"] = replace(start, keys=letters, queries=letters, values=cases)
        models[f"{memory}, trained"] = train(start, sample, iterations, seed=seed)
    return models


def case_rows(effort: Effort, seed: int, report: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Share right of all 1536 sequences on vectors, and of some or all in spikes."""
    report("the Case Sequence Task, untrained and trained")
    task, models = CaseSequenceTask(), case_models(effort.cases, seed)
    s = task.all()
    shares, rows = {}, []
    for name, model in models.items():
        answers = [model.answer(c, c, q[None])[0] for c, q in zip(s.context, s.query, strict=True)]
        shares[name] = float(np.mean(answers == s.upper))
        if "random" in name:
            rows.append(target(f"fails: Case Sequence Task, {name}", shares[name], 0.7, "share", False))
        else:
            rows.append(target(f"Case Sequence Task, {name}", shares[name], 0.95, "share"))
    some = s[np.random.default_rng(seed).permutation(len(s))[: effort.sequences]]
    for memory in MEMORIES:
        report(f"the Case Sequence Task in spikes, {memory}")
        model = models[f"{memory}, trained"]
        spiking = SpikingHDTransformer(model, task.context, 1, most=task.context)
        answers, _ = spiking.run([(c, c) for c in some.context], list(some.query[:, None]))
        wanted = [model.answer(c, c, q[None])[0] for c, q in zip(some.context, some.query, strict=True)]
        share = float(np.mean(answers == wanted))
        rows.append(target(f"Case Sequence Task, {memory}, trained, in spikes: as on vectors", share, 1.0, "share"))
    return rows, {"case_sequence": shares}


def text_rows(effort: Effort, seed: int, report: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Next characters of sonnets: does a memory find what always followed before, and what does training add?"""
    report(f"text: {effort.segments} segments")
    text, found = sonnets(), []
    segments, symbols = text.segments[: effort.segments], len(text.symbols)
    before = [followers(segment, 2) for segment in segments]
    for codes, memory in ((NARROW, "superposition"), (WIDE, "superposition"), (NARROW, "fast_weights")):
        model = HDTransformer.random(codes, symbols, seed, memory=memory, slots=64, order=2)
        predicted = [model.predict(segment) for segment in segments]
        same = [(p == b)[b != NONE] for p, b in zip(predicted, before, strict=True)]
        found.append(float(np.concatenate(same).mean()))
    narrow, wide, fast = found
    trained, learned = text_training(text, segments, effort.iterations, seed)
    rows = [
        target("text, pairs of characters: fast weights find what followed", fast, 1.0, "share"),
        target("fails: text: superposition, 10,000 dimensions, finds it", narrow, 0.95, "share", False),
        target("text: trained superposition against untrained, next character", learned["gain"], 0.05, "share"),
        target("text, in spikes: answers as the algorithm", text_in_spikes(trained, segments), 1.0, "share"),
    ]
    if len(before) >= MOST:  # few segments hold too few such places to judge 99 %
        rows.append(target("text: superposition, 100,000 dimensions, finds it", wide, 0.99, "share"))
    return rows, {"text, found again": {"narrow": narrow, "wide": wide, "fast": fast}, "text, next character": learned}


def text_training(
    text: Text, segments: list[np.ndarray], iterations: int, seed: int
) -> tuple[HDTransformer, dict[str, Any]]:
    """Train codes to predict the next character from the pairs of characters before; accuracy on held-out sonnets."""
    length, learn, symbols = 64, text.learn, len(text.symbols)
    start = HDTransformer.random(BlockCodes(64, 16), symbols, seed)

    def sample(rng: np.random.Generator) -> Batch:
        first = rng.integers(0, len(learn) - length - 1, 16)[:, None]
        window = learn[first + np.arange(length + 1)]
        return Batch(window[:, :-1], window[:, 1:], window[:, :-1], window[:, 1:], causal=True)

    table = np.zeros((symbols, symbols))
    np.add.at(table, (learn[:-1], learn[1:]), 1)
    trained = train(start, sample, iterations, seed=seed)
    wanted = np.concatenate([s[2:] for s in segments])
    guesses = {
        "untrained": np.concatenate([start.predict(s)[2:] for s in segments]),
        "trained": np.concatenate([trained.predict(s)[2:] for s in segments]),
        "bigram table of the learned text": np.concatenate([table[s[1:-1]].argmax(1) for s in segments]),
    }
    shares = {name: float((guess == wanted).mean()) for name, guess in guesses.items()}
    return trained, {**shares, "iterations": iterations, "gain": shares["trained"] - shares["untrained"]}


def text_in_spikes(model: HDTransformer, segments: list[np.ndarray]) -> float:
    """Share of segments whose 17th next character the network answers as the algorithm does."""
    contexts, queries = [(s[:16], s[1:17]) for s in segments], [s[16:17] for s in segments]
    answers, _ = SpikingHDTransformer(model, 16, 1, most=16).run(contexts, queries)
    wanted = [model.answer(*c, q)[0] for c, q in zip(contexts, queries, strict=True)]
    return float(np.mean(answers == wanted))


def lesion_rows(effort: Effort, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Silent neurons of the bundle, and wrong blocks of the queries: the network against the algorithm."""
    codes, rng = BlockCodes(200, 20), np.random.default_rng(seed)
    model = HDTransformer.random(codes, 64, rng)
    contexts = [(rng.permutation(64)[:5], rng.permutation(64)[:5]) for _ in range(4)]
    queries = [keys for keys, _ in contexts]
    right = np.concatenate([values for _, values in contexts])
    curves: dict[str, list[float]] = {"silent": [], "errors": []}
    same = []
    for share in effort.shares:
        dead = rng.random(codes.dimensions) < share
        hit = replace(model, queries=codes.damage(model.queries, share, rng))
        for kind, changed, mask in (("silent", model, dead), ("errors", hit, np.zeros_like(dead))):
            spiking = SpikingHDTransformer(changed, 5, 5, most=8)
            inputs, steps = spiking.inputs(contexts, queries)
            run = simulate(silenced(spiking.network, "trace", mask), inputs, steps)
            answers = spiking.read(run, contexts, queries)
            same.append(np.array_equal(answers, damaged_answers(changed, contexts, queries, mask)))
            curves[kind].append(float((answers == right).mean()))
    half = effort.shares.index(0.5)
    rows = [
        target("lesions and errors in spikes: runs that answer as the algorithm", float(np.mean(same)), 1.0, "share"),
        target(
            "in spikes, 5 pairs, half of the bundle's neurons silent: recalled", curves["silent"][half], 0.9, "share"
        ),
        target("in spikes, 5 pairs, half of the query's blocks wrong: recalled", curves["errors"][half], 0.9, "share"),
    ]
    return rows, {"lesions_in_spikes": {"share": effort.shares, **curves}}


def damaged_answers(model: HDTransformer, contexts: list[Any], queries: list[Any], dead: np.ndarray) -> np.ndarray:
    """Answers of the algorithm with silent components in what it reads; -1 where nothing is left to compare."""
    out = []
    for (keys, values), asked in zip(contexts, queries, strict=True):
        memory = Superposition(model.codes)
        model.write(memory, keys, values)
        trace = model.codes.silence(memory.trace, dead)
        similar = model.codes.similarity(model.codes.unbind(trace, model.compose(asked, model.queries)), model.items)
        out.append(np.where(similar.max(1) > 0, similar.argmax(1), -1))
    return np.concatenate(out)


def draw(raw: Mapping[str, Any], out: Path) -> list[str]:
    """Recall by pairs; events of a token by pairs, both laws; lesions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    recalled, events, lesions = figure.subplots(1, 3)
    for name, shares in raw["recalled"].items():
        recalled.semilogx(*zip(*shares.items(), strict=True), marker="o", label=name)
    recalled.set(xlabel="pairs", ylabel="recalled", ylim=(0, 1.03))
    for memory, runs in raw["events"].items():
        events.loglog([r["pairs"] for r in runs], [r["events_per_token"] for r in runs], marker="o", label=memory)
    events.set(xlabel="pairs", ylabel="synaptic events of a token")
    for kind in ("silent", "errors"):
        lesions.plot(raw["lesions_in_spikes"]["share"], raw["lesions_in_spikes"][kind], marker="o", label=kind)
    lesions.set(xlabel="share silent, or in error", ylabel="recalled in spikes, 5 pairs", ylim=(0, 1.03))
    for ax in (recalled, events, lesions):
        ax.legend(fontsize=7)
    with replace_file(out / "hd-transformer.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "hd-transformer.png")]


def network(memory: str = "superposition", blocks: int = 16, units: int = 8, seed: int = 0) -> Network:
    """The network for contexts of 4 pairs and 3 queries of 12 tokens; fast weights are cells of neurons."""
    model = HDTransformer.random(BlockCodes(blocks, units), 12, seed, memory=memory, slots=4)
    return SpikingHDTransformer(model, 4, 3, most=4, form="cells").network


def run(
    seed: int = 0, memory: str = "superposition", blocks: int = 100, units: int = 100, pairs: int = 10
) -> dict[str, float]:
    """MQAR with untrained codes of one size: share of queries answered right among 8192 tokens."""
    model = HDTransformer.random(BlockCodes(blocks, units), VOCABULARY, seed, memory=memory, slots=pairs)
    return {"recalled": mqar(model, pairs, 10 * pairs, seed), "dimensions": float(model.codes.dimensions)}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: few queries and loads, short training."""
    began, effort = time.perf_counter(), QUICK if quick else FULL
    report("MQAR on vectors")
    rows, raw = recall_rows(effort, seed)
    for part in (laws, case_rows, text_rows):
        more, figures = part(effort, seed, report)
        rows, raw = rows + more, raw | figures
    rows += runtimes(seed, report)
    report("lesions in spikes")
    more, figures = lesion_rows(effort, seed)
    rows, raw = rows + more, raw | figures
    if not quick:
        raw["cost"] = {memory: in_spikes(memory, PAIRS, seed, cost=True) for memory in MEMORIES}
    return result(rows, raw, draw(raw, out) if out else [], seed, began)
