"""Descriptions: what is accepted, and what each refusal says."""

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Instar, LoihiLIF, Network, Outstar, Population, Projection, Spikes, simulate
from snmem.errors import BackendError, InputError, NetworkError


def _pair(**projection):
    return Network(
        (Input("x", 3), Population("h", 2, LIF())),
        (Projection("x", "h", projection.pop("weights", np.ones((2, 3))), **projection),),
    )


def test_weights_are_kept_sparse_in_post_by_pre_order():
    net = _pair(weights=[[0, 1, 2], [0, 0, 3]])
    w = net["x->h"].weights
    assert sp.issparse(w)
    assert w.shape == (2, 3)
    assert w.nnz == 3  # zeros of a dense matrix are no synapses
    assert list(net["x->h"].fan_out) == [0, 1, 2]
    assert net["x->h"].even_fan_out is None
    assert Projection("a", "b", np.eye(3)).even_fan_out == 1


def test_explicit_zeros_of_a_sparse_matrix_stay_synapses():
    w = sp.csr_array((np.array([0.0, 1.0]), ([0, 1], [0, 2])), shape=(2, 3))
    assert _pair(weights=w)["x->h"].synapses == 2


def test_weights_of_one_pair_are_added_up_or_refused_where_their_type_is_too_narrow():
    def both(first, second, kind):
        w = sp.csr_array((np.array([first, second, 1], kind), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 3))
        return _pair(weights=w)["x->h"].weights.toarray().tolist()

    assert both(-64, -64, np.int8) == [[0, -128, 0], [1, 0, 0]]
    assert both(100, 100, np.int16) == [[0, 200, 0], [1, 0, 0]]
    with pytest.raises(NetworkError, match="projection 'x->h': weights of one pair of neurons add up to 128, which"):
        both(64, 64, np.int8)
    with pytest.raises(NetworkError, match="add up to -40,000, which int16 does not hold"):
        both(-20_000, -20_000, np.int16)


def test_a_vector_of_equal_parameters_is_the_same_as_the_number():
    assert LIF(theta=[2.0, 2.0, 2.0]) == LIF(theta=2.0)


def test_equal_descriptions_are_equal_and_have_one_digest():
    a, b, c = _pair(), _pair(), _pair(weights=2 * np.ones((2, 3)))
    assert a == b
    assert a.digest() == b.digest()
    assert a != c
    assert a.digest() != c.digest()


def test_descriptions_cannot_be_changed():
    net = _pair()
    with pytest.raises(AttributeError):
        net.dt = 2
    with pytest.raises(ValueError, match="read-only"):
        net["x->h"].weights.data[0] = 5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LIF(alpha=1.5), ["LIF.alpha", "[0, 1]", "1.5"]),
        (lambda: LIF(theta=np.nan), ["LIF.theta", "NaN"]),
        (lambda: LIF(reset="half"), ["LIF.reset", "zero", "half"]),
        (lambda: LoihiLIF(vth=1 << 17), ["LoihiLIF.vth", "131071", "131072"]),
        (lambda: LoihiLIF(du=0.5), ["LoihiLIF.du", "whole", "0.5"]),
        (lambda: Population("h", 0, LIF()), ["'h'", "positive", "0"]),
        (lambda: Population("h", 3, LIF(theta=[1, 2])), ["'h'", "theta", "2", "3"]),
        (lambda: Population("a/b", 3, LIF()), ["a/b", "/"]),
        (lambda: Population("h", 3, LIF(), clear_every=4, clear_offset=4), ["'h'", "clear_offset", "4"]),
        (lambda: _pair(delay=-1), ["x->h", "delay", "-1"]),
        (lambda: _pair(delay=1.5), ["x->h", "delay", "1.5"]),
        (lambda: _pair(weights=np.ones((3, 3))), ["x->h", "(3, 3)", "(2, 3)"]),
        (lambda: _pair(weights=[[np.inf, 0, 0], [0, 0, 0]]), ["x->h", "infinity"]),
        (lambda: _pair(exponent=3), ["x->h", "exponent", "Loihi"]),
        (lambda: _pair(plasticity=Instar(0.5), delay=0), ["x->h", "delay", "0"]),
        (lambda: _pair(plasticity=Outstar(0.5, signal="x")), ["signal", "'x'", "3", "2"]),
        (lambda: Instar(1.5), ["Instar.rate", "1.5"]),
        (lambda: Network((Input("x", 3),)), ["no population"]),
        (lambda: Network((Population("h", 1, LIF()), Population("h", 1, LIF()))), ["two populations", "'h'"]),
        (lambda: Network((Population("h", 1, LIF()),), (Projection("h", "y", [[1]]),)), ["'y'", "'h'"]),
        (lambda: Network((Population("a", 1, LIF()), Population("b", 1, LoihiLIF()))), ["mixes", "quantize"]),
        (lambda: Network((Population("h", 1, LoihiLIF()),), (Projection("h", "h", [[300]]),)), ["h->h", "255", "300"]),
        (lambda: Network((Population("h", 1, LIF()),), outputs=("o",)), ["outputs", "'o'"]),
    ],
)  # fmt: skip
def test_a_bad_description_is_refused_with_the_object_the_limit_and_the_value(make, words):
    with pytest.raises(NetworkError) as error:
        make()
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_delay_free_cycle_is_refused_by_name():
    pops = [Population(n, 1, LIF()) for n in "abc"]
    edges = [Projection(p, q, [[1.0]], delay=0) for p, q in ("ab", "bc", "ca")]
    with pytest.raises(NetworkError, match=r"cycle without delay.*->.*->.*delay of at least 1"):
        Network(pops, edges)


def test_delay_free_paths_are_updated_along_the_path():
    pops = [Population(n, 1, LIF()) for n in "cba"]
    net = Network([*pops, Input("x", 1)], [Projection(p, q, [[2.0]], delay=0) for p, q in ("xa", "ab", "bc")])
    assert net.update_order == ("a", "b", "c")
    spikes = simulate(net, {"x": ([1], [0])}, 3, "reference").spikes
    assert [list(spikes[n].step) for n in "abc"] == [[1], [1], [1]]


@pytest.mark.parametrize(
    ("inputs", "steps", "words"),
    [
        ({"y": ([0], [0])}, 5, ["'y'", "x"]),
        ({"x": ([5], [0])}, 5, ["'x'", "step 5", "0..4"]),
        ({"x": ([0], [3])}, 5, ["'x'", "neuron 3", "0..2"]),
        ({"x": ([0, 0], [1, 1])}, 5, ["'x'", "neuron 1", "twice"]),
        ({"x": np.full((2, 3), 0.5)}, 5, ["'x'", "0 and 1"]),
        ({"x": Spikes.from_raster(np.ones((2, 2)))}, 5, ["'x'", "2 neurons", "3"]),
        ({}, 0, ["steps", "0"]),
    ],
)
def test_bad_inputs_are_refused(inputs, steps, words):
    with pytest.raises(InputError) as error:
        simulate(_pair(), inputs, steps, "reference")
    for word in words:
        assert word in str(error.value)


def test_unknown_backends_and_wrong_arithmetic_are_refused():
    with pytest.raises(BackendError, match=r"'nest' is unknown; use one of .*event"):
        simulate(_pair(), {}, 1, "nest")
    with pytest.raises(BackendError, match=r"loihi.*quantize"):
        simulate(_pair(), {}, 1, "loihi")


def test_a_recording_gives_labelled_arrays():
    data = simulate(_pair(), {"x": ([0], [1])}, 4, "reference", record=["h.v"]).to_xarray()
    assert data["h.v"].dims == ("step", "h")
    assert data["x.spikes"].sum() == 1
