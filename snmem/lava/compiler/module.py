"""A network written as a Python module for Lava: read it, run it as a program, or embed it by its ports.

The module needs Lava, numpy and scipy only. Populations, projections and inputs are attributes under their own names.

What comes from outside, such as names, enters its text as literals in the tables at its head; code is made of fixed
text, numbers, and attributes of the form ``[A-Za-z_][A-Za-z0-9_]*`` that are no words of Python or of the module.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import keyword
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from ... import __version__
from ..._text import unique
from ...errors import NetworkError
from ...io.files import replace_file
from ...loihi.rules import TRACES
from ...network import Network, Population, Projection
from ..plan import DENSE_FROM, NO_MEMORY, is_extended, lava_parameters, lava_products, order_free, sign_of
from . import arrays
from .template import EXTENDED, HEAD, LEARNING, LEARNING_IMPORTS, LEARNING_METHODS, METHODS

MODULE, PARAMETERS = "network.py", "parameters.npz"
#: Attributes that the module's class has already, and words of Python.
RESERVED = frozenset(keyword.kwlist) | {
    *("inp", "out", "inputs", "outputs", "populations", "connections", "lines", "start", "timed", "sample_steps"),
    *("run", "stop", "reset", "run_config", "learned"),
}
_LONGEST_ATTRIBUTE = 60


@dataclass(frozen=True)
class Written:
    """What a written module holds.

    kinds : projection -> "Dense" or "Sparse".
    v, weights : population or projection -> the module's output array of its v or its learned weights.
    """

    files: tuple[Path, ...]
    kinds: Mapping[str, str]
    v: Mapping[str, str]
    weights: Mapping[str, str]


def write_module(folder: Path, network: Network, title: str, late: Mapping[str, int], summary: str = "") -> Written:
    """Write ``network.py`` and ``parameters.npz`` into ``folder``.

    Parameters
    ----------
    folder
        Folder to write into.
    title
        What the module calls itself.
    summary
        Sentence of its docstring that says what its spikes equal.
    network
        Every delay >= 1, v_reset 0; LIF or LoihiLIF (:func:`~snmem.lava.compiler.preparation.prepare`, ``quantize``).
        Rules must be those of Loihi's engine (:meth:`snmem.plasticity.LearningRule.as_products`).
    late
        Steps by which populations run late.
    """
    writer = _Writer(network, late)
    body = writer.body()
    integer = network.arithmetic == "loihi"
    learns = {"suffix": "BitApproximate" if integer else "Float"}
    plastic = any(q.plasticity for q in network.projections)
    extended = {"classes": extended_text(), "suffix": "Fixed" if integer else "Float"}
    head = Template(HEAD).substitute(
        learning_imports=Template(LEARNING_IMPORTS).substitute(learns) if plastic else "",
        learning=Template(LEARNING).substitute(learns) if plastic else "",
        extended=Template(EXTENDED).substitute(extended) if any(map(is_extended, network.neurons)) else "",
        neurons=f"{sum(p.size for p in network.neurons):,}",
        synapses=f"{sum(q.synapses for q in network.projections):,}",
        point="fixed" if integer else "floating",
        version=__version__,
        summary=summary or "Spikes equal those of snmem in every step.",
        file=MODULE,
        parameters=PARAMETERS,
        contents=writer.contents(),
        title=literal(title),
        **{name: table(rows) for name, rows in writer.tables().items()},
        outputs=literal([writer.attributes[name] for name in writer.outputs()]),
        tag="fixed_pt" if integer else "floating_pt",
        suffix="BitAcc" if integer else "Float",
        source_model="PySendModelFixed" if integer else "PySendModelFloat",
    )
    methods = Template(METHODS).substitute(arrays=shared_text())
    with replace_file(folder / PARAMETERS) as parameters, replace_file(folder / MODULE, "w") as module:
        np.savez_compressed(parameters, contents=np.array(writer.contents()), **writer.arrays)
        module.write(head + body + (LEARNING_METHODS if plastic else "") + methods)
    return Written((folder / MODULE, folder / PARAMETERS), writer.kinds, writer.v, writer.weights)


def literal(value: Any) -> str:
    """Python's text for a number, a text, None, or a list or dict of them; nothing else becomes part of a module."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int):
        return repr(value)
    if type(value) is float:
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if type(value) is str:
        return ascii(value)
    if type(value) is list:
        return f"[{', '.join(map(literal, value))}]"
    if type(value) is dict:
        return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
    raise NetworkError(f"compile: {value!r} is neither a number nor a text; a module cannot hold it")


def table(rows: Mapping[str, Any]) -> str:
    """The literal of a dict, a line per row."""
    lines = [f"    {literal(key)}: {literal(row)},\n" for key, row in rows.items()]
    return f"{{\n{''.join(lines)}}}" if lines else "{}"


def shared_text() -> str:
    """The functions of :mod:`snmem.lava.compiler.arrays` that a module needs."""
    used = (
        arrays.write_arrays,
        arrays._write_zip,
        arrays.read_rasters,
        arrays.check_names,
        arrays.listed,
        arrays.read_raster,
        arrays.check_header,
        arrays.check_raster,
    )
    return f"LIMIT = {arrays.LIMIT}\n\n\n" + "\n\n".join(inspect.getsource(function) for function in used)


def extended_text() -> str:
    """The classes of :mod:`snmem.lava.processes.neurons`, which only a process that has imported Lava can import."""
    text = (Path(__file__).parents[1] / "processes" / "neurons.py").read_text(encoding="utf-8")
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    return "\n\n\n".join(ast.get_source_segment(text, node) or "" for node in classes)


class _Writer:
    """Collects lines of code and the arrays that they load."""

    def __init__(self, network: Network, late: Mapping[str, int]) -> None:
        self.network, self.late = network, late
        self.arrays: dict[str, Any] = {}
        self.kinds: dict[str, str] = {}
        self.taken = set(RESERVED)
        items = (*network.populations, *network.projections)
        self.attributes = {item.name: self._attribute(item.name) for item in items}
        shown, self.v, self.weights = {p.name for p in network.neurons}, {}, {}
        for p in network.neurons:
            if p.name in self.outputs() and never_spikes(p):
                self.v[p.name] = unique(f"{p.name}.v", shown)
                shown.add(self.v[p.name])
        for q in self._used():
            if q.plasticity:
                self.weights[q.name] = unique(f"{q.name}.weights", shown)
                shown.add(self.weights[q.name])

    def _attribute(self, name: str) -> str:
        """An attribute like ``name`` that nothing else has."""
        base = re.sub(r"[^A-Za-z0-9_]+", "_", name.replace("->", "_to_")).strip("_")[:_LONGEST_ATTRIBUTE] or "x"
        attribute = unique(f"_{base}" if base[0].isdigit() else base, self.taken)
        self.taken.add(attribute)
        return attribute

    def outputs(self) -> list[str]:
        """The network's outputs; if it names none, the populations that project nowhere, or all."""
        if self.network.outputs:
            return list(self.network.outputs)
        sending = {q.pre for q in self.network.projections}
        last = [p.name for p in self.network.neurons if p.name not in sending]
        return last or [p.name for p in self.network.neurons]

    def tables(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The module's tables: attribute -> what it is in the network."""
        at, v, weights = self.attributes, self.v.get, self.weights.get
        late = {p.name: self.late.get(p.name, 0) for p in self.network.neurons}
        return {
            "inputs": {at[p.name]: {"name": p.name, "lines": p.size} for p in self.network.inputs},
            "populations": {
                at[p.name]: {"name": p.name, "neurons": p.size, "late": late[p.name], "v": v(p.name)}
                for p in self.network.neurons
            },
            "projections": {
                at[q.name]: {"name": q.name, "synapses": q.synapses, "delay": q.delay, "weights": weights(q.name)}
                for q in self._used()
            },
        }

    def contents(self) -> str:
        """A hash of the arrays: a module refuses those of another one."""
        digest = hashlib.sha256()
        for name, array in self.arrays.items():
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]

    def _used(self) -> list[Projection]:
        return [q for q in self.network.projections if q.synapses]

    def body(self) -> str:
        """The constructor."""
        lines = [
            "    def __init__(self, sample_steps=None):",
            "        self.sample_steps, self.timed = sample_steps, False",
            "        self.populations, self.start = {}, {}",
            "        self.connections, self.lines, self.learned = [], [], {}",
            "        p = _parameters()",
        ]
        for p in self.network.inputs:
            at = self.attributes[p.name]
            lines.append(f'        self.{at} = self._line("{at}", {p.size}, 0)')
        lines += [self._population(p) for p in self.network.neurons]
        ports = self._ports(lines)
        for q in self._used():
            lines += self._learning(q, ports) if q.plasticity else self._connection(q, ports)
        lines.append("        self._name_ports()")
        return "\n".join(lines) + "\n"

    def _population(self, p: Population) -> str:
        at, words = self.attributes[p.name], []
        for key, value in lava_parameters(p).items():
            if np.ndim(value):
                self.arrays[f"{at}.{key}"] = np.asarray(value)
                words.append(f'{key}=p["{at}.{key}"]')
            else:
                words.append(f"{key}={literal(value)}")
        if p.clear_every and p.clear_every >= 2**32:
            words.append("restart=True")
        elif p.clear_every:
            words.append(f"clear=({literal(p.clear_every)}, {literal((p.clear_offset + 1) % p.clear_every)})")
        return f'        self.{at} = self._neurons("{at}", {", ".join(words)})'

    def _ports(self, lines: list[str]) -> dict[tuple[str, int], str]:
        """Code of the port that gives the spikes of a population ``held`` steps late; adds the lines in between."""
        ports = {}
        for q in self._used():
            key = q.pre, q.delay - 1
            if key in ports:
                continue
            ports[key] = f"self.{self.attributes[q.pre]}.s_out"
            if key[1]:
                at = unique(f"{self.attributes[q.pre]}_after_{key[1]}", self.taken)
                self.taken.add(at)
                size = self.network[q.pre].size
                lines.append(f'        self.{at} = self._line("{at}", {size}, {literal(key[1])}, {ports[key]})')
                ports[key] = f"self.{at}.s_out"
        return ports

    def _connection(self, q: Projection, ports: dict[tuple[str, int], str]) -> list[str]:
        at, weights, integer = self.attributes[q.name], q.weights, self.network.arithmetic == "loihi"
        full = weights.nnz >= DENSE_FROM * weights.shape[0] * weights.shape[1]
        dense = full and (integer or order_free(weights.data))
        self.kinds[q.name] = "Dense" if dense else "Sparse"
        kind = np.int32 if integer else np.float64
        if dense:
            self.arrays[f"{at}.weights"] = weights.toarray().astype(kind)
            load = f'p["{at}.weights"]'
        else:
            self._store_sparse(at, weights, kind)
            load = f'_sparse(p, "{at}")'
        options = f', sign="{sign_of(weights)}", exponent={literal(q.exponent)}' if integer else ""
        where = f"{ports[q.pre, q.delay - 1]}, self.{self.attributes[q.post]}"
        return [
            f"        self.{at} = self._connection(",
            f'            "{at}", {where}, {load}, dense={dense}{options}',
            "        )",
        ]

    def _learning(self, q: Projection, ports: dict[tuple[str, int], str]) -> list[str]:
        at, integer = self.attributes[q.name], self.network.arithmetic == "loihi"
        rule = lava_products(q)
        self.kinds[q.name] = "LearningDense"
        self._store_sparse(at, q.weights, np.int32 if integer else np.float64)
        gate = f"self.{self.attributes[rule.gate or q.post]}.s_out"
        words = [f"kind={'np.int32' if integer else 'np.float64'}", f'sign="{sign_of(q.weights)}"']
        words += [f"exponent={literal(q.exponent)}", f"tags=({literal(rule.d)}, {literal(rule.t)})"]
        words.append(f"rng_seed={literal(rule.seed)}")
        series = {key: getattr(rule, key) for key in ("dw", "dd", "dt") if getattr(rule, key)}
        words += [f"{key}={literal(text)}" for key, text in series.items()]
        for trace in TRACES:
            impulse, tau = getattr(rule, trace)
            if impulse:  # floating point: tau = 0 makes NaN, and exp(-1/tau) is 0 with this one too
                tau = literal(tau or (0 if integer else NO_MEMORY))
                words.append(f"{trace}_impulse={literal(impulse)}, {trace}_tau={tau}")
        return [
            f"        self.{at} = self._learning(",
            f'            "{at}", {ports[q.pre, 0]}, {gate}, self.{self.attributes[q.post]},',
            f'            _sparse(p, "{at}"),',
            f"            {', '.join(words)}",
            "        )",
        ]

    def _store_sparse(self, name: str, weights: Any, kind: Any) -> None:
        parts = {"data": weights.data.astype(kind), "indices": weights.indices.astype(np.int32)}
        parts |= {"indptr": weights.indptr.astype(np.int64), "shape": np.array(weights.shape)}
        self.arrays |= {f"{name}.{key}": value for key, value in parts.items()}


def never_spikes(p: Population) -> bool:
    """Whether all thresholds are out of reach: infinite, or the largest that Loihi has."""
    return p.neuron.never_spikes
