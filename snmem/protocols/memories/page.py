"""Plots of a results file, and the page of the documentation that is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...cost.report.tables import si
from ...io.files import replace_file
from .parts import CHIPS

#: Conditions of the two tables in colour, by their columns' heads.
CUES = ("cue, share of ones kept", "cue, share of ones added", "age", "similarity")
DAMAGE = ("undamaged", "dead neurons", "dead synapses", "bits of a weight", "drift, sd in ranges")
Results = Mapping[str, Any]


def write_page(results: Results, folder: Path, prefix: str = "memories") -> list[Path]:
    """Write three pictures and the page into a folder, and return their paths."""
    pictures = {"capacity": draw_capacity, "conditions": draw_conditions, "cost": draw_cost}
    paths = []
    for name, draw in pictures.items():
        path = folder / f"{prefix}-{name}.png"
        figure = draw(results)
        with replace_file(path) as file:
            figure.savefig(file, format="png", dpi=110)
        paths.append(path)
    page = folder / f"{prefix}.md"
    with replace_file(page) as file:
        file.write(page_text(results, prefix).encode())
    return [*paths, page]


def values(results: Results, condition: str, metric: str | None = None) -> dict[str, dict[Any, float]]:
    """Memory -> setting -> value of a condition; the metric where it has several."""
    out: dict[str, dict[Any, float]] = {name: {} for name in results["memories"]}
    for row in results["rows"]:
        if row["condition"] == condition and metric in (None, row["metric"]):
            out[row["memory"]][row["setting"]] = row["value"]
    return out


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw_capacity(results: Results) -> Any:
    """Accuracy by patterns stored, and information for each bit of storage."""
    figure = _figure(10, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    curves = values(results, "patterns stored")
    styles = [(f"C{n % 10}", ("-", "--", ":")[n // 10 % 3]) for n in range(len(curves))]
    for (name, curve), (color, style) in zip(curves.items(), styles, strict=True):
        left.semilogx(list(curve), list(curve.values()), style, color=color, label=name)
    left.set(xlabel="patterns stored", ylabel="accuracy from half of the ones", ylim=(0, 1.03))
    left.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    bits = values(results, "capacity", "information at 95 %")
    names = [name for name in bits if bits[name]]
    right.barh(names, [bits[name][""] for name in names], color=[styles[list(curves).index(n)][0] for n in names])
    right.invert_yaxis()
    right.tick_params(axis="y", labelsize=7)
    right.set(xlabel="information at 95 %, bits / bit of storage")
    return figure


def draw_conditions(results: Results) -> Any:
    """Accuracy under every condition, as tables in colour."""
    names = list(results["memories"])
    figure = _figure(11, 1.8 + 0.5 * len(names))
    for ax, conditions in zip(figure.subplots(2, 1), (CUES, DAMAGE), strict=True):
        columns, table = [], []
        for condition in conditions:
            found = values(results, condition, "accuracy")
            settings = list(dict.fromkeys(s for one in found.values() for s in one))
            columns += [(condition, setting) for setting in settings]
            table += [[found[name].get(setting, np.nan) for name in names] for setting in settings]
        _color_table(ax, names, columns, np.array(table).T)
    return figure


def _color_table(ax: Any, names: Sequence[str], columns: Sequence[tuple[str, Any]], table: Any) -> None:
    ax.imshow(table, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            color = "white" if value < 0.6 else "black"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=color)
    ax.set_yticks(range(len(names)), names, fontsize=7)
    ax.set_xticks(range(len(columns)), [str(setting) for _, setting in columns], fontsize=7)
    groups = [condition for condition, _ in columns]
    for condition in dict.fromkeys(groups):
        at = [n for n, group in enumerate(groups) if group == condition]
        ax.text(np.mean(at), -0.75, condition, ha="center", va="bottom", fontsize=7.5)
        ax.axvline(at[-1] + 0.5, color="white", linewidth=3)


def draw_cost(results: Results) -> Any:
    """Energy and time of a recall on two chips, where there is a spiking form."""
    figure = _figure(9, 0.9 + 0.32 * sum(about["spiking"] for about in results["memories"].values()) + 0.6)
    names = [name for name, about in results["memories"].items() if about["spiking"]]
    for ax, (metric, unit) in zip(figure.subplots(1, 2, sharey=True), (("energy", "J"), ("time", "s")), strict=True):
        found = values(results, "recall in spikes", metric)
        for n, chip in enumerate(CHIPS):
            y = np.arange(len(names)) + 0.4 * n - 0.2
            ax.barh(y, [found[name].get(chip, np.nan) for name in names], 0.38, label=chip)
        ax.set(xscale="log", xlabel=f"{metric} of a recall, {unit}")
        ax.set_yticks(range(len(names)), names, fontsize=7)
    figure.axes[0].invert_yaxis()
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure


def _cell(value: float | None, form: str = ",.0f") -> str:
    return "-" if value is None or not np.isfinite(value) else format(value, form)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def capacity_table(results: Results) -> str:
    """Bits taken, and patterns held at three levels."""
    metrics = ("99 % accurate", "95 % accurate", "50 % accurate", "information at 95 %")
    found = [values(results, "capacity", metric) for metric in metrics]
    apart, alarms = (values(results, "familiarity", m) for m in ("stored above new", "new above threshold"))
    rows = []
    for name, about in results["memories"].items():
        numbers = [_cell(one[name].get("")) for one in found[:3]]
        cells = [_cell(about["bits"]), *numbers, _cell(found[3][name].get(""), ".3f")]
        rows.append([f"`{name}`", *cells, *(_cell(one[name].get(""), ".2f") for one in (apart, alarms))])
    head = ("memory", "bits", "99 %", "95 %", "50 %", "bits / bit", "stored above new", "new known")
    return _table(head, rows)


def cost_table(results: Results) -> str:
    """What a recall in spikes takes."""
    counts = [values(results, "recall in spikes", m) for m in ("steps", "neurons", "spikes", "synaptic events")]
    energy, time = (values(results, "recall in spikes", metric) for metric in ("energy", "time"))
    rows = []
    for name, about in results["memories"].items():
        if about["spiking"]:
            cells = [_cell(one[name].get("")) for one in counts]
            for chip in CHIPS:
                for found, unit in ((energy, "J"), (time, "s")):
                    value = found[name].get(chip)
                    cells.append("-" if value is None else si(value, unit))
            rows.append([f"`{name}`", *cells])
    chips = [f"{what}, {chip}" for chip in CHIPS for what in ("energy", "time")]
    return _table(("memory", "steps", "neurons", "spikes", "events", *chips), rows)


def page_text(results: Results, prefix: str = "memories") -> str:
    """The page, in Markdown."""
    p, packages = results["patterns"], results["versions"]
    missing = [f"* `{m['memory']}`, {m['part']}: {m['reason']}" for m in results["missing"]]
    who = ", ".join(f"{name} {packages[name]}" for name in ("snmem", "numpy") if name in packages)
    seeds = f"{len(results['seeds'])} seed{'s' * (len(results['seeds']) > 1)}"
    lines = [
        "# Which memory holds what, and at what cost?",
        f"Every memory of the registry at equal bits: `snmem bench memories{' --quick' * (results['form'] == 'quick')}"
        f" --out DIR` measured this page ({results['form']} form, {seeds}, {who}). Patterns have {p['active']} of"
        f" {p['visible']:,} bits, every memory at most {p['bits']:,} bits of storage; cues hold half of a pattern's"
        " ones unless said otherwise. Accuracy is the number of bits in both, divided by the larger number of ones:"
        " bits that are missing and bits too many both lower it.",
        "Sizes are those that each memory gives itself for such patterns (`for_patterns(bits=...)`); none is tuned, and"
        " some cannot use the whole budget: Willshaw's matrix has one size. `faiss`, `hopfield-softmax` and"
        " `hopfield-dense` keep patterns as they are, and lose the oldest; names that begin with `torchhd` are that"
        " package's memories. A memory of yours takes part with `--load FILE.py`, a file as described in *Extending*;"
        f" all numbers are in `{prefix}.json`.",
        "## How many patterns?",
        capacity_table(results),
        "Patterns stored while the mean accuracy of *all* stored ones is at least so high; a memory that forgets the"
        f" old for the new may never reach a level, and {p['most']:,} are the most that were tried. Bits"
        " / bit is the information of that many random patterns at 95 %, for each bit of storage. The last columns are"
        f" about familiarity, at {p['count']} stored: the chance that a half cue of a stored pattern is more"
        " familiar than a new pattern, and the share of new patterns that the memory takes for known.",
        f"![Accuracy by patterns stored; information for each bit of storage]({prefix}-capacity.png)",
        "## What is left under worse conditions?",
        f"![Accuracy of memories under conditions]({prefix}-conditions.png)",
        f"At {p['count']} patterns stored, but for age: there {p['most']:,} are stored one after another, 1 is the"
        " newest. *Tree* patterns resemble each other (leaves of a tree whose edges change a quarter of the ones)."
        " Dead neurons are the units that hold what is stored: hidden units, slots, or visible ones; dead synapses a"
        " share of all stored numbers, set to 0. Drift adds Gaussian noise of so many times the range of the weights;"
        " binary ones flip where it passes the middle.",
        "## What does a recall cost?",
        cost_table(results),
        f"![Energy and time of a recall on two chips]({prefix}-cost.png)",
        "Of the frozen network in LIF neurons on the event engine, which gives the same bits as the algorithm (a row of"
        " the benchmark asserts it). Energy is dynamic and static, in the profile of each chip; time is that of a chip"
        " that runs freely, or in real time where the profile says so. Memories without a row have no spiking form.",
        *(["## What is not measured?", "\n".join(missing)] if missing else []),
    ]
    return "\n\n".join(lines) + "\n"
