"""One simulator and one model in a process of its own: ``python -m models_suite.child '{"simulator": ...}'``.

Leaves ``result.json``, and the spikes that are compared as ``spikes.npy``, in the folder named in the job.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from engine_suite import memory

MODULES = {"snmem": "ours", "nest": "nest_peer", "brian2": "brian2_peer", "reference": "reference", "limit": "limit"}


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do the job; what is not installed comes back as ``absent``."""
    try:
        found = import_module(f".{MODULES[job['simulator']]}", __package__).run(job["model"], job)
    except ImportError as error:
        return {"absent": f"package {error.name!r} is not installed"}
    if "spikes" in found:
        np.save(Path(job["folder"]) / "spikes.npy", found.pop("spikes"))
    return {"peak_mb": memory.peak_mb()} | {k: v for k, v in found.items() if v is not None}


if __name__ == "__main__":
    _job = json.loads(sys.argv[1])
    Path(_job["folder"], "result.json").write_text(json.dumps(work(_job)), encoding="utf-8")
