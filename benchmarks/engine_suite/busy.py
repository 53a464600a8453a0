"""One thread and two while four other programs keep the processors busy, in turns in one process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Input, Network, Population, Projection, Spikes, simulate

from .cases import Case, build

#: Other programs, each of which would keep a processor busy by itself.
OTHERS = 4


@contextmanager
def others() -> Iterator[None]:
    """Programs that compute for ever, while the block runs."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(OTHERS)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def small(steps: int) -> Case:
    """1,200 neurons with an input line each, 15 % of the steps with an input spike: steps of a few microseconds."""
    n, rng = 1200, np.random.default_rng(1)
    step = np.sort(rng.choice(steps, steps * 3 // 20, replace=False))
    lines = Projection("input", "neurons", 0.2 * sp.eye_array(n, format="csr"))
    population = Population("neurons", n, LIF(0.9, 0.97, 1.0))
    spikes = Spikes(step, rng.integers(n, size=len(step)), steps, n)
    return Case(lambda: Network((Input("input", n), population), (lines,)), {"input": spikes}, steps)


def measure(quick: bool) -> dict[str, Any]:
    """Seconds on the wall of every run: by network, then ``one`` and ``two`` threads."""
    cases, seconds = {"small": small(20_000)}, {}
    if not quick:
        cases["balanced"] = build("balanced", False)
    for name, case in cases.items():
        network = case.make()
        runs = {"one": 1, "two": 2}
        recorded = [simulate(network, case.inputs, case.steps, threads=n).spikes for n in runs.values()]
        assert recorded[0] == recorded[1]
        seconds[name] = {key: [] for key in runs}
        with others():
            for _ in range(5 if quick else 15):
                for key, threads in runs.items():
                    began = time.perf_counter()
                    simulate(network, case.inputs, case.steps, threads=threads)
                    seconds[name][key].append(time.perf_counter() - began)
    return {"seconds": seconds}
