"""Events, frames and cameras' files as input spikes, each event in its step and line."""

import re
from pathlib import Path
from typing import Any

import faery
import nir
import numpy as np
import pytest
from tonic.transforms import ToFrame

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.cli import main
from snmem.errors import FileError, InputError, SnmemWarning
from snmem.event_data import CAMERA_FILES, from_events, from_frames, read_camera
from snmem.event_data import camera as camera_module
from snmem.io.inputs import load_inputs
from snmem.io.spikes import read_spikes
from snmem.nir_io import write_nir

WIDTH, HEIGHT, MS = 8, 6, 1e-3
#: As tonic's data sets hold events; times in microseconds.
TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])


def events(number: int = 4000, seed: int = 0, kind: Any = TONIC) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = np.zeros(number, kind)
    made["t"] = np.sort(rng.integers(0, 20_000, number))
    made["x"], made["y"] = rng.integers(0, WIDTH, number), rng.integers(0, HEIGHT, number)
    made["p"] = rng.random(number) < 0.5
    made["t"] -= made["t"][0]
    return made


def network(shape: tuple[int, ...]) -> Network:
    size = int(np.prod(shape))
    populations = Input("cam", shape), Population("p", 3, LIF(0.5, 0.5))
    weights = np.random.default_rng(0).random((3, size)) / 8
    return Network(populations, (Projection("cam", "p", weights),), ("p",), dt=MS)


@pytest.mark.parametrize("merge", ["add", "clip"])
def test_events_are_where_tonic_puts_them(merge: str) -> None:
    frames = ToFrame((WIDTH, HEIGHT, 2), time_window=1000)(events())
    spikes = from_events(events(), (WIDTH, HEIGHT, 2), MS, merge=merge)
    dense = spikes.frames().reshape(-1, 2, HEIGHT, WIDTH)[: len(frames)]
    assert np.array_equal(dense, frames if merge == "add" else frames > 0)
    assert from_frames(frames, merge=merge) == spikes.between(0, len(frames))


def test_polarities_are_separated_merged_or_chosen() -> None:
    whole = from_events(events(), (WIDTH, HEIGHT), MS, merge="add").frames().reshape(-1, 2, HEIGHT * WIDTH)
    for polarity, expected in (("merge", whole.sum(1)), ("off", whole[:, 0]), ("on", whole[:, 1])):
        found = from_events(events(), (WIDTH, HEIGHT), MS, polarity=polarity, merge="add", steps=len(whole))
        assert np.array_equal(found.frames(), expected)
    signed = {"x": [1, 1], "y": [0, 0], "t": [0, 0], "p": [-1, 1]}
    assert from_events(signed, (2, 1), MS).neuron.tolist() == [1, 3]
    audio = np.array([(5, 100), (3, 2100)], [("x", int), ("t", int)])
    found = from_events(audio, (700, 1, 1), MS, polarity="merge", start=0)
    assert (found.step.tolist(), found.neuron.tolist(), found.size) == ([0, 2], [5, 3], 700)


def test_steps_are_exact_for_whole_times() -> None:
    t = np.array([0, 999, 1000, 2999, 3000, 10**15, 10**15 + 999])
    made = {"x": 0 * t, "t": t}
    expected = [0, 1, 2, 3, 10**12]
    assert from_events(made, (1, 1), MS, polarity="merge", merge="clip").step.tolist() == expected
    seconds = {"x": [0, 0, 0], "t": [0.0, 0.3, 0.7]}
    found = from_events(seconds, (1, 1), 0.1, polarity="merge", time_unit=1.0, start=0.0)
    assert (found.step.tolist(), found.steps) == ([0, 3, 7], 8)
    window = from_events({"x": [0] * 5, "t": [0, 5, 10, 15, 20]}, (1, 1), 1e-6, polarity="merge", start=5, steps=11)
    assert (window.step.tolist(), window.steps) == ([0, 5, 10], 11)


def test_what_falls_together_is_told_unless_one_says_what_becomes_of_it() -> None:
    made = {"x": [0, 0, 1], "t": [0, 10, 20]}
    options: Any = {"polarity": "merge"}
    with pytest.warns(SnmemWarning, match=r"events: 1 of 3 events fall on another .* count once \(merge=\"clip\""):
        assert from_events(made, (2, 1), MS, **options).values.tolist() == [1, 1]
    assert from_events(made, (2, 1), MS, merge="add", **options).values.tolist() == [2, 1]
    with pytest.raises(InputError, match="2 events of line 0 in step 0; use a smaller dt"):
        from_events(made, (2, 1), MS, merge="error", **options)
    assert len(from_events(made, (2, 1), 1e-5, merge="error", **options)) == 3


GOOD: Any = {"x": [0], "y": [0], "p": [1], "t": [0]}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: from_events([1], (2, 2), MS), "a structured array or a mapping with x, y, p and t, got a list"),
        (lambda: from_events({"x": [0], "t": [0]}, (2, 2), MS), "have no field 'p'; they have 'x', 't'"),
        (lambda: from_events(GOOD | {"x": [2]}, (2, 2), MS), "x = 2 lies outside of the sensor, 0..1"),
        (lambda: from_events(GOOD | {"y": [-1]}, (2, 2), MS), "y = -1 lies outside"),
        (lambda: from_events(GOOD | {"x": [0.5]}, (2, 2), MS), "x = 0.5 lies outside"),
        (lambda: from_events(GOOD | {"t": [np.nan]}, (2, 2), MS), "t must be a vector of finite numbers"),
        (lambda: from_events(GOOD | {"t": [0, 1]}, (2, 2), MS), "fields differ in length"),
        (lambda: from_events(GOOD | {"t": ["a"]}, (2, 2), MS), "t must be a vector"),
        (lambda: from_events(GOOD, 3, MS), "sensor_size must be (width, height), got 3"),  # type: ignore[arg-type]
        (lambda: from_events(GOOD, (0, 2), MS), "width must be a whole number >= 1, got 0"),
        (lambda: from_events(GOOD, (2**20, 2**20), MS), "the limit is"),
        (lambda: from_events(GOOD, (2, 2), 0), "dt must be > 0 seconds, got 0"),
        (lambda: from_events(GOOD, (2, 2), MS, polarity="x"), "polarity must be one of separate, merge, on, off"),
        (lambda: from_events(GOOD, (2, 2), MS, merge="x"), "merge must be one of clip, add, error, got 'x'"),
        (lambda: from_events(GOOD, (2, 2), MS, start=np.inf), "start must be a finite number"),
        (lambda: from_events(GOOD, (2, 2), MS, steps=-1), "steps must be a whole number >= 0"),
        (lambda: from_events(GOOD | {"t": [2**62]}, (2, 2), 1e-9, start=0), "give start"),
        (lambda: from_frames(np.ones((2, 2)) / 2), "whole numbers >= 0, got 0.5"),
        (lambda: from_frames([[-1.0]]), "whole numbers >= 0, got -1"),
        (lambda: from_frames([1.0]), "shape (steps, ...), got float64 of shape (1,)"),
        (lambda: from_frames([["a"]]), "must be numbers"),
    ],
)  # fmt: skip
def test_what_are_no_events_is_refused_in_one_line(call: Any, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as error:
        call()
    assert "\n" not in str(error.value)


def write_camera(folder: Path, suffix: str) -> tuple[Path, np.ndarray]:
    made = events(kind=faery.EVENTS_DTYPE)
    path = folder / f"events{suffix}"
    faery.events_stream_from_array(made, (WIDTH, HEIGHT)).to_file(path)
    return path, made


@pytest.mark.parametrize("suffix", CAMERA_FILES)
def test_camera_files_hold_their_events(tmp_path: Path, suffix: str) -> None:
    path, made = write_camera(tmp_path, suffix)
    found, size = read_camera(path)
    assert size == (WIDTH, HEIGHT)
    for field in ("t", "x", "y", "p"):
        assert np.array_equal(found[field], made[field]), field
    expected = from_events(made, size, MS, merge="clip")
    spikes, steps = load_inputs(path, network((2, HEIGHT, WIDTH)), merge="clip")
    assert spikes == {"cam": expected}
    assert steps == expected.steps


def test_the_shape_of_the_input_says_what_becomes_of_polarities(tmp_path: Path) -> None:
    path, made = write_camera(tmp_path, ".es")
    merged = from_events(made, (WIDTH, HEIGHT), MS, polarity="merge", merge="clip", steps=5)
    for shape in ((HEIGHT, WIDTH), (1, HEIGHT, WIDTH)):
        assert load_inputs(path, network(shape), 5, merge="clip") == ({"cam": merged}, 5)
    with pytest.raises(InputError, match=r"sensor of 8 x 6 pixels, input 'cam' has shape \(2, 8, 6\), expected"):
        load_inputs(path, network((2, WIDTH, HEIGHT)))


def test_damaged_and_hostile_camera_files_are_refused_in_one_line(tmp_path: Path, monkeypatch) -> None:
    path, _ = write_camera(tmp_path, ".aedat4")
    data = path.read_bytes()
    for bad in (b"", b"x" * 100, data[:200], data[:40] + b"\xff\xff\xff\x7f" * 20 + data[120:]):
        path.write_bytes(bad)
        with pytest.raises(FileError, match=r"events\.aedat4: cannot be decoded \(.+\)") as error:
            read_camera(path)
        assert "\n" not in str(error.value)
    path.write_bytes(data)
    with pytest.raises(FileError, match="more than 100 events, the limit"):
        read_camera(path, 100)
    for place, words in ((tmp_path / "no.es", "no such file"), (tmp_path, "folder")):
        with pytest.raises(FileError, match=words):
            read_camera(place)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(FileError, match=r"must end with one of \.aedat4"):
        read_camera(tmp_path / "a.txt")
    monkeypatch.setattr(camera_module, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'snmem\[cameras\]'"):
        read_camera(path)


def test_the_command_line_takes_a_cameras_file(tmp_path: Path, capsys) -> None:
    path, made = write_camera(tmp_path, ".dat")
    net = network((2, HEIGHT, WIDTH))
    write_nir(net, tmp_path / "net.nir")
    assert main(["simulate", str(tmp_path / "net.nir"), "--input", str(path), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert re.search(r"snmem: warning: events\.dat: [\d,]+ of 4,000 events fall on another", said)
    spikes = from_events(made, (WIDTH, HEIGHT), MS, merge="clip")
    with np.load(tmp_path / "out" / "spikes.npz") as file:
        assert np.array_equal(file["p"], simulate(net, {"cam": spikes}).spikes["p"].raster())
    call = ["simulate", str(tmp_path / "net.nir"), "--input", str(path), "--merge", "error"]
    assert main(call) == 1
    assert "events of line" in capsys.readouterr().err


def test_events_of_nir_may_fall_together(tmp_path: Path) -> None:
    idx, time = np.array([[0, 0, 2, -1]]), np.array([[0.1e-3, 0.2e-3, 1.5e-3, np.inf]])
    data = nir.EventData(idx=idx, time=time, n_neurons=3, t_max=3e-3)
    nir.write_data(tmp_path / "a.h5", nir.NIRGraphData({"cam": nir.NIRNodeData({"spikes": data})}))
    with pytest.raises(InputError, match="neuron 0 spikes twice in step 0"):
        read_spikes(tmp_path / "a.h5", dt=MS)
    assert read_spikes(tmp_path / "a.h5", dt=MS, merge="add").spikes["cam"].values.tolist() == [2, 1]
    with pytest.warns(SnmemWarning, match=r"1 of 3 events fall on another"):
        spikes, steps = load_inputs(tmp_path / "a.h5", network((3,)))
    assert (spikes["cam"].neuron.tolist(), spikes["cam"].step.tolist(), steps) == ([0, 2], [0, 1], 3)
