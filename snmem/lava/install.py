"""Puts lava-nc 0.10.0 into the running interpreter, although its package admits Python 3.10 only."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

from ..errors import MissingDependencyError
from . import shim

_COMMAND = f"pip install --no-deps --ignore-requires-python lava-nc=={shim.LAVA_VERSION}"


def install(say: Callable[[str], None] | None = None) -> str:
    """Install Lava and what it needs; does nothing where it is there. Works with and without pip in the environment.

    Parameters
    ----------
    say
        Called with a line before each step that takes time, such as ``print``.

    Returns
    -------
    One line that says what is installed now.

    Raises
    ------
    MissingDependencyError
        If it cannot be installed, with the last words of the installer and the command to run by hand.
    """
    say = say or (lambda line: None)
    if os.name == "nt":
        raise MissingDependencyError("Lava runs need process forking; use Linux, macOS or WSL instead of Windows")
    if shim.missing() is None:
        return f"lava-nc {shim.LAVA_VERSION} is already installed in {sys.prefix}"
    if find_spec("pip") is None:
        say("bringing pip into the environment")
        _bring_pip()
    say(f"installing lava-nc {shim.LAVA_VERSION}, {' and '.join(shim.NEEDS)} into {sys.prefix}")
    _pip("--no-deps", "--ignore-requires-python", f"lava-nc=={shim.LAVA_VERSION}")
    absent = [name for name in shim.NEEDS if find_spec(name) is None]
    if absent:
        _pip(*absent)
    importlib.invalidate_caches()
    problem = shim.missing()
    if problem:
        raise MissingDependencyError(f"the installer reported success, yet {problem}; run by hand: {_COMMAND}")
    return f"lava-nc {shim.LAVA_VERSION} is installed in {sys.prefix}"


def _run(command: list[str]) -> str | None:
    """None on success, else the last line that says what went wrong."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line.lower()]
    cause = (errors or lines or [f"exit code {done.returncode}"])[-1].strip()
    return f"no connection to the package index ({cause})" if "NewConnectionError" in done.stderr else cause


def _bring_pip() -> None:
    """By ensurepip, which ships with Python, or by uv where that made the environment."""
    problem = _run([sys.executable, "-m", "ensurepip", "--default-pip"])
    uv = shutil.which("uv")
    if problem and uv:
        problem = _run([uv, "pip", "install", "--python", sys.executable, "pip"])
    importlib.invalidate_caches()
    if problem:
        raise MissingDependencyError(
            f"this environment ({sys.prefix}) has no pip, and neither ensurepip nor uv could bring it: {problem}; "
            f"install pip, then run: {shim.REMEDY}"
        )


def _pip(*what: str) -> None:
    quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
    problem = _run([sys.executable, "-m", "pip", "install", *quiet, *what])
    importlib.invalidate_caches()
    if problem:
        raise MissingDependencyError(f"cannot install Lava: {problem}; run by hand: pip install {' '.join(what)}")
