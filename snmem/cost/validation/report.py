"""Predictions beside measurements: rows, a summary of what was held out, and the page of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..report.tables import si
from .measurements import ROLES, Measurement, read_measurements
from .predictions import predict

#: A prediction off by more than this factor needs a cause in words.
FACTOR = 2.0


@dataclass(frozen=True)
class Check:
    """A measurement and its prediction, both in SI units."""

    measured: Measurement
    value: float | None

    @property
    def error(self) -> float | None:
        """Relative error of the prediction."""
        return None if self.value is None else self.value / self.measured.value - 1

    @property
    def factor(self) -> float | None:
        """How many times the prediction is too high or too low."""
        if not self.value:
            return None
        ratio = self.value / self.measured.value
        return max(ratio, 1 / ratio)

    @property
    def unexplained(self) -> bool:
        """Whether it is off by more than :data:`FACTOR` and nobody says why."""
        return self.factor is not None and self.factor > FACTOR and not self.measured.cause

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        m = self.measured
        row = {"name": m.name, "chip": m.chip, "quantity": m.quantity, "value": self.value, "published": m.value}
        row |= {"sd": m.sd, "unit": m.unit, "error": self.error, "factor": self.factor, "role": m.role}
        return row | {"note": m.note, "cause": m.cause, "source": m.source, "licence": m.licence}


def check(rows: Iterable[Measurement] | None = None) -> list[Check]:
    """Predict every measurement; by default those that ship with snmem."""
    return [Check(row, predict(row)) for row in (read_measurements() if rows is None else rows)]


def summary(checks: Sequence[Check]) -> dict[str, Any]:
    """How many rows there are by role, and the errors of those held out."""
    held = [c for c in checks if c.measured.role == "held out" and c.error is not None]
    factors = [c.factor for c in held if c.factor is not None]
    return {
        "rows": len(checks),
        "roles": {role: sum(c.measured.role == role for c in checks) for role in ROLES},
        "held_out": len(held),
        "held_out_median_absolute_error": median(abs(c.error or 0.0) for c in held) if held else None,
        "held_out_within_factor_2": sum(f <= FACTOR for f in factors),
        "unexplained": [c.measured.name for c in checks if c.unexplained],
    }


def check_page(checks: Sequence[Check]) -> str:
    """The table of docs/trust.md as Markdown, one part for each profile."""
    lines: list[str] = []
    for chip in dict.fromkeys(c.measured.chip for c in checks):
        lines += [f"### `{chip}`", "", "| measurement | measured | predicted | error | role |", "|---|---|---|---|---|"]
        rows = [c for c in checks if c.measured.chip == chip]
        causes: dict[str, int] = {}
        for c in rows:
            m = c.measured
            spread = f" ± {si(m.sd, m.unit)}" if m.sd else ""
            error = "no price" if c.error is None else f"{c.error:+.0%}"
            if m.cause:
                error += f" ({causes.setdefault(m.cause, len(causes) + 1)})"
            lines.append(f"| {m.name} | {si(m.value, m.unit)}{spread} | {si(c.value, m.unit)} | {error} | {m.role} |")
        lines += ["", *(f"({number}) {cause}" + "\n" for cause, number in causes.items())]
        for source in dict.fromkeys(f"{c.measured.source} ({c.measured.licence})" for c in rows):
            lines += [f"Source: {source}.", ""]
    return "\n".join(lines)
