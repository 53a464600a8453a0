"""Times a case of the suite with several values of a tuning constant, in turns; run from the folder ``benchmarks``.

``python -m engine_suite.tune RANGE 1280 2560 5120 --case plastic`` compiles the engine once with each value of a
constant of ``snmem/backends/event/tuning.py`` and prints the seconds of each, with the least and the median of all
rounds. With ``--trees`` the values are folders that hold other versions of the package, and no constant is named.
What is compared meets the same machine that way, whatever else it does from minute to minute.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .cases import Case

BENCHMARKS = Path(__file__).parent.parent
TUNING = Path("snmem/backends/event/tuning.py")


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="engine_suite.tune", description="Times a case with several values of a constant."
    )
    parser.add_argument("constant", help="name of the constant; with --trees, the first folder")
    parser.add_argument("values", nargs="+", help="values, as in Python")
    parser.add_argument("--trees", action="store_true", help="compare versions of the package, by their folders")
    parser.add_argument("--case", default="balanced", help="case of the suite, or records, or delays")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--closed", action="store_true", help="with exact=False")
    parser.add_argument("--quick", action="store_true", help="the small size of the case")
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args(arguments)


def with_value(text: str, constant: str, value: str) -> str:
    """The text of ``tuning.py`` with another value of a constant, which may be one of several in its line."""
    for line in text.splitlines():
        names, _, values = line.partition(" = ")
        if re.fullmatch(r"[A-Z_, 0-9]+", names) and constant in names.split(", "):
            names = names.split(", ")
            parts = values.split(", ") if len(names) > 1 else [values]
            parts[names.index(constant)] = value
            return text.replace(line, f"{', '.join(names)} = {', '.join(parts)}")
    sys.exit(f"engine_suite.tune: no constant {constant!r} in {TUNING}")


def copied(folder: Path, constant: str, value: str) -> Path:
    """A copy of the package in which a constant has another value."""
    source = BENCHMARKS.parent
    shutil.copytree(source / "snmem", folder / "snmem", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / TUNING).write_text(with_value((source / TUNING).read_text(), constant, value))
    return folder


class Worker:
    """A process with one version of the package, which times a run whenever it is asked."""

    def __init__(self, tree: Path, options: argparse.Namespace) -> None:
        path = os.pathsep.join([str(tree), str(BENCHMARKS)])
        job = f"{options.case!r}, {options.quick}, {options.threads}, {not options.closed}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from engine_suite.tune import serve; serve({job})"],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "SNMEM_FIRST_RUN": "compile"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self) -> float:
        """The seconds of a run; the first call waits until everything is compiled."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("engine_suite.tune: a process ended")
        return float(line)


def records(quick: bool) -> Case:
    """Case (a) with weights that are all different and off every grid, so that they are kept as they are."""
    from .cases import Case, random_input, random_matrix, recurrent

    neurons, steps = (4000, 200) if quick else (10_000, 1000)
    weights, indices, indptr = random_matrix(neurons, neurons, 1000 / neurons, (2, 6), (13, 38), 1)
    weights = (weights + np.random.default_rng(3).uniform(-0.5, 0.5, weights.size)).astype(np.float32)
    inputs = {"input": random_input(neurons, steps, 0.0145 * neurons, 2)}
    return Case(lambda: recurrent((weights, indices, indptr), neurons), inputs, steps)


def delays(quick: bool) -> Case:
    """A part of the cortical microcircuit, whose synapses have delays of their own."""
    from snmem.installation.content import load_script

    from .cases import Case

    microcircuit = load_script("models", "microcircuit")
    return Case(lambda: microcircuit.network(0.1 if quick else 0.3, "poisson"), {}, 200 if quick else 2000)


#: Cases that are not of the suite.
_MORE = {"records": records, "delays": delays}


def serve(case: str, quick: bool, threads: int, exact: bool) -> None:
    """Print the seconds of a run for every line that comes in: processor time, or wall time with several threads."""
    from snmem import simulate

    from .cases import build

    built = _MORE[case](quick) if case in _MORE else build(case, quick)
    network, steps = built.make(), built.steps
    inputs = {name: s.between(0, steps) for name, s in built.inputs.items()}
    clock = time.process_time if threads == 1 else time.perf_counter
    for number, _ in enumerate(sys.stdin):
        if number == 0:
            simulate(network, inputs, steps, threads=threads, exact=exact, progress=False)
        began = clock()
        simulate(network, inputs, steps, threads=threads, exact=exact, progress=False)
        print(clock() - began, flush=True)


def main() -> None:
    """Time all values in turns and print what was found."""
    options = parsed()
    values = [options.constant, *options.values] if options.trees else options.values
    with ExitStack() as stack:
        workers = {}
        for value in values:
            tree = Path(value)
            if not options.trees:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="snmem-tune-"))
                tree = copied(Path(folder), options.constant, value)
            worker = workers[value] = Worker(tree.absolute(), options)
            stack.callback(worker.process.kill)
        times: dict[str, list[float]] = {value: [] for value in values}
        for number in range(options.rounds + 1):
            for value in values if number % 2 else reversed(values):
                times[value].append(workers[value].seconds())
    best = min(min(found[1:]) for found in times.values())
    for value, found in times.items():
        least, middle = min(found[1:]), median(found[1:])
        print(f"{value}: least {least:.4f} s ({least / best:.3f}), median {middle:.4f} s, {options.rounds} rounds")


if __name__ == "__main__":
    main()
