"""Statistics of the microcircuit in NEST, kept for comparison; run from the folder ``benchmarks``.

``python -m models_suite.reference --scale 1 --seconds 3 --seeds 1 2 3`` simulates the model once for each seed, each
time in a process of its own, and adds the distributions to ``models/measured/microcircuit_nest.json``, where a run of
the same size, duration and seed is replaced. With several durations, a run that is killed leaves the shorter ones.
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
COMMAND = "cd benchmarks; python -m models_suite.reference --scale K --drive DRIVE --seconds SECONDS --seeds SEED ..."
#: Biological seconds before anything is recorded; seconds that a run may take.
DISCARD, PATIENCE_S = 0.5, 3 * 3600


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="models_suite.reference", description="Statistics of the microcircuit in NEST."
    )
    parser.add_argument("--scale", type=float, default=1.0, help="part of the network")
    parser.add_argument("--drive", choices=("dc", "poisson"), help="by default dc for more than half of the network")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0], help="durations that are recorded")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=microcircuit.MEASURED, help="file to add to")
    return parser.parse_args(arguments)


def run(model: str, job: dict[str, Any]) -> dict[str, Any]:
    """Simulate ``model`` with NEST, and keep the distributions of each duration when it is over."""
    with contextlib.redirect_stdout(io.StringIO()):
        import nest as package
    nest: Any = package
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=1e3 * DT, local_num_threads=job["threads"], rng_seed=job["seed"], keep_source_table=False)
    groups = MODELS[model](nest, job)
    recorders = {name: nest.Create("spike_recorder", params={"start": 1e3 * DISCARD}) for name in groups}
    for name, group in groups.items():
        nest.Connect(group, recorders[name])
    about = {"scale": job["scale"], "drive": job["drive"], "discard": DISCARD, "seed": job["seed"]}
    about["simulator"] = f"NEST {nest.__version__}"
    nest.Prepare()
    over = -DISCARD
    for seconds in job["seconds"]:
        nest.Run(1e3 * (seconds - over))
        over = seconds
        spikes = {name: spikes_of(recorders[name].events, group, seconds) for name, group in groups.items()}
        keep({**about, "seconds": seconds, "populations": microcircuit.distributions(spikes)}, Path(job["out"]))
    nest.Cleanup()
    return {}


def spikes_of(events: dict[str, Any], group: Any, seconds: float) -> Spikes:
    """Recorded spikes, in steps after what is discarded."""
    step = np.rint(events["times"] / (1e3 * DT)).astype(np.int64) - 1 - round(DISCARD / DT)
    return Spikes.from_events(step, events["senders"] - group[0].global_id, round(seconds / DT), len(group))


def main(options: argparse.Namespace) -> None:
    """Run all seeds, one after the other."""
    for seed in options.seeds:
        job = {"model": "microcircuit", "simulator": "reference", "seed": seed, "out": str(options.out.resolve())}
        job |= {"scale": options.scale, "seconds": sorted(options.seconds), "threads": options.threads}
        job["drive"] = options.drive or drive_of(options.scale)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="snmem-models-") as folder:
            done = run_apart("models_suite.child", job, folder, PATIENCE_S, {"OMP_WAIT_POLICY": "passive"})
        if "absent" in done:
            raise SystemExit(f"models_suite.reference: seed {seed}: {done['absent']}")
        print(f"seed {seed}: {time.perf_counter() - began:.0f} s, {done['peak_mb'] / 1024:.1f} GB")


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
