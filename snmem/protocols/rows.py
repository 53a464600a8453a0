"""Rows that set a number of ours beside a published one, or beside one expected from theory or from our own full run.

The key of the second number says which it is: ``published``, ``expected``, or ``target`` for a limit to keep.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any


def row(name: str, value: float, published: float, tolerance: float, unit: str = "") -> dict[str, Any]:
    """Return a row; it is ok if ``value`` lies within ``tolerance`` of ``published``."""
    return _number_row(name, value, "published", published, tolerance, unit)


def expected(name: str, value: float, wanted: float, tolerance: float, unit: str = "") -> dict[str, Any]:
    """Return a row beside a number that nobody published: of theory, of another level, of our own full run."""
    return _number_row(name, value, "expected", wanted, tolerance, unit)


def _number_row(name: str, value: float, key: str, wanted: float, tolerance: float, unit: str) -> dict[str, Any]:
    ok = bool(math.isfinite(value) and abs(value - wanted) <= tolerance)
    numbers = {"value": float(value), key: float(wanted), "tolerance": float(tolerance)}
    return {"name": name, **numbers, "unit": unit, "ok": ok}


def verdict(name: str, value: str, published: str) -> dict[str, Any]:
    """Return a row for a published finding in words; it is ok if both are the same."""
    return _word_row(name, value, "published", published)


def finding(name: str, value: str, wanted: str) -> dict[str, Any]:
    """Return a row for a finding in words of our own full run; it is ok if both are the same."""
    return _word_row(name, value, "expected", wanted)


def _word_row(name: str, value: str, key: str, wanted: str) -> dict[str, Any]:
    return {"name": name, "value": value, key: wanted, "tolerance": "same", "unit": "", "ok": value == wanted}


def not_run(name: str, why: str, wanted: float, tolerance: float, unit: str = "") -> dict[str, Any]:
    """Return a row, never ok, for what could not be measured here; ``why`` says what is missing and how to get it."""
    return {**expected(name, math.nan, wanted, tolerance, unit), "value": f"not run: {why}"}


def target(name: str, value: float, limit: float, unit: str, least: bool = True) -> dict[str, Any]:
    """Return a row that is ok if ``value`` is at least (or at most) ``limit``."""
    ok = bool(value >= limit if least else value <= limit)
    return {"name": name, "value": float(value), "target": limit, "unit": unit, "ok": ok}


def near(name: str, value: float, wanted: float, tolerance: float, unit: str = "") -> dict[str, Any]:
    """Return a row that is ok if ``value`` lies within ``tolerance`` of ``wanted``, a target nobody published."""
    ok = bool(math.isfinite(value) and abs(value - wanted) <= tolerance)
    return {"name": name, "value": float(value), "target": wanted, "tolerance": tolerance, "unit": unit, "ok": ok}


def result(
    rows: Sequence[Mapping[str, Any]], raw: Mapping[str, Any], files: Sequence[str], seed: int, began: float
) -> dict[str, Any]:
    """Return what a recipe hands back; ``began`` is ``time.perf_counter()`` at its start."""
    return {
        "ok": all(r["ok"] for r in rows),
        "rows": list(rows),
        "raw": dict(raw),
        "files": list(files),
        "seed": seed,
        "seconds": round(time.perf_counter() - began, 2),
    }
