"""The tests that the plugin runs against a memory (see :mod:`snmem.conformance.plugin`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ..errors import InputError
from ..memory.base import MEMORIES, Memory
from ..tasks.patterns import random_patterns

VISIBLE, ACTIVE = 200, 20


def _memory(name: str, seed: int = 0) -> Memory:
    return MEMORIES[name].for_patterns(VISIBLE, ACTIVE, seed=seed)


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
