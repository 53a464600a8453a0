"""Networks that the tests of backend "mpi" run on several ranks: ``mpiexec -n 2 python on_ranks.py`` prints digests."""

import hashlib
import json
import sys
from typing import Any

import numpy as np

from snmem import LIF, Input, Instar, Network, Population, Projection, simulate
from snmem.conformance import features_of, random_inputs, random_network
from snmem.conformance.networks import refused_by
from snmem.installation.content import load_script
from snmem.plasticity import PairSTDP
from snmem.sources import Poisson, Regular
from snmem.topology import Normal, Uniform, fixed_in_degree, fixed_probability, one_to_one


def plastic(seed=0):
    """Three populations with weights on no grid, delays of 1 to 5 steps, and two rules of learning."""
    neuron = LIF(0.5, 0.9, theta=1.0, refractory=2)
    a, b, c = cells = [Population(name, size, neuron) for name, size in (("a", 61), ("b", 40), ("c", 3))]
    drive = Poisson("drive", 61, rate=0.1, unit="step", seed=seed)
    everywhere = Poisson("noise", 20, rate=0.05, unit="step", seed=seed)
    w, some = Normal(0.15, 0.05), dict[str, Any](seed=seed)
    projections = (
        one_to_one(drive, a, 0.9),
        fixed_in_degree(a, b, 12, w, plasticity=Instar(0.1), **some),
        fixed_probability(everywhere, b, 0.3, w, 2, **some),
        fixed_in_degree(b, c, 30, w, 3, plasticity=PairSTDP(), **some),
        fixed_in_degree(b, a, 8, Normal(-0.1, 0.03), Uniform(0.6, 5.4), **some),
        Projection(c, a, np.random.default_rng(seed).normal(0, 0.1, (61, 3)), delay=2),
    )
    return Network((drive, everywhere, *cells), projections)


def bursts():
    """Neurons that all spike at once, of each rank more than fit into a message, and make some more spike later."""
    clock, a, b = Regular("clock", 900, period=7), Population("a", 900, LIF()), Population("b", 500, LIF(theta=2.5))
    return Network((clock, a, b), (one_to_one(clock, a, 2.0), fixed_in_degree(a, b, 5, Uniform(0, 1), 3, seed=1)))


def microcircuit(scale=0.02):
    """A small part of the microcircuit with a Poisson drive."""
    return load_script("models", "microcircuit").network(scale, "poisson")


def brunel(neurons=250):
    """Brunel's network, smaller."""
    return load_script("models", "brunel").network("AI", 0, neurons)


#: Name -> (what builds a network, steps, what is recorded).
NETWORKS = {
    "plastic": (plastic, 300, ["b.v"]),
    "bursts": (bursts, 30, ()),
    "microcircuit": (microcircuit, 150, ()),
    "brunel": (brunel, 150, ()),
}


def results(name, backend, **options):
    """Digests of what a run of a network yields, its counts, and sums of what it has learned."""
    build, steps, record = NETWORKS[name]
    r = simulate(build(), {}, steps, backend, record=record, counters=True, **options)
    found = {"spikes": {p: [s.step, s.neuron] for p, s in r.spikes.items()}, "traces": dict(r.traces)}
    c = r.counters
    counts = [c.spikes, c.synaptic_events, c.accessed, c.changed, c.weight_updates]
    text = {key: {k: digest(v) for k, v in values.items()} for key, values in found.items()}
    return {**text, "counters": [dict(x) for x in counts], "weights": {k: _sums(w) for k, w in r.weights.items()}}


def digest(arrays):
    return hashlib.sha256(np.ascontiguousarray(arrays).tobytes()).hexdigest()


def _sums(weights):
    """Learned weights of each neuron; those of other ranks are 0 where a rank has its own only."""
    return np.asarray(weights.sum(axis=1)).tolist()


def differing():
    """Seeds of random networks that ranks run otherwise than one process."""
    found = []
    for seed in range(20):
        network = random_network(seed, arithmetic="float", features=features_of("float", refused_by("mpi")))
        given = random_inputs(network, seed, 50)
        options = {"record": [f"{p.name}.v" for p in network.neurons], "counters": True}
        if simulate(network, given, 50, "mpi", **options) != simulate(network, given, 50, "event", **options):
            found.append(seed)
    return found


def on_ranks():
    """Run all networks; what the first rank prints."""
    from snmem.distributed import rank_rows, world
    from snmem.distributed.world import total

    comm = world()
    with rank_rows():
        found = {name: results(name, "mpi") for name in NETWORKS}
        threads = results("bursts", "mpi", threads=2)
        own = simulate(plastic(), {}, 300, "mpi", to=f"rank-{comm.rank}.h5")
    for values in found.values():
        values["weights"] = {k: total(comm, np.array(w)).tolist() for k, w in values["weights"].items()}
    found["plastic, built whole"] = results("plastic", "mpi")
    found["bursts, two threads"] = threads
    found["spikes, by file"] = own.counters.spikes
    found["random networks that differ"] = differing()
    return json.dumps(found, default=dict) if comm.rank == 0 else ""


def disagree():
    """What ranks say that are given different things: seeds, steps, records, inputs, weights; and the same things."""
    from snmem.distributed import rank_rows, world
    from snmem.errors import BackendError

    rank = world().rank

    def said(network, steps=20, **options):
        try:
            simulate(network, options.pop("inputs", {}), steps, "mpi", **options)
        except BackendError as error:
            return str(error)
        return "ran"

    def fed(weight=0.5):
        cells = Population("cells", 4, LIF())
        return Network((Input("in", 4), cells), (Projection("in", "cells", weight * np.eye(4)),))

    def drawn(seed):
        cells = Population("cells", 8, LIF())
        return Network((cells,), (fixed_in_degree(cells, cells, 3, seed=seed),))

    with rank_rows():
        found = [said(plastic(rank)), said(drawn(rank)), said(drawn(0))]
    found += [said(plastic(), 20 + rank), said(plastic(), record=["b.v", "a.v"][rank : rank + 1])]
    found += [said(fed(), inputs={"in": ([rank], [0])}), said(fed(0.5 + rank)), said(fed(), inputs={"in": ([0], [0])})]
    return json.dumps(found) if rank == 0 else ""


def fails():
    """Rank 1 fails alone, in the midst of a run, and the others are left waiting."""
    from snmem.distributed import world
    from snmem.distributed.exchange import Exchange

    def step(exchange):
        if exchange.t == 100 and world().rank == 1:
            raise MemoryError("no room")
        return found(exchange)

    found, Exchange._step = Exchange._step, step
    simulate(plastic(), {}, 10**6, "mpi")
    return "not reached"


def raises():
    """Rank 1 fails while it builds its part, and never gets to the run that the others begin."""
    from snmem.distributed import rank_rows, world

    with rank_rows():
        network = plastic()
        if world().rank == 1:
            raise MemoryError("no room")
    simulate(network, {}, 10**6, "mpi")
    return "not reached"


if __name__ == "__main__":
    print({"all": on_ranks, "disagree": disagree, "fails": fails, "raises": raises}[sys.argv[1]](), end="")
