"""Chip profiles: TOML files in which every constant has a value, a unit, a kind and a source.

A constant is one of

- a number: ``{ value = 23.6, unit = "pJ", kind = "simulated", source = "davies2018", note = "..." }``,
  with ``low`` and ``high`` where published figures disagree;
- unknown: ``{ value = "unknown", note = "why" }``. It is never taken for zero: what it would price is listed as such;
- included: ``{ value = "included", within = "synaptic_event", ... }``: another constant already contains it.

A constant that a file leaves out is unknown. Keys, units and kinds outside the lists below are refused, and so is
everything that would be ignored: ``low`` without a number, ``lookup`` without a table.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from .._text import one_line, path_text, shown
from ..errors import FileError, InputError
from ..installation.content import content_dir, content_names
from ..io.reading import read_bytes
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
            "kernel_weight_bits",
        ),
    ),
    "accuracy": ("count", ("energy", "time")),
}
_HEADER = ("title", "family", "vendor", "node", "voltage", "summary", "routing", "phases", "not_modelled")
#: What some texts of the header may be; the first is meant where it is left out.
CHOICES = {"routing": ("unicast", "multicast"), "phases": ("overlapping", "sequential")}
_FIELDS = ("value", "unit", "kind", "source", "note", "low", "high", "within", "lookup")
LOOKUPS = ("step", "linear")
#: Limits and sizes that may be 0.
_MAY_BE_ZERO = ("delay", "synapse_bits", "synapse_list_bits", "synapse_word_bits", "kernel_weight_bits")
#: Bytes of a profile, figures of a constant, whole numbers of a limit, cores of a chip, and tiles in a table.
_BYTES, _MOST, _COUNT, _CORES, _ROWS = 2**18, 1e30, 10**15, 2**20, 1000


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

        def unscale(x: float | None) -> float | None:
            return None if x is None else float(f"{x / self.scale:.12g}")

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
    phases : "overlapping" (a core sends while it receives) or "sequential" (one after the other, as a program does).
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
    phases: str = "overlapping"
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
        The file is missing or not TOML, or holds an unknown key, a constant without unit, kind or source, or a negative
        value; the message names file, table and constant.
    """
    if isinstance(name_or_path, Chip):
        return name_or_path
    path, raw = profile_file(name_or_path)
    remedy = f"known profiles: {', '.join(chips())}"
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, integers of thousands of digits, deep nesting
        raise FileError(
            f"chip profile {path_text(path)}: not a readable TOML file ({one_line(error)}); {remedy}"
        ) from None
    return parse_chip(data, path.stem, hashlib.sha256(raw).hexdigest(), f"chip profile {path_text(path)}")


def profile_file(name_or_path: str | Path) -> tuple[Path, bytes]:
    """Path and bytes of a profile that :func:`load_chip` reads; errors as there."""
    text = str(name_or_path)
    if text in chips():
        path = content_dir("hardware") / f"{text}.toml"
    elif text.endswith(".toml"):
        path = Path(text)
    else:
        raise InputError(f"chip {text!r}: unknown; use one of {', '.join(chips())}, or the path of a .toml file")
    return path, read_bytes(path, _BYTES, f"known profiles: {', '.join(chips())}")


def parse_chip(data: Mapping[str, Any], name: str, digest: str = "", where: str = "") -> Chip:
    """A Chip from the contents of a profile; FileError, which begins with ``where``, if they are not valid."""
    where = where or f"chip profile {name!r}"
    for key in data:
        if key not in (*_HEADER, *TABLES, "sources"):
            raise FileError(f"{where}: unknown key {shown(key)}; allowed: {', '.join((*_HEADER, *TABLES, 'sources'))}")
    if "title" not in data:
        raise FileError(f"{where}: 'title' is missing; give the chip's name as text")
    head = {k: _text(f"{where}: {k}", data[k]) for k in _HEADER[:-1] if k in data}
    for key, allowed in CHOICES.items():
        if head.get(key, allowed[0]) not in allowed:
            raise FileError(f"{where}: {key} must be one of {', '.join(allowed)}, got {shown(head[key])}")
    not_modelled: Any = data.get("not_modelled", [])
    if not _is_list(not_modelled):
        raise FileError(f"{where}: not_modelled must be a list of texts, got {shown(not_modelled)}")
    sources = _table(where, "sources", data)
    tables = {table: _constants(where, table, data, sources) for table in TABLES}
    cores = 1.0
    for size in ("tiles_x", "tiles_y", "cores_per_tile"):
        value = tables["geometry"].get(size, Constant(size, None)).value
        if value is None:
            raise FileError(f"{where}: geometry.{size} is missing; without it neurons cannot be placed")
        cores *= value
    if cores > _CORES:
        raise FileError(f"{where}: geometry: has {cores:.0f} cores, the limit is {_CORES}; describe one chip only")
    return Chip(
        name=name,
        tables=tables,
        sources={key: _text(f"{where}: sources.{key}", text) for key, text in sources.items()},
        not_modelled=tuple(_text(f"{where}: not_modelled", text) for text in not_modelled),
        digest=digest,
        **head,
    )


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise FileError(f"{where} must be a text in quotes, got {shown(value)}")
    return value


def _table(where: str, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return _dict(data.get(name, {}), f"{where}: [{name}] must be a table")


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _dict(value: Any, expected: str) -> dict[str, Any]:
    """``value``; FileError with ``expected`` if it is no table."""
    if not isinstance(value, dict):
        raise FileError(f"{expected}, got {shown(value)}")
    return cast("dict[str, Any]", value)


def _constants(where: str, table: str, data: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Constant]:
    """The constants of one table of a profile."""
    quantity, own = TABLES[table]
    names = (*EVENTS, *own) if table in ("energy", "time") else own
    out: dict[str, Constant] = {}
    for key, row in _table(where, table, data).items():
        if key not in names:
            raise FileError(f"{where}: [{table}] has no constant {shown(key)}; allowed: {', '.join(names)}")
        owner = f"{where}: {table}.{key}"
        out[key] = parse_constant(owner, key, row, quantity, names, sources)
        if out[key].table and (table, key) != ("time", "barrier"):
            raise FileError(f"{owner}: value is a table by tiles, which only time.barrier may be; give one number")
        least = 0 if key in _MAY_BE_ZERO else 1
        value = out[key].value
        if table in ("limits", "geometry") and value is not None and not least <= value <= _COUNT:
            raise FileError(f"{owner}: must lie in {least}..{_COUNT}, got {value:g}")
        if table in ("limits", "geometry") and value is not None and value != int(value):
            raise FileError(f"{owner}: must be a whole number, got {value!r}")
    return out


def parse_constant(
    where: str, name: str, row: Any, quantity: str, names: tuple[str, ...], sources: Mapping[str, Any]
) -> Constant:
    """One row of a profile as a Constant; FileError where it is not valid. ``where`` begins every message."""
    row = _dict(row, f"{where}: must be a table with 'value'")
    if "value" not in row:
        raise FileError(f"{where}: must be a table with 'value', got {shown(row)}")
    for key in row:
        if key not in _FIELDS:
            raise FileError(f"{where}: unknown field {shown(key)}; allowed: {', '.join(_FIELDS)}")
    texts: dict[str, Any] = {k: _text(f"{where}: {k}", row.get(k, "")) for k in ("unit", "kind", "source", "note")}
    _one_of(where, "kind", texts["kind"], KINDS)
    if texts["source"] and texts["source"] not in sources:
        raise FileError(f"{where}: source {shown(texts['source'])} is not in [sources]; add it there")
    value, unit = row["value"], texts.pop("unit")
    for key, needed in (("within", value == "included"), ("lookup", _is_list(value))):
        if key in row and not needed:
            raise FileError(f"{where}: {key} = {shown(row[key])} means nothing beside value = {shown(value)}; drop it")
    if value in ("unknown", "included") or _is_list(value):
        for key in row.keys() & {"low", "high"}:
            raise FileError(f"{where}: {key} needs a number as value, got {shown(value)}; drop {key}")
    if value == "unknown":
        return Constant(name, None, **texts)
    if value == "included":
        if row.get("within") not in (*names, *EVENTS):
            raise FileError(f"{where}: 'included' needs within = the constant that contains it")
        return Constant(name, None, within=row["within"], **texts)
    for needed, text in (("unit", unit), ("kind", texts["kind"]), ("source", texts["source"])):
        if not text:
            raise FileError(f"{where}: {needed} is missing")
    if unit not in UNITS[quantity]:
        allowed = ", ".join(UNITS[quantity])
        raise FileError(f"{where}: unit {shown(unit)} does not measure {quantity}; use one of {allowed}")
    texts |= {
        "unit": unit,
        "scale": UNITS[quantity][unit],
        "lookup": _text(f"{where}: lookup", row.get("lookup", "step")),
    }
    _one_of(where, "lookup", texts["lookup"], LOOKUPS)
    return _priced(where, name, row, texts)


def _one_of(where: str, key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value and value not in allowed:
        raise FileError(f"{where}: {key} {shown(value)} is unknown; use one of {', '.join(allowed)}")


def _priced(where: str, name: str, row: Mapping[str, Any], texts: dict[str, Any]) -> Constant:
    """A constant that has a number, or a table of numbers by tiles."""
    value, scale = row["value"], texts["scale"]
    if _is_list(value):
        if not 1 <= len(value) <= _ROWS or any(not _is_list(pair) or len(pair) != 2 for pair in value):
            raise FileError(f"{where}: value must be a number or pairs [[tiles, number], ...], got {shown(value)}")
        pairs = sorted((_number(f"{where}: tiles", k), _number(where, v) * scale) for k, v in value)
        if len({tiles for tiles, _ in pairs}) < len(pairs):
            raise FileError(f"{where}: value gives a number of tiles twice, got {shown(value)}")
        return Constant(name, None, table=tuple(pairs), **texts)
    number = _number(where, value)
    bounds = {k: _number(f"{where}: {k}", row[k]) for k in ("low", "high") if k in row}
    if not bounds.get("low", number) <= number <= bounds.get("high", number):
        limits = " and ".join(f"{k} = {x!r}" for k, x in bounds.items())
        raise FileError(f"{where}: value = {number!r} must lie between low and high, got {limits}")
    return Constant(name, number * scale, **{k: x * scale for k, x in bounds.items()}, **texts)


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FileError(f'{where}: value must be a number, "unknown" or "included", got {shown(value)}')
    if not 0 <= value <= _MOST:
        raise FileError(f"{where}: must be 0 or more and finite, got {shown(value)}; the limit is {_MOST:g}")
    return float(value)
