"""All ranks must run the same: what each of them is asked to do is compared before anything is exchanged."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from .. import __version__
from .._text import shown
from ..backends.base import Job
from ..errors import BackendError
from ..sources.base import Source
from ..sources.drawn import Drawn
from ..spikes import Spikes


def agree(comm: Any, what: Mapping[str, Any]) -> None:
    """Raise BackendError, on all ranks, where they were given different things; names the first that differs.

    Parameters
    ----------
    comm : communicator
        Of all ranks, which all call this.
    what : mapping
        What must be the same, by the words that name it: texts, numbers, bytes.
    """
    digests = {name: hashlib.blake2b(_bytes(value), digest_size=16).hexdigest() for name, value in what.items()}
    everybodys = comm.allgather(list(digests.items()))
    for rank, others in enumerate(everybodys):
        if others != everybodys[0]:
            pairs = zip(everybodys[0], others, strict=False)
            name = next((a[0] for a, b in pairs if a != b), "the number of its parts")
            raise BackendError(
                f"backend 'mpi': ranks 0 and {rank} were given different things: {shown(name)}; start all ranks with "
                "the same versions, program and arguments"
            )


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")


def versions() -> str:
    """Versions of what decides about results."""
    return f"snmem {__version__}, numpy {np.__version__}"


def agree_about(job: Job, comm: Any) -> None:
    """Compare a job: BackendError where networks, inputs or what is recorded differ between ranks.

    Of a network that each rank draws in part, how it is drawn is compared in place of its synapses.
    """
    what: dict[str, Any] = {"versions": versions(), "dt": job.network.dt}
    what["steps and records"] = job.start, job.steps, job.record, job.counters, job.exact, job.store is None
    for p in job.network.populations:
        what[f"population {p.name!r}"] = b"".join(_described(p))
    for q in job.network.projections:
        what[f"projection {q.name!r}"] = b"".join(_described(q))
    for name, spikes in job.inputs.items():
        what[f"spikes of {name!r}"] = b"" if isinstance(spikes, Drawn) else b"".join(_spikes(spikes))
    agree(comm, what)


def _described(item: Any) -> Iterator[bytes]:
    """A population, neuron, source or projection, but for what only one rank has."""
    yield f"{type(item).__module__}.{type(item).__qualname__}".encode()
    divided = getattr(getattr(item, "weights", None), "drawn", None)
    for f in fields(item):
        value = getattr(item, f.name)
        if isinstance(value, np.ndarray):
            yield b"delays" if divided and f.name == "delay" else _sum(value)
        elif f.name == "weights":
            yield repr((value.shape, str(value.dtype), divided)).encode()
            if divided is None:
                for part in ("indptr", "indices", "data", "kernel"):
                    yield _sum(getattr(value, part, np.zeros(0)))
        elif divided and f.name == "delay":
            yield b"delays"
        elif f.name == "neuron" or isinstance(value, Source):
            yield from _described(value)
        else:
            text = repr(value)
            yield (type(value).__qualname__ if " at 0x" in text else text).encode("utf-8", "surrogatepass")


def _spikes(spikes: Spikes) -> Iterator[bytes]:
    yield repr((spikes.steps, spikes.size, spikes.value is None)).encode()
    for part in (spikes.step, spikes.neuron, *([] if spikes.value is None else [spikes.value])):
        yield _sum(part)


def _sum(array: Any) -> bytes:
    """A checksum of an array: differences by mistake are found, and large ones cost a pass over the memory."""
    whole = np.atleast_1d(np.ascontiguousarray(array))
    return f"{whole.dtype} {whole.shape} {zlib.crc32(whole.view(np.uint8).data)}".encode()
