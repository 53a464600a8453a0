"""The HD-Transformer wholly in spikes: token lines, codes, position by wiring, a context memory, the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..quantization.grid import quantize
from ..simulation import get_backend, simulate
from ..spikes import Recording
from .circuits import coincidence
from .circuits.parts import PASS, one_to_one
from .context import Superposition
from .cores import Core, FastWeightsCore, SuperpositionCore, read_items
from .transformer import HDTransformer

#: Code tables behind the volleys of a schedule.
KINDS = ("key", "query", "value")


@dataclass(frozen=True, eq=False)
class SpikingHDTransformer:
    """An :class:`~snmem.hdc.transformer.HDTransformer` as a network of LIF neurons.

    A spike of a token's line makes its code spike: one synapse a block. The codes of the tokens of a key are rotated by
    wiring and bound by coincidence.

    Parameters
    ----------
    model : HDTransformer
        Tables and kind of memory.
    pairs, queries : int
        Most pairs and queries of a context.
    most : int
        Superposition: largest number of votes of a unit.
    form : str
        Fast weights: "plastic", "onchip" or "cells", see :class:`~snmem.attention.network.AttentionNetwork`.
    """

    model: HDTransformer
    pairs: int
    queries: int
    most: int = 12
    form: str = "plastic"

    @property
    def delay(self) -> int:
        """Steps from a token's spike to its code's."""
        return 1 if self.model.order == 1 else 2 * self.model.order

    @cached_property
    def core(self) -> Core:
        """The context memory."""
        m = self.model
        if m.memory == "superposition":
            return SuperpositionCore(m.codes, m.items, self.pairs, self.queries, self.most, self.delay)
        exact = {row.tobytes() for row in m.values} <= {row.tobytes() for row in m.items}
        return FastWeightsCore(m.codes, m.items, m.slots, self.form, exact)

    @cached_property
    def network(self) -> Network:
        """The core's network with token lines in place of its code inputs."""
        inner, targets = self.core.network, {"key", "value", "query"}
        populations: list[Any] = []
        projections: list[Projection] = []
        for p in inner.populations:
            populations.append(Population(p.name, p.shape, PASS) if p.name in targets else p)
        query = "query" if "query" in {p.name for p in inner.inputs} else "key"
        for kind, target in (("key", "key"), ("query", query), ("value", "value")):
            more, wires = self._front(kind, target)
            populations += more
            projections += wires
        return Network(tuple(populations), (*projections, *inner.projections), inner.outputs, inner.dt)

    def _front(self, kind: str, target: str) -> tuple[list[Any], list[Projection]]:
        """Token lines ``<kind>.token.<age>``, and what makes the code of ``target`` out of them."""
        codes, order = self.model.codes, 1 if kind == "value" else self.model.order
        table = {"key": self.model.keys, "query": self.model.queries, "value": self.model.values}[kind]
        lines = [Input(f"{kind}.token.{age}", len(table)) for age in range(order)]
        weights = [_wires(codes.to_dense(codes.permute(table, age))) for age in range(order)]
        if order == 1:
            delay = self.delay if kind == "value" else 1
            return [*lines], [Projection(lines[0].name, target, weights[0], delay)]
        populations: list[Any] = [*lines]
        projections: list[Projection] = []
        bound = f"{kind}.code.0"
        for age, (line, wires) in enumerate(zip(lines, weights, strict=True)):
            name = f"{kind}.code.{age}"
            populations.append(Population(name, codes.dimensions, PASS))
            projections.append(Projection(line.name, name, wires, delay=max(1, 2 * age - 1)))
            if age:
                part = coincidence(f"{kind}.bound.{age}", codes, bound, name)
                populations += part.populations
                projections += part.projections
                bound = part.output
        return populations, [*projections, Projection(bound, target, one_to_one(codes.dimensions))]

    def inputs(self, contexts: Sequence[Any], queries: Sequence[ArrayLike]) -> tuple[dict[str, Any], int]:
        """Input spikes and number of steps.

        Parameters
        ----------
        contexts : sequence of (keys, values)
            Tokens (pairs, order) or (pairs,), and tokens (pairs,), for each context.
        queries : sequence
            Tokens (n, order) or (n,) for each context.

        Raises
        ------
        InputError
            For contexts and queries of different number, too many pairs, tokens that there are not, and units that
            would get more than ``most`` votes.
        """
        if len(contexts) != len(queries):
            raise InputError(f"inputs: {len(contexts)} contexts but queries for {len(queries)}; give some for each")
        tokens = self._tokens(contexts, queries)
        plan = self.core.schedule([len(x) for x in tokens["key"]], [len(x) for x in tokens["query"]])
        events: dict[str, list[tuple[int, int]]] = {p.name: [] for p in self.network.inputs}
        for volley in plan.volleys:
            row = tokens[volley.kind][volley.context][volley.number]
            for age, token in enumerate(row[::-1]):
                events[f"{volley.kind}.token.{age}"].append((volley.step - self.delay, int(token)))
        out: dict[str, Any] = {**plan.lines}
        for name, pairs in events.items():
            if name not in out:
                out[name] = tuple(np.array(pairs, np.int64).reshape(-1, 2).T)
        return out, plan.steps

    def _tokens(self, contexts: Sequence[Any], queries: Sequence[ArrayLike]) -> dict[str, list[NDArray[np.int64]]]:
        """Tokens of all keys, queries and values, (n, order) or (n, 1), after checking them."""
        m = self.model
        out: dict[str, list[NDArray[np.int64]]] = {kind: [] for kind in KINDS}
        for c, ((keys, values), asked) in enumerate(zip(contexts, queries, strict=True)):
            key_codes = m.compose(keys, m.keys)
            m.compose(asked, m.queries)
            contents = np.asarray(values)
            if m.memory == "superposition":
                memory = Superposition(m.codes)
                memory.write(key_codes, m.values[contents])
                if (votes := int(memory.votes.max())) > self.most:
                    limit = f"the network counts to most = {self.most}; raise most"
                    raise InputError(f"context {c}: a unit gets {votes} votes, {limit}")
            for kind, value in (("key", keys), ("query", asked), ("value", contents)):
                out[kind].append(np.asarray(value).reshape(len(np.asarray(value)), -1))
        return out

    def run(
        self, contexts: Sequence[Any], queries: Sequence[ArrayLike], backend: str = "event", **options: Any
    ) -> tuple[NDArray[np.int64], Recording]:
        """Write contexts, ask queries; return the items answered, -1 for none, and the Recording.

        The network is quantized for backends of Loihi's arithmetic; ``options`` go to :func:`snmem.simulate`.
        """
        inputs, steps = self.inputs(contexts, queries)
        floats = "float" in get_backend(backend).arithmetics
        network = self.network if floats else quantize(self.network).network
        recording = simulate(network, inputs, steps, backend, **options)
        return self.read(recording, contexts, queries), recording

    def read(self, recording: Recording, contexts: Sequence[Any], queries: Sequence[ArrayLike]) -> NDArray[np.int64]:
        """The item that answers each query of a run, -1 where none spiked."""
        counts = [len(np.asarray(keys)) for keys, _ in contexts], [len(np.asarray(q)) for q in queries]
        return read_items(recording.spikes[self.core.output], self.core.answers(*counts))


def _wires(dense: NDArray[np.bool_]) -> sp.csr_array:
    """From tokens to the units of their codes (tokens, B L), as (B L, tokens)."""
    return sp.csr_array(dense.T.astype(float))


def silenced(network: Network, population: str, dead: NDArray[np.bool_]) -> Network:
    """The network without the outgoing synapses of the ``dead`` neurons, bool (size,), of a population.

    Raises
    ------
    InputError
        For a mask of another length.
    """
    size = network[population].size
    if np.shape(dead) != (size,):
        raise InputError(f"silenced: dead has shape {np.shape(dead)}, expected ({size},) as population {population!r}")
    alive = sp.diags_array((~np.asarray(dead, bool)).astype(float))

    def cut(q: Projection) -> Projection:
        weights: Any = sp.csr_array(q.weights @ alive)
        weights.eliminate_zeros()
        return replace(q, weights=weights.astype(q.weights.dtype))

    return replace(network, projections=tuple(cut(q) if q.pre == population else q for q in network.projections))
