"""Real Lava (lava-nc 0.10.0) as two backends: "lava_float" and "lava_fixed" (Loihi's fixed point).

Networks become Lava's own LIF, LIFReset, Dense and Sparse processes (:mod:`snmem.lava.plan`), run by Lava's runtime in
a watched child process (:mod:`snmem.lava.session`). A connection takes one step in Lava, as delay 1 does here, so steps
have the same numbers in both. ``SNMEM_LAVA_TIMEOUT`` sets the seconds after which a run counts as stuck.

Source: lava-nc 0.10.0, https://github.com/lava-nc/lava.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..lava.overflow import check_overflow
from ..lava.plan import Plan, Result, make_plan
from ..lava.session import run_plan
from ..lava.shim import require_lava
from ..simulation import Job, make_recording
from ..spikes import Recording, Spikes

#: Cells of the spike raster that are unpacked at a time.
_CHUNK = 1 << 24


def run_float(job: Job) -> Recording:
    """Run a float network on Lava's floating-point models.

    Raises
    ------
    MissingDependencyError
        if Lava is absent.
    BackendError
        for what Lava cannot do (delay 0, reset "subtract", v_reset other than 0, plasticity, decays that it cannot
        hold exactly, going on from a state), naming the population or projection; or if Lava fails or is stuck.
    """
    return _run(job, "lava_float")


def run_fixed(job: Job) -> Recording:
    """Run a Loihi network on Lava's bit-accurate fixed-point models.

    Raises
    ------
    MissingDependencyError
        if Lava is absent.
    BackendError
        as :func:`run_float`, and where a current leaves the 32 bits that Lava computes with.
    """
    return _run(job, "lava_fixed")


def _run(job: Job, backend: str) -> Recording:
    require_lava()
    plan = make_plan(job, backend)
    result = run_plan(plan, job.progress)
    spikes = _spikes(job, plan, result)
    if backend == "lava_fixed":
        check_overflow(job.network, spikes)
    traces = {}
    for name, (population, var) in zip(job.record, job.traces(), strict=True):
        process, first, size = plan.places[population]
        rows = result.traces[process, var][:, first : first + size]
        traces[name] = rows.astype(np.float64 if backend == "lava_float" else np.int64)
    return make_recording(job, backend, spikes, traces=traces)


def _spikes(job: Job, plan: Plan, result: Result) -> dict[str, Spikes]:
    """Bits to events; inputs as they were given."""
    starts = np.cumsum([0, *(p.size for p in plan.neurons)])
    rows = max(1, _CHUNK // int(starts[-1]))
    found = []
    for first in range(0, job.steps, rows):
        step, neuron = np.nonzero(np.unpackbits(result.bits[first : first + rows], axis=1, count=int(starts[-1])))
        found.append((step + first, neuron))
    step, neuron = (np.concatenate(parts) for parts in zip(*found, strict=True))
    out: dict[str, Any] = dict(job.inputs)
    for p in job.network.neurons:
        process, first, size = plan.places[p.name]
        local = neuron - (starts[process] + first)
        mine = (local >= 0) & (local < size)
        out[p.name] = Spikes(step[mine], local[mine], job.steps, size)
    return {p.name: out[p.name] for p in job.network.populations}
