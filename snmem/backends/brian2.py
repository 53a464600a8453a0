"""Brian2 as a backend, bit-identical to the reference: numpy, Cython and C++ standalone targets.

Everything is scheduled explicitly, in the order of the definition (:mod:`snmem.neurons` and
:mod:`snmem.backends.reference`): input spikes; population by population the delay-0 projections, update, threshold,
reset; then the later projections in declared order; then learning. Brian2 adds synaptic input synapse by synapse,
sorted by source, so sums come out in the order of the reference. C++ is compiled without -ffast-math and without fused
multiply-add, which both change the last bit. Refused: LoihiLIF populations, and going on from a state.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import BackendError
from ..network import Input, Population, Projection
from ..neurons import LIF
from ..plasticity import Instar, Outstar, PairSTDP
from ..spikes import Recording, Spikes
from .base import Backend, Job, make_recording, register_backend
from .brian2_inputs import DT, Frames, code_cache, import_brian2
from .brian2_neurons import INPUTS, code_of, late_shift, late_variables, noise_of, potentials_of, sent_by, set_values
from .brian2_pairs import pair_codes, touched, trace_equations

#: Compiler flags that keep every operation rounded as numpy rounds it.
FLAGS = ["-w", "-O2", "-std=c++11", "-ffp-contract=off"]


def _check(job: Job, backend: str) -> None:
    for p in job.network.neurons:
        if not isinstance(p.neuron, LIF):
            raise BackendError(
                f"backend {backend!r}: population {p.name!r} has Loihi's integer arithmetic; use backend 'loihi'"
            )
    if job.state is not None:
        raise BackendError(f"backend {backend!r}: cannot go on from a state; use backend 'event' or 'reference'")


@contextlib.contextmanager
def _settings(b2: Any, target: str, folder: str) -> Iterator[None]:
    """Brian2's global settings for one run, put back afterwards; its logger is silent meanwhile."""
    prefs = b2.prefs
    cache = code_cache(prefs["codegen.runtime.cython.cache_dir"], folder)
    wanted = {
        "codegen.target": "cython" if target == "cython" else "numpy",
        "codegen.cpp.extra_compile_args": FLAGS,
        "devices.cpp_standalone.extra_make_args_unix": [f"-j{os.cpu_count()}"],
        # the cache does not look at compiler flags, so these flags get a cache of their own
        "codegen.runtime.cython.cache_dir": str(cache / "snmem"),
    }
    before = {name: prefs[name] for name in wanted}
    logger = logging.getLogger("brian2")
    disabled = logger.disabled
    for name, value in wanted.items():
        prefs[name] = value
    logger.disabled = True
    if target == "cpp":
        b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        b2.get_device().reinit()
        b2.get_device().activate(directory=folder, build_on_run=False)
    else:
        b2.set_device("runtime")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", RuntimeWarning)  # overflow to infinity is part of the definition
            yield
    finally:
        if target == "cpp":
            b2.get_device().reinit()
        b2.devices.reset_device()
        logger.disabled = disabled
        for name, value in before.items():
            prefs[name] = value


class _Model:
    """The network as Brian2 objects; ``order`` numbers them in the sequence in which a step executes them."""

    def __init__(self, job: Job, b2: Any, backend: str) -> None:
        self.job, self.b2, self.network = job, b2, job.network
        self.clock = b2.Clock(dt=DT * b2.second)
        self.order = count(1)
        self.objects: list[Any] = []
        self.monitors: dict[str, Any] = {}
        self.traces: dict[str, Any] = {}
        self.synapses: dict[str, Any] = {}
        self.plastic = [q for q in self.network.projections if q.plasticity is not None and q.synapses]
        self.frames = Frames(job, b2, self.clock)
        self.pairs = pair_codes(b2, DT, self.plastic)
        self.names = {p.name: f"pop{i}" for i, p in enumerate(self.network.populations)}
        direct = {q.post for q in self.network.projections if q.receptor == "v"}
        self.codes = {p.name: code_of(p, p.name in direct) for p in self.network.neurons}
        self.back = potentials_of(self.network, backend)
        self.groups = {p.name: self._group(p) for p in self.network.populations}
        self._build()

    def _add(self, thing: Any) -> Any:
        self.objects.append(thing)
        return thing

    def _next(self, thing: Any) -> None:
        """Let ``thing`` be executed after everything scheduled so far."""
        thing.when, thing.order = "groups", next(self.order)

    def _code(self, group: Any, code: str) -> None:
        group.run_regularly(code, when="groups", order=next(self.order), clock=self.clock)

    def _extra(self, p: Input | Population) -> tuple[str, dict[str, str]]:
        """Variables and events that the learning of ``p``'s synapses needs: signal x, gate g."""
        equations, events = "", {}
        for k, q in enumerate(self.plastic):
            if k in self.pairs:
                equations += trace_equations(k, q, p.name)
                continue
            gated, signalled = _sides(q)
            if p.name == signalled:
                equations += f"x{k} : 1\ndecay{k} : 1 (shared, constant)\n"
            if p.name == gated and _rule(q)[0] != gated:
                equations += f"g{k} : 1\n"
                events[f"learn{k}"] = f"g{k} > 0"
        return equations, events

    def _group(self, p: Input | Population) -> Any:
        b2, name = self.b2, self.names[p.name]
        extra, events = self._extra(p)
        if isinstance(p, Population):
            code = self.codes[p.name]
            if p.clear_every:
                events["clear"] = f"(t_in_timesteps % {p.clear_every}) == {p.clear_offset}"
            if code.held:
                events["held"] = "hold > 0"
            if p.name in self.back:
                events["send"], extra = "i >= 0", extra + late_variables(self.back[p.name])
            group = b2.NeuronGroup(
                p.size, code.equations + extra, threshold=code.threshold, reset=code.reset, events=events,
                clock=self.clock, name=name, namespace=noise_of(b2, p, self.job.steps, DT * b2.second),
            )  # fmt: skip
            set_values(group, p)
        elif self.frames.graded(p.name):
            group = self.frames.group(p, name, extra, events)
        elif extra:  # a generator cannot hold variables: relay its spikes
            group = b2.NeuronGroup(
                p.size, "fire : 1\n" + extra, threshold="fire > 0", reset="fire = 0",
                events=events, clock=self.clock, name=name,
            )  # fmt: skip
        else:
            group = self._generator(p, name)
        for k, q in enumerate(self.plastic):
            if k not in self.pairs and p.name == _sides(q)[1]:
                setattr(group, f"decay{k}", q.plasticity.decay)  # type: ignore[union-attr]
        return self._add(group)

    def _generator(self, p: Input | Population, name: str) -> Any:
        s = self.job.inputs[p.name]
        times = s.step * DT * self.b2.second
        generator = self.b2.SpikeGeneratorGroup(p.size, s.neuron, times, clock=self.clock, name=name)
        generator.when, generator.order = "start", 0
        return generator

    def _build(self) -> None:
        for p in self.network.inputs:
            if self.frames.graded(p.name):
                self.frames.play(self.groups[p.name], self._code, self._next)
            elif isinstance(self.groups[p.name], self.b2.NeuronGroup):
                self._relay(p)
        for name in self.network.update_order:
            self._transmit(q for q in self.network.projections if q.delay == 0 and q.post == name)
            self._update(self.network[name], self.groups[name])
        self._transmit(q for q in self.network.projections if q.delay > 0)
        for name, back in self.back.items():
            if back:
                self._code(self.groups[name], late_shift(back))
        for k, q in enumerate(self.plastic):
            self._learn(k, q)
        last = next(self.order)
        for p in self.network.populations:
            monitor = self.b2.SpikeMonitor(self.groups[p.name], when="groups", order=last)
            self.monitors[p.name] = self._add(monitor)
        for pop in dict.fromkeys(pop for pop, _ in self.job.traces()):
            wanted = list(dict.fromkeys(var for p, var in self.job.traces() if p == pop))
            monitor = self.b2.StateMonitor(
                self.groups[pop], wanted, record=True, when="groups", order=last, clock=self.clock
            )
            self.traces[pop] = self._add(monitor)

    def _relay(self, p: Input) -> None:
        group = self.groups[p.name]
        generator = self._add(self._generator(p, f"{self.names[p.name]}_source"))
        self._copy_spikes(generator, group, "fire_post = 1", f"{self.names[p.name]}_relay")
        self._next(group.thresholder["spike"])
        self._next(group.resetter["spike"])

    def _copy_spikes(
        self, source: Any, target: Any, code: str, name: str, late: int = 0, namespace: dict[str, Any] | None = None
    ) -> None:
        """Run ``code`` for neuron i of ``target`` ``late`` steps after neuron i of ``source`` spiked."""
        b2 = self.b2
        s = b2.Synapses(
            source, target, on_pre=code, delay=late * DT * b2.second, clock=self.clock, name=name, namespace=namespace
        )
        self._add(s)
        s.connect(j="i")
        self._next(s.pre)

    def _update(self, p: Population, group: Any) -> None:
        code = self.codes[p.name]
        if p.clear_every:
            self._next(group.thresholder["clear"])  # an assignment: 0 times an infinite u is not 0
            group.run_on_event("clear", code.clear, when="groups", order=next(self.order))
        if self.job.counters:
            self._code(group, f"busy += int({code.busy})\nold = v")
        self._code(group, code.step)
        if code.held:
            self._next(group.thresholder["held"])
            group.run_on_event("held", code.held, when="groups", order=next(self.order))
        self._next(group.thresholder["spike"])
        self._next(group.resetter["spike"])
        if p.name in self.back:
            self._next(group.thresholder["send"])
        if self.job.counters:
            self._code(group, "moved += int(v != old)")

    def _transmit(self, projections: Any) -> None:
        for q in projections:
            if q.synapses == 0:
                continue
            s = self._synapses(q)
            self._next(s.transmit)

    def _synapses(self, q: Projection) -> Any:
        b2, zero = self.b2, 0 * self.b2.second
        into = INPUTS[q.receptor or "u"]
        on_pre, on_post = {"transmit": f"{into}_post += {sent_by(q)}"}, {}
        delay, events = {"transmit": max(q.delay - 1, 0) * DT}, {}
        if q.signal == "v":
            delay, events = {"transmit": 0.0}, {"transmit": "send"}
        model, pair, source = "w : 1", None, self.groups[q.pre]
        if self.frames.graded(q.pre):
            source, on_pre, delay = self._played(q), {"transmit": f"{into}_post += w*x_pre"}, {"transmit": 0.0}
        if isinstance(q.plasticity, PairSTDP):
            if source is not self.groups[q.pre]:
                raise BackendError(
                    f"projection {q.name!r} learns from an input with values, with delay {q.delay}; use 1"
                )
            pair = self.pairs[self.plastic.index(q)]
            on_pre["learn_pre"], on_post["learn_post"] = pair.change("pre"), pair.change("post")
            delay["learn_pre"], delay["learn_post"] = (DT * late for late in q.plasticity.delays(q))
        elif q.plasticity is not None:
            k = self.plastic.index(q)
            gated, _ = _sides(q)
            instar = isinstance(q.plasticity, Instar)
            model += "\nrate : 1 (shared, constant)"
            side = "pre" if instar else "post"
            (on_post if instar else on_pre)["learn"] = f"w += rate*(x{k}_{side} - w)"
            delay["learn"] = 0.0
            events["learn"] = "spike" if _rule(q)[0] == gated else f"learn{k}"
        s = b2.Synapses(
            source, self.groups[q.post], model, on_pre=on_pre, on_post=on_post or None, on_event=events,
            delay={name: zero + d * b2.second for name, d in delay.items()},
            clock=self.clock, name=f"proj{len(self.synapses)}", namespace=pair and pair.namespace,
        )  # fmt: skip
        columns = q.by_pre
        s.connect(i=np.repeat(np.arange(self.network[q.pre].size), np.diff(columns.indptr)), j=columns.indices)
        s.w = columns.data.astype(np.float64)
        if q.plasticity is not None and pair is None:
            s.rate = q.plasticity.rate  # type: ignore[union-attr]
        self.synapses[q.name] = s
        return self._add(s)

    def _played(self, q: Projection) -> Any:
        """The lines of an input with values as this projection needs them: x is read when the spike arrives."""
        late = max(q.delay - 1, 0)
        if not late:
            return self.groups[q.pre]
        name = f"{self.names[q.pre]}_late{len(self.synapses)}"
        group = self._add(self.frames.group(self.network[q.pre], name, late=late))
        self.frames.play(group, self._code, self._next)
        return group

    def _learn(self, k: int, q: Projection) -> None:
        """Trace takes in the spikes of this step, then gate spikes change the weights."""
        if k in self.pairs:
            for side, group, code, late in self.pairs[k].order(q, self.groups):
                self._copy_spikes(group, group, code, f"{side}{k}", late, self.pairs[k].namespace)
                self._next(getattr(self.synapses[q.name], side))
            return
        gate, signal = _rule(q)
        gated, signalled = (self.groups[name] for name in _sides(q))
        self._code(signalled, f"x{k} = decay{k}*x{k}")
        self._copy_spikes(self.groups[signal], signalled, f"x{k}_post += 1", f"signal{k}")
        other = gate != _sides(q)[0]
        if other:
            self._copy_spikes(self.groups[gate], gated, f"g{k}_post = 1", f"gate{k}")
            self._next(gated.thresholder[f"learn{k}"])
        self._next(self.synapses[q.name].learn)
        if other:
            gated.run_on_event(f"learn{k}", f"g{k} = 0", when="groups", order=next(self.order))

    def recording(self, backend: str) -> Recording:
        """What the monitors saw."""
        job, network = self.job, self.network
        spikes = {}
        for p in network.populations:
            if self.frames.graded(p.name):
                spikes[p.name] = job.inputs[p.name]
                continue
            monitor = self.monitors[p.name]
            step = np.round(np.asarray(monitor.t) / DT).astype(np.int64)
            spikes[p.name] = Spikes.from_events(step, np.asarray(monitor.i), job.steps, p.size, p.name)
        weights, updates = {}, {}
        for q in network.projections:
            if q.plasticity is None:
                continue
            learned = q.by_pre.data if q not in self.plastic else np.asarray(self.synapses[q.name].w[:])
            c = q.by_pre
            weights[q.name] = sp.csc_array((learned, c.indices, c.indptr), shape=c.shape).tocsr()
            if isinstance(q.plasticity, PairSTDP):
                updates[q.name] = touched(q, q.plasticity, spikes, job.steps)
                continue
            fan = np.diff(q.weights.indptr) if isinstance(q.plasticity, Instar) else q.fan_out
            updates[q.name] = int(spikes[_rule(q)[0]].counts() @ fan)
        count_of = {p.name: self.groups[p.name] for p in network.neurons} if job.counters else {}
        return make_recording(
            job,
            backend,
            spikes,
            traces={
                name: np.asarray(getattr(self.traces[pop], var)).T
                for name, (pop, var) in zip(job.record, job.traces(), strict=True)
            },
            updated={name: int(np.sum(g.busy[:])) for name, g in count_of.items()},
            changed={name: int(np.sum(g.moved[:])) for name, g in count_of.items()},
            weight_updates=updates,
            weights=weights,
        )


def _sides(q: Projection) -> tuple[str, str]:
    """Populations whose synapses a gate spike changes, and whose neurons hold the signal x."""
    return (q.post, q.pre) if isinstance(q.plasticity, Instar) else (q.pre, q.post)


def _rule(q: Projection) -> tuple[str, str]:
    """Names of the gate and signal populations of a plastic projection."""
    gated, signalled = _sides(q)
    assert q.plasticity is not None
    return q.plasticity.gate or gated, q.plasticity.signal or signalled  # type: ignore[union-attr]


def run(job: Job, target: str = "numpy") -> Recording:
    """Run on Brian2; ``target`` is "numpy", or "cython" or "cpp" (C++ standalone), which need a C++ compiler."""
    backend = "brian2" if target == "numpy" else f"brian2_{target}"
    _check(job, backend)
    b2 = import_brian2()
    with tempfile.TemporaryDirectory(prefix="snmem-brian2-") as folder, _settings(b2, target, folder):
        try:
            model = _Model(job, b2, backend)
            network = b2.Network(*model.objects)
            report = partial(_report, job) if job.progress and target != "cpp" else None
            network.run(job.steps * DT * b2.second, report=report, report_period=0.2 * b2.second, namespace={})
            if target == "cpp":
                b2.get_device().build(directory=folder, compile=True, run=True, with_output=False)
            recording = model.recording(backend)
        except Exception as error:
            first = str(error).strip().splitlines()[:1] or [type(error).__name__]
            need = "" if target == "numpy" else "; it needs a C++ compiler and make, or use backend 'brian2'"
            raise BackendError(f"backend {backend!r}: Brian2 failed: {first[0]}{need}") from error
    if job.progress:
        job.progress(job.steps)
    return recording


def _report(job: Job, elapsed: Any, completed: float, start: Any, duration: Any) -> None:
    if job.progress:
        job.progress(int(completed * job.steps))


_SLOW = "compiles for a minute; backend brian2 runs the same code in numpy"
_RULES = (Instar, Outstar, PairSTDP)
_FEATURES = (
    "refractory", "freeze", "reset_current", "adaptation", "second_current", "noise", "initial_state", "receptor",
    "potentials",
)  # fmt: skip
for _name, _target, _why in (("brian2", "numpy", ""), ("brian2_cython", "cython", _SLOW), ("brian2_cpp", "cpp", _SLOW)):
    _runs: dict[str, Any] = {"features": _FEATURES, "states": (), "on_request": _why, "values": True}
    register_backend(Backend(_name, partial(run, target=_target), neurons=(LIF,), rules=_RULES, **_runs))
