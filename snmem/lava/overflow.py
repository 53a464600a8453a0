"""Finds runs that leave the range of Lava's numbers where the definition has no such limit.

Fixed point: Loihi's u has 24 bits and wraps; Lava and :func:`snmem.neurons.step_loihi` wrap it once per step. Input so
strong that u stays outside of 24 bits can grow past 32 bits, in which Lava computes and the definition does not.

Floating point: at a timed clear Lava multiplies u and v by 0, which makes an infinite one NaN instead of 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import BackendError
from ..loihi.arithmetic import condition_weights
from ..network import Network, Population, Projection
from ..neurons import LOIHI_SHIFT, LOIHI_STATE_LIMIT, LoihiLIF, step_loihi
from ..quantization.reach import reach
from ..spikes import Spikes

#: |u| before a step + |input| stay below this in Lava, with room for decay, v and bias.
LIMIT = 2**31 - 4 * LOIHI_STATE_LIMIT


#: |u| and |v| below this stay finite, whatever the rounding of a step.
_FINITE = 1e300


def check_clears(network: Network, steps: int) -> None:
    """Raise BackendError, naming the population, if u or v could be infinite at a timed clear of a float network."""
    for p in network.neurons:
        if not p.clear_every:
            continue
        found = reach(network, p)
        if found is None:  # what learns stays near the traces that it learns from
            continue
        with np.errstate(over="ignore", divide="ignore"):
            u = (found.up + found.down) * np.minimum(steps, 1 / (1 - found.alpha))
            v = (u + abs(found.bias)) * np.minimum(steps, 1 / (1 - found.beta))
        if not (v < _FINITE).all():
            owner = f"backend 'lava_float': population {p.name!r}"
            raise BackendError(
                f"{owner}: v of neuron {int(np.argmax(v))} could reach {v.max():.3g}, and Lava cannot clear what is "
                f"infinite (limit {_FINITE:g}); lower its weights or bias"
            )


def check_overflow(network: Network, spikes: Mapping[str, Spikes]) -> None:
    """Raise BackendError, naming population and step, if a current left 32 bits; ``spikes`` are those of the run.

    Free for all populations whose weights cannot add up to that much; the others' u is computed again.
    """
    for p in network.neurons:
        incoming = [q for q in network.projections if q.post == p.name and q.synapses]
        if incoming and sum(_bound(q) for q in incoming) > 2 * LOIHI_STATE_LIMIT:
            _replay(p, incoming, spikes)


def _bound(q: Projection) -> int:
    """Largest |64 * input| that projection ``q`` can give to one neuron in one step."""
    weights = abs(q.weights.astype(np.int64))
    return (int(weights.sum(axis=1).max()) << max(q.exponent, 0)) * LOIHI_SHIFT


def _replay(p: Population, incoming: list[Projection], spikes: Mapping[str, Spikes]) -> None:
    assert isinstance(p.neuron, LoihiLIF)
    columns: list[Any] = []
    for q in incoming:
        weights = q.weights.astype(np.int64)
        weights.data = condition_weights(q.weights.data)
        columns.append(weights.tocsc())
    begun = p.neuron.initial(p.size)
    u, v = begun["u"], begun["v"]
    for t in range(spikes[p.name].steps):
        if p.clear_every and t % p.clear_every == p.clear_offset:
            u[:] = v[:] = 0
        current = np.zeros(p.size, np.int64)
        for q, weights in zip(incoming, columns, strict=True):
            s = spikes[q.pre]
            fired = s.neuron[slice(*np.searchsorted(s.step, (t - q.delay, t - q.delay + 1)))]
            total = np.asarray(weights[:, fired].sum(axis=1)).reshape(-1)
            current += total << q.exponent if q.exponent >= 0 else total >> -q.exponent
        worst = np.abs(u) + LOIHI_SHIFT * np.abs(current)
        if (worst > LIMIT).any():
            raise BackendError(
                f"backend 'lava_fixed': population {p.name!r}: the current of neuron {int(worst.argmax())} reaches "
                f"{int(worst.max())} in step {t}, which Lava's 32-bit integers cannot hold (limit {LIMIT}); "
                "lower the exponents or weights of its projections"
            )
        u, v, _ = step_loihi(p.neuron, u, v, current)
