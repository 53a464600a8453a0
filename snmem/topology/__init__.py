"""Rules of connection: projections between populations, drawn from a seed straight into compact arrays.

A rule is one file that registers a function ``(pre, post, ..., weights, delays, *, seed, name, **options)`` in
:data:`RULES`. Random numbers come from a hash of (seed, name, number of the synapse), so that the result is the same
for any number of threads. Weights and delays are numbers or distributions; delays count in steps.

A synapse takes 4 bytes for its source, 1 to 8 for its weight (``dtype``) and 1 or 2 for its delay; the event engine
keeps 2 or 4 for its target and, where a projection has at most 256 different weights, 1 for the weight's number: give
large networks ``dtype=numpy.float32`` and a distribution with ``levels=256``, or whole weights in int8 or int16.
"""

from .all_to_all import all_to_all
from .base import RULES
from .distance import distance_dependent
from .distributions import Constant, Lognormal, Normal, Uniform
from .in_degree import fixed_in_degree
from .one_to_one import one_to_one
from .out_degree import fixed_out_degree
from .own import own_rows
from .probability import fixed_probability
from .total_number import fixed_total_number

__all__ = [
    "RULES",
    "Constant",
    "Lognormal",
    "Normal",
    "Uniform",
    "all_to_all",
    "distance_dependent",
    "fixed_in_degree",
    "fixed_out_degree",
    "fixed_probability",
    "fixed_total_number",
    "one_to_one",
    "own_rows",
]
