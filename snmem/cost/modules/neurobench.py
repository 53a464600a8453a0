"""A metric that NeuroBench's harness can call beside its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import InputError, MissingDependencyError
from ..chip import Chip, load_chip
from .bill import cost_of


def joules_metric(chip: str | Path | Chip = "loihi1-nahuku") -> type:
    """A workload metric of NeuroBench: dynamic joules of a sample on a chip, by :func:`cost_of`.

    Give the class to ``neurobench.benchmarks.Benchmark`` in the list of workload metrics; its result is called
    ``JoulesPerSample``. NeuroBench's data are (batch, steps, ...).

    Parameters
    ----------
    chip : str or Path or Chip
        Profile that prices the counts.

    Raises
    ------
    MissingDependencyError
        If NeuroBench is absent.
    """
    try:
        from neurobench.metrics.abstract.workload_metric import WorkloadMetric  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingDependencyError("joules_metric: the package 'neurobench' is absent; pip install it") from None
    profile = load_chip(chip)

    class JoulesPerSample(WorkloadMetric):
        """Dynamic joules of a sample."""

        def __call__(self, model: Any, preds: Any, data: Any) -> float:
            """Joules per sample of a batch; ``model`` is NeuroBench's wrapper, ``data`` the batch and its labels."""
            cost = cost_of(model.__net__(), data[0].transpose(0, 1), profile)
            if cost.joules is None:
                raise InputError(
                    f"chip {profile.name}: gives no joules ({', '.join(cost.unpriced)} have no public price)"
                )
            return cost.joules

    return JoulesPerSample
