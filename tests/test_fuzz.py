"""Damaged files by the thousand, what failed before, and whether failures would be noticed."""

from pathlib import Path

import pytest
from fuzz.kinds import KINDS
from fuzz.run import FAILURES, replay, run

FILES = 3_000  # `make fuzz` takes a million


def test_thousands_of_damaged_files_are_accepted_or_refused_in_one_line(tmp_path: Path) -> None:
    outcome = run(FILES, 0, keep=FAILURES)
    assert not outcome.failures, outcome.table()
    assert outcome.cases == FILES
    for name in KINDS:  # the changes reach both sides
        assert outcome.accepted[name] > 0, outcome.table()
        assert outcome.refused[name] > 0, outcome.table()


def test_what_failed_before_is_mended() -> None:
    outcome = replay(sorted(path for path in FAILURES.iterdir() if path.suffix != ".md"))
    assert not outcome.failures, outcome.table()


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("fault_raise", "ZeroDivisionError"),
        ("fault_words", "message of 22 characters: 'a message of"),
        ("fault_crash", "SIGSEGV"),
        ("fault_loop", "over 1 s of processor time"),
        ("fault_memory", "MemoryError"),
    ],
)
def test_every_kind_of_failure_is_noticed_and_kept(fault: str, what: str, tmp_path: Path) -> None:
    outcome = run(2, 7, [fault], workers=1, keep=tmp_path / "kept", cpu=1)
    assert outcome.cases == 2
    assert [f["seed"] for f in outcome.failures] == [7, 8]
    assert all(what in f["what"] for f in outcome.failures), outcome.table()
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.name.startswith(f"{fault}-")
