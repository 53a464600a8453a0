"""Chip profiles: TOML files in which every constant has a value, a unit, a kind and a source.

A constant is one of

- a number: ``{ value = 23.6, unit = "pJ", kind = "simulated", source = "davies2018", note = "..." }``,
  with ``low`` and ``high`` where published figures disagree;
- unknown: ``{ value = "unknown", note = "why" }``. It is never taken for zero: what it would price is listed as such;
- included: ``{ value = "included", within = "synaptic_event", ... }``: another constant already contains it.

A constant that a file leaves out is unknown. Keys, units and kinds outside the lists below are refused.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FileError, InputError
from ..installation.content import content_dir, content_names
from .events import EVENTS

KINDS = ("measured", "simulated", "fitted", "claim", "vendor", "derived", "assumed")
#: SI value of each unit, by what it measures.
UNITS: dict[str, dict[str, float]] = {
    "energy": {"fJ": 1e-15, "pJ": 1e-12, "nJ": 1e-9, "uJ": 1e-6, "mJ": 1e-3},
    "time": {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3},
    "power": {"uW": 1e-6, "mW": 1e-3, "W": 1.0},
    "count": dict.fromkeys(
        ("neurons", "axons", "synapses", "cores", "tiles", "chips", "bits", "messages", "steps", "fraction"), 1.0
    ),
}
#: Constants each table may hold, beside one for each event in "energy" and "time", and what they measure.
#: docs/cost.md says what each one is charged for.
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "energy": ("energy", ("barrier", "reset")),
    "time": ("time", ("link", "barrier", "tick")),
    "power": ("power", ("static_chip", "host_chip")),
    "limits": (
        "count",
        (
            "neurons_per_core",
            "axons_in_per_core",
            "axons_out_per_core",
            "synapses_per_core",
            "synapse_memory_per_core",
            "weight_bits",
            "delay",
            "chips",
        ),
    ),
    "geometry": (
        "count",
        (
            "tiles_x",
            "tiles_y",
            "cores_per_tile",
            "link_buffer",
            "core_buffer",
            "synapse_bits",
            "synapse_list_bits",
            "synapse_word_bits",
        ),
    ),
    "accuracy": ("count", ("energy", "time")),
}
_HEADER = ("title", "family", "vendor", "node", "voltage", "summary", "routing", "not_modelled")
ROUTINGS = ("unicast", "multicast")
_FIELDS = {"value", "unit", "kind", "source", "note", "low", "high", "within", "lookup"}


@dataclass(frozen=True)
class Constant:
    """One constant of a chip, in SI units (J, s, W, or a plain count).

    value : the number; None if unknown or included in another constant, which ``within`` then names.
    low, high : range of published figures, or None.
    table : ((key, value), ...) for a barrier that depends on the number of tiles in use.
    unit, kind, source, note : as in the file; ``unit`` is the unit printed, ``scale`` its SI value.
    """

    name: str
    value: float | None
    unit: str = ""
    kind: str = ""
    source: str = ""
    note: str = ""
    low: float | None = None
    high: float | None = None
    within: str = ""
    table: tuple[tuple[float, float], ...] = ()
    lookup: str = "step"
    scale: float = 1.0

    @property
    def unknown(self) -> bool:
        """True if there is no public figure."""
        return self.value is None and not self.within and not self.table

    def at(self, key: float) -> float | None:
        """The value for ``key`` mapped tiles: of the largest tabled key <= it, or on the line between two keys."""
        if not self.table:
            return self.value
        keys = [k for k, _ in self.table]
        values = [v for _, v in self.table]
        below = max((i for i, k in enumerate(keys) if k <= key), default=0)
        if self.lookup == "step" or below == len(keys) - 1 or key <= keys[0]:
            return values[below]
        part = (key - keys[below]) / (keys[below + 1] - keys[below])
        return values[below] + part * (values[below + 1] - values[below])

    def to_dict(self) -> dict[str, Any]:
        """The constant as it is printed: in its own unit."""
        unscale = lambda x: None if x is None else float(f"{x / self.scale:.12g}")  # noqa: E731
        value: Any = unscale(self.value)
        if self.table:
            value = [[k, unscale(v)] for k, v in self.table]
        elif value is None:
            value = "included" if self.within else "unknown"
        out = {"value": value, "unit": self.unit, "kind": self.kind, "source": self.source, "note": self.note}
        out |= {"low": unscale(self.low), "high": unscale(self.high), "within": self.within}
        return {k: v for k, v in out.items() if v not in ("", None)}


@dataclass(frozen=True)
class Chip:
    """A chip profile. ``chip.energy("packet")`` etc. are in SI units, None where unknown or included elsewhere.

    family : profiles of one chip share it; their bills together make an interval.
    routing : "unicast" (one packet per destination core) or "multicast" (one packet that branches on its way).
    """

    name: str
    title: str
    tables: Mapping[str, Mapping[str, Constant]]
    sources: Mapping[str, str]
    family: str = ""
    vendor: str = ""
    node: str = ""
    voltage: str = ""
    summary: str = ""
    routing: str = "unicast"
    not_modelled: tuple[str, ...] = ()
    digest: str = field(default="", compare=False)

    def constant(self, table: str, name: str) -> Constant:
        """The constant, or an unknown one if the profile does not give it."""
        return self.tables.get(table, {}).get(name) or Constant(name, None, note="not in the profile")

    def energy(self, name: str) -> float | None:
        """Joules per event."""
        return self.constant("energy", name).value

    def time(self, name: str) -> float | None:
        """Seconds per event."""
        return self.constant("time", name).value

    def power(self, name: str) -> float | None:
        """Watts per chip; 0 where an energy per event already contains them."""
        constant = self.constant("power", name)
        return 0.0 if constant.within else constant.value

    def limit(self, name: str) -> int | None:
        """A limit as a whole number, None if unknown."""
        value = self.constant("limits", name).value
        return None if value is None else int(value)

    def geometry(self, name: str, default: int = 1) -> int:
        """A size of the mesh."""
        value = self.constant("geometry", name).value
        return default if value is None else int(value)

    @property
    def tiles(self) -> int:
        """Tiles of one chip."""
        return self.geometry("tiles_x") * self.geometry("tiles_y")

    @property
    def cores(self) -> int:
        """Cores of one chip."""
        return self.tiles * self.geometry("cores_per_tile")

    def to_dict(self) -> dict[str, Any]:
        """Everything in the profile, constants in their printed units."""
        head = {k: getattr(self, k) for k in ("name", *_HEADER[:-1])}
        tables = {t: {n: c.to_dict() for n, c in rows.items()} for t, rows in self.tables.items()}
        return head | tables | {"not_modelled": list(self.not_modelled), "sources": dict(self.sources)}


def chips() -> list[str]:
    """Names of the profiles that ship with snmem."""
    return content_names("hardware", ".toml")


def load_chip(name_or_path: str | Path | Chip) -> Chip:
    """Read a profile by name (see :func:`chips`) or from a TOML file.

    Raises
    ------
    InputError
        There is no profile of that name.
    FileError
        The file is missing or not TOML, or holds an unknown key, a constant without unit, kind or source, or a
        negative value; the message names file, table and constant.
    """
    if isinstance(name_or_path, Chip):
        return name_or_path
    text = str(name_or_path)
    if text in chips():
        path = content_dir("hardware") / f"{text}.toml"
    elif text.endswith(".toml"):
        path = Path(text)
    else:
        raise InputError(f"chip {text!r}: unknown; use one of {', '.join(chips())}, or the path of a .toml file")
    try:
        raw = path.read_bytes()
        data = tomllib.loads(raw.decode("utf-8"))
    except FileNotFoundError:
        raise FileError(f"chip profile {path}: there is no such file; known profiles: {', '.join(chips())}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileError(f"chip profile {path}: not a readable TOML file ({error})") from None
    return parse_chip(data, path.stem, hashlib.sha256(raw).hexdigest())


def parse_chip(data: Mapping[str, Any], name: str, digest: str = "") -> Chip:
    """A Chip from the contents of a profile; FileError where it is not valid."""
    where = f"chip profile {name!r}"
    for key in data:
        if key not in (*_HEADER, *TABLES, "sources"):
            raise FileError(f"{where}: unknown key {key!r}; allowed: {', '.join((*_HEADER, *TABLES, 'sources'))}")
    if not isinstance(data.get("title"), str):
        raise FileError(f"{where}: 'title' is missing; give the chip's name as text")
    sources = data.get("sources", {})
    tables = {}
    for table, (quantity, own) in TABLES.items():
        names = (*EVENTS, *own) if table in ("energy", "time") else own
        rows = data.get(table, {})
        if not isinstance(rows, dict):
            raise FileError(f"{where}: [{table}] must be a table of constants, got {rows!r}")
        for key in rows:
            if key not in names:
                raise FileError(f"{where}: [{table}] has no constant {key!r}; allowed: {', '.join(names)}")
        tables[table] = {
            key: parse_constant(f"{where}: {table}.{key}", key, row, quantity, names, sources)
            for key, row in rows.items()
        }
    for size in ("tiles_x", "tiles_y", "cores_per_tile"):
        if tables["geometry"].get(size, Constant(size, None)).value is None:
            raise FileError(f"{where}: geometry.{size} is missing; without it neurons cannot be placed")
    head = {k: data[k] for k in _HEADER[:-1] if k in data}
    if head.get("routing", "unicast") not in ROUTINGS:
        raise FileError(f"{where}: routing must be one of {', '.join(ROUTINGS)}, got {head['routing']!r}")
    return Chip(
        name=name,
        tables=tables,
        sources=dict(sources),
        not_modelled=tuple(data.get("not_modelled", ())),
        digest=digest,
        **head,
    )


def parse_constant(
    where: str, name: str, row: Any, quantity: str, names: tuple[str, ...], sources: Mapping[str, str]
) -> Constant:
    """One row of a profile as a Constant; FileError where it is not valid. ``where`` begins every message."""
    if not isinstance(row, dict) or "value" not in row:
        raise FileError(f"{where}: must be a table with 'value', got {row!r}")
    extra = set(row) - _FIELDS
    if extra:
        raise FileError(f"{where}: unknown field {sorted(extra)[0]!r}; allowed: {', '.join(sorted(_FIELDS))}")
    texts: dict[str, Any] = {k: str(row.get(k, "")) for k in ("kind", "source", "note")}
    if texts["kind"] and texts["kind"] not in KINDS:
        raise FileError(f"{where}: kind {texts['kind']!r} is unknown; use one of {', '.join(KINDS)}")
    if texts["source"] and texts["source"] not in sources:
        raise FileError(f"{where}: source {texts['source']!r} is not in [sources]; add it there")
    value = row["value"]
    if value == "unknown":
        return Constant(name, None, **texts)
    if value == "included":
        if row.get("within") not in (*names, *EVENTS):
            raise FileError(f"{where}: 'included' needs within = the constant that contains it")
        return Constant(name, None, within=row["within"], **texts)
    for needed in ("unit", "kind", "source"):
        if not row.get(needed):
            raise FileError(f"{where}: {needed} is missing")
    units = UNITS[quantity]
    if row["unit"] not in units:
        raise FileError(f"{where}: unit {row['unit']!r} does not measure {quantity}; use one of {', '.join(units)}")
    scale = units[row["unit"]]
    common: dict[str, Any] = {"unit": row["unit"], "scale": scale, "lookup": row.get("lookup", "step"), **texts}
    if isinstance(value, list):
        pairs = [(float(k), _number(where, v) * scale) for k, v in value]
        return Constant(name, None, table=tuple(sorted(pairs)), **common)
    bounds = {k: _number(where, row[k]) * scale for k in ("low", "high") if k in row}
    return Constant(name, _number(where, value) * scale, **bounds, **common)


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FileError(f'{where}: value must be a number, "unknown" or "included", got {value!r}')
    if not 0 <= value < float("inf"):
        raise FileError(f"{where}: must be 0 or more and finite, got {value}")
    return float(value)
