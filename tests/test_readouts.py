"""Readouts in Loihi fixed point: v of a neuron without a threshold must not spike, or it is said when it does."""

import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, quantize, simulate
from snmem.errors import SnmemWarning
from snmem.lava.compiler.compile import compile
from snmem.quantization.calibration import calibrate, report
from snmem.quantization.grid import convert, steps_in_range
from snmem.verify import verify


def readout(weights: Any, beta: float = 1.0, *, delay: int = 1, clear: int | None = None, **lif: float) -> Network:
    weights = np.atleast_2d(np.asarray(weights, float))
    out = Population("out", len(weights), LIF(beta=beta, theta=np.inf, **lif), clear)  # type: ignore[arg-type]
    return Network((Input("i", weights.shape[1]), out), (Projection("i", "out", weights, delay),), outputs=("out",))


def random_readout(beta: float) -> Network:
    return readout(np.random.default_rng(0).normal(0.3, 0.3, (3, 100)), beta)


def drive(steps: int, lines: int = 100) -> dict[str, Any]:
    return {"i": np.random.default_rng(1).random((steps, lines)) < 0.1}


@pytest.mark.parametrize(("beta", "steps"), [(1.0, 400), (0.999, 1000)])
def test_a_calibrated_readout_follows_the_float_one(beta: float, steps: int) -> None:
    network, inputs = random_readout(beta), drive(steps)
    exact = simulate(network, inputs, steps, record="out.v").traces["out.v"][-1]
    made = calibrate(network, inputs, steps)
    run = simulate(made.network, inputs, steps, "loihi", record="out.v")
    assert not len(run.spikes["out"])
    np.testing.assert_allclose(run.traces["out.v"][-1] / 64 / made.scale["out"], exact, rtol=0.01)


def test_quantize_warns_and_names_population_and_step() -> None:
    network = random_readout(1.0)
    with pytest.warns(
        SnmemWarning, match=r"population 'out' is a readout .* from step \d+ on if all synapses"
    ) as caught:
        made = quantize(network)
    assert made.warnings == (str(caught[0].message),)
    found = re.search(r"from step (\d+) on", made.warnings[0])
    assert found
    step = int(found[1])
    weights = network["i->out"].weights.toarray()
    first = np.maximum(weights, 0).sum(axis=1).argmax()
    excitation = {"i": np.tile(weights[first] > 0, (step + 3, 1))}
    spikes = simulate(made.network, excitation, step + 3, "loihi").spikes["out"]
    assert abs(spikes.step[0] - step) <= 1  # integer weights add up to a little more or less


@pytest.mark.parametrize(
    "network",
    [
        readout([[0.5, 0.25, -1.0]], clear=100),  # at most 75 by the clear
        readout([[0.5, 0.25, -1.0]], beta=0.875),
        readout([[0.5, 0.25]], bias=-1.0, clear=50),
        readout(np.zeros((1, 2))),
        Network((Input("i", 2), Population("h", 1, LIF())), (Projection("i", "h", [[1.0, 1.0]]),)),
    ],
)
def test_what_stays_in_range_is_exact_and_gets_no_warning(network: Network) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = quantize(network)
    name = network.neurons[0].name
    steps, inputs = 300, {"i": np.ones((300, network.inputs[0].size))}
    expected, found = (
        simulate(n, inputs, steps, b, record=f"{name}.v").traces[f"{name}.v"]
        for n, b in ((network, "reference"), (made.network, "loihi"))
    )
    if network[name].neuron.beta == 1:  # a leak in Loihi rounds toward 0
        np.testing.assert_array_equal(found / 64 / made.scale[name], expected)
    assert np.abs(found / 64 / made.scale[name] - expected).max() < 0.5


@given(
    alpha=st.sampled_from([0.0, 0.5, 0.96875, 1.0]),
    beta=st.sampled_from([0.0, 0.5, 0.9990234375, 1.0]),
    bias=st.sampled_from([-0.5, 0.0, 0.25]),
    weights=st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 8.0]), min_size=1, max_size=4),
    scale=st.sampled_from([8.0, 512.0]),
)
def test_steps_in_range_are_those_of_stepping(
    alpha: float, beta: float, bias: float, weights: list[float], scale: float
) -> None:
    network = readout([weights], beta, delay=0, alpha=alpha, bias=bias)
    found, most = steps_in_range(network, network["out"], scale), 300
    high, low = 131071 / scale, -(2**23 - 1) / 64 / scale
    first = most
    for sign in (1, -1):
        inputs = {"i": np.tile(np.array(weights) * sign > 0, (most, 1))}
        v = simulate(network, inputs, most, record="out.v").traces["out.v"][:, 0]
        out = np.flatnonzero((v > high) | (v < low))
        first = min(first, int(out[0]) if len(out) else most)
    assert first == (most if found is None or found > most else found)


def test_compile_is_not_ok_where_a_readout_leaves_its_range(tmp_path: Any) -> None:
    network, inputs = random_readout(1.0), drive(400)
    good = compile(network, tmp_path / "a", inputs=inputs, steps=400, lava=False)
    assert good.report["ok"]
    (row,) = good.report["populations"]
    assert 0.3 < row["v_peak"] < 1
    assert row["v_leaves"] is None
    (warning,) = good.report["warnings"]  # could leave it with other input
    assert "if all synapses are active" in warning
    bad = compile(network, tmp_path / "b", inputs=inputs, steps=400, lava=False, quantization="grid")
    assert not bad.report["ok"]
    (row,) = bad.report["populations"]
    assert "population 'out'" in bad.report["warnings"][0]
    assert f"in step {row['v_leaves']} on this input" in bad.report["warnings"][0]


def test_compile_sees_readouts_of_networks_that_are_in_fixed_point_already(tmp_path: Any) -> None:
    out = Population("out", 1, LoihiLIF(vth=131071))
    network = Network((Input("i", 1), out), (Projection("i", "out", [[255]], exponent=7),), outputs=("out",))
    made = compile(network, tmp_path, inputs={"i": np.ones((20, 1))}, steps=20, lava=False)
    assert not made.report["ok"]
    assert "population 'out': v of this readout leaves its range in step 5" in made.report["warnings"][0]


def test_what_goes_below_the_range_is_seen_too() -> None:
    network = readout([[-1.0]])
    made = convert(network, {"out": 128.0})
    row = report(network, made, {"i": np.ones((1100, 1))}, 1100)["populations"]["out"]
    assert row["v_leaves"] == 1024  # a step after the first spike came in
    assert row["v_peak"] == 1.0
    assert "step 1023" in made.warnings[0]


def test_verify_passes_the_warning_on() -> None:
    result = verify(random_readout(1.0), drive(20), 20, ["event"], quantize=True)
    assert "readout" in result.get("quantized", {}).get("warnings", [""])[0]
