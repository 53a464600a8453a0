"""One measurement in a process of its own: ``python -m engine_suite.child '{"engine": ...}'``.

Writes ``result.json``, and the spikes of the populations that an engine records as ``spikes.npz``, into the folder
named in the job.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .plan import OURS


def engine(name: str) -> Any:
    """The function of an engine's name; imported here so that no engine pays for another."""
    if name in OURS:
        from . import ours

        return partial(ours.run, **OURS[name])
    if name.startswith("brian2"):
        from . import brian

        return partial(brian.run, target=name.removeprefix("brian2_"))
    if name == "nest":
        from . import nest_peer

        return nest_peer.run
    from . import others

    return getattr(others, f"run_{name}")


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Build the case, run it, save the spikes; returns what goes into result.json."""
    from . import memory
    from .cases import build
    from .nest_peer import Unsupported

    case = build(job["case"], job["quick"])
    steps = min(job["steps"] or case.steps, case.steps)
    memory.reset_peak()
    before = memory.peak_mb()
    try:
        found = engine(job["engine"])(case, steps, job["repeats"])
    except ImportError as error:
        return {"absent": f"package {error.name!r} is not installed"}
    except Unsupported as error:
        return {"absent": str(error)}
    found = {"peak_mb": memory.peak_mb(), "before_mb": before, "steps": steps} | found
    recorded = {name: s.between(0, steps) for name, s in case.inputs.items()} | dict(found.pop("spikes"))
    network, spikes = case.make(), {}
    found["synapses"] = sum(q.synapses for q in network.projections)
    found["neurons"] = sum(p.size for p in network.neurons)
    found["spikes"] = sum(len(recorded[p.name]) for p in network.neurons)
    found["synaptic_events"] = sum(int(q.fan_out @ recorded[q.pre].counts()) for q in network.projections)
    for name, s in recorded.items():
        spikes |= {f"{name}/step": s.step, f"{name}/neuron": s.neuron, f"{name}/shape": (s.steps, s.size)}
    np.savez(Path(job["folder"]) / "spikes.npz", **spikes)
    return found


def limit_memory(share: float = 0.5) -> None:
    """An engine that needs more than this share of the machine's memory fails, and nothing else does."""
    allowed = int(share * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def main(job: dict[str, Any]) -> None:
    """Do the job: an engine on a case, or one of the other measurements."""
    from snmem.errors import SnmemError

    from . import busy, growth, in_turns, limit, startup

    limit_memory()
    try:
        if "case" in job:
            result = work(job)
        elif "curve" in job:
            result = growth.measure(job["curve"], job["quick"])
        elif job["measure"] == "in turns":
            result = in_turns.measure(job["quick"])
        elif job["measure"] == "busy":
            result = busy.measure(job["quick"])
        elif job["measure"] == "limit":
            result = limit.measure(steps=40 if job["quick"] else 200)
        else:
            result = startup.measure(3 if job["quick"] else 7)
    except MemoryError:
        result = {"absent": "needs more memory than half of this machine's"}
    except (SnmemError, FileNotFoundError) as error:
        result = {"absent": str(error)}
    (Path(job["folder"]) / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
