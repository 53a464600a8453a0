"""Statistics of the microcircuit in NEST, kept for comparison; run from the folder ``benchmarks``.

``python -m models_suite.reference --scale 1 --seconds 3 --seeds 1 2 3`` simulates the model once for each seed, each
time in a process of its own, and adds the distributions to ``models/measured/microcircuit_nest.json`` when one is done;
a run of the same size and seed is replaced. Full density takes NEST some 12 GB.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from engine_suite.processes import run_apart

from snmem import Spikes
from snmem.installation.content import load_script
from snmem.io.files import replace_file

from .nest_peer import MODELS
from .ours import DT, drive_of

microcircuit = load_script("models", "microcircuit")

#: How a file of references says where it comes from.
COMMAND = "cd benchmarks; python -m models_suite.reference --scale SCALE --seconds SECONDS --seeds SEED ..."
#: Seconds that a run may take.
PATIENCE_S = 3 * 3600


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="models_suite.reference", description="Statistics of the microcircuit in NEST."
    )
    parser.add_argument("--scale", type=float, default=1.0, help="part of the network")
    parser.add_argument("--seconds", type=float, default=3.0, help="recorded, after half a second that is discarded")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=microcircuit.MEASURED, help="file to add to")
    return parser.parse_args(arguments)


def run(model: str, job: dict[str, Any]) -> dict[str, Any]:
    """Simulate ``model`` with NEST, record everything after ``discard`` seconds, and return its distributions."""
    with contextlib.redirect_stdout(io.StringIO()):
        import nest as package
    nest: Any = package
    began = time.perf_counter()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=1e3 * DT, local_num_threads=job["threads"], rng_seed=job["seed"], keep_source_table=False)
    groups = MODELS[model](nest, job)
    recorders = {name: nest.Create("spike_recorder", params={"start": 1e3 * job["discard"]}) for name in groups}
    for name, group in groups.items():
        nest.Connect(group, recorders[name])
    nest.Simulate(1e3 * (job["discard"] + job["seconds"]))
    spikes = {name: spikes_of(recorders[name].events, group, job) for name, group in groups.items()}
    about = {k: job[k] for k in ("scale", "seconds", "discard", "seed")} | {"drive": drive_of(job["scale"])}
    about |= {"simulator": f"NEST {nest.__version__}", "wall_s": round(time.perf_counter() - began, 1)}
    return about | {"populations": microcircuit.distributions(spikes)}


def spikes_of(events: dict[str, Any], group: Any, job: dict[str, Any]) -> Spikes:
    """Recorded spikes, in steps after what is discarded."""
    steps = round(job["seconds"] / DT)
    step = np.rint(events["times"] / (1e3 * DT)).astype(np.int64) - 1 - round(job["discard"] / DT)
    return Spikes.from_events(step, events["senders"] - group[0].global_id, steps, len(group))


def main(options: argparse.Namespace) -> None:
    """Run all seeds, one after the other."""
    for seed in options.seeds:
        job = {"model": "microcircuit", "simulator": "reference", "discard": 0.5, "seed": seed}
        job |= {k: getattr(options, k) for k in ("scale", "seconds", "threads")}
        with tempfile.TemporaryDirectory(prefix="snmem-models-") as folder:
            found = run_apart("models_suite.child", job, folder, PATIENCE_S, {"OMP_WAIT_POLICY": "passive"})
        if "absent" in found:
            raise SystemExit(f"models_suite.reference: seed {seed}: {found['absent']}")
        print(f"seed {seed}: {found.pop('wall_s'):g} s, {found.pop('peak_mb') / 1024:.1f} GB")
        keep(found, options.out)


def keep(run: dict[str, Any], file: Path) -> None:
    """Add a run to a file of references, in the place of one of the same size and seed."""
    kept = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.is_file() else []
    same = ("scale", "drive", "seconds", "seed")
    kept = [old for old in kept if any(old[key] != run[key] for key in same)] + [run]
    kept.sort(key=lambda r: [r[key] for key in same])
    lines = []
    for one in kept:
        populations = ",\n".join(f"  {json.dumps(n)}: {json.dumps(d)}" for n, d in one["populations"].items())
        about = json.dumps({k: v for k, v in one.items() if k != "populations"})
        lines.append(f'{about[:-1]}, "populations": {{\n{populations}}}}}')
    with replace_file(file, "w") as draft:
        draft.write(f'{{"command": {json.dumps(COMMAND)}, "runs": [\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main(parsed())
