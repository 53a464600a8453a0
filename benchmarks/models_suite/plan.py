"""Which models run where, for how long, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A model of the suite.

    Attributes
    ----------
    title : str
        What it is.
    seconds : float
        Biological seconds that are timed on snmem, after ``discard`` seconds.
    peers : dict of str to float
        Biological seconds that each of the others is timed for.
    threads : int
        Threads of snmem and NEST; Brian2's C++ has one.
    scale : float
        Part of the network.
    most : float or None
        Largest real-time factor that is asked for.
    times : dict of str to float
        How many times faster than each of the others, at least.
    compared : str
        "spikes", one by one, with Brian2's, or "rates", of each population.
    discard : float
        Biological seconds before the clock starts.
    """

    title: str
    seconds: float
    peers: dict[str, float]
    threads: int
    scale: float
    most: float | None
    times: dict[str, float]
    compared: str
    discard: float = 0.5


_TIMES = {"brian2": 5.0, "nest": 10.0}
FULL = {
    "cuba": Plan(
        "CUBA", 10.0, {"brian2": 10.0, "nest": 10.0}, 1, 1.0, None, _TIMES, "spikes",
    ),
    "brunel": Plan(
        "Brunel, AI", 5.0, {"brian2": 1.0, "nest": 1.0}, 1, 1.0, None, _TIMES, "rates",
    ),
    "fly_brain": Plan(
        "the fly, synthetic twin", 10.0, {"brian2": 1.0}, 1, 1.0, 0.1, {"brian2": 20.0}, "spikes", 0.0,
    ),
    "microcircuit": Plan(
        "microcircuit, full density, constant drive", 10.0, {"nest": 0.5}, 2, 1.0, 2.0, {"nest": 15.0}, "rates",
    ),
    "microcircuit_half": Plan(  # half of the synapses, where all of them leave NEST no memory
        "microcircuit, half of the synapses", 2.0, {"nest": 0.5}, 2, 0.5**0.5, None, {"nest": 15.0}, "rates",
    ),
}  # fmt: skip
#: Sizes for a look whether everything runs; nothing is asked of them.
_BOTH = {"brian2": 0.1, "nest": 0.1}
QUICK = {
    "cuba": Plan("CUBA, 4,000 neurons", 0.1, _BOTH, 1, 1.0, None, {}, "spikes", 0.05),
    "brunel": Plan("Brunel's network, a tenth", 0.1, _BOTH, 1, 0.1, None, {}, "rates", 0.05),
    "fly_brain": Plan("a fiftieth of the fly's twin", 0.1, {"brian2": 0.1}, 1, 0.02, None, {}, "spikes", 0.0),
    "microcircuit": Plan("a fiftieth of the microcircuit", 0.1, {"nest": 0.1}, 2, 0.02, None, {}, "rates", 0.05),
    "microcircuit_half": Plan("the same", 0.1, {"nest": 0.1}, 2, 0.02, None, {}, "rates", 0.05),
}
SIMULATORS = ("snmem", "brian2", "nest")
#: Memory and set-up of the full microcircuit, at most.
MEMORY_GB, SETUP_S = 4.0, 180.0
#: Share by which mean rates may differ: runs of a second and a few, of other random numbers.
RATES = 0.15
#: Seconds that a simulator may take for a model.
PATIENCE_S = 3600

#: Real-time factors that others published, and where; docs/standard-models.md tells them in words.
PUBLISHED = {
    "microcircuit": [
        ("NEST, 2 x EPYC 7702 (128 cores)", 0.67, "Senk et al. 2026, doi 10.1088/2634-4386/ae379a"),
        ("NEST, two such nodes", 0.53, "the same"),
        ("NEST GPU, RTX 4090", 0.386, "the same"),
        ("GeNN, RTX 4090", 0.2719, "the same"),
        ("SpiNNaker 1, 12 boards", 1.0, "the same"),
        ("neuroAIx, 35 FPGAs", 0.05, "the same"),
    ],
    "fly_brain": [
        ("Brian2 C++, a PC", 2.2, "Shiu et al. 2024, doi 10.1038/s41586-024-07763-9, and its repository: 2.2 to 3.2"),
    ],
}
