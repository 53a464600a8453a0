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
from snmem._text import one_line, path_text
from snmem.errors import FileError, InputError, MissingDependencyError
from snmem.neurons import synaptic_gain
from snmem.protocols.parameters import real, steps_of
from snmem.protocols.rows import expected, near, result
from snmem.protocols.spike_trains import draw_raster
from snmem.sources import Poisson

NEURONS, CONNECTIONS, DT = 138_639, 15_090_000, 1e-4
TAU_MEM, TAU_SYN, REFRACTORY, DELAY = 20e-3, 5e-3, 2.2e-3, 1.8e-3  # s
REST, THRESHOLD, CONTACT = -52.0, -45.0, 0.275  # mV
DRIVEN, TARGETS, RATE, KICK = 21, 400, 150.0, 250  # neurons, neurons, Hz, contacts
CONTACTS, INHIBITORY = 3.6, 0.3  # mean number of a connection; share of the neurons
#: Neurons and connections of a file, at most.
MOST_NEURONS, MOST_CONNECTIONS = 10_000_000, 200_000_000
#: Columns of a connection in the authors' parquet files: indices of both neurons, and contacts with their sign.
LIMITS = {
    "Presynaptic_Index": (0, MOST_NEURONS - 1),
    "Postsynaptic_Index": (0, MOST_NEURONS - 1),
    "Excitatory x Connectivity": (-(2**15) + 1, 2**15 - 1),
}
COLUMNS = tuple(LIMITS)


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
    scale = real("scale", scale, 0.001, 1)
    rng, neurons = np.random.default_rng(seed), round(NEURONS * scale)
    targets = min(TARGETS, neurons // 4)
    degree = rng.lognormal(sigma=1.0, size=neurons)
    degree = np.minimum(degree / degree.sum() * CONNECTIONS * scale, neurons / 4).astype(np.int64)
    degree[:DRIVEN] = 0
    pre = np.repeat(np.arange(neurons), degree)
    key = np.sort(pre * neurons + rng.integers(0, neurons, pre.size))  # np.unique hashes, which takes 18 times as long
    key = key[np.diff(key, prepend=-1) != 0]  # each pair once
    strong = rng.random((DRIVEN, targets)) < 0.75  # the driven neurons come first, then what they recruit
    first = np.argwhere(strong) @ [neurons, 1] + DRIVEN
    pre, post = np.divmod(np.concatenate([np.sort(first), key]), neurons)
    inhibits = rng.random(neurons) < INHIBITORY
    inhibits[:DRIVEN] = False
    contacts = rng.geometric(1 / CONTACTS, pre.size) * np.where(inhibits[pre], -1, 1)
    return Brain(pre, post, contacts.astype(np.int16), neurons, np.arange(DRIVEN))


def read(path: str | Path, driven: Any) -> Brain:
    """Connections of a parquet file of the authors' form; ``driven`` are indices of neurons.

    Raises
    ------
    FileError
        For a file that cannot be read, or holds anything but whole numbers in range; nothing is read before its size
        is known.
    InputError
        For driven neurons that are none of the file's, or none at all.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError(
            "fly_brain: reading parquet files needs pyarrow: pip install 'snmem[parquet]'"
        ) from None
    owner = path_text(path)
    try:
        with pq.ParquetFile(Path(path)) as file:
            rows, there = file.metadata.num_rows, file.schema_arrow.names
            if missing := [name for name in COLUMNS if there.count(name) != 1]:
                raise ValueError(f"it has no column {missing[0]!r}, or several")
            if not 1 <= rows <= MOST_CONNECTIONS:
                raise ValueError(f"it has {rows:,} connections; 1 to {MOST_CONNECTIONS:,} can be read")
            table = file.read(list(COLUMNS))
        pre, post, contacts = (_whole(name, table[name], *limits) for name, limits in LIMITS.items())
    except (OSError, ValueError, KeyError, NotImplementedError, TypeError, MemoryError) as error:
        columns = ", ".join(COLUMNS)
        raise FileError(
            f"{owner}: cannot be read as a parquet file with columns {columns}: {one_line(error)}"
        ) from None
    neurons = int(max(pre.max(), post.max())) + 1
    chosen = np.asarray(driven)
    if chosen.dtype.kind not in "iu" or not 0 <= chosen.min() <= chosen.max() < neurons:
        raise InputError(f"driven: name neurons of {owner} that receive Poisson events, from 0 to {neurons - 1:,}")
    return Brain(pre, post, contacts.astype(np.int16), neurons, np.unique(chosen))


def _whole(name: str, column: Any, low: int, high: int) -> Any:
    """A column as whole numbers within low..high; ValueError for anything else, gaps among it."""
    if column.null_count:
        raise ValueError(f"column {name!r} has no value in {column.null_count:,} of {len(column):,} rows")
    values = np.asarray(column)
    if values.dtype.kind not in "iuf" or (values.dtype.kind == "f" and not (values == np.floor(values)).all()):
        raise ValueError(f"column {name!r} holds {column.type}, and not whole numbers alone")
    if not low <= values.min() <= values.max() <= high:
        raise ValueError(f"column {name!r} holds {values.min()} to {values.max()}, and must lie in {low}..{high}")
    return values.astype(np.int64)


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
    matrix = sp.csr_array((brain.contacts.astype(np.int64), (brain.post, brain.pre)), shape=shape)  # adds up pairs
    matrix.data = matrix.data.astype(np.int16 if np.abs(matrix.data).max() < 2**15 else np.float64)
    kick = np.exp(-DT / TAU_MEM) * KICK * CONTACT / unit
    drive = sp.csr_array(
        (np.full(len(brain.driven), kick), (brain.driven, np.arange(len(brain.driven)))),
        shape=(shape[0], len(brain.driven)),
    )
    inside = Projection("brain", "brain", matrix, round(DELAY / DT) + 1)
    return Network((outside, whole), (Projection("outside", "brain", drive, 1, receptor="v"), inside), dt=DT)


def run(
    seconds: float = 1.0,
    scale: float = 1.0,
    backend: str = "event",
    seed: int = 0,
    data: str = "",
    driven: str | int = "",
) -> dict[str, float]:
    """Simulate the brain of ``data`` with the neurons ``driven`` ("1,5,9"), or the twin; returns its activity."""
    if data and scale != 1:
        raise InputError("scale: a part of a brain is that of the twin; give scale or data")
    if not data and driven != "":
        raise InputError("driven: of the twin, the first neurons are; give data too")
    steps = steps_of(seconds, DT)
    brain = read(data, indices(driven)) if data else twin(scale, seed)
    return activity(simulate(network(brain, seed), {}, steps, backend))


def indices(text: str | int) -> list[int]:
    """Whole numbers divided by commas; InputError for anything else, and for none."""
    try:
        return [int(part) for part in str(text).split(",")]
    except ValueError:
        raise InputError(
            f"driven: needs the indices of the neurons that receive Poisson events, such as 1,5,9; got {text!r}"
        ) from None


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
