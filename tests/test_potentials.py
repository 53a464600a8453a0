"""Projections that deliver membrane potentials: LI, CubaLI and I in front of other populations."""

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, read_nir, simulate, write_nir
from snmem.conformance import assert_same
from snmem.errors import BackendError, NetworkError


def chain(rng: np.random.Generator) -> Network:
    """Input, an integrator or two, neurons, and a readout of both; v of neurons that spike is delivered too."""
    a, b, c = (int(n) for n in rng.integers(1, 300, 3))

    def weights(post: int, pre: int) -> np.ndarray:
        return rng.normal(0, 1 / np.sqrt(pre), (post, pre)) * (rng.random((post, pre)) < 0.6)

    populations = (
        Input("x", a),
        Population("li", b, LIF(alpha=0.5, beta=rng.uniform(0, 1, b), bias=0.01, theta=np.inf)),
        Population("h", c, LIF(alpha=0.25, beta=0.875, theta=0.3, refractory=int(rng.integers(0, 2)))),
        Population("out", 3, LIF(beta=0.0, alpha2=0.5, theta=np.inf), clear_every=7),
    )
    projections = (
        Projection("x", "li", weights(b, a), int(rng.integers(0, 3))),
        Projection("li", "h", weights(c, b), int(rng.integers(0, 4)), signal="v"),
        Projection("x", "h", np.round(4 * weights(c, a)) / 4, 1),
        Projection("h", "h", weights(c, c) / 2, 1),
        Projection("h", "out", weights(3, c), int(rng.integers(0, 3)), signal="v", name="v of h", receptor="u2"),
        Projection("h", "out", weights(3, c), 0),
    )
    return Network(populations, projections)


@pytest.mark.parametrize("seed", range(4))
def test_the_engine_delivers_what_the_reference_does(seed):
    rng = np.random.default_rng(seed)
    net = chain(rng)
    x = rng.random((60, net["x"].size)) < 0.05
    record = [f"{name}.v" for name in ("li", "h", "out")]
    expected = simulate(net, x, backend="reference", record=record, counters=True)
    found = simulate(net, x, record=record, counters=True, threads=2)
    assert len(expected.spikes["h"])
    assert_same(expected, found)
    assert expected.counters == found.counters
    assert found.counters.synaptic_events["li->h"] == 60 * net["li->h"].synapses
    for backend in ("reference", "event"):
        first = simulate(net, x[:23], 23, backend)
        then = simulate(net, x[23:], 37, backend, state=first.state)
        assert then.spikes["h"] == expected.spikes["h"].between(23, 60)


@pytest.mark.parametrize("backend", ["brian2", "snntorch"])
@pytest.mark.parametrize("seed", [0, 3])
def test_brian2_and_snntorch_deliver_what_the_reference_does(backend, seed):
    rng = np.random.default_rng(seed)
    net = chain(rng)
    x = rng.random((30, net["x"].size)) < 0.05
    record = [f"{name}.v" for name in ("li", "h", "out")]
    expected, found = (simulate(net, x, backend=b, record=record, counters=True) for b in ("reference", backend))
    assert len(expected.spikes["h"])
    assert_same(expected, found)
    assert expected.counters == found.counters


def test_a_module_of_snntorch_passes_gradients_through_potentials():
    import torch

    from snmem.backends.snntorch import to_torch

    populations = (
        Input("x", 2),
        Population("li", 3, LIF(beta=0.5, theta=np.inf)),
        Population("h", 2, LIF(beta=0.5, theta=99)),
    )
    projections = (Projection("x", "li", np.ones((3, 2))), Projection("li", "h", np.ones((2, 3)), 2, signal="v"))
    module = to_torch(Network(populations, projections), torch.float64)
    outputs, _ = module({"x": torch.ones(6, 1, 2, dtype=torch.float64)}, record=["h.v"])
    outputs["h.v"].sum().backward()
    assert all(float(synapses.weight.grad.abs().sum()) > 0 for synapses in module.synapses)


def test_v_arrives_as_the_equations_say():
    net = Network(
        (
            Input("x", 1),
            Population("li", 1, LIF(beta=0.5, theta=np.inf)),
            Population("out", 1, LIF(beta=0.0, theta=np.inf)),
        ),
        (Projection("x", "li", [[1.0]], 0), Projection("li", "out", [[3.0]], 2, signal="v")),
    )
    v = simulate(net, np.array([[1], [0], [0]]), 6, record=["li.v", "out.v"]).traces
    assert v["li.v"].ravel().tolist() == [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]
    assert v["out.v"].ravel().tolist() == [0, 0, 3, 1.5, 0.75, 0.375]


@pytest.mark.parametrize("weight", [1.0, -0.25])
@pytest.mark.parametrize("delay", [0, 3])
def test_an_li_in_front_of_a_lif_is_a_current_based_lif(weight, delay):
    """Bit for bit where each neuron gets one LI, by a weight that is a power of two."""
    rng = np.random.default_rng(0)
    w, beta = rng.normal(0, 1, (40, 30)), rng.uniform(0, 1, 40)
    x = rng.random((200, 30)) < 0.2
    h = LIF(beta=0.9, theta=0.7, bias=0.01)
    two = Network(
        (Input("x", 30), Population("li", 40, LIF(beta=beta, theta=np.inf)), Population("h", 40, h)),
        (Projection("x", "li", w), Projection("li", "h", weight * np.eye(40), delay, signal="v")),
    )
    cuba = LIF(alpha=beta, beta=0.9, theta=0.7, bias=0.01)
    one = Network((Input("x", 30), Population("h", 40, cuba)), (Projection("x", "h", weight * w, 1 + delay),))
    a, b = (simulate(net, x, record=["h.v"]) for net in (two, one))
    assert len(a.spikes["h"])
    assert a.spikes["h"] == b.spikes["h"]
    assert (a.traces["h.v"] == b.traces["h.v"]).all()


def test_nir_files_hold_them(tmp_path):
    rng = np.random.default_rng(1)
    net = Network(
        (
            Input("x", 5),
            Population("li", 4, LIF(beta=0.75, theta=np.inf)),
            Population("h", 3, LIF(beta=0.5, theta=0.5)),
        ),
        (Projection("x", "li", rng.normal(0, 1, (4, 5)), 0), Projection("li", "h", np.ones((3, 4)) / 2, 0, signal="v")),
        outputs=("h",),
    )
    write_nir(net, tmp_path / "net.nir")
    assert read_nir(tmp_path / "net.nir") == net
    plain = read_nir(tmp_path / "net.nir", metadata=False)
    assert [q.signal for q in plain.projections] == ["spikes", "v"]
    x = rng.random((40, 5)) < 0.4
    assert len(simulate(net, x).spikes["h"])
    assert simulate(plain, x).spikes["h"] == simulate(net, x).spikes["h"]


def test_who_does_not_run_them_says_so():
    net = Network(
        (Input("x", 1), Population("a", 1, LIF()), Population("b", 1, LIF())),
        (Projection("x", "a", [[1.0]]), Projection("a", "b", [[1.0]], signal="v")),
    )
    with pytest.raises(BackendError, match=r"projection 'a->b' delivers potentials \(signal='v'\); let it deliver"):
        simulate(net, None, 3, "lava_float")
    late = Network(net.populations, (net["x->a"], Projection("a", "b", [[1.0]], 300, signal="v")))
    with pytest.raises(BackendError, match="'a->b' delivers potentials with delay 300, the limit is 256"):
        simulate(late, None, 3, "brian2")
    with pytest.raises(NetworkError, match="signal='v' delivers potentials, an input has none"):
        Network(net.populations, (Projection("x", "a", [[1.0]], signal="v"),))
    with pytest.raises(NetworkError, match="signal must be 'spikes' or 'v', got 'u'"):
        Projection("a", "b", [[1.0]], signal="u")
