"""What a notebook shows of an object is a few lines, whatever it holds, and never markup."""

from dataclasses import replace

import numpy as np
import pytest
from copied import cases

from snmem import LIF, Input, Network, Population, Projection, simulate

NAMES = ("Network", "Projection", "Population", "LIF", "Recording", "Spikes", "RunState", "Bill", "Quantized")
MEMORIES = ("KWinnerMemory", "SpikingKWinnerMemory", "StackedKWinnerMemory", "ModernHopfieldMemory", "OnChipMemory")


@pytest.mark.parametrize("name", [*NAMES, *MEMORIES, "FastWeightAttention"])
def test_a_repr_is_a_few_short_lines(name):
    value = cases()[name].make()
    lines = repr(value).splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 250
    assert name in lines[0]
    assert "object at 0x" not in repr(value)
    if hasattr(value, "_repr_html_"):
        assert value._repr_html_().count("<tr>") <= 8
        assert len(value._repr_html_()) < 2000


def test_a_network_of_many_populations_is_shown_in_a_few_lines():
    pops = [Population(f"p{i}", 1000, LIF(theta=np.arange(1000.0))) for i in range(50)]
    net = Network(pops)
    run = simulate(net, {}, 3)
    for value in (net, run):
        assert len(repr(value).splitlines()) == 10
        assert repr(value).endswith("more")
    assert repr(pops[0]).count("\n") == 0
    assert "<1000 values in 0..999>" in repr(pops[0])


def test_names_are_text_and_no_markup():
    net = Network(
        (Input("<script>x<script>", 1), Population("[red]\u202e", 2, LIF())),
        (Projection("<script>x<script>", "[red]\u202e", np.ones((2, 1))),),
    )
    shown = net._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "\u202e" not in shown + repr(net)


def test_what_is_shown_of_a_rule_stays_as_it_is_in_digests():
    from snmem import Instar, SumOfProducts

    assert repr(Instar(0.25)) == "Instar(rate=0.25, gate=None, signal=None, decay=0.0)"
    assert repr(SumOfProducts(dw="y0*x1", x1=(16, 4))).startswith(
        "SumOfProducts(dw='y0*x1', dd=None, dt=None, x1=(16, 4), "
    )
    net = Network((Population("h", 2, LIF()),))
    assert replace(net, dt=2e-3).digest() != net.digest()
