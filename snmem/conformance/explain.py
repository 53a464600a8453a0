"""Why two runs of a network differ: a shift, a tie at the threshold, rounding, or the consequence of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..network import Network
from ..neurons import LIF
from ..simulation import simulate
from ..spikes import Recording, Spikes
from .compare import Difference

#: Longest shift that is looked for, in steps.
MAX_SHIFT = 8
#: Distance between v and theta, relative to theta, that rounding can bridge: float64 and float32.
ROUNDING = {"float64": 1e-12, "float32": 1e-5}


def find_shift(expected: Spikes, found: Spikes) -> int | None:
    """The constant k != 0 by which ``found`` is late (k > 0, silent until then) or early, or None."""
    for k in sorted(range(-MAX_SHIFT, MAX_SHIFT + 1), key=abs):
        low, high = max(k, 0), expected.steps + min(k, 0)
        if k == 0 or high <= low:
            continue
        overlap, moved = found.between(low, high), expected.between(low - k, high - k)
        if len(moved) and overlap == moved and not len(found.between(0, low)):
            return k
    return None


def explain(
    network: Network,
    inputs: Mapping[str, Spikes],
    expected: Recording,
    found: Recording,
    differences: Mapping[str, Difference],
    precision: str = "float64",
) -> dict[str, str]:
    """Population name -> reason, for the populations that differ ("unknown: ..." where none fits).

    Parameters
    ----------
    network, inputs
        What was run.
    expected, found
        The two recordings; ``expected`` is one of the reference.
    differences
        As :func:`~snmem.conformance.compare.differing` gives them.
    precision
        Arithmetic of ``found``: "float64" or "float32".
    """
    wrong = {name: d for name, d in differences.items() if d.differing}
    reasons: dict[str, str] = {}
    for name, d in wrong.items():
        shift = find_shift(expected.spikes[name], found.spikes[name])
        source = _upstream(network, name, wrong)
        if shift is not None:
            way = "late" if shift > 0 else "early"
            reasons[name] = f"constant shift: every spike comes {abs(shift)} step{'s'[: abs(shift) > 1]} {way}"
        elif source is not None:
            reasons[name] = f"follows from {source!r}, which differs before"
        elif isinstance(network[name].neuron, LIF):
            step = d.first_step or 0
            one, other = (r.spikes[name].between(step, step + 1).neuron for r in (expected, found))
            distance, scale = _distance(network, inputs, name, step)
            reasons[name] = _at_threshold(distance, scale, np.setxor1d(one, other), step, precision)
        else:
            reasons[name] = "unknown: integers have no rounding; the arithmetic itself differs"
    return reasons


def _upstream(network: Network, name: str, wrong: Mapping[str, Difference]) -> str | None:
    """A population whose difference reached ``name`` by the step in which it first differs."""
    first = wrong[name].first_step
    assert first is not None
    for q in network.projections:
        before = wrong[q.pre].first_step if q.post == name and q.pre in wrong and q.pre != name else None
        if before is not None and before + q.delays[0] <= first:
            return q.pre
    return None


def _at_threshold(distance: Any, scale: Any, neurons: Any, step: int, precision: str) -> str:
    """How far v was from theta, in the reference, where the first differing cells, ``neurons``, are."""
    distance, scale = np.abs(distance[neurons]), scale[neurons]
    i = int(np.argmax(distance / scale))
    where = f"neuron {neurons[i]} in step {step}"
    if distance[i] == 0:
        return f"tie at threshold: v equals theta exactly for {where}; order of summation, precision or >= decides"
    near = f"v is {distance[i]:.2g} from theta {scale[i]:.4g} for {where}"
    if distance[i] <= ROUNDING["float64"] * scale[i]:
        return f"near tie: {near}; the last bit of a sum decides"
    if precision == "float32" and distance[i] <= ROUNDING["float32"] * scale[i]:
        return f"rounding of weights and state to float32: {near}"
    return f"unknown: {near}, more than rounding explains"


def _distance(network: Network, inputs: Mapping[str, Spikes], name: str, step: int) -> tuple[Any, Any]:
    """v - theta just before the comparison in ``step``, by the reference, and the size of theta (at least 2**-20)."""
    p = network[name]
    until = {n: s.between(0, step + 1) for n, s in inputs.items()}
    traces = simulate(network, until, step + 1, "reference", record=[f"{name}.u", f"{name}.v"]).traces
    cleared = p.clear_every and step % p.clear_every == p.clear_offset
    before = traces[f"{name}.v"][step - 1] if step and not cleared else np.zeros(p.size)
    beta, bias, theta = (p.neuron.vector(n, p.size) for n in ("beta", "bias", "theta"))
    v = beta * before + traces[f"{name}.u"][step] + bias
    return v - theta, np.maximum(np.abs(theta), 2.0**-20)
