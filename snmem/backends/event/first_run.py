"""The first run of a small network: it begins on the reference, whose bits are the same, while the engine is compiled.

Where machine code is missing, a process of its own compiles it (:mod:`.helper`). If the reference is done first, its
recording is the result; if the compiler is, the engine runs the job from its start. ``SNMEM_FIRST_RUN=compile`` and
:func:`snmem._compiling.compiled_first` turn this off.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from ..._compiling import first_run_waits, telling_of_first_run
from ..._jit import DEBUG, NotKeptError, config, kept_only
from ...errors import BackendError
from ...neurons import LIF, LoihiLIF
from ...recording.interrupts import CtrlC
from ...sources.drawn import Drawn
from ...spikes import Interrupted, Recording
from .. import reference
from ..base import BACKENDS, Job, RunState
from . import runner
from .helper import Helper, can_help, end_helpers, is_compiled, load
from .layout.network import EventState, Layout, kept_of
from .layout.rules import FILL
from .team import Team

#: Seconds between two looks at the compiler.
LOOK_S = 0.05
#: The reference is begun with where it may be done before the compiler: seconds that it may take, with a core for each
#: of them and where they share one, and synapses.
SECONDS, SHARED_SECONDS, SYNAPSES = 20.0, 5.0, 1 << 22


@dataclass(frozen=True)
class Begun:
    """Where a run on the reference ended. The engine goes on from there by repeating what led to it.

    Attributes
    ----------
    reference : State
        For runs that go on while there is still no compiled code.
    jobs : tuple of Job
        The runs up to there, from the network's initial state.
    """

    reference: reference.State
    jobs: tuple[Job, ...]
    note: ClassVar[str] = ", reached in numpy while the engine was compiled"

    @cached_property
    def engine(self) -> EventState:
        """The same state, of the engine."""
        state: Any = None
        for job in self.jobs:
            try:
                state = runner.run(replace(job, state=state)).state.data
            except Interrupted:  # its recording is none that somebody asked for
                raise KeyboardInterrupt from None
        return state


def run(job: Job, begin: Callable[[Layout, Team], None] | None = None) -> Recording:
    """Run ``job`` on the engine, as :func:`.runner.run`, or on the reference while the engine is being compiled."""
    if begin is not None or kept_of(job.network).ready or not may_begin(job):
        return _on_engine(job, begin)
    try:
        return _if_compiled(job)
    except NotKeptError:
        pass
    if job.progress:
        job = replace(job, progress=_onward(job.progress))
    with telling_of_first_run(), CtrlC() as ctrl_c:
        try:
            helper = Helper(job)
        except OSError:
            helper = None
        found = begin_on_reference(job, helper, ctrl_c) if helper else None
    return _on_engine(job) if found is None else found


def _on_engine(job: Job, begin: Any = None) -> Recording:
    if isinstance(job.state, Begun):
        job = replace(job, state=job.state.engine)
    found = runner.run(job, begin)
    kept_of(job.network).ready = True
    return found


def _if_compiled(job: Job) -> Recording:
    """The run of the engine; NotKeptError, before the first step, where it begins with what is not compiled."""
    with ExitStack() as preparing:
        preparing.enter_context(kept_only())

        def begin(layout: Layout, team: Team) -> None:
            load(layout, team)
            preparing.close()

        return _on_engine(job, begin)


def _onward(progress: Callable[[int], None]) -> Callable[[int], None]:
    """The function, called only where more steps are done than ever before."""
    most = 0

    def tell(done: int) -> None:
        nonlocal most
        if done > most:
            most = done
            progress(done)

    return tell


def may_begin(job: Job) -> bool:
    """Whether the reference gives all that is asked for, perhaps before the compiler is done."""
    network = job.network
    ours = all(type(p.neuron) in (LIF, LoihiLIF) for p in network.neurons)
    ours = ours and all(type(q.plasticity) in FILL for q in network.projections if q.plasticity)
    ours = ours and all(type(p).__module__.startswith("snmem.") for p in network.inputs)
    plain = job.exact and job.threads == 1 and job.store is None and isinstance(job.state, (Begun, type(None)))
    if not ours or not plain or DEBUG or config.DISABLE_JIT or first_run_waits() or not can_help():
        return False
    try:
        BACKENDS["reference"].check(network)
    except BackendError:
        return False
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = SECONDS if cores > 1 else SHARED_SECONDS
    return sum(q.synapses for q in network.projections) <= SYNAPSES and _seconds(job) <= most


def _seconds(job: Job) -> float:
    """About how long the reference takes, if few neurons spike."""
    network = job.network
    step = sum(3e-5 + 3e-8 * p.size for p in network.neurons) + 5e-6 * len(network.projections)
    step += sum(1e-4 + 2e-8 * q.synapses for q in network.projections if q.plasticity)
    leaving = {p.name: sum(q.pre == p.name for q in network.projections) for p in network.inputs}
    events = {n: s.source.expected(s.dt) * s.steps if isinstance(s, Drawn) else len(s) for n, s in job.inputs.items()}
    return job.steps * step + sum(5e-6 * leaving[name] * n for name, n in events.items())


def begin_on_reference(job: Job, helper: Any, ctrl_c: CtrlC) -> Recording | None:
    """Run ``job`` on the reference; None as soon as the engine can run it, or must be compiled here after all.

    Parameters
    ----------
    job : Job
        What is to run.
    helper : Helper
        What compiles meanwhile.
    ctrl_c : CtrlC
        Is looked at after every step.

    Raises
    ------
    Interrupted
        On Ctrl-C; the helper is ended.
    """
    start = job.state.reference if isinstance(job.state, Begun) else None
    this, look = reference.Run(replace(job, state=start)), time.monotonic()
    try:
        while this.done < job.steps:
            this.step()
            ctrl_c.check()
            if time.monotonic() < look:
                continue
            if not _is_compiling(job, helper):
                return None
            look = time.monotonic() + LOOK_S
    except KeyboardInterrupt:
        end_helpers()
        if not this.done:
            raise
        raise Interrupted(_recording(job, this, None)) from None
    before = job.state.jobs if isinstance(job.state, Begun) else ()
    mine = replace(job, record=(), counters=False, state=None, progress=None, plan=None)
    return _recording(job, this, Begun(this.state, (*before, mine)))


def _is_compiling(job: Job, helper: Any) -> bool:
    """Whether it makes sense to wait for the helper, or one that begins now."""
    try:
        if not helper.ended():
            return True
        if helper.mine or is_compiled(job):
            return False
        helper.start()
    except OSError:
        return False
    return True


def _recording(job: Job, this: reference.Run, data: Begun | None) -> Recording:
    return this.recording("event", RunState(job.network, "event", job.start + this.done, data))
