"""k-WTA attention inside a real language model: what perplexity costs, by the share of attention weights that are zero.

SmolLM2-135M-Instruct (30 layers of 9 heads) reads English text with a rule in place of every head's softmax:

(a) the k largest weights; (b) the k largest, all equal; (c) weights of at least a share of the largest;
(d) a budget for each head, found on other text; (e) scores of spikes: queries and keys of a few bits;
(f) each with the first token as a fixed slot.

One window of each length, its second half scored; "zero" is the share of causal weights that are exactly zero. Rows
stand beside earlier runs of our own; nothing of this is published as a table.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snmem.errors import InputError
from snmem.io.files import replace_file
from snmem.language.texts import survey_of, window
from snmem.protocols.rows import expected, finding, near, not_run, result, target

#: The window, the other text for budgets and codes, and how many of its tokens are surveyed.
TEXT, OTHER, SURVEYED = "python", "sonnets", 512
QUICK, LENGTHS = 256, (512, 2048)
EMPTY, DEAR = 0.99, 0.05
#: Perplexity against softmax and share of zeros in runs of our own: 512 tokens with all rules, 2,048 with some of them.
#: The text changes a little with Python's version.
OWN_RUNS = {
    (512, "threshold 0.02"): (1.017, 0.903),
    (512, "threshold 0.05"): (1.102, 0.940),
    (512, "8 largest"): (1.600, 0.969),
    (512, "budgets 0.9"): (0.978, 0.878),
    (512, "8 bits, threshold 0.02"): (1.025, 0.902),
    (512, "threshold 0.05 with the first token"): (1.000, 0.903),
    (2048, "threshold 0.02"): (1.074, 0.955),
    (2048, "threshold 0.05"): (1.179, 0.974),
    (2048, "8 largest"): (1.594, 0.992),
    (2048, "budgets 0.9"): (1.084, 0.968),
    (2048, "threshold 0.05 with the first token"): (1.125, 0.962),
}
#: The reference implementation of the same file.
REFERENCE = "transformers"


def rules(survey: Any, quick: bool) -> dict[str, Any]:
    """The rules by name; None is the softmax."""
    from snmem.language.rules import Budgets, Coded, Largest, Threshold

    found: dict[str, Any] = {
        "softmax": None,
        "threshold 0.02": Threshold(0.02),
        "8 largest": Largest(8),
        "8 equal": Largest(8, equal=True),
        "4 bits, threshold 0.02": Coded(4, Threshold(0.02), survey),
    }
    if quick:
        return found
    found |= {f"threshold {share:g}": Threshold(share) for share in (0.01, 0.05, 0.1, 0.2, 0.4)}
    found |= {f"{k} largest": Largest(k) for k in (4, 16, 32)}
    found |= {f"budgets {share:g}": Budgets(survey.budgets(share)) for share in (0.8, 0.9, 0.95)}
    found |= {f"{b} bits, threshold 0.02": Coded(b, Threshold(0.02), survey) for b in (2, 3, 5, 6, 8)}
    found["signs, threshold 0.02"] = Coded(1, Threshold(0.02), survey)
    found["8 largest with the first token"] = Largest(8, sink=True)
    found["8 equal with the first token"] = Largest(8, equal=True, sink=True)
    found |= {f"threshold {share:g} with the first token": Threshold(share, sink=True) for share in (0.05, 0.2)}
    found["budgets 0.9 with the first token"] = Budgets(survey.budgets(0.9), sink=True)
    return found


def measure(model: Any, tokens: list[int], chosen: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Perplexity and share of zeros of each rule, second half scored."""
    found = {}
    for name, rule in chosen.items():
        score = model.score(tokens, rule, first=len(tokens) // 2)
        found[name] = {"perplexity": score.perplexity, "zero": score.zero}
        report(f"{len(tokens)} tokens, {name}: perplexity {score.perplexity:.3f}, zero {score.zero:.4f}")
    return found


def reference(tokens: list[int]) -> float:
    """Perplexity of the same window in another implementation, transformers, which reads the same file."""
    import accelerate  # noqa: F401  transformers reads no GGUF file without it
    import torch
    import transformers

    from snmem.language import find_model

    path = find_model("smollm2")
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name)
    with torch.no_grad():
        logits = model.eval()(torch.tensor([tokens])).logits[0]
    first = len(tokens) // 2
    loss = torch.nn.functional.cross_entropy(logits[first - 1 : -1].float(), torch.tensor(tokens[first:]))
    return float(loss.exp())


def run(
    tokens: int = 512, rule: str = "threshold", value: float = 0.02, sink: bool = False, text: str = TEXT, seed: int = 0
) -> dict[str, float]:
    """Score one window with one rule: "softmax", "threshold", "largest", "equal", "budgets", or "bits"."""
    from snmem.language import read_language_model
    from snmem.language.rules import Budgets, Coded, Largest, Threshold

    model = read_language_model()
    other = OTHER if text != OTHER else TEXT
    makers: dict[str, Callable[[], Any]] = {
        "softmax": lambda: None,
        "threshold": lambda: Threshold(value, sink),
        "largest": lambda: Largest(int(value), sink=sink),
        "equal": lambda: Largest(int(value), True, sink),
        "budgets": lambda: Budgets(survey_of(model, other, SURVEYED).budgets(value), sink),
        "bits": lambda: Coded(int(value), Threshold(0.02, sink), survey_of(model, other, SURVEYED)),
    }
    if rule not in makers:
        raise InputError(f"lm-winners: rule {rule!r}: unknown; use one of {', '.join(makers)}")
    score = model.score(window(model, text, tokens), makers[rule](), first=tokens // 2)
    return {"perplexity": score.perplexity, "zero": score.zero}


def cheapest(found: Mapping[str, Any]) -> tuple[str, float]:
    """The rule that empties at least 99 % at the least loss, and its perplexity against softmax, less 1."""
    base = found["softmax"]["perplexity"]
    losses = {n: x["perplexity"] / base - 1 for n, x in found.items() if x["zero"] >= EMPTY}
    name = min(losses, key=lambda n: losses[n], default="none")
    return name, losses.get(name, float("inf"))


def emptiest(found: Mapping[str, Any]) -> float:
    """The largest share of zeros that costs no more than DEAR."""
    base = found["softmax"]["perplexity"]
    return max(x["zero"] for x in found.values() if x["perplexity"] <= (1 + DEAR) * base)


def rows_of(found: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Our own runs again, how empty is cheap, and where 99 % empty costs less than 5 %."""
    rows = []
    for (length, name), (ratio, zero) in OWN_RUNS.items():
        if length in found:
            ours, where = found[length][name], f"{length} tokens, {name}"
            cost = ours["perplexity"] / found[length]["softmax"]["perplexity"]
            rows.append(expected(f"{where}: perplexity against softmax", cost, ratio, 0.05 * ratio, "ratio"))
            rows.append(expected(f"{where}: zero weights", ours["zero"], zero, 0.01, "share"))
    if 512 in found:
        most = emptiest(found[512])
        rows.append(expected("512 tokens: most zeros within 5 % of softmax's perplexity", most, 0.903, 0.01, "share"))
    holds = [length for length, runs in found.items() if cheapest(runs)[1] <= DEAR]
    where = f"at {holds[0]} tokens" if holds else "nowhere"
    rows.append(finding("99 % of the weights zero within 5 % of softmax's perplexity", where, "nowhere"))
    return rows


def quick_rows(runs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What one short window shows, relative to softmax."""
    ratio = {name: x["perplexity"] / runs["softmax"]["perplexity"] for name, x in runs.items()}
    return [
        target("softmax: perplexity", runs["softmax"]["perplexity"], 30.0, "", False),
        target("threshold 0.02: perplexity against softmax", ratio["threshold 0.02"], 1.15, "ratio", False),
        target("threshold 0.02: zero weights", runs["threshold 0.02"]["zero"], 0.8, "share"),
        target("fails: 8 largest, equal weights: perplexity against softmax", ratio["8 equal"], 3.0, "ratio"),
    ]


def reference_row(tokens: list[int], ours: float) -> dict[str, Any]:
    """The baseline beside another implementation of the same file."""
    name = f"softmax, {len(tokens)} tokens: perplexity against {REFERENCE}, ratio"
    try:
        return near(name, ours / reference(tokens), 1.0, 0.01, "ratio")
    except ImportError:
        return not_run(name, f"{REFERENCE} is absent; pip install 'snmem[peers]'", 1.0, 0.01, "ratio")


def draw(found: Mapping[int, Mapping[str, Any]], out: Path) -> list[str]:
    """Perplexity against softmax by share of zeros, a panel for each length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(found), 4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(found), sharey=True))
    for ax, (length, runs) in zip(panels, found.items(), strict=True):
        base = runs["softmax"]["perplexity"]
        for name, x in runs.items():
            if x["perplexity"] < 3 * base and x["zero"]:
                ax.plot(x["zero"], x["perplexity"] / base, "o", ms=4)
                ax.annotate(name, (x["zero"], x["perplexity"] / base), fontsize=6)
        ax.axhline(1 + DEAR, ls=":", color="grey")
        ax.axvline(EMPTY, ls=":", color="grey")
        ax.set(xlabel="share of weights that are zero", title=f"{length} tokens")
    panels[0].set_ylabel("perplexity against softmax")
    with replace_file(out / "lm_winners.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "lm_winners.png")]


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Windows of 512 and 2048 tokens and all rules; ``quick``: one of 256 and five rules."""
    from snmem.language import read_language_model

    began = time.perf_counter()
    report("reading SmolLM2")
    model = read_language_model()
    report(f"surveying the heads on other text ({OTHER})")
    chosen = rules(survey_of(model, OTHER, QUICK if quick else SURVEYED), quick)
    found = {}
    for length in (QUICK,) if quick else LENGTHS:
        found[length] = measure(model, window(model, TEXT, length), chosen, report)
    if quick:
        rows = quick_rows(found[QUICK])
    else:
        report(f"the same window in {REFERENCE}")
        tokens = window(model, TEXT, LENGTHS[0])
        rows = [reference_row(tokens, found[LENGTHS[0]]["softmax"]["perplexity"]), *rows_of(found)]
    cheap = {str(length): dict(zip(("rule", "loss"), cheapest(runs), strict=True)) for length, runs in found.items()}
    raw = {"text": TEXT, "tokens": {str(n): runs for n, runs in found.items()}, "99 % zero": cheap}
    return result(rows, raw, draw(found, out) if out else [], seed, began)
