"""The bill of convolutions: counted from their kernels, equal to that of the matrices that they stand for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_convolution import convolutions, of_convolutions

from snmem import LIF, Convolution, Input, Network, Population, Projection, lowering, simulate
from snmem.cost import Placement, load_chip, measure, place, place_in_order
from snmem.cost.chip import Constant
from snmem.cost.counting.wiring import wire
from snmem.cost.export.neurobench import neurobench, neurobench_traces
from snmem.cost.mapping.filling import Kernels
from snmem.cost.mapping.placement import core_loads, fit
from snmem.errors import BackendError, InputError

PLAIN, SHARED = load_chip("generic"), load_chip("loihi1-nahuku")


def both(c, values=True):
    """A population fed by a convolution and, beside it, by a matrix and itself; and the same with the matrix of it."""
    size, rng = c.shape, np.random.default_rng(0)
    for w in (c, c.tocsr()):
        populations = Input("in", c.input_shape, values=values), Population("out", c.output_shape, LIF(beta=0.5))
        yield Network(
            populations,
            (
                Projection("in", "out", w),
                Projection("in", "out", (rng.random(size) < 0.3).astype(float), 2, name="beside"),
                Projection("out", "out", (rng.random((size[0], size[0])) < 0.2) - 0.0, 1),
            ),
        )
        rng = np.random.default_rng(0)


@settings(max_examples=40)
@given(convolutions(), st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_loads_routes_and_placements_are_those_of_the_matrix(c, seed, per_core):
    kernel, matrix = both(c)
    placed = [place_in_order(n, PLAIN, per_core) for n in (kernel, matrix)]
    assert np.array_equal(placed[0].core["out"], placed[1].core["out"])
    core = np.random.default_rng(seed).integers(0, 4, c.shape[0])
    placement = Placement({"out": core})
    for a, b in zip(*(core_loads(n, placement, PLAIN).values() for n in (kernel, matrix)), strict=True):
        assert np.array_equal(a, b)
    local = {"out": np.searchsorted(placement.cores, core)}
    times = {q.name: 1e-9 * (i + 1) for i, q in enumerate(kernel.projections)}
    routes = [wire(n, local, len(placement.cores), times) for n in (kernel, matrix)]
    for name in ("core", "start", "target", "synapses", "nonzero", "seconds"):
        assert np.array_equal(getattr(routes[0], name), getattr(routes[1], name)), name


def test_the_bill_is_that_of_the_matrices():
    x = {"in": np.random.default_rng(2).random((12, 144)) < 0.2}
    bills = [measure(n, x, 12, PLAIN, per_step=True) for n in of_convolutions(1)]
    a, b = ({k: v for k, v in bill.to_dict().items() if k != "provenance"} for bill in bills)
    assert a == b
    assert bills[0].counters["updated"] > 0
    assert bills[0].by_step == bills[1].by_step


def test_neurobench_counts_kernels_as_their_matrices():
    x = {"in": np.random.default_rng(2).random((6, 144)) < 0.2}
    counted = [neurobench(n, [simulate(n, x, 6, record=neurobench_traces(n))]) for n in of_convolutions(1)]
    assert counted[0] == counted[1]


def test_a_core_holds_a_kernel_once_for_each_output_channel():
    c = Convolution(np.ones((3, 2, 3, 3)), (2, 8, 8), padding=1)
    network = Network((Input("in", 128), Population("out", 192, LIF())), (Projection("in", "out", c),))
    core = np.repeat([0, 1, 1], 64)
    loads = core_loads(network, Placement({"out": core}), SHARED)
    lists = 128 * 64  # a header of 10 bits fills a word of 64
    kernel = -(-18 * 8 // 64) * 64  # words of 64 bits
    assert loads["synapse_memory_per_core"].tolist() == [lists + kernel, lists + 2 * kernel]
    assert loads["synapses_per_core"].sum() == c.nnz
    assert Kernels(network, PLAIN).shared == frozenset()
    written = core_loads(network, Placement({"out": core}), PLAIN)["synapse_memory_per_core"]
    assert (written > 2 * loads["synapse_memory_per_core"]).all()


def test_cores_are_filled_up_to_their_memory_with_kernels():
    c = Convolution(np.ones((40, 8, 3, 3)), (8, 6, 6), padding=1)
    network = Network((Input("in", 288), Population("out", 1440, LIF())), (Projection("in", "out", c),))
    limit = Constant("synapse_memory_per_core", float(288 * 64 + 10 * 9 * 64))
    tables = {**SHARED.tables, "limits": {**SHARED.tables["limits"], "synapse_memory_per_core": limit}}
    chip = replace(SHARED, tables=tables)
    core = place_in_order(network, chip).core["out"]
    assert np.array_equal(core, np.arange(1440) // 360)  # ten kernels of 72 bytes, nine words each
    assert not fit(network, Placement({"out": core}), chip).violations


def test_a_network_that_is_too_large_is_refused_with_the_limit(monkeypatch):
    shared, _ = of_convolutions(1)
    x = {"in": np.zeros((1, 144))}
    one = Placement({p.name: np.zeros(p.size, np.int64) for p in shared.neurons})
    limit = Constant("synapse_memory_per_core", 50_000.0)
    chip = replace(PLAIN, tables={**PLAIN.tables, "limits": {**PLAIN.tables["limits"], limit.name: limit}})
    with pytest.raises(
        InputError, match=r"memory_per_core is 50000, core 0 needs .* \(generic states no kernel_weight"
    ):
        measure(shared, x, 1, chip, placement=one)
    monkeypatch.setattr(lowering, "MOST_SYNAPSES", 1000)
    with pytest.raises(BackendError, match=r"placement by traffic .* takes kernels as they are"):
        place(shared, PLAIN, neurons_per_core=100)
