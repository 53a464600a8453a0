"""What to build in Lava for a job: plain data, worked out without Lava, or a refusal that names what is in the way.

All projections onto a population share one connection process, in Loihi arithmetic one per sign mode and exponent.
Its input is the concatenation of their presynaptic spikes. That is fewer Lava processes, hence less time per step, and
a sparse float connection then adds its weights in the order of the reference: declared order of the projections,
ascending presynaptic neuron. Results are equal bit for bit, also for weights off a dyadic grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import BackendError
from ..network import Network, Population, Projection
from ..neuron import LIF, LoihiLIF
from ..simulation import Job

#: Share of synapses from which a connection becomes a Dense instead of a Sparse: then the full matrix is the smaller.
DENSE_FROM = 0.5
TAGS = {"lava_float": "floating_pt", "lava_fixed": "fixed_pt"}


@dataclass(frozen=True)
class Neurons:
    """A population: Lava's LIF, or LIFReset where ``clear`` gives (reset_interval, reset_offset) in Lava's steps."""

    name: str
    size: int
    parameters: dict[str, Any]
    clear: tuple[int, int] | None


@dataclass(frozen=True)
class Source:
    """Where a connection's input comes from: population, steps it is held back, first columns it fills."""

    pre: str
    held: int
    starts: tuple[int, ...]


@dataclass(frozen=True)
class Connection:
    """One Dense or Sparse. ``sign``: "MIXED", "EXCITATORY" or "INHIBITORY", as Lava's SignMode."""

    name: str
    post: str
    sources: tuple[Source, ...]
    weights: Any
    sign: str
    exponent: int
    dense: bool


@dataclass(frozen=True)
class Plan:
    """Everything the child needs. ``inputs``: name -> (size, indptr over steps, neurons)."""

    backend: str
    steps: int
    inputs: dict[str, tuple[int, Any, Any]]
    neurons: tuple[Neurons, ...]
    connections: tuple[Connection, ...]
    traces: tuple[tuple[str, str], ...]

    @property
    def tag(self) -> str:
        """Lava's tag for the arithmetic."""
        return TAGS[self.backend]

    @property
    def delay_lines(self) -> set[tuple[str, int]]:
        """(population, steps) of the spikes that are held back."""
        return {(s.pre, s.held) for c in self.connections for s in c.sources if s.held}

    @property
    def processes(self) -> int:
        """Number of Lava processes."""
        parts = (self.inputs, self.neurons, self.connections, self.traces, self.delay_lines)
        return 1 + sum(map(len, parts))

    @property
    def seconds(self) -> float:
        """Time after which a run must be stuck: about 20 times what two busy cores need."""
        weights = sum(c.weights.size for c in self.connections)
        width = sum(p.size for p in self.neurons)
        per_step = 0.01 * self.processes + 1e-7 * weights + 1e-6 * width * (1 + len(self.traces))
        return 60 + 0.5 * self.processes + 1e-6 * weights + per_step * self.steps


@dataclass(frozen=True)
class Result:
    """What comes back: spikes packed to bits, a row per step, populations side by side; traces by (name, variable)."""

    bits: Any
    traces: dict[tuple[str, str], Any]


def make_plan(job: Job, backend: str) -> Plan:
    """The plan for ``job``; BackendError names the population or projection that Lava cannot run, and the remedy."""
    network = job.network
    _refuse(job, backend)
    connections = tuple(_connections(network, backend))
    used = {s.pre for c in connections for s in c.sources}
    inputs = {}
    for name, spikes in job.inputs.items():
        if name in used:
            indptr = np.searchsorted(spikes.step, np.arange(job.steps + 1))
            inputs[name] = (spikes.size, indptr, spikes.neuron)
    neurons = tuple(_neurons(p, backend) for p in network.neurons)
    return Plan(backend, job.steps, inputs, neurons, connections, tuple(dict.fromkeys(job.traces())))


def _refuse(job: Job, backend: str) -> None:
    network, where = job.network, f"backend {backend!r}"
    if backend == "lava_float" and network.arithmetic != "float":
        raise BackendError(f"{where}: the network has LoihiLIF populations; use backend 'lava_fixed'")
    if backend == "lava_fixed" and network.arithmetic != "loihi":
        raise BackendError(f"{where}: the network has float (LIF) populations; convert it with snmem.quantize")
    if job.state is not None:
        raise BackendError(f"{where}: cannot go on from a state; run all steps in one call")
    for q in network.projections:
        if q.delay == 0:
            raise BackendError(
                f"{where}: projection {q.name!r} has delay 0, but a connection takes one step in Lava; "
                "give it a delay of at least 1"
            )
        if q.plasticity is not None:
            raise BackendError(
                f"{where}: projection {q.name!r} learns ({type(q.plasticity).__name__}), which this backend does not "
                "run; use backend 'event' and Network.freeze() what it learned"
            )


def _neurons(p: Population, backend: str) -> Neurons:
    clear = (p.clear_every, (p.clear_offset + 1) % p.clear_every) if p.clear_every else None  # Lava counts from 1
    owner = f"backend {backend!r}: population {p.name!r}"
    parameters = _float_parameters(p.neuron, owner) if isinstance(p.neuron, LIF) else _fixed_parameters(p.neuron)
    return Neurons(p.name, p.size, parameters, clear)


def _fixed_parameters(neuron: LoihiLIF) -> dict[str, Any]:
    return {name: getattr(neuron, name) for name in neuron.limits}


def _float_parameters(neuron: LIF, owner: str) -> dict[str, Any]:
    if neuron.reset != "zero":
        raise BackendError(f"{owner} has reset={neuron.reset!r}; Lava's LIF resets v to zero only: use reset='zero'")
    if np.any(neuron.v_reset):
        value = np.atleast_1d(neuron.v_reset)[np.atleast_1d(neuron.v_reset) != 0][0]
        raise BackendError(
            f"{owner} has v_reset={value:g}; Lava's LIF resets v to zero only: shift v, theta and bias so that it is 0"
        )
    return {
        "du": _complement(neuron.alpha, "alpha", owner),
        "dv": _complement(neuron.beta, "beta", owner),
        "vth": neuron.theta,
        "bias_mant": neuron.bias,
    }


def _complement(factor: Any, name: str, owner: str) -> Any:
    """Lava's decay d for a factor kept per step, such that Lava's 1 - d is that factor bit for bit.

    1 - d is exact for factors >= 1/2; smaller ones must be multiples of 2**-53.
    """
    decay = 1 - np.asarray(factor)
    kept = 1 - decay
    wrong = np.atleast_1d(kept != factor)
    if wrong.any():
        value, near = np.atleast_1d(factor)[wrong][0], np.atleast_1d(kept)[wrong][0]
        raise BackendError(
            f"{owner} has {name}={float(value)!r}; Lava stores 1 - {name}, which cannot hold this number exactly: "
            f"use {float(near)!r}, or round to a multiple of 2**-53"
        )
    return decay[()] if decay.ndim else float(decay)


def sign_of(weights: Any) -> str:
    """Lava's sign mode of a projection: that of :func:`snmem.loihi.arithmetic.condition_weights`."""
    data = weights.data
    if data.min() >= 0:
        return "EXCITATORY"
    return "INHIBITORY" if data.max() <= 0 else "MIXED"


def _connections(network: Network, backend: str) -> Iterator[Connection]:
    groups: dict[tuple[str, str, int], list[Projection]] = {}
    for q in network.projections:
        if q.synapses:
            sign = "MIXED" if backend == "lava_float" else sign_of(q.weights)
            groups.setdefault((q.post, sign, q.exponent), []).append(q)
    for (post, sign, exponent), members in groups.items():
        kind = np.float64 if backend == "lava_float" else np.int32
        weights: Any = sp.csr_matrix(sp.hstack([q.weights for q in members], format="csr").astype(kind))
        full = weights.nnz >= DENSE_FROM * weights.shape[0] * weights.shape[1]
        dense = full and (backend == "lava_fixed" or order_free(weights.data))
        name = " + ".join(q.name for q in members)
        yield Connection(name, post, _sources(members), weights, sign, exponent, dense)


def _sources(members: list[Projection]) -> tuple[Source, ...]:
    """Who fills which columns; one entry per population and delay, as Lava knows sources by their port."""
    starts: dict[tuple[str, int], list[int]] = {}
    column = 0
    for q in members:
        starts.setdefault((q.pre, q.delay - 1), []).append(column)
        column += q.weights.shape[1]
    return tuple(Source(pre, held, tuple(first)) for (pre, held), first in starts.items())


def order_free(data: Any) -> bool:
    """Whether any subset of ``data`` has the same float64 sum in every order: multiples of 2**-20, small enough."""
    scaled = np.asarray(data, np.float64) * 2.0**20
    return bool((scaled == np.floor(scaled)).all() and np.abs(scaled).sum() < 2.0**53)
