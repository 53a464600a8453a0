"""Algebras of hypervectors: their laws, their oracle torchhd, what they refuse, and resonators."""

import numpy as np
import pytest
import torch
import torchhd
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.errors import InputError
from snmem.hdc import ALGEBRAS, BinaryCodes, BlockCodes, MapB, MapI, algebra, resonator
from snmem.protocols.hypervectors import capacity_constant, membership, needed, recall

NAMES = ("block", "binary", "map-i", "map-b")


def _algebra(name, size=200):
    return algebra(name, blocks=size, units=16) if name == "block" else algebra(name, size=size)


def _signs(bits):
    return torchhd.MAPTensor(torch.from_numpy(np.asarray(bits, np.float32)))


def test_algebras_are_found_by_name():
    assert set(NAMES) <= set(ALGEBRAS)
    with pytest.raises(InputError, match=r"algebra of hypervectors 'fourier' is unknown; use one of .*block"):
        algebra("fourier")


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.integers(1, 300), st.integers(0, 2**32 - 1), st.integers(-1000, 1000))
def test_what_was_bound_or_rotated_comes_back(name, size, seed, shift):
    codes = _algebra(name, size)
    a, b = codes.random(2, seed)
    assert np.array_equal(codes.unbind(codes.bind(a, b), b), a)
    assert np.array_equal(codes.unbind(codes.bind(a, b), a), b)
    assert np.array_equal(codes.permute(codes.permute(a, shift), -shift), a)
    assert np.array_equal(codes.permute(codes.bind(a, b)), codes.bind(codes.permute(a), codes.permute(b)))
    assert codes.similarity(a, a) == 1
    assert codes.codes(codes.bind(a, b)) is not None


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.integers(1, 150), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_a_bundle_is_the_threshold_of_what_was_accumulated(name, size, count, seed):
    """In any parts, in any order, with weights 1; and weight n is n copies."""
    codes = _algebra(name, size)
    group = codes.random(count, seed)
    bundle = codes.bundle(group)
    total = codes.accumulate(codes.accumulator(), group[count // 2 :])
    total = codes.accumulate(total, group[: count // 2])
    assert np.array_equal(codes.threshold(total), bundle)
    assert np.array_equal(codes.bundle(group, np.ones(count)), bundle)
    assert np.array_equal(codes.bundle(np.stack([group, group[::-1]])), np.stack([bundle, bundle]))
    copies = np.repeat(group, np.arange(count) + 1, axis=0)
    weights = np.arange(count) + 1.0
    assert np.array_equal(codes.bundle(group, weights), codes.bundle(copies))
    assert np.array_equal(codes.blend(weights[None], group)[0], codes.bundle(copies))


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_resembles_what_is_in_it_and_nothing_else(name):
    codes = _algebra(name, 4000)
    group, others = codes.random(9, 0), codes.random(50, 1)
    bundle = codes.bundle(group)
    assert codes.similarity(bundle, group).min() > codes.similarity(bundle, others).max() + 0.1
    assert np.array_equal(codes.cleanup(codes.bind(group, others[:9]), codes.bind(group, others[:9])), np.arange(9))
    assert abs(codes.similarity(codes.bind(group[0], group[1]), group[:2]) - codes.similarity(*others[:2])).max() < 0.1
    assert codes.cleanup(bundle, np.concatenate([others, group[:1]])) == 50


@pytest.mark.parametrize("name", NAMES)
def test_lesions_and_errors_take_what_they_say(name):
    codes = _algebra(name, 5000)
    code = codes.random(1, 0)[0]
    dead = np.zeros(codes.dimensions, bool)
    assert np.array_equal(codes.silence(code, dead), code)
    dead[: codes.dimensions // 2] = True
    half = {"block": 0.5, "binary": 0.5, "map-i": 0.5**0.5, "map-b": 0.5**0.5}[name]
    assert codes.similarity(codes.silence(code, dead), code) == pytest.approx(half, abs=0.03)
    hit = {"block": 0.8, "binary": 0.6, "map-i": 0.6, "map-b": 0.6}[name]
    assert codes.similarity(codes.damage(code, 0.2, 1), code) == pytest.approx(hit, abs=0.03)
    assert np.array_equal(codes.damage(code, 0.0), code)


def test_a_silent_block_equals_nothing_and_binds_to_silence():
    codes = BlockCodes(4, 5)
    code, silent = np.array([1, -1, 3, 4]), np.array([2, 2, -1, -1])
    assert codes.bind(code, silent).tolist() == [3, -1, -1, -1]
    assert codes.unbind(code, silent).tolist() == [4, -1, -1, -1]
    assert codes.similarity(code, code) == 0.75
    assert codes.bundle(np.stack([code, silent, silent])).tolist() == [2, 2, 3, 4]
    assert np.array_equal(codes.from_dense(codes.to_dense(code)), code)


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(2, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_unit_with_most_votes_wins_a_block_and_ties_are_settled_by_priority(blocks, units, count, seed):
    codes = BlockCodes(blocks, units)
    group = codes.random(count, seed)
    votes = (group[:, :, None] == np.arange(units)).sum(0)
    score = votes * 2.0 * units + codes.priority
    assert np.array_equal(codes.bundle(group), score.argmax(1))
    keep = min(3, units)
    best = np.argsort(-score, 1)[:, :keep].T
    expected = np.where(np.take_along_axis(votes, best.T, 1).T > 0, best, -1)
    assert np.array_equal(codes.kept(votes, keep), expected)


@settings(max_examples=30)
@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 2**32 - 1), st.integers(-300, 300))
def test_packed_bits_compute_what_torchhd_computes(size, half, seed, shift):
    codes = BinaryCodes(size)
    packed = codes.random(2 * half + 1, seed)  # odd: torchhd draws lots for ties
    bits = codes.unpack(packed)
    theirs = torchhd.BSCTensor(torch.from_numpy(bits))
    assert np.array_equal(codes.pack(bits), packed)
    assert np.array_equal(codes.unpack(codes.bind(packed[0], packed[-1])), torchhd.bind(theirs[0], theirs[-1]).numpy())
    assert np.array_equal(codes.unpack(codes.permute(packed, shift)), torchhd.permute(theirs, shifts=shift).numpy())
    assert np.array_equal(codes.unpack(codes.bundle(packed)), torchhd.multiset(theirs).numpy())
    equal = torchhd.hamming_similarity(theirs, theirs).numpy()
    assert codes.similarity(packed, packed) == pytest.approx(2 * equal / size - 1, abs=1e-6)


@pytest.mark.parametrize("kind", [MapI, MapB])
def test_signs_compute_what_torchhd_computes(kind):
    codes = kind(333)
    group = codes.random(7, 3)
    theirs = _signs(group)
    assert np.array_equal(codes.bind(group[0], group[1]), torchhd.bind(theirs[0], theirs[1]).numpy())
    assert np.array_equal(codes.permute(group, 5), torchhd.permute(theirs, shifts=5).numpy())
    total = torchhd.multiset(theirs)
    expected = total if kind is MapI else torchhd.normalize(total)
    assert np.array_equal(codes.bundle(group), expected.numpy())
    cosine = torchhd.cosine_similarity(_signs(codes.bundle(group)), theirs).numpy()
    assert codes.similarity(codes.bundle(group), group) == pytest.approx(cosine, abs=1e-6)


def test_blocks_compute_what_torchhd_computes():
    codes = BlockCodes(50, 12)
    group = codes.random(6, 1)
    theirs = torch.from_numpy(group.astype(np.int64)).as_subclass(torchhd.BSBCTensor)
    theirs.block_size = 12
    a, b = (x.as_subclass(torchhd.BSBCTensor) for x in theirs[:2])
    a.block_size = b.block_size = 12
    assert np.array_equal(codes.bind(group[0], group[1]), torchhd.bind(a, b).numpy())
    assert np.array_equal(codes.unbind(group[0], group[1]), torchhd.bind(a, torchhd.inverse(b)).numpy())
    votes = (group[:, :, None] == np.arange(12)).sum(0)
    clear = (votes == votes.max(1, keepdims=True)).sum(1) == 1
    assert clear.any()
    assert np.array_equal(codes.bundle(group)[clear], torchhd.multiset(theirs).numpy()[clear])


def test_many_codes_are_cleaned_up_in_parts(monkeypatch):
    monkeypatch.setattr("snmem.hdc.base._BLOCK", 64)
    codes = BinaryCodes(500)
    memory = codes.random(30, 0)
    picked = np.array([3, 29, 0, 3, 17])
    assert np.array_equal(codes.cleanup(memory[picked], memory), picked)
    assert codes.cleanup(memory[:0], memory).shape == (0,)


@pytest.mark.parametrize("update", ["plain", "softmax"])
@pytest.mark.parametrize(("name", "sizes"), [("map-b", {"size": 1000}), ("block", {"blocks": 200, "units": 32})])
def test_a_resonator_finds_the_factors(update, name, sizes):
    codes, rng = algebra(name, **sizes), np.random.default_rng(2)
    books = [codes.random(8, rng) for _ in range(3)]
    index = rng.integers(0, 8, (20, 3))
    products = books[0][index[:, 0]]
    for book, chosen in zip(books[1:], index[:, 1:].T, strict=True):
        products = codes.bind(products, book[chosen])
    found = resonator(products, books, codes, update)
    assert found.solved.mean() >= 0.9
    assert np.array_equal(found.index[found.solved], index[found.solved])
    assert (found.iterations[found.solved] <= 100).all()
    assert not resonator(codes.random(1, 5), books, codes, update, iterations=3).solved.any()


WRONG = {
    r"bind: a: codes of 9 blocks, expected 10": lambda c: c.bind(np.zeros(9, int), np.zeros(10, int)),
    r"codes: unit 7 is outside -1\.\.6": lambda c: c.bundle(np.full((2, 10), 7)),
    r"codes: block codes are whole numbers .*float64": lambda c: c.permute(np.zeros(10)),
    r"bundle: expected shape \(\.\.\., n, 10\) with n >= 1, got \(0, 10\)": lambda c: c.bundle(np.zeros((0, 10), int)),
    r"bundle: weights have shape \(3,\), expected \(2,\)": lambda c: c.bundle(np.zeros((2, 10), int), np.ones(3)),
    r"kept: keep \(units of a block\): must be a whole number, in 1\.\.7, got 8": lambda c: c.kept(c.accumulator(), 8),
    r"cleanup: memory must have shape \(m, 10\) with m >= 1": lambda c: c.cleanup(np.zeros(10, int), c.random(0)),
    r"silence: dead must be bool \(70,\)": lambda c: c.silence(c.random(1), np.zeros(10, bool)),
    r"damage: rate must lie in 0\.\.1, got 2": lambda c: c.damage(c.random(1), 2),
    r"BlockCodes\.units: must be a whole number, in 2\.\.16384, got 1": lambda c: BlockCodes(5, 1),
    r"BinaryCodes\.size: must be a whole number, at least 1, got 0": lambda c: BinaryCodes(0),
    r"codes: expected packed bits \(uint64\), got int64": lambda c: BinaryCodes(70).permute(np.zeros(2, int)),
    r"codes: bits beyond the last of 70 are set": lambda c: BinaryCodes(70).bundle(
        np.full((1, 2), 2**64 - 1, np.uint64)
    ),
    r"pack: codes of 9 bits, expected 70": lambda c: BinaryCodes(70).pack(np.zeros(9, bool)),
    r"codes: component 3 is outside -1\.\.1": lambda c: MapB(4).permute(np.array([1, 3, 1, 1])),
    r"resonator: 1 codebook": lambda c: resonator(c.random(1), [c.random(3)], c),
    r"resonator: update 'hard' is unknown; use one of plain, softmax": lambda c: resonator(c.random(1), [], c, "hard"),
    r"resonator: bundles of map-i are sums": lambda c: resonator([[1]], [[[1]], [[1]]], MapI(1)),
    r"recall: 5 pairs of 3 candidates": lambda c: recall(c, 5, 3, 1),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_gets_one_clear_error(message):
    with pytest.raises(InputError, match=message):
        WRONG[message](BlockCodes(10, 7))


def test_capacity_grows_with_dimensions_and_falls_with_pairs():
    wide, narrow = BlockCodes(200, 50), BlockCodes(50, 50)
    assert recall(wide, 10, 100, 5) >= 0.99
    assert recall(narrow, 10, 100, 5) < recall(wide, 10, 100, 5)
    assert recall(narrow, 30, 100, 5) < recall(narrow, 10, 100, 5)
    assert recall(wide, 4, 50, 3, alter=lambda trace, rng: wide.damage(trace, 1.0, rng)) < 0.2


def test_the_dimensions_needed_are_found_and_fitted():
    sizes = [needed(MapI, k, 20, 0.9, 400) for k in (4, 8)]
    assert membership(MapI(sizes[0]), 4, 20, 100) >= 0.9 > membership(MapI(sizes[0] * 9 // 10), 4, 20, 100) - 0.03
    fit = capacity_constant((4, 8), sizes, 20, 0.1)
    assert fit["worst"] < 0.3
    assert 0.5 < fit["exponent"] < 1.5
    assert capacity_constant((2, 4, 8), (20, 40, 80), 10, 0.1)["exponent"] == pytest.approx(1)
