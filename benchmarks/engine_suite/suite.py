"""The suite: every engine on every case, growth, limit and start-up, judged by rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from snmem import Spikes

from . import judge
from .cases import CASES
from .growth import CURVES
from .plan import FULL, OURS, QUICK, REPEATS, TITLES
from .processes import run_apart

#: Seconds after which a peer is given up.
PATIENCE_S = 300


def run_suite(
    quick: bool,
    report: Callable[[str], None],
    cases: dict[str, dict[str, int]] | None = None,
    curves: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Everything that the table, the rows and the plots hold. ``cases`` and ``curves`` narrow it down."""
    plan = (QUICK if quick else FULL) if cases is None else cases
    rows, table = [], []
    for case, engines in plan.items():
        found, more = _case(case, engines, quick, report)
        table += found
        rows += more
    grown = [child({"curve": name, "quick": quick}, f"growth: {name}", report) for name in curves or CURVES]
    turns = child({"measure": "in turns", "quick": quick}, "one thread, two, and the limit, in turns", report)
    busy = child({"measure": "busy", "quick": quick}, "one thread and two on a busy machine", report)
    limit = child({"measure": "limit", "quick": quick}, "limit of the machine", report)
    starting = child({"measure": "startup", "quick": quick}, "starting", report)
    rows += judge.limit_rows(table, limit) + judge.floor_rows(table, limit) + judge.turn_rows(turns, limit)
    rows += judge.busy_rows(busy)
    rows += [judge.growth_row(curve) for curve in grown]
    rows += judge.startup_rows(starting)
    return {
        "rows": rows, "ok": all(r["ok"] for r in rows), "cases": table, "growth": grown, "limit": limit,
        "in_turns": turns, "busy": busy, "startup": starting,
    }  # fmt: skip


def child(job: dict[str, Any], what: str, report: Callable[[str], None], folder: str | None = None) -> dict[str, Any]:
    """Do a job in a process of its own; what went wrong comes back as ``absent``."""
    report(what)
    with tempfile.TemporaryDirectory(prefix="snmem-suite-") as temporary:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        return run_apart("engine_suite.child", job, folder or temporary, PATIENCE_S, threads)


def _case(
    case: str, engines: dict[str, int], quick: bool, report: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Table entries and rows of one case."""
    letter, title, *_ = CASES[case]
    table: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="snmem-suite-") as folder:
        ours: dict[str, Spikes] = {}
        for engine, steps in engines.items():
            entry: dict[str, Any] = {"case": case, "letter": letter, "title": title, "engine": engine}
            repeats = REPEATS.get((case, engine), 5 if engine in OURS or engine == "brian2_cpp" else 1)
            place = Path(folder) / engine
            place.mkdir()
            job = {"case": case, "engine": engine, "steps": steps, "repeats": repeats, "quick": quick}
            entry |= child(job, f"({letter}) {title}: {TITLES[engine]}", report, str(place))
            if "absent" not in entry:
                entry["run_s_per_step"] = median(entry["run_s"]) / entry["steps"]
                seconds = entry["run_s_per_step"] * entry["steps"]
                entry["synaptic_events_per_s"] = entry["synaptic_events"] / seconds
                entry["neuron_updates_per_s"] = entry["neurons"] * entry["steps"] / seconds
                spikes = _load(place / "spikes.npz")
                ours = ours or spikes
                rows += judge.same(entry, ours, spikes)
            table.append(entry)
    return table, rows + judge.speed_rows(table)


def _load(path: Path) -> dict[str, Spikes]:
    with np.load(path) as data:
        names = {key.rpartition("/")[0] for key in data.files}
        return {n: Spikes(data[f"{n}/step"], data[f"{n}/neuron"], *map(int, data[f"{n}/shape"])) for n in names}
