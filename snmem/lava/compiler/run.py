"""Runs a written module as its user would, in an interpreter of its own that is ended whatever happens."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import BackendError
from ...io.given import require_plain
from ...spikes import Spikes
from ..cleanup import end_group, remove_shared_memory
from ..session import TIMEOUT, time_limit
from ..shim import require_lava
from .arrays import read_arrays, write_arrays
from .module import MODULE

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: Names of shared memory get a prefix, so that what a killed run leaves behind can be removed. A run whose caller is
#: gone ends itself.
_CODE = """
import os, runpy, signal, sys, threading, time
from multiprocessing import shared_memory
from pathlib import Path
caller, prefix, sys.argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
shared_memory._SHM_NAME_PREFIX = prefix
def watch():
    while os.getppid() == caller:
        time.sleep(0.2)
    for file in Path("/dev/shm").glob(prefix.lstrip("/") + "*"):
        file.unlink(missing_ok=True)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_module(folder: Path, inputs: Mapping[str, Spikes], steps: int, seconds: float) -> dict[str, Any]:
    """Run ``folder/network.py`` on Lava; returns what it writes: name -> array (steps, neurons).

    Parameters
    ----------
    folder
        Folder of the module.
    inputs
        Spikes by input name.
    steps
        Steps to run.
    seconds
        After which the run counts as stuck, unless SNMEM_LAVA_TIMEOUT says otherwise.

    Raises
    ------
    MissingDependencyError
        If Lava is absent.
    BackendError
        If the module fails or is stuck, with its last words.
    """
    require_plain("compile to Lava", inputs)
    require_lava()
    limit, prefix = time_limit(seconds), f"/sm{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="snmem-lava-") as scratch, tempfile.TemporaryFile() as output:
        given, made = Path(scratch, "input.npz"), Path(scratch, "output.npz")
        rasters: dict[str, Any] = {name: spikes.raster() for name, spikes in inputs.items()}
        write_arrays(given, rasters)
        arguments = [
            str(os.getpid()),
            prefix,
            str(folder.resolve() / MODULE),
            str(given),
            str(made),
            "--steps",
            str(steps),
        ]
        process = subprocess.Popen(
            [sys.executable, "-c", _CODE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=os.environ | dict.fromkeys(_THREADS, "1"),
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            raise BackendError(
                f"{folder / MODULE}: gave no result within {limit:g} s on Lava; it may be stuck. "
                f"Set the environment variable {TIMEOUT} (seconds) to wait longer"
            ) from None
        finally:
            end_group(process.pid)
            process.wait()
            remove_shared_memory(prefix)
        if code or not made.exists():
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()
            error = BackendError(f"{folder / MODULE}: failed on Lava: {lines[-1] if lines else f'exit code {code}'}")
            error.add_note("\n".join(lines[-30:]))
            raise error
        return read_arrays(made)
