"""One network on several processes and hosts, by MPI: backend "mpi" (docs: "Beyond one machine").

Every rank, one of the processes that ``mpiexec`` starts, has a contiguous part of each population (:mod:`.parts`), the
synapses onto these neurons, and nothing of the others but their spikes, which all ranks exchange once in the smallest
delay (:mod:`.exchange`). They reach a rank as the spikes of a population of its own (:mod:`.relay`), from which its
synapses come, in the order in which they would come on one process: so all sums are taken in the same order, and the
results are the same bits for any number of ranks.

A network that is built within :func:`rank_rows` is whole nowhere: each rank draws the synapses of its own neurons.
"""

from .backend import MPI
from .world import rank_rows, world

__all__ = ["MPI", "rank_rows", "world"]
