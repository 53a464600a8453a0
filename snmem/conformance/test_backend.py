"""The tests that the plugin runs against a backend (see :mod:`snmem.conformance.plugin`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from .._compiling import compiled_first
from ..errors import BackendError
from ..network import Network
from ..simulation import get_backend, simulate
from ..spikes import Recording
from .compare import assert_same
from .networks import features_of, random_inputs, random_network, refused_by
from .plugin import Claim

STEPS = 50


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    """The event engine is tested itself, not the reference that runs while it is compiled."""
    with compiled_first():
        yield


def _network(claim: Claim, seed: int, everything: bool = False) -> Network:
    """A random network of the claimed neuron and rule, with the features that the backend runs.

    ``everything`` : also with those that it is claimed to refuse, and, for every second seed, with all that there are.
    """
    without = set(refused_by(claim.backend)) if not everything or seed % 2 == 0 else set[str]()
    without |= set() if everything else {*claim.without}
    features = features_of(claim.arithmetic, without)
    return random_network(seed, arithmetic=claim.arithmetic, features=features, neuron=claim.neuron, rule=claim.rule)


def _undeclared(claim: Claim, network: Network) -> bool:
    """Whether the backend does not declare a neuron or rule of the network, which it must then refuse by name."""
    try:
        get_backend(claim.backend).check(network)
    except BackendError as error:
        message = str(error)
    else:
        return False
    items = [*network.neurons, *network.projections]
    assert any(repr(item.name) in message for item in items), f"does not say what is refused: {message}"
    return True


def _run(claim: Claim, backend: str, network: Network, seed: int) -> Recording:
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
    network = _network(snmem_claim, snmem_seed)
    if not _undeclared(snmem_claim, network):
        assert_same(*(_run(snmem_claim, name, network, snmem_seed) for name in ("reference", snmem_claim.backend)))


def test_refuses_by_name_or_is_right(snmem_claim: Claim, snmem_seed: int) -> None:
    """With all features, also those left out: an error that names the population or projection, or equal spikes."""
    network = _network(snmem_claim, snmem_seed, everything=True)
    inputs = random_inputs(network, snmem_seed, STEPS)
    refusal = _refusal(network, inputs, snmem_claim.backend)
    if refusal is None:
        result, expected = (simulate(network, inputs, STEPS, b) for b in (snmem_claim.backend, "reference"))
        assert result.spikes == expected.spikes
    else:
        declared = snmem_claim.without or refused_by(snmem_claim.backend) or _undeclared(snmem_claim, network)
        assert declared, f"refuses a network although nothing was declared: {refusal}"
        names = [item.name for item in (*network.populations, *network.projections)]
        # a projection that was split by its delays is refused by the name of one of its parts
        assert any(repr(name)[:-1] in refusal for name in names), f"does not say what is refused: {refusal}"


def test_records_what_was_asked(snmem_claim: Claim) -> None:
    """Every population, inputs included, is in the recording; counters are consistent; a run can be repeated."""
    network = _network(snmem_claim, 1)
    if _undeclared(snmem_claim, network):
        return
    inputs = random_inputs(network, 1, STEPS)
    first, second = (simulate(network, inputs, STEPS, snmem_claim.backend) for _ in range(2))
    assert set(first.spikes) == {p.name for p in network.populations}
    assert first.spikes == second.spikes
    assert all(first.spikes[name] == spikes for name, spikes in inputs.items())
    assert first.counters.spikes == {name: len(s) for name, s in first.spikes.items()}
    assert first.counters.synaptic_events == {
        q.name: STEPS * q.synapses if q.signal == "v" else int(first.spikes[q.pre].counts() @ q.fan_out)
        for q in network.projections
    }
    with pytest.raises(BackendError, match="unknown"):
        simulate(network, inputs, STEPS, f"no {snmem_claim.backend}")
