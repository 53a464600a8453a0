"""Builds a written design with Verilator, and runs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ..errors import BackendError, MissingDependencyError

#: Warnings of Verilator that are left out: addresses have a bit more than the last row of a memory needs.
_LEFT_OUT = ("-Wno-WIDTH", "-Wno-UNUSEDSIGNAL")
#: Seconds that Verilator and the C++ compiler may take.
_PATIENCE = 1800.0


def verilator() -> str | None:
    """The path of Verilator; None without."""
    return shutil.which("verilator")


def build(folder: Path, program: Path) -> Path:
    """Build the design in ``folder`` with Verilator; returns the program, which is to be run in that folder.

    Raises
    ------
    MissingDependencyError
        Without Verilator.
    BackendError
        With the first lines of what Verilator or the C++ compiler says.
    """
    command = verilator()
    if command is None:
        raise MissingDependencyError(
            "compile to Verilog: Verilator is not on the PATH; install it (Debian, Ubuntu: apt-get install verilator)"
        )
    options = ["--cc", "--exe", "--build", "-Wall", *_LEFT_OUT, "-CFLAGS", "-O1", "-I" + str(folder)]
    place = ["--Mdir", str(program.parent / f"{program.name}.build"), "-o", str(program)]
    sources = [str(folder / name) for name in ("network.v", "main.cpp")]
    try:
        done = subprocess.run(
            [command, *options, "-CFLAGS", f"-I{folder}", *place, *sources],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise BackendError(f"compile to Verilog: Verilator took more than {_PATIENCE:g} s") from None
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        error = BackendError(f"compile to Verilog: Verilator failed: {lines[0]}")
        error.add_note("\n".join(lines[:30]))
        raise error
    return program
