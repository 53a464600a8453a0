"""verify gives a verdict only where spikes were compared: which populations fire, which cannot, and what is said."""

import re
from collections.abc import Callable
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, Spikes, simulate
from snmem.conformance import random_network
from snmem.errors import InputError
from snmem.io.spikes import write_spikes
from snmem.nir_io import write_nir
from snmem.verify import verify, verify_tables
from snmem.verify.evidence import unable_to_spike


def layers(*thetas: float, weight: float = 1.0, beta: float = 0.5) -> Network:
    """in (4 lines) -> l0 -> l1 ..., one to one."""
    names = ["in", *(f"l{i}" for i in range(len(thetas)))]
    neurons = [Population(name, 4, LIF(beta=beta, theta=t)) for name, t in zip(names[1:], thetas, strict=True)]
    synapses = [Projection(a, b, weight * np.eye(4)) for a, b in pairwise(names)]
    return Network((Input("in", 4), *neurons), tuple(synapses), outputs=(names[-1],))


def text_of(result: Any) -> str:
    console = Console(width=200, record=True, file=StringIO())
    for part in verify_tables(result):
        console.print(part)
    return console.export_text()


def run(network: Network, **options: Any) -> Any:
    return verify(network, backends=["event"], **options)


def test_spikes_of_every_population_are_shown() -> None:
    result = run(layers(0.5, 0.5), rate=0.5)
    assert result["agree"]
    assert result["verdict"] == "agree"
    assert result["evidence"] == {
        "rate": 0.5, "tried": (0.5, 100), "raised": False, "silent": [], "readouts": [], "unable": {}, "reason": None,
    }  # fmt: skip
    found = result["backends"]["event"]["populations"]
    assert {name: d["spikes"] for name, d in found.items()} == result["spikes"]
    assert min(result["spikes"].values()) > 0
    for name, count in result["spikes"].items():
        assert re.search(rf"event\W+{name}\W+{count}\W+400\W+0\W", text_of(result))


def test_the_rate_is_raised_until_every_population_fires() -> None:
    network = layers(1.9, 0.5)  # l0 fires where five spikes follow each other
    assert not simulate(network, {"in": np.eye(100, 4)}, 100).spikes["l0"].step.size
    result = run(network)
    assert result["agree"]
    assert min(result["spikes"].values()) > 0
    assert result["evidence"]["raised"]
    assert result["evidence"]["rate"] > 0.1
    assert f"Poisson input of rate {result['evidence']['rate']:.3g} was taken" in text_of(result)


def test_more_steps_are_taken_where_a_population_needs_them() -> None:
    slow = Population("slow", 1, LIF(bias=1 / 256))  # spikes after 256 steps
    network = Network((Input("in", 4), slow), (Projection("in", "slow", -np.zeros((1, 4))),))
    assert run(network)["steps"] == 1000
    fixed = run(network, steps=100)
    assert (fixed["steps"], fixed["agree"]) == (100, False)
    assert "population 'slow' never fired in 100 steps; give --input or more --steps" in fixed["evidence"]["reason"]


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (
            layers(0.5, 100.0),
            "population 'l1' cannot spike with any input: v stays at or below 2, the threshold is 100",
        ),
        (layers(100.0, 0.5), "population 'l0' cannot spike"),
        (layers(np.inf, weight=0.0), r"nothing can spike and no v moves: the populations are readouts \('l0'\)"),
        (layers(0.5, weight=0.0), "population 'l0' cannot spike with any input: v stays at or below 0"),
    ],
)
def test_no_verdict_where_nothing_can_fire(network: Network, words: str) -> None:
    result = run(network)
    assert not result["agree"]
    assert result["verdict"] == "no evidence"
    assert result["backends"]["event"]["agree"]
    assert re.match(f"no evidence: {words}", result["evidence"]["reason"])
    text = text_of(result)
    assert "No verdict: no evidence: " in text
    assert "agree." not in text


def test_a_readout_need_not_fire() -> None:
    result = run(layers(0.5, np.inf))
    assert result["agree"]
    assert result["evidence"]["readouts"] == ["l1"]
    assert "readout: has no threshold to reach" in text_of(result)


def test_no_verdict_on_given_input_that_leaves_a_population_silent(tmp_path: Path) -> None:
    network = layers(0.5, 1.5)
    few = {"in": ((3,), (1,))}
    result = run(network, inputs=few, steps=20, save_golden=tmp_path / "golden.h5")
    assert result["spikes"] == {"l0": 1, "l1": 0}
    assert result["evidence"]["silent"] == ["l1"]
    assert result["evidence"]["rate"] is None
    assert "population 'l1' never fired in 20 steps; give other --input or more --steps" in result["evidence"]["reason"]
    again = run(network, golden=tmp_path / "golden.h5")
    assert (again["golden"]["agree"], again["agree"], again["verdict"]) == (True, False, "no evidence")


def test_rate_0_asks_for_a_higher_one() -> None:
    reason = run(layers(0.5), rate=0)["evidence"]["reason"]
    assert reason == "no evidence: population 'l0' never fired in 100 steps; give --input or a higher --rate"


def test_runtimes_that_agree_on_silence_in_loihi_fixed_point_are_no_verdict() -> None:
    # u + v settles just above theta in float64; the decay that rounds toward zero stays below it
    network = layers(1.0, weight=0.12501, beta=0.875)
    result = verify(network, {"in": np.ones((300, 4))}, 300, ["event", "loihi"], quantize=True)
    assert result["spikes"]["l0"] > 0
    assert result.get("quantized", {}).get("silent") == ["l0"]
    assert not result["agree"]
    assert "population 'l0' never fired in Loihi fixed point" in result["evidence"]["reason"]


def full(network: Network, steps: int) -> dict[str, Any]:
    return {p.name: np.ones((steps, p.size)) for p in network.fed}


@given(st.integers(0, 400), st.sampled_from(["float", "loihi"]), st.floats(0.05, 1))
def test_what_is_said_to_be_unable_never_spikes(seed: int, arithmetic: str, share: float) -> None:
    network = random_network(seed, arithmetic=arithmetic)
    unable = unable_to_spike(network)
    rng = np.random.default_rng(seed)
    some = {name: x * (rng.random(x.shape) < share) for name, x in full(network, 60).items()}
    for inputs in (full(network, 60), some):
        spikes = simulate(network, inputs, 60, "reference").spikes
        assert not [name for name in unable if len(spikes[name])]


@pytest.mark.parametrize("kept", [{"beta": 0.75}, {"alpha": 0.75, "beta": 0.0}])
def test_the_bound_is_tight_for_one_neuron(kept: dict[str, Any]) -> None:
    def one(theta: float) -> Network:
        neuron = Population("n", 1, LIF(theta=theta, bias=0.5 * ("alpha" not in kept), **kept))
        return Network((Input("in", 2), neuron), (Projection("in", "n", [[0.25, -1.0]]),))

    highest = 1.0 if "alpha" in kept else 3.0
    assert list(unable_to_spike(one(highest + 1e-6))) == ["n"]
    below = one(highest - 1e-6)
    assert not unable_to_spike(below)
    only_first = Spikes.from_raster(np.tile([True, False], (200, 1)))
    assert len(simulate(below, {"in": only_first}, 200).spikes["n"])


def test_a_current_that_wraps_around_may_make_a_neuron_spike() -> None:
    down = Population("n", 1, LoihiLIF(du=0, dv=4095, vth=1000))
    network = Network((Input("in", 64), down), (Projection("in", "n", np.full((1, 64), -250), exponent=3),))
    assert not unable_to_spike(network)
    assert len(simulate(network, full(network, 60), 60, "loihi").spikes["n"])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"on": np.ones((9, 4))}, ["'on'", "the network's inputs are 'in'", "name them so"]),
        ({"in": np.ones((9, 4)), "of": np.ones((9, 4))}, ["'of'", "inputs are 'in'"]),
        ({"in": np.ones((9, 3))}, ["'in'", "3 neurons", "4"]),
    ],
)
def test_input_files_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, Any], words: list[str]) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    write_spikes(tmp_path / "x.h5", {name: Spikes.from_raster(x) for name, x in arrays.items()})
    for file in ("x.npz", "x.h5"):
        with pytest.raises(InputError) as caught:
            run(layers(0.5), inputs=tmp_path / file)
        assert all(word in str(caught.value) for word in (*words, file))


def test_command_line(snmem: Callable[..., Any], tmp_path: Path) -> None:
    write_nir(layers(0.5, 100.0), tmp_path / "dead.nir")
    result = snmem("verify", tmp_path / "dead.nir", "--backends", "event")
    assert result.code == 1
    assert "No verdict: no evidence: population 'l1' cannot spike" in result.out
    assert "All agree" not in result.out
    write_nir(layers(0.5, 0.5), tmp_path / "alive.nir")
    np.savez(tmp_path / "x.npz", **dict.fromkeys(("in", "inn"), np.eye(4)))  # pyright: ignore[reportArgumentType]
    assert "'inn'" in snmem("verify", tmp_path / "alive.nir", "--input", tmp_path / "x.npz").error()
    result = snmem("verify", tmp_path / "alive.nir", "--backends", "event", "--json")
    assert (result.code, result.data["verdict"]) == (0, "agree")
