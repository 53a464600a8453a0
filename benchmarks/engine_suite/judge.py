"""Rows: a value, its target, and whether it is met."""

from __future__ import annotations

from statistics import median
from typing import Any

from snmem import Spikes

from .plan import CLOSE, OURS, TARGETS, TITLES
from .startup import summary

#: Exponents wanted, as (least, most); silence within what repeats differ by.
EXPONENTS = {
    "neurons": (-1.0, 0.1), "neurons-scattered": (-1.0, 0.1),
    "neurons-scattered-closed": (-1.0, 0.1), "events": (0.9, 1.05), "events-planes": (-1.0, 1.05),
    "activity": (-1.0, 1.05), "synapses": (-1.0, 1.05), "silence": (-0.05, 0.05),
}  # fmt: skip
BUILD_S, PEAK_MB, THREADS, SHARE_OF_LIMIT = 60.0, 2048.0, 1.6, 0.7
#: On a busy machine, at most this many times the time of one thread.
BUSY = 1.1
START_S = {"import": 0.5, "help": 0.7, "second run": 1.0}


def row(name: str, value: Any, target: Any, unit: str, ok: bool, **raw: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "target": target, "unit": unit, "ok": bool(ok), "raw": raw}


def same(entry: dict[str, Any], ours: dict[str, Spikes], theirs: dict[str, Spikes]) -> list[dict[str, Any]]:
    """Equal spikes; for NEST close rates. Over the steps that both ran."""
    title, steps = f"({entry['letter']}) {TITLES[entry['engine']]}", entry["steps"]
    pairs = [(ours[name].between(0, steps), s) for name, s in theirs.items()]
    if entry["engine"] == "event":
        spikes = entry["spikes"]
        return [row(f"{title}: spikes", spikes, "> 0", "spikes", spikes > 0)]
    if entry["engine"] == "nest":
        a, b = (sum(len(pair[i]) for pair in pairs) for i in (0, 1))
        ratio = b / max(a, 1)
        return [row(f"{title}: rate over snmem's", ratio, f"1 ± {CLOSE}", "", abs(ratio - 1) <= CLOSE, spikes=[a, b])]
    differing = sum(a.differing(b)[0] for a, b in pairs)
    return [row(f"{title}: differing cells", differing, 0, "cells", differing == 0, steps=steps)]


def _ratio(name: str, slow: dict[str, Any], fast: dict[str, Any], target: float) -> dict[str, Any]:
    """How many times as fast ``fast`` is. An absent one is fine where nothing is asked of it, or it cannot hold it."""
    gone = [e for e in (slow, fast) if "absent" in e]
    if gone:
        case, engine, why = gone[0]["case"], gone[0]["engine"], gone[0]["absent"]
        fine = (case, engine) not in TARGETS and engine not in OURS and "failed" not in why
        fine = fine or (case == "million" and "more memory" in why)
        return row(name, why, target, "times as fast", fine)
    ratio = slow["run_s_per_step"] / fast["run_s_per_step"]
    raw = {"slow_s_per_step": slow["run_s_per_step"], "fast_s_per_step": fast["run_s_per_step"]}
    return row(name, ratio, target, "times as fast", ratio >= target, **raw)


def speed_rows(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ratios of times per step, a peer's over ours, and what the case asks besides."""
    ours, *others = table
    name = f"({ours['letter']}) {ours['title']}"
    if "absent" in ours:
        return [row(f"{name}: snmem", ours["absent"], "runs", "", False)]
    ways = [e for e in others if e["engine"] in OURS]
    rows = [_ratio(f"{name}: {TITLES[e['engine']]}, against one thread, exact", ours, e, 1) for e in ways]
    for entry in (e for e in others if e["engine"] not in OURS):
        engine = entry["engine"]
        target = TARGETS.get((ours["case"], engine), 1)
        rows.append(_ratio(f"{name}: against {TITLES[engine]}", entry, ours, target))
        if "absent" not in entry and ours["case"] == "million":
            rows += [_ratio(f"{name}: {TITLES[e['engine']]}, against {TITLES[engine]}", entry, e, target) for e in ways]
    if ours["case"] == "million":
        millions = f"{ours['synapses'] / 1e6:.0f} million synapses"
        rows.append(row(f"{millions}: set-up from arrays", ours["setup_s"], BUILD_S, "s", ours["setup_s"] < BUILD_S))
        rows.append(row(f"{millions}: peak memory", ours["peak_mb"], PEAK_MB, "MB", ours["peak_mb"] <= PEAK_MB))
    return rows


def limit_rows(table: list[dict[str, Any]], limit: dict[str, Any]) -> list[dict[str, Any]]:
    """Gives every entry its share of the machine's limit; the row of case (a) for the engine's own record size."""
    if "absent" in limit:
        return [row("limit of the machine", limit["absent"], "measured", "", False)]
    sizes = limit["records"]
    for entry in table:
        if "absent" not in entry:
            entry["share_of_limit"] = entry["synaptic_events_per_s"] / sizes["3"]["add_events_per_s"]
    return [
        row("two copies of the limit's program at once, adds", limit["two_at_once"], "measured", "times one", True),
        row(
            "two copies of the limit's program at once, planes of bits", sizes["planes"]["two_at_once"], "measured",
            "times one", True,
        ),
        row(
            "exponent of the limit's adds against neurons they are scattered over", limit["scattered"]["exponent"],
            "measured", "", True, points=limit["scattered"]["points"],
        ),
    ]  # fmt: skip


def floor_rows(table: list[dict[str, Any]], limit: dict[str, Any]) -> list[dict[str, Any]]:
    """(c) on one thread: what a run that steps every neuron in every step takes at least, and what that allows."""
    found = {e["engine"]: e for e in table if e["case"] == "million" and "absent" not in e}
    if not {"event", "brian2_cpp"} <= found.keys() or "absent" in limit:
        return []
    cells, ours = limit["cells"], found["event"]
    events = ours["synaptic_events"] / ours["steps"]
    least = 1e-9 * (ours["neurons"] * cells["step_ns"] + events * cells["visit_ns"])
    most, raw = found["brian2_cpp"]["run_s_per_step"] / least, {"least_s_per_step": least, **cells}
    return [
        row("(c) the most that stepping every neuron on one thread allows, against Brian2 C++", most, "measured",
            "times as fast", True, **raw),
        row("(c) share of that limit, one thread, exact", least / ours["run_s_per_step"], "measured", "", True),
    ]  # fmt: skip


def turn_rows(found: dict[str, Any], limit: dict[str, Any]) -> list[dict[str, Any]]:
    """Case (a): two threads against one, and the share of the machine's limit for the engine's own record size."""
    if "absent" in found or "absent" in limit:
        return [row("(a) in turns", found.get("absent", limit.get("absent")), "measured", "", False)]
    seconds = {name: median(times) for name, times in found["seconds"].items()}
    ratio, rate = seconds["one"] / seconds["two"], found["events"] / seconds["one"]
    records, what = limit["records"], "planes of bits"
    if found["records"] == "planes":
        most = found["limit_events"] / seconds["limit"]
    else:
        most, what = records[found["records"]]["add_events_per_s"], f"records of {found['records']} bytes"
    share, raw = rate / most, {"medians_s": seconds, "events_per_s": [rate, most]}
    return [
        row("(a) two threads against one, in turns", ratio, THREADS, "times as fast", ratio >= THREADS, **raw),
        row(f"(a) share of the machine's limit for {what}", share, SHARE_OF_LIMIT, "", share >= SHARE_OF_LIMIT, **raw),
        row(
            "(a) share of the machine's limit for scattered adds, records of 3 bytes",
            rate / records["3"]["add_events_per_s"], "measured", "", True,
        ),
    ]  # fmt: skip


def busy_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Two threads against one while other programs keep the processors busy."""
    if "absent" in found:
        return [row("busy machine", found["absent"], "measured", "", False)]
    rows = []
    for name, seconds in found["seconds"].items():
        ratio = median(seconds["two"]) / median(seconds["one"])
        title = f"busy machine, {name} network: time of two threads over one"
        rows.append(row(title, ratio, f"<= {BUSY}", "", ratio <= BUSY, seconds=seconds))
    return rows


def growth_row(curve: dict[str, Any]) -> dict[str, Any]:
    """The exponent of a curve."""
    if "absent" in curve:
        return row("growth", curve["absent"], "measured", "", False)
    low, high = EXPONENTS[curve["name"]]
    name = f"exponent of time against {curve['label']}"
    wanted = f"<= {high}" if low < -0.5 else f"{low} .. {high}"
    return row(name, curve["exponent"], wanted, "", low <= curve["exponent"] <= high, points=curve["points"])


def startup_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Time of whole processes, on the wall."""
    if "absent" in found:
        return [row("starting", found["absent"], "measured", "", False)]
    names = {"import": "import snmem", "help": "snmem --help", "second run": "second run of a compiled network, ready"}
    middle = summary(found)
    return [
        row(title, middle[key], START_S[key], "s", middle[key] < START_S[key], times=found[key])
        for key, title in names.items()
    ]
