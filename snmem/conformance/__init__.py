"""The conformance suite: generated networks, bitwise comparison, and a pytest plugin to point at any backend.

``pytest --pyargs snmem.conformance --snmem-backend NAME`` runs it (see :mod:`snmem.conformance.plugin`).
"""

from .compare import Difference, assert_same, differing
from .networks import EXTENSIONS, FEATURES, features_of, random_inputs, random_network, refused_by

__all__ = [
    "EXTENSIONS",
    "FEATURES",
    "Difference",
    "assert_same",
    "differing",
    "features_of",
    "random_inputs",
    "random_network",
    "refused_by",
]
