"""What a sweep consists of: a function of a model, the values of its parameters, and seeds."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from .._text import shown
from ..errors import InputError
from ..installation.content import content_names, load_model, load_script

#: Runs of one sweep, at most.
RUNS = 1_000_000
#: Parameters that the sweep itself fills in.
_OWN = {"seed", "report", "out"}
#: Types of parameters, and what a message calls them.
_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    type(None): "null",
}


def parse_value(text: str) -> Any:
    """Return a number, true, false, null or a text in quotes as in JSON; anything else as the text it is."""
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    finite = not isinstance(value, float) or math.isfinite(value)  # 1e999
    return value if finite and not isinstance(value, (list, dict)) else text


def parse_setting(setting: str, one: bool = False) -> tuple[str, tuple[Any, ...]]:
    """Split ``"name=value,value"`` into the name and its values; ``one``: a single value, commas and all.

    Raises
    ------
    InputError
        If there is no name or no value.
    """
    name, equals, text = setting.partition("=")
    parts = [text] if one else text.split(",")
    values = tuple(parse_value(part.strip()) for part in parts) if text.strip() else ()
    if not name or not equals or not values:
        raise InputError(f"setting {shown(setting)}: must read name=value or name=value,value; e.g. winners=10,50")
    return name.strip(), values


#: Functions that no other process can import, by their targets.
_here: dict[str, Callable[..., Any]] = {}


def named(function: str | Callable[..., Any]) -> str:
    """Return the target that names a function, for :func:`find_function`; a text is one already.

    A function of a module or of a script is found by any process. Others, such as those of a notebook's cell, are
    known to this process only (:func:`only_here`).

    Raises
    ------
    InputError
        For anything else, and for a function without a name (lambda), by which its runs could be kept.
    """
    if isinstance(function, str):
        return function
    name = getattr(function, "__qualname__", "")
    if not callable(function) or not name.split(".")[-1].isidentifier():
        raise InputError(f"sweep: needs a model, module:function, or a function with a name, got {shown(function)}")
    module = sys.modules.get(function.__module__)
    path = getattr(module, "__file__", None)
    if getattr(module, name, None) is function and path and not name.startswith("_"):
        return f"{Path(path).absolute() if function.__module__ == '__main__' else function.__module__}:{name}"
    _here[f"here:{name}"] = function
    return f"here:{name}"


def only_here(target: str) -> bool:
    """Whether no other process can import what a target names."""
    return target in _here


def find_function(target: str, wanted: str = "run") -> Callable[..., Any]:
    """Return the function that ``"model"`` or ``"model:function"`` names, by default its ``wanted``.

    A model is a name, the path of a .py file, or a module: :func:`snmem.installation.content.load_model`.

    Raises
    ------
    InputError, FileError
        If there is no such model or function.
    """
    if target in _here:
        return _here[target]
    model, named = split_target(target)
    module = load_model(model)
    function = getattr(module, named or wanted, None)
    if callable(function) and not named.startswith("_"):
        return function
    if not named and wanted == "run" and callable(getattr(module, "reproduce", None)):
        raise InputError(
            f"model {model!r}: has no single run, only the whole reproduction of published results, which may take "
            f"many minutes; use snmem reproduce {model} --quick, or name the function: {model}:reproduce"
        )
    raise InputError(f"model {target!r}: has no function {named or wanted!r}; use one with a function {wanted}")


def split_target(target: str) -> tuple[str, str]:
    """Split ``"model:function"`` into its parts; the function is empty where none is named."""
    path, script, function = target.rpartition(".py:")
    if script:
        return f"{path}.py", function
    if target.endswith(".py"):
        return target, ""
    model, _, function = target.partition(":")
    return model, function


def sweepable() -> list[str]:
    """Return the names of the models that have a function ``run``."""
    return [n.replace("_", "-") for n in content_names("models") if hasattr(load_script("models", n), "run")]


@dataclass(frozen=True)
class Sweep:
    """All combinations of the values of ``grid``, each with all ``seeds``.

    target : "model" or "model:function", see :func:`find_function`.
    grid : parameter -> values.    fixed : parameter -> value, the same for all.    seeds : seeds of the runs.

    Raises
    ------
    InputError
        For a parameter the function does not have, values given twice, no seeds, or more than a million runs.
    """

    target: str
    grid: Mapping[str, Sequence[Any]]
    fixed: Mapping[str, Any]
    seeds: Sequence[int]

    def __post_init__(self) -> None:
        parameters = _signature(find_function(self.target))
        known = [name for name in parameters if name not in _OWN]
        if "seed" not in parameters:
            raise InputError(f"model {self.target!r}: takes no seed; give its function a parameter seed")
        for name in (*self.grid, *self.fixed):
            if name not in known:
                raise InputError(f"parameter {name!r}: {self.target} has none of that name; it has {', '.join(known)}")
            if name in self.grid and name in self.fixed:
                raise InputError(f"parameter {name!r}: is both in the grid and set to one value; drop one")
        runs = math.prod(len(values) for values in (*self.grid.values(), self.seeds) if isinstance(values, Sized))
        if runs > RUNS:
            raise InputError(f"sweep: {runs:,} runs, the limit is {RUNS:,}; give fewer values or seeds")
        grid = {name: _values(name, values, parameters[name]) for name, values in self.grid.items()}
        seeds = _values("seed", self.seeds, parameters["seed"].replace(annotation=int))
        fixed = {name: _values(name, (value,), parameters[name])[0] for name, value in self.fixed.items()}
        if not 0 <= min(seeds) <= max(seeds) < 2**31:
            raise InputError(f"parameter 'seed': must lie in 0..{2**31 - 1}, got {min(seeds)}..{max(seeds)}")
        for name, value in (("grid", grid), ("seeds", seeds), ("fixed", fixed)):
            object.__setattr__(self, name, value)

    def points(self) -> list[dict[str, Any]]:
        """Parameters of every run, ``seed`` among them."""
        names = [*self.grid, "seed"]
        return [
            {**self.fixed, **dict(zip(names, values, strict=True))}
            for values in itertools.product(*self.grid.values(), self.seeds)
        ]

    def key(self, point: Mapping[str, Any]) -> str:
        """Name of the run: a hash of the function and its parameters."""
        text = json.dumps([self.target, dict(point)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def _signature(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function, with the types they are annotated with where these can be found out."""
    try:
        return inspect.signature(function, eval_str=True).parameters
    except (NameError, TypeError):
        return inspect.signature(function).parameters


def _values(name: str, values: Any, parameter: inspect.Parameter) -> tuple[Any, ...]:
    """The values of a parameter as plain ones of its type, or InputError."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"parameter {name!r}: needs a list of values, got {shown(values)}")
    plain = tuple(value.item() if isinstance(value, np.generic) else value for value in values)
    for value in plain:
        _check_type(name, value, parameter)
    if not plain or len({json.dumps(value) for value in plain}) < len(plain):
        raise InputError(f"parameter {name!r}: needs at least 1 value, none twice, got {shown(list(plain))}")
    return plain


def _check_type(name: str, value: Any, parameter: inspect.Parameter) -> None:
    """Refuse a value that the function's annotation does not allow; whole numbers pass for real ones."""
    wanted = parameter.annotation
    allowed = tuple(kind for kind in (get_args(wanted) or (wanted,)) if kind in _KINDS)
    known = [_KINDS[kind] for kind in allowed] or list(_KINDS.values())
    kind = type(value)
    fits = kind in (allowed or _KINDS) or (kind is int and float in allowed)
    if isinstance(value, int) and abs(value) >= 2**63:
        fits, known = False, [f"{text} below 2**63" if text in (_KINDS[int], _KINDS[float]) else text for text in known]
    if not fits or (kind is float and not math.isfinite(value)):
        example = "" if parameter.default is parameter.empty else f"; the default is {parameter.default!r}"
        several = "; --set takes one value, --grid several" if isinstance(value, str) and "," in value else ""
        got = f"{shown(value)} ({_KINDS.get(kind, kind.__name__)}){several}"
        raise InputError(f"parameter {name!r}: must be {' or '.join(known)}, got {got}{example}")


def execute(target: str, point: Mapping[str, Any], report: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Run one point and return its results: name -> (names of dimensions, float64 array)."""
    function = find_function(target)
    extra: dict[str, Any] = {"report": report} if "report" in inspect.signature(function).parameters else {}
    return as_variables(function(**point, **extra), target)


def as_variables(found: Any, target: str) -> dict[str, Any]:
    """Return results as float64 arrays with named dimensions.

    Accepts what a recipe returns (its ``rows`` become numbers), or a mapping from names to numbers, arrays, or pairs
    of (names of dimensions, array); numbers of a mapping within it are called "name: key". A name that is its own only
    dimension holds the coordinates of this dimension.
    """
    if isinstance(found, Mapping) and isinstance(found.get("rows"), (list, tuple)):
        found = {row["name"]: row["value"] if not isinstance(row["value"], str) else row["ok"] for row in found["rows"]}
    if not isinstance(found, Mapping):
        raise InputError(f"{target}: returned a {type(found).__name__}; a sweep needs a mapping from names to numbers")
    nested = ((n, v.items() if isinstance(v, Mapping) else [(None, v)]) for n, v in found.items())
    flat = {name if key is None else f"{name}: {key}": v for name, items in nested for key, v in items}
    out = {}
    for name, value in flat.items():
        safe = str(name).replace("/", " per ").strip()
        dims, values = value if isinstance(value, tuple) else (None, value)
        try:
            array = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            raise InputError(f"{target}: result {name!r} is no number or array of numbers; leave it out") from None
        named = (dims,) if isinstance(dims, str) else dims
        out[safe] = tuple(named or (f"{safe} {n}" for n in range(array.ndim))), array
        if len(out[safe][0]) != array.ndim:
            raise InputError(f"{target}: result {name!r} has {array.ndim} dimensions, but names {out[safe][0]}")
    return out
