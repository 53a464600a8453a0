"""Leaky integrators folded into the current of what follows: the same spikes and potentials, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.folding import fold

LI = LIF(beta=0.75, theta=np.inf)


def chain(rng, several_delays=False):
    """Two inputs, an integrator each of whose neurons goes to some neurons by a power of two, and a readout."""
    b, c = (int(n) for n in rng.integers(1, 20, 2))
    to = np.zeros((c, b))
    for i in range(c):
        if rng.random() < 0.8:
            to[i, rng.integers(b)] = rng.choice([1, -1]) * 2.0 ** int(rng.integers(-3, 3))
    w = rng.normal(0, 1, (b, 6)) * (rng.random((b, 6)) < 0.7)
    delay = np.where(w != 0, rng.integers(1, 5, w.shape), 0) if several_delays else int(rng.integers(0, 3))
    return Network(
        (
            Input("x", 6),
            Population("li", b, LIF(beta=rng.uniform(0, 1, b), theta=np.inf)),
            Population("h", c, LIF(beta=0.9, theta=0.4, bias=0.01, refractory=int(rng.integers(0, 3)), kappa=0.1)),
            Population("out", 2, LIF(beta=0.5, theta=1.0)),
        ),
        (
            Projection("x", "li", w, delay),
            Projection("x", "li", rng.normal(0, 1, (b, 6)), 1, name="again"),
            Projection("li", "h", to, int(rng.integers(0, 4)), signal="v"),
            Projection("h", "h", rng.normal(0, 0.2, (c, c)), 2, receptor="v"),
            Projection("h", "out", rng.normal(0, 1, (2, c)), 1),
        ),
    )


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_spikes_and_potentials_keep_their_bits(seed, several_delays):
    rng = np.random.default_rng(seed)
    network = chain(rng, several_delays)
    found = fold(network)
    assert found.folded == ("li",)
    assert not found.kept
    assert [p.name for p in found.network.neurons] == ["h", "out"]
    x = rng.random((40, 6)) < 0.3
    runs = [simulate(n, x, record=["h.v", "out.v"], backend="reference") for n in (network, found.network)]
    for name in ("h", "out"):
        assert runs[0].spikes[name] == runs[1].spikes[name]
        assert np.array_equal(runs[0].traces[f"{name}.v"], runs[1].traces[f"{name}.v"])


def test_integrators_in_a_row_fold_one_into_the_next():
    populations = (Input("x", 3), *(Population(n, 3, LI) for n in "ab"), Population("h", 3, LIF(beta=0.5)))
    ways = [Projection(a, b, np.eye(3), 0, signal="v" if a != "x" else "spikes") for a, b in ("xa", "ab", "bh")]
    found = fold(Network(populations, tuple(ways)))
    assert found.folded == ("a",)  # b then has a current, so that it is no plain integrator
    assert found.kept == {"b": "it has more than a decay of v"}
    x = np.random.default_rng(0).random((30, 3)) < 0.4
    runs = [simulate(n, x, backend="reference") for n in (Network(populations, tuple(ways)), found.network)]
    assert len(runs[0].spikes["h"])
    assert runs[0].spikes["h"] == runs[1].spikes["h"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda n: {"outputs": ("li",)}, "it is an output"),
        (lambda n: {"projections": (*n.projections, Projection("x", "h", np.ones((2, 2))))}, "'h' gets more in u"),
        (lambda n: with_neuron(n, "li", bias=0.5), "more than a decay of v"),
        (lambda n: with_neuron(n, "h", alpha=0.5), "'h' has a current"),
        (lambda n: with_neuron(n, "h", refractory=2, refractory_mode="freeze"), "'h' stops or clears its current"),
        (lambda n: with_weights(n, np.ones((2, 2))), "neurons of 'h' get several integrators"),
        (lambda n: with_weights(n, 0.3 * np.eye(2)), "its weights are no powers of two"),
    ],
)
def test_what_would_change_bits_stays_and_says_why(change, says):
    network = Network(
        (Input("x", 2), Population("li", 2, LI), Population("h", 2, LIF(beta=0.5))),
        (Projection("x", "li", np.eye(2)), Projection("li", "h", np.eye(2), signal="v")),
    )
    assert fold(network).folded == ("li",)
    network = replace(network, **change(network))
    found = fold(network)
    assert found.network is network
    assert says in found.kept["li"]


def with_neuron(network, name, **values):
    return {
        "populations": tuple(
            replace(p, neuron=replace(p.neuron, **values)) if p.name == name else p for p in network.populations
        )
    }


def with_weights(network, weights):
    return {"projections": (network.projections[0], replace(network.projections[1], weights=weights))}
