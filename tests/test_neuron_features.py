"""What may be switched on beyond the plain neuron: its definition, and who refuses it."""

from dataclasses import replace

import numpy as np
import pytest

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, Spikes, quantize, simulate
from snmem.backends.base import get_backend
from snmem.backends.features import DECLARED
from snmem.backends.snntorch import to_torch
from snmem.conformance import EXTENSIONS
from snmem.errors import BackendError, NetworkError
from snmem.neurons.noise import normal
from snmem.quantization.neurons import TAKEN

STEPS = 12


def one(neuron, weight=1.0, spikes=((0, 0),), receptor="", steps=STEPS, record=("u", "v")):
    """A neuron that gets spikes: its spike steps, and its traces."""
    network = Network(
        (Input("x", 1), Population("h", 1, neuron)), (Projection("x", "h", [[weight]], 0, receptor=receptor),)
    )
    given = Spikes.from_events(*np.array(spikes).T.reshape(2, -1), steps, 1)
    run = simulate(network, {"x": given}, steps, "reference", record=[f"h.{name}" for name in record])
    return run.spikes["h"].step.tolist(), {name: run.traces[f"h.{name}"][:, 0].tolist() for name in record}


def test_a_refractory_neuron_holds_v_while_its_current_goes_on():
    spikes, at = one(
        LIF(alpha=0.5, beta=1, theta=1, refractory=3, v_reset=-1), 8.0, record=("u", "v", "refractory_left")
    )
    assert spikes[0] == 0
    assert at["u"][:5] == [8, 4, 2, 1, 0.5]
    assert at["v"][:5] == [-1, -1, -1, -1, -0.5]
    assert at["refractory_left"][:5] == [3, 2, 1, 0, 0]


def test_a_frozen_neuron_stands_still_and_loses_what_arrives():
    spikes, at = one(
        LIF(alpha=0.5, beta=1, theta=1, refractory=3, refractory_mode="freeze"), 8.0, [(0, 0), (2, 0), (4, 0)]
    )
    assert spikes[:2] == [0, 4]
    assert at["u"][:5] == [8, 8, 8, 8, 12]


def test_a_spike_may_clear_the_currents():
    _, at = one(LIF(alpha=0.5, theta=1, reset_current=True), 8.0)
    assert at["u"][:3] == [0, 0, 0]


def test_the_threshold_rises_with_each_spike_and_decays():
    spikes, at = one(LIF(alpha=0, beta=0, theta=0.5, bias=1, kappa=2, rho=0.5), 0.0, record=("a",))
    assert spikes == [0, 3, 6, 9]  # a before the comparison: 0, 1, .5, .25 (+ 1 > .5 + a), ...
    assert at["a"][:4] == [2, 1, 0.5, 2.25]


def test_two_currents_and_v_are_receptors():
    neuron = LIF(alpha=0.5, alpha2=0.25, beta=0.5, theta=np.inf)
    assert neuron.receptors == ("u", "u2", "v")
    assert LIF().receptors == ("u", "v")
    _, first = one(neuron, 1.0, record=("u", "u2", "v"))
    _, second = one(neuron, 1.0, receptor="u2", record=("u", "u2", "v"))
    _, direct = one(neuron, 1.0, receptor="v", record=("u", "u2", "v"))
    assert (first["u"][:3], first["u2"][:3], first["v"][:3]) == ([1, 0.5, 0.25], [0, 0, 0], [1, 1, 0.75])
    assert (second["u"][:3], second["u2"][:3], second["v"][:3]) == ([0, 0, 0], [1, 0.25, 0.0625], [1, 0.75, 0.4375])
    assert (direct["u"][:3], direct["u2"][:3], direct["v"][:3]) == ([0, 0, 0], [0, 0, 0], [1, 0.5, 0.25])


def test_u_and_v_begin_where_they_are_told():
    network = Network((Population("h", 3, LIF(alpha=0.5, beta=0.5, theta=9, u_init=2, v_init=[0, 4, -4])),))
    v = simulate(network, {}, 2, "reference", record=["h.v"]).traces["h.v"]
    assert v.tolist() == [[1, 3, -1], [1, 2, 0]]


def test_noise_is_a_function_of_seed_neuron_and_step():
    neuron = LIF(beta=0, theta=np.inf, noise_sd=[1.0, 0.0, 2.0], noise_seed=7)
    network = Network((Population("h", 3, neuron),))
    whole = simulate(network, {}, 6, "reference", record=["h.v"])
    assert np.array_equal(whole.traces["h.v"], [[1, 0, 2] * normal(7, 3, t) for t in range(6)])
    first = simulate(network, {}, 4, "reference")
    rest = simulate(network, {}, 2, "reference", state=first.state, record=["h.v"])
    assert np.array_equal(rest.traces["h.v"], whole.traces["h.v"][4:])


def test_noise_is_normal_and_independent():
    """Moments within five standard errors; neighbours in neurons, steps and seeds do not correlate."""
    n = 200_000
    x, later, other = normal(3, n, 7), normal(3, n, 8), normal(4, n, 7)
    error = 5 / np.sqrt(n)
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean() - moment) < error * np.sqrt(spread)
    for y in (x[1:], later, other):
        assert abs(np.mean(x[: len(y)] * y)) < error
    assert abs(np.mean(x > 1.959964) - 0.025) < 5 * np.sqrt(0.025 / n)


def test_the_noise_of_a_seed_stays_as_it_is():
    """Frozen: the same bits on every machine and version, as results hang on it."""
    assert normal(1, 3, 0).tolist() == FROZEN


FROZEN = [0.17911545892299252, 0.2579500380362163, -1.8399377636293017]


def test_a_loihi_neuron_holds_v_at_0_for_its_period():
    network = Network((Population("h", 3, LoihiLIF(vth=5, bias_mant=640, refractory=[1, 2, 64])),))
    run = simulate(network, {}, 70, "reference")
    raster = run.spikes["h"].raster()
    assert [np.flatnonzero(raster[:, i])[:3].tolist() for i in range(3)] == [[0, 1, 2], [0, 2, 4], [0, 64]]


def test_a_loihi_neuron_may_lose_its_threshold_at_a_spike_and_begin_anywhere():
    neuron = LoihiLIF(du=4095, vth=[5, 5, 9], bias_mant=64, reset="subtract", v_init=[0, 640, -64], u_init=128)
    network = Network((Population("h", 3, neuron),))
    run = simulate(network, {}, 3, "reference", record=["h.v"])
    assert run.traces["h.v"].tolist() == [[64, 384, 0], [128, 128, 64], [192, 192, 128]]
    assert run.spikes["h"].raster().tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]
    for wrong, words in (({"reset": "none"}, "LoihiLIF.reset"), ({"v_init": 2**23}, r"LoihiLIF.v_init: must lie in")):
        with pytest.raises(NetworkError, match=words):
            LoihiLIF(**wrong)


def network_with(feature):
    """A network that uses one feature."""
    neuron = {
        "refractory": LIF(refractory=2),
        "freeze": LIF(refractory=2, refractory_mode="freeze"),
        "reset_current": LIF(reset_current=True),
        "adaptation": LIF(kappa=1.0),
        "second_current": LIF(alpha2=0.5),
        "noise": LIF(noise_sd=0.5),
        "initial_state": LIF(v_init=0.5),
        "loihi_subtract": LoihiLIF(reset="subtract"),
    }.get(feature, LIF())
    receptor = "v" if feature == "receptor" else ""
    projections = [Projection("x", "h", np.ones((3, 2)), receptor=receptor)]
    if feature == "potentials":
        projections.append(Projection("h", "h", np.ones((3, 3)), signal="v"))
    return Network((Input("x", 2), Population("h", 3, neuron)), tuple(projections))


@pytest.mark.parametrize("feature", [name for name in EXTENSIONS if name != "loihi_subtract"])
def test_who_does_not_run_a_feature_refuses_it_by_name(feature):
    network = network_with(feature)
    assert [f for _, _, f in network.features] == [feature]
    name = {"receptor": "'x->h'", "potentials": "'h->h'"}.get(feature, "'h'")
    for backend in ("event", "brian2", "snntorch", "lava_float"):
        if feature not in get_backend(backend).features:
            with pytest.raises(BackendError, match=rf"{backend}.*{name}.*, or use backend 'reference'"):
                simulate(network, {"x": [[1, 1]]}, 2, backend)
    if feature not in get_backend("snntorch").features:
        with pytest.raises(BackendError, match=name):
            to_torch(network)
    if feature not in TAKEN:
        with pytest.raises(NetworkError, match=f"quantize: .*{name} uses the feature '{feature}'"):
            quantize(network)


def test_a_feature_that_nobody_knows_is_refused_by_its_name():
    class Odd(LIF):
        features = frozenset({"bursts"})

    network = Network((Population("h", 2, Odd()),))
    backend = replace(get_backend("event"), neurons=(Odd,))
    with pytest.raises(BackendError, match="population 'h' uses the feature 'bursts'"):
        backend.check(network)


def test_what_is_left_off_changes_neither_digest_nor_repr():
    plain, other = network_with(""), network_with("refractory")
    assert repr(plain["h"].neuron) == "LIF(alpha=0.0, beta=1.0, theta=1.0, bias=0.0, v_reset=0.0, reset='zero')"
    assert repr(other["h"].neuron).endswith("refractory=2)")
    assert plain.digest() == "5001c19b5f2c0083a7c1c24aff53a1d70e0067cf0c6dbd18bb1b0eff863b837c"  # as in older files
    assert len({network_with(f).digest() for f in ("", *EXTENSIONS)}) == 1 + len(EXTENSIONS)
    assert EXTENSIONS.keys() == DECLARED.keys()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"refractory": 1.5}, r"LIF.refractory: must be whole numbers, got 1.5"),
        ({"refractory": -1}, r"LIF.refractory: must lie in \[0, 2.*\], got -1"),
        ({"refractory_mode": "clamp"}, 'LIF.refractory_mode: must be "hold" or "freeze", got \'clamp\''),
        ({"reset_current": 1}, "LIF.reset_current: must be True or False, got 1"),
        ({"alpha2": 1.5}, r"LIF.alpha2: must lie in \[0, 1\], got 1.5"),
        ({"rho": -0.5}, r"LIF.rho: must lie in \[0, 1\], got -0.5"),
        ({"kappa": np.inf}, "LIF.kappa: must be finite"),
        ({"noise_sd": -1}, "LIF.noise_sd: must lie in"),
        ({"noise_seed": [1, 2]}, "LIF.noise_seed: must be one number"),
        ({"noise_seed": -1}, "LIF.noise_seed: must lie in"),
        ({"v_init": np.nan}, "LIF.v_init: holds NaN"),
        ({"v_init": np.inf}, "LIF.v_init: must be finite"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(values, message):
    with pytest.raises(NetworkError, match=message) as error:
        LIF(**values)
    assert "\n" not in str(error.value)


def test_receptors_that_do_not_exist_are_refused():
    with pytest.raises(NetworkError, match="projection 'x->h': 'h' has no receptor 'u2'; its neurons have u, v"):
        Network((Input("x", 1), Population("h", 1, LIF())), (Projection("x", "h", [[1]], receptor="u2"),))
    with pytest.raises(NetworkError, match="'x->h': receptor must be a text, got 3"):
        Projection("x", "h", [[1]], receptor=3)
    with pytest.raises(NetworkError, match=r"LoihiLIF.refractory: must lie in \[1, 64\], got 65"):
        LoihiLIF(refractory=65)
