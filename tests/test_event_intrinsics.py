"""Each function in LLVM code does what its twin in plain Python says, to the last bit."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem._jit import kernel
from snmem.backends.event.arrays import (
    AGE_CLASSES,
    BATCH,
    BLOCK,
    GROUP_SIZE,
    LANES,
    LEVELS,
    TILE,
    WIDE,
    WORD,
    copied,
    zeros,
)
from snmem.backends.event.columns import AGE, ALIKE, ALIKE2, ALPHA2, EXTENDED_ROWS, FIELDS
from snmem.backends.event.llvm import cells, closed_form, extended, lif, memory, popcount, system

few = settings(max_examples=25)
seeds = st.integers(0, 2**32 - 1)
SPECIAL = np.array([0.0, -0.0, 5e-324, -1e-310, 1e-300, 1.0, -1.0, 1e300, -1.7e308, np.inf, -np.inf, np.nan])


def reals(rng, *shape):
    """Numbers of ordinary size, and a few that are not."""
    out = zeros(*shape)
    out[...] = rng.normal(0, 1, shape)
    odd = rng.random(shape) < rng.choice([0.0, 0.2])
    out[odd] = rng.choice(SPECIAL, int(odd.sum()))
    return out


def words(rng, *shape):
    out = zeros(*shape, dtype=np.uint64)
    out[...] = rng.integers(0, 2**64, shape, np.uint64)
    return out


def same(a, b):
    """Equal bits, but for those of NaN."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
    if a.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))


def check(compiled, twin, *arguments):
    """Both return the same and leave the same in their arrays."""
    results, arrays = [], []
    for function in (compiled, twin):
        own = [copied(a) if isinstance(a, np.ndarray) else a for a in arguments]
        with np.errstate(all="ignore"):
            results.append(function(*own))
        arrays.append([a for a in own if isinstance(a, np.ndarray)])
    assert results[0] == results[1]
    for a, b in zip(*arrays, strict=True):
        same(a, b)


# One compiled caller for each; a default argument would be another type.


@kernel(keep=False)
def call_prefetch(array, index):
    memory.prefetch(array, np.uint64(index))


@kernel(keep=False)
def call_load_four(array, index):
    return memory.load_four(array, np.uint64(index))


@kernel(keep=False)
def call_load_bytes(array, index):
    return memory.load_bytes(array, index)


@kernel(keep=False)
def call_lowest_bit(word):
    return memory.lowest_bit(word)


@kernel(keep=False)
def call_advance_silent(u, v, alpha, beta, bias, steps):
    lif.advance_silent(u, v, alpha, beta, bias, steps)


@kernel(keep=False)
def call_advance_older(u, v, age, low, since, until, alpha, beta, bias):
    lif.advance_older(u, v, age, low, since, until, alpha, beta, bias)


@kernel(keep=False)
def call_class_of(age):
    return lif.class_of(age)


@kernel(keep=False)
def call_not_below(values, limit):
    return lif.not_below(values, limit)


@kernel(keep=False)
def call_over(values, i, limits, j):
    return lif.over(values, i, limits, j)


@kernel(keep=False)
def call_step_word(u, v, given, i, par, j):
    return lif.step_word(u, v, given, i, par, j)


@kernel(keep=False)
def call_step_word_alike(u, v, given, i, par, j):
    return lif.step_word_alike(u, v, given, i, par, j)


@kernel(keep=False)
def call_step_word_loihi(u, v, given, i, par, j):
    return lif.step_word_loihi(u, v, given, i, par, j)


@kernel(keep=False)
def call_step_block(u, v, given, i, par, j, more, m, second, lane, direct, held, hold, freeze, bits, b, many):
    extended.step_block(u, v, given, i, par, j, more, m, second, lane, direct, held, hold, freeze, bits, b, many)


@kernel(keep=False)
def call_load_cells(rows, entries, at, u, v, given, age, j):
    cells.load_cells(rows, entries, np.uint64(at), u, v, given, age, np.uint64(j))


@kernel(keep=False)
def call_store_cells(rows, entries, at, u, v, j, stamp):
    cells.store_cells(rows, entries, np.uint64(at), u, v, np.uint64(j), stamp)


@kernel(keep=False)
def call_catch_up_batch(cells, target, k, values, code, at, table, form, peaks, t):
    return closed_form.catch_up_batch(cells, target, np.uint64(k), values, code, np.uint64(at), table, form, peaks, t)


@kernel(keep=False)
def call_prefetch_planes(bits, place, at, offset, vectors):
    popcount.prefetch_planes(bits, place, at, offset, vectors)


@kernel(keep=False)
def call_count_planes(bits, place, at, offset, soon, then, vectors, sums, row, word, levels):
    popcount.count_planes(bits, place, at, offset, soon, then, vectors, sums, row, word, levels)


@kernel(keep=False)
def call_add_counts(sums, word, plus, minus, unit, into, at):
    popcount.add_counts(sums, word, plus, minus, unit, into, at)


@kernel(keep=False)
def call_atomic_increment(array, index):
    return system.atomic_increment(array, index)


@kernel(keep=False)
def call_atomic_load(array, index):
    return system.atomic_load(array, index)


@kernel(keep=False)
def call_nanoseconds():
    return system.nanoseconds()


def intrinsics():
    for module in (memory, lif, extended, cells, closed_form, popcount, system):
        for name, value in vars(module).items():
            if hasattr(value, "twin") and value.twin.__module__ == module.__name__:
                yield name, value


def test_every_function_in_llvm_code_has_a_twin_and_is_called_here():
    called = {name.removeprefix("call_") for name in globals() if name.startswith("call_")}
    assert {name for name, _ in intrinsics()} == called
    for module in (memory, lif, extended, cells, closed_form, popcount, system):
        assert isinstance(module, ModuleType)
        made = [
            n for n, v in vars(module).items() if getattr(v, "_defn", None) and v._defn.__module__ == module.__name__
        ]
        assert set(made) <= called


@few
@given(seeds, st.integers(-20, 40))
def test_memory(seed, index):
    rng = np.random.default_rng(seed)
    array = reals(rng, 8)
    check(call_prefetch, memory.prefetch.twin, array, index)  # also outside of the array
    kind = rng.choice([np.uint8, np.uint16, np.uint32, np.uint64])
    whole = zeros(30, dtype=kind)
    whole[:] = rng.integers(0, np.iinfo(kind).max, 30, kind, endpoint=True)
    check(call_load_four, memory.load_four.twin, whole, index % 27)
    octets = zeros(30, dtype=np.uint8)
    octets[:] = rng.integers(0, 256, 30)
    check(call_load_bytes, memory.load_bytes.twin, octets, index % 23)
    for word in (int(words(rng, 1)[0]) | 1 << 63, 1 << int(rng.integers(0, 64))):
        assert (
            call_lowest_bit(np.uint64(word))
            == memory.lowest_bit.twin(np.uint64(word))
            == (word & -word).bit_length() - 1
        )


@few
@given(seeds, st.integers(0, 40))
def test_cells_without_input(seed, most):
    rng = np.random.default_rng(seed)
    alpha, beta = rng.choice([0.0, 0.5, 1.0, rng.random()], 2)
    bias = float(rng.choice([0.0, -0.0, *rng.normal(0, 1, 2)]))
    u, v = reals(rng, LANES), reals(rng, LANES)
    steps = rng.integers(0, most + 1, LANES // WIDE)
    check(call_advance_silent, lif.advance_silent.twin, u, v, alpha, beta, bias, steps)
    age, low, since = rng.integers(0, most + 1, LANES), int(rng.integers(0, LANES // WIDE)) * WIDE, most // 2
    check(call_advance_older, lif.advance_older.twin, u, v, age, low, since, most, alpha, beta, bias)


def test_classes_of_ages():
    """Ages are told apart up to 31, then in sixteenths of a power of two, in as many classes as there is room for."""
    ages = np.unique(np.concatenate([np.arange(4096), np.arange(1 << 12, 1 << 31, 12345)]))
    classes = np.array([call_class_of(int(age)) for age in ages])
    assert [lif.class_of.twin(int(age)) for age in ages[:5000]] == classes[:5000].tolist()
    assert (np.diff(classes) >= 0).all()
    assert len(set(classes[1:32].tolist())) == 31
    assert classes[-1] < AGE_CLASSES


@few
@given(seeds)
def test_a_word_of_neurons(seed):
    rng = np.random.default_rng(seed)
    u, v, given, par = (reals(rng, *shape) for shape in ((3 * WORD,), (3 * WORD,), (3 * WORD,), (2, ALIKE + 1, BLOCK)))
    i, k = int(rng.integers(0, 3)) * WORD, int(rng.integers(0, BLOCK // WORD)) * WORD
    tile = int(rng.integers(0, 2)) * par[0].size
    check(call_step_word, lif.step_word.twin, u, v, given, i, par, tile + k)
    check(call_step_word_alike, lif.step_word_alike.twin, u, v, given, i, par, tile)
    check(call_over, lif.over.twin, v, i, par, tile + k)
    check(call_not_below, lif.not_below.twin, v, float(v[i]))
    check(call_step_word_loihi, lif.step_word_loihi.twin, u, v, given, i, par, tile + k)
    u, v, given = (np.trunc(rng.uniform(-1.5, 1.5, 3 * WORD) * 2.0 ** rng.integers(0, 25)) for _ in range(3))
    check(call_step_word_loihi, lif.step_word_loihi.twin, u, v, given, i, rng.uniform(-1, 1, par.shape), tile + k)


@few
@given(seeds)
def test_a_block_of_neurons(seed):
    rng = np.random.default_rng(seed)
    u, v, given = (reals(rng, 12 * BLOCK) for _ in range(3))
    par, more = reals(rng, 2, ALIKE + 1, BLOCK), reals(rng, 2, EXTENDED_ROWS, BLOCK)
    par[0, ALIKE], par[1, :ALIKE], par[1, ALIKE] = 0, par[1, :ALIKE, :1], 1
    more[0, ALIKE2], more[1, ALPHA2], more[1, ALIKE2] = 0, more[1, ALPHA2, :1], 1
    held, bits = words(rng, 3 * BLOCK // WORD), words(rng, 3, BLOCK // WORD)
    b, m = int(rng.integers(0, 3)), int(rng.integers(0, 2)) * more[0].size
    many = int(rng.integers(1, 4 - b))
    for second, direct in ((3 * BLOCK, 9 * BLOCK), (3 * BLOCK, -1), (-1, 9 * BLOCK), (-1, -1)):
        for hold, freeze in ((False, False), (True, False), (True, True)):
            places = (int(rng.integers(0, 2)) * par[0].size, more, m, second, 6 * BLOCK, direct, held, hold, freeze)
            check(call_step_block, extended.step_block.twin, u, v, given, b * BLOCK, par, *places, bits, b, many)


@few
@given(seeds)
def test_cells_to_vectors_and_back(seed):
    rng = np.random.default_rng(seed)
    rows, entries, u, v, given = reals(rng, 40 * FIELDS), zeros(20, dtype=np.int64), *reals(rng, 3, LANES)
    rows.view(np.int64)[AGE::FIELDS] = rng.integers(0, 1 << 40, 40)
    entries[:] = rng.choice(40, 20, replace=False) | rng.integers(0, 1 << 30, 20) << 32
    age, (at, j) = zeros(LANES, dtype=np.int64), rng.integers(0, 20 - BATCH, 2)
    check(call_load_cells, cells.load_cells.twin, rows, entries, int(at), u, v, given, age, int(j))
    check(call_store_cells, cells.store_cells.twin, rows, entries, int(at), u, v, int(j), int(rng.integers(0, 1 << 40)))


@few
@given(seeds, st.booleans(), st.booleans())
def test_a_batch_of_cells(seed, coded, old):
    rng = np.random.default_rng(seed)
    size, t = 40, int(rng.integers(50, 60))
    rows = reals(rng, size * FIELDS)
    ages = rng.integers(t - 12, t + 1, size) << 1 | rng.integers(0, 2, size)
    if old:
        ages[rng.integers(0, size)] = 2
    rows.view(np.int64)[AGE::FIELDS] = ages
    target = zeros(20, dtype=rng.choice([np.uint16, np.uint32]))
    target[:] = rng.choice(size, 20, replace=False)
    k, at = rng.integers(0, 20 - BATCH, 2)
    code = zeros(20, dtype=np.uint8)
    code[:] = rng.integers(0, 256, 20)
    values = reals(rng, 256)
    if not coded and rng.random() < 0.5:
        values = np.clip(values, -1e30, 1e30).astype(np.float32)
    table, peaks, form = reals(rng, 12, 4), abs(reals(rng, BATCH)), tuple(map(float, reals(rng, 6)))
    peaks = copied(np.nan_to_num(peaks))
    call = (rows, target, int(k), values, code if coded else None, int(at), table, form, peaks, t)
    check(call_catch_up_batch, closed_form.catch_up_batch.twin, *call)


@few
@given(seeds, st.integers(0, 5), st.integers(1, TILE // WIDE))
def test_counting_over_bit_planes(seed, levels, vectors):
    rng = np.random.default_rng(seed)
    planes, tiles = 12, 2
    bits = words(rng, planes * TILE * tiles)
    place = zeros(3 * GROUP_SIZE, dtype=np.int64)
    place[:] = TILE * rng.integers(0, planes, place.size)
    sums = words(rng, 2 * LEVELS, TILE)
    at, soon = rng.integers(0, 2 * GROUP_SIZE, 2)
    row, word = int(rng.integers(0, LEVELS - 8)), WIDE * int(rng.integers(0, TILE // WIDE - vectors + 1))
    offset = int(rng.integers(0, tiles)) * planes * TILE
    offset = min(offset, bits.size - planes * TILE)
    call = (bits, place, int(at), offset, int(soon), 0, vectors, sums, row, word, levels)
    check(call_count_planes, popcount.count_planes.twin, *call)
    check(call_prefetch_planes, popcount.prefetch_planes.twin, bits, place, int(at), offset, vectors)


@few
@given(seeds, st.integers(0, LEVELS), st.integers(0, LEVELS))
def test_adding_the_counts_to_the_neurons(seed, plus, minus):
    rng = np.random.default_rng(seed)
    sums, into, unit = words(rng, 2 * LEVELS, TILE), reals(rng, 2 * BLOCK), float(rng.choice([1.0, 0.75, -(2.0**-40)]))
    word, at = BLOCK // WORD * int(rng.integers(0, TILE * WORD // BLOCK)), int(rng.integers(0, BLOCK))
    check(call_add_counts, popcount.add_counts.twin, sums, word, plus, minus, unit, into, at)


def test_indivisible_steps():
    for number in range(4):
        array = np.arange(12).reshape(3, 4)
        check(call_atomic_increment, system.atomic_increment.twin, array, 3 * number)
        check(call_atomic_load, system.atomic_load.twin, array, 3 * number)


def test_the_clock_is_that_of_python():
    before, now, after = system.nanoseconds.twin(), call_nanoseconds(), system.nanoseconds.twin()
    assert before <= now <= after


@pytest.mark.parametrize("plus", [0, 1, 7, 8, 15, 16, LEVELS])
def test_counts_of_every_width_are_the_numbers_that_they_say(plus):
    """Neuron n of a block holds n, or what is left of it in so many bits, once with each sign."""
    sums = zeros(2 * LEVELS, TILE, dtype=np.uint64)
    numbers = np.arange(BLOCK) % (1 << plus)
    for k in range(plus):
        for n in np.flatnonzero(numbers >> k & 1):
            sums[k, n // WORD] |= np.uint64(1) << np.uint64(n % WORD)
            sums[LEVELS + k, n // WORD] |= np.uint64(1) << np.uint64(n % WORD)
    into = zeros(BLOCK)
    call_add_counts(sums, 0, plus, 0, 0.5, into, 0)
    same(into, 0.5 * numbers)
    call_add_counts(sums, 0, 0, plus, 0.5, into, 0)
    same(into, 0.0 * numbers)
