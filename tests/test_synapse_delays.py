"""Delays of single synapses: what they say, how they are kept, and that every runtime gives the same spikes."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Instar, Network, Population, Projection, quantize, simulate
from snmem.backends.snntorch import to_torch
from snmem.c_target.compile import compile as compile_to_c
from snmem.cost import bill
from snmem.errors import BackendError, NetworkError
from snmem.lowering import delay_parts, join_delays, split_delays
from snmem.nir_io import read_nir, write_nir
from snmem.retime import retime
from snmem.stimuli import poisson

W = np.array([[0.5, 0.0, 1.0], [0.25, 2.0, 0.0]])
D = np.array([[3, 9, 1], [1, 2, 9]])


def projection(delay: Any = D, weights: Any = W, **options: Any) -> Projection:
    return Projection("in", "out", weights, delay, **options)


def network(rng, pre=40, post=60, longest=9, density=0.3, name="a", kind=np.float64, scale=1.0):
    weights = rng.normal(0.1, 0.3, (post, pre)) * (rng.random((post, pre)) < density) * scale
    back = rng.normal(-0.02, 0.2, (post, post)) * (rng.random((post, post)) < density) * scale
    return Network(
        (Input("in", pre), Population(name, post, LIF(alpha=0.5, beta=0.75))),
        (
            Projection("in", name, weights.astype(kind), rng.integers(0, longest + 1, (post, pre)), name="feed"),
            Projection(name, name, back.astype(kind), rng.integers(1, longest + 1, (post, post)), name="back"),
        ),
    )


def same(a, b):
    return all(a.spikes[n].differing(b.spikes[n])[0] == 0 for n in a.spikes)


def test_a_spike_arrives_at_each_target_after_its_own_delay():
    """One spike in step 2; every synapse alone brings its target over threshold."""
    net = Network(
        (Input("in", 1), Population("out", 4, LIF(theta=0.5))),
        (Projection("in", "out", np.ones((4, 1)), [0, 1, 7, 3000]),),
    )
    for backend in ("reference", "event"):
        spikes = simulate(net, {"in": ([2], [0])}, 3010, backend).spikes["out"]
        assert sorted(zip(spikes.neuron.tolist(), spikes.step.tolist(), strict=True)) == [
            (0, 2),
            (1, 3),
            (2, 9),
            (3, 3002),
        ]


def test_matrix_vector_and_sparse_delays_are_one_projection():
    there = W != 0
    forms = [
        D,
        D.astype(float),
        D.tolist(),
        D[there],
        sp.csr_array(np.where(there, D, 0)),
        sp.csc_array(np.where(there, D, 0)),
    ]
    assert all(projection(form) == projection() for form in forms)
    coo = sp.coo_array(W)
    order = np.random.default_rng(0).permutation(coo.nnz)
    shuffled = sp.coo_array((coo.data[order], (coo.row[order], coo.col[order])), shape=W.shape)
    assert projection(D[coo.row, coo.col][order], shuffled) == projection()
    assert projection(sp.coo_array(np.where(there, D, 0)), shuffled) == projection()


def test_delays_are_kept_small_locked_and_part_of_identity():
    q = projection()
    assert q.delay.dtype == np.uint8
    assert projection(D * 200).delay.dtype == np.uint16
    assert q.delays == (1, 2, 3)
    assert not q.delay.flags.writeable
    with pytest.raises(ValueError, match=r"WRITEABLE|read-only"):
        q.delay.setflags(write=True)
    again = pickle.loads(pickle.dumps(q))
    assert again == q
    assert not again.delay.flags.writeable
    assert q != projection(D + 1)
    assert projection(np.where(D > 0, 4, 0)) == projection(4)
    assert "delay" in repr(q)
    nets = [Network((Input("in", 3), Population("out", 2, LIF())), (projection(d),)) for d in (D, D.tolist(), D + 1)]
    assert nets[0].digest() == nets[1].digest() != nets[2].digest()
    assert nets[0].max_delay == 3


def test_synapses_of_two_neurons_stay_apart_unless_they_share_the_delay():
    weights = sp.coo_array(([1.0, 2.0, 4.0, 8.0], ([0, 0, 0, 1], [1, 1, 1, 0])), shape=(2, 3))
    q = projection([3, 2, 3, 1], weights)
    assert q.weights.data.tolist() == [2, 5, 8]
    assert q.delay.tolist() == [2, 3, 1]
    assert q.synapses == 3
    assert replace(q, delay=2).weights.data.tolist() == [7, 8]
    assert pickle.loads(pickle.dumps(q)) == q
    assert q.weights.astype(np.float32).nnz == abs(q.weights).nnz == 3
    net = Network((Input("in", 3), Population("out", 2, LIF(theta=0.1, reset="subtract"))), (q,))
    spikes = {name: simulate(net, {"in": ([0], [1])}, 6, name, record=["out.v"]) for name in ("reference", "event")}
    assert same(spikes["reference"], spikes["event"])
    assert np.flatnonzero(spikes["event"].traces["out.v"][:, 0])[0] == 2


@pytest.mark.parametrize(
    ("delay", "says"),
    [
        (-1, "whole number in 0..2147483647, got -1"),
        (1.5, "whole number"),
        (D - 2, "in 0..2147483647, got -1"),
        (D + 0.5, "whole steps, got 3.5"),
        (np.where(D == 1, np.nan, D), "whole steps, got nan"),
        (D[:1], r"shape \(1, 3\); give a matrix \(2, 3\)"),
        ([1, 2, 3], "for each of the 4 synapses"),
        (sp.csr_array(np.eye(2, 3)), "another pattern than the weights"),
        (sp.csr_array(np.where(W == 0, 1, D) * (np.arange(3) != 1)), "another pattern than the weights"),
        (D == 1, "whole number or one for each synapse"),
        ("late", "whole number"),
        (D * 10**9, "in 0..2147483647"),
    ],
)
def test_wrong_delays_are_one_clear_line(delay, says):
    with pytest.raises(NetworkError, match=says) as error:
        projection(delay)
    assert str(error.value).startswith("projection 'in->out'")
    assert "\n" not in str(error.value)


def test_cycles_rules_and_other_weights_look_at_every_delay():
    loop = (Population("a", 2, LIF()),)
    with pytest.raises(NetworkError, match="cycle without delay"):
        Network(loop, (Projection("a", "a", np.ones((2, 2)), [[1, 0], [1, 1]]),))
    with pytest.raises(NetworkError, match="needs one delay of 1 step or more, got 2 different ones"):
        Network(loop, (Projection("a", "a", np.ones((2, 2)), [[1, 2], [1, 1]], Instar(0.5)),))
    net = Network(loop, (Projection("a", "a", np.ones((2, 2)), [[1, 2], [1, 1]], name="q"),))
    assert net.with_weights({"q": 2 * net["q"].weights})["q"].delays == (1, 2)
    with pytest.raises(NetworkError, match="another pattern"):
        net.with_weights({"q": np.eye(2)})


def test_the_engine_names_what_its_ring_cannot_hold():
    net = Network((Input("in", 3), Population("out", 2, LIF())), (projection(D * 2**28),))
    with pytest.raises(BackendError, match="'in->out' has a delay of 805,306,368 steps"):
        simulate(net, {"in": ([0], [0])}, 5)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float64, np.int8]),
    st.sampled_from([2, 9, 300]),
)
def test_the_engine_gives_the_reference_in_pieces_too(seed, kind, longest):
    net = network(np.random.default_rng(seed), longest=longest, kind=kind, scale=1 if np.dtype(kind).kind == "f" else 3)
    inputs = poisson(net, 60, seed, 0.1)
    whole = simulate(net, inputs, 60, "reference", record=["a.v"])
    assert same(whole, simulate(net, inputs, 60))
    at = 1 + seed % 59
    first = simulate(net, {"in": inputs["in"].between(0, at)}, at)
    rest = simulate(net, {"in": inputs["in"].between(at, 60)}, 60 - at, state=first.state, record=["a.v"])
    assert np.array_equal(rest.traces["a.v"], whole.traces["a.v"][at:])


def test_threads_and_ranges_of_targets_change_no_bit():
    rng = np.random.default_rng(3)
    net = network(rng, pre=300, post=1500, longest=40, density=0.05)
    inputs = poisson(net, 80, 1, 0.02)
    one, two = (simulate(net, inputs, 80, threads=n) for n in (1, 2))
    assert len(one.spikes["a"]) > 1000
    assert same(one, two)
    assert same(one, simulate(net, inputs, 80, "reference"))


@pytest.mark.parametrize("backend", ["brian2", "snntorch", "lava_float"])
def test_other_runtimes_give_the_same_spikes(backend):
    net = network(np.random.default_rng(5), pre=12, post=15)
    if backend == "lava_float":
        net = retime(net).network
    inputs = poisson(net, 40, 2, 0.3)
    found = simulate(net, inputs, 40, backend)
    expected = simulate(net, inputs, 40, "reference")
    assert len(expected.spikes["a"]) > 20
    assert same(found, expected)
    assert found.is_of(net)
    assert found.counters.synaptic_events == expected.counters.synaptic_events


def test_integers_and_lava_round_each_delay_alike():
    net = quantize(retime(network(np.random.default_rng(6), pre=12, post=15)).network).network
    assert any(len(q.delays) > 1 for q in net.projections)
    inputs = poisson(net, 40, 2, 0.3)
    runs = {name: simulate(net, inputs, 40, name) for name in ("reference", "loihi", "lava_fixed")}
    assert len(runs["loihi"].spikes["a"]) > 20
    assert same(runs["reference"], runs["loihi"])
    assert same(runs["reference"], runs["lava_fixed"])


def test_the_c_program_gives_the_integers(tmp_path):
    net = network(np.random.default_rng(7), pre=12, post=15)
    report = compile_to_c(net, tmp_path / "out", steps=40, rate=0.3)
    assert report.report["agreement"]["ok"]


def test_nir_keeps_them_and_other_readers_see_delay_nodes(tmp_path):
    net = network(np.random.default_rng(8), pre=12, post=15)
    write_nir(net, tmp_path / "x.nir")
    assert read_nir(tmp_path / "x.nir") == net
    plain = read_nir(tmp_path / "x.nir", metadata=False, dt=net.dt)
    inputs = poisson(net, 40, 2, 0.3)
    assert {q.delay for q in plain.projections} >= set(range(10))
    assert same(simulate(net, inputs, 40), simulate(plain, inputs, 40))


def test_split_and_join_are_inverse():
    net = network(np.random.default_rng(9))
    parts = delay_parts(net)
    assert split_delays(net) is split_delays(net)
    assert [part.name for group in parts.values() for part in group] == [q.name for q in split_delays(net).projections]
    assert all(join_delays(group, name) == net[name] for name, group in parts.items())
    assert to_torch(net).to_network()["feed"].delays == net["feed"].delays


def test_retime_moves_every_delay():
    net = network(np.random.default_rng(10), pre=12, post=15)
    moved = retime(net)
    assert all(q.delays[0] >= 1 for q in moved.network.projections)
    inputs = poisson(net, 40, 2, 0.3)
    late = moved.late["a"]
    run = simulate(moved.network, inputs, 40 + late)
    assert run.spikes["a"].between(late, 40 + late).differing(simulate(net, inputs, 40).spikes["a"])[0] == 0


def test_the_bill_counts_updated_neurons_when_the_spikes_arrive():
    net = network(np.random.default_rng(11), pre=12, post=15)
    inputs = poisson(net, 60, 2, 0.05)
    run = simulate(net, inputs, 60, "reference", counters=True, record=["a.u", "a.v"])
    counts = bill(net, run, "loihi1-nahuku").counters
    assert counts["synaptic_events"] == sum(run.counters.synaptic_events.values())
    placed = simulate(net, inputs, 60, counters=True)
    assert placed.counters.updated == run.counters.updated
