"""Measurements of whole systems, as TOML files in which every row has a value, a unit, a role and a source.

A file has ``title``, ``source`` (who measured, where it is published), ``licence`` (under which its figures may be
quoted) and rows::

    [[row]]
    name = "SpiNN3: all neurons spike"
    chip = "spinnaker1"          # profile that predicts it
    quantity = "energy"          # energy, power or time
    value = 16.0                 # as measured, in ``unit``
    sd = 0.1                     # standard deviation over repeats, if stated
    unit = "J"
    role = "held out"            # see ROLES
    note = "what the row is"
    cause = "why the prediction is off, where it is off by more than a factor of 2"
    [row.predict]
    kind = "events"              # see :mod:`snmem.cost.validation.predictions`
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._text import one_line, path_text, shown
from ...errors import FileError
from ...installation.content import content_dir
from ...io.reading import read_bytes
from ..chip import UNITS

#: What a row is to the profile that predicts it.
ROLES = {
    "held out": "a check: the profile knows nothing of it",
    "fit": "a constant of the profile was worked out from it",
    "source": "a constant of the profile is this figure",
    "bound": "the publication leaves traffic open: predicted for the least or the most of it",
    "unpriced": "the chip has no public prices, so nothing predicts it",
}
_UNITS = {quantity: {**UNITS[quantity], "J": 1.0, "s": 1.0} for quantity in ("energy", "power", "time")}
_HEADER = ("title", "source", "licence")
_TEXTS = ("name", "chip", "quantity", "unit", "role", "note", "cause")
_FIELDS = (*_TEXTS, "value", "sd", "predict")
_BYTES, _ROWS = 2**20, 10_000


@dataclass(frozen=True)
class Measurement:
    """One public measurement, in SI units.

    Attributes
    ----------
    name : str
        What was measured.
    chip : str
        Name of the profile that predicts it.
    quantity : str
        "energy" (J), "power" (W) or "time" (s).
    value, sd : float
        The figure and its standard deviation (0: not stated).
    role : str
        One of :data:`ROLES`.
    note, cause : str
        What the row is; why the prediction is off.
    predict : mapping
        How to predict it: ``kind``, and what this kind needs.
    title, source, licence : str
        Of the file.
    """

    name: str
    chip: str
    quantity: str
    value: float
    role: str
    sd: float = 0.0
    note: str = ""
    cause: str = ""
    predict: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    licence: str = ""

    @property
    def unit(self) -> str:
        """SI unit of the value."""
        return {"energy": "J", "power": "W", "time": "s"}[self.quantity]


def read_measurements(folder: Path | None = None) -> list[Measurement]:
    """All measurements of a folder of TOML files; by default those that ship with snmem.

    Raises
    ------
    FileError
        For a file that is not TOML, an unknown key or unit, and a row without value, unit, role or source; the message
        names file and row.
    """
    folder = content_dir("hardware") / "measured" if folder is None else folder
    rows = [row for path in sorted(folder.glob("*.toml")) for row in _read(path)]
    seen: dict[str, str] = {}
    for row in rows:
        if row.name in seen:
            raise FileError(f"measurement {row.name!r}: stands twice in {path_text(folder)}; give each its own name")
        seen[row.name] = row.chip
    return rows


def _read(path: Path) -> list[Measurement]:
    where = f"measurements {path_text(path)}"
    raw = read_bytes(path, _BYTES, "check the path")
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{where}: not a readable TOML file ({one_line(error)})") from None
    for key in data:
        if key not in (*_HEADER, "row"):
            raise FileError(f"{where}: unknown key {shown(key)}; allowed: {', '.join((*_HEADER, 'row'))}")
    head = {key: _text(f"{where}: {key}", data.get(key)) for key in _HEADER}
    rows = data.get("row")
    if not isinstance(rows, list) or not 0 < len(rows) <= _ROWS:
        raise FileError(f"{where}: needs 1 to {_ROWS:,} tables [[row]]")
    return [_row(f"{where}: row {i + 1}", row, head) for i, row in enumerate(rows)]


def _row(where: str, row: Any, head: Mapping[str, str]) -> Measurement:
    if not isinstance(row, dict):
        raise FileError(f"{where}: must be a table, got {shown(row)}")
    for key in row:
        if key not in _FIELDS:
            raise FileError(f"{where}: unknown key {shown(key)}; allowed: {', '.join(_FIELDS)}")
    texts = {key: _text(f"{where}: {key}", row.get(key, "" if key in ("note", "cause") else None)) for key in _TEXTS}
    quantity, unit = texts["quantity"], texts.pop("unit")
    if quantity not in _UNITS:
        raise FileError(f"{where}: quantity {shown(quantity)} is unknown; use one of {', '.join(_UNITS)}")
    if unit not in _UNITS[quantity]:
        raise FileError(f"{where}: unit {shown(unit)} does not measure {quantity}; use {', '.join(_UNITS[quantity])}")
    if texts["role"] not in ROLES:
        raise FileError(f"{where}: role {shown(texts['role'])} is unknown; use one of {', '.join(ROLES)}")
    predict = row.get("predict", {})
    if not isinstance(predict, dict):
        raise FileError(f"{where}: predict must be a table, got {shown(predict)}")
    scale = _UNITS[quantity][unit]
    value, sd = (_number(f"{where}: {key}", row.get(key, 0.0 if key == "sd" else None)) for key in ("value", "sd"))
    if not value:
        raise FileError(f"{where}: value must be more than 0, got {shown(row.get('value'))}")
    return Measurement(**texts, value=value * scale, sd=sd * scale, predict=predict, **head)


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise FileError(f"{where} must be a text in quotes, got {shown(value)}")
    return value


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise FileError(f"{where} must be a number >= 0, got {shown(value)}")
    return float(value)
