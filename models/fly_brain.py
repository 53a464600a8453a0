"""The whole brain of a fruit fly: 138,639 neurons and 15 million connections, from the user's files or as a twin.

Shiu et al. 2024 (doi 10.1038/s41586-024-07763-9): LIF neurons with a synaptic current; both stand still while the
neuron is refractory, and what arrives then is lost; a spike clears the current as well. A connection weighs 0.275 mV
for each of its contacts, negative from inhibitory neurons: weights are whole numbers times one unit, in which
potentials count from rest here. Some neurons are driven by Poisson events of 150 Hz; each lifts v by 250 contacts.

FlyWire's data are for non-commercial use and not shipped. Without them a synthetic twin is drawn, of the same size and
activity: out-degrees are log-normal (a few above 5,000), numbers of contacts geometric, 30 % of the neurons inhibit,
and 21 driven neurons share some 400 targets.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Network, Population, Projection, Recording, simulate
from snmem.errors import FileError, MissingDependencyError
from snmem.neurons import synaptic_gain
from snmem.protocols.rows import expected, near, result
from snmem.protocols.spike_trains import draw_raster
from snmem.sources import Poisson

NEURONS, CONNECTIONS, DT = 138_639, 15_090_000, 1e-4
TAU_MEM, TAU_SYN, REFRACTORY, DELAY = 20e-3, 5e-3, 2.2e-3, 1.8e-3  # s
REST, THRESHOLD, CONTACT = -52.0, -45.0, 0.275  # mV
DRIVEN, TARGETS, RATE, KICK = 21, 400, 150.0, 250  # neurons, neurons, Hz, contacts
CONTACTS, INHIBITORY = 3.6, 0.3  # mean number of a connection; share of the neurons
#: Columns of a connection in the authors' parquet files: indices of both neurons, and contacts with their sign.
COLUMNS = ("Presynaptic_Index", "Postsynaptic_Index", "Excitatory x Connectivity")


class Brain(NamedTuple):
    """Connections, and which neurons are driven.

    Attributes
    ----------
    pre, post, contacts : array
        Of each connection: the neurons, and the signed number of contacts.
    neurons : int
        How many there are.
    driven : array
        Neurons that receive Poisson events.
    """

    pre: Any
    post: Any
    contacts: Any
    neurons: int
    driven: Any


def twin(scale: float = 1.0, seed: int = 0) -> Brain:
    """A synthetic brain; ``scale`` takes a part of the neurons with as many connections each."""
    rng, neurons = np.random.default_rng(seed), round(NEURONS * scale)
    targets = min(TARGETS, neurons // 4)
    degree = rng.lognormal(sigma=1.0, size=neurons)
    degree = np.minimum(degree / degree.sum() * CONNECTIONS * scale, neurons / 4).astype(np.int64)
    degree[:DRIVEN] = 0
    pre = np.repeat(np.arange(neurons), degree)
    key = np.unique(pre * neurons + rng.integers(0, neurons, pre.size))  # each pair once
    strong = rng.random((DRIVEN, targets)) < 0.75  # the driven neurons come first, then what they recruit
    first = np.argwhere(strong) @ [neurons, 1] + DRIVEN
    pre, post = np.divmod(np.concatenate([np.sort(first), key]), neurons)
    inhibits = rng.random(neurons) < INHIBITORY
    inhibits[:DRIVEN] = False
    contacts = rng.geometric(1 / CONTACTS, pre.size) * np.where(inhibits[pre], -1, 1)
    return Brain(pre, post, contacts.astype(np.int16), neurons, np.arange(DRIVEN))


def read(path: str | Path, driven: Any) -> Brain:
    """Connections of a parquet file of the authors' form; ``driven`` are indices of neurons."""
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError(
            "fly_brain: reading parquet files needs pyarrow: pip install 'snmem[parquet]'"
        ) from None
    try:
        table = pq.read_table(Path(path), columns=list(COLUMNS))
    except (OSError, ValueError, KeyError) as error:
        raise FileError(
            f"{path}: cannot be read as a parquet file with columns {', '.join(COLUMNS)}: {error}"
        ) from None
    pre, post, contacts = (np.asarray(table[name]) for name in COLUMNS)
    if not len(pre) or min(pre.min(), post.min()) < 0 or np.abs(contacts).max() > np.iinfo(np.int16).max:
        raise FileError(f"{path}: needs at least one connection, indices from 0 and at most 32767 contacts")
    return Brain(pre, post, contacts.astype(np.int16), int(max(pre.max(), post.max())) + 1, np.asarray(driven))


def network(brain: Brain, seed: int = 0) -> Network:
    """The brain, in units of what one contact adds."""
    unit = CONTACT * float(synaptic_gain(TAU_MEM, TAU_SYN, DT))
    refractory = np.full(brain.neurons, REFRACTORY)
    refractory[brain.driven] = DT  # none in Brian2, where a reset takes what arrives with the spike all the same
    neuron = LIF.from_tau(
        TAU_MEM, TAU_SYN, DT, theta=(THRESHOLD - REST) / unit, refractory=refractory, refractory_mode="freeze",
        reset_current=True,
    )  # fmt: skip
    whole, outside = (
        Population("brain", brain.neurons, neuron),
        Poisson("outside", len(brain.driven), rate=RATE, seed=seed),
    )
    shape = (brain.neurons, brain.neurons)
    matrix = sp.csr_array((brain.contacts, (brain.post, brain.pre)), shape=shape)
    kick = np.exp(-DT / TAU_MEM) * KICK * CONTACT / unit
    drive = sp.csr_array(
        (np.full(len(brain.driven), kick), (brain.driven, np.arange(len(brain.driven)))),
        shape=(shape[0], len(brain.driven)),
    )
    inside = Projection("brain", "brain", matrix, round(DELAY / DT) + 1)
    return Network((outside, whole), (Projection("outside", "brain", drive, 1, receptor="v"), inside), dt=DT)


def run(
    seconds: float = 1.0, scale: float = 1.0, backend: str = "event", seed: int = 0, data: str = "", driven: str = ""
) -> dict[str, float]:
    """Simulate the brain of ``data`` with the neurons ``driven`` ("1,5,9"), or the twin; returns its activity."""
    chosen = [int(index) for index in driven.split(",") if index]
    brain = read(data, chosen) if data else twin(scale, seed)
    return activity(simulate(network(brain, seed), {}, round(seconds / DT), backend))


def activity(recording: Recording) -> dict[str, float]:
    """Spikes of a second, and neurons that spike."""
    spikes = recording.spikes["brain"]
    return {"spikes a second": len(spikes) / (spikes.steps * DT), "active neurons": len(np.unique(spikes.neuron))}


def brian2_spikes(brain: Brain, events: Any, seconds: float, device: str = "numpy") -> set[tuple[int, int]]:
    """(step, neuron) of every spike in Brian2, with the same events from outside, by the authors' equations."""
    from snmem.backends.brian2_inputs import import_brian2

    b2 = import_brian2()
    b2.prefs.codegen.target = device
    clock = b2.Clock(dt=DT * b2.second)
    equations = f"""
    dv/dt = (({REST})*mV - v + g) / ({TAU_MEM}*second) : volt (unless refractory)
    dg/dt = -g / ({TAU_SYN}*second) : volt (unless refractory)
    wait : second
    """
    group = b2.NeuronGroup(
        brain.neurons, equations, threshold=f"v > ({THRESHOLD})*mV", reset=f"v = ({REST})*mV; g = 0*mV",
        refractory="wait", method="linear", clock=clock,
    )  # fmt: skip
    wait = np.full(brain.neurons, REFRACTORY)
    wait[brain.driven] = 0.0
    group.wait, group.v = wait * b2.second, REST * b2.mV
    inside = b2.Synapses(group, group, "w : volt", on_pre="g += w", delay=DELAY * b2.second, clock=clock)
    inside.connect(i=brain.pre, j=brain.post)
    inside.w = brain.contacts * CONTACT * b2.mV
    source = b2.SpikeGeneratorGroup(
        len(brain.driven), events.neuron, events.step * DT * b2.second, clock=clock, sorted=True
    )  # fmt: skip
    drive = b2.Synapses(source, group, on_pre=f"v += {KICK * CONTACT}*mV", clock=clock)
    drive.connect(i=np.arange(len(brain.driven)), j=brain.driven)
    monitor = b2.SpikeMonitor(group)
    b2.Network(group, inside, source, drive, monitor).run(seconds * b2.second, namespace={})
    steps = np.round(np.asarray(monitor.t / b2.second) / DT).astype(int)
    return set(zip(steps.tolist(), np.asarray(monitor.i).tolist(), strict=True))


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """The twin for a second on the engine and on Brian2; ``quick``: a fiftieth of it for a tenth of a second."""
    began, scale, seconds = time.perf_counter(), 0.02 if quick else 1.0, 0.1 if quick else 1.0
    brain = twin(scale, seed)
    report(f"{brain.neurons:,} neurons, {len(brain.pre):,} connections: {seconds:g} s on backend event")
    recording = simulate(network(brain, seed), {}, round(seconds / DT))
    spikes = recording.spikes["brain"]
    ours = set(zip(spikes.step.tolist(), spikes.neuron.tolist(), strict=True))
    report(f"{seconds:g} s on Brian2")
    theirs = brian2_spikes(brain, recording.spikes["outside"], seconds)
    rows = [expected("spikes that only one of snmem and Brian2 has", len(ours ^ theirs), 0, 0)]
    found = activity(recording)
    if not quick:
        rows += [
            near("spikes a second", found["spikes a second"], 17_050, 2_500),
            near("active neurons", found["active neurons"], 420, 100),
        ]
    raw = {**found, "connections": len(brain.pre), "brian2": len(theirs), "first": min(ours ^ theirs, default=None)}
    files = [] if out is None else [draw_raster(recording, out / "fly-brain.png", ["brain"])]
    return result(rows, raw, files, seed, began)
