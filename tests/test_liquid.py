"""A liquid whose plasticity an astrocyte balances: the rule, the branching factors, the recipe."""

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.errors import InputError, NetworkError
from snmem.learning.liquid import GRID, MEMBRANE, THETA, AstrocyteSTDP, Liquid, branching, on_grid


def test_depression_follows_the_astrocyte():
    """Two neurons driven one after the other, either way round, written out by hand."""
    rule = AstrocyteSTDP(inputs="x", a_plus=0.5, gain=0.25, base=0.125, tau=4, decay=0.5, bounds=(0, 8))
    cells = Population("c", 2, LIF(alpha=0, beta=0, theta=0.5))
    weights = sp.csr_array(np.array([[0, 0.25], [0.25, 0]]))
    net = Network((Input("x", 2), cells), (Projection("x", "c", np.eye(2)), Projection("c", "c", weights, 1, rule)))
    # c0 spikes in step 1, c1 in step 2: the synapse c0 -> c1 grows by 1/2 of the trace, c1 -> c0 falls by A of it
    run = simulate(net, {"x": ([0, 1], [0, 1])}, 3, "reference")
    level = 0.125
    for liquid, given in ((0, 1), (1, 1), (1, 0)):
        fell, level = level * 0.5, level + (0.25 * (liquid - given) + 0.125 - level) / 4
    grown = np.array([[0, 0.25 - fell], [0.25 + 0.5 * 0.5, 0]])
    assert np.allclose(run.weights["c->c"].toarray(), grown, atol=0, rtol=1e-15)


def test_wiring_is_local_and_signed():
    liquid = Liquid(side=6, lines=10, seed=2)
    mine, inhibitory, drive = liquid.wiring
    assert liquid.excitatory.sum() == round(0.8 * 216)
    assert (mine.data > 0).all()
    assert (inhibitory.data < 0).all()
    assert not mine.toarray()[:, ~liquid.excitatory].any()
    assert not drive.toarray()[~liquid.excitatory].any()
    place = np.indices((6, 6, 6)).reshape(3, -1)
    far = [np.linalg.norm(place[:, i] - place[:, j]) for i, j in zip(*mine.nonzero(), strict=True)]
    assert np.mean(far) < 3
    assert np.array_equal(Liquid(side=6, lines=10, seed=2).wiring[0].toarray(), mine.toarray())
    assert (on_grid(mine * 0.333).data * GRID % 1 == 0).all()


def test_descendants_of_a_spike_are_those_it_adds():
    """A chain in which a spike of the first neuron makes the second spike, and nothing else does."""
    liquid = Liquid(side=2, lines=1)
    chain = sp.csr_array(([THETA + 1.0], ([1], [0])), shape=(8, 8))
    net = Network(
        (Input("input", 1), Population("liquid", 8, LIF(alpha=0, beta=MEMBRANE, theta=THETA, refractory=2))),
        (
            Projection("input", "liquid", sp.csr_array(([THETA + 1.0], ([0], [0])), shape=(8, 1))),
            Projection("liquid", "liquid", chain),
        ),
    )
    run = simulate(net, {"input": (np.arange(5, 200, 10), np.zeros(20, int))}, 400)
    found = branching(net, run)
    assert found.descendants == pytest.approx(0.5)  # one of the first neuron's spikes, none of the second's
    assert found.ratio == 1.0
    assert liquid.size == 8


def test_what_is_refused():
    with pytest.raises(InputError, match=r"Liquid\.side: must be a whole number in 1\.\.30, got 0"):
        Liquid(side=0)
    with pytest.raises(NetworkError, match=r"AstrocyteSTDP: tau 0\.5 must be 1 or more"):
        AstrocyteSTDP(tau=0.5)
