"""Spikes that nir itself wrote, as events in time or as a grid, given to snmem."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, Spikes, simulate
from snmem.errors import FileError, InputError
from snmem.io.inputs import load_inputs
from snmem.io.spikes import read_spikes, write_spikes
from snmem.nir_io import write_nir

DT = 1e-4


def write(path: Path, **nodes: Any) -> Path:
    """A file of nir.write_data; what is no NIRNodeData is the observable "spikes" of its node."""
    data = {name: x if isinstance(x, nir.NIRNodeData) else nir.NIRNodeData({"spikes": x}) for name, x in nodes.items()}
    nir.write_data(path, nir.NIRGraphData(data))  # type: ignore[arg-type]
    return path


def events(time: Any, idx: Any = None, t_max: float = 1e-3, size: int = 64) -> nir.EventData:
    time = np.atleast_2d(np.asarray(time))
    idx = np.arange(time.size).reshape(time.shape) if idx is None else np.atleast_2d(idx)
    return nir.EventData(idx=idx, time=time, n_neurons=size, t_max=t_max)


def network(size: int = 64, dt: float = DT) -> Network:
    return Network((Input("in", size), Population("p", 1, LIF())), (Projection("in", "p", np.ones((1, size))),), dt=dt)


def test_events_take_the_time_step_of_the_network(tmp_path: Path) -> None:
    path = write(tmp_path / "e.h5", **{"in": events([0.5e-4, 1.5e-4, 5.5e-4, 9.5e-4])})
    spikes, steps = load_inputs(path, network())
    assert steps == 10
    assert spikes == {"in": Spikes.from_events([0, 1, 5, 9], [0, 1, 2, 3], 10, 64)}
    coarse, steps = load_inputs(path, network(dt=5e-4))
    assert (coarse["in"].step.tolist(), steps) == ([0, 0, 1, 1], 2)
    with pytest.raises(InputError, match=r"e\.h5: 'in' holds the times of events; say how long a step lasts"):
        read_spikes(path)
    assert read_spikes(path, dt=DT, steps=6).spikes["in"].step.tolist() == [0, 1, 5]


def test_a_grid_states_its_time_step_which_must_be_the_networks(tmp_path: Path) -> None:
    grid = np.random.default_rng(0).random((1, 30, 64)) < 0.1
    path = write(tmp_path / "g.h5", **{"in": nir.TimeGriddedData(grid, DT)})
    expected = {"in": Spikes.from_raster(grid[0])}
    assert read_spikes(path).spikes == expected
    assert load_inputs(path, network()) == (expected, 30)
    with pytest.raises(InputError, match=r"is a grid with dt = 0\.0001 s, the network's is 0\.001 s"):
        load_inputs(path, network(dt=1e-3))


def test_the_command_line_takes_both(tmp_path: Path, snmem: Callable[..., Any]) -> None:
    write_nir(network(), tmp_path / "n.nir")
    grid = np.zeros((1, 10, 64), bool)
    grid[0, [0, 1, 5, 9], [0, 1, 2, 3]] = True
    for data in (events([0.5e-4, 1.5e-4, 5.5e-4, 9.5e-4]), nir.TimeGriddedData(grid, DT)):
        path = write(tmp_path / "e.h5", **{"in": data})
        result = snmem("verify", tmp_path / "n.nir", "--input", path, "--backends", "event", "--json")
        assert (result.data["steps"], result.data["input_spikes"]) == (10, {"in": 4})


@given(
    dt=st.sampled_from(["0.0001", "0.001", "0.1", "1", "0.0009765625", "0.00003"]),
    steps=st.lists(st.integers(0, 10**6), min_size=1, max_size=20, unique=True),
    kind=st.sampled_from(["f8", "f4"]),
    product=st.booleans(),
)
def test_multiples_of_the_time_step_fall_into_their_step(
    tmp_path_factory: Any, dt: str, steps: list[int], kind: str, product: bool
) -> None:
    """However k dt was rounded: as a product of floats or from the exact one, in single or double precision."""
    steps = sorted(k if kind == "f8" else k % 10**5 for k in steps)
    times = np.array([k * float(dt) if product else float(k * Fraction(dt)) for k in steps])
    path = write(tmp_path_factory.mktemp("e") / "e.h5", **{"in": events(times.astype(kind), t_max=2e6 * float(dt))})
    assert read_spikes(path, dt=float(dt)).spikes["in"].step.tolist() == steps


@given(
    dt=st.sampled_from([1e-4, 1e-3, 0.1]),
    step=st.integers(0, 10**5),
    part=st.floats(1e-5, 1 - 1e-5),
)
def test_times_within_a_step_fall_into_it(tmp_path_factory: Any, dt: float, step: int, part: float) -> None:
    path = write(tmp_path_factory.mktemp("e") / "e.h5", **{"in": events([(step + part) * dt], t_max=(step + 1) * dt)})
    found = read_spikes(path, dt=dt).spikes["in"]
    assert (found.step.tolist(), found.steps) == ([step], step + 1)


@pytest.mark.parametrize(("t_max", "steps"), [(1e-3, 10), (9.5e-4, 10), (9.9e-4, 10), (10.5e-4, 10), (11e-4, 11)])
def test_a_record_lasts_until_t_max_and_to_the_end_of_a_step_with_an_event(
    t_max: float, steps: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "e.h5", **{"in": events([9.5e-4], t_max=t_max)})
    assert read_spikes(path, dt=DT).spikes["in"].steps == steps


def test_nodes_in_nodes_other_observables_and_filled_samples(tmp_path: Path) -> None:
    time, idx = np.array([[1.5e-4, 2.5e-4, np.inf], [3.5e-4, np.inf, np.inf]]), np.array([[3, 4, -1], [5, -1, -1]])
    v = nir.TimeGriddedData(np.random.default_rng(0).normal(size=(1, 5, 2)), DT)
    path = write(tmp_path / "e.h5", **{"in": events(time, idx), "p": nir.NIRNodeData({"v": v})})
    with h5py.File(path, "r+") as file:
        file["nodes/in"].move("observables", "nodes/inner/observables")
    with pytest.raises(InputError, match=r"'in\.inner' holds 2 samples, a run takes one; choose it \(sample\)"):
        read_spikes(path, dt=DT)
    for sample, expected in enumerate(([3, 4], [5])):
        found = read_spikes(path, dt=DT, sample=sample).spikes
        assert {name: s.neuron.tolist() for name, s in found.items()} == {"in.inner": expected}
    with pytest.raises(InputError, match="has no sample 2, but 2"):
        read_spikes(path, dt=DT, sample=2)


def test_values_that_are_not_all_1_are_kept(tmp_path: Path) -> None:
    time, idx = np.array([[1.5e-4, 2.5e-4]]), np.array([[3, 4]])
    for value, kept in (([[1.0, 1.0]], None), ([[1.0, 0.5]], [1.0, 0.5])):
        data = nir.ValuedEventData(idx=idx, time=time, n_neurons=8, t_max=1e-3, value=np.array(value))
        path = write(tmp_path / "e.h5", **{"in": data})
        spikes = read_spikes(path, dt=DT).spikes["in"]
        assert spikes.neuron.tolist() == [3, 4]
        assert (spikes.value if kept is None else spikes.values.tolist()) == kept
    grid = np.array([[0.5, 0], [0, -2], [1, 1]])
    path = write(tmp_path / "g.h5", **{"in": nir.TimeGriddedData(grid[None], DT)})
    assert (read_spikes(path).spikes["in"].frames() == grid).all()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (events([1e-4, 1.2e-4], [3, 3]), "neuron 3 spikes twice in step 1"),
        (events([1e-4], [64]), "neuron 64 is outside 0..63"),
        (events([1e-4], [-2]), "neuron -2 is outside 0..63"),
        (events([-1e-4]), "events must have times >= 0"),
        (events([np.nan]), "events must have times >= 0"),
        (events([2e-3]), "has an event at 0.002, after its t_max = 0.001"),
        (events([1e-4], t_max=np.inf), "t_max must be a number >= 0, got inf"),
        (events([1e-4], t_max=1e300), "cannot be told apart in steps"),
        (events(np.float32([2e4]), t_max=3e4), "times up to 30000 in float32 cannot be told apart in steps"),
        (events([1e-4], size=0), "n_neurons must be a whole number"),
        (events([1e-4], size=2**40), "n_neurons must be a whole number"),
        (nir.NIRNodeData({"v": events([1e-4])}), "holds no spikes but in: v"),
    ],
)
def test_what_is_no_record_of_spikes_is_named(data: Any, words: str, tmp_path: Path) -> None:
    path = write(tmp_path / "e.h5", **{"in": data})
    with pytest.raises((FileError, InputError), match=words) as error:
        read_spikes(path, dt=DT)
    assert "e.h5" in str(error.value)
    assert "in" in str(error.value)


def test_a_changed_golden_file_is_noticed(tmp_path: Path) -> None:
    spikes = {"in": Spikes.from_raster(np.eye(5))}
    changes: dict[str, Callable[[h5py.File], Any]] = {
        "do not fit its sha256": lambda f: f["nodes/in/observables/spikes/idx"].__setitem__((0, 0), 1),
        "states dt but no sha256": lambda f: f.attrs.__delitem__("sha256"),
        "dt: must be a positive number, got 'x'": lambda f: f.attrs.__setitem__("dt", "x"),
        "has no attribute 't_max'": lambda f: f["nodes/in/observables/spikes"].attrs.__delitem__("t_max"),
        "the limit is 256": lambda f: f.attrs.update({f"a{i}": 1 for i in range(300)}),
    }
    for words, change in changes.items():
        write_spikes(tmp_path / "g.h5", spikes)
        with h5py.File(tmp_path / "g.h5", "r+") as file:
            change(file)
        with pytest.raises(FileError, match=words):
            read_spikes(tmp_path / "g.h5")


def test_golden_files_that_compress_well_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spikes = {"in": Spikes.from_raster(np.ones((2000, 50)))}
    write_spikes(tmp_path / "a.h5", spikes)
    monkeypatch.setattr("snmem.io.hdf5.Limits.__init__.__defaults__", (*([10**9] * 6), 10**6, 16))
    with pytest.raises(FileError, match="brings a file of"):
        read_spikes(tmp_path / "a.h5")
    write_spikes(tmp_path / "b.h5", spikes)
    assert read_spikes(tmp_path / "b.h5").spikes == spikes


def test_nir_reads_what_snmem_wrote_and_the_other_way_round(tmp_path: Path) -> None:
    """Spikes of a run, through nir's own conversion to a grid."""
    net = network(8)
    recording = simulate(net, {"in": np.random.default_rng(0).random((40, 8)) < 0.3}, 40)
    write_spikes(tmp_path / "a.h5", recording.spikes, DT)
    data = nir.read_data(tmp_path / "a.h5")
    grids = {name: node.observables["spikes"].to_time_gridded(DT) for name, node in data.nodes.items()}
    assert read_spikes(write(tmp_path / "b.h5", **grids)).spikes == dict(recording.spikes)
    nir.write_data(tmp_path / "c.h5", data)
    assert read_spikes(tmp_path / "c.h5", dt=DT).spikes == dict(recording.spikes)
    assert json.loads(json.dumps(read_spikes(tmp_path / "a.h5").about))["dt"] == DT
