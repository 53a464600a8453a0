"""A network written as a Python module for Lava: read it, run it as a program, or embed it by its ports.

The module needs Lava, numpy and scipy only. Populations, projections and inputs are attributes under their own names.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from ... import __version__
from ...io.files import replace_file
from ...loihi.rules import TRACES, as_products
from ...network import Network, Population, Projection
from ...neuron import LoihiLIF
from ..plan import DENSE_FROM, NO_MEMORY, order_free, sign_of
from .template import HEAD, LEARNING, LEARNING_IMPORTS, LEARNING_METHODS, METHODS

MODULE, PARAMETERS = "network.py", "parameters.npz"


@dataclass(frozen=True)
class Written:
    """What a written module holds. ``kinds``: projection -> "Dense" or "Sparse"."""

    files: tuple[Path, ...]
    kinds: Mapping[str, str]


def write_module(
    folder: Path, network: Network, title: str, late: Mapping[str, int], start: Mapping[str, Any], summary: str = ""
) -> Written:
    """Write ``network.py`` and ``parameters.npz`` into ``folder``.

    Parameters
    ----------
    network : every delay >= 1, v_reset 0; LIF or LoihiLIF (:func:`~snmem.lava.compiler.preparation.prepare`,
        ``quantize``).
        Rules must be those of Loihi's engine (:func:`snmem.loihi.rules.as_products`).
    late : steps by which populations run late.    start : v before the first step where it is not 0.
    """
    writer = _Writer(network, late, start)
    body = writer.body()
    integer = network.arithmetic == "loihi"
    suffix = "BitAcc" if integer else "Float"
    learns = {"suffix": "BitApproximate" if integer else "Float"}
    plastic = any(q.plasticity for q in network.projections)
    head = Template(HEAD).substitute(
        learning_imports=Template(LEARNING_IMPORTS).substitute(learns) if plastic else "",
        learning=Template(LEARNING).substitute(learns) if plastic else "",
        title=f"{title}: {sum(p.size for p in network.neurons):,} neurons and "
        f"{sum(q.synapses for q in network.projections):,} synapses for Lava 0.10.0, "
        f"{'fixed' if integer else 'floating'} point; written by snmem {__version__}.",
        summary=summary or "Spikes equal those of snmem in every step.",
        file=MODULE,
        parameters=PARAMETERS,
        tables="\n".join(writer.table()),
        tag="fixed_pt" if integer else "floating_pt",
        late=repr({p.name: int(late.get(p.name, 0)) for p in network.neurons}),
        silent=repr(writer.silent()),
        suffix=suffix,
        source_model="PySendModelFixed" if integer else "PySendModelFloat",
    )
    with replace_file(folder / PARAMETERS) as file:
        np.savez_compressed(file, **writer.arrays)
    with replace_file(folder / MODULE, "w") as file:
        file.write(head + body + (LEARNING_METHODS if plastic else "") + METHODS)
    return Written((folder / MODULE, folder / PARAMETERS), writer.kinds)


class _Writer:
    """Collects lines of code and the arrays that they load."""

    def __init__(self, network: Network, late: Mapping[str, int], start: Mapping[str, Any]) -> None:
        self.network, self.late, self.start = network, late, start
        self.arrays: dict[str, Any] = {}
        self.kinds: dict[str, str] = {}
        self.names: dict[str, str] = {}
        # what the class and Python itself call so already
        self.taken = {"inp", "out", "inputs", "outputs", "populations", "connections", "lines", "start", "timed"}
        self.taken |= {"sample_steps", "run", "stop", "reset", "run_config", "learned"}
        for item in (*network.populations, *network.projections):
            self.names[item.name] = self._name(item.name)

    def _name(self, text: str) -> str:
        """A Python name like ``text`` that nothing else has."""
        base = re.sub(r"\W+", "_", text.replace("->", "_to_"), flags=re.ASCII).strip("_") or "x"
        base = f"_{base}" if base[0].isdigit() else base
        name, number = base, 2
        while name in self.taken or keyword.iskeyword(name):
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name

    def outputs(self) -> list[str]:
        """The network's outputs; if it names none, the populations that project nowhere, or all."""
        if self.network.outputs:
            return list(self.network.outputs)
        sending = {q.pre for q in self.network.projections}
        last = [p.name for p in self.network.neurons if p.name not in sending]
        return last or [p.name for p in self.network.neurons]

    def silent(self) -> list[str]:
        """Outputs whose v counts, since they never spike."""
        return [p.name for p in self.network.neurons if p.name in self.outputs() and never_spikes(p)]

    def table(self) -> list[str]:
        """Lines about inputs, populations and projections for the docstring."""
        rows: list[tuple[str, ...]] = [("input", "lines", "attribute")]
        rows += [(p.name, f"{p.size:,}", self.names[p.name]) for p in self.network.inputs]
        rows += [("", "", ""), ("population", "neurons", "attribute", "late by (steps)")]
        for p in self.network.neurons:
            what = " (read v)" if p.name in self.silent() else ""
            rows.append((p.name, f"{p.size:,}", self.names[p.name] + what, str(self.late.get(p.name, 0))))
        rows += [("", "", ""), ("projection", "synapses", "attribute", "delay (steps)")]
        rows += [(q.name, f"{q.synapses:,}", self.names[q.name], str(q.delay)) for q in self._used()]
        width = [max(len(r[i]) for r in rows if len(r) > i) for i in range(4)]
        return ["  ".join(c.replace("\\", "/").ljust(w) for c, w in zip(r, width, strict=False)).rstrip() for r in rows]

    def _used(self) -> list[Projection]:
        return [q for q in self.network.projections if q.synapses]

    def body(self) -> str:
        """The constructor."""
        lines = ["    def __init__(self, sample_steps=None):"]
        add = lines.append
        for text in ("self.sample_steps, self.timed = sample_steps, False", "self.populations, self.start = {}, {}"):
            add(f"        {text}")
        add("        self.connections, self.lines, self.learned = [], [], {}")
        add("        p = np.load(PARAMETERS)")
        for p in self.network.inputs:
            add(f'        self.{self.names[p.name]} = self._line({p.size}, 0, "{_quoted(p.name)}")')
        for p in self.network.neurons:
            add(self._population(p))
        ports = self._ports(lines)
        for q in self._used():
            lines += self._learning(q, ports) if q.plasticity else self._connection(q, ports)
        inputs = ", ".join(f'"{_quoted(p.name)}": self.{self.names[p.name]}.s_in' for p in self.network.inputs)
        outputs = ", ".join(f'"{_quoted(n)}": self.{self.names[n]}.s_out' for n in self.outputs())
        add(f"        self.inputs = {{{inputs}}}")
        add(f"        self.outputs = {{{outputs}}}")
        add("        self.inp, self.out = next(iter(self.inputs.values()), None), next(iter(self.outputs.values()))")
        return "\n".join(lines) + "\n"

    def _population(self, p: Population) -> str:
        name, words = self.names[p.name], []
        for key, value in lava_parameters(p).items():
            if np.ndim(value):
                self.arrays[f"{name}.{key}"] = np.asarray(value)
                words.append(f'{key}=p["{name}.{key}"]')
            else:
                words.append(f"{key}={_number(value)}")
        start = self.start.get(p.name)
        if start is not None:
            self.arrays[f"{name}.v"] = np.broadcast_to(start, p.size)
            words.append(f'v=p["{name}.v"]')
        if p.clear_every and p.clear_every >= 2**32:
            words.append("restart=True")
        elif p.clear_every:
            words.append(f"clear=({p.clear_every}, {(p.clear_offset + 1) % p.clear_every})")
        return f'        self.{name} = self._neurons("{_quoted(p.name)}", {p.size}, {", ".join(words)})'

    def _ports(self, lines: list[str]) -> dict[tuple[str, int], str]:
        """Code of the port that gives the spikes of a population ``held`` steps late; adds the lines in between."""
        ports = {}
        for q in self._used():
            key = q.pre, q.delay - 1
            if key in ports:
                continue
            ports[key] = f"self.{self.names[q.pre]}.s_out"
            if key[1]:
                name = self._name(f"{self.names[q.pre]}_after_{key[1]}")
                size = self.network[q.pre].size
                lines.append(f'        self.{name} = self._line({size}, {key[1]}, "{name}", {ports[key]})')
                ports[key] = f"self.{name}.s_out"
        return ports

    def _connection(self, q: Projection, ports: dict[tuple[str, int], str]) -> list[str]:
        name, weights, integer = self.names[q.name], q.weights, self.network.arithmetic == "loihi"
        full = weights.nnz >= DENSE_FROM * weights.shape[0] * weights.shape[1]
        dense = full and (integer or order_free(weights.data))
        self.kinds[q.name] = "Dense" if dense else "Sparse"
        kind = np.int32 if integer else np.float64
        if dense:
            self.arrays[f"{name}.weights"] = weights.toarray().astype(kind)
            load = f'p["{name}.weights"]'
        else:
            self._store_sparse(name, weights, kind)
            load = f'_sparse(p, "{name}")'
        options = f', sign="{sign_of(weights)}", exponent={q.exponent}' if integer else ""
        where = f"{ports[q.pre, q.delay - 1]}, self.{self.names[q.post]}"
        return [
            f"        self.{name} = self._connection(",
            f'            "{_quoted(q.name)}", {where}, {load}, dense={dense}{options}',
            "        )",
        ]

    def _learning(self, q: Projection, ports: dict[tuple[str, int], str]) -> list[str]:
        name, integer, rule = self.names[q.name], self.network.arithmetic == "loihi", as_products(q)
        self.kinds[q.name] = "LearningDense"
        self._store_sparse(name, q.weights, np.int32 if integer else np.float64)
        gate = f"self.{self.names[rule.gate or q.post]}.s_out"
        words = [f"kind={'np.int32' if integer else 'np.float64'}", f'sign="{sign_of(q.weights)}"']
        words += [f"exponent={q.exponent}", f"tags=({rule.d}, {rule.t})", f"rng_seed={rule.seed}"]
        words += [f'{key}="{getattr(rule, key)}"' for key in ("dw", "dd", "dt") if getattr(rule, key)]
        for trace in TRACES:
            impulse, tau = getattr(rule, trace)
            if impulse:  # floating point: tau = 0 makes NaN, and exp(-1/tau) is 0 with this one too
                words.append(f"{trace}_impulse={impulse!r}, {trace}_tau={tau or (0 if integer else NO_MEMORY)!r}")
        return [
            f"        self.{name} = self._learning(",
            f'            "{_quoted(q.name)}", {ports[q.pre, 0]}, {gate}, self.{self.names[q.post]},',
            f'            _sparse(p, "{name}"),',
            f"            {', '.join(words)}",
            "        )",
        ]

    def _store_sparse(self, name: str, weights: Any, kind: Any) -> None:
        parts = {"data": weights.data.astype(kind), "indices": weights.indices.astype(np.int32)}
        parts |= {"indptr": weights.indptr.astype(np.int64), "shape": np.array(weights.shape)}
        self.arrays |= {f"{name}.{key}": value for key, value in parts.items()}


def never_spikes(p: Population) -> bool:
    """Whether all thresholds are out of reach: infinite, or the largest that Loihi has."""
    limit = LoihiLIF.limits["vth"][1]
    theta = p.neuron.vth if isinstance(p.neuron, LoihiLIF) else p.neuron.theta
    return bool(np.all(np.asarray(theta) >= (limit if isinstance(p.neuron, LoihiLIF) else np.inf)))


def lava_parameters(p: Population) -> dict[str, Any]:
    """The parameters of Lava's LIF for a population with reset to 0."""
    neuron = p.neuron
    if isinstance(neuron, LoihiLIF):
        return {name: getattr(neuron, name) for name in neuron.limits}
    return {
        "du": 1 - neuron.alpha,
        "dv": 1 - neuron.beta,
        "vth": neuron.theta,
        "bias_mant": neuron.bias,
    }


def _number(value: Any) -> str:
    return 'float("inf")' if value == np.inf else repr(value)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
