"""A k-WTA strategy of one's own: the race of the library, answered some steps later."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snmem import LIF, Population, Projection
from snmem.circuits.kwta import STRATEGIES, Line, Race


@STRATEGIES.register("settled_race")
@dataclass(frozen=True)
class SettledRace:
    """The winners of a race reach the neurons that show them one step later.

    Parameters
    ----------
    steps : int
        Steps of the race.
    """

    name: ClassVar = "settled_race"
    steps: int = 64

    @property
    def latency(self):
        """One step more than the race."""
        return Race(self.steps).latency + 1

    def build(self, name, size, k, start, span, period, clear):
        """The race, and a relay of one neuron per unit."""
        race = Race(self.steps).build(name, size, k, start, span, period, clear)
        shown, finish = f"{name}.shown", f"{name}.finish"
        relay = LIF(beta=0.0, theta=0.5)
        populations = (Population(shown, size, relay), Population(finish, 1, relay))
        ends = np.eye(race.finish.size)[[race.finish.index]]
        projections = (
            Projection(race.winners, shown, np.eye(size), delay=1),
            Projection(race.finish.population, finish, ends, delay=1),
        )
        return replace(
            race,
            populations=race.populations + populations,
            projections=race.projections + projections,
            winners=shown,
            latency=self.latency,
            finish=Line(finish, 1, 0),
        )
