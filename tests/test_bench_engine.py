"""The suite of ``snmem bench engine``: a few small cases, children that fail, curves, rows and pages."""

from __future__ import annotations

import ctypes
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snmem import simulate
from snmem.installation.content import content_dir

sys.path.append(str(content_dir("benchmarks")))
from engine_suite import cases, growth, judge, limit, limit_cells, limit_planes, pages, suite

PLAN = {
    "convolutional": {"event": 0, "snntorch": 40}, "plastic": {"event": 0, "snntorch": 0},
    "million": {"event": 0, "event, closed form": 0, "event, 2 threads": 0, "nest": 100},
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return suite.run_suite(True, lambda message: None, PLAN, ("silence",))


def test_peers_find_the_same_spikes_and_are_timed(found: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["(e) snnTorch: differing cells"]["value"] == 0
    assert rows["(e) snnTorch: differing cells"]["ok"]
    times = {e["engine"]: e["run_s_per_step"] for e in found["cases"] if e["case"] == "convolutional"}
    ratio = rows["(e) convolutional network from NIR: against snnTorch"]["value"]
    assert ratio == pytest.approx(times["snntorch"] / times["event"])
    assert all(e["peak_mb"] > 50 and e["setup_s"] > 0 for e in found["cases"] if "absent" not in e)


def test_all_ways_of_calling_our_engine_are_compared(found: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in found["rows"]}
    for title in ("snmem, exact=False", "snmem, 2 threads"):
        assert rows[f"(c) {title}: differing cells"]["value"] == 0
    times = {e["engine"]: e["run_s_per_step"] for e in found["cases"] if e["case"] == "million"}
    name = "(c) a million neurons, 0.01 % spiking, silent stretches"
    for row, slow, fast in (
        (f"{name}: snmem, 2 threads, against one thread, exact", "event", "event, 2 threads"),
        (f"{name}: snmem, exact=False, against one thread, exact", "event", "event, closed form"),
        (f"{name}: against NEST", "nest", "event"),
        (f"{name}: snmem, exact=False, against NEST", "nest", "event, closed form"),
        (f"{name}: snmem, 2 threads, against NEST", "nest", "event, 2 threads"),
    ):
        assert rows[row]["value"] == pytest.approx(times[slow] / times[fast])
    assert rows[f"{name}: against NEST"]["target"] == 10


def test_a_peer_that_cannot_run_a_case_is_a_row_that_says_why(found: dict[str, Any]) -> None:
    row = next(r for r in found["rows"] if r["name"] == "(f) instar learning on: against snnTorch")
    assert "plastic" in row["value"]


def test_silence_costs_nothing_and_the_limit_is_measured(found: dict[str, Any]) -> None:
    curve = found["growth"][0]
    assert curve["exponent"] < 0.5  # near 1 if silent steps were made
    few, many = curve["points"]
    assert (few["x"], many["x"]) == (10_000, 1_000_000)
    assert few["spikes"] == many["spikes"] > 100
    assert few["synaptic_events"] == many["synaptic_events"] > 1000
    for record in found["limit"]["records"].values():
        assert 1e7 < record["add_events_per_s"] < 1e11
    assert [p["x"] for p in found["limit"]["scattered"]["points"]] == [10_000, 31_623, 100_000, 316_228, 1_000_000]
    most = found["limit"]["records"]["3"]["add_events_per_s"]
    ran = [e for e in found["cases"] if "absent" not in e]
    assert [e["share_of_limit"] for e in ran] == [e["synaptic_events_per_s"] / most for e in ran]
    seconds = {name: median(times) for name, times in found["in_turns"]["seconds"].items()}
    rows = {row["name"]: row["value"] for row in found["rows"]}
    assert rows["two copies of the limit's program at once, adds"] == found["limit"]["two_at_once"] > 0
    assert rows["(a) two threads against one, in turns"] == pytest.approx(seconds["one"] / seconds["two"])
    share = found["in_turns"]["events"] / seconds["one"] * seconds["limit"] / found["in_turns"]["limit_events"]
    assert rows["(a) share of the machine's limit for planes of bits"] == pytest.approx(share)
    assert {"import", "help", "second run"} <= found["startup"].keys()
    assert all(0 < ns < 1000 for ns in found["limit"]["cells"].values())


def test_the_limit_of_a_large_population_is_what_its_steps_and_visits_take() -> None:
    ours = {"case": "million", "engine": "event", "neurons": 1000, "synaptic_events": 500, "steps": 10}
    table = [ours | {"run_s_per_step": 1e-6}, {"case": "million", "engine": "brian2_cpp", "run_s_per_step": 2e-6}]
    most, share = judge.floor_rows(table, {"cells": {"step_ns": 0.1, "visit_ns": 4.0}})
    assert most["value"] == pytest.approx(2e-6 / 3e-7)
    assert share["value"] == pytest.approx(0.3)
    assert judge.floor_rows(table[:1], {"cells": {"step_ns": 0.1, "visit_ns": 4.0}}) == []


def test_two_at_once_counts_the_work_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that every part moves on by a second: two threads get done what one does."""
    done: list[int] = []
    monkeypatch.setattr(limit_planes, "time", SimpleNamespace(perf_counter=lambda: float(len(done))))
    assert limit_planes.two_at_once(done.append, 1) == 1.0
    assert (done.count(0), done.count(1)) == (8, 4)


def test_the_limits_programs_do_the_work_they_are_timed_for(tmp_path: Path) -> None:
    program = limit_planes.Program(limit.compiled(tmp_path, "planes.c"), 5000, 500, 60, 1)
    program.count(2)
    words, groups, rows, _ = program.kept
    wanted = np.zeros_like(program.sums[0])
    for (group, row), tile in ((g, t) for g in zip(groups, rows, strict=True) for t in range(program.work.tiles)):
        part = wanted[2560 * tile : 2560 * (tile + 1)]
        for first, step in zip(group[:8], group[8:], strict=True):
            word = first + step * tile
            bits = np.unpackbits(words[word : word + 40].view(np.uint8), bitorder="little")
            part += bits * (2.0 ** row[0] if row[0] < 14 else -(2.0 ** (row[0] - 14)))
    assert wanted.any()
    assert (program.sums[0] == wanted).all()
    code = ctypes.CDLL(str(limit.compiled(tmp_path, *limit_cells.SOURCE)))
    u, v = np.random.default_rng(0).uniform(-1, 1, (2, 2 * limit_cells.TOGETHER))
    a, b = u.copy(), v.copy()
    sizes, factors = (ctypes.c_int64(u.size), ctypes.c_int64(70)), (ctypes.c_double(0.7), ctypes.c_double(0.9))
    code.step(ctypes.c_void_p(u.ctypes.data), ctypes.c_void_p(v.ctypes.data), *sizes, *factors)
    for _ in range(70):
        a = 0.7 * a
        b = 0.9 * b + a
    assert (u == a).all()
    assert (v == b).all()


def test_table_and_plots_hold_every_engine(found: dict[str, Any], tmp_path: Path) -> None:
    text = pages.markdown(found)
    assert text.count("| snnTorch |") == 2
    assert all(row["name"] in text for row in found["rows"])
    pages.plot(found, tmp_path)
    assert (tmp_path / "engine.png").stat().st_size > 20_000
    assert "</svg>" in (tmp_path / "engine.svg").read_text()


def test_a_child_that_crashes_or_takes_too_long_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"case": "no such case", "engine": "event", "steps": 0, "repeats": 1, "quick": True}
    assert "no such case" in suite.child(job, "", lambda message: None)["absent"]
    monkeypatch.setattr(suite, "PATIENCE_S", 0.05)
    assert suite.child(job, "", lambda message: None)["absent"] == "not done after 0.05 s"


def test_random_matrices_are_random_and_balanced() -> None:
    data, indices, indptr = cases.random_matrix(2500, 2000, 0.05, (2, 6), (13, 38), 0)
    assert len(data) == indptr[-1] == pytest.approx(250_000, rel=0.02)
    assert data[indices < 1600].min() == 2
    assert data[indices >= 1600].max() == -13
    degrees = np.diff(indptr)
    assert degrees.std() == pytest.approx((2000 * 0.05 * 0.95) ** 0.5, rel=0.1)
    assert all((np.diff(indices[a:b]) > 0).all() for a, b in pairwise(indptr[:50]))


def test_events_are_fixed_while_neurons_are_added() -> None:
    def events(n: int, function: Any) -> int:
        [(_, network, inputs, steps)] = function((n,), 30)
        return sum(simulate(network, inputs, steps).counters.synaptic_events.values())

    assert events(10_000, growth.bystanders) == events(20_000, growth.bystanders)
    assert events(20_000, growth.scattered) == pytest.approx(events(10_000, growth.scattered), rel=0.05)


def test_exponents_are_fitted_and_judged() -> None:
    points = [{"x": x, "run_s": 3 * x**0.5} for x in (1, 10, 100)]
    curve = {"name": "neurons", "label": "neurons", "against": "x", "points": points}
    curve["exponent"] = growth.exponent(points, "x")
    assert curve["exponent"] == pytest.approx(0.5)
    assert not judge.growth_row(curve)["ok"]
    assert judge.growth_row(curve | {"exponent": 0.05})["ok"]


def test_every_tuning_constant_names_the_command_that_measures_it():
    from engine_suite.tune import BENCHMARKS, TUNING, parsed, with_value

    text = (BENCHMARKS.parent / TUNING).read_text()
    names = [name for line in re.findall(r"^([A-Z_0-9, ]+) = ", text, re.MULTILINE) for name in line.split(", ")]
    commands = re.findall(r"``python -m engine_suite.tune ([^`]+)``(?: \(and ([A-Z_]+))?", text)
    assert len(names) > 15
    for name in names:
        changed = with_value(text, name, "77")
        assert sum(a != b for a, b in zip(text.splitlines(), changed.splitlines(), strict=True)) == 1
    for command, _ in commands:
        options = parsed(shlex.split(command.replace("\n#:", "")))
        assert options.constant in names
        assert len(options.values) > 1
        assert options.case in (*cases.CASES, "records", "delays")
