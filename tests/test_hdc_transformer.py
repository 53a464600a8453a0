"""The HD-Transformer: both memories, on vectors and in spikes, untrained and trained."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import quantize, read_nir, simulate, write_nir
from snmem.errors import InputError
from snmem.hdc import BlockCodes
from snmem.hdc.context import FastWeights, Superposition
from snmem.hdc.spiking import SpikingHDTransformer, silenced
from snmem.hdc.training import Batch, train
from snmem.hdc.transformer import MEMORIES, HDTransformer
from snmem.lava import LavaSession
from snmem.tasks.case_sequence import CaseSequenceTask
from snmem.tasks.mqar import RecallTask

CODES = BlockCodes(24, 12)


def _model(memory, order=1, tokens=20, codes=CODES, slots=6):
    return HDTransformer.random(codes, tokens, 1, memory=memory, slots=slots, order=order)


def _contexts(rng, order=1, tokens=20, count=3):
    contexts, queries = [], []
    for c in range(count):
        keys = np.stack([rng.permutation(tokens)[: 6 - c] for _ in range(order)], 1)
        contexts.append((keys, rng.integers(0, tokens, 6 - c)))
        queries.append(keys[rng.permutation(6 - c)[:4]])
    return contexts, queries


@settings(max_examples=20)
@given(st.sampled_from(MEMORIES), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_pairs_are_recalled_by_both_memories(memory, order, seed):
    model, rng = _model(memory, order, codes=BlockCodes(100, 100), slots=5), np.random.default_rng(seed)
    keys = np.stack([rng.permutation(20)[:5] for _ in range(order)], 1)
    values = rng.integers(0, 20, 5)
    assert np.array_equal(model.answer(keys, values, keys), values)


def test_order_matters():
    model = _model("superposition", 2)
    ab, ba = model.compose([[3, 4], [4, 3]], model.keys)
    assert model.codes.similarity(ab, ba) < 0.4
    assert model.codes.similarity(ab, model.compose([[3, 4]], model.queries)[0]) == 1


def test_a_superposition_grows_pair_by_pair_and_forgets():
    a, b = Superposition(CODES), Superposition(CODES)
    keys, values = CODES.random(5, 0), CODES.random(5, 1)
    a.write(keys, values)
    for key, value in zip(keys, values, strict=True):
        b.write(key, value)
    assert np.array_equal(a.trace, b.trace)
    assert np.array_equal(a.trace, CODES.bundle(CODES.bind(keys, values)))
    a.clear()
    assert (a.trace == -1).all()


def test_fast_weights_overwrite_a_known_key_and_attend_to_one_slot():
    memory = FastWeights(CODES, 8)
    keys, values = CODES.random(4, 0), CODES.random(5, 1)
    memory.write(keys, values[:4])
    memory.write(keys[2], values[4])
    assert np.array_equal(memory.read(keys), values[[0, 1, 4, 3]])
    weights = memory.weights(keys)
    assert np.array_equal((weights > 0).sum(1), np.ones(4))
    assert weights.shape == (4, 8)


def test_predictions_of_fast_weights_are_those_of_a_dictionary():
    rng = np.random.default_rng(3)
    sequence = rng.integers(0, 4, 60)
    model = HDTransformer.random(BlockCodes(100, 100), 4, 0, memory="fast_weights", slots=60, order=2)
    predicted, known = model.predict(sequence), {}
    assert (predicted[:3] == -1).all()
    for i in range(2, 60):
        pair = tuple(sequence[i - 2 : i])
        if pair in known:
            assert predicted[i] == known[pair]
        known[pair] = sequence[i]


def test_mqar_needs_width_in_a_superposition_and_slots_in_fast_weights():
    task = RecallTask(16, 64, 512).sample(2, 0)
    shares = {}
    for name, codes, options in (
        ("narrow", BlockCodes(100, 100), {"memory": "superposition"}),
        ("wide", BlockCodes(400, 100), {"memory": "superposition"}),
        ("fast weights", BlockCodes(100, 100), {"memory": "fast_weights", "slots": 16}),
    ):
        model = HDTransformer.random(codes, 512, 0, **options)
        answers = [model.answer(k, v, k) for k, v in zip(task.keys, task.values, strict=True)]
        shares[name] = np.mean(np.array(answers) == task.values)
    assert shares["wide"] == shares["fast weights"] == 1
    assert shares["narrow"] > 0.8


@pytest.fixture(scope="module", autouse=True)
def _lava():
    """One Lava process, started when the first network runs on it."""
    with LavaSession():
        yield


@pytest.mark.parametrize(
    ("memory", "form", "backend", "order"),
    [
        ("superposition", "", "event", 1),
        ("superposition", "", "event", 2),
        ("superposition", "", "loihi", 2),
        ("superposition", "", "lava_fixed", 2),
        ("fast_weights", "plastic", "event", 2),
        ("fast_weights", "cells", "event", 1),
        ("fast_weights", "cells", "loihi", 1),
        ("fast_weights", "cells", "lava_fixed", 1),
    ],
)
def test_spikes_answer_as_the_algorithm(memory, form, backend, order):
    codes = BlockCodes(12, 6) if form == "cells" or backend == "lava_fixed" else CODES
    model = _model(memory, order, codes=codes)
    network = SpikingHDTransformer(model, 6, 4, most=6, form=form or "plastic")
    contexts, queries = _contexts(np.random.default_rng(0), order)
    expected = np.concatenate([model.answer(*c, q) for c, q in zip(contexts, queries, strict=True)])
    answers, run = network.run(contexts, queries, backend)
    assert np.array_equal(answers, expected)
    if memory == "superposition":
        memories = [Superposition(codes) for _ in contexts]
        for m, (keys, values) in zip(memories, contexts, strict=True):
            model.write(m, keys, values)
        traces = np.concatenate([np.repeat(m.trace[None], len(q), 0) for m, q in zip(memories, queries, strict=True)])
        spikes = run.spikes["trace"]
        assert len(np.unique(spikes.step)) == len(traces)
        assert np.array_equal(spikes.neuron.reshape(len(traces), -1), traces + np.arange(codes.blocks) * codes.units)


@pytest.mark.parametrize("backend", ["event", "loihi"])
def test_values_that_are_no_items_are_cleaned_up_to_the_nearest(backend):
    start = _model("fast_weights", codes=BlockCodes(12, 6))
    model = replace(start, values=start.codes.damage(start.values, 0.5, 3))
    contexts, queries = _contexts(np.random.default_rng(0))
    expected = np.concatenate([model.answer(*c, q) for c, q in zip(contexts, queries, strict=True)])
    answers, _ = SpikingHDTransformer(model, 6, 4, form="cells").run(contexts, queries, backend)
    assert np.array_equal(answers, expected)


def test_a_lesion_of_the_network_is_that_of_the_algorithm():
    model = _model("superposition", codes=BlockCodes(60, 20))
    network = SpikingHDTransformer(model, 6, 6, most=6)
    contexts, queries = _contexts(np.random.default_rng(1))
    dead = np.random.default_rng(2).random(1200) < 0.5
    inputs, steps = network.inputs(contexts, queries)
    run = simulate(silenced(network.network, "trace", dead), inputs, steps)
    answers = network.read(run, contexts, queries)
    expected = []
    for (keys, values), asked in zip(contexts, queries, strict=True):
        memory = Superposition(model.codes)
        model.write(memory, keys, values)
        read = model.codes.unbind(model.codes.silence(memory.trace, dead), model.compose(asked, model.queries))
        expected.append(model.codes.cleanup(read, model.items))
    assert np.array_equal(answers, np.concatenate(expected))
    with pytest.raises(InputError, match=r"silenced: dead has shape \(3,\), expected \(1200,\)"):
        silenced(network.network, "trace", np.zeros(3, bool))


def test_the_network_survives_nir(tmp_path):
    network = SpikingHDTransformer(_model("superposition", codes=BlockCodes(6, 4)), 3, 3, most=4).network
    write_nir(network, tmp_path / "hd.nir")
    assert read_nir(tmp_path / "hd.nir") == network
    assert not any(quantize(network).clipped.values())


@pytest.mark.parametrize("memory", MEMORIES)
def test_trained_codes_solve_the_case_sequence_task(memory):
    task, codes, rng = CaseSequenceTask(), BlockCodes(24, 16), np.random.default_rng(0)
    table, values, items = codes.random(task.tokens, rng), codes.random(task.tokens, rng), codes.random(2, rng)
    start = HDTransformer(codes, table, table, values, items, memory=memory, slots=4)

    def sample(rng):
        s = task.sample(64, rng)
        return Batch(s.context, s.context, s.query[:, None], s.upper[:, None].astype(int))

    asked = task.sample(200, 1)

    def right(model):
        answers = [model.answer(c, c, q[None])[0] for c, q in zip(asked.context, asked.query, strict=True)]
        return np.mean(answers == asked.upper)

    assert right(start) < 0.7
    assert right(train(start, sample, 200)) > 0.9


def _spiking(**options):
    return SpikingHDTransformer(_model("superposition"), 6, 4, **options)


WRONG = {
    r"HDTransformer\.memory: unknown 'slots'; use one of superposition, fast_weights": lambda: _model("slots"),
    r"HDTransformer\.order: must be at least 1, got 0": lambda: _model("superposition", 0),
    r"HDTransformer\.keys: codes of 24 blocks, expected 5": lambda: HDTransformer(
        BlockCodes(5, 12), *[CODES.random(2)] * 4
    ),
    r"HDTransformer: a key is 2 tokens, \(n, 2\), got shape \(3,\)": lambda: _model("superposition", 2).answer(
        [1, 2, 3], [1, 2, 3], [1]
    ),
    r"HDTransformer: token 20 is outside 0\.\.19": lambda: _model("superposition").answer([20], [1], [1]),
    r"context: 2 keys but 1 values": lambda: Superposition(CODES).write(CODES.random(2), CODES.random(1)),
    r"query: no item was written yet": lambda: FastWeights(CODES, 4).read(CODES.random(1)),
    r"context 0: 7 pairs; the network takes 1 to 6 in a context": lambda: _spiking().inputs(
        [(np.arange(7), np.arange(7))], [[1]]
    ),
    r"context 0: a unit gets 3 votes, the network counts to most = 2; raise most": lambda: _spiking(most=2).inputs(
        [([1, 1, 1], [2, 2, 2])], [[1]]
    ),
    r"inputs: 1 contexts but queries for 0": lambda: _spiking().inputs([([1], [1])], []),
    r"train: trains keys of one token, the model has order 2": lambda: train(
        _model("superposition", 2), lambda rng: None
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_gets_one_clear_error(message):
    with pytest.raises(InputError, match=message):
        WRONG[message]()
