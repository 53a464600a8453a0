"""Local learning rules: plain descriptions attached to a projection, one file each (:mod:`snmem.plasticity.base`)."""

from .base import RULES, LearningRule, RuleSpikes
from .instar import Instar, Outstar
from .reward import RewardSTDP
from .selective import SelectiveClear, SelectiveSet, SetClear
from .stdp import PairSTDP
from .sum_of_products import SumOfProducts

#: Rules that ship with snmem.
BUILT_IN: tuple[type[LearningRule], ...] = (
    Instar,
    Outstar,
    SumOfProducts,
    PairSTDP,
    RewardSTDP,
    SelectiveSet,
    SelectiveClear,
    SetClear,
)

__all__ = [
    "BUILT_IN",
    "RULES",
    "Instar",
    "LearningRule",
    "Outstar",
    "PairSTDP",
    "RewardSTDP",
    "RuleSpikes",
    "SelectiveClear",
    "SelectiveSet",
    "SetClear",
    "SumOfProducts",
]
