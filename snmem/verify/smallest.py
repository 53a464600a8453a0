"""The smallest file and the shortest input in which what another tool recorded still differs from what snmem does.

Steps after the first difference, lines that do not spike before it, and, where one layer of neurons is all there is,
the other neurons have no say in it, in any causal tool: they are left out, and what is left is compared again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SnmemError


@dataclass(frozen=True)
class Example:
    """A NIR file, its input (steps, lines), and what was recorded: name -> (steps, neurons)."""

    file: Path
    x: NDArray[Any]
    arrays: Mapping[str, NDArray[Any]]


#: Whether an example still shows a difference: (step, neuron) of the first one in each array, or {}.
Differs = Callable[[Example], Mapping[str, tuple[int, int]]]


def smallest(example: Example, differs: Differs, file: Path) -> Example:
    """Write the smallest file of a difference to ``file``; returns it with its input and recorded arrays.

    Parameters
    ----------
    example : Example
        What differs.
    differs : function
        Gives the first difference in each array.
    file : Path
        Where the file goes.
    """
    first = differs(example)
    steps = 1 + min(step for step, _ in first.values())
    arrays = {name: values[:steps] for name, values in example.arrays.items()}
    shutil.copyfile(example.file, file)
    short = Example(file, example.x[:steps], arrays)
    if not differs(short):  # what a tool does in a step depends on later ones: all of them are needed
        return Example(file, example.x, example.arrays)
    name, (_, neuron) = next((n, at) for n, at in first.items() if at[0] == steps - 1)
    part = _one_neuron(short, name, neuron, file.with_suffix(".part"))
    if part is not None and _still(part, differs):
        part.file.replace(file)
        return Example(file, part.x, part.arrays)
    file.with_suffix(".part").unlink(missing_ok=True)
    return short


def _still(example: Example, differs: Differs) -> bool:
    try:
        return bool(differs(example))
    except SnmemError:
        return False


def _one_neuron(example: Example, name: str, neuron: int, file: Path) -> Example | None:
    """The same with one neuron, and the lines that spike; None where the graph is more than one layer."""
    import nir  # pyright: ignore[reportMissingTypeStubs]

    graph: Any = nir.read(example.file, type_check=False)
    names = _chain(graph)
    if names is None or len(example.arrays) != 1:
        return None
    weights, cells = (graph.nodes[n] for n in names[1:3])
    lines = np.flatnonzero(example.x.any(axis=0))
    if not len(lines) or np.ndim(getattr(weights, "weight", 0.0)) != 2 or not _per_neuron(cells, len(weights.weight)):
        return None
    weights.weight = np.asarray(weights.weight)[neuron : neuron + 1, lines]
    if hasattr(weights, "bias"):
        weights.bias = np.asarray(weights.bias)[neuron : neuron + 1]
    for key, value in vars(cells).items():
        if isinstance(value, np.ndarray) and value.ndim:
            setattr(cells, key, value[neuron : neuron + 1])
    nodes = {names[0]: nir.Input({"input": np.array([len(lines)])}), names[1]: weights, names[2]: cells}
    nodes[names[3]] = nir.Output({"output": np.array([1])})
    edges = list(pairwise(names))
    nir.write(file, nir.NIRGraph(nodes, edges, type_check=False))
    return Example(file, example.x[:, lines], {name: example.arrays[name][:, neuron : neuron + 1]})


def _chain(graph: Any) -> list[str] | None:
    """Names of Input, weights, neurons and Output of a graph that holds nothing else."""
    after = dict(graph.edges)
    names = [name for name, node in graph.nodes.items() if type(node).__name__ == "Input"]
    if len(names) != 1 or len(graph.nodes) != 4 or len(graph.edges) != 3:
        return None
    while names[-1] in after and len(names) < 4:
        names.append(after[names[-1]])
    return names if len(names) == 4 and type(graph.nodes[names[3]]).__name__ == "Output" else None


def _per_neuron(cells: Any, size: int) -> bool:
    """Whether each array among the parameters of neurons has one value for each of them."""
    return all(v.shape in ((), (size,)) for v in vars(cells).values() if isinstance(v, np.ndarray))
