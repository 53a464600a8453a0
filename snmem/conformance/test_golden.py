"""A backend against the golden vectors (:mod:`snmem.conformance.golden`): what Lava did, without Lava."""

from __future__ import annotations

import pytest

from ..errors import BackendError
from ..simulation import get_backend
from .golden import Vector, check
from .plugin import Claim


def test_does_what_lava_did(snmem_claim: Claim, snmem_vector: Vector) -> None:
    """Spikes, u, v and learned weights are equal bit for bit; what the backend declares that it refuses is left out."""
    try:
        get_backend(snmem_claim.backend).check(snmem_vector.network)
    except BackendError as error:
        pytest.skip(str(error))
    check(snmem_vector, snmem_claim.backend, snmem_claim.spikes_only)
