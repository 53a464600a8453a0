"""Input spikes from files and from a seed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, Spikes
from snmem.errors import FileError, InputError
from snmem.inputs import load_inputs, random_inputs


def network(*sizes: int) -> Network:
    inputs = [Input(f"in.{i}", size) for i, size in enumerate(sizes)]
    synapses = [Projection(p.name, "out", np.ones((1, p.size))) for p in inputs]
    return Network((*inputs, Population("out", 1, LIF())), synapses)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 20), st.integers(0, 99), st.booleans())
def test_saved_spikes_come_back(tmp_path_factory, sizes: list[int], steps: int, seed: int, raster: bool) -> None:
    spikes = random_inputs(network(*sizes), steps, 0.3, seed)
    path = tmp_path_factory.mktemp("inputs") / "spikes.npz"
    if raster:
        np.savez(path, **{name: s.raster() for name, s in spikes.items()})
    else:
        events = [(f"{name}.step", s.step) for name, s in spikes.items()]
        events += [(f"{name}.neuron", s.neuron) for name, s in spikes.items()]
        np.savez(path, **dict(events))
    assert load_inputs(path, network(*sizes), steps) == spikes


def test_one_raster_serves_a_network_with_one_input(tmp_path: Path) -> None:
    np.save(tmp_path / "raster.npy", [[0, 1], [1, 1]])
    assert load_inputs(tmp_path / "raster.npy", network(2)) == {"in.0": Spikes.from_raster([[0, 1], [1, 1]])}
    with pytest.raises(InputError, match=r"network with one input, this one has in\.0, in\.1"):
        load_inputs(tmp_path / "raster.npy", network(2, 2))


def test_random_spikes_have_the_rate_and_repeat_with_the_seed() -> None:
    spikes = random_inputs(network(1000), 1000, 0.02, 5)["in.0"]
    assert abs(len(spikes) - 20_000) < 5 * np.sqrt(20_000)
    assert spikes == random_inputs(network(1000), 1000, 0.02, 5)["in.0"]
    assert spikes != random_inputs(network(1000), 1000, 0.02, 6)["in.0"]
    assert len(random_inputs(network(10), 10, 1.0, 0)["in.0"]) == 100
    with pytest.raises(InputError, match=r"got 1\.5"):
        random_inputs(network(1), 1, 1.5, 0)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"other": [[1]]}, "no input 'other'"),
        ({"in.0": [[1, 0, 1]]}, "3 neurons, the input has 2"),
        ({"in.0": [[2, 0]]}, "0 and 1 only"),
        ({"in.0.step": [1]}, r"in\.0\.neuron is missing"),
        ({"in.0.step": [1], "in.0.neuron": [2]}, "neuron 2 is outside"),
        ({"in.0.step": [0.5], "in.0.neuron": [1]}, "whole numbers"),
        ({"in.0.step": [], "in.0.neuron": []}, "holds no spikes"),
    ],
)
def test_unusable_spikes_are_refused(arrays: dict[str, list], reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", **{name: np.array(values) for name, values in arrays.items()})
    with pytest.raises(InputError, match=reason):
        load_inputs(tmp_path / "bad.npz", network(2))


def test_input_beyond_the_run_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "late.npz", **{"in.0": [[0, 0], [0, 0], [1, 0]]})
    with pytest.raises(InputError, match="step 2 is outside"):
        load_inputs(tmp_path / "late.npz", network(2), steps=2)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("spikes")
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    for name, reason in (
        ("missing.npy", "no such file"),
        ("text.npz", "plain arrays"),
        ("objects.npy", "plain arrays"),
    ):
        with pytest.raises(FileError, match=reason):
            load_inputs(tmp_path / name, network(1))
