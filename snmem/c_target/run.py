"""Builds a written program with the C compiler of the machine, and runs it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, MissingDependencyError
from ..io.given import require_plain
from ..network import Network
from ..spikes import Spikes

#: Compilers that are looked for unless the environment variable CC names one.
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror")
#: Seconds that a compiler may take.
_PATIENCE = 1800.0


def compiler() -> list[str] | None:
    """The C compiler as a command: that of the environment variable CC, or one of :data:`COMPILERS`; None without."""
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [[name] for name in COMPILERS]:
        if found := shutil.which(command[0]):
            return [found, *command[1:]]
    return None


def build(folder: Path, program: Path, flags: Sequence[str] = FLAGS) -> Path:
    """Compile the sources in ``folder``; returns the program.

    Raises
    ------
    MissingDependencyError
        Without a C compiler.
    BackendError
        With the first lines of what the compiler says.
    """
    command = compiler()
    if command is None:
        raise MissingDependencyError(
            f"compile to C: no C compiler is on the PATH (looked for {', '.join(COMPILERS)}); install one, or set CC"
        )
    sources = [str(folder / name) for name in ("main.c", "network.c", "network_tables.c")]
    try:
        done = subprocess.run(
            [*command, *flags, "-o", str(program), *sources],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise BackendError(f"compile to C: {command[0]} took more than {_PATIENCE:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        error = BackendError(f"compile to C: {command[0]} failed: {lines[0]}")
        error.add_note("\n".join(lines[:30]))
        raise error
    return program


@dataclass(frozen=True)
class Ran:
    """What a program did.

    spikes : population name -> spikes.    seconds : wall-clock time from its start to its end.
    last_words : the last line on its standard error.
    """

    spikes: Mapping[str, Spikes]
    seconds: float
    last_words: str = ""


def run(
    program: Path,
    network: Network,
    inputs: Mapping[str, Spikes],
    steps: int,
    wrapper: Sequence[str] = (),
    folder: Path | None = None,
) -> Ran:
    """Run a program on ``inputs`` for ``steps`` steps.

    Parameters
    ----------
    program : Path
        What :func:`build` returns.
    network : Network
        The network that it was made of.
    inputs : mapping of str to Spikes
        By input name.
    steps : int
        Steps to run.
    wrapper : sequence of str
        A command that runs it, such as valgrind.
    folder : Path, optional
        Where it runs; by default here.

    Raises
    ------
    BackendError
        If it fails, with its last words.
    """
    require_plain("compile to C", inputs)
    given = [_packed(inputs[p.name].raster()) for p in network.inputs]
    sizes = [(p.name, p.size, (p.size + 31) // 32) for p in network.neurons]
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as result:
        source.write(np.concatenate([np.zeros((steps, 0), "<u4"), *given], axis=1).astype("<u4").tobytes())
        source.seek(0)
        began = time.perf_counter()
        done = subprocess.run(
            [*wrapper, str(program), str(steps)],
            stdin=source,
            stdout=result,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        seconds = time.perf_counter() - began
        result.seek(0)
        data = result.read()
    words = sum(n for _, _, n in sizes)
    said = done.stderr.strip().splitlines()[-1:]
    if done.returncode or len(data) != 4 * words * steps:
        last = said or [f"exit code {done.returncode}, {len(data)} bytes"]
        raise BackendError(f"{program}: failed: {last[0]}")
    rows, spikes, first = np.frombuffer(data, "<u4").reshape(steps, words), {}, 0
    for name, size, n in sizes:
        spikes[name] = Spikes.from_raster(_unpacked(rows[:, first : first + n], size))
        first += n
    return Ran(spikes, seconds, "".join(said))


def _packed(raster: Any) -> NDArray[np.uint32]:
    """A raster of shape (steps, neurons) as words of 32 bits, the first neuron in the lowest bit."""
    raster = np.asarray(raster).reshape(len(raster), -1) != 0
    padded = np.zeros((len(raster), -(-raster.shape[1] // 32) * 32), bool)
    padded[:, : raster.shape[1]] = raster
    return np.packbits(padded, axis=1, bitorder="little").view("<u4")


def _unpacked(words: NDArray[np.uint32], size: int) -> NDArray[np.uint8]:
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")[:, :size]
