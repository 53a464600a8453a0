"""What modules of other frameworks cost: their spikes and synapses counted while they run, and priced.

``snmem.cost(module, sample)`` is :func:`cost_of` in one line.
"""

from .bill import LayerCost, ModuleCost, cost_of
from .frameworks import FRAMEWORKS, Framework
from .neurobench import joules_metric

__all__ = ["FRAMEWORKS", "Framework", "LayerCost", "ModuleCost", "cost_of", "joules_metric"]
