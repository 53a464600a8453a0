"""The section of conformance: which runtimes give the same spikes, and where they differ first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import FileError


def conformance(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict as plain data.

    Parameters
    ----------
    verdict : mapping
        What :func:`snmem.verify.verify` returned, or ``snmem verify --json`` printed.

    Raises
    ------
    FileError
        For a mapping that is no verdict.
    """
    rows, marks = [], []
    try:
        for name, result in verdict["backends"].items():
            if not result["populations"]:
                rows.append([str(name), str(result["status"]), "", None, None, str(result["reason"] or "")])
            for population, d in result["populations"].items():
                first = None if d["first_step"] is None else int(d["first_step"])
                number = int(d["differing"])
                rows.append(
                    [str(name), str(result["status"]), str(population), number, first, str(d.get("reason") or "")]
                )
                if first is not None:
                    marks.append(
                        {"step": first, "population": str(population), "text": f"{name} differs: {population}"}
                    )
        summary = {
            "verdict": str(verdict["verdict"]),
            "baseline": str(verdict["baseline"]),
            "steps": int(verdict["steps"]),
        }
        reason = str((verdict.get("evidence") or {}).get("reason") or "")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FileError(f"view: the verdict is damaged ({error!r}); write it again with snmem verify --out") from None
    marks.sort(key=lambda mark: mark["step"])
    return {**summary, "reason": reason, "rows": rows, "marks": marks[:6]}
