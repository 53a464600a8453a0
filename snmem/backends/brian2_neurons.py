"""LIF neurons with all that may be switched on, as Brian2's code: statements in the order of the definition.

A population that delivers its v (``signal="v"``) has an event "send" in every step, and keeps v of the steps that its
projections look back to: late1 is v of the step before, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import BackendError
from ..network import Network, Population, Projection
from ..neurons.base import LEFT
from ..neurons.noise import normal

#: Variables that collect what arrives at each receptor.
INPUTS = {"u": "I", "u2": "I2", "v": "Iv"}
#: Numbers of noise that are drawn before a run, at most; the longest delay of potentials.
MOST_NOISE, MOST_LATE = 1 << 26, 256


class Code(NamedTuple):
    """What Brian2 is told of a population.

    equations : its variables.    step : a step without threshold and reset.    held : what then happens to the
    refractory.    threshold, reset : of a spike.    clear : of a timed clear.    busy : who counts as updated.
    """

    equations: str
    step: str
    held: str
    threshold: str
    reset: str
    clear: str
    busy: str


def _step(has: frozenset[str], direct: bool) -> Iterator[str]:
    """Statements up to the comparison with the threshold."""
    second = "second_current" in has
    if has & {"refractory", "freeze"}:
        yield f"hold = int({LEFT} > 0)\nkeep_u = u\nkeep_v = v" + ("\nkeep_u2 = u2" if second else "")
    if not (second or direct or "noise" in has):
        yield "u = alpha*u + I\nv = beta*v + u + c\nI = 0"
    else:
        yield "u = alpha*u + I\nv = beta*v + u\nI = 0"
        if second:
            yield "u2 = alpha2*u2 + I2\nv += u2\nI2 = 0"
        yield "v += c"
        if direct:
            yield "v += Iv\nIv = 0"
        if "noise" in has:
            yield "v += noise(t, i)"
    if "adaptation" in has:
        yield "a = rho*a"


def code_of(p: Population, direct: bool) -> Code:
    """The code of a population of LIF neurons; ``direct``: whether synapses reach v itself."""
    neuron: Any = p.neuron
    has, second = neuron.features, "second_current" in neuron.features
    waits, adapts = bool(has & {"refractory", "freeze"}), "adaptation" in has
    names = [*neuron.variables, "I", "old", *(["I2"] if second else []), *(["Iv"] if direct else [])]
    names += ["hold", "keep_u", "keep_v", *(["keep_u2"] if second else [])] if waits else []
    constants = ["alpha", "beta", "theta", "c", "v_reset", *(["alpha2"] if second else [])]
    constants += ["kappa", "rho"] * adapts + ["period"] * waits
    equations = "".join(f"{name} : 1\n" for name in names) + "".join(f"{name} : 1 (constant)\n" for name in constants)
    frozen = "\nu = keep_u" + ("\nu2 = keep_u2" if second else "") if "freeze" in has else ""
    reset = ["v -= theta" if neuron.reset == "subtract" else "v = v_reset"]
    reset += (["u = 0", *(["u2 = 0"] if second else [])] if neuron.reset_current else []) + ["a += kappa"] * adapts
    busy = ["(alpha*u != 0)", "(v != 0)", "(I != 0)", "(c != 0)"]
    busy += ["(alpha2*u2 != 0)", "(I2 != 0)"] * second + ["(Iv != 0)"] * direct + ["(a != 0)"] * adapts
    busy += [f"({LEFT} != 0)"] * waits
    return Code(
        equations=equations + "busy : integer\nmoved : integer\n" + "noisy : 1 (constant)\n" * ("noise" in has),
        step="\n".join(_step(has, direct)),
        held=f"v = keep_v{frozen}\n{LEFT} -= 1" if waits else "",
        threshold=("v > theta + a" if adapts else "v > theta") + (" and hold == 0" if waits else ""),
        reset="\n".join(reset + [f"{LEFT} = period"] * waits),
        clear="\n".join(f"{name} = 0" for name in neuron.variables),
        busy=" or ".join(busy + ["(noisy != 0)"] * ("noise" in has)),
    )


def noise_of(b2: Any, p: Population, steps: int, dt: Any) -> dict[str, Any]:
    """The namespace of a population: its noise in all steps, where it has any.

    Raises
    ------
    BackendError
        For more numbers than are drawn before a run.
    """
    neuron: Any = p.neuron
    if "noise" not in neuron.features:
        return {}
    if steps * p.size > MOST_NOISE:
        raise BackendError(
            f"backend 'brian2': population {p.name!r} needs {steps * p.size:,} numbers of noise, and {MOST_NOISE:,} "
            "at most are drawn before a run; run fewer steps, or use backend 'event'"
        )
    values = [neuron.noise_sd * normal(neuron.noise_seed, p.size, t) for t in range(steps)]
    return {"noise": b2.TimedArray(np.array(values).reshape(steps, p.size), dt=dt)}


def set_values(group: Any, p: Population) -> None:
    """Give a group the parameters and first state of a population."""
    neuron: Any = p.neuron
    names = {name: name for name in ("alpha", "beta", "theta", "v_reset")} | {"c": "bias"}
    if "second_current" in neuron.features:
        names["alpha2"] = "alpha2"
    if "adaptation" in neuron.features:
        names |= {"kappa": "kappa", "rho": "rho"}
    if LEFT in neuron.variables:
        names["period"] = "refractory"
    if "noise" in neuron.features:
        names["noisy"] = "noise_sd"
    if "initial_state" in neuron.features:
        names |= {"u": "u_init", "v": "v_init"}
    for theirs, ours in names.items():
        setattr(group, theirs, getattr(neuron, ours))


def potentials_of(network: Network, backend: str) -> dict[str, int]:
    """How many steps back populations must remember v, of those that deliver it.

    Raises
    ------
    BackendError
        For a longer delay than is kept.
    """
    back: dict[str, int] = {}
    for q in network.projections:
        if q.signal != "v":
            continue
        if q.delay > MOST_LATE:
            raise BackendError(
                f"backend {backend!r}: projection {q.name!r} delivers potentials with delay {q.delay}, the limit is "
                f"{MOST_LATE}; use backend 'event'"
            )
        back[q.pre] = max(back.get(q.pre, 0), q.delay - 1)
    return back


def late_variables(back: int) -> str:
    """Equations of the potentials of earlier steps."""
    return "".join(f"late{k} : 1\n" for k in range(1, back + 1))


def late_shift(back: int) -> str:
    """Statements that move them on by one step, after it."""
    return "\n".join([f"late{k} = late{k - 1}" for k in range(back, 1, -1)] + ["late1 = v"] * (back > 0))


def sent_by(q: Projection) -> str:
    """What a synapse of ``q`` adds to its target's input."""
    if q.signal != "v":
        return "w"
    return "w*v_pre" if q.delay < 2 else f"w*late{q.delay - 1}_pre"
