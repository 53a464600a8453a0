"""Memories of the brain, each as an algorithm and in spikes, and the recipes that set them beside what is known."""

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, quantize, simulate
from snmem.circuits.dendrites import dendrites
from snmem.circuits.kwta.base import Line
from snmem.circuits.kwta.exact import exact_kwta, exact_steps, exact_winners
from snmem.errors import InputError, NetworkError
from snmem.lava import LavaSession
from snmem.memory.systems.btsp import BTSPMemory
from snmem.memory.systems.cliques import CliqueMemory
from snmem.memory.systems.dendrites import DendriticMemory, false_match, missed
from snmem.memory.systems.sdm import SparseDistributedMemory
from snmem.memory.systems.sdm_theory import best_radii, circle, intersection, softmax_of
from snmem.memory.systems.sparsey import SparseyMemory
from snmem.plasticity import SelectiveClear, SelectiveSet
from snmem.protocols import reproduce
from snmem.protocols.levels import with_errors
from snmem.tasks.patterns import partial_cues, random_patterns


@pytest.fixture(scope="module", autouse=True)
def _lava():
    """One Lava process, started when the first network runs on it."""
    with LavaSession():
        yield


@pytest.mark.parametrize("name", ["sdm", "cliques", "btsp", "sparsey", "dendrites", "ca3-limits"])
def test_recipe_meets_what_is_known(name, tmp_path):
    found = reproduce(name, quick=True, out=tmp_path, report=lambda text: None)
    assert [r for r in found["rows"] if not r["ok"]] == []
    assert sorted(str(path) for path in tmp_path.iterdir()) == sorted(found["files"])
    assert all(any(runtime in r["name"] for r in found["rows"]) for runtime in ("loihi", "lava_fixed"))


def test_intersections_of_circles_are_those_counted_one_by_one():
    points = np.array(list(product((0, 1), repeat=7)))
    for radius, distance in product(range(5), range(8)):
        other = np.arange(7) < distance
        near = (points.sum(1) <= radius) & ((points != other).sum(1) <= radius)
        assert intersection(7, radius, distance) == near.sum()
    assert circle(7, 9) == 2**7
    with pytest.raises(InputError, match="larger radius"):
        softmax_of(64, 3, 20)
    assert best_radii(64, 2.0**40, 100).signal > best_radii(64, 2.0**64, 1024).signal


@pytest.mark.parametrize("design", [{"radius": 26}, {"radius": 36, "active": 20, "design": "sparse"}])
def test_sdm_stores_by_itself_what_the_algorithm_stores(design):
    """On the engine and the reference, counters at their limit included; forgetting takes it back."""
    rng = np.random.default_rng(0)
    memory, other = (SparseDistributedMemory(64, 60, seed=1, **design) for _ in range(2))
    patterns = rng.random((4, 64)).argsort(1) < memory.active
    memory.counters[:] = other.counters[:] = rng.integers(-127, 128, (60, 64))
    before = memory.counters.copy()
    memory.store(patterns)
    assert (memory.counters != before).any()
    inputs, steps = other.storing_inputs(patterns)
    for backend in ("event", "reference"):
        learned = other.learned(simulate(other.learning_network(), inputs, steps, backend))
        np.testing.assert_array_equal(learned, memory.counters)
    fresh = SparseDistributedMemory(64, 60, seed=1, **design)
    fresh.store(patterns)
    fresh.forget(patterns)
    assert not fresh.counters.any()


def test_sdm_reads_again_what_it_read():
    memory = SparseDistributedMemory(seed=3)
    patterns = np.random.default_rng(4).random((60, 256)) < 0.5
    memory.store(patterns)
    cues = with_errors(patterns, 40, np.random.default_rng(5))
    errors = [int((memory.recall(cues, n) != patterns).sum()) for n in (0, 1, 3)]
    assert errors[0] == 40 * 60 > 4 * errors[1] > 8 * errors[2]
    again = memory.recall(memory.recall(cues))
    np.testing.assert_array_equal(memory.recall(cues, 2), again)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"locations": 0}, "locations: must be a whole number in 1"),
        ({"locations": 1 << 20}, "268435456 counters, limit|256 x 1048576 counters, limit"),
        ({"radius": 256}, "makes every location active"),
        ({"design": "sparse", "radius": 256}, "makes every location active"),
        ({"design": "wet"}, '"dense" or "sparse"'),
        ({"passes": 1.5}, "passes"),
        ({"seed": -1}, "seed"),
    ],
)
def test_sdm_refuses(wrong, words):
    with pytest.raises(InputError, match=words):
        SparseDistributedMemory(**wrong)


def messages(count, clusters, units, seed):
    chosen = np.random.default_rng(seed).integers(units, size=(count, clusters))
    return (np.arange(units) == chosen[:, :, None]).reshape(count, -1)


def test_a_clique_comes_back_from_a_part_of_it_and_wrong_units_are_voted_out():
    memory, stored = CliqueMemory(96, 6), messages(10, 6, 16, 0)
    memory.store(stored)
    for cue in (np.arange(96) < 32, np.arange(96) >= 48):
        np.testing.assert_array_equal(memory.recall(stored & cue), stored)
    wrong = stored.copy()
    wrong[:, :16] = np.roll(stored[:, :16], 1, axis=1)
    np.testing.assert_array_equal(memory.recall(wrong), stored)
    np.testing.assert_array_equal(memory.recall(wrong | stored), stored)
    assert memory.recall(np.zeros(96, bool)).sum() >= 6  # nothing known: all that is linked at all


def test_cliques_store_by_themselves_what_the_algorithm_stores():
    """In Loihi's integers too, where rules that set are converted; what a rule of two gates does is refused there."""
    memory, stored = CliqueMemory(48, 4), messages(9, 4, 12, 1)
    network, (inputs, steps) = memory.learning_network(), memory.storing_inputs(stored)
    runs = [simulate(network, inputs, steps, backend) for backend in ("event", "reference")]
    runs.append(simulate(quantize(network).network, inputs, steps, "loihi"))
    memory.store(stored)
    for run in runs:
        np.testing.assert_array_equal(memory.learned(run), memory.links)
    with pytest.raises(NetworkError, match="SelectiveSet"):
        quantize(BTSPMemory(20, 10, 4, 0.5).learning_network())


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from((SelectiveSet, SelectiveClear)),
    st.sampled_from((2.0, 16.0, 128.0, 256.0)),
    st.integers(0, 2**32 - 1),
)
def test_rules_that_set_and_clear_learn_the_same_in_integers(kind, scale, seed):
    """Weights of 0 and 1, random spikes, whatever integer stands for 1."""
    rng = np.random.default_rng(seed)
    weights = sp.csr_array(np.ones((4, 5)))
    weights.data[:] = rng.random(20) < 0.5
    cells = Population("b", 4, LIF(alpha=0, beta=0, theta=3.5))
    rule = kind(gate="g")
    network = Network((Input("a", 5), Input("g", 4), cells), (Projection("a", "b", weights, plasticity=rule),))
    integer = quantize(network, {"b": scale}).network
    inputs = {name: rng.random((12, size)) < 0.3 for name, size in (("a", 5), ("g", 4))}
    runs = [simulate(network, inputs, 12), simulate(integer, inputs, 12, "loihi")]
    float_weights, whole = (run.weights["a->b"].toarray() for run in runs)
    np.testing.assert_array_equal(float_weights, whole / min(scale, 128))
    assert runs[0].spikes["b"] == runs[1].spikes["b"]
    with pytest.raises(NetworkError, match="rate 1"):
        quantize(replace(network, projections=(replace(network.projections[0], plasticity=kind(0.5, gate="g")),)))


def test_links_grow_from_noise_up_to_the_cap():
    memory, other, stored = CliqueMemory(128, 4), CliqueMemory(128, 4), messages(60, 4, 32, 2)
    memory.store(stored)
    exact = int(memory.links.sum())
    other.grow(stored, rounds=12, links=exact)
    assert other.links.sum() == exact
    assert (other.links & memory.links).sum() >= 0.99 * exact
    other.grow(stored, links=200)
    assert other.links.sum() == 200
    assert not other.links[:32, :32].any()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"clusters": 7}, "512 units do not make 7 clusters"),
        ({"clusters": 1}, "clusters of equal size"),
        ({"winners": "some"}, '"cluster" or "all"'),
        ({"visible": 1 << 20}, "1..16384"),
        ({"passes": 0}, "passes"),
    ],
)
def test_cliques_refuse(wrong, words):
    with pytest.raises(InputError, match=words):
        CliqueMemory(**wrong)


def test_messages_have_one_unit_in_each_cluster():
    memory, stored = CliqueMemory(48, 4), messages(2, 4, 12, 1)
    for wrong in (np.roll(stored, 6, axis=1)[:, ::-1] | stored, np.arange(48) < 4):
        with pytest.raises(InputError, match="row 0 has not one unit in each of 4 clusters"):
            memory.store(wrong)
    assert not memory.links.any()


def test_btsp_stores_by_itself_what_the_algorithm_stores():
    """Plateaus of further items follow from the seed and how many were stored; what is forgotten leaves no trace."""
    memory, other = (BTSPMemory(90, 70, 12, 0.3, seed=3) for _ in range(2))
    items = random_patterns(9, 90, 12, 0)
    for part in (items[:4], items[4:]):
        inputs, steps = other.storing_inputs(part)
        runs = [simulate(other.learning_network(), inputs, steps, backend) for backend in ("event", "reference")]
        memory.store(part)
        for run in runs:
            forward, back = other.learned(run)
            np.testing.assert_array_equal(forward, memory.forward)
            np.testing.assert_array_equal(back, memory.back)
        other.store(part)
    assert memory.trace(items[-1]).any()
    memory.forget(items[-1])
    assert not memory.trace(items[-1]).any()
    assert not memory.recall(items[-1]).any()


def test_btsp_synapses_are_where_connections_are_and_traces_survive_masks():
    memory = BTSPMemory(800, 900, 40, 0.02, seed=1)
    items = random_patterns(30, 800, 40, 1)
    memory.store(items)
    assert not (memory.forward & ~memory.connected).any()
    assert not (memory.back & ~memory.connected_back).any()
    assert memory.bits == memory.connected.sum() + memory.connected_back.sum()
    whole, masked = memory.trace(items), memory.trace(partial_cues(items, 0.7, 2))
    assert 5 < whole.sum(axis=1).mean() < 15
    assert (whole ^ masked).sum() <= 0.05 * whole.sum()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"hidden": 1 << 20}, "pairs, limit"),
        ({"plateau": 0.0}, "plateau: must lie in"),
        ({"connection": 1.5}, "connection: must lie in"),
        ({"active": 3000}, "active"),
        ({"threshold_count": 0}, "threshold_count"),
    ],
)
def test_btsp_refuses(wrong, words):
    with pytest.raises(InputError, match=words):
        BTSPMemory(**wrong)


@pytest.mark.parametrize("seed", [0, 1])
def test_sparsey_learns_by_itself_with_noise_that_falls_as_inputs_are_familiar(seed):
    """Inputs that come twice and new ones, in two parts: weights of both directions equal the algorithm's."""
    memory, other = (SparseyMemory(60, 6, 5, 8, "levels", seed) for _ in range(2))
    inputs = np.repeat(random_patterns(5, 60, 8, seed), 2, axis=0)
    for part in (inputs[:3], inputs[3:]):
        events, steps = other.storing_inputs(part)
        network = other.learning_network()
        runs = [simulate(network, events, steps, backend) for backend in ("event", "reference")]
        runs.append(simulate(quantize(network).network, events, steps, "loihi"))
        memory.store(part)
        for weights in (w for run in runs for w in other.learned(run)):
            np.testing.assert_array_equal(weights, memory.weights)
        other.store(part)
    again = memory.codes(inputs[:1], 77)
    np.testing.assert_array_equal(again, memory.codes(inputs[:1], 78))
    assert memory.familiarity(inputs).min() == 1.0


@pytest.mark.parametrize("noise", ["sigmoid", "levels"])
def test_similar_inputs_get_similar_codes(noise):
    memory, inputs = SparseyMemory(noise=noise, seed=2), random_patterns(9, 512, 51, 3)
    code = memory.codes(inputs[:1])[0]
    memory.store(inputs[0])
    like = inputs[1:5].copy()
    ones = np.flatnonzero(inputs[0])
    for row in like:  # 41 of 51 in common
        row[:] = False
        row[ones[:41]] = row[np.setdiff1d(np.arange(512), ones)[:10]] = True
    near, far = (memory.codes(x, 50)[:, code].sum(axis=1).mean() for x in (like, inputs[5:]))
    assert near > 2 * far
    assert code.sum() >= memory.modules


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"units": 1}, "units: must be a whole number in 2"),
        ({"modules": 1 << 20}, "weights, limit"),
        ({"noise": "white"}, '"sigmoid" or "levels"'),
        ({"seed": -1}, "seed"),
    ],
)
def test_sparsey_refuses(wrong, words):
    with pytest.raises(InputError, match=words):
        SparseyMemory(**wrong)
    with pytest.raises(InputError, match="no form in spikes"):
        SparseyMemory().learning_network()


def test_dendrites_store_by_themselves_what_the_algorithm_stores():
    """Until segments are used again, in two parts."""
    memory, other = (DendriticMemory(70, 9, 2, 10, 4, seed=1) for _ in range(2))
    patterns = random_patterns(9, 70, 10, 0)
    for part in (patterns[:4], patterns[4:]):
        inputs, steps = other.storing_inputs(part)
        runs = [simulate(other.learning_network(), inputs, steps, backend) for backend in ("event", "reference")]
        memory.store(part)
        for run in runs:
            synapses, back = other.learned(run)
            np.testing.assert_array_equal(synapses, memory.synapses)
            np.testing.assert_array_equal(back, memory.back)
        other.store(part)
    assert memory.used.max() > 2
    assert not (memory.synapses & ~memory.possible).any()


def test_false_matches_are_those_counted_one_by_one():
    own = set(range(5))
    for active, theta in product((3, 6), (0, 1, 2, 4, 5)):
        patterns = list(combinations(range(9), active))
        matches = sum(len(own & set(p)) >= theta for p in patterns)
        assert false_match(9, active, 5, theta) == pytest.approx(matches / len(patterns), abs=1e-15)
    assert missed(5, 3, 0.0) == 0
    assert missed(5, 6, 0.2) == pytest.approx(1.0)
    assert missed(2, 2, 0.5) == pytest.approx(0.75)


def test_segments_bias_cells_of_the_caller():
    """A bias of 1/2 lets a drive of 1/2 pass a threshold of 3/4 where a segment is active, two steps before."""
    part = dendrites("cells", "x", np.eye(3, 4), [0, 1, 1], 1, bias=0.5)
    cells = Population("cells", 2, LIF(alpha=0, beta=0, theta=0.4))
    network = Network((Input("x", 4), *part.populations, cells), part.projections)
    spikes = simulate(network, {"x": np.array([[0, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1]])}, 5).spikes["cells"]
    assert list(zip(spikes.step.tolist(), spikes.neuron.tolist(), strict=True)) == [(2, 1), (3, 0), (3, 1)]
    for wrong in ({"cell": [0, 1]}, {"cell": [0, -1, 1]}, {"cell": [0.5, 1, 1]}, {"theta": 0}):
        arguments: Any = {"cell": [0, 1, 1], "theta": 1} | wrong
        with pytest.raises(InputError, match=r"cell must name|theta must be"):
            dendrites("cells", "x", np.eye(3, 4), **arguments)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 7), st.integers(1, 9), st.data())
def test_exact_winners_are_those_of_the_circuit(groups, units, most, data):
    """All that tie with the k-th, nobody with a drive below 1; several presentations in a row."""
    k = data.draw(st.integers(1, units))
    drives = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(-2, most), min_size=groups * units, max_size=groups * units),
                min_size=2,
                max_size=3,
            )
        )
    )
    latency = exact_steps(most)
    circuit = exact_kwta("u", groups * units, k, Line("x", len(drives) + 1, 0), most, latency + 1, latency, groups)
    weights = np.hstack([np.zeros((groups * units, 1)), drives.T])
    drive = Projection("x", "u", weights, name="drive")
    network = Network((Input("x", len(drives) + 1), *circuit.populations), (drive, *circuit.projections))
    starts = np.arange(len(drives)) * (latency + 1)
    events = (np.repeat(starts, 2), np.array([(0, n + 1) for n in range(len(drives))]).ravel())
    spikes = simulate(network, {"x": events}, len(drives) * (latency + 1)).spikes[circuit.winners]
    wanted = exact_winners(drives.reshape(len(drives), groups, units), k).reshape(len(drives), -1)
    row, unit = np.nonzero(wanted)
    assert spikes.step.tolist() == (row * (latency + 1) + latency).tolist()
    assert spikes.neuron.tolist() == unit.tolist()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"winners": 600}, "winners"),
        ({"segments": 1 << 20}, "pairs, limit"),
        ({"potential": 0}, "potential: must lie in"),
        ({"theta": 0}, "theta"),
        ({"seed": 0.5}, "seed"),
    ],
)
def test_dendrites_refuse(wrong, words):
    with pytest.raises(InputError, match=words):
        DendriticMemory(**wrong)
