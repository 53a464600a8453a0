"""What to build in Lava for a job: plain data, worked out without Lava, or a refusal that names what is in the way.

Lava spends about half a millisecond per process and step on messages, so processes are few: all inputs are one source;
populations with the same timed clears lie side by side in one LIF process with parameters per neuron; all projections
onto it share one connection process, in Loihi arithmetic one per sign mode and exponent, so that Lava conditions and
rounds as it would each alone. A sparse float connection then adds up a neuron's weights in the order of the reference:
declared order of the projections, ascending presynaptic neuron. Results are equal bit for bit, on any weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..backends.base import Job
from ..errors import BackendError, NetworkError
from ..network import Network, Population, Projection
from ..neurons import LIF, LoihiLIF
from ..plasticity import SumOfProducts

#: Share of synapses from which a connection becomes a Dense instead of a Sparse: then the full matrix is the smaller.
DENSE_FROM = 0.5
#: Features of neurons that Lava runs, by a process of snmem's own; LIF's reset by subtraction is one more.
FEATURES = ("refractory", "loihi_subtract", "initial_state")
TAGS = {"lava_float": "floating_pt", "lava_fixed": "fixed_pt"}
#: A time constant after which nothing is left: exp(-1/tau) = 0.
NO_MEMORY = 1e-3
#: Number of the process that emits the input spikes; those of neurons count from 0.
INPUTS = -1


@dataclass(frozen=True)
class Neurons:
    """Populations in one LIF, or LIFReset where ``clear`` gives (reset_interval, reset_offset) in Lava's steps.

    extended : whether they need a process of snmem's own (:mod:`snmem.lava.processes.neurons`).
    """

    name: str
    size: int
    parameters: dict[str, Any]
    clear: tuple[int, int] | None
    extended: bool = False


@dataclass(frozen=True)
class Source:
    """Spikes of a process, ``held`` steps back; ``pieces``: (first, last + 1, first column of the connection)."""

    process: int
    held: int
    pieces: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Connection:
    """One Dense or Sparse onto process ``post``. ``sign``: name of Lava's SignMode."""

    name: str
    post: int
    sources: tuple[Source, ...]
    weights: Any
    sign: str
    exponent: int
    dense: bool


@dataclass(frozen=True)
class Plastic:
    """One LearningDense of Lava: a projection that learns, between its own neurons.

    pre, gate : where the spikes of its neurons, and those that count as postsynaptic, come from.
    place : (process, first neuron, size) of its targets.    mask : True where there is a synapse.
    """

    name: str
    pre: Source
    gate: Source
    place: tuple[int, int, int]
    weights: Any
    mask: Any
    sign: str
    exponent: int
    rule: SumOfProducts


@dataclass(frozen=True)
class Plan:
    """Everything the child needs.

    inputs : (size, bounds per step, neurons) of the input spikes, or None.
    places : population or input -> (process, first neuron in it, size).
    traces : (process, "u" or "v") to record.
    """

    backend: str
    steps: int
    inputs: tuple[int, Any, Any] | None
    neurons: tuple[Neurons, ...]
    connections: tuple[Connection, ...]
    places: dict[str, tuple[int, int, int]]
    traces: tuple[tuple[int, str], ...]
    plastic: tuple[Plastic, ...] = ()

    @property
    def tag(self) -> str:
        """Lava's tag for the arithmetic."""
        return TAGS[self.backend]

    @property
    def delay_lines(self) -> set[tuple[int, int]]:
        """(process, steps) of the spikes that are held back."""
        return {(s.process, s.held) for c in self.connections for s in c.sources if s.held}

    @property
    def processes(self) -> int:
        """Number of Lava processes."""
        return (
            1
            + (self.inputs is not None)
            + sum(map(len, (self.neurons, self.connections, self.delay_lines, self.traces, self.plastic)))
        )

    @property
    def seconds(self) -> float:
        """Time after which a run must be stuck: about 20 times what two busy cores need."""
        weights = sum(c.weights.size for c in self.connections)
        width = sum(p.size for p in self.neurons)
        per_step = 0.01 * self.processes + 1e-7 * weights + 2e-6 * width * (1 + len(self.traces))
        per_step += sum(5e-7 * q.weights.size for q in self.plastic)
        return 60 + 0.5 * self.processes + 1e-6 * weights + per_step * self.steps


@dataclass(frozen=True)
class Result:
    """What comes back: spikes packed to bits, a row per step, processes side by side; traces as asked for.

    weights : name of a projection that learns -> its weights at the end, a full matrix.
    """

    bits: Any
    traces: dict[tuple[int, str], Any]
    weights: dict[str, Any] = field(default_factory=dict)


def make_plan(job: Job, backend: str) -> Plan:
    """The plan for ``job``, which fits what the backend declares.

    Raises
    ------
    BackendError
        Naming the population or projection with a number that Lava cannot hold, and the remedy.
    """
    network = job.network
    groups: dict[Any, list[Population]] = {}
    for p in network.neurons:
        groups.setdefault((p.clear_every, p.clear_offset, is_extended(p)), []).append(p)
    neurons = tuple(_neurons(members, backend) for members in groups.values())
    learning = [(q, lava_rule(q, backend)) for q in network.projections if q.plasticity is not None]
    used = {q.pre for q in network.projections if q.synapses}
    used |= {rule.gate or q.post for q, rule in learning}
    inputs = [p for p in network.inputs if p.name in used]
    places = dict(_places(INPUTS, inputs))
    for number, members in enumerate(groups.values()):
        places |= _places(number, members)
    connections = tuple(_connections(network, backend, places, neurons))
    traces = tuple(dict.fromkeys((places[name][0], var) for name, var in job.traces()))
    plastic = tuple(_plastic(q, rule, backend, places) for q, rule in learning)
    return Plan(backend, job.steps, _inputs(job, places), neurons, connections, places, traces, plastic)


def _places(process: int, members: list[Any]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    first = 0
    for p in members:
        yield p.name, (process, first, p.size)
        first += p.size


def _inputs(job: Job, places: dict[str, tuple[int, int, int]]) -> tuple[int, Any, Any] | None:
    """Spikes of all inputs in use as one list, ordered by step."""
    used = [(places[name], spikes) for name, spikes in job.inputs.items() if name in places]
    if not used:
        return None
    step = np.concatenate([s.step for _, s in used])
    neuron = np.concatenate([s.neuron + first for (_, first, _), s in used])
    order = np.argsort(step, kind="stable")
    bounds = np.searchsorted(step[order], np.arange(job.steps + 1))
    return sum(s.size for _, s in used), bounds, neuron[order]


def _title(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _neurons(members: list[Population], backend: str) -> Neurons:
    p = members[0]
    clear = (p.clear_every, (p.clear_offset + 1) % p.clear_every) if p.clear_every else None  # Lava counts from 1
    each = [_parameters(p, backend) for p in members]
    sizes = [p.size for p in members]
    parameters = {}
    for name in each[0]:
        values = np.concatenate([np.broadcast_to(given[name], n) for given, n in zip(each, sizes, strict=True)])
        parameters[name] = values[0].item() if (values == values[0]).all() else values
    return Neurons(_title([p.name for p in members]), sum(sizes), parameters, clear, is_extended(p))


def is_extended(p: Population) -> bool:
    """Whether a population needs more than Lava's own LIF."""
    neuron: Any = p.neuron
    return bool(neuron.features) or neuron.reset == "subtract"


def lava_parameters(p: Population) -> dict[str, Any]:
    """The parameters of Lava's LIF for a population, and those of the extended one where it is needed.

    Lava stores decays as 1 - alpha and 1 - beta.
    """
    neuron: Any = p.neuron
    if isinstance(neuron, LoihiLIF):
        parameters = {name: getattr(neuron, name) for name in neuron.limits}
    else:
        parameters = {"du": 1 - neuron.alpha, "dv": 1 - neuron.beta, "vth": neuron.theta, "bias_mant": neuron.bias}
    if not is_extended(p):
        return parameters
    steps = neuron.refractory - (neuron.arithmetic == "loihi")  # Loihi counts the step of the spike
    own = {"subtract": neuron.reset == "subtract", "refractory": steps, "u": neuron.u_init, "v": neuron.v_init}
    return parameters | own


def _parameters(p: Population, backend: str) -> dict[str, Any]:
    neuron: Any = p.neuron
    if isinstance(neuron, LIF):
        owner = f"backend {backend!r}: population {p.name!r}"
        if np.any(neuron.v_reset):
            value = np.atleast_1d(neuron.v_reset)[np.atleast_1d(neuron.v_reset) != 0][0]
            raise BackendError(
                f"{owner} has v_reset={value:g}; on Lava v resets to 0: shift v, theta and bias so that it is 0"
            )
        for name in ("alpha", "beta"):
            _check_complement(neuron, name, owner)
    return lava_parameters(p)


def _check_complement(neuron: LIF, name: str, owner: str) -> None:
    """Raise BackendError where Lava's 1 - d, with d = 1 - factor, is not that factor bit for bit.

    It is for factors >= 1/2; smaller ones must be multiples of 2**-53.
    """
    factor = np.asarray(getattr(neuron, name))
    back = 1 - (1 - factor)
    wrong = back != factor
    if wrong.any():
        value, near = float(factor[wrong][0]), float(back[wrong][0])
        raise BackendError(
            f"{owner} has {name}={value!r}; Lava stores 1 - {name}, which cannot hold this number exactly: "
            f"use {near!r}, or round to a multiple of 2**-53"
        )


def sign_of(weights: Any) -> str:
    """Lava's sign mode of a projection: that of :func:`snmem.loihi.arithmetic.condition_weights`."""
    data = weights.data
    if data.min() >= 0:
        return "EXCITATORY"
    return "INHIBITORY" if data.max() <= 0 else "MIXED"


def _connections(
    network: Network, backend: str, places: dict[str, tuple[int, int, int]], neurons: tuple[Neurons, ...]
) -> Iterator[Connection]:
    groups: dict[tuple[int, str, int, int], list[Projection]] = {}
    rounded = Counter()  # a negative exponent rounds the sum of each projection down: two onto one neuron stay apart
    for q in network.projections:
        if q.synapses and q.plasticity is None:
            sign = "MIXED" if backend == "lava_float" else sign_of(q.weights)
            repeat = rounded[q.post, sign, q.exponent]
            groups.setdefault((places[q.post][0], sign, q.exponent, repeat), []).append(q)
            rounded[q.post, sign, q.exponent] += q.exponent < 0
    for (post, sign, exponent, _), members in groups.items():
        weights = _blocks(members, places, neurons[post].size, np.float64 if backend == "lava_float" else np.int32)
        full = weights.nnz >= DENSE_FROM * weights.shape[0] * weights.shape[1]
        dense = full and (backend == "lava_fixed" or order_free(weights.data))
        name = _title([q.name for q in members])
        yield Connection(name, post, _sources(members, places), weights, sign, exponent, dense)


def lava_products(q: Projection) -> SumOfProducts:
    """The rule of a projection for Lava's learning engine; NetworkError where it cannot say it."""
    assert q.plasticity is not None
    if q.delay != 1:
        raise NetworkError(f"projection {q.name!r} is plastic with delay {q.delay}; on Lava it needs delay 1")
    return q.plasticity.as_products(q)


def lava_rule(q: Projection, backend: str) -> SumOfProducts:
    """:func:`lava_products`, for a backend; BackendError where it cannot say it."""
    try:
        return lava_products(q)
    except NetworkError as error:
        raise BackendError(f"backend {backend!r}: {error}") from None


def _plastic(q: Projection, rule: SumOfProducts, backend: str, places: dict[str, tuple[int, int, int]]) -> Plastic:
    def source(name: str) -> Source:
        process, first, size = places[name]
        return Source(process, 0, ((first, first + size, 0),))

    integer = backend == "lava_fixed"
    mask: Any = q.weights.copy()
    mask.data = np.ones(len(mask.data), bool)
    return Plastic(
        q.name,
        source(q.pre),
        source(rule.gate or q.post),
        places[q.post],
        q.weights.toarray().astype(np.int32 if integer else np.float64),
        mask.toarray(),
        sign_of(q.weights) if q.synapses else "EXCITATORY",
        q.exponent,
        rule,
    )


def _blocks(members: list[Projection], places: dict[str, tuple[int, int, int]], rows: int, kind: Any) -> Any:
    """One matrix: a block of columns for each projection, in declared order; rows of its postsynaptic population."""
    parts = []
    column = 0
    for q in members:
        part: Any = q.weights.tocoo()
        parts.append((part.data.astype(kind), part.row + places[q.post][1], part.col + column))
        column += q.weights.shape[1]
    data, row, col = (np.concatenate(x) for x in zip(*parts, strict=True))
    matrix = sp.csr_matrix((data, (row, col)), shape=(rows, column))
    matrix.sum_duplicates()
    return matrix


def _sources(members: list[Projection], places: dict[str, tuple[int, int, int]]) -> tuple[Source, ...]:
    """Who fills which columns; one entry per process and delay, as Lava knows sources by their port."""
    pieces: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    column = 0
    for q in members:
        process, first, size = places[q.pre]
        pieces.setdefault((process, q.delay - 1), []).append((first, first + size, column))
        column += size
    return tuple(Source(process, held, tuple(given)) for (process, held), given in pieces.items())


def order_free(data: Any) -> bool:
    """Whether any subset of ``data`` has the same float64 sum in every order: multiples of 2**-20, small enough."""
    scaled = np.asarray(data, np.float64) * 2.0**20
    return bool((scaled == np.floor(scaled)).all() and np.abs(scaled).sum() < 2.0**53)
