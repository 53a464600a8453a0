"""The same networks as hypothesis strategies, so that a failing one shrinks to a small one (needs ``hypothesis``)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from ..network import Network
from ..spikes import Spikes
from .networks import features_of, random_inputs, random_network


@dataclass(frozen=True)
class Case:
    """A network, spikes for its inputs and a number of steps."""

    network: Network
    inputs: dict[str, Spikes]
    steps: int


@st.composite
def cases(
    draw: Any,
    arithmetic: str = "float",
    without: Collection[str] = (),
    max_size: int = 24,
    max_steps: int = 60,
) -> Case:
    """Strategy for :class:`Case`: sizes, density, features, rate and steps shrink; the rest hangs on a seed."""
    features = sorted(features_of(arithmetic, without))
    sizes = st.integers(1, max_size)
    network = random_network(
        draw(st.integers(0, 2**32 - 1)),
        arithmetic=arithmetic,
        sizes=draw(st.lists(sizes, min_size=1, max_size=4)),
        inputs=draw(st.lists(sizes, min_size=1, max_size=3)),
        density=draw(st.sampled_from([0.1, 0.3, 0.6, 1.0])),
        features=draw(st.sets(st.sampled_from(features))),
    )
    steps = draw(st.integers(1, max_steps))
    return Case(network, random_inputs(network, draw(st.integers(0, 2**32 - 1)), steps), steps)
