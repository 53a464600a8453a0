"""Estimators of the literature against hand counts, and the quantised twin against its own break-even."""

import math

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection
from snmem.cost import measure
from snmem.cost.estimators import ADD_BIT, MULTIPLY_BITS, estimates, quantized_twin
from snmem.errors import NetworkError


def dense(size=1000, steps=5, rate=0.1, items=1):
    rng = np.random.default_rng(3)
    network = Network(
        (Input("in", size), Population("out", size, LIF(beta=0.9, theta=np.inf))),
        (Projection("in", "out", rng.normal(size=(size, size))),),
    )
    spikes = rng.random((steps * items, size)) < rate
    return network, measure(
        network, {"in": spikes}, steps * items, "loihi1-nahuku", limits="report", detailed=False, items=items
    )


def test_estimators_are_their_formulas():
    network, bill = dense(size=40, items=2)
    found = {e.name: e for e in estimates(network, bill)}
    events = bill.counters["synaptic_events"] / 2
    assert found["synaptic operations"].joules == pytest.approx(0.9e-12 * events)
    assert found["dense multiplications"].joules == pytest.approx(4.6e-12 * 1600)
    lemaire = found["operations, addressing and memory"]
    assert lemaire.parts["addressing"] == pytest.approx(0.1e-12 * events)
    assert lemaire.parts["operations"] == pytest.approx(0.1e-12 * events + 3.2e-12 * 40 * 5)
    spikes = bill.counters["input_spikes"] / 2
    assert lemaire.parts["memory"] == pytest.approx(1.25e-12 * 4 * (3 * events + 2 * spikes))
    assert found["bill on loihi1-nahuku"].joules == pytest.approx(bill.dynamic["total"] / 2)


def test_what_papers_print_is_far_below_the_bill():
    network, bill = dense()
    found = [e.joules for e in estimates(network, bill)]
    assert found[-1] > 20 * found[0]


@pytest.mark.parametrize(("steps", "bits"), [(1, 1), (5, 3), (7, 3), (8, 4), (15, 4), (16, 5)])
def test_bits_of_the_twin_hold_as_much_as_the_steps(steps, bits):
    assert quantized_twin(*dense(size=20, steps=steps)).bits == bits == math.ceil(math.log2(steps + 1))


@pytest.mark.parametrize("size", [100, 1000])
def test_at_the_break_even_rate_both_cost_the_same(size):
    even = quantized_twin(*dense(size)).break_even_rate
    at = quantized_twin(*dense(size, rate=even))
    assert at.spike_rate == pytest.approx(even, abs=4 * math.sqrt(even / (5 * size)))
    scale = even / at.spike_rate  # the rate that was drawn is not exactly it
    idle = at.spiking.parts["neurons"]
    assert idle + scale * (at.spiking.joules - idle) == pytest.approx(at.quantized.joules)
    assert quantized_twin(*dense(size, rate=even / 2)).spiking.joules < at.quantized.joules


def test_the_break_even_that_the_docstring_states():
    assert quantized_twin(*dense()).break_even_rate == pytest.approx(0.14, abs=0.005)


def test_more_steps_lower_the_break_even_until_there_is_none():
    rates = [quantized_twin(*dense(200, steps=steps)).break_even_rate for steps in (2, 5, 10, 40)]
    assert rates == sorted(rates, reverse=True)
    network, bill = dense(10, steps=500)
    assert quantized_twin(network, bill).break_even_rate is None


def test_arithmetic_is_that_of_45_nm():
    assert pytest.approx(0.1e-12) == 32 * ADD_BIT
    assert pytest.approx(3.1e-12) == 32**2 * MULTIPLY_BITS


@pytest.mark.parametrize(
    ("name", "value", "range_"),
    [("weight_bits", 0, "1..32"), ("weight_bits", 2.5, "1..32"), ("potential_bits", 65, "1..64")],
)
def test_bits_out_of_range_are_refused(name, value, range_):
    network, bill = dense(10)
    with pytest.raises(NetworkError, match=rf"{name} must be a whole number in {range_}, got {value}"):
        quantized_twin(network, bill, **{name: value})
