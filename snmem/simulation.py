"""Run a network on a backend: ``simulate(network, inputs, steps, backend="event")``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from .backends.base import Job, backend_names, get_backend
from .errors import InputError
from .network import Network
from .progress import LateBar, someone_watches
from .spikes import Recording, Spikes

__all__ = ["Job", "backend_names", "get_backend", "simulate", "simulate_batch"]


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
    """Simulate ``network`` for ``steps`` steps (equations: :mod:`snmem.neurons`).

    Parameters
    ----------
    inputs : input name -> spikes: a Spikes, a pair of vectors (step, neuron), or a 0/1 array (steps, neurons)
        (fewer steps than simulated: silence follows). Inputs left out are silent.
    backend : a name of ``backend_names()``: those of snmem and registered ones.
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
    variables = {f"{p.name}.{variable}" for p in network.neurons for variable in p.neuron.variables}
    for name in record:
        if name not in variables:
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
