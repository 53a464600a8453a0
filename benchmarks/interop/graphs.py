"""The graphs that every framework is asked to import: one small network around each primitive of nir 1.0.8.

Parameters are those of forward Euler with dt = 1e-4 whose gains cancel: r = tau/dt, w_in = tau_syn/dt.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import nir
import numpy as np
from frameworks.cases import IMAGE, LINES, ROW, biases, raster, weights

DT = 1e-4


def _values(*shape: int) -> dict[str, np.ndarray]:
    one = np.ones(shape, np.float32)
    return {"v_leak": 0 * one, "v_threshold": one, "v_reset": 0 * one}


def lif(*shape: int, steps: float = 4) -> nir.LIF:
    one = np.ones(shape, np.float32)
    return nir.LIF(tau=steps * DT * one, r=steps * one, **_values(*shape))


def _cuba(kind: type, *shape: int) -> nir.NIRNode:
    one = np.ones(shape, np.float32)
    values = _values(*shape) if kind is nir.CubaLIF else {"v_leak": 0 * one}
    return kind(tau_mem=4 * DT * one, tau_syn=2 * DT * one, r=4 * one, w_in=2 * one, **values)


def _chain(shape: tuple[int, ...], out: tuple[int, ...], *nodes: nir.NIRNode) -> nir.NIRGraph:
    names = ["input", *(f"n{i}" for i in range(len(nodes))), "output"]
    ends = nir.Input({"input": np.array(shape)}), nir.Output({"output": np.array(out)})
    everything = dict(zip(names, [ends[0], *nodes, ends[1]], strict=True))
    return nir.NIRGraph(everything, list(itertools.pairwise(names)), type_check=False)


def _nested() -> nir.NIRGraph:
    inner = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([8])}),
            "lif": lif(8),
            "w_rec": nir.Linear(weights(8, 8, mean=0.0, seed=5)),
            "output": nir.Output({"output": np.array([8])}),
        },
        [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
    )
    return _chain((LINES,), (8,), nir.Linear(weights(8, LINES)), inner)


def graphs() -> dict[str, tuple[nir.NIRGraph, np.ndarray]]:
    """Graph and input by primitive."""
    first = nir.Linear(weights(8, LINES))
    li = nir.LI(tau=np.full(8, 4 * DT, np.float32), r=np.full(8, 4, np.float32), v_leak=np.zeros(8, np.float32))
    conv2 = nir.Conv2d(IMAGE[1:], weights(3, 2, 3, 3), 1, 1, 1, 1, biases(3))
    conv1 = nir.Conv1d(ROW[1], weights(3, 2, 3), 1, 1, 1, 1, biases(3))
    pools = {
        "SumPool2d": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "AvgPool2d": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
    }
    flat = nir.Flatten({"input": np.array(IMAGE)}, start_dim=0, end_dim=-1)
    one = np.ones(8, np.float32)
    line, image, row = raster(LINES), raster(*IMAGE), raster(*ROW)
    found = {
        "Linear": (_chain((LINES,), (8,), first, lif(8)), line),
        "Affine": (_chain((LINES,), (8,), nir.Affine(weights(8, LINES), biases(8)), lif(8)), line),
        "Scale": (_chain((LINES,), (8,), first, nir.Scale(np.full(8, 0.5, np.float32)), lif(8)), line),
        "Conv1d": (_chain(ROW, (3, 8), conv1, lif(3, 8)), row),
        "Conv2d": (_chain(IMAGE, (3, 6, 6), conv2, lif(3, 6, 6)), image),
        "Flatten": (_chain(IMAGE, (8,), flat, nir.Linear(weights(8, 72, mean=0.02)), lif(8)), image),
        "Delay": (_chain((LINES,), (8,), nir.Delay(np.full(LINES, 3 * DT)), first, lif(8)), line),
        "Threshold": (_chain((LINES,), (8,), first, nir.Threshold(one)), line),
        "I": (_chain((LINES,), (8,), first, nir.I(r=one)), line),
        "IF": (_chain((LINES,), (8,), first, nir.IF(r=one, v_threshold=one, v_reset=0 * one)), line),
        "LI": (_chain((LINES,), (8,), first, li), line),
        "LIF": (_chain((LINES,), (4,), first, lif(8), nir.Linear(weights(4, 8, seed=4)), lif(4)), line),
        "CubaLI": (_chain((LINES,), (8,), first, _cuba(nir.CubaLI, 8)), line),
        "CubaLIF": (_chain((LINES,), (8,), first, _cuba(nir.CubaLIF, 8)), line),
        "NIRGraph": (_nested(), line),
    }
    found |= {name: (_chain(IMAGE, (2, 3, 3), pool, lif(2, 3, 3, steps=2)), image) for name, pool in pools.items()}
    return found


def write(folder: Path) -> None:
    """Write ``PRIMITIVE.nir`` and its input."""
    for name, (graph, x) in graphs().items():
        nir.write(folder / f"{name}.nir", graph)
        np.savez_compressed(folder / f"{name}.npz", x=x)
