"""Many runs of a model over parameters and seeds, each kept when it is finished; see :func:`sweep`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._text import shown
from ..errors import InputError
from .points import Sweep, named, only_here, parse_setting, parse_value, sweepable

__all__ = ["Sweep", "SweepResult", "parse_setting", "parse_value", "sweep", "sweepable"]


@dataclass(frozen=True)
class SweepResult:
    """What a sweep leaves.

    data : xarray.Dataset, a dimension for each swept parameter and ``seed``; failed runs are NaN.
    path : where the dataset is on disk (netCDF).
    kept : runs that an earlier call had finished.    done : runs of this call.
    failed : parameters and error of each run that failed; the next call tries them again.
    """

    data: Any
    path: Path
    kept: int
    done: int
    failed: Sequence[tuple[Mapping[str, Any], str]]


def sweep(
    target: str | Callable[..., Any],
    grid: Mapping[str, Sequence[Any]],
    seeds: int | Sequence[int],
    folder: str | os.PathLike[str],
    fixed: Mapping[str, Any] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    report: Callable[[str], None] = print,
) -> SweepResult:
    """Run a function of a model for all combinations of parameters and seeds.

    Every finished run is a file of its own in ``folder`` at once. Killed at any moment and started again, the sweep
    goes on with the runs that are missing. It may also be started again with more values or seeds.

    Parameters
    ----------
    target
        "model" or "model:function", by default the function ``run``, where a model is one that ``snmem models`` lists,
        the path of a .py file, or a module; or a function. One that only this process knows, as those of a notebook's
        cell, runs here, a run at a time.
    grid
        Parameter -> values.
    seeds
        Number of seeds (0, 1, ...) or the seeds.
    folder
        Where runs and dataset are kept.
    fixed
        Parameters with one value for all runs.
    workers
        Processes on this machine, by default one per processor.
    scheduler
        Address of a Dask scheduler to use instead, e.g. "tcp://10.0.0.1:8786"; its workers need snmem.
    report
        Told about the progress.

    Raises
    ------
    InputError
        For unknown models, functions or parameters.
    FileError
        If the folder is in use, not writable, or holds something else.
    BackendError
        If a worker process is killed or the cluster is lost; what was finished is kept.
    """
    from .dataset import dataset, write_dataset
    from .runners import on_dask, on_processes, on_this_process
    from .storage import RESULTS, SweepFolder

    if not isinstance(grid, Mapping):
        raise InputError(f"sweep: grid must be a dict of parameter -> values, got {shown(grid)}")
    target = named(target)
    plan = Sweep(target, dict(grid), dict(fixed or {}), range(seeds) if isinstance(seeds, int) else seeds)
    points = {plan.key(point): point for point in plan.points()}
    home = SweepFolder(Path(folder).absolute())
    with home.lock():
        home.describe(target, {"grid": plan.grid, "fixed": plan.fixed, "seeds": list(plan.seeds)})
        finished = home.finished() & points.keys()
        tasks = [(key, point) for key, point in points.items() if key not in finished]
        report(f"{len(points)} runs of {target}, {len(finished)} of them finished before")
        failed, told = [], time.monotonic()
        if tasks:
            count = workers or os.cpu_count() or 1
            if only_here(target):
                work = on_this_process(target, tasks, home, scheduler)
            elif scheduler:
                work = on_dask(target, tasks, home, scheduler)
            else:
                work = on_processes(target, tasks, home, count)
            for done, (key, error) in enumerate(work, 1):
                if error:
                    failed.append((points[key], error))
                if time.monotonic() - told > 5:
                    report(f"{done} of {len(tasks)} runs done")
                    told = time.monotonic()
        finished_now = home.finished() & points.keys()
        data = dataset(plan, {key: home.read(key, points[key]) for key in finished_now})
        write_dataset(data, home.path / RESULTS)
    return SweepResult(data, home.path / RESULTS, len(finished), len(tasks) - len(failed), failed)
