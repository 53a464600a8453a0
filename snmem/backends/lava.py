"""Real Lava (lava-nc 0.10.0) as two backends: "lava_float" and "lava_fixed" (Loihi's fixed point).

Networks become Lava's own LIF, LIFReset, Dense and Sparse processes (:mod:`snmem.lava.plan`), and, for neurons that are
refractory, reset by subtraction or begin elsewhere than at 0, a process of snmem's own, run by Lava's runtime in a
watched child process (:mod:`snmem.lava.session`). A connection takes one step in Lava, as delay 1 does here, so steps
have the same numbers in both. ``SNMEM_LAVA_TIMEOUT`` sets the seconds after which a run counts as stuck.

Source: lava-nc 0.10.0, https://github.com/lava-nc/lava.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..description import row_numbers
from ..lava.overflow import check_clears, check_overflow
from ..lava.plan import FEATURES, Plan, Result, lava_rule, make_plan
from ..lava.session import run_plan
from ..lava.shim import require_lava
from ..loihi.rules import parse
from ..network import Projection
from ..neurons import LIF, LoihiLIF
from ..plasticity import SumOfProducts
from ..spikes import Recording, Spikes
from .base import Backend, Job, make_recording, register_backend

#: Cells of the spike raster that are unpacked at a time.
_CHUNK = 1 << 24


def run_float(job: Job) -> Recording:
    """Run a float network on Lava's floating-point models.

    Raises
    ------
    MissingDependencyError
        If Lava is absent.
    BackendError
        For what Lava cannot do (delay 0, v_reset other than 0, learning rules and decays that it
        cannot hold exactly, going on from a state, timed clears of infinite values), naming the population or
        projection; or if Lava fails or is stuck.
    """
    return _run(job, "lava_float")


def run_fixed(job: Job) -> Recording:
    """Run a Loihi network on Lava's bit-accurate fixed-point models.

    Raises
    ------
    MissingDependencyError
        If Lava is absent.
    BackendError
        As :func:`run_float`, and where a current leaves the 32 bits that Lava computes with.
    """
    return _run(job, "lava_fixed")


def _run(job: Job, backend: str) -> Recording:
    require_lava()
    plan = make_plan(job, backend)
    if backend == "lava_float":
        check_clears(job.network, job.steps)
    result = run_plan(plan, job.progress)
    spikes = _spikes(job, plan, result)
    if backend == "lava_fixed":
        check_overflow(job.network, spikes)
    traces = {}
    for name, (population, var) in zip(job.record, job.traces(), strict=True):
        process, first, size = plan.places[population]
        rows = result.traces[process, var][:, first : first + size]
        traces[name] = rows.astype(np.float64 if backend == "lava_float" else np.int64)
    learned = {q.name: q for q in job.network.projections if q.plasticity}
    return make_recording(
        job,
        backend,
        spikes,
        traces=traces,
        weights={name: _synapses(q, result.weights[name]) for name, q in learned.items()},
        weight_updates={name: _touched(q, lava_rule(q, backend), spikes) for name, q in learned.items()},
    )


def _synapses(q: Projection, full: Any) -> Any:
    """The weights of a full matrix where ``q`` has synapses."""
    weights: Any = q.weights.astype(full.dtype if full.dtype.kind == "f" else np.int64)
    rows = row_numbers(weights)
    weights.data = full[rows, weights.indices].astype(weights.dtype)
    return weights


def _touched(q: Projection, rule: SumOfProducts, spikes: Mapping[str, Spikes]) -> int:
    """Synapses that the rule acted on, summed over the steps: those of x0, of y0, and all in the steps of u."""
    products = [product for text in (rule.dw, rule.dd, rule.dt) if text for product in parse(text)]
    dependencies = {product.dependency for product in products}
    steps = spikes[q.pre].steps
    due = np.zeros(steps, bool)
    for product in products:
        if product.dependency == "u":
            due |= np.arange(1, steps + 1) % 2**product.every == 0
    x, y = (_rasters(spikes[name])[~due] for name in (q.pre, rule.gate or q.post))
    mask: Any = sp.csr_array(
        (np.ones(q.synapses, np.int64), q.weights.indices, q.weights.indptr), shape=q.weights.shape
    )
    total = int(due.sum()) * q.synapses
    if "x0" in dependencies:
        total += int((x @ mask.T).sum())
    if "y0" in dependencies:
        total += int((y @ mask).sum())
    if {"x0", "y0"} <= dependencies:
        total -= int((y @ mask).multiply(x).sum())
    return total


def _rasters(s: Spikes) -> Any:
    """Spikes as a sparse (steps, neurons) matrix of ones."""
    return sp.csr_array((np.ones(len(s), np.int64), (s.step, s.neuron)), shape=(s.steps, s.size))


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
        out[p.name] = Spikes.trusted(step[mine], local[mine], job.steps, size)
    return {p.name: out[p.name] for p in job.network.populations}


_REFUSED = ("v_reset", "delay_0")
for _name, _run_it, _neuron in (("lava_float", run_float, LIF), ("lava_fixed", run_fixed, LoihiLIF)):
    register_backend(Backend(_name, _run_it, neurons=(_neuron,), without=_REFUSED, features=FEATURES, states=()))
