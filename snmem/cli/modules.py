"""``snmem cost FILE.py:NAME``: the bill of a module of another framework."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .contract import Report

#: Options of ``snmem cost`` that a module takes.
TAKEN = ("file", "chip", "inputs", "batch", "out")
_NAMED = re.compile(r"(.+\.py)(?::(.*))?", re.DOTALL)


def is_module(file: Path) -> bool:
    """Whether the argument names a module in a Python file, not a file of a network."""
    return _NAMED.fullmatch(str(file)) is not None


def module_report(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> Report:
    """The bill of a module, layer by layer, on every chip.

    Parameters
    ----------
    values, defaults : mapping
        Options of ``snmem cost`` as they are, and as they are by default.

    Raises
    ------
    FileError
        If there is no such file, or Python cannot import it.
    InputError
        For a name that the file does not have, a module that cannot be billed, and options that only networks take.
    """
    from ..cost.modules import cost_of
    from ..errors import InputError

    for name, value in values.items():
        if name not in TAKEN and value != defaults[name]:
            raise InputError(f"cost: --{name.replace('_', '-')} is for networks; a module is counted without placement")
    if values["inputs"] is None:
        raise InputError("cost: a module needs --input FILE.npy, numbers of shape (steps, samples, ...)")
    module, sample = _module(str(values["file"])), _sample(values["inputs"])
    costs = [cost_of(module, sample, chip, batch=values["batch"]) for chip in values["chip"]]
    first = costs[0].to_dict()
    others = {c.chip: {"joules": c.joules, "unpriced": list(c.unpriced)} for c in costs[1:]}
    return Report({**first, "chips": others, "input": {"file": values["inputs"]}}, _tables(costs))


def _module(text: str) -> Any:
    """What ``FILE.py:NAME`` names, called if it is no module yet."""
    from .._text import one_line
    from ..errors import InputError, SnmemError
    from ..installation.content import load_file

    match = _NAMED.fullmatch(text)
    path, name = match.groups() if match else (text, "")
    scope = vars(load_file(path))
    if not name or name not in scope:
        known = ", ".join(k for k, x in scope.items() if not k.startswith("_") and _may_be(x, scope["__name__"]))
        what = f"has no {name!r}" if name else "holds several things"
        raise InputError(f"cost: {path} {what}; name a module or what makes one, as in {path}:NAME: {known or 'none'}")
    made = scope[name]
    if hasattr(made, "named_modules") and not isinstance(made, type):
        return made
    if not callable(made):
        raise InputError(f"cost: {path}:{name} is a {type(made).__name__}, no torch.nn.Module and nothing to call")
    try:
        return made()
    except SnmemError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"cost: {path}:{name}() fails: {type(error).__name__}: {one_line(error)}") from error


def _may_be(value: Any, file: str) -> bool:
    """Whether it is a torch module, or something to call that the file itself defines."""
    return hasattr(value, "named_modules") or (callable(value) and getattr(value, "__module__", "") == file)


def _sample(path: Path) -> Any:
    from ..io.arrays import open_arrays

    with open_arrays(path) as file:
        if len(file.headers) != 1:
            raise file.error(f"holds {len(file.headers)} arrays, a sample is one")
        return file.read(next(iter(file.headers)))


def _tables(costs: Sequence[Any]) -> list[Any]:
    from .._rich import Table
    from ..cost.report.tables import si

    first = costs[0]
    heads = ("layer", "neurons", "spikes", "synapses", "synaptic events", "of them multiply")
    title = f"{first.framework} module: one of {first.samples} sample(s) of {first.steps} steps"
    table = Table(*heads, *(f"joules on {c.chip}" for c in costs), title=title)
    for i, x in enumerate(first.layers):
        neurons, spikes = (f"{x.counts[k]:,.6g}" if x.kind == "neurons" else "" for k in ("neurons", "spikes"))
        there = [f"{x.counts[k]:,.6g}" if x.kind == "synapses" else "" for k in ("synapses", "events", "macs")]
        table.add_row(x.name, neurons, spikes, *there, *(si(c.layers[i].joules, "J") for c in costs))
    total = first.counters
    sums = ["", f"{total['spikes']:,.6g}", "", f"{total['events']:,.6g}", f"{total['Effective_MACs']:,.6g}"]
    table.add_row("total", *sums, *(si(c.joules, "J") for c in costs))
    said = [
        "NeuroBench's counters of a sample: "
        + ", ".join(f"{name} {total[name]:,.10g}" for name in ("Effective_ACs", "Effective_MACs", "Dense"))
        + ".",
        "Joules are dynamic, a lower bound: where neurons would lie is not known; a spike is one packet without hops.",
    ]
    if first.not_counted:
        said.append(f"Not counted, though they have weights: {', '.join(first.not_counted)}.")
    for c in costs:
        if c.unpriced:
            said.append(f"Joules on {c.chip} are unknown: no public energy of {', '.join(c.unpriced)}.")
    return [table, *said]
