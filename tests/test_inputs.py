"""Input spikes from files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, Spikes
from snmem.errors import FileError, InputError
from snmem.io.inputs import load_inputs
from snmem.io.spikes import write_spikes
from snmem.verify import poisson


def network(*sizes: int) -> Network:
    inputs = [Input(f"in.{i}", size) for i, size in enumerate(sizes)]
    synapses = [Projection(p.name, "out", np.ones((1, p.size))) for p in inputs]
    return Network((*inputs, Population("out", 1, LIF())), synapses)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 20), st.integers(0, 99), st.booleans())
def test_saved_spikes_come_back(tmp_path_factory, sizes: list[int], steps: int, seed: int, raster: bool) -> None:
    spikes = poisson(network(*sizes), steps, seed, 0.3)
    path = tmp_path_factory.mktemp("inputs") / ("spikes.npz" if raster else "spikes.h5")
    if raster:
        np.savez(path, **{name: s.raster() for name, s in spikes.items()})
    else:
        write_spikes(path, spikes)
    assert load_inputs(path, network(*sizes)) == (spikes, steps)


def test_one_raster_serves_a_network_with_one_input(tmp_path: Path) -> None:
    np.save(tmp_path / "raster.npy", [[0, 1], [1, 1]])
    expected = {"in.0": Spikes.from_raster([[0, 1], [1, 1]])}
    assert load_inputs(tmp_path / "raster.npy", network(2)) == (expected, 2)
    with pytest.raises(InputError, match=r"network with one input, this one has 'in\.0', 'in\.1'"):
        load_inputs(tmp_path / "raster.npy", network(2, 2))


def test_a_recorded_run_gives_its_inputs_and_steps_cut_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "run.npz", **{"in.0": [[1], [0], [1]], "out": [[1], [0], [0]]})
    spikes, steps = load_inputs(tmp_path / "run.npz", network(1), steps=2)
    assert (spikes, steps) == ({"in.0": Spikes.from_raster([[1], [0]])}, 2)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"other": [[1]]}, "'other', but the network's inputs are 'in.0'"),
        ({"out": [[1]]}, "'out', but the network's inputs are 'in.0'"),
        ({"in.0": [[1, 0, 1]]}, "is given 3 neurons, it has 2"),
        ({"in.0": [[2, 0]]}, "0 and 1 only"),
    ],
)
def test_unusable_spikes_are_refused(arrays: dict[str, list], reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", **{name: np.array(values) for name, values in arrays.items()})
    with pytest.raises(InputError, match=reason):
        load_inputs(tmp_path / "bad.npz", network(2))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("spikes")
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    for name in ("missing.npy", "text.npz", "objects.npy"):
        with pytest.raises(FileError, match=name):
            load_inputs(tmp_path / name, network(1))
