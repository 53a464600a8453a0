"""Saved memories: what compiled code relies on is checked when they are loaded."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from snmem.circuits import Race
from snmem.errors import FileError, InputError
from snmem.memory import KWinnerConfig, KWinnerMemory, OnChipMemory, SpikingKWinnerMemory

CONFIG = KWinnerConfig(visible=30, hidden=40, fan_in=10, winners=4, active=5, rate=0.5)
PATTERNS = np.random.default_rng(0).permuted(np.tile(np.arange(30) < 5, (6, 1)), axis=1)
Arrays = dict[str, Any]


def saved(cls: Any, path: Path, **options: Any) -> Arrays:
    memory = cls(CONFIG, 1, **options)
    memory.store(PATTERNS)
    memory.save(path)
    with np.load(path) as file:
        return dict(file)


def with_header(arrays: Arrays, **values: Any) -> Arrays:
    return arrays | {"header": np.array(json.dumps(json.loads(str(arrays["header"])) | values))}


def with_config(arrays: Arrays, **values: Any) -> Arrays:
    config = json.loads(str(arrays["header"]))["config"]
    return with_header(arrays, config=config | values)


def put(name: str, at: Any, value: Any) -> Callable[[Arrays], Arrays]:
    def change(arrays: Arrays) -> Arrays:
        copied = arrays[name].copy()
        copied[at] = value
        return arrays | {name: copied}

    return change


def turned(name: str, function: Callable[[Any], Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name: function(arrays[name])}


def swapped_row(arrays: Arrays) -> Arrays:
    """Two synapses of unit 0 lead elsewhere: both matrices stay valid, but no longer hold the same synapses."""
    indices = arrays["forward_indices"].copy()
    indices[:10] = np.setdiff1d(np.arange(30), indices[:10])[:10]
    return arrays | {"forward_indices": indices}


HEADERS: dict[str, tuple[Any, str]] = {
    "no text": (turned("header", lambda x: np.array(3)), "'header': holds integers, expected text"),
    "no JSON": (turned("header", lambda x: np.array("{")), "header: is no valid JSON"),
    "deep": (turned("header", lambda x: np.array("[" * 50_000)), "header: is no valid JSON"),
    "long number": (turned("header", lambda x: np.array('{"format": ' + "1" * 5000 + "}")), "header: is no valid JSON"),
    "NaN": (turned("header", lambda x: np.array('{"format": NaN}')), "NaN is no JSON number"),
    "a list": (turned("header", lambda x: np.array("[1]")), r"holds \[1\], this version reads 'snmem"),
    "long": (turned("header", lambda x: np.array("x" * 300_000)), "a text of 300000 characters, the limit is 262144"),
    "other format": (lambda a: with_header(a, format="snmem 9"), "holds 'snmem 9', this version reads"),
    "no config": (lambda a: with_header(a, config=7), "header: config is 7, expected dict"),
    "unknown size": (lambda a: with_config(a, colour=1), "unexpected keyword argument 'colour'"),
    "no size": (lambda a: with_config(a, hidden=0), "KWinnerConfig.hidden: must be a whole number, at least 1, got 0"),
    "text size": (lambda a: with_config(a, hidden="40"), "hidden: must be a whole number, at least 1, got '40'"),
    "other size": (lambda a: with_config(a, hidden=41), r"has shape \("),
    "vast": (lambda a: with_config(a, visible=10**15), "visible = 1000000000000000, the limit for its synapses is"),
    "tied text": (lambda a: with_config(a, tied="no"), "tied: must be True or False, got 'no'"),
}
ALGORITHM: dict[str, tuple[Any, str]] = {
    "beyond": (put("inputs", (3, -1), 30), "'inputs': holds values outside 0 .. 29"),
    "not rising": (put("inputs", (3, 4), 0), "'inputs': must rise within each row"),
    "signed": (turned("inputs", lambda x: x.astype(int)), "'inputs': holds integers, expected unsigned integers"),
    "NaN": (put("forward", 5, np.nan), "'forward': holds values outside 0 .. 1"),
    "above 1": (put("back", (0, 0), 1.5), "'back': holds values outside 0 .. 1"),
    "other shape": (turned("back", lambda x: x.T), r"'back': has shape \(10, 40\), expected \(40, 10\)"),
    "missing": (lambda a: {k: v for k, v in a.items() if k != "back"}, "holds no array 'back', it has"),
    "tied": (lambda a: with_config(a, tied=True), r"'back': has shape \(40, 10\), expected \(0, 0\)"),
    "seed": (lambda a: with_header(a, tie_seed=2**64), "tie_seed is 18446744073709551616, expected int from 0 to"),
    "clock": (lambda a: with_header(a, clock=-1), "clock is -1, expected int from 0 to"),
    "lesioned": (lambda a: with_header(a, lesioned=1), "lesioned is 1, expected bool"),
}
SPIKING: dict[str, tuple[Any, str]] = {
    "beyond": (put("forward_indices", 3, 10**6), "'forward_indices': holds values outside 0 .. 29"),
    "beyond back": (put("back_indices", 3, 500), "'back_indices': holds values outside 0 .. 39"),
    "negative": (put("forward_indices", 3, -7), "'forward_indices': holds values outside 0 .. 29"),
    "pointer": (put("back_indptr", 3, -(2**30)), "'back_indptr': holds values outside 0 .. 400"),
    "falling": (put("back_indptr", 3, 0), "'back_indptr': must rise from 0 to 400"),
    "first": (put("forward_indptr", 0, 1), "'forward_indptr': must rise from 0 to 400"),
    "short": (turned("forward_data", lambda x: x[:-1]), r"'forward_indices': has shape \(400,\), expected \(399,\)"),
    "order": (turned("forward_indices", lambda x: x[::-1].copy()), "'forward_indices': must rise within each row"),
    "twice": (put("forward_indices", slice(0, 2), 3), "'forward_indices': must rise within each row"),
    "infinite": (put("back_data", 7, np.inf), "'back_data': holds values outside"),
    "huge": (put("back_data", 7, 1e300), "'back_data': holds values outside"),
    "other synapses": (swapped_row, "must connect the same pairs of units"),
    "strategy": (lambda a: with_header(a, kwta=["best", {}]), "header: kwta: k-WTA strategy 'best' is unknown"),
    "no strategy": (lambda a: with_header(a, kwta=[]), "header: kwta: "),
    "bits": (lambda a: with_header(a, readout=["successive_approximation", {"bits": 9.5}]), r"whole number in 1\.\.24"),
    "steps": (lambda a: with_header(a, readout=["race", {"steps": 10**9}]), r"Race.steps: must be .* 2\.\.10000"),
    "slowest": (lambda a: with_header(a, readout=["race", {"slowest": "x"}]), r"Race.slowest: must lie in \(0, 1\]"),
    "backend": (lambda a: with_header(a, backend=None), "header: backend is None, expected str"),
}
CASES = [(cls, n, *c) for cls in (KWinnerMemory, SpikingKWinnerMemory) for n, c in HEADERS.items()]
CASES += [(KWinnerMemory, n, *c) for n, c in ALGORITHM.items()]
CASES += [(SpikingKWinnerMemory, n, *c) for n, c in SPIKING.items()]


@pytest.mark.parametrize(("cls", "change", "words"), [(c[0], *c[2:]) for c in CASES], ids=lambda x: None)
def test_what_compiled_code_relies_on_is_checked(cls: Any, change: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "memory.npz"
    np.savez(path, **change(saved(cls, path)))
    with pytest.raises(FileError, match=words) as error:
        cls.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith(f"give a file written by {cls.__name__}.save")
    assert str(error.value).isprintable()


def test_the_two_kinds_of_files_do_not_pass_for_each_other(tmp_path: Path) -> None:
    saved(KWinnerMemory, tmp_path / "a.npz")
    saved(SpikingKWinnerMemory, tmp_path / "s.npz")
    for cls, name in ((KWinnerMemory, "s.npz"), (SpikingKWinnerMemory, "a.npz")):
        with pytest.raises(FileError, match="this version reads"):
            cls.load(tmp_path / name)


@pytest.mark.parametrize(
    "change",
    [
        turned("forward_indices", lambda x: x.astype(np.int64)),
        turned("back_indptr", lambda x: x.astype(">u8")),
        turned("forward_data", lambda x: x.astype(">f8")),
    ],
)
def test_integers_and_floats_of_other_machines_are_read(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "memory.npz"
    arrays = saved(SpikingKWinnerMemory, path)
    expected = SpikingKWinnerMemory.load(path)
    np.savez_compressed(path, **change(arrays))
    again = SpikingKWinnerMemory.load(path)
    assert again.recall_network == expected.recall_network
    again.store(PATTERNS[:2])
    expected.store(PATTERNS[:2])
    assert again.recall_network == expected.recall_network


@pytest.mark.parametrize("tied", [False, True])
def test_every_memory_comes_back_as_it_was(tied: bool, tmp_path: Path) -> None:
    config = replace(CONFIG, tied=tied, bits=4)
    memory = KWinnerMemory(config, 2)
    memory.store(PATTERNS)
    for kept in (memory, memory.lesioned(0.1, 0.2), memory.rounded(3)):
        kept.save(tmp_path / "m.npz")
        again = KWinnerMemory.load(tmp_path / "m.npz")
        assert (again.forward_weights != kept.forward_weights).nnz == 0
        np.testing.assert_array_equal(again.recall(PATTERNS), kept.recall(PATTERNS))
    with pytest.raises(InputError, match="lesioned"):
        memory.lesioned(0.1).store(PATTERNS)


def test_memories_that_learned_on_chip_or_lost_synapses_come_back(tmp_path: Path) -> None:
    memory = SpikingKWinnerMemory(CONFIG, 1, kwta=Race(50))
    chip = OnChipMemory(memory)
    chip.store(PATTERNS)
    pruned = [w.multiply(w.toarray() > 0.3).tocsr() for w in (memory.forward_weights, memory.return_weights)]
    for kept in (chip.memory, memory.with_weights(*map(sp.csr_array, pruned))):
        kept.save(tmp_path / "m.npz")
        again = SpikingKWinnerMemory.load(tmp_path / "m.npz")
        assert again.recall_network == kept.recall_network
        np.testing.assert_array_equal(again.recall(PATTERNS), kept.recall(PATTERNS))


def test_weights_from_outside_are_checked_alike() -> None:
    memory = SpikingKWinnerMemory(CONFIG, 1)
    forward, back = memory.forward_weights.copy(), memory.return_weights
    with pytest.raises(
        InputError, match=r"^forward weights: expected a scipy.sparse array of shape \(40, 30\), got \(30,"
    ):
        memory.with_weights(back, forward)
    with pytest.raises(InputError, match=r"^return weights: expected a scipy.sparse array of shape"):
        memory.with_weights(forward, back.toarray())  # type: ignore[arg-type]
    for part, at, value, words in (
        ("indices", 3, 10**6, "is no valid sparse array"),
        ("data", 3, np.nan, "not finite"),
        ("indptr", 3, -5, "is no valid sparse array"),
    ):
        bad = forward.copy()
        getattr(bad, part)[at] = value
        with pytest.raises(InputError, match=words):
            memory.with_weights(bad, back)
