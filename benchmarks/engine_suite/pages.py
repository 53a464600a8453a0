"""The table (Markdown) and the page of plots (PNG and SVG)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .plan import TITLES

HEAD = ("case", "engine", "run, ms per step", "set-up, s", "peak memory, MB", "synaptic events/s", "neuron updates/s",
        "of the limit")  # fmt: skip


def cells(entry: dict[str, Any]) -> list[str]:
    """An entry of the table as texts; an absent engine says why."""
    start = [f"({entry['letter']}) {entry['title']}", TITLES[entry["engine"]]]
    if "absent" in entry:
        return [*start, entry["absent"], *[""] * (len(HEAD) - 3)]
    peak, share = entry.get("peak_mb"), entry.get("share_of_limit")
    return [
        *start, f"{1e3 * entry['run_s_per_step']:.4g}", f"{entry['setup_s']:.3g}",
        "" if peak is None else f"{peak:,.0f}",
        f"{entry['synaptic_events_per_s']:.3g}", f"{entry['neuron_updates_per_s']:.3g}",
        "" if share is None else f"{share:.1%}".replace("%", " %"),
    ]  # fmt: skip


def markdown(data: dict[str, Any]) -> str:
    """Table of all cases and engines, then the rows with their targets."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(cells(entry)) + " |" for entry in data["cases"]]
    lines += ["", "| row | value | wanted | unit | ok |", "|---|---|---|---|---|"]
    for row in data["rows"]:
        value = f"{row['value']:.4g}" if isinstance(row["value"], (int, float)) else row["value"]
        lines.append(f"| {row['name']} | {value} | {row['target']} | {row['unit']} | {'yes' if row['ok'] else 'no'} |")
    return "\n".join(lines) + "\n"


def plot(data: dict[str, Any], folder: Path) -> None:
    """Write ``engine.png`` and ``engine.svg``: times, memory, growth, limit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 13), layout="constrained")
    axes = figure.subplots(4, 3).ravel()
    present = [entry for entry in data["cases"] if "absent" not in entry]
    _bars(axes[0], present, lambda e: 1e3 * e["run_s_per_step"], "run time, ms per step")
    _bars(axes[1], present, lambda e: e.get("peak_mb") or float("nan"), "peak memory, MB")
    _bars(axes[2], present, lambda e: e["setup_s"], "set-up, s")
    for ax, curve in zip(axes[3:11], (c for c in data["growth"] if "absent" not in c), strict=False):
        against = curve["against"]
        ax.loglog([p[against] for p in curve["points"]], [p["run_s"] for p in curve["points"]], "o-")
        label = "synaptic events" if against == "synaptic_events" else curve["label"]
        ax.set(xlabel=label, ylabel="run time, s", title=f"{curve['name']}: exponent {curve['exponent']:.2f}")
        low, high = (pick(p["run_s"] for p in curve["points"]) for pick in (min, max))
        ax.set_ylim(min(low / 2, high / 20), max(high * 2, low * 20))
    if "absent" not in data["limit"]:
        sizes = data["limit"]["records"]
        for key, label in (("stream_events_per_s", "records read"), ("add_events_per_s", "read and added")):
            records = {int(size): r[key] for size, r in sizes.items() if size != "planes"}
            (line,) = axes[11].plot(list(records), [1e-9 * rate for rate in records.values()], "o-", label=label)
            planes = sizes["planes"]
            axes[11].plot(planes["bytes"], 1e-9 * planes[key], "*", color=line.get_color(), label=f"{label}, planes")
        axes[11].set(xlabel="bytes of a synapse", ylabel="1e9 events/s", title="limit of this machine", ylim=(0, None))
        axes[11].legend()
    figure.savefig(folder / "engine.png", dpi=110)
    figure.savefig(folder / "engine.svg")


def _bars(ax: Any, entries: list[dict[str, Any]], value: Any, title: str) -> None:
    """Grouped by case, one colour an engine."""
    letters = sorted({e["letter"] for e in entries})
    engines = [name for name in TITLES if any(e["engine"] == name for e in entries)]
    width = 0.8 / max(len(engines), 1)
    for i, engine in enumerate(engines):
        mine = [e for e in entries if e["engine"] == engine]
        places = [letters.index(e["letter"]) + i * width for e in mine]
        ax.bar(places, [value(e) for e in mine], width, label=TITLES[engine])
    ax.set_xticks([i + width * (len(engines) - 1) / 2 for i in range(len(letters))], [f"({c})" for c in letters])
    ax.set(yscale="log", title=title)
    ax.legend(fontsize=7)
