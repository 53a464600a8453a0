"""The field's standard models at full size on snmem, NEST and Brian2 C++ side by side, by the published recipe.

Each simulator runs each model in a process of its own: the first part is discarded, then the clock runs while nothing
is recorded (Brian2 monitors its spikes all the time). Spikes are compared first where the random numbers are the same,
else the rates of each population. The real-time factor is wall time over biological time; published ones are shown
beside those measured. Constants and sources stand in the models themselves.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snmem.errors import InputError
from snmem.installation.content import load_script

if (_FOLDER := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.append(_FOLDER)
from engine_suite.processes import run_apart
from models_suite.plan import FULL, MEMORY_GB, PATIENCE_S, PUBLISHED, QUICK, RATES, SETUP_S, SIMULATORS, Plan

Say = Callable[[str], None]
#: Models that the machine's limit is measured for, and the model of :mod:`models_suite.limit` that each is.
LIMITS = {"cuba": "cuba", "brunel": "brunel", "microcircuit": "microcircuit", "microcircuit_half": "microcircuit"}


def child(job: dict[str, Any], report: Say) -> dict[str, Any]:
    """Run one simulator; spikes come back as "spikes", and what went wrong as "absent"."""
    report(f"{job['model']}: {job['simulator']}")
    with tempfile.TemporaryDirectory(prefix="snmem-models-") as folder:
        found = run_apart("models_suite.child", job, folder, PATIENCE_S)
        spikes = Path(folder) / "spikes.npy"
        return found | ({"spikes": np.load(spikes)} if spikes.exists() else {})


def bench_model(name: str, plan: Plan, report: Say) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows and raw figures of a model."""
    job = {"model": name, "scale": plan.scale, "threads": plan.threads, "discard": plan.discard}
    job |= {"compared": plan.compared, "compare_s": min(plan.peers.get("brian2", 0.0), 1.0)}
    runs = {"snmem": child({**job, "simulator": "snmem", "seconds": plan.seconds}, report)}
    for peer, seconds in plan.peers.items():
        runs[peer] = child({**job, "simulator": peer, "seconds": seconds}, report)
    rows = [r for peer in plan.peers for r in compared(name, plan, runs["snmem"], runs[peer], peer)]
    rows += speeds(name, plan, runs)
    if name in LIMITS and "run_s" in runs["snmem"]:
        least = child({"model": LIMITS[name], "simulator": "limit", "neurons": runs["snmem"]["neurons"]}, report)
        rows += limits(name, plan, runs["snmem"], least)
        runs["limit"] = least
    raw = {k: {x: v for x, v in run.items() if x != "spikes"} for k, run in runs.items()}
    return rows, raw


def compared(name: str, plan: Plan, ours: dict[str, Any], theirs: dict[str, Any], peer: str) -> list[dict[str, Any]]:
    """How spikes, or rates, of snmem and another simulator agree."""
    if "absent" in ours or "absent" in theirs:
        return [row(f"{name}: {peer}", None, "runs", "", False, why=theirs.get("absent", ours.get("absent")))]
    if plan.compared == "spikes" and peer == "brian2":
        mine, other = (set(map(tuple, run["spikes"].T.tolist())) for run in (ours, theirs))
        until = 1 + max((step for step, _ in mine), default=0)
        other = {pair for pair in other if pair[0] < until}
        first = min(mine ^ other, default=None)
        return [row(f"{name}: spikes that only one of snmem and Brian2 has", len(mine ^ other), 0, "", mine == other,
                    spikes=len(mine), first=first)]  # fmt: skip
    furthest = max(abs(theirs["rates"][n] - r) / max(r, 0.5) for n, r in ours["rates"].items())
    judged = not plan.times or furthest <= RATES
    rates = {"snmem": ours["rates"], peer: theirs["rates"]}
    return [row(f"{name}: largest difference of a population's rate from {peer}'s", furthest, RATES, "share", judged,
                rates=rates)]  # fmt: skip


def speeds(name: str, plan: Plan, runs: dict[str, Any]) -> list[dict[str, Any]]:
    """Real-time factors, how many times faster, memory and set-up."""
    factors = {k: r["run_s"] / r["seconds"] for k, r in runs.items() if "run_s" in r}
    rows = []
    for who, factor in factors.items():
        asked = plan.most if who == "snmem" else None
        rows.append(row(f"{name}: real-time factor, {who}", factor, asked or "shown", "", not asked or factor <= asked))
    for peer, factor in factors.items():
        if peer != "snmem" and "snmem" in factors:
            times, least = factor / factors["snmem"], plan.times.get(peer)
            rows.append(
                row(f"{name}: times faster than {peer}", times, least or "shown", "", not least or times >= least)
            )
    ours, judged = runs["snmem"], name == "microcircuit" and plan.most is not None
    if "run_s" in ours:
        gb = ours["peak_mb"] / 1024
        rows.append(row(f"{name}: memory of snmem", gb, MEMORY_GB if judged else "shown", "GB",
                        not judged or gb <= MEMORY_GB))  # fmt: skip
        rows.append(row(f"{name}: set-up of snmem", ours["setup_s"], SETUP_S if judged else "shown", "s",
                        not judged or ours["setup_s"] <= SETUP_S))  # fmt: skip
        events = ours["synaptic_events"] / ours["run_s"]
        rows.append(row(f"{name}: synaptic events a second", events, "shown", "1/s", True))
    return rows


def limits(name: str, plan: Plan, ours: dict[str, Any], least: dict[str, Any]) -> list[dict[str, Any]]:
    """What the machine takes at least for all steps of all neurons and all events, on as many cores, and our share."""
    if "absent" in least:
        return [row(f"{name}: limit of the machine", None, "measured", "", False, why=least["absent"])]
    ns = ours["steps"] * ours["neurons"] * least["step_ns"] + ours["synaptic_events"] * least["event_ns"]
    factor = 1e-9 * ns / plan.threads / ours["seconds"]
    return [
        row(f"{name}: real-time factor of the machine's limit", factor, "shown", "", True, **least),
        row(f"{name}: share of that limit", factor * ours["seconds"] / ours["run_s"], "shown", "", True),
    ]


def row(name: str, value: Any, target: Any, unit: str, ok: bool, **raw: Any) -> dict[str, Any]:
    """A row of the table."""
    return {"name": name, "value": value, "target": target, "unit": unit, "ok": bool(ok)} | (
        {"raw": raw} if raw else {}
    )


def bench_models(
    quick: bool = False,
    report: Say = lambda message: None,
    models: Iterable[str] | None = None,
    simulators: Iterable[str] | None = None,
) -> dict[str, Any]:
    """All models, or those named, on snmem and all others, or those named.

    ``quick`` takes parts of the models, and asks for no speed.
    """
    rows, raw, plans = [], {}, chosen(QUICK if quick else FULL, models, simulators)
    for name, plan in plans.items():
        found, raw[name] = bench_model(name, plan, report)
        rows += found
    data = {"rows": rows, "ok": all(r["ok"] for r in rows), "raw": raw, "published": PUBLISHED}
    return data | {"markdown": markdown(plans, raw), "machine": load_script("benchmarks", "engine").machine()}


def markdown(plans: Mapping[str, Plan], raw: Mapping[str, Any]) -> str:
    """The table of the page on standard models: real-time factors, and how many times as long the others take."""
    lines = ["| model | snmem | Brian2 C++ | NEST | memory and set-up of snmem |", "|---|---|---|---|---|"]
    for name, runs in raw.items():
        factors = {who: run["run_s"] / run["seconds"] for who, run in runs.items() if "run_s" in run}
        ours, cells = factors.get("snmem"), [f"{plans[name].title}, {plans[name].seconds:g} s"]
        cells += [f"{ours:.3g}" if ours else ""]
        for peer in SIMULATORS[1:]:
            times = f" ({factors[peer] / ours:.2g} times)" if peer in factors and ours else ""
            cells.append(f"{factors[peer]:.3g}{times}" if peer in factors else "")
        cells += [f"{runs['snmem']['peak_mb'] / 1024:.2g} GB, {runs['snmem']['setup_s']:.2g} s" if ours else ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def chosen(
    plans: Mapping[str, Plan], models: Iterable[str] | None, simulators: Iterable[str] | None
) -> dict[str, Plan]:
    """The plans of some models, on some simulators; InputError for those that are unknown, or run none of them."""
    names = [name.replace("-", "_") for name in models or plans]
    for name in names:
        if name not in plans:
            raise InputError(f"bench models: model {name!r} is unknown; use {', '.join(plans)}")
    found = {name: plans[name] for name in names}
    if simulators is None or not (wanted := list(simulators)):
        return found
    for peer in wanted:
        able = [name for name, plan in plans.items() if peer in plan.peers]
        if peer not in SIMULATORS:
            raise InputError(f"bench models: simulator {peer!r} is unknown; use {', '.join(SIMULATORS)}")
        if peer != "snmem" and not set(able) & set(names):
            raise InputError(f"bench models: {peer} runs none of {', '.join(names)}; it runs {', '.join(able)}")
    return {n: replace(p, peers={k: s for k, s in p.peers.items() if k in wanted}) for n, p in found.items()}
