"""What every framework is asked: networks around one NIR primitive each, both ways; in the framework's environment.

``Record.theirs`` keeps a file that the framework exported, with the input and the spikes of its own forward pass;
``Record.ours`` keeps the spikes of a framework that imported a graph of ours (``graphs/*.nir``, plain NIR, dt = 1e-4).
What raises is kept by its message. No snmem in here: environments hold the framework, nir and numpy only.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nir
import numpy as np

STEPS = 60
#: Inputs of the networks: vectors, and images (channels, height, width).
LINES, IMAGE, ROW = 12, (2, 6, 6), (2, 8)


def raster(*shape: int, rate: float = 0.3, seed: int = 1) -> np.ndarray:
    """Input spikes (steps, *shape) as float32."""
    return (np.random.default_rng(seed).random((STEPS, *shape)) < rate).astype(np.float32)


def weights(*shape: int, mean: float = 0.1, sd: float = 0.3, seed: int = 2) -> np.ndarray:
    """Normal weights on multiples of 1/64, so that sums are exact in any order."""
    return (np.round(64 * np.random.default_rng(seed).normal(mean, sd, shape)) / 64).astype(np.float32)


def biases(*shape: int, seed: int = 3) -> np.ndarray:
    """Small biases on the same grid."""
    return weights(*shape, mean=0.02, sd=0.05, seed=seed)


def filled(layer: Any, *shape: int, scale: float = 1.0) -> Any:
    """A torch layer with our weights of this shape, times ``scale``, and biases where it has some."""
    import torch

    layer.weight.data = torch.tensor(scale * weights(*shape))
    if layer.bias is not None:
        layer.bias.data = torch.tensor(biases(shape[0]))
    return layer


class Record:
    """Collects the answers of one framework and writes them into the folder given on the command line."""

    def __init__(self, *packages: str, licence: str) -> None:
        self.folder = Path(sys.argv[1])
        self.graphs = Path(sys.argv[2])
        self.note = ""
        self.about: dict[str, Any] = {"licence": licence, "versions": {}, "theirs": {}, "ours": {}}
        for name in packages:
            try:
                self.about["versions"][name] = version(name)
            except PackageNotFoundError:
                self.about["versions"][name] = None

    def theirs(self, case: str, make: Callable[[], tuple[nir.NIRGraph, np.ndarray, dict[str, Any]]]) -> None:
        """``make`` exports a network: the graph, its input, and what its layers sent ("layer0", ... and "out")."""
        try:
            graph, x, layers = make()
            nir.write(self.folder / f"theirs_{case}.nir", graph)
            arrays = {k: np.asarray(v, np.float32).reshape(STEPS, -1) for k, v in layers.items()}
            np.savez_compressed(self.folder / f"theirs_{case}.npz", x=x.reshape(STEPS, -1), **arrays)
            self.about["theirs"][case] = {"kept": True}
        except Exception as error:
            self.about["theirs"][case] = {"error": said(error)}

    def ours(self, run: Callable[[nir.NIRGraph, np.ndarray], np.ndarray]) -> None:
        """``run`` imports a graph and returns what its output sends for an input (steps, *shape)."""
        for path in sorted(self.graphs.glob("*.nir")):
            x = np.load(path.with_suffix(".npz"))["x"]
            try:
                sent = run(nir.read(path), x.astype(np.float32))
                if sent is None:
                    self.about["ours"][path.stem] = {"note": self.note}
                    continue
                out = np.asarray(sent, np.float32).reshape(STEPS, -1)
                np.savez_compressed(self.folder / f"ours_{path.stem}.npz", out=out)
                self.about["ours"][path.stem] = {"kept": True}
            except Exception as error:
                self.about["ours"][path.stem] = {"error": said(error)}

    def only_reads(self, note: str) -> None:
        """A framework that writes no NIR, and whose spikes are not compared for the reason given."""
        self.note = note
        self.unable("writes no NIR", *(path.stem for path in self.graphs.glob("*.nir")))

    def unable(self, reason: str, *cases: str) -> None:
        """Primitives for which the framework has no layer that it exports."""
        self.about["theirs"] |= {case: {"error": reason} for case in cases}

    def write(self) -> None:
        """The answers as JSON."""
        (self.folder / "about.json").write_text(json.dumps(self.about, indent=1, sort_keys=True) + "\n")


def said(error: Exception) -> str:
    """An exception in one line, without paths."""
    if "-v" in sys.argv:
        traceback.print_exception(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200]
