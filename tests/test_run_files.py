"""Runs that are written to disk while they go on: the same numbers, in constant memory, whole after kills."""

import errno
import os
import shutil
import tracemalloc
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import folders_at_steps

from snmem import (
    LIF,
    Input,
    Instar,
    Interrupted,
    Network,
    Population,
    Projection,
    Record,
    Recording,
    open_recording,
    simulate,
)
from snmem.backends import reference
from snmem.backends.event import runner
from snmem.cli import main
from snmem.errors import FileError, InputError
from snmem.io.spikes import read_spikes
from snmem.nir_io import write_nir
from snmem.recording import journal, stream

STEPS = 150
X = np.random.default_rng(1).random((STEPS, 6)) < 0.3
TABLES = ("traces", "counts", "rates", "weight_traces")
RECORD = Record(
    {"x": True, "h": [7, 3], "o": True},
    counts="o",
    rates=["h", "x"],
    bin=40,
    traces={"h.v": [5, 0, 30], "o.u": True, "h.u": []},
    weights={"h->o": [0, 9, 3]},
    every={"h.v": 7, "h->o": 10},
)


@cache
def network(learns: bool = True) -> Network:
    rng = np.random.default_rng(0)
    rule = Instar(0.1, decay=0.5) if learns else None
    return Network(
        (Input("x", 6), Population("h", 40, LIF(0.5, 0.9)), Population("o", 3, LIF(beta=0.5))),
        (
            Projection("x", "h", rng.random((40, 6))),
            Projection("h", "h", rng.normal(size=(40, 40)) * 0.2, delay=3),
            Projection("h", "o", rng.random((3, 40)) * 0.2, plasticity=rule),
        ),
        dt=2e-3,
    )


@cache
def unstreamed() -> Recording:
    return simulate(network(), X, record=RECORD)


def check_prefix(path: Path, full: Recording) -> int:
    """The file holds the first steps of the full run; returns how many."""
    with open_recording(path) as run:
        found, n, complete = run.recording(), run.steps, run.complete
    for name, spikes in full.spikes.items():
        assert found.spikes[name] == spikes.between(0, n)
    assert full.plan is not None
    for kind, plan in (("traces", full.plan.traces), ("weight_traces", full.plan.weights)):
        for name, samples in plan.items():
            assert np.array_equal(getattr(found, kind)[name], getattr(full, kind)[name][: len(samples.steps(0, n))])
    for kind in ("counts", "rates"):
        for name, table in getattr(full, kind).items():
            bins = None if complete else n // 40  # the last bin, which is shorter, comes at the end
            assert np.array_equal(getattr(found, kind)[name][:bins], table[:bins])
    return n


@settings(max_examples=6, deadline=None)
@given(
    backend=st.sampled_from(["event", "reference"]),
    collected=st.sampled_from([1, 500, 5000, 1 << 24]),
    held=st.integers(1, 200),
    windows=st.lists(st.tuples(st.integers(0, STEPS), st.integers(0, STEPS)), max_size=3),
)
def test_a_streamed_run_is_the_unstreamed_one(tmp_path_factory: Any, backend, collected, held, windows) -> None:
    path, full = tmp_path_factory.mktemp("run") / "run.h5", unstreamed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "COLLECTED", collected)
        patch.setattr(runner, "HAND_ON_S", 0.0)
        patch.setattr("snmem.backends.event.traces._HELD", held)
        patch.setattr(reference, "_AT_A_TIME", 1 + held // 10)
        run = simulate(network(), X, backend=backend, record=RECORD, to=path)
    assert run.counters == full.counters
    assert run.path == path
    assert not run.spikes
    assert list(path.parent.iterdir()) == [path]
    assert check_prefix(path, full) == STEPS
    with open_recording(path) as stored:
        assert stored.complete
        assert stored.network == network().digest()
        whole = stored.recording()
        for kind in TABLES:
            assert all(np.array_equal(table, getattr(whole, kind)[name]) for name, table in getattr(full, kind).items())
            for name, table in getattr(full, kind).items():
                assert getattr(stored, kind)[name].shape == table.shape
                assert np.array_equal(whole.t(name), full.t(name))
        for low, high in windows:
            for name, spikes in full.spikes.items():
                assert stored.spikes[name].between(low, max(low, high)) == spikes.between(low, max(low, high))
            assert np.array_equal(stored.traces["o.u"][low:high:3, 1], full.traces["o.u"][low:high:3, 1])


def test_the_file_is_nir_data_and_plain_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    simulate(network(), X, record=RECORD, to=path)
    nodes = nir.read_data(path).nodes
    assert {name: sorted(node.observables) for name, node in nodes.items()} == {
        "x": ["spikes"],
        "h": ["spikes", "u", "v"],
        "o": ["spikes", "u"],
    }
    grid = nodes["x"].observables["spikes"].to_time_gridded(2e-3).data[0]
    assert np.array_equal(grid[:STEPS], X)
    assert nodes["h"].observables["v"].dt == 7 * 2e-3
    assert read_spikes(path, dt=2e-3).spikes["o"] == unstreamed().spikes["o"]
    opened = cast(Any, h5py.File)
    with opened(path) as file:
        assert np.array_equal(file["snmem/counts/o/data"][0], unstreamed().counts["o"])


@pytest.mark.parametrize("learns", [True, False])
def test_a_long_run_takes_no_more_memory_than_a_short_one(tmp_path: Path, monkeypatch, learns: bool) -> None:
    monkeypatch.setattr(stream, "COLLECTED", 1 << 18)
    monkeypatch.setattr("snmem.backends.event.traces._HELD", 1 << 12)
    rule = Instar(0.1) if learns else None
    net = Network(
        (Population("a", 2000, LIF(bias=1.5)), Population("b", 1, LIF())),
        (Projection("a", "b", np.ones((1, 2000)), plasticity=rule),),
    )
    record, peaks = Record(traces={"a.v": [0, 1]}, weights=learns, every=5), []
    simulate(net, steps=200, record=record, to=tmp_path / "warm.h5")
    for steps in (400, 1600):
        tracemalloc.start()
        simulate(net, steps=steps, record=record, to=tmp_path / "run.h5")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    spikes = 16 * 2000 * 1600
    assert peaks[1] < peaks[0] * 1.25 < spikes
    with open_recording(tmp_path / "run.h5") as run:
        assert len(run.spikes["a"]) == 2000 * 1600


def test_a_kill_at_any_step_leaves_the_last_commit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stream, "COLLECTED", 1)
    monkeypatch.setattr(stream, "SECONDS", 1e9)
    full, folder = unstreamed(), tmp_path / "folder"
    folder.mkdir()
    path, draft = folder / "run.h5", folder / "run.h5.partial"
    simulate(network(), X, record=RECORD, to=path)
    old, reached = path.read_bytes(), []
    work = partial(simulate, network(), X, backend="reference", record=RECORD, to=path)
    for _ in folders_at_steps(lambda: work() and None, folder):
        if not draft.exists():
            continue
        assert path.read_bytes() == old
        try:
            reached.append(check_prefix(draft, full))
        except FileError:
            assert not any(reached)  # only before the first commit is complete
    assert set(reached) == {0, 64, 128, STEPS}
    assert reached == sorted(reached)
    assert check_prefix(path, full) == STEPS


def test_plain_hdf5_opens_what_a_kill_outside_of_a_commit_leaves(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stream, "COLLECTED", 1)
    path, copies, opened = tmp_path / "run.h5", [], cast(Any, h5py.File)
    commit = stream.RunFile.commit

    def look(self: stream.RunFile) -> None:
        commit(self)
        copies.append(shutil.copy(tmp_path / "run.h5.partial", tmp_path / f"{len(copies)}.h5"))

    monkeypatch.setattr(stream.RunFile, "commit", look)
    simulate(network(), X, backend="reference", record=RECORD, to=path)
    for copy in copies:
        with opened(copy) as file:
            n = file["snmem"].attrs["steps"]
            raster = np.zeros((n, 6), bool)
            events = file["nodes/x/observables/spikes"]
            raster[np.floor(events["time"][0] / 2e-3).astype(int), events["idx"][0]] = True
        assert np.array_equal(raster, X[:n])
    assert len(copies) >= 5


@pytest.mark.parametrize("writes", [0, 3, 12, 15, 30])
def test_a_full_disk_is_one_line_and_keeps_what_there_is(tmp_path: Path, monkeypatch, writes: int) -> None:
    monkeypatch.setattr(stream, "COLLECTED", 1)
    left = writes
    write = os.pwrite

    def pwrite(descriptor: int, data: Any, at: int) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data, at)

    monkeypatch.setattr(journal.os, "pwrite", pwrite)
    path = tmp_path / "run.h5"
    path.write_text("old")
    with pytest.raises(FileError, match=r"run\.h5: cannot be written \(No space left on device\)") as error:
        simulate(network(), X, backend="reference", record=RECORD, to=path)
    assert "\n" not in str(error.value)
    assert path.read_text() == "old"
    monkeypatch.undo()
    if writes > 3:
        check_prefix(tmp_path / "run.h5.partial", unstreamed())


@pytest.mark.parametrize("backend", ["event", "reference"])
def test_ctrl_c_keeps_what_is_there(tmp_path: Path, monkeypatch, backend: str) -> None:
    monkeypatch.setattr(runner, "HAND_ON_S", 0.0)
    calls = []

    def stop_later(step: int) -> None:
        calls.append(step)
        if len(calls) == (3 if backend == "event" else 100):
            raise KeyboardInterrupt

    path = tmp_path / "run.h5"
    with pytest.raises(KeyboardInterrupt) as stopped:
        simulate(network(), X, backend=backend, record=RECORD, progress=stop_later, to=path)
    with pytest.raises(FileError, match=r"run\.h5: no such file; the run did not finish, open .*run\.h5\.partial"):
        open_recording(path)
    n = check_prefix(tmp_path / "run.h5.partial", unstreamed())
    assert 0 < n < STEPS
    if isinstance(stopped.value, Interrupted):
        assert stopped.value.recording.steps == n
    with open_recording(tmp_path / "run.h5.partial") as run:
        assert not run.complete
        assert repr(run) == f"StoredRun({n} steps of h, o, x, unfinished)"
    simulate(network(), X, record=RECORD, to=path)
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"

    def another(step: int) -> None:
        with pytest.raises(FileError, match=r"another run is writing it"):
            simulate(network(), X, to=path)
        with pytest.raises(FileError, match=r"another program is writing it"):
            open_recording(tmp_path / "run.h5.partial")

    simulate(network(), X, to=path, progress=another)
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_places_that_cannot_be_written_are_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.h5.partial").symlink_to(tmp_path / "other")
    odd = Network((Population(".", 1, LIF()),))
    for net, to, words in (
        (network(), tmp_path / "missing" / "run.h5", "No such file or directory"),
        (network(), tmp_path / "folder", "no regular file"),
        (network(), "/dev/null", "no regular file"),
        (network(), tmp_path / "link.h5", "cannot be written"),
        (network(), "a\0b", "cannot be written"),
        (network(), 3, "named by a text"),
        (odd, tmp_path / "odd.h5", "HDF5 holds no name '.'"),
    ):
        with pytest.raises(FileError, match=words):
            simulate(net, steps=10**12, to=cast(Any, to))
    assert not (tmp_path / "other").exists()


def test_other_backends_write_at_their_end(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = Record({"h": [3]}, counts="o", traces="h.v", every=3)
    run = simulate(network(False), X, backend="snntorch", record=record, to=path)
    assert run.counters == simulate(network(False), X).counters
    check_prefix(path, simulate(network(False), X, record=record))


def test_values_of_inputs_are_kept(tmp_path: Path) -> None:
    values = X * np.random.default_rng(3).normal(size=X.shape)
    net = Network((Input("x", 6, values=True), Population("h", 6, LIF())), (Projection("x", "h", np.eye(6)),))
    full = simulate(net, values)
    simulate(net, values, to=tmp_path / "run.h5")
    with open_recording(tmp_path / "run.h5") as run:
        assert run.recording().spikes == full.spikes
        assert run.spikes["x"].between(10, 60) == full.spikes["x"].between(10, 60)
        assert np.array_equal(run.spikes["x"].read().frames(), values)
    events = nir.read_data(tmp_path / "run.h5").nodes["x"].observables["spikes"]
    assert np.array_equal(events.value[0], full.spikes["x"].values)


def test_a_run_goes_on_in_a_second_file(tmp_path: Path) -> None:
    first = simulate(network(), X[:70], record=RECORD, to=tmp_path / "a.h5")
    simulate(network(), X[70:], record=RECORD, state=first.state, to=tmp_path / "b.h5")
    with open_recording(tmp_path / "a.h5") as a, open_recording(tmp_path / "b.h5") as b:
        assert (a.start, b.start) == (0, 70)
        both = np.concatenate([a.traces["h.v"], b.traces["h.v"]])
        assert np.array_equal(both, unstreamed().traces["h.v"])
        assert b.recording().t("h.v")[0] == 70 * 2e-3
        with pytest.raises(KeyError, match="no spikes of population 'y'; known: 'h', 'o', 'x'"):
            b.spikes["y"]
        with pytest.raises(IndexError, match="70 rows, no row 105"):
            a.traces["o.u"][105]
        with pytest.raises(InputError, match="forwards"):
            a.traces["o.u"][::-1]


def test_files_that_are_no_run_are_refused(tmp_path: Path) -> None:
    for name, content in (("text.h5", b"text"), ("empty.h5", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileError, match="not a recording file"):
            open_recording(tmp_path / name)
    for path, words in ((tmp_path / "no", "no such file"), (tmp_path, "folder"), ("a\0b", "not a path")):
        with pytest.raises(FileError, match=words):
            open_recording(path)
    write_nir(network(False), tmp_path / "net.nir")
    with pytest.raises(FileError, match="no run that snmem has written"):
        open_recording(tmp_path / "net.nir")


def test_the_command_line_writes_a_run(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_nir(network(False), "net.nir")
    wanted = ["--to", "run.h5", "--record", "h.v", "--every", "5", "--spikes", "o"]
    assert main(["simulate", "net.nir", "--steps", "50", *wanted]) == 0
    assert "written: run.h5" in capsys.readouterr().out
    with open_recording("run.h5") as run:
        assert list(run.spikes) == ["o"]
        assert run.traces["h.v"].shape == (10, 40)
    assert main(["simulate", "net.nir", "--steps", "50", "--spikes", "none", "--json"]) == 0
    assert '"spikes": 0' not in capsys.readouterr().out.split('"h"')[1][:60]
    assert main(["simulate", "net.nir", "--steps", "50", "--spikes", "nobody"]) == 1
    assert "cannot record spikes of 'nobody'" in capsys.readouterr().err
