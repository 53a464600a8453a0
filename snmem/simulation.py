"""Run a network on a backend: ``simulate(network, inputs, steps, backend="event")``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from .errors import BackendError, InputError
from .network import Network, Projection
from .progress import LateBar, someone_watches
from .spikes import Counters, Recording, Spikes

#: Backends that ship with snmem; others register under the entry-point group of the same name.
BACKENDS = {
    "reference": "snmem.backends.reference:run",
    "event": "snmem.backends.event:run",
    "loihi": "snmem.backends.loihi:run",
    "lava_float": "snmem.backends.lava:run_float",
    "lava_fixed": "snmem.backends.lava:run_fixed",
    "brian2": "snmem.backends.brian2:run_numpy",
    "brian2_cython": "snmem.backends.brian2:run_cython",
    "brian2_cpp": "snmem.backends.brian2:run_cpp",
    "snntorch": "snmem.backends.snntorch:run_float64",
    "snntorch_float32": "snmem.backends.snntorch:run_float32",
}
ENTRY_POINTS = "snmem.backends"


@dataclass(frozen=True)
class Job:
    """What a backend is asked to do; already validated.

    network : Network.    inputs : one Spikes per network input.    steps : steps to run.
    record : traces wanted, each "population.u" or "population.v".
    counters : count updated and changed neurons too.    state : ``Recording.state`` to go on from, or None.
    progress : called with the number of steps done, or None.    threads : how many may be used.
    exact : whether the last bit counts.
    """

    network: Network
    inputs: Mapping[str, Spikes]
    steps: int
    record: tuple[str, ...] = ()
    counters: bool = False
    state: Any = None
    progress: Callable[[int], None] | None = None
    threads: int = 1
    exact: bool = True

    def traces(self) -> list[tuple[str, str]]:
        """``record`` split into (population, variable)."""
        return [(pop, var) for pop, _, var in (name.rpartition(".") for name in self.record)]


def backend_names() -> list[str]:
    """Names of all backends, installed entry points included."""
    return [*BACKENDS, *(e.name for e in entry_points(group=ENTRY_POINTS) if e.name not in BACKENDS)]


def get_backend(name: str) -> Callable[[Job], Recording]:
    """The function behind a backend name; BackendError names the known ones."""
    if name in BACKENDS:
        module, function = BACKENDS[name].split(":")
        return getattr(import_module(module), function)
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == name:
            return entry.load()
    raise BackendError(f"backend {name!r} is unknown; use one of {', '.join(backend_names())}")


def simulate(
    network: Network,
    inputs: Mapping[str, Any] | None = None,
    steps: int = 1,
    backend: str = "event",
    *,
    record: Iterable[str] = (),
    counters: bool = False,
    state: Any = None,
    progress: Callable[[int], None] | bool = True,
    threads: int = 1,
    exact: bool = True,
) -> Recording:
    """Simulate ``network`` for ``steps`` steps (equations: :mod:`snmem.neuron`).

    Parameters
    ----------
    inputs : input name -> spikes: a Spikes, a pair of vectors (step, neuron), or a 0/1 array (steps, neurons)
        (fewer steps than simulated: silence follows). Inputs left out are silent.
    backend : a name of ``backend_names()``: one of BACKENDS or a registered one.
    record : traces to keep, such as "hidden.v"; each costs steps x neurons x 8 bytes.
    counters : also count updated and changed neurons (needed for the bill).
    state : ``Recording.state`` of an earlier run to continue; step numbers then go on counting for timed clears.
    progress : function called now and then with the number of steps done; True: in a terminal or notebook, a bar
        for what takes longer than two seconds; False: nothing.
    threads : how many the event engines (backends "event", "loihi") may use, for networks of thousands of neurons;
        results are the same bits for any number. Plastic networks and other backends use one.
    exact : False lets the event engine take n steps of a neuron without input at once, u = alpha**n * u and v alike,
        where it runs a large population neuron by neuron. u and v then differ from stepping by rounding, about 1e-16
        of what came in at each step; ``Recording.exact`` tells whether no spike can differ for that. Faster where
        inputs are rare (docs: "How fast is it"); other backends, recording and counting step exactly all the same.

    Raises
    ------
    InputError
        for unknown inputs or traces, events out of range.    BackendError : if the backend cannot run the network.
    Interrupted
        on Ctrl-C (a KeyboardInterrupt; event engines): its ``recording`` holds what was recorded so far.
    """
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise InputError(f"simulate: steps must be a whole number >= 1, got {steps!r}")
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError(f"simulate: threads must be a whole number >= 1, got {threads!r}")
    given = dict(inputs or {})
    known = {p.name: p for p in network.inputs}
    for name in given:
        if name not in known:
            raise InputError(f"simulate: the network has no input {name!r}; it has {', '.join(known) or 'none'}")
    spikes = {name: _as_spikes(name, given.get(name, ((), ())), int(steps), p.size) for name, p in known.items()}
    record = (record,) if isinstance(record, str) else tuple(record)
    populations = [p.name for p in network.neurons]
    for name in record:
        pop, _, var = name.rpartition(".")
        if pop not in populations or var not in ("u", "v"):
            raise InputError(
                f'simulate: cannot record {name!r}; write "population.u" or ".v" with one of {populations}'
            )
    run = get_backend(backend)
    job = Job(network, spikes, int(steps), record, counters, state, None, int(threads), bool(exact))
    if callable(progress):
        return run(replace(job, progress=progress))
    if not progress or not someone_watches():
        return run(job)
    with LateBar(int(steps), f"{backend}: {steps:,} steps") as bar:
        return run(replace(job, progress=bar))


def simulate_batch(
    network: Network,
    samples: Iterable[Mapping[str, Any]],
    steps: int,
    backend: str = "event",
    *,
    threads: int = 1,
    **options: Any,
) -> list[Recording]:
    """Simulate independent samples, each from the network's initial state.

    Parameters
    ----------
    samples : the ``inputs`` of each sample.    steps : length of each sample.
    threads : samples that run at the same time, each on one thread.
    options : ``record``, ``counters``, ``exact`` of :func:`simulate`; no bar is shown unless ``progress`` asks for it.

    Raises
    ------
    InputError, BackendError
        as :func:`simulate`.
    """
    if not (samples := list(samples)):
        return []
    options = {"progress": False} | options
    first, *others = samples
    recordings = [simulate(network, first, steps, backend, **options)]  # compiles the network for the others
    if threads == 1 or not others:
        return recordings + [simulate(network, x, steps, backend, **options) for x in others]
    with ThreadPoolExecutor(threads) as pool:
        return recordings + list(pool.map(lambda x: simulate(network, x, steps, backend, **options), others))


def _as_spikes(name: str, value: Any, steps: int, size: int) -> Spikes:
    owner = f"input {name!r}"
    if isinstance(value, Spikes):
        spikes = value
    elif isinstance(value, tuple) and len(value) == 2:
        return Spikes.from_events(*value, steps=steps, size=size, name=owner)
    else:
        spikes = Spikes.from_raster(value, name=owner)
    if spikes.size != size:
        raise InputError(f"{owner}: spikes are for {spikes.size} neurons, the input has {size}")
    if len(spikes) and spikes.step[-1] >= steps:
        raise InputError(f"{owner}: last spike is in step {spikes.step[-1]}, but the run has only {steps} steps")
    return Spikes(spikes.step, spikes.neuron, steps, size)


def _synaptic_events(spikes: Spikes, q: Projection) -> int:
    if q.even_fan_out is not None:
        return len(spikes) * q.even_fan_out
    return int(q.fan_out.take(spikes.neuron).sum())


def make_recording(
    job: Job,
    backend: str,
    spikes: Mapping[str, Spikes],
    *,
    traces: Mapping[str, Any],
    updated: Mapping[str, int] | None = None,
    changed: Mapping[str, int] | None = None,
    weight_updates: Mapping[str, int] | None = None,
    weights: Mapping[str, Any] | None = None,
    state: Any = None,
) -> Recording:
    """A backend's results as a Recording; spikes and synaptic events are counted here, the same way for all."""
    network = job.network
    counters = Counters(
        spikes={name: len(s) for name, s in spikes.items()},
        synaptic_events={q.name: _synaptic_events(spikes[q.pre], q) for q in network.projections},
        accessed={p.name: p.size * job.steps for p in network.neurons},
        updated=updated if job.counters else None,
        changed=changed if job.counters else None,
        weight_updates=weight_updates or {},
    )
    return Recording(backend, job.steps, spikes, traces, counters, weights or {}, state)
