"""The tests that the plugin runs against a memory (see :mod:`snmem.conformance.plugin`)."""

from __future__ import annotations

from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from ..errors import FileError, InputError
from ..memory.base import MEMORIES, Memory, SpikingMemory
from ..simulation import simulate
from ..tasks.patterns import partial_cues, random_patterns

VISIBLE, ACTIVE = 200, 20


def _memory(name: str, seed: int = 0) -> Memory:
    return MEMORIES[name].for_patterns(VISIBLE, ACTIVE, seed=seed)


def _stored(name: str, count: int, seed: int) -> tuple[Any, np.ndarray]:
    """A memory of a few patterns, and these."""
    patterns = random_patterns(count, VISIBLE, ACTIVE, np.random.default_rng(seed))
    memory: Any = _memory(name)
    memory.store(patterns)
    return memory, patterns


def test_recalls_what_it_stored(snmem_memory: str) -> None:
    """Three patterns come back from themselves, nearer to what was stored than to the others."""
    patterns = random_patterns(3, VISIBLE, ACTIVE, np.random.default_rng(1))
    memory = _memory(snmem_memory)
    memory.store(patterns)
    recalled = np.asarray(memory.recall(patterns), bool)
    assert recalled.shape == patterns.shape
    overlap = recalled.astype(int) @ patterns.T.astype(int)
    assert (overlap.argmax(axis=1) == np.arange(3)).all()


def test_the_same_seed_gives_the_same_memory(snmem_memory: str) -> None:
    """Two memories of one seed that store the same recall the same; recalling changes nothing."""
    patterns = random_patterns(5, VISIBLE, ACTIVE, np.random.default_rng(2))
    results: list[Any] = []
    for _ in range(2):
        memory = _memory(snmem_memory)
        memory.store(patterns)
        results += [np.asarray(memory.recall(patterns)) for _ in range(2)]
    assert all(np.array_equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize(
    "wrong", [np.full((1, VISIBLE), 2), np.zeros((1, VISIBLE + 1), bool), np.zeros((1, 1, VISIBLE))]
)
def test_refuses_what_is_no_pattern(snmem_memory: str, wrong: np.ndarray) -> None:
    """Numbers other than 0 and 1, and other shapes, are an InputError of store and of recall; nothing is stored."""
    memory = _memory(snmem_memory)
    patterns = random_patterns(2, VISIBLE, ACTIVE, np.random.default_rng(3))
    memory.store(patterns)
    before = np.asarray(memory.recall(patterns))
    for verb in (memory.store, memory.recall):
        with pytest.raises(InputError):
            verb(wrong)
    assert np.array_equal(before, np.asarray(memory.recall(patterns)))


def test_familiarity_tells_what_is_stored_from_what_is_not(snmem_memory: str) -> None:
    """Stored patterns lie at or above the memory's threshold and above every unknown one, most of which lie below."""
    memory, patterns = _stored(snmem_memory, 3, 4)
    known = memory.familiarity(patterns)
    new = memory.familiarity(random_patterns(8, VISIBLE, ACTIVE, np.random.default_rng(5)))
    assert (known.shape, known.dtype) == ((3,), np.float64)
    assert 0 <= new.min() <= new.max() < known.min() <= known.max() <= 1
    assert known.min() >= memory.threshold
    assert (new < memory.threshold).mean() >= 0.75
    assert memory.familiarity(patterns[0]) == known[0]
    assert memory.familiarity(np.zeros((0, VISIBLE), bool)).shape == (0,)
    np.testing.assert_array_equal(memory.familiarity(patterns), known)


def test_an_empty_memory_knows_nothing(snmem_memory: str) -> None:
    """A new memory finds most cues unfamiliar; storing no pattern changes nothing."""
    memory = _memory(snmem_memory)
    memory.store(np.zeros((0, VISIBLE), bool))
    cues = random_patterns(8, VISIBLE, ACTIVE, np.random.default_rng(6))
    assert (memory.familiarity(cues) < memory.threshold).mean() >= 0.75


def test_sparse_cues_and_vectors_are_recalled_as_rows_are(snmem_memory: str) -> None:
    """The form in which cues come changes nothing but the shape."""
    memory, patterns = _stored(snmem_memory, 4, 7)
    expected = np.asarray(memory.recall(patterns))
    again: Any = sp.csr_array(memory.recall(sp.csr_array(patterns)))
    np.testing.assert_array_equal(again.toarray(), expected)
    np.testing.assert_array_equal(memory.recall(patterns[1]), expected[1])


def test_the_storage_is_counted_and_limited(snmem_memory: str) -> None:
    """Of two budgets none is exceeded, the larger is used further, and no memory fits into one bit."""
    kind: Any = MEMORIES[snmem_memory]
    with pytest.raises(InputError, match="bits"):
        kind.for_patterns(VISIBLE, ACTIVE, bits=1)
    sizes: list[int] = []
    for bits in (VISIBLE * VISIBLE * 4, VISIBLE * VISIBLE * 16):
        memory = kind.for_patterns(VISIBLE, ACTIVE, bits=bits)
        memory.store(random_patterns(3, VISIBLE, ACTIVE, np.random.default_rng(8)))
        sizes.append(memory.bits)
        assert type(memory.bits) is int
        assert 0 < memory.bits <= bits
    assert sizes[0] <= sizes[1]


def test_saved_and_copied_memories_go_on_as_the_original(snmem_memory: str, tmp_path: Path) -> None:
    """Loaded and copied memories recall the same, learn the same, and share nothing."""
    memory, patterns = _stored(snmem_memory, 3, 9)
    path = tmp_path / "memory.npz"
    memory.save(path)
    kind: Any = MEMORIES[snmem_memory]
    others: list[Any] = [kind.load(path), deepcopy(memory), copy(memory)]
    before = np.asarray(memory.recall(patterns))
    more = random_patterns(2, VISIBLE, ACTIVE, np.random.default_rng(10))
    memory.store(more)
    every = np.vstack([patterns, more])
    for other in others:
        np.testing.assert_array_equal(other.recall(patterns), before)
        other.store(more)
        np.testing.assert_array_equal(other.recall(every), memory.recall(every))
        assert other.bits == memory.bits
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileError, match=r"memory\.npz"):
        kind.load(path)


def test_what_is_forgotten_is_less_familiar(snmem_memory: str) -> None:
    """A memory that can forget loses the pattern it is told to, and keeps another."""
    memory, patterns = _stored(snmem_memory, 2, 11)
    if not hasattr(memory, "forget"):
        return
    memory.forget(patterns[:1])
    gone, kept = memory.familiarity(patterns)
    assert gone < kept


def test_the_frozen_network_recalls_as_the_memory_does(snmem_memory: str) -> None:
    """Where there is a network of spikes, its recording reads as ``recall``, bit for bit."""
    memory, patterns = _stored(snmem_memory, 3, 12)
    if not isinstance(memory, SpikingMemory):
        return
    network = memory.network()
    assert not any(q.plasticity for q in network.projections)
    cues = partial_cues(patterns, 0.5, np.random.default_rng(13))
    inputs, steps = memory.recall_inputs(cues)
    np.testing.assert_array_equal(memory.read(simulate(network, inputs, steps)), memory.recall(cues))
