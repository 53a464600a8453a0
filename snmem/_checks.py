"""What a network checks of names and weights."""

from __future__ import annotations

from typing import Any

import scipy.sparse as sp

from ._text import shown
from .convolution import Convolution
from .description import same_pattern
from .errors import NetworkError
from .plasticity import LearningRule

#: Loihi's weight mantissa (sign included) and weight exponent.
LOIHI_WEIGHT, LOIHI_EXPONENT = (-256, 255), (-8, 7)


def check_rule(owner: str, rule: Any, weights: Any) -> None:
    """NetworkError for what is no learning rule, and for one of synapses that share their weights."""
    if not isinstance(rule, LearningRule | None):
        raise NetworkError(f"{owner}: plasticity must be a rule such as Instar(0.5), got {shown(rule)}")
    if rule is not None and isinstance(weights, Convolution):
        raise NetworkError(f"{owner}: synapses that share their weights do not learn; give it weights.tocsr()")


def check_pattern(q: Any, weights: Any) -> None:
    """NetworkError for weights at other places than the delays of ``q`` belong to."""
    if len(q.delays) > 1 and not same_pattern(q.weights, sp.csr_array(weights)):
        raise NetworkError(
            f"projection {q.name!r}: its synapses have delays of their own, and these weights are of another pattern; "
            "make a new projection with weights and delays"
        )
