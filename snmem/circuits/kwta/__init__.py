"""k-winner-take-all by LIF neurons: strategies behind one interface (:mod:`snmem.circuits.kwta.base`)."""

from .base import STRATEGIES, Circuit, Line, Strategy, kwta_strategy
from .race import Race
from .report import kwta_report
from .successive_approximation import SuccessiveApproximation

__all__ = [
    "STRATEGIES",
    "Circuit",
    "Line",
    "Race",
    "Strategy",
    "SuccessiveApproximation",
    "kwta_report",
    "kwta_strategy",
]
