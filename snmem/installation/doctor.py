"""What is installed, what of it works, and how to mend the rest (``snmem doctor``)."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from ..errors import SnmemError
from ..lava import shim

#: Seconds that one check may take.
_PATIENCE = 180.0


class Row(NamedTuple):
    """One finding.

    name : package or tool.    version : found version, or None.    ok : whether it works.
    remedy : what to do if not, else "".    note : what was tried, or what went wrong.
    required : whether snmem needs it; the others serve one backend or command each.
    """

    name: str
    version: str | None
    ok: bool
    remedy: str = ""
    note: str = ""
    required: bool = True


#: Package -> statements that put it to work.
_REQUIRED = {
    "numpy": "import numpy",
    "scipy": "import scipy.sparse",
    "numba": "import numba; assert numba.njit(lambda x: x + 1)(1) == 2",
    "nir": "import nir",
    "h5py": "import h5py",
    "matplotlib": "import matplotlib.figure",
    "xarray": "import xarray",
}
#: Package -> (extra of snmem that brings it, statements).
_OPTIONAL = {
    "brian2": ("brian2", "import brian2"),
    "torch": ("snntorch", "import torch; assert torch.ones(2).sum() == 2"),
    "snntorch": ("snntorch", "import snntorch; snntorch.Leaky(beta=0.5)"),
    "gguf": ("language", "import gguf"),
    "distributed": ("dask", "import distributed"),
    "mpi4py": ("mpi", "from mpi4py import MPI"),
}


def doctor() -> list[Row]:
    """Check the interpreter, the packages, the C++ compiler and Lava; takes some seconds, as it tries each of them.

    Checks run in processes of their own, so that a broken package cannot harm this one.
    """
    checks: list[Callable[[], Row]] = [_python]
    checks += [lambda name=name, code=code: _package(name, code, None) for name, code in _REQUIRED.items()]
    checks += [lambda name=name, spec=spec: _package(name, spec[1], spec[0]) for name, spec in _OPTIONAL.items()]
    checks += [_machine_code, _compiler]
    pool = ThreadPoolExecutor(2)
    try:
        rows = [pool.submit(check) for check in checks]
        lava = _lava()  # here, so that Ctrl-C reaches it
        return [*(row.result() for row in rows), lava]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _python() -> Row:
    found = sys.version_info
    ok = (3, 11) <= found[:2] <= (3, 13)
    return Row("python", platform.python_version(), ok, "" if ok else "use Python 3.11, 3.12 or 3.13", sys.executable)


def _package(name: str, code: str, extra: str | None) -> Row:
    required = extra is None
    try:
        found = version(name)
    except PackageNotFoundError:
        return Row(name, None, False, _command(name, extra), "not installed", required)
    problem = _try([sys.executable, "-c", code])
    if problem:
        return Row(name, found, False, f"{_command(name, extra)} --force-reinstall", problem, required)
    return Row(name, found, True, "", "", required)


def _command(name: str, extra: str | None) -> str:
    """The pip command that installs what snmem's metadata asks for: one requirement, or those of an extra."""
    try:
        declared = requires("snmem") or []
    except PackageNotFoundError:
        declared = []
    wanted = []
    for line in declared:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        if extra and re.search(f"extra == ['\"]{extra}['\"]", marker):
            wanted.append(requirement)
        elif extra is None and "extra" not in marker and re.match(r"[\w.-]+", line)[0] == name:  # type: ignore[index]
            wanted.append(line)
    return shlex.join(["pip", "install", *(wanted or [name])])


def _try(command: list[str], text: str = "") -> str | None:
    """None if ``command`` succeeds on input ``text``, else what it said last."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE:g} s"
    except OSError as error:
        return str(error)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return None if done.returncode == 0 else (lines or [f"exit code {done.returncode}"])[-1]


def _machine_code() -> Row:
    """Where compiled kernels are kept; without such a folder every process compiles them anew."""
    from .. import _jit

    if _jit.config.DISABLE_JIT:
        note = "NUMBA_DISABLE_JIT turns numba's compiler off; the event engine and compiled memories refuse"
        return Row("compiled kernels", None, False, "unset NUMBA_DISABLE_JIT", note)
    place = _jit.writable_place(_jit.__file__)
    if place is None:
        remedy = "set NUMBA_CACHE_DIR to a folder that can be written"
        note = "can be kept nowhere; every process compiles them anew"
        return Row("compiled kernels", None, False, remedy, note, required=False)
    return Row("compiled kernels", None, True, "", f"kept in {place}", required=False)


def _compiler() -> Row:
    """Brian2 compiles its code; without a compiler it falls back to slow numpy code."""
    name, remedy = "C++ compiler", "install one (such as the package g++), and Python's headers; brian2 is slow without"
    named = shlex.split(os.environ.get("CXX", ""))
    path = next(filter(None, map(shutil.which, (*named[:1], "c++", "g++", "clang++"))), None)
    if path is None:
        return Row(name, None, False, remedy, "none found", required=False)
    problem = _try([path, "-x", "c++", "-fsyntax-only", "-"], "#include <vector>\nint main() { return 0; }\n")
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    if problem is None and not header.exists():
        problem = f"{header} is missing"
    found = subprocess.run([path, "-dumpversion"], capture_output=True, text=True).stdout.strip() or None
    return Row(name, found, problem is None, "" if problem is None else remedy, problem or path, required=False)


def _lava() -> Row:
    """Two neurons through Lava's runtime in fixed point, compared with the reference."""
    found = shim.installed_version()
    problem = shim.missing()
    if problem:
        return Row("lava-nc", found, False, shim.REMEDY, problem, required=False)
    from ..network import Input, Network, Population, Projection
    from ..neurons import LoihiLIF
    from ..simulation import simulate

    neurons = Population("neurons", 2, LoihiLIF(du=4095, dv=1024, vth=100))
    network = Network((Input("input", 1), neurons), (Projection("input", "neurons", [[80], [120]]),))
    spikes = {"input": ([0, 1, 2, 5], [0, 0, 0, 0])}
    try:
        lava, reference = (simulate(network, spikes, 8, backend=name) for name in ("lava_fixed", "reference"))
    except SnmemError as error:
        return Row("lava-nc", found, False, f"{shim.REMEDY} in a new environment", str(error), required=False)
    cells, _ = lava.spikes["neurons"].differing(reference.spikes["neurons"])
    if cells:
        note = f"two neurons ran, but {cells} of 16 cells differ from the reference"
        return Row("lava-nc", found, False, f"{shim.REMEDY} in a new environment", note, required=False)
    return Row("lava-nc", found, True, "", "two neurons ran in fixed point, spikes equal", required=False)
