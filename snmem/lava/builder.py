"""From a plan to connected Lava processes, and their run. Only the child process imports this."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BackendError
from ..loihi.rules import TRACES
from .cleanup import how_ended
from .plan import INPUTS, NO_MEMORY, Connection, Neurons, Plan, Plastic, Result
from .shim import lava_imports

with lava_imports():
    from lava.magma.core.learning.learning_rule import Loihi2FLearningRule
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.dense import models as dense_models
    from lava.proc.dense.process import Dense
    from lava.proc.lif import models as lif_models
    from lava.proc.lif.process import LIF, LIFReset
    from lava.proc.sparse import models as sparse_models
    from lava.proc.sparse.process import Sparse
    from lava.utils.weightutils import SignMode

    from .processes import io
    from .processes.neurons import ExtendedLIF, PyExtendedLIFFixed, PyExtendedLIFFloat

#: Process class -> its models. Handing them to Lava spares it importing whole folders in search of them.
MODELS = {
    "floating_pt": {
        LIF: lif_models.PyLifModelFloat,
        LIFReset: lif_models.PyLifResetModelFloat,
        ExtendedLIF: PyExtendedLIFFloat,
        Dense: dense_models.PyDenseModelFloat,
        Sparse: sparse_models.PySparseModelFloat,
        io.TraceSink: io.PyTraceSinkFloat,
        io.LearningSynapses: io.PyLearningSynapsesFloat,
    },
    "fixed_pt": {
        LIF: lif_models.PyLifModelBitAcc,
        LIFReset: lif_models.PyLifResetModelBitAcc,
        ExtendedLIF: PyExtendedLIFFixed,
        Dense: dense_models.PyDenseModelBitAcc,
        Sparse: sparse_models.PySparseModelBitAcc,
        io.TraceSink: io.PyTraceSinkFixed,
        io.LearningSynapses: io.PyLearningSynapsesFixed,
    },
}
for _models in MODELS.values():
    _models |= {io.SpikeSource: io.PySpikeSource, io.DelayLine: io.PyDelayLine, io.SpikeSink: io.PySpikeSink}

#: Seconds between looks at a running network.
_LOOK = 0.02
#: Seconds that the exception of an ended process may need to arrive.
_GRACE = 0.5


def _shared(shape: tuple[int, ...], kind: Any) -> Any:
    """Zeros in anonymous shared memory, seen by this process and those it forks; gone when they are."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), kind, count=int(np.prod(shape))).reshape(shape)


@dataclass
class Built:
    """Lava processes of a plan, those of the neurons first, and the shared arrays that they fill."""

    processes: list[Any]
    bits: Any
    traces: dict[tuple[int, str], Any]
    weights: dict[str, Any]
    done: Any


def build(plan: Plan) -> Built:
    """Make and connect all processes of ``plan``."""
    neurons = [_neurons(p) for p in plan.neurons]
    ports = {(number, 0): process.s_out for number, process in enumerate(neurons)}
    others = []
    if plan.inputs is not None:
        others.append(io.SpikeSource(*plan.inputs))
        ports[INPUTS, 0] = others[0].s_out
    for number, steps in sorted(plan.delay_lines):
        line = io.DelayLine(ports[number, 0].shape[0], steps)
        ports[number, 0].connect(line.s_in)
        ports[number, steps] = line.s_out
        others.append(line)
    others += [_connection(c, neurons, ports) for c in plan.connections]
    built = _sinks(plan, neurons)
    for number, q in enumerate(plan.plastic, 1 + len(built.traces)):
        others.append(_learning(q, plan.tag, neurons, ports, built.weights[q.name], built.done[number : number + 1]))
    built.processes[:0] = [*neurons, *others]
    return built


def _neurons(p: Neurons) -> Any:
    if p.extended:
        return ExtendedLIF(shape=(p.size,), name=p.name, clear=p.clear, **p.parameters)
    if p.clear is None:
        return LIF(shape=(p.size,), name=p.name, **p.parameters)
    interval, offset = p.clear
    return LIFReset(shape=(p.size,), name=p.name, reset_interval=interval, reset_offset=offset, **p.parameters)


def _connection(c: Connection, neurons: list[Any], ports: dict[tuple[int, int], Any]) -> Any:
    options = {"name": c.name, "weight_exp": c.exponent, "sign_mode": SignMode[c.sign]}
    if c.dense:
        process = Dense(weights=c.weights.toarray(), **options)
    else:  # message bits make Lava multiply the whole matrix, which is faster than picking columns, and adds in order
        process = Sparse(weights=c.weights, num_message_bits=1, **options)
    for source in c.sources:
        io.connect_pieces(ports[source.process, source.held], process.s_in, source.pieces)
    process.a_out.connect(neurons[c.post].a_in)
    return process


def _learning(q: Plastic, tag: str, neurons: list[Any], ports: dict[tuple[int, int], Any], out: Any, done: Any) -> Any:
    traces = {}
    for name in TRACES:
        impulse, tau = getattr(q.rule, name)
        # Lava's float traces become NaN with tau = 0; exp(-1/tau) is 0 with this one too
        tau = NO_MEMORY if tag == "floating_pt" and impulse and not tau else tau
        traces |= {f"{name}_impulse": impulse, f"{name}_tau": tau}
    series = {name: getattr(q.rule, name) for name in ("dw", "dd", "dt") if getattr(q.rule, name)}
    process = io.LearningSynapses(
        q.mask,
        out,
        done,
        weights=q.weights,
        tag_2=np.full(q.weights.shape, q.rule.d),
        tag_1=np.full(q.weights.shape, q.rule.t),
        name=q.name,
        weight_exp=q.exponent,
        sign_mode=SignMode[q.sign],
        learning_rule=Loihi2FLearningRule(**series, **traces, t_epoch=1, rng_seed=q.rule.seed),
    )
    for source, port in ((q.pre, process.s_in), (q.gate, process.s_in_bap)):
        io.connect_pieces(ports[source.process, source.held], port, source.pieces)
    number, first, size = q.place
    io.connect_pieces(process.a_out, neurons[number].a_in, ((0, size, first),))
    return process


def _sinks(plan: Plan, neurons: list[Any]) -> Built:
    """Sinks for the spikes of all neurons and for each trace."""
    size = sum(p.size for p in plan.neurons)
    kind = np.float64 if plan.tag == "floating_pt" else np.int32
    bits = _shared((plan.steps, (size + 7) // 8), np.uint8)
    traces = {key: _shared((plan.steps, plan.neurons[key[0]].size), kind) for key in plan.traces}
    weights = {q.name: _shared(q.weights.shape, kind) for q in plan.plastic}
    done = _shared((1 + len(traces) + len(weights),), np.int64)
    sink = io.SpikeSink(size, bits, done[:1])
    start = 0
    for process, p in zip(neurons, plan.neurons, strict=True):
        io.connect_pieces(process.s_out, sink.s_in, ((0, p.size, start),))
        start += p.size
    sinks: list[Any] = [sink]
    for i, ((number, var), rows) in enumerate(traces.items(), 1):
        sinks.append(io.TraceSink(getattr(neurons[number], var), rows, done[i : i + 1]))
    return Built(sinks, bits, traces, weights, done)


def run(plan: Plan, look: Callable[[int], None]) -> Iterator[Result]:
    """Build and run ``plan``; yields the result, and ends Lava properly when asked for more.

    ``look`` is called with the number of steps done every now and then while Lava runs.

    Raises
    ------
    BackendError
        When a process of Lava raises or dies, with its name and the cause; its traceback as a note.
    """
    built = build(plan)
    models = {process: MODELS[plan.tag][type(process)] for process in built.processes}
    config = Loihi2SimCfg(select_tag=plan.tag, exception_proc_model_map=models)
    first = built.processes[0]
    first.run(RunSteps(num_steps=plan.steps, blocking=False), config)
    runtime = first.runtime
    names = [f"process {p.name!r}" for p in runtime._executable.proc_builders] + ["its runtime service"]
    actors = dict(zip(names, runtime._messaging_infrastructure.actors, strict=True))
    while built.done.min() < plan.steps:
        time.sleep(_LOOK)
        _check(actors)
        look(int(built.done.min()))
    yield Result(built.bits, built.traces, built.weights)
    first.wait()
    first.stop()


def _check(actors: dict[str, Any]) -> None:
    """Raise if one of Lava's processes has failed. One exception makes others end too, so it is looked for first."""
    ended = [name for name, actor in actors.items() if not actor.is_alive()]
    if ended:
        time.sleep(_GRACE)
    for name, actor in actors.items():
        if actor.exception:
            cause, trace = actor.exception
            error = BackendError(f"Lava failed in {name}: {type(cause).__name__}: {cause}")
            error.add_note(trace)
            raise error
    if ended:
        raise BackendError(f"Lava failed in {ended[0]}: it ended with {how_ended(actors[ended[0]].exitcode)}")
