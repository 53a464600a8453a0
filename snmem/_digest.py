"""The digest of a network, by which files and recordings know it again, and its summary for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from .convolution import Convolution
from .description import counts
from .neurons import LIF, LoihiLIF
from .sources.base import Source

if TYPE_CHECKING:
    from .network import Network

#: Weights and indices that are converted at a time.
_CHUNK = 1 << 16


def digest(network: Network) -> str:
    """sha256 of names, sizes, parameters, weights, rules, outputs and dt, as hexadecimal digits."""
    h = hashlib.sha256()
    for item in (*network.populations, *network.projections):
        if isinstance(item, Source):
            h.update(f"{type(item).__module__}.{type(item).__qualname__}".encode())
        for f in fields(item):
            value = getattr(item, f.name)
            if not counts(item, f):
                continue
            if isinstance(value, np.ndarray):
                value = value.tolist()
            if f.name == "neuron":
                parts = _neuron(value)
            elif isinstance(value, np.ndarray):
                parts = [b"delays", np.asarray(value, np.uint32).tobytes()]
            elif isinstance(value, Convolution):
                parts = _convolution(value)
            else:
                parts = _matrix(value) if sp.issparse(value) else [repr(value).encode()]
            for part in parts:
                h.update(part)
    h.update(repr((network.outputs, network.dt)).encode())
    return h.hexdigest()


def _neuron(neuron: Any) -> Iterator[Any]:
    if type(neuron) not in (LIF, LoihiLIF):  # digests of networks of these two stand in files
        yield f"{type(neuron).__module__}.{type(neuron).__qualname__}".encode()
    for f in fields(neuron):
        if counts(neuron, f):
            yield f.name.encode() if f.name in neuron.later else b""
            yield np.asarray(getattr(neuron, f.name)).astype(str).tobytes()


def _matrix(matrix: Any) -> Iterator[Any]:
    """Index and weight arrays in one type each, whatever theirs is, and 0 for -0."""
    for part, kind in ((matrix.indptr, np.int64), (matrix.indices, np.int32), (matrix.data, np.float64)):
        for i in range(0, len(part), _CHUNK):
            chunk = part[i : i + _CHUNK]
            yield np.ascontiguousarray(chunk + 0 if kind is np.float64 else chunk, kind).data


def _convolution(weights: Convolution) -> Iterator[Any]:
    yield repr((weights.kernel.shape, weights.input_shape, weights.stride, weights.padding)).encode()
    yield repr((weights.dilation, weights.groups)).encode()
    yield np.packbits(weights.taps).tobytes()
    for i in range(0, weights.kernel.size, _CHUNK):
        yield np.ascontiguousarray(weights.kernel.reshape(-1)[i : i + _CHUNK] + 0, np.float64).data


def _delay(q: Any) -> str:
    return f"delay {q.delay}" if len(q.delays) == 1 else f"delays {q.delays[0]} to {q.delays[-1]}"


def summary(network: Network) -> tuple[str, list[tuple[str, str]]]:
    """A title, and a row for each population and projection."""
    kinds = {p.name: f", {type(p).__name__} source" if isinstance(p, Source) else "" for p in network.inputs}
    rows = [(p.name, f"{p.size:,} lines{kinds[p.name]}") for p in network.inputs]
    rows += [(p.name, f"{p.size:,} {type(p.neuron).__name__} neurons") for p in network.neurons]
    for q in network.projections:
        learns = f", {type(q.plasticity).__name__}" if q.plasticity else ""
        rows.append((q.name, f"{q.pre} -> {q.post}, {q.synapses:,} synapses, {_delay(q)}{learns}"))
    neurons, synapses = sum(p.size for p in network.neurons), sum(q.synapses for q in network.projections)
    title = (
        f"Network: {neurons:,} neurons in {len(network.neurons)} populations, {synapses:,} synapses in "
        f"{len(network.projections)} projections, dt = {network.dt:g} s"
    )
    return title, rows
