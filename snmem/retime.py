r"""Give every projection at least one step, without changing what the network computes.

Let population p run L(p) steps late, inputs 0. A projection with delay d from p to q then needs the delay

.. math:: d' = d + L(q) - L(p) \ge 1

so L is the longest path in a graph whose edges weigh 1 - d. It exists exactly if no cycle has fewer steps of delay than
projections. Every spike of p then comes L(p) steps later than before, and none is lost or added; only a population that
spikes without input may do so before its step L(p) too, when nothing that follows has begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .errors import NetworkError
from .network import Input, Network, Population, Projection

#: ``clear_every`` of a timed clear that happens once: no run has that many steps.
ONCE = 2**62


def when_cleared(p: Population) -> str:
    """When u and v of a population are set to 0, in words: "every 5 steps", "once, in step 3"."""
    assert p.clear_every is not None
    if p.clear_every >= ONCE:
        return f"once, in step {p.clear_offset}"
    return f"every {p.clear_every} steps"


@dataclass(frozen=True)
class Retimed:
    """What :func:`retime` returns.

    network : the network with every delay >= 1.    late : population name -> steps by which its spikes are late.
    early : populations that also spike by themselves before they begin; leave out their spikes of steps < ``late``.
    """

    network: Network
    late: Mapping[str, int]
    early: tuple[str, ...] = ()


def retime(network: Network, start: Mapping[str, Any] | None = None) -> Retimed:
    """Turn a network with same-step projections (delay 0) into one in which every projection takes at least one step.

    Needed for Lava, where each connection costs one step. A population that runs late and does not rest by itself (it
    has a bias) is cleared once at the step at which it would have begun; timed clears move with their population. The
    order of summation stays: projections that had delay 0 come last.

    Parameters
    ----------
    network
        The network to change.
    start
        v before the first step by population name, where it is not 0.

    Raises
    ------
    NetworkError
        If a cycle has fewer steps of delay than projections; if populations tied together by a plastic projection would
        run late by different numbers of steps; if a late population cannot be cleared before its start, or spikes by
        itself before that and a spike of it would still be on its way when its targets start.
    """
    late = _lateness(network)
    moved: dict[str, tuple[Population, bool]] = {}
    for name in network.update_order:  # along the projections of delay 0: what spikes too early disturbs what follows
        disturbed = any(
            q.post == name and q.delays[0] == 0 and moved.get(q.pre, (0, 0))[1] for q in network.projections
        )
        moved[name] = _started_later(network, network[name], late[name], (start or {}).get(name, 0.0), disturbed)
    populations = tuple(p if isinstance(p, Input) else moved[p.name][0] for p in network.populations)
    order = sorted(network.projections, key=lambda q: q.delays == (0,))  # same-step projections are summed last
    projections = tuple(_moved(q, late) for q in order)
    early = tuple(name for name, (_, spikes) in moved.items() if spikes)
    return Retimed(replace(network, populations=populations, projections=projections), late, early)


def _moved(q: Projection, late: Mapping[str, int]) -> Projection:
    """The projection between populations that run late, and its rule as late as they are."""
    rule = q.plasticity and q.plasticity.started_later(f"retime: projection {q.name!r}", late[q.post])
    return replace(q, delay=_later(q.delay, late[q.post] - late[q.pre]), plasticity=rule)


def _later(delay: Any, steps: int) -> Any:
    return delay + steps if isinstance(delay, int) else delay.astype(np.int64) + steps


def _constraints(network: Network) -> list[tuple[str, str, int, str]]:
    """(a, b, w, why): L(b) >= L(a) + w."""
    found: list[tuple[str, str, int, str]] = []
    for q in network.projections:
        least = q.delays[0]
        found.append((q.pre, q.post, 1 - least, f"projection {q.name!r} (delay {least})"))
        rule = q.plasticity
        if rule is not None:
            third = rule.third_of(q)
            others = (rule.gate_of(q), rule.signal_of(q), *([] if third is None else [third]))
            tied = dict.fromkeys((q.pre, q.post, *others))
            why = f"learning of {q.name!r}"
            found += [(a, b, 0, why) for a in tied for b in tied if a != b]
    return found


def _lateness(network: Network) -> dict[str, int]:
    """The least L that fulfils all constraints (Bellman-Ford); inputs cannot be late."""
    late = {p.name: 0 for p in network.populations}
    cause: dict[str, tuple[str, str]] = {}
    constraints = _constraints(network)
    inputs = {p.name for p in network.inputs}
    changed = ""
    for _ in range(len(late) + 1):
        changed = ""
        for a, b, weight, why in constraints:
            if late[b] < late[a] + weight:
                late[b], cause[b], changed = late[a] + weight, (a, why), b
                if b in inputs:
                    raise NetworkError(f"retime: {why} ties the input {b!r} to {a!r}, which runs {late[a]} steps late")
        if not changed:
            return late
    why = _cycle(changed, cause)
    raise NetworkError(f"retime: {why}; add delay to the cycle, or read a NIR file with feedforward_delay=1")


def _cycle(start: str, cause: dict[str, tuple[str, str]]) -> str:
    """The cycle of causes that lets lateness grow without end."""
    for _ in cause:  # after as many steps back as there are populations, one is on the cycle
        start = cause[start][0]
    reasons: list[str] = []
    name = start
    while not reasons or name != start:
        name, why = cause[name]
        reasons.append(why)
    return f"a cycle has less delay than projections: {', '.join(reversed(reasons))}"


def _started_later(network: Network, p: Population, late: int, start: Any, disturbed: bool) -> tuple[Population, bool]:
    """The population with its clock moved by ``late`` steps, and whether it may spike before that.

    ``disturbed``: spikes reach it before it begins.
    """
    if late == 0:
        return p, False
    owner = f"retime: population {p.name!r} runs {late} steps late"
    if "noise" in p.neuron.features:
        raise NetworkError(f"{owner}, and its noise belongs to its steps; delay what reaches it instead")
    every, offset = p.clear_every, p.clear_offset
    moved = p if every is None else replace(p, clear_offset=(offset + late) % every)
    spikes, at_rest = (True, False) if disturbed else _alone(moved, late, start)
    after = [q for q in network.projections if q.pre == p.name and (q.delays[-1] or q.plasticity)]
    if spikes and after:
        raise NetworkError(
            f"{owner} but may spike before that, and projection {after[0].name!r} (delay {after[0].delays[-1]}) would "
            f"carry such a spike into the run; give what reaches {p.name!r} a delay of at least 1 step"
        )
    if at_rest:
        return moved, spikes
    if np.any(start) or "initial_state" in p.neuron.features:
        raise NetworkError(
            f"{owner}, is not at rest until then, and begins at another v than 0; "
            "let it begin at its reset value (compile: --start reset)"
        )
    if every is None:
        return replace(p, clear_every=ONCE, clear_offset=late), spikes
    if (late - moved.clear_offset) % every:
        raise NetworkError(
            f"{owner}, is not at rest until then, and its clears do not fall on its start; delay what reaches it"
        )
    return moved, spikes


def _alone(p: Population, steps: int, start: Any) -> tuple[bool, bool]:
    """Whether a population without input spikes within ``steps`` steps, and whether its state then is the first one."""
    zero = p.neuron.initial(p.size)
    first = zero if "v" not in zero else zero | {"v": zero["v"] + np.asarray(start, zero["v"].dtype)}
    silence = {name: np.zeros_like(next(iter(zero.values()))) for name in p.neuron.receptors}
    state, spikes = first, False
    for t in range(steps):
        if p.clear_every and t % p.clear_every == p.clear_offset:
            state = {name: np.zeros_like(array) for name, array in zero.items()}
        state, s = p.neuron.step(state, silence, t)
        spikes |= bool(s.any())
    # a start other than 0 stays up to the rounding of its decay
    same = [np.abs(state[name] - first[name]) <= 1e-9 * np.abs(first[name]) for name in state]
    return spikes, all(bool(x.all()) for x in same)
