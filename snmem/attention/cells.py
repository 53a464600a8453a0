r"""A binary fast weight out of two LIF neurons, for chips and runtimes without plasticity.

The *cell* of the synapse from line i to unit j is a perfect integrator (alpha 0, beta 1, theta 1.5) whose silent
potential is the weight, 0 or 1:

* read: a spike of line i adds 1. Only a weight of 1 crosses the threshold: the cell spikes, in place of the synapse.
  One step later a relay of the line takes the 1 back, and a cell that spiked (and was reset) gives itself 2: the weight
  is as before.
* write: a spike of gate j adds 2, so that every cell of unit j spikes and is reset; one step later a relay of the gate
  cancels what the cell gives itself, and the *coincidence* neuron of the pair, which spiked if line i spiked together
  with gate j, sets the weight to 1.

Work is done by spikes alone: a cell that no spike reaches costs nothing. The rule is the instar (or outstar) with rate
1: a gate spike of unit j replaces its weights by the spikes of the lines.
"""

from __future__ import annotations

import scipy.sparse as sp

from ..network import Population, Projection
from ..neurons import LIF

CELL, PASS, AND = LIF(alpha=0, beta=1, theta=1.5), LIF(alpha=0, beta=0, theta=0.5), LIF(alpha=0, beta=0, theta=1.5)


def per_line(units: int, lines: int) -> sp.csr_array:
    """Matrix (units x lines, lines): each line reaches its cell of every unit."""
    return sp.csr_array(sp.kron(sp.coo_array([[1.0]] * units), sp.eye_array(lines)))


def per_unit(units: int, lines: int) -> sp.csr_array:
    """Matrix (units x lines, units): each unit reaches its cells."""
    return sp.csr_array(sp.kron(sp.eye_array(units), sp.coo_array([[1.0]] * lines)))


def fast_cells(
    name: str, read: str, lines: int, gate: str, units: int, signal: str = ""
) -> tuple[list[Population], list[Projection]]:
    """Cells ``<name>`` (units x lines, unit by unit) for all weights between lines and units, with their helpers.

    Parameters
    ----------
    name
        Name of the cells; their helpers' names begin with it.
    lines, units
        Numbers of lines and of units.
    read
        Population whose spikes read: one neuron per line; with a ``signal``, one per unit.
    gate
        Population of ``units`` neurons whose spikes write.
    signal
        Population of ``lines`` neurons whose spikes are written where the gate spikes in the same step; "" = ``read``
        itself.
    """
    n = units * lines
    by_line, by_unit = per_line(units, lines), per_unit(units, lines)
    reads, readers, level = (by_unit, units, 1.0) if signal else (by_line, lines, 2.0)
    populations = [
        Population(name, n, CELL),
        Population(f"{name}.set", n, AND),
        Population(f"{name}.read", readers, PASS),
        Population(f"{name}.wrote", units, PASS),
    ]
    projections = [
        Projection(read, f"{name}.read", sp.eye_array(readers, format="csr")),
        Projection(gate, f"{name}.wrote", sp.eye_array(units, format="csr")),
        Projection(signal or read, f"{name}.set", by_line),
        Projection(gate, f"{name}.set", by_unit),
        Projection(read, name, reads),
        Projection(f"{name}.read", name, -1.0 * reads),
        Projection(name, name, 2.0 * sp.eye_array(n, format="csr")),
        Projection(gate, name, 2.0 * by_unit),
        Projection(f"{name}.wrote", name, -2.0 * by_unit),
        # a line that is both read and written takes its 1 back after a write too
        Projection(f"{name}.set", name, level * sp.eye_array(n, format="csr")),
    ]
    return populations, projections
