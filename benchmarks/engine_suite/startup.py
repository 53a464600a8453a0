"""Starting: import, help, a compiled network's second run; and 100 million synapses from arrays."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

IMPORT = "import snmem"
SECOND_RUN = """
import numpy as np
from snmem import LIF, Input, Network, Population, Projection, simulate
parts = Input("x", 100), Population("h", 1000, LIF(0.5, 0.875, 1.0))
network = Network(parts, (Projection("x", "h", np.full((1000, 100), 0.125)), Projection("h", "h", np.eye(1000) / 8)))
simulate(network, {"x": ([0], [0])}, 10)
"""


def measure(repeats: int) -> dict[str, list[float]]:
    """Seconds on the wall of whole processes, the interpreter's own start (``python``) among them."""
    commands = {
        "python": ["-c", "pass"],
        "import": ["-c", IMPORT],
        "help": ["-m", "snmem", "--help"],
        "second run": ["-c", SECOND_RUN],
    }
    _seconds(commands["second run"])  # the first compiles
    return {name: [_seconds(arguments) for _ in range(repeats)] for name, arguments in commands.items()}


def _seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def summary(found: dict[str, list[float]]) -> dict[str, float]:
    """Medians; the interpreter's own start counts everywhere."""
    return {name: median(times) for name, times in found.items()}
