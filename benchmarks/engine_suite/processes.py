"""Measurements in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def run_apart(
    module: str,
    job: Mapping[str, Any],
    folder: str | Path,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run ``python -m module JOB``, which writes ``result.json`` into a folder that the job names too.

    Returns what is written there, or what went wrong as ``absent``; nothing that it started goes on after ``seconds``.
    """
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", module, json.dumps({**job, "folder": str(folder)})],
        env={**os.environ, "SNMEM_FIRST_RUN": "compile", **(environment or {}), "PYTHONPATH": path},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        errors = process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        return {"absent": f"not done after {seconds:g} s"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it may have left behind, too
        process.wait()
    result = Path(folder) / "result.json"
    if result.exists():
        return json.loads(result.read_text(encoding="utf-8"))
    last = (errors.strip().splitlines() or ["no message"])[-1]
    return {"absent": f"failed (exit code {process.returncode}): {last}"}
