"""Run a network on a backend: ``simulate(network, inputs, steps, backend="event")``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ._text import shown
from .backends.base import Backend, Job, RunState, backend_names, check_state, get_backend, make_recording
from .errors import BackendError, InputError, SnmemWarning
from .io.arguments import as_inputs, as_network, with_sources
from .network import Network
from .progress import LateBar, someone_watches
from .recording import Record
from .recording.choice import as_plan
from .recording.recorder import carries_values
from .recording.stream import writing
from .spikes import Recording, count

__all__ = ["Job", "backend_names", "get_backend", "make_recording", "simulate", "simulate_batch"]


def simulate(
    network: Network,
    inputs: Any = None,
    steps: int | None = None,
    backend: str = "event",
    *,
    record: Record | Iterable[str] | Mapping[str, Any] = (),
    counters: bool = False,
    state: RunState | None = None,
    progress: Callable[[int], None] | bool = True,
    threads: int = 1,
    exact: bool = True,
    to: str | os.PathLike[str] | None = None,
) -> Recording:
    """Simulate ``network`` for ``steps`` steps (equations: :mod:`snmem.neurons`).

    Parameters
    ----------
    network : Network
        Or a result that holds one, such as that of :func:`snmem.quantize`.
    inputs : mapping
        Input name -> spikes: a Spikes, a tuple (step, neuron) of event vectors, a dict of them, or a 0/1 array or scipy
        sparse matrix of shape (steps, neurons) or (steps, *shape of the input). Inputs left out are silent, and silence
        follows after the last step of an array. The spikes alone do where the network has one input.
    steps : int
        Steps to simulate; by default those of the longest input.
    backend : str
        A name of ``backend_names()``: those of snmem and registered ones. While "event" is being compiled, on a
        machine's first run, small networks begin on "reference", whose bits are the same (docs: "How fast is it").
    record : Record, or names
        What to keep. Names of traces, such as "hidden.v", each of steps x neurons x 8 bytes, or a dict of trace ->
        neurons; all spikes are kept too. :class:`snmem.Record` chooses spikes, counts, rates, traces and weights.
    counters : bool
        Also count updated and changed neurons (needed for the bill).
    state : RunState
        ``Recording.state`` of an earlier run of this network, to continue it; step numbers then go on counting for
        timed clears.
    progress : function or bool
        Called now and then with the number of steps done; True: in a terminal or notebook, a bar for what takes longer
        than two seconds; False: nothing.
    threads : int
        How many the event engines (backends "event", "loihi") may use, for networks of thousands of neurons; results
        are the same bits for any number. Plastic networks and other backends use one.
    exact : bool
        False lets the event engine take n steps of a neuron without input at once, u = alpha**n * u and v alike, where
        it runs a large population neuron by neuron. u and v then differ from stepping by rounding, about 1e-16 of what
        came in at each step; ``Recording.exact`` tells whether no spike can differ for that. Faster where inputs are
        rare (docs: "How fast is it"); other backends, recording and counting step exactly all the same.
    to : path
        HDF5 file to write what is recorded to while the run goes on, in memory that does not grow with it (backends
        "event", "loihi" and "reference"; others write at their end). The Recording then holds counters, learned weights
        and state; :func:`snmem.open_recording` and ``nir.read_data`` read the rest. The file is ``NAME.partial`` until
        the run is complete, and stays so after Ctrl-C or a kill.

    Raises
    ------
    FileError
        If ``to`` cannot be written; what was recorded until then stays in ``NAME.partial``.
    InputError
        For unknown inputs or traces, events out of range, a state of another network or backend, and traces that do not
        fit into memory.
    BackendError
        If the backend cannot run the network.
    Interrupted
        On Ctrl-C (a KeyboardInterrupt; event engines): its ``recording`` holds what was recorded so far.
    """
    network = as_network(network, "simulate")
    given, length = as_inputs(network, inputs, steps)
    run = get_backend(backend)
    data, start = check_state(network, state, run)
    plan = as_plan(network, record, length, start, limited=to is None)
    if plan.weights and not run.weight_traces:
        raise BackendError(
            f"backend {backend!r}: records no weights over time (of {next(iter(plan.weights))!r}); use backend 'event' "
            "or 'reference'"
        )
    if state is None:
        _warn_of_start(network)
    job = Job(
        network,
        with_sources(network, given, start, length),
        length,
        tuple(plan.traces),
        counters,
        data,
        threads=count("simulate: threads", threads, 1),
        exact=bool(exact),
        start=start,
        plan=plan,
    )
    if to is None:
        return _run(run, job, progress)
    valued = [name for name, s in job.inputs.items() if carries_values(s)]
    with writing(to, network, plan, start, backend, valued) as store:
        recording = _run(run, replace(job, store=store), progress)
    return replace(recording, path=Path(to))


def _run(run: Backend, job: Job, progress: Callable[[int], None] | bool) -> Recording:
    if callable(progress):
        return _identified(run(replace(job, progress=progress)), job, run.name)
    if not progress or not someone_watches():
        return _identified(run(job), job, run.name)
    with LateBar(job.steps, f"{run.name}: {job.steps:,} steps") as bar:
        return _identified(run(replace(job, progress=bar)), job, run.name)


def _warn_of_start(network: Network) -> None:
    for p in network.neurons:
        if note := p.neuron.start_note:
            warnings.warn(f"population {p.name!r}: {note}", SnmemWarning, stacklevel=3)


def _identified(recording: Any, job: Job, backend: str) -> Recording:
    """The recording with the network, step and state that a backend which makes its own may have left out."""
    if not isinstance(recording, Recording):
        raise BackendError(f"backend {backend!r}: returned a {type(recording).__name__}, expected a Recording")
    changes: dict[str, Any] = {}
    if recording.network is None:
        changes = {"network": job.network, "dt": job.network.dt, "start": job.start}
    if not isinstance(recording.state, RunState):
        changes["state"] = RunState(job.network, backend, job.start + recording.steps, recording.state)
    return replace(recording, **changes) if changes else recording


def simulate_batch(
    network: Network,
    samples: Iterable[Any],
    steps: int | None = None,
    backend: str = "event",
    *,
    threads: int = 1,
    **options: Any,
) -> list[Recording]:
    """Simulate independent samples, each from the network's initial state.

    Parameters
    ----------
    network : Network
        As for :func:`simulate`.
    samples : iterable
        The ``inputs`` of each sample.
    steps : int
        Length of each sample; by default that of its longest input.
    backend : str
        As for :func:`simulate`.
    threads : int
        Samples that run at the same time, each on one thread.
    options

        ``record``, ``counters``, ``exact`` of :func:`simulate`; no bar is shown unless ``progress`` asks for it.

    Raises
    ------
    InputError, BackendError
        As :func:`simulate`.
    """
    network, threads = as_network(network, "simulate_batch"), count("simulate_batch: threads", threads, 1)
    given = cast(object, samples)
    if isinstance(given, (str, Mapping)) or not isinstance(given, Iterable):
        raise InputError(f"simulate_batch: samples must be a list of inputs, got {shown(cast(object, samples))}")
    if not (samples := list(samples)):
        return []
    options = {"progress": False} | options

    def one(sample: Any) -> Recording:
        return simulate(network, sample, steps, backend, **options)

    first, *others = samples
    recordings = [one(first)]  # compiles the network for the others
    if threads == 1 or not others:
        return recordings + [one(sample) for sample in others]

    def one_in(context: Context, sample: Any) -> Recording:
        return context.run(one, sample)

    contexts = [copy_context() for _ in others]  # a LavaSession around this call serves the threads too
    with ThreadPoolExecutor(threads) as pool:
        return recordings + list(pool.map(one_in, contexts, others))
