"""Patterns and cues: one check with one wording for every memory and every level."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from snmem.encode import VectorEncoder
from snmem.errors import InputError
from snmem.memory import (
    KWinnerConfig,
    KWinnerMemory,
    ModernHopfieldMemory,
    OnChipMemory,
    SpikingKWinnerMemory,
    StackedKWinnerMemory,
)
from snmem.memory.patterns import active_units

CONFIG = KWinnerConfig(visible=30, hidden=40, fan_in=10, winners=4, active=5, rate=0.5)
FRONT = KWinnerConfig(visible=30, hidden=40, fan_in=10, winners=6, active=5)
BEHIND = KWinnerConfig(visible=40, hidden=50, fan_in=10, winners=4, active=6)
MEMORIES: dict[str, Any] = {
    "algorithm": lambda: KWinnerMemory(CONFIG, 1),
    "spiking": lambda: SpikingKWinnerMemory(CONFIG, 1),
    "on chip": lambda: OnChipMemory(SpikingKWinnerMemory(CONFIG, 1)),
    "stacked": lambda: StackedKWinnerMemory(BEHIND, FRONT, 1),
    "Hopfield": lambda: ModernHopfieldMemory(30, 5),
}
PATTERNS = np.random.default_rng(0).permuted(np.tile(np.arange(30) < 5, (4, 1)), axis=1)
#: The same patterns in every form that numpy and scipy users hold them in.
FORMS: dict[str, Any] = {
    "booleans": lambda x: x,
    "floats": lambda x: x.astype(float),
    "big-endian": lambda x: x.astype(">i2"),
    "lists": lambda x: x.astype(int).tolist(),
    "columns first": np.asfortranarray,
    "csr": sp.csr_array,
    "matrix": lambda x: sp.csc_matrix(x.astype(float)),
    "lil": lambda x: sp.lil_array(x.astype(np.int8)),
    "duplicates": lambda x: sp.coo_array((np.full(40, 0.5), [np.repeat(part, 2) for part in np.nonzero(x)]), x.shape),
    "explicit zeros": lambda x: sp.csr_array((x.ravel() * 1, np.tile(np.arange(30), 4), np.arange(5) * 30), (4, 30)),
}


@pytest.fixture(scope="module")
def recalled() -> dict[str, Any]:
    out = {}
    for kind, make in MEMORIES.items():
        memory = make()
        memory.store(PATTERNS)
        out[kind] = np.asarray(memory.recall(PATTERNS))
    return out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", MEMORIES)
def test_every_form_of_the_same_patterns_gives_the_same_memory(kind: str, form: str, recalled: dict[str, Any]) -> None:
    memory, patterns = MEMORIES[kind](), FORMS[form](PATTERNS)
    memory.store(patterns)
    again = memory.recall(patterns)
    np.testing.assert_array_equal(again.toarray() if sp.issparse(again) else again, recalled[kind])


@pytest.mark.parametrize("empty", [[], np.zeros((0, 30)), sp.csr_array((0, 30))])
@pytest.mark.parametrize("kind", MEMORIES)
def test_no_patterns_change_nothing_and_one_is_a_vector(kind: str, empty: Any, recalled: dict[str, Any]) -> None:
    memory = MEMORIES[kind]()
    memory.store(empty)
    memory.store(PATTERNS)
    memory.store(empty)
    assert memory.recall(empty).shape == (0, 30)
    np.testing.assert_array_equal(memory.recall(PATTERNS[0]), recalled[kind][0])


def broken(**parts: Any) -> sp.csr_array:
    good = sp.csr_array(PATTERNS)
    for name, (at, value) in parts.items():
        getattr(good, name)[at] = value
    return good


BAD: dict[str, tuple[Any, str]] = {
    "width": (PATTERNS[:, :29], r"expected shape \(n, visible = 30\), got \(4, 29\)"),
    "vector": (PATTERNS[0, :9], r"expected shape \(n, visible = 30\), got \(9,\)"),
    "axes": (PATTERNS[None], r"expected shape \(n, visible = 30\), got \(1, 4, 30\)"),
    "number": (1, r"expected shape \(n, visible = 30\), got \(\)"),
    "sparse width": (sp.csr_array(PATTERNS[:, :29]), r"expected shape \(n, visible = 30\), got \(4, 29\)"),
    "ragged": ([[0, 1], [1]], "rows differ in length"),
    "two": (PATTERNS * 2, r"other than 0 and 1 \(dtype int64\); use an encoder of snmem.encode"),
    "NaN": (np.where(PATTERNS, 1.0, np.nan), r"other than 0 and 1 \(dtype float64\)"),
    "text": (np.where(PATTERNS, "1", "0"), "other than 0 and 1"),
    "complex": (PATTERNS * 1j, "other than 0 and 1"),
    "objects": (PATTERNS.astype(object), "other than 0 and 1"),
    "sparse two": (sp.csr_array(PATTERNS) * 2.0, "other than 0 and 1"),
    "sparse complex": (sp.csr_array(PATTERNS) * 1j, "other than 0 and 1"),
    "beyond": (broken(indices=(3, 1000)), "is no valid sparse array"),
    "below": (broken(indices=(3, -7)), "is no valid sparse array"),
    "pointer": (broken(indptr=(2, 10**9)), "is no valid sparse array"),
    "falling": (broken(indptr=(2, -(10**9))), "is no valid sparse array"),
    "none": (np.zeros((2, 30)), "row 0 has 0 ones, expected"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("kind", MEMORIES)
def test_every_memory_refuses_in_the_same_words(kind: str, what: str) -> None:
    value, words = BAD[what]
    memory = MEMORIES[kind]()
    if (kind, what) != ("Hopfield", "none"):  # it keeps rows of any number of ones
        with pytest.raises(InputError, match=f"^patterns: .*{words}"):
            memory.store(value)
        with pytest.raises(InputError, match=f"^cues: .*{words}"):
            memory.recall(value)


@pytest.mark.parametrize("kind", ["algorithm", "spiking", "on chip"])
def test_stored_patterns_have_their_number_of_ones(kind: str) -> None:
    more = PATTERNS | (np.arange(30) < 15)
    with pytest.raises(InputError, match=r"^patterns: row 0 has 1\d ones, expected exactly active = 5; use an encoder"):
        MEMORIES[kind]().store(more)


def test_encoders_check_patterns_alike() -> None:
    encoder = VectorEncoder(30, 5).fit(np.random.default_rng(0).normal(size=(9, 4)))
    with pytest.raises(InputError, match=r"^patterns: expected shape \(n, size = 30\), got \(4, 29\)"):
        encoder.decode(PATTERNS[:, :29])
    with pytest.raises(InputError, match=r"^patterns: holds values other than 0 and 1"):
        encoder.decode(PATTERNS * 3)


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), max_size=5))
def test_active_units_are_the_ones_row_by_row(rows: list[list[bool]]) -> None:
    array = np.array(rows, bool).reshape(-1, 7)
    for form in (array, sp.csr_array(array)):
        checked = active_units(form, 7, "x")
        assert [checked.units[a:b].tolist() for a, b in zip(checked.bounds, checked.bounds[1:], strict=False)] == [
            np.flatnonzero(row).tolist() for row in array
        ]
        np.testing.assert_array_equal(checked.rows(), array)
