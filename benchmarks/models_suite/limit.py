"""What this machine takes for a model at least: all neurons stepped (``step.c``), all synaptic events added up.

Programs in C that do nothing else, on one core. Neurons without input are stepped as well: what a simulator saves that
leaves them alone, or adds many synapses at once, may bring it below.
"""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path
from typing import Any

from engine_suite import limit
from engine_suite.limit_planes import seconds_of

from snmem.backends.event.arrays import zeros

#: What the neurons of each model have: flags of ``step.c``; and targets of a presynaptic neuron, about.
MODELS = {"cuba": ("SECOND", 80), "brunel": ("DIRECT", 1250), "microcircuit": ("CURRENT", 3870)}
_STEPS, _REPEATS, _RECORDS = 500, 5, 20_000_000


class _Neuron(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_double) for name in ("alpha", "alpha2", "beta", "bias", "theta"))


def run(model: str, job: dict[str, Any]) -> dict[str, Any]:
    """Nanoseconds for a step of one of ``job["neurons"]`` neurons, and for a synaptic event at any of them."""
    flag, fan_out = MODELS[model]
    neurons, rows = job["neurons"], max(10, _RECORDS // fan_out // 100) * 100
    with tempfile.TemporaryDirectory(prefix="snmem-limit-") as folder:
        source = str(Path(__file__).with_name("step.c"))
        code = ctypes.CDLL(str(limit.compiled(Path(folder), source, "-ffp-contract=off", f"-D{flag}")))
        arrays = [zeros(neurons) for _ in range(5)]
        neuron = _Neuron(0.98, 0.99, 0.995, 0.001, 1e9)

        def step() -> None:
            pointers = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
            code.step(*pointers, ctypes.byref(neuron), ctypes.c_int64(neurons), ctypes.c_int64(_STEPS))

        step()
        step_ns = 1e9 * seconds_of(_REPEATS, step) / neurons / _STEPS
        (added,) = limit.scattered(limit.records(5, Path(folder)), (neurons,), _REPEATS, rows, fan_out)
    return {"step_ns": step_ns, "event_ns": added["ns"]}
