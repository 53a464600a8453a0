"""Descriptions: nobody can change them from outside, equal ones have equal digests, and copies are whole."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import (
    LIF,
    Input,
    Instar,
    LoihiLIF,
    Network,
    Outstar,
    Population,
    Projection,
    SumOfProducts,
    quantize,
    simulate,
)
from snmem.errors import NetworkError, SnmemError, UnknownNameError
from snmem.quantization.calibration import calibrate
from snmem.quantization.grid import largest_scale

SPARSE = ("csr_array", "csc_array", "coo_array", "bsr_array", "csr_matrix", "lil_array", "dok_array", "dia_array")
X = np.random.default_rng(1).random((30, 8)) < 0.4


def network(weights, **options):
    return Network(
        (Input("x", 8), Population("h", 8, LIF(alpha=0.5, beta=0.75, theta=0.9))),
        (Projection("x", "h", weights, **options),),
    )


def arrays_of(matrix):
    """All arrays that the caller's matrix refers to."""
    return (
        [matrix] if isinstance(matrix, np.ndarray) else [a for a in vars(matrix).values() if isinstance(a, np.ndarray)]
    )


def overwrite(matrix):
    for array in arrays_of(matrix):
        if array.flags.writeable:
            array[...] = 0


@pytest.mark.parametrize("kind", ["array", "list", "read_only", *SPARSE])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "int64", "bool"])
def test_what_the_caller_does_to_his_weights_afterwards_changes_nothing(kind, dtype):
    dense = (np.random.default_rng(0).integers(0, 2, (8, 8))).astype(dtype)
    given = {"array": dense.copy, "list": dense.tolist, "read_only": dense.copy}.get(kind) or (
        lambda: getattr(sp, kind)(dense)
    )
    weights = given()
    view = weights[:] if kind == "read_only" else None
    if kind == "read_only":
        weights.setflags(write=False)
    net = network(weights)
    before, spikes = net.digest(), simulate(net, {"x": X}, 30).spikes["h"]
    if view is not None:
        view[:] = 0
    elif kind != "list":
        overwrite(weights)
    assert (net["x->h"].weights.toarray() == dense).all()
    assert len(spikes)
    for backend in ("event", "reference"):
        assert simulate(net, {"x": X}, 30, backend).spikes["h"] == spikes
    assert Network(net.populations, net.projections).digest() == before == network(dense).digest()


def test_the_callers_matrix_stays_as_it_was():
    parts = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2, 0, 0, 1]), np.array([0, 3, 4])
    given = sp.csr_array(parts, shape=(2, 3))
    assert network_of(given).weights.toarray().tolist() == [[5, 0, 1], [0, 4, 0]]
    assert given.indices.tolist() == [2, 0, 0, 1]
    assert given.data.tolist() == [1, 2, 3, 4]
    assert all(array.flags.writeable for array in arrays_of(given))
    dense = np.eye(3)
    Projection("x", "h", dense)
    assert dense.flags.writeable


def network_of(weights):
    return Projection("x", "h", weights)


@pytest.mark.parametrize("seal", [False, True])
def test_parameters_are_copied_and_cannot_be_made_writable(seal):
    theta = np.array([1.0, 2.0])
    view = theta[:]
    theta.setflags(write=not seal)
    neuron = LIF(theta=theta)
    view[:] = 7
    assert neuron.theta.tolist() == [1, 2]
    for array in (neuron.theta, network_of(np.eye(2)).weights.data, network_of(np.eye(2)).weights.indices):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.__setitem__((0, 0), 3.0),
        lambda w: w.__setitem__((0, 1), 3.0),
        lambda w: setattr(w, "data", np.zeros(3)),
        lambda w: w.__imul__(2),
        lambda w: w.setdiag(5),
        lambda w: w.resize(2, 2),
        lambda w: w.eliminate_zeros(),
    ],
)
def test_the_weight_matrix_refuses_every_change(change):
    q = network_of(np.eye(3))
    with pytest.raises(ValueError):  # noqa: PT011
        change(q.weights)
    assert q.weights.toarray().tolist() == np.eye(3).tolist()


def test_what_is_computed_from_weights_is_free_and_belongs_to_nobody_else():
    q = network_of(np.eye(3))
    for made in (q.weights.copy(), q.weights * 2, q.weights.astype(float), copy.deepcopy(q.weights)):
        made.data = made.data + 1
        made[0, 0] = 5
        other, expected = network_of(made), made.toarray()
        made.data[:] = 0
        assert (other.weights.toarray() == expected).all()
    assert q.weights.toarray().tolist() == np.eye(3).tolist()
    assert network_of(q.weights).weights is q.weights  # what is frozen already need not be copied


EQUAL = (
    (LIF(theta=1), LIF(theta=np.float32(1))),
    (LIF(bias=-0.0), LIF(bias=0)),
    (LoihiLIF(vth=True), LoihiLIF(vth=np.uint8(1))),
)


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal_neurons_have_equal_digests(a, b):
    nets = [Network((Population("h", 2, neuron),)) for neuron in (a, b)]
    assert nets[0] == nets[1]
    assert nets[0].digest() == nets[1].digest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"delay": 1}, {"delay": np.int64(1)}),
        ({"delay": 1}, {"delay": True}),
        ({"delay": 2}, {"delay": np.uint8(2)}),
        ({"plasticity": Instar(0.25)}, {"plasticity": Instar(np.float32(0.25))}),
        ({"plasticity": Instar(1)}, {"plasticity": Instar(True)}),
        ({"plasticity": Outstar(0.5, decay=0)}, {"plasticity": Outstar(np.float64(0.5), decay=-0.0)}),
        ({"plasticity": Instar(0.5, gate="h")}, {"plasticity": Instar(0.5, gate=Population("h", 8, LIF()))}),
        (
            {"plasticity": SumOfProducts(dw="y0*x1", x1=(16, 4))},
            {"plasticity": SumOfProducts(dw="y0*x1", x1=[np.float32(16), 4.0], seed=np.int8(1), d=np.int16(0))},
        ),
    ],
)
def test_equal_projections_have_equal_digests(one, other):
    a, b = network(np.eye(8), **one), network(np.eye(8), **other)
    assert a == b
    assert a.digest() == b.digest()
    assert repr(a["x->h"].plasticity) == repr(b["x->h"].plasticity)


@given(st.sampled_from(["float64", "float32", "float16", "int8", "int64", "uint8", "bool"]), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_type_of_weights_does_not_show_in_the_digest(dtype, seed):
    w = np.random.default_rng(seed).integers(0, 2, (8, 8))
    a, b = network(w.astype(float) * -1 * -1), network(w.astype(dtype))
    assert a == b
    assert a.digest() == b.digest()
    zero = sp.csr_array((np.array([-0.0]), ([0], [0])), shape=(8, 8))
    assert network(zero).digest() == network(abs(zero)).digest()


def test_objects_stand_for_their_names():
    x, h = Input("x", 8), Population("h", 8, LIF())
    net = Network((x, h), (Projection(x, h, np.eye(8), plasticity=Instar(0.5, gate=h, signal=x)),), outputs=(h,))
    assert (net["x->h"].pre, net["x->h"].post, net.outputs) == ("x", "h", ("h",))
    assert net == Network(
        (x, h), (Projection("x", "h", np.eye(8), plasticity=Instar(0.5, gate="h", signal="x")),), outputs="h"
    )
    assert Network(h) == Network((h,))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Population("h", 3, LIF(), clear_every=2.5), ["'h'", "clear_every", "2.5", "whole"]),
        (lambda: Population("h", 3, LIF(), clear_every="5"), ["'h'", "clear_every", "'5'"]),
        (lambda: Population("h", 3, LIF(), clear_every=5, clear_offset=0.5), ["'h'", "clear_offset", "0.5", "0..4"]),
        (lambda: Population("h", 3, LIF(), clear_every=0), ["'h'", "clear_every", "0"]),
        (lambda: Projection("x", "h", [[1]], exponent=1.5), ["'x->h'", "exponent", "1.5", "-8..7"]),
        (lambda: Projection("x", "h", [[1]], delay="2"), ["'x->h'", "delay", "'2'"]),
        (lambda: Projection("x", "h", [[1]], plasticity="instar"), ["'x->h'", "plasticity", "Instar(0.5)", "'instar'"]),
        (lambda: Projection(3, "h", [[1]]), ["pre", "int"]),
        (lambda: Projection("x", None, [[1]]), ["post", "NoneType"]),
        (lambda: Projection("x", "h", np.eye(2) * 1j), ["'x->h'", "complex128"]),
        (lambda: Projection("x", "h", sp.csr_array(np.eye(2) * 1j)), ["'x->h'", "complex128"]),
        (lambda: Projection("x", "h", np.eye(2).astype(object)), ["'x->h'", "object"]),
        (lambda: Projection("x", "h", [["a"]]), ["'x->h'", "real numbers"]),
        (lambda: Projection("x", "h", None), ["'x->h'", "object"]),
        (lambda: Projection("x", "h", [[1], [1, 2]]), ["'x->h'", "matrix"]),
        (lambda: Projection("x", "h", np.ones(3)), ["'x->h'", "(3,)"]),
        (lambda: Projection("x", "h", np.ma.masked_array(np.eye(2), np.eye(2))), ["'x->h'", "masked"]),
        (lambda: Projection("x", "h", np.full((1, 1), 2**53 + 1)), ["'x->h'", "int64", "float64"]),
        (lambda: Projection("x", "h", np.full((1, 1), np.longdouble(1) / 3)), ["'x->h'", "float64"]),
        (lambda: Input("i", 1.0), ["'i'", "1.0", "whole"]),
        (lambda: Input("i", "12"), ["'i'", "'12'"]),
        (lambda: Population("h", None, LIF()), ["'h'", "None"]),
        (lambda: Population("h", 3, LIF), ["'h'", "LIF"]),
        (lambda: Network(Input("x", 1)), ["no population"]),
        (lambda: Network(("a",)), ["populations", "Input and Population", "str"]),
        (lambda: Network(3), ["populations", "int"]),
        (lambda: Network((Population("h", 1, LIF()),), ("h",)), ["projections", "Projection", "str"]),
        (lambda: Network((Population("h", 1, LIF()),), outputs=(3,)), ["outputs", "int"]),
        (lambda: Network((Population("h", 1, LIF()),), dt="1"), ["dt", "'1'"]),
        (
            lambda: Network((Population("h", 1, LIF()),), (Projection("h", "h", [[1]], name="h"),)),
            ["a population and a projection", "'h'"],
        ),
        (lambda: Instar("x"), ["Instar.rate", "'x'"]),
        (lambda: Instar([0.5]), ["Instar.rate", "[0.5]"]),
        (lambda: Instar(0.5, gate=3), ["Instar.gate", "3"]),
        (lambda: Outstar(0.5, decay=None), ["Outstar.decay", "None"]),
        (lambda: SumOfProducts(dw=5), ["SumOfProducts.dw", "5"]),
        (lambda: SumOfProducts(dw="y0*x1", x1=16), ["SumOfProducts.x1", "16"]),
        (lambda: SumOfProducts(dw="y0*x1", x1=(16, 2, 3)), ["SumOfProducts.x1", "3"]),
        (lambda: SumOfProducts(dw="y0*w", seed=-1), ["SumOfProducts.seed", "-1"]),
        (lambda: LIF(alpha="0.5"), ["LIF.alpha", "'0.5'"]),
        (lambda: LIF(theta=1j), ["LIF.theta", "1j"]),
        (lambda: LIF(theta=[[1], [1, 2]]), ["LIF.theta"]),
        (lambda: LoihiLIF(vth=np.inf), ["LoihiLIF.vth", "whole", "inf"]),
    ],
)  # fmt: skip
def test_a_description_of_the_wrong_type_is_refused_in_one_line(make, words):
    with pytest.raises(NetworkError) as error:
        make()
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("kind", "indices", "indptr"),
    [
        ("csr_array", [0, 9], [0, 1, 2]),
        ("csr_array", [0, -1], [0, 1, 2]),
        ("csc_array", [0, 9], [0, 1, 2]),
        ("csr_array", [0, 1], [0, 2, 1]),
    ],
)
def test_a_damaged_sparse_matrix_is_refused(kind, indices, indptr):
    matrix = getattr(sp, kind)((2, 2))
    matrix.data, matrix.indices, matrix.indptr = np.ones(2), np.array(indices, np.int32), np.array(indptr, np.int32)
    with pytest.raises(NetworkError, match=r"'x->h': weights are a damaged sparse matrix"):
        network_of(matrix)


def test_what_a_network_does_not_have_is_a_key_error_that_names_what_it_has():
    net = network(np.eye(8))
    with pytest.raises(UnknownNameError, match=r"^network: no population or projection 'y'; known: 'x', 'h', 'x->h'$"):
        net["y"]
    with pytest.raises(KeyError):
        net["y"]
    with pytest.raises(SnmemError):
        net[["h"]]
    error = pickle.loads(pickle.dumps(UnknownNameError("run: no trace", "y", ["a"])))
    assert str(error) == "run: no trace 'y'; known: 'a'"


def test_int8_weights_of_minus_128_are_quantised_like_the_same_numbers_in_float64():
    w = np.full((1, 200), -128, np.int8)
    w[0, 0] = 100
    made = {}
    for dtype in (np.int8, np.float64):
        net = Network(
            (Input("x", 200), Population("h", 1, LIF(alpha=0.9, theta=500))), (Projection("x", "h", w.astype(dtype)),)
        )
        x = np.random.default_rng(0).random((40, 200)) < 0.5
        result = quantize(net)
        made[dtype] = (
            (result.scale, result.weight_error, largest_scale(net, net["h"])),
            [
                simulate(q.network, {"x": x}, 40, "loihi").spikes["h"]
                for q in (result, *(calibrate(net, {"x": x}, 40, strategy) for strategy in ("plain", "calibrated")))
            ],
        )
        assert len(simulate(net, {"x": x}, 40).spikes["h"]) == len(made[dtype][1][0]) == 0
    assert made[np.int8] == made[np.float64]


def test_scales_of_unknown_populations_and_no_scales_are_refused():
    net = network(np.eye(8))
    with pytest.raises(NetworkError, match=r"'typo'.*'h'"):
        quantize(net, {"typo": 64})
    for scale in (0, -1, np.nan, np.inf, "64"):
        with pytest.raises(NetworkError, match="scale of 'h'"):
            quantize(net, {"h": scale})
    assert quantize(net, {"h": np.float32(64)}).scale == {"h": 64.0}
