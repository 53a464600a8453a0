"""Networks without same-step projections: the same spikes, late by what is reported."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Instar, Network, Population, Projection, simulate
from snmem.conformance.strategies import Case, cases
from snmem.errors import NetworkError
from snmem.nir_io import read_nir, write_nir
from snmem.plasticity import RewardSTDP, SumOfProducts
from snmem.retime import Retimed, retime, when_cleared


def check(network: Network, inputs: dict, steps: int) -> Retimed:
    """Every population spikes as before, ``late`` steps later, and not before that; weights learn the same."""
    found = retime(network)
    assert all(q.delays[0] >= 1 for q in found.network.projections)
    extra = max(found.late.values())
    before = simulate(network, inputs, steps, "reference")
    after = simulate(found.network, inputs, steps + extra, "reference")
    for p in network.populations:
        late = found.late[p.name]
        assert after.spikes[p.name].between(late, late + steps) == before.spikes[p.name]
        assert p.name in found.early or not len(after.spikes[p.name].between(0, late))
    return found


@settings(max_examples=80)
@given(case=st.one_of(cases("float", max_steps=30), cases("loihi", max_steps=30)))
def test_random_networks_keep_their_spikes(case: Case) -> None:
    with suppress(NetworkError):
        retime(case.network)
        check(case.network, case.inputs, case.steps)
        return
    reject()


def layers(delays: list[int], **neuron: float) -> Network:
    populations = [Input("in", 3), *(Population(f"p{i}", 3, LIF(theta=0.5, **neuron)) for i in range(len(delays)))]
    pairs = zip(populations, populations[1:], delays, strict=False)
    return Network(tuple(populations), tuple(Projection(a.name, b.name, np.eye(3), d) for a, b, d in pairs))


def spikes(network: Network) -> dict:
    return simulate(network, {"in": np.tile(np.eye(3), (3, 1))}, 9, "reference").spikes


def test_a_chain_is_late_by_its_depth() -> None:
    network = layers([0, 0, 2, 0])
    found = check(network, {"in": spikes(network)["in"]}, 9)
    assert found.late == {"in": 0, "p0": 1, "p1": 2, "p2": 1, "p3": 2}
    assert [q.delay for q in found.network.projections] == [1, 1, 1, 1]
    assert retime(found.network) == Retimed(found.network, dict.fromkeys(found.late, 0))


def test_rewards_of_a_series_are_as_late_as_what_they_reward() -> None:
    rule = RewardSTDP(0.1, 0.1, 0.9, 0.9, bounds=(0, 2), decay=0.9, series=((3, 0.5), (7, -0.25)))
    populations = Input("in", 3), *(Population(n, 3, LIF(theta=0.5)) for n in "ab")
    ways = Projection("in", "a", np.eye(3), 0), Projection("a", "b", np.ones((3, 3)), 1, rule)
    network = Network(populations, ways)
    x = np.tile(np.eye(3), (4, 1))
    found = check(network, {"in": x}, 12)
    assert found.network["a->b"].plasticity.series == ((4, 0.5), (8, -0.25))
    before = simulate(network, {"in": x}, 12, "reference").weights["a->b"].data
    after = simulate(found.network, {"in": x}, 13, "reference").weights["a->b"].data
    assert np.array_equal(before, after)
    assert (before != 1).any()


def test_a_rule_that_acts_in_every_second_step_is_refused_where_it_would_act_in_others() -> None:
    rule = SumOfProducts("2^-2*x1*y0-2^-3*u1*w", x1=(1, 2))
    populations = Input("in", 3), *(Population(n, 3, LIF(theta=0.5)) for n in "ab")
    ways = Projection("in", "a", np.eye(3), 0), Projection("a", "b", np.ones((3, 3)), 1, rule)
    with pytest.raises(NetworkError, match="'a->b' runs 1 steps late, and u1 of its rule acts once in 2 steps"):
        retime(Network(populations, ways))


def test_a_biased_population_starts_late_too() -> None:
    network = layers([0, 0], bias=0.1)
    found = check(network, {"in": spikes(network)["in"]}, 9)
    assert [p.clear_offset for p in found.network.neurons] == [1, 2]
    assert retime(network).network["p1"].clear_every > 10**9


def test_spikes_before_the_start_are_named_and_change_nothing() -> None:
    network = layers([0, 0, 0], bias=1.0)
    found = check(network, {"in": spikes(network)["in"]}, 9)
    assert found.early == ("p0", "p1", "p2")
    assert [p.clear_offset for p in found.network.neurons] == [0, 2, 3]  # p0 is at rest again by itself


def test_a_start_other_than_zero_must_stay() -> None:
    network = layers([0, 0], beta=0.5, bias=-0.25)
    assert retime(network, {"p0": -0.5, "p1": -0.5}).network["p1"].clear_every is None
    with pytest.raises(NetworkError, match=r"population 'p0'.*another v than 0.*reset value"):
        retime(network, {"p0": -1.0})


def test_impossible_networks_say_why() -> None:
    loop = Network(
        tuple(Population(n, 2, LIF()) for n in "ab"),
        (Projection("a", "b", np.eye(2), 0), Projection("b", "a", np.eye(2), 1)),
    )
    with pytest.raises(NetworkError, match=r"projection 'a->b' \(delay 0\).*'b->a' \(delay 1\)|'b->a'.*'a->b'"):
        retime(loop)
    with pytest.raises(NetworkError, match=r"population 'p0' runs 1 steps late but may spike.*'p0->p1' \(delay 1\)"):
        retime(layers([0, 1], bias=1.0))
    plastic = Network(
        (Input("in", 2), Population("a", 2, LIF()), Population("b", 2, LIF())),
        (Projection("in", "a", np.eye(2), 0), Projection("in", "b", np.eye(2), 1, Instar(0.5, gate="a"))),
    )
    with pytest.raises(NetworkError, match="learning of 'in->b' ties the input 'in'"):
        retime(plastic)
    clears = layers([0], bias=0.1)
    clears = Network(
        (clears["in"], Population("p0", 3, clears["p0"].neuron, clear_every=5, clear_offset=2)), clears.projections
    )
    with pytest.raises(NetworkError, match="clears do not fall on its start"):
        retime(clears)


def test_a_clear_that_happens_once_is_called_so(tmp_path: Path) -> None:
    """It is a timed clear whose next one no run reaches."""
    network = retime(layers([0], bias=0.1)).network
    assert when_cleared(network["p0"]) == "once, in step 1"
    notes = write_nir(network, tmp_path / "n.nir")
    assert any("u = v = 0 once, in step 1" in note for note in notes)
    assert not any(str(network["p0"].clear_every) in note for note in notes)
    assert read_nir(tmp_path / "n.nir") == network
    assert when_cleared(Population("p", 1, LIF(), clear_every=5)) == "every 5 steps"
