"""Where the runs of a sweep are carried out: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ..errors import BackendError, InputError, MissingDependencyError
from .points import execute
from .storage import SweepFolder, take_lock

Task = tuple[str, Mapping[str, Any]]  # key and parameters of a run
Outcome = tuple[str, str | None]  # key of a run that ended, and its error or None

#: Seconds in which a Dask scheduler must answer.
_PATIENCE = 10.0
#: Threads of numerical libraries in a worker: one, since the workers share the processors.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def on_processes(target: str, tasks: Sequence[Task], folder: SweepFolder, workers: int) -> Iterator[Outcome]:
    """Carry out the tasks on ``workers`` processes, which keep every run as soon as it is finished.

    The processes end with this one, however it ends.
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update({name: value for name, value in _ONE_THREAD.items() if before[name] is None})
    pool = ProcessPoolExecutor(min(workers, len(tasks)), get_context("spawn"), _begin, (folder.path,))
    try:
        with _deaf_to_ctrl_c():
            futures = {pool.submit(_run_and_keep, target, key, point, folder.path): key for key, point in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool:
        raise BackendError(
            "sweep: a worker process was killed, perhaps for lack of memory; start the sweep again to go on, "
            "with fewer --workers"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for name in (name for name, value in before.items() if value is None):
            os.environ.pop(name, None)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one from their first moment on; here it comes when the block ends."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def on_this_process(
    target: str, tasks: Sequence[Task], folder: SweepFolder, scheduler: str | None
) -> Iterator[Outcome]:
    """Carry out the tasks here, one after the other: a function that no other process can import."""
    if scheduler:
        raise InputError(f"sweep: {target} is known to this process only; put it in a file for --scheduler")
    for key, point in tasks:
        yield key, _run_and_keep(target, key, point, folder.path)


_held: list[Any] = []


def _begin(path: Path) -> None:
    """Prepare a worker: it leaves Ctrl-C to its parent, dies with it, and shows that it lives by a lock."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    Thread(target=follow, daemon=True).start()
    _held.append(SweepFolder(path).workers_file())
    take_lock(_held[-1], shared=True)


def _run_and_keep(target: str, key: str, point: Mapping[str, Any], path: Path) -> str | None:
    try:
        variables, seconds = _timed(target, point)
    except Exception as error:  # of the model
        return _describe(error)
    SweepFolder(path).keep(key, point, variables, seconds)
    return None


def _timed(target: str, point: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    began = time.perf_counter()
    variables = execute(target, point)
    return variables, time.perf_counter() - began


def _describe(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _unanswered(scheduler: str) -> str | None:
    """What is wrong with an address; None if a Dask scheduler answers there.

    A Client would try a wrong address for all its time, wait for ever for a server that says nothing, and leave a
    traceback at exit.
    """
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.core import rpc
    from distributed.security import Security

    async def ask() -> None:
        options = Security().get_connection_args("client")
        async with rpc(scheduler, connection_args=options, timeout=_PATIENCE) as server:
            identity: Any = await server.identity()
            kind = identity["type"]
            if kind != "Scheduler":
                raise ValueError(f"a Dask {kind} is there")

    def connect() -> str | None:
        try:
            kind, place = parse_address(scheduler)
            if kind in ("tcp", "tls"):
                socket.create_connection(parse_host_port(place), _PATIENCE).close()
            asyncio.run(asyncio.wait_for(ask(), _PATIENCE))
        except TimeoutError:
            return f"no answer within {_PATIENCE:g} s"
        except Exception as error:  # a server of another kind may say anything
            return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        return None

    answers: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: answers.put(connect()), daemon=True).start()  # here, a notebook's loop may be running
    return answers.get()


@contextmanager
def _without_logs(package: str) -> Iterator[None]:
    """Keep a package from telling what becomes an error of ours: Dask prints the traceback of every lost connection."""
    names = [name for name in logging.root.manager.loggerDict if f"{name}.".startswith(f"{package}.")]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def on_dask(target: str, tasks: Sequence[Task], folder: SweepFolder, scheduler: str) -> Iterator[Outcome]:
    """Carry out the tasks on a Dask cluster; this process keeps every run as soon as it arrives.

    Raises
    ------
    MissingDependencyError
        If distributed is not installed.
    BackendError
        If the scheduler does not answer, or is lost.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise MissingDependencyError("sweep: --scheduler needs Dask; pip install 'snmem[dask]'") from None
    problem = _unanswered(scheduler)
    if problem:
        raise BackendError(f"sweep: no Dask scheduler answers at {scheduler} ({problem}); check the address")
    client = Client(scheduler, timeout="10s", set_as_default=False)
    points = dict(tasks)
    with _without_logs("distributed"), client, client.as_current():
        futures = {client.submit(_timed, target, point, key=f"snmem-{key}"): key for key, point in tasks}
        for future in as_completed(futures):
            key = futures[future]
            if future.status == "cancelled":
                raise BackendError(f"sweep: the Dask scheduler at {scheduler} is lost; start the sweep again to go on")
            error = future.exception()
            if error is None:
                folder.keep(key, points[key], *future.result())
            future.release()
            yield key, None if error is None else _describe(error)
