"""SpikingAttention and its softmax twin as torch modules: heads, masks, copies, compilers, devices, and learning."""

import copy
import io
import re

import numpy as np
import pytest
import torch

from snmem.attention import SoftmaxAttention, SpikingAttention
from snmem.backends.snntorch import to_torch
from snmem.errors import InputError
from snmem.installation.content import load_script
from snmem.tasks.one_shot import OneShotDigits

MAKERS = {
    "spiking": lambda **kw: SpikingAttention(12, keys=16, values=3, hidden=8, **kw),
    "softmax": lambda **kw: SoftmaxAttention(12, keys=16, values=3, **kw),
}


def spikes(*shape, seed=0):
    return (torch.rand(*shape, 12, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


ITEMS, QUERIES = spikes(3, 5, seed=1), spikes(3, 4, seed=2)


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def test_weights_start_so_that_currents_spread_alike_whatever_the_activity():
    for active in (1, 8, 200):
        module = SpikingAttention(400, keys=64, values=3, hidden=8)
        items = torch.zeros(1, 8, 400)
        items[..., :active] = 1
        module(items, items)
        currents = items[0, 0] @ module.key_weights.T
        assert 0.3 < currents.std() < 0.6
    told = SpikingAttention(400, keys=64, values=3, hidden=8, active=200)
    torch.testing.assert_close(told.key_weights, module.key_weights)
    silent = SpikingAttention(12, keys=16, values=3, hidden=8)
    before = silent.key_weights.clone()
    silent(torch.zeros(1, 2, 12), torch.zeros(1, 1, 12))
    assert torch.equal(silent.key_weights, before)
    silent(ITEMS, QUERIES)  # the first batch with activity sets the scale, once
    scaled = silent.key_weights.clone()
    silent(ITEMS[:, :1], QUERIES)
    assert not torch.equal(scaled, before)
    assert torch.equal(silent.key_weights, scaled)


def test_each_head_is_a_module_of_its_own(make):
    two = make(heads=2)
    _, votes = two(ITEMS, QUERIES)
    assert votes.shape == (3, 4, 6)
    one = make()
    one(ITEMS, QUERIES)
    for head in (0, 1):
        with torch.no_grad():
            for name in ("key_weights", "query_weights", "value_weights"):
                getattr(one, name).copy_(getattr(two, name).unflatten(0, (2, -1))[head])
        torch.testing.assert_close(one(ITEMS, QUERIES)[1], votes[..., 3 * head : 3 * head + 3])


def test_a_head_is_exported_by_its_number():
    module = SpikingAttention(12, keys=16, values=3, hidden=8, heads=2)
    expected = module(ITEMS, QUERIES)[0].detach().numpy()
    for head in (0, 1):
        attention = module.attention("plastic", head=head)
        run = attention.present(list(ITEMS.numpy()), list(QUERIES.numpy()))
        found = attention.read(run.spikes["output"], [5] * 3, [4] * 3).reshape(3, 4, 3)
        assert np.array_equal(found, expected[..., 3 * head : 3 * head + 3])
    with pytest.raises(InputError, match="head 2 of 2"):
        module.attention(head=2)


def test_masks_leave_out_items(make):
    module = make(heads=2)
    votes = module(ITEMS, QUERIES)[1]
    torch.testing.assert_close(module(ITEMS[0], QUERIES[0])[1], votes[0])  # without a batch axis
    mask = torch.ones(4, 5, dtype=torch.bool)
    torch.testing.assert_close(module(ITEMS, QUERIES, mask)[1], votes)
    mask[:, 2:] = False
    torch.testing.assert_close(module(ITEMS, QUERIES, mask)[1], module(ITEMS[:, :2], QUERIES)[1])
    torch.testing.assert_close(module(ITEMS, QUERIES, mask.expand(3, 4, 5))[1], module(ITEMS[:, :2], QUERIES)[1])
    assert not module(ITEMS, QUERIES, torch.zeros(4, 5, dtype=torch.bool))[1].any()
    causal = module(ITEMS, ITEMS, causal=True)[1]
    torch.testing.assert_close(causal[:, :2], module(ITEMS[:, :2], ITEMS[:, :2], causal=True)[1])
    for wrong in (mask.float(), mask[:3], np.ones((4, 5), bool)):
        with pytest.raises(InputError, match=re.escape("mask: expected a bool tensor of shape (4, 5) or (3, 4, 5)")):
            module(ITEMS, QUERIES, wrong)


def test_gradients_ignore_masked_items(make):
    module = make()
    mask = torch.tensor([True, True, False, False, False]).expand(4, 5)
    items = ITEMS.clone()
    grads = []
    for _ in range(2):
        module.zero_grad()
        (module(items, QUERIES, mask)[1] ** 2).sum().backward()
        grads.append(module.query_weights.grad.clone())
        items[:, 2:] = 1 - items[:, 2:]
    torch.testing.assert_close(*grads)
    assert grads[0].any()


def test_graded_input_is_taken_where_it_is_meant(make):
    half = ITEMS / 2
    with pytest.raises(InputError, match="items: must hold 0 and 1 only, one for each spike; graded=True"):
        make()(half, QUERIES)
    module = make(graded=True)
    assert module(half, QUERIES)[1].shape == (3, 4, 3)
    with pytest.raises(InputError, match="items: must hold finite numbers only"):
        module(half * torch.nan, QUERIES)


def test_a_null_slot_takes_what_matches_nothing():
    module = SpikingAttention(12, keys=16, values=3, hidden=8, null=15)
    assert not module(ITEMS, QUERIES)[1].any()  # no query shares all of 16 key neurons with an item
    plain = SpikingAttention(12, keys=16, values=3, hidden=8)
    plain(ITEMS, QUERIES)
    low = SpikingAttention(12, keys=16, values=3, hidden=8, null=0.5)
    torch.testing.assert_close(low(ITEMS, QUERIES)[1], plain(ITEMS, QUERIES)[1])
    with pytest.raises(InputError, match="null = 15, but the network has no null slot"):
        module.attention()
    with pytest.raises(InputError, match=r"SpikingAttention\.null: 16 of 16 keys"):
        SpikingAttention(12, keys=16, values=3, hidden=8, null=16)
    soft = SoftmaxAttention(12, keys=16, values=3, null=50.0)
    assert soft(ITEMS, QUERIES)[1].abs().max() < 1e-6


def test_modules_are_copied_saved_and_loaded(make):
    module = make(heads=2)
    votes = module(ITEMS, QUERIES)[1]
    assert torch.equal(copy.deepcopy(module)(ITEMS, QUERIES)[1], votes)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(ITEMS, QUERIES)[1], votes)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = make(heads=2, seed=5)
    other.load_state_dict(torch.load(file))
    assert torch.equal(other(ITEMS, QUERIES)[1], votes)


def test_modules_are_compiled_as_one_graph_and_exported(make):
    module = make(heads=2)
    if isinstance(module, SpikingAttention):
        with pytest.raises(Exception, match="call it once on a batch, or give active="):
            torch.export.export(module, (ITEMS, QUERIES))
    votes = module(ITEMS, QUERIES)[1]
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    found = compiled(ITEMS, QUERIES)[1]
    torch.testing.assert_close(found, votes)
    gradients = []
    for out in (votes, found):
        module.zero_grad()
        (out**2).sum().backward()
        gradients.append(module.key_weights.grad.clone())
    torch.testing.assert_close(*gradients)
    exported = torch.export.export(module, (ITEMS, QUERIES))
    torch.testing.assert_close(exported.module()(ITEMS, QUERIES)[1], votes)


def test_modules_live_on_any_device_and_print_their_sizes(make):
    module = make(heads=2, device="meta")  # shapes without numbers: any tensor made elsewhere would be refused
    assert {p.device.type for p in (*module.parameters(), *module.buffers())} == {"meta"}
    mask = torch.ones(4, 5, dtype=torch.bool, device="meta")
    out, votes = module(ITEMS.to("meta"), QUERIES.to("meta"), mask)
    assert out.shape == votes.shape == (3, 4, 6)
    assert module(ITEMS.to("meta"), ITEMS.to("meta"), causal=True)[1].device.type == "meta"
    double = make(device="cpu", dtype=torch.float64)
    assert double(ITEMS, QUERIES)[1].dtype == torch.float64
    assert "lines=12, keys=16, values=3, heads=2" in repr(module)


def test_networks_of_the_backend_live_on_the_device_that_is_named():
    attention = SpikingAttention(12, keys=16, values=3, hidden=8, active=1).attention()
    assert {p.device.type for p in to_torch(attention.network, device="meta").parameters()} == {"meta"}
    assert {p.device.type for p in to_torch(attention.network, device="cpu").parameters()} == {"cpu"}


@pytest.mark.parametrize("size", ["lines", "keys", "values", "heads"])
def test_sizes_are_whole_numbers(make, size):
    cls = type(make())
    more = {"hidden": 8} if cls is SpikingAttention else {}
    for wrong in (0, 1.5, True, "2"):
        with pytest.raises(InputError, match=rf"\.{size}: must be"):
            cls(**({"lines": 12, "keys": 16, "values": 3, "heads": 1} | more | {size: wrong}))


def test_activity_is_a_positive_number():
    for wrong in (0, -1, float("nan")):
        with pytest.raises(InputError, match=r"SpikingAttention\.active: must be a positive number of lines"):
            MAKERS["spiking"](active=wrong)


def test_batch_axes_agree(make):
    with pytest.raises(InputError, match=r"queries: expected shape \(batch, n, 12\), got \(4, 12\); give a batch axis"):
        make()(ITEMS, QUERIES[0])


def test_episodes_of_digits():
    task = OneShotDigits()
    learn, test = task.sample(50, 0), task.sample(50, 0, test=True)
    assert task.lines == 74
    assert learn.items.shape == learn.queries.shape == (50, 5, 74)
    assert not learn.queries[..., 64:].any()
    assert (learn.items[..., 64:].argmax(-1) == learn.labels).all()
    assert (learn.items[..., 64:].sum(-1) == 1).all()
    assert all(len(set(row)) == 5 for row in learn.labels.tolist())
    for learned, tested in zip(*task.halves, strict=True):
        assert not np.intersect1d(learned, tested).size
        assert abs(len(learned) - len(tested)) <= 1
    pixels = task.pixels[np.concatenate(task.halves[1])]
    assert (test.items[..., None, :64] == pixels).all(-1).any(-1).all()  # every image of a test is one of those kept
    with pytest.raises(InputError, match=r"OneShotDigits\.ways: must lie in 1\.\.10, got 11"):
        OneShotDigits(11)


def test_both_modules_learn_one_shot_digits_in_one_loop():
    recipe = load_script("models", "one_shot_digits")
    for name in ("spiking", "softmax"):
        assert recipe.run(name, 400, seed=3)["votes"] >= 0.8
