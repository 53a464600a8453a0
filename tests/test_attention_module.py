"""SpikingAttention: trained in snnTorch, exported to the same network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import quantize, simulate
from snmem.attention import CaseSequenceTask, SpikingAttention
from snmem.attention.network import GRID, between
from snmem.errors import InputError

TASK = CaseSequenceTask()


def tensors(sequences):
    tokens = torch.eye(TASK.tokens)
    return tokens[torch.tensor(sequences.context)], tokens[torch.tensor(sequences.query)][:, None]


@pytest.fixture(scope="module")
def trained():
    """Trained end to end by surrogate gradients on fresh batches of the Case Sequence Task."""
    # The loop of notebooks/05, which shows all of it and imports nothing from the tests.
    module = SpikingAttention(TASK.tokens, keys=32, values=2, hidden=6, seed=1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    rng = np.random.default_rng(1)
    for _ in range(400):
        batch = TASK.sample(64, rng)
        _, votes = module(*tensors(batch))
        loss = torch.nn.functional.cross_entropy(4 * votes[:, 0], torch.tensor(batch.upper.astype(int)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module


def answers(module, attention, items, queries, backend="event"):
    """Output spikes of the exported network in the shape of the module's."""
    network = quantize(attention.network).network if backend in ("loihi", "lava_fixed") else attention.network
    asked = [np.asarray(q) for q in queries.numpy()]
    inputs, steps = attention.inputs(list(items.numpy()), asked)
    run = simulate(network, inputs, steps, backend)
    sizes = [items.shape[1]] * len(items), [queries.shape[1]] * len(items)
    return attention.read(run.spikes["output"], *sizes).reshape(len(items), queries.shape[1], -1)


def test_training_end_to_end_solves_the_task_and_the_network_gives_the_same_answers(trained):
    everything = TASK.all()
    items, queries = tensors(everything)
    with torch.no_grad():
        spikes = trained(items, queries)[0].numpy().astype(bool)
    right = np.stack([~everything.upper, everything.upper], axis=1)
    assert (spikes[:, 0] == right).all(axis=1).mean() >= 0.99
    some = np.random.default_rng(0).choice(1536, 150, replace=False)
    for form, backend in (("plastic", "event"), ("cells", "event"), ("cells", "loihi")):
        found = answers(trained, trained.attention(form), items[some], queries[some], backend)
        assert np.array_equal(found, spikes[some])
    found = answers(trained, trained.attention(), items[some[:3]], queries[some[:3]], "lava_fixed")
    assert np.array_equal(found, spikes[some[:3]])


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(3, 5))
def test_untrained_modules_and_their_networks_agree_on_any_spikes(seed, k, items):
    module = SpikingAttention(lines=5, keys=8, values=3, hidden=items + k - 1, k=k, seed=seed)
    rng = np.random.default_rng(seed)
    x, z = (torch.tensor((rng.random((2, n, 5)) < 0.4).astype(np.float32)) for n in (items, 4))
    spikes = module(x, z)[0].detach().numpy().astype(bool)
    for form in ("plastic", "cells"):
        assert np.array_equal(answers(module, module.attention(form), x, z), spikes)
    assert np.array_equal(answers(module, module.attention(), x, z, "loihi"), spikes)


def test_gradients_reach_all_weights():
    module = SpikingAttention(TASK.tokens, keys=16, values=2, hidden=6)
    _, votes = module(*tensors(TASK.sample(32, 0)))
    (votes**2).sum().backward()
    for weights in (module.key_weights, module.query_weights, module.value_weights):
        assert weights.grad is not None
        assert weights.grad.abs().sum() > 0


@given(st.floats(-3, 3))
def test_thresholds_lie_between_weights_after_rounding_to_the_grid(threshold):
    n = between(threshold) * GRID
    assert n - np.floor(n) == 0.5
    assert np.round(n) == np.floor(n)
    assert abs(n - threshold * GRID) <= 1.5


@pytest.mark.parametrize(
    ("items", "queries", "message"),
    [
        ((2, 3, 4), (2, 1, 5), r"items: expected shape \(batch, n, 5\), got \(2, 3, 4\)"),
        ((2, 3, 5), (2, 5), r"queries: expected shape \(batch, n, 5\), got \(2, 5\)"),
        ((2, 3, 5), (1, 1, 5), "queries: a batch of 1 for 2 contexts"),
        ((2, 0, 5), (2, 1, 5), "context: is empty; give at least one item"),
        ((2, 3, 5), (2, 0, 5), "queries: there is none"),
        ((2, 1, 5), (2, 1, 5), "k = 2 winners, but the context holds 1 items; use k <= 1"),
        ((2, 4, 5), (2, 1, 5), "context: 4 items, but 3 fit; use more hidden units"),
    ],
)
def test_what_does_not_fit_gets_one_clear_error(items, queries, message):
    module = SpikingAttention(lines=5, keys=8, values=3, hidden=4, k=2)
    with pytest.raises(InputError, match=message):
        module(torch.zeros(items), torch.zeros(queries))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64])
def test_spikes_may_be_of_any_type_of_number(dtype):
    module = SpikingAttention(12, keys=8, values=3, hidden=5, seed=2)
    items, queries = ((torch.rand(2, n, 12, generator=torch.Generator().manual_seed(n)) < 0.4) for n in (4, 3))
    expected = module(items.float(), queries.float())
    found = module(items.to(dtype), queries.to(dtype))
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert expected[1].any()
    with pytest.raises(InputError, match="queries: must hold 0 and 1 only"):
        module(items.to(dtype), torch.full((2, 1, 12), 3).to(torch.int64))


def test_what_is_no_tensor_is_named():
    module = SpikingAttention(12, keys=8, values=3, hidden=5)
    with pytest.raises(InputError, match=r"items: expected a torch tensor, got ndarray; use torch\.as_tensor"):
        module(np.zeros((1, 2, 12)), torch.zeros(1, 1, 12))
    with pytest.raises(InputError, match="queries: must hold 0 and 1 only"):
        module(torch.zeros(1, 2, 12), torch.zeros(1, 1, 12, dtype=torch.complex64))


def test_other_errors():
    module = SpikingAttention(lines=5, keys=8, values=3, hidden=4)
    with pytest.raises(InputError, match="items: must hold 0 and 1 only"):
        module(torch.full((1, 2, 5), 0.5), torch.zeros(1, 1, 5))
    with pytest.raises(InputError, match=r"AttentionConfig\.k: 5 winners of 4 hidden units"):
        SpikingAttention(lines=5, keys=8, values=3, hidden=4, k=5)
    with pytest.raises(InputError, match=r"SpikingAttention\.lines: must be at least 1, got 0"):
        SpikingAttention(lines=0, keys=8, values=3, hidden=4)
