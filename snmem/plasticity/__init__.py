"""Local learning rules: plain descriptions attached to a projection, one file each (:mod:`snmem.plasticity.base`)."""

from .base import RULES, LearningRule, RuleSpikes
from .instar import Instar, Outstar
from .sum_of_products import SumOfProducts

__all__ = ["RULES", "Instar", "LearningRule", "Outstar", "RuleSpikes", "SumOfProducts"]
