"""The tests that the plugin runs against a backend (see :mod:`snmem.conformance.plugin`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ..errors import BackendError
from ..network import Network
from ..simulation import simulate
from ..spikes import Recording
from .compare import assert_same
from .networks import features_of, random_inputs, random_network
from .plugin import Claim

STEPS = 50


def _run(claim: Claim, backend: str, seed: int) -> Recording:
    network = random_network(seed, arithmetic=claim.arithmetic, features=features_of(claim.arithmetic, claim.without))
    traces = () if claim.spikes_only else [f"{p.name}.{x}" for p in network.neurons for x in p.neuron.variables]
    result = simulate(network, random_inputs(network, seed, STEPS), STEPS, backend, record=traces)
    return replace(result, weights={}) if claim.spikes_only else result


def _refusal(network: Network, inputs: Any, backend: str) -> str | None:
    """The message with which the backend refuses the network, or None."""
    try:
        simulate(network, inputs, STEPS, backend)
    except BackendError as error:
        return str(error)
    return None


def test_equals_the_reference(snmem_claim: Claim, snmem_seed: int) -> None:
    """Spikes, traces and learned weights of a random network are equal bit for bit."""
    assert_same(*(_run(snmem_claim, name, snmem_seed) for name in ("reference", snmem_claim.backend)))


def test_refuses_by_name_or_is_right(snmem_claim: Claim, snmem_seed: int) -> None:
    """With all features, also those left out: an error that names the population or projection, or equal spikes."""
    network = random_network(snmem_seed, arithmetic=snmem_claim.arithmetic)
    inputs = random_inputs(network, snmem_seed, STEPS)
    refusal = _refusal(network, inputs, snmem_claim.backend)
    if refusal is None:
        result, expected = (simulate(network, inputs, STEPS, b) for b in (snmem_claim.backend, "reference"))
        assert result.spikes == expected.spikes
    else:
        assert snmem_claim.without, f"refuses a network although nothing was declared: {refusal}"
        names = [item.name for item in (*network.populations, *network.projections)]
        assert any(repr(name) in refusal for name in names), f"does not say what is refused: {refusal}"


def test_records_what_was_asked(snmem_claim: Claim) -> None:
    """Every population, inputs included, is in the recording; counters are consistent; a run can be repeated."""
    network = random_network(
        1, arithmetic=snmem_claim.arithmetic, features=features_of(snmem_claim.arithmetic, snmem_claim.without)
    )
    inputs = random_inputs(network, 1, STEPS)
    first, second = (simulate(network, inputs, STEPS, snmem_claim.backend) for _ in range(2))
    assert set(first.spikes) == {p.name for p in network.populations}
    assert first.spikes == second.spikes
    assert all(first.spikes[name] == spikes for name, spikes in inputs.items())
    assert first.counters.spikes == {name: len(s) for name, s in first.spikes.items()}
    assert first.counters.synaptic_events == {
        q.name: int(first.spikes[q.pre].counts() @ q.fan_out) for q in network.projections
    }
    with pytest.raises(BackendError, match="unknown"):
        simulate(network, inputs, STEPS, f"no {snmem_claim.backend}")
