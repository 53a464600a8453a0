"""What a backend declares, what it gets, and what it gives back; and all backends by name.

A backend is one file: a function of a :class:`Job` that returns a :class:`~snmem.spikes.Recording`, and a
:class:`Backend` that declares which neurons and rules it runs, by exact type. What is not declared is refused by name
before the function is called: a subclass is never taken for its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

from .._text import shown
from ..errors import BackendError, InputError
from ..io.given import require_plain
from ..lowering import split_delays, written_out
from ..network import Network
from ..neurons import LIF, LoihiLIF
from ..plasticity import BUILT_IN as BUILT_IN_RULES
from ..plasticity import Instar, Outstar, SumOfProducts
from ..recording.choice import Plan
from ..recording.recorder import Recorder, synaptic_events_of
from ..recording.result import kept_of, take_run
from ..recording.whole import of_whole
from ..registry import Registry
from ..spikes import Counters, Recording, Spikes
from .features import refused_feature, undeclared_feature

#: Entry-point group under which other packages register a Backend, or a function of a Job.
ENTRY_POINTS = "snmem.backends"
#: Module of every backend that ships with snmem, imported when first asked for.
_MODULES = {
    "reference": "reference",
    "event": "event",
    "loihi": "loihi",
    "lava_float": "lava",
    "lava_fixed": "lava",
    "brian2": "brian2",
    "brian2_cython": "brian2",
    "brian2_cpp": "brian2",
    "snntorch": "snntorch",
    "snntorch_float32": "snntorch",
    "mpi": ".distributed",
}
#: Names of the backends that ship with snmem.
BUILT_IN = tuple(_MODULES)
#: Backends that have registered themselves so far; use :func:`get_backend`, which imports what is needed.
BACKENDS: Registry[Backend] = Registry("backend")


@dataclass(frozen=True, eq=False)
class RunState:
    """Where a run ended (``Recording.state``); ``simulate(..., state=...)`` goes on from it and leaves it as it is.

    Attributes
    ----------
    network : Network
        The network that was simulated.
    backend : str
        What simulated it: states of "event" also serve "loihi", all others serve the backend of the same name.
    step : int
        Number of the step that comes next.
    data : object
        What the backend needs to go on; None if it cannot, and then the state is refused.
    """

    network: Network
    backend: str
    step: int
    data: Any = None

    def __repr__(self) -> str:
        note = getattr(self.data, "note", "") if self.data is not None else ", cannot be continued"
        return f"RunState(backend={self.backend!r}, step={self.step}{note})"


@dataclass(frozen=True)
class Job:
    """What a backend is asked to do; already validated.

    Attributes
    ----------
    network : Network
        What to simulate.
    inputs : mapping of str to Spikes
        Spikes of every input of the network.
    steps : int
        Steps to run.
    record : tuple of str
        Traces wanted, each "population.variable".
    counters : bool
        Whether to count updated and changed neurons too.
    state : object
        What the backend gave :func:`make_recording` at the end of the run to go on from, or None.
    progress : callable or None
        Called with the number of steps done.
    threads : int
        How many may be used.
    exact : bool
        Whether the last bit counts.
    start : int
        Number of the first step: 0, unless the run goes on from a state.
    plan : Plan or None
        What of the run is kept. A backend may leave that to :func:`make_recording`, or let :meth:`recorder` take the
        run in piece by piece.
    store : Store or None
        Where it goes; None: into memory.
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
    start: int = 0
    plan: Plan | None = None
    store: Any = None

    def recorder(self) -> Recorder | None:
        """What takes the run in; None if all of it is kept in memory."""
        if self.plan is None or (self.plan.plain and self.store is None):
            return None
        return Recorder(self.network, self.inputs, self.plan, self.start, self.store)

    def traces(self) -> list[tuple[str, str]]:
        """``record`` split into (population, variable)."""
        return [(pop, var) for pop, _, var in (name.rpartition(".") for name in self.record)]


@dataclass(eq=False)
class Backend:
    """A runtime: how it runs a job, and what it runs.

    Parameters
    ----------
    implementations
        How each declared type is run, where a file of its own says so (see :meth:`implements`).
    name : str
        Name for ``simulate(backend=...)`` and the command line.
    run : callable
        Function of a Job that returns a Recording.
    neurons : iterable of types, or None
        Exact types of neurons that it runs; None: any neuron that defines its step.
    rules : iterable of types, or None
        Exact types of learning rules; None: any rule that defines its step.
    without : iterable of str
        Features (:data:`snmem.backends.features.FEATURES`) that it does not run although it runs the neurons and rules.
    features : iterable of str, or None
        Features that a backend runs only if it declares them (``Network.features``); None: all.
    states : tuple of str, or None
        Backends from whose states it goes on; None: from those of its own runs; empty: from none.
    precision : str
        "float64" or "float32": rounding of its floating-point numbers.
    on_request : str
        Why it is compared by ``verify`` only when named; empty: it always is.
    weight_traces : bool
        Whether it can record weights over time.
    values : bool
        Whether numbers may travel: values of spikes (:attr:`snmem.Spikes.value`) and potentials (``signal="v"``).
    native : iterable of str
        What it takes as it is, where others get a network in plainer terms (:mod:`snmem.lowering`): "synapse_delays",
        "shared_weights".
    divides : bool
        Whether it runs networks of which a process holds a part (:func:`snmem.topology.own_rows`).
    """

    name: str
    run: Callable[[Job], Recording]
    neurons: Any = (LIF, LoihiLIF)
    rules: Any = (Instar, Outstar, SumOfProducts)
    without: Any = ()
    features: Any = ()
    states: tuple[str, ...] | None = None
    precision: str = "float64"
    on_request: str = ""
    weight_traces: bool = False
    values: bool = False
    native: Any = ()
    divides: bool = False
    implementations: dict[type, Any] = field(default_factory=dict[type, Any], repr=False)

    def __post_init__(self) -> None:
        for kind in ("neurons", "rules"):
            types = getattr(self, kind)
            setattr(self, kind, types if types is None else set(types))
        self.without, self.native = frozenset(self.without), frozenset(self.native)
        self.states = (self.name,) if self.states is None else self.states

    @property
    def arithmetics(self) -> frozenset[str]:
        """Arithmetics of the neurons that it runs: "float", "loihi"."""
        return frozenset(("float", "loihi") if self.neurons is None else (t.arithmetic for t in self.neurons))

    def implements(self, kind: type) -> Callable[[Any], Any]:
        """Decorator: what follows tells this backend how to run neurons or rules of exactly the type ``kind``."""
        types = self.neurons if hasattr(kind, "arithmetic") else self.rules

        def add(implementation: Any) -> Any:
            if types is not None:
                types.add(kind)
            self.implementations[kind] = implementation
            return implementation

        return add

    def check(self, network: Network) -> None:
        """Raise BackendError, naming the population or projection, for a network that is not declared."""
        for p in network.neurons:
            if self.neurons is not None and type(p.neuron) not in self.neurons:
                raise BackendError(f"backend {self.name!r}: {self._refused_neuron(p.name, p.neuron)}")
            if self.neurons is None and "step" not in vars(type(p.neuron)):
                raise self._without_step(f"population {p.name!r} has neurons of type", type(p.neuron))
        for q in network.projections:
            rule = type(q.plasticity)
            if q.plasticity and self.rules is None and rule not in BUILT_IN_RULES and "step" not in vars(rule):
                raise self._without_step(f"projection {q.name!r} learns by the rule", rule)
            if q.plasticity is not None and self.rules is not None and type(q.plasticity) not in self.rules:
                raise BackendError(f"backend {self.name!r}: {self._refused_rule(q.name, q.plasticity)}")
        for q in network.projections:
            if not self.divides and getattr(q.weights, "rows", None):
                raise BackendError(
                    f"backend {self.name!r}: projection {q.name!r} holds the synapses of one rank only, as own_rows "
                    "drew them; use backend 'mpi', or draw it outside of own_rows"
                )
        refused = refused_feature(network, self.without) if self.without else None
        refused = refused or undeclared_feature(network, self.features)
        if refused:
            raise BackendError(f"backend {self.name!r} does not run this network: {refused}")

    def _without_step(self, item: str, kind: type) -> BackendError:
        what = "defines no step of its own and is not taken for its parent; define its step"
        return BackendError(f"backend {self.name!r}: {item} {kind.__name__}, which {what}")

    def _refused_neuron(self, name: str, neuron: Any) -> str:
        has = f"population {name!r} has neurons of type {type(neuron).__name__}"
        if neuron.arithmetic not in self.arithmetics:
            if neuron.arithmetic == "loihi":
                return f"{has}, in Loihi's integer arithmetic; use backend 'loihi'"
            return f"{has}, in floating point; convert the network with snmem.quantize"
        known = ", ".join(sorted(t.__name__ for t in self.neurons))
        return f"{has}, this backend runs {known} only; use backend 'reference'"

    def _refused_rule(self, name: str, rule: Any) -> str:
        if not self.rules:
            return f"projection {name!r} is plastic; freeze it (Network.freeze), or use backend 'reference'"
        known = ", ".join(sorted(t.__name__ for t in self.rules))
        return (
            f"projection {name!r} learns by the rule {type(rule).__name__}, this backend runs {known} only; "
            "use backend 'reference'"
        )

    def __call__(self, job: Job) -> Recording:
        """Check the network and its inputs against the declaration, then run the job."""
        self.check(job.network)
        if not self.values:
            require_plain(f"backend {self.name!r}", job.inputs)
        plainer = job.network
        if "shared_weights" not in self.native:
            plainer = written_out(plainer, f"backend {self.name!r} does not run this network")
        if "synapse_delays" not in self.native:
            plainer = split_delays(plainer)
        if plainer is job.network:
            return self.run(job)
        return of_whole(self.run(replace(job, network=plainer)), job.network)


def register_backend(backend: Backend) -> Backend:
    """Make a backend known by its name; returns it."""
    return BACKENDS.add(backend.name, backend)


def backend_names() -> list[str]:
    """Names of all backends: those of snmem, those registered by hand, and installed entry points."""
    return list(dict.fromkeys([*_MODULES, *BACKENDS, *(e.name for e in entry_points(group=ENTRY_POINTS))]))


def get_backend(name: str) -> Backend:
    """The backend of that name; BackendError names the known ones."""
    if not isinstance(cast(object, name), str):
        raise BackendError(f"a backend is named by a text, got {shown(name)}; use one of {', '.join(backend_names())}")
    if name not in BACKENDS:
        if name in _MODULES:
            import_module(f".{_MODULES[name]}", __package__)
        else:
            for entry in entry_points(group=ENTRY_POINTS):
                if entry.name == name:
                    loaded = entry.load()
                    register_backend(loaded if isinstance(loaded, Backend) else Backend(name, loaded))
    if name not in BACKENDS:
        raise BackendError(f"backend {name!r} is unknown; use one of {', '.join(backend_names())}")
    return BACKENDS[name]


def check_state(network: Network, state: Any, backend: Backend) -> tuple[Any, int]:
    """What ``backend`` needs of a state to go on, and the number of the next step; (None, 0) to start afresh.

    Raises
    ------
    InputError
        For what is no state, a state that cannot be continued, and states of other networks and backends.
    BackendError
        If the backend goes on from no state at all.
    """
    if state is None:
        return None, 0
    if not isinstance(state, RunState):
        raise InputError(f"simulate: state is a {type(state).__name__}, expected Recording.state of an earlier run")
    if state.data is None:
        raise InputError(
            f"simulate: the state of a run on backend {state.backend!r} cannot be continued (interrupted, or "
            "the backend keeps none); run all steps in one call, or use backend 'event' or 'reference'"
        )
    if not backend.states:
        raise BackendError(
            f"backend {backend.name!r}: cannot go on from a state; use backend 'event' or 'reference', or run all in "
            "one call"
        )
    if state.network is not network and state.network != network:
        raise InputError(
            f"simulate: state belongs to another network ({state.network.digest()[:12]}, this one is "
            f"{network.digest()[:12]}); use the network it was made with, or start without a state"
        )
    if state.backend not in backend.states:
        raise InputError(
            f"simulate: state is of a run on backend {state.backend!r}, from which backend {backend.name!r} cannot go "
            f"on; use backend {state.backend!r}"
        )
    return state.data, state.step


def make_recording(
    job: Job,
    backend: str,
    spikes: Mapping[str, Spikes] | Recorder,
    *,
    traces: Mapping[str, Any],
    updated: Mapping[str, int] | None = None,
    changed: Mapping[str, int] | None = None,
    weight_updates: Mapping[str, int] | None = None,
    weights: Mapping[str, Any] | None = None,
    state: Any = None,
) -> Recording:
    """A backend's results as a Recording; spikes and synaptic events are counted here, the same way for all.

    ``spikes`` and ``traces`` are those of all populations and steps, or ``spikes`` is the job's recorder.
    ``state`` is what ``Job.state`` will hold when a run goes on from here; None if the backend cannot go on.
    """
    network = job.network
    kept: dict[str, Any]
    if not isinstance(spikes, Recorder) and (recorder := job.recorder()) is not None:
        spikes = take_run(recorder, spikes, traces, job.steps)
    if isinstance(spikes, Recorder):
        spiked, events = spikes.spiked, spikes.synaptic_events
        kept = kept_of(spikes, job.steps)
    else:
        spiked = {name: len(s) for name, s in spikes.items()}
        events = {q.name: synaptic_events_of(spikes[q.pre], q) for q in network.projections}
        kept = {"spikes": spikes, "traces": traces}
    counters = Counters(
        spikes=spiked,
        synaptic_events=events,
        accessed={p.name: p.size * job.steps for p in network.neurons},
        updated=updated if job.counters else None,
        changed=changed if job.counters else None,
        weight_updates=weight_updates or {},
    )
    return Recording(
        backend=backend,
        steps=job.steps,
        **kept,
        counters=counters,
        weights=weights or {},
        state=state if isinstance(state, RunState) else RunState(network, backend, job.start + job.steps, state),
        dt=network.dt,
        start=job.start,
        network=network,
    )
