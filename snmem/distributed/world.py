"""The processes that share a network: MPI's, of which there is one where nobody started more."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .._text import one_line, path_text, visible
from ..errors import FileError, MissingDependencyError
from ..topology.own import own_rows
from .agreement import agree, versions
from .watch import tell, watch

#: Looks at what has come before a rank that waits for others sleeps, and how long it sleeps then, in seconds.
_LOOKS, _SLEEP_S = 200, 2e-5
#: Seconds within which others must fail as well, for an error to be that of all.
_TOGETHER_S = 2.0


def world() -> Any:
    """MPI's communicator of all ranks: ``world().rank`` of ``world().size``.

    Raises
    ------
    MissingDependencyError
        Where mpi4py or an MPI is absent.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        why = f"mpi4py or an MPI is absent ({one_line(error)})"
        raise MissingDependencyError(f"backend 'mpi': {why}; pip install 'snmem[mpi]'") from None
    comm = MPI.COMM_WORLD
    if comm.size > 1 and sys.excepthook is sys.__excepthook__:
        sys.excepthook = _end_of_script
    return comm


def _end_of_script(kind: Any, error: BaseException, trace: Any) -> None:
    """Show an error that nobody has caught, and end all ranks, which would wait for this one for ever."""
    sys.__excepthook__(kind, error, trace)
    _end_all(world(), error)


def rank_rows() -> AbstractContextManager[None]:
    """Let the rules of :mod:`snmem.topology` draw the synapses of this rank's own neurons only.

    ::

        with rank_rows():
            network = build()
        recording = simulate(network, {}, 1000, "mpi")
    """
    comm = world()
    return own_rows(comm.rank, comm.size)


def wait(request: Any) -> None:
    """Wait until an operation of MPI's is complete, and leave the processor to others if that takes long."""
    looks = 0
    while not request.Test():
        looks += 1
        if looks > _LOOKS:
            time.sleep(_SLEEP_S)


def gathered(comm: Any, own: NDArray[Any]) -> NDArray[Any]:
    """The arrays of all ranks, one behind the other, on every rank; of one dimension."""
    if comm.size == 1:
        return own
    sizes, mine = np.empty(comm.size, np.int64), np.array([own.size])
    wait(comm.Iallgather(mine, sizes))
    out = np.empty(int(sizes.sum()), own.dtype)
    wait(comm.Iallgatherv(np.ascontiguousarray(own), (out, sizes)))
    return out


def total(comm: Any, own: NDArray[Any], how: str = "SUM") -> NDArray[Any]:
    """Sums over all ranks, or what else MPI calls ``how``: MIN, MAX."""
    if comm.size == 1:
        return own
    from mpi4py import MPI

    out = np.empty_like(own)
    wait(comm.Iallreduce(own, out, getattr(MPI, how)))
    return out


@contextmanager
def all_or_none(comm: Any, place: Any = None) -> Iterator[None]:
    """End all ranks, with a line on standard error, where this one fails while others wait for it.

    ``place`` : the file that this rank writes, if any, for errors of the system.
    """
    try:
        yield
    except BaseException as error:
        if comm.size == 1:
            raise
        if isinstance(error, OSError) and place is not None:
            why = f"cannot be written ({error.strerror or error}); what was recorded is in {place.name}.partial"
            error = FileError(f"{path_text(place)}: {why}")
        _end_all(comm, error)


def _end_all(comm: Any, error: BaseException) -> NoReturn:
    what = one_line(error) if str(error) else type(error).__name__
    tell()
    print(f"snmem: error: rank {comm.rank} of {comm.size}: {visible(what)}", file=sys.stderr, flush=True)
    comm.Abort(1)
    os._exit(1)  # where MPI leaves that to its launcher


@contextmanager
def session(what: Mapping[str, Any]) -> Iterator[int]:
    """What a verb that runs on all ranks works in: rows of its own, and one end; gives the rank.

    What all ranks raise is raised on rank 0, and the others end silently; what one raises alone ends all.

    Parameters
    ----------
    what : mapping
        What the ranks were asked to do, which must be the same.
    """
    comm = world()
    if comm.size == 1:
        yield 0
        return
    others = comm.Dup()
    watch(comm)
    try:
        agree(comm, {"versions": versions(), **what})
        with own_rows(comm.rank, comm.size):
            yield comm.rank
    except BaseException as error:
        request, until = others.Ibarrier(), time.monotonic() + _TOGETHER_S
        while not request.Test():
            if time.monotonic() > until:
                _end_all(comm, error)
            time.sleep(_SLEEP_S)
        if comm.rank:
            sys.exit(1)
        raise
