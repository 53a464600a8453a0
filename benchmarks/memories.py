"""Associative memories at equal bits: capacity, cues, age, similarity, damage, and what a recall in spikes costs.

Every memory of the registry takes part, those of files named with ``--load`` too, and faiss and torchhd where they are
installed. What the results file holds, :mod:`snmem.protocols.memories.bench` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from snmem.protocols.memories.bench import QUICK, Scale, measure, save
from snmem.protocols.memories.page import write_page

SEEDS = {"quick": 2, "full": 3}


def bench_memories(
    quick: bool = False,
    report: Callable[[str], None] | None = None,
    out: Path | None = None,
    runs: Path | None = None,
    load: Sequence[str] = (),
    only: Sequence[str] = (),
    workers: int | None = None,
) -> dict[str, Any]:
    """Measure all memories, or ``only`` some, and with ``out`` write results, pictures and page there.

    ``runs`` is a folder that keeps what is finished, ``load`` are files that register memories.
    """
    say, form = report or (lambda _: None), "quick" if quick else "full"
    scale = QUICK if quick else Scale()
    results = measure(scale, form, SEEDS[form], only or None, load, runs, workers, say)
    files = []
    if out:
        save(results, out / "memories.json")
        files = [out / "memories.json", *write_page(results, out)]
    rows = summary(results)
    shown = {key: results[key] for key in ("schema", "form", "patterns", "memories", "missing")}
    return {"rows": rows, "ok": all(row["ok"] for row in rows), **shown, "files": [str(f) for f in files]}


def summary(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Capacity of every memory, and that its spikes recall what its algorithm does; what is missing is not ok."""
    rows = []
    absent = {m["memory"] for m in results["missing"] if "MissingDependencyError" in m["reason"]}
    for missing in results["missing"]:
        name, ok = f"{missing['memory']}, {missing['part']}: {missing['reason']}", missing["memory"] in absent
        rows.append({"name": name, "value": "not measured", "target": "shown", "unit": "", "ok": ok})
    for row in results["rows"]:
        name = f"{row['memory']}: {row['condition']}, {row['metric']}"
        if row["condition"] == "capacity":
            rows.append({"name": name, "value": row["value"], "target": "shown", "unit": row["unit"], "ok": True})
        if row["metric"] == "bits unlike the algorithm":
            ok = row["value"] == 0
            rows.append({"name": name, "value": row["value"], "target": 0, "unit": row["unit"], "ok": ok})
    return rows
