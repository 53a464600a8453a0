"""What of a run is recorded: spikes, counts, traces and weights, of all or of chosen neurons and synapses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .._text import listed, shown
from ..errors import InputError
from ..io.arguments import check_recorded
from ..network import Network, Projection
from ..spikes import count

Which = NDArray[np.int64] | None


@dataclass(frozen=True)
class Record:
    """What :func:`snmem.simulate` keeps of a run: ``simulate(..., record=Record(spikes="exc", traces="exc.v"))``.

    A choice is True (everything), False (nothing), a name, several names, or a dict of name -> which: True, a number,
    a list of numbers, a slice, or booleans. Numbers of neurons and synapses count from 0 and stay what they are: a
    recorded spike of neuron 7 is one of neuron 7.

    Parameters
    ----------
    spikes : choice of populations and their neurons
        Whose spikes to keep as events; all by default. Counters for the bill are complete whatever is chosen.
    counts : choice of populations
        Count the spikes of each neuron in bins of ``bin`` steps: ``Recording.counts``, (bins, neurons).
    rates : choice of populations
        Mean firing rate of the population in each bin, in Hz: ``Recording.rates``, (bins,).
    bin : int or None
        Steps of a bin, from the first step of the run; None: the whole run is one. The last one may be shorter.
    traces : choice of state variables, such as "exc.v", and their neurons
        Values after each step: ``Recording.traces``, (samples, chosen neurons in the order given).
    weights : choice of plastic projections and their synapses, numbered as ``Projection.weights.data``
        Weights after each step: ``Recording.weight_traces``, (samples, chosen synapses).
    every : int, or dict of trace or projection -> int
        Sample traces and weights in every so many steps only: those whose number, from step 0 of the first run on, is
        a multiple of it.

    Raises
    ------
    InputError
        From :func:`snmem.simulate`: for unknown names, neurons and synapses out of range, and numbers below 1.
    """

    spikes: Any = True
    counts: Any = False
    rates: Any = False
    bin: int | None = None
    traces: Any = False
    weights: Any = False
    every: int | Mapping[str, int] = 1


@dataclass(frozen=True, eq=False)
class Samples:
    """Which numbers of a trace or projection are kept, of ``size``, and in which steps.

    Attributes
    ----------
    which : int64 vector or None
        Numbers of neurons or synapses; None: all.
    size : int
        How many there are.
    every : int
        Steps whose number is a multiple of this are sampled.
    """

    which: Which
    size: int
    every: int = 1

    @property
    def columns(self) -> int:
        """How many are kept."""
        return self.size if self.which is None else len(self.which)

    def steps(self, start: int, steps: int) -> range:
        """The sampled ones of the steps start .. start + steps - 1."""
        return range(-(-start // self.every) * self.every, start + steps, self.every)


@dataclass(frozen=True, eq=False)
class Plan:
    """A :class:`Record` that fits a network, every name and number of it checked.

    Attributes
    ----------
    spikes : mapping
        Population -> the neurons whose spikes are kept, ascending; None: all.
    counts, rates : tuple of str
        Populations whose spikes are counted.
    bin : int or None
        Steps of a bin.
    traces, weights : mapping
        Trace or projection -> Samples.
    """

    spikes: Mapping[str, Which]
    counts: tuple[str, ...] = ()
    rates: tuple[str, ...] = ()
    bin: int | None = None
    traces: Mapping[str, Samples] = field(default_factory=dict[str, Samples])
    weights: Mapping[str, Samples] = field(default_factory=dict[str, Samples])
    #: Whether all spikes of all populations are kept, and all traces in full.
    plain: bool = False

    def partial(self, population: str) -> bool:
        """Whether not all spikes of a population are kept."""
        return population not in self.spikes or self.spikes[population] is not None


def as_plan(network: Network, record: Any, steps: int, start: int = 0, *, limited: bool = True) -> Plan:
    """What ``record`` asks for: a Record, names of traces, or a dict of trace -> neurons.

    ``limited``: it goes into memory, which is looked at first.
    """
    if isinstance(record, tuple) and not record:  # all spikes and nothing else
        return Plan(dict.fromkeys(p.name for p in network.populations), plain=True)
    if isinstance(record, Mapping):
        record = Record(traces=record)
    if not isinstance(record, Record):
        if not isinstance(record, Iterable):
            raise InputError(f'simulate: record must hold names such as "a.v", got {shown(record)}')
        record = Record(traces=(record,) if isinstance(record, str) else tuple(record))
    neurons = {p.name: p for p in network.neurons}
    sizes = {p.name: p.size for p in network.populations}
    spikes = _choice("spikes of", record.spikes, sizes)
    counts, rates = (
        tuple(_whole(what, value, sizes)) for what, value in (("counts", record.counts), ("rates", record.rates))
    )
    width = None if record.bin is None else count("simulate: record: bin", record.bin, 1)
    if width is not None and not (counts or rates):
        raise InputError(f"simulate: record: bin = {width} is of no use without counts or rates; name populations")
    traces = dict(_traces(network, neurons, record.traces))
    weights = dict(_weights(network, record.weights))
    traces, weights = _with_every(record.every, traces, weights)
    plain = len(spikes) == len(sizes) and all(which is None for which in spikes.values())
    whole = all(s.which is None and s.every == 1 for s in traces.values())
    spikes = {name: None if which is None else np.sort(which) for name, which in spikes.items()}
    plan = Plan(spikes, counts, rates, width, traces, weights, plain and whole and not (counts or rates or weights))
    check_recorded(8 * _numbers(plan, sizes, steps, start) if limited else 0)
    return plan


def _numbers(plan: Plan, sizes: Mapping[str, int], steps: int, start: int) -> int:
    """How many numbers a run keeps besides its spikes."""
    bins = -(-steps // (plan.bin or steps))
    samples = (*plan.traces.values(), *plan.weights.values())
    wanted = sum(len(s.steps(start, steps)) * s.columns for s in samples)
    return wanted + bins * (sum(sizes[name] for name in plan.counts) + len(plan.rates))


def _choice(what: str, value: Any, sizes: Mapping[str, int]) -> dict[str, Which]:
    """Name -> which of its neurons; ``what`` begins the message for a name that is unknown."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return dict.fromkeys(sizes) if value else {}
    if isinstance(value, Mapping):
        given: dict[Any, Any] = dict(cast(Mapping[Any, Any], value))
    else:
        given = dict.fromkeys(_names(what, value), True)
    found: dict[str, Which] = {}
    for name, which in given.items():
        if not isinstance(name, str) or name not in sizes:
            raise InputError(f"simulate: cannot record {what} {shown(name)}; use one of {listed(sizes)}")
        if which is not False:
            found[name] = _which(name, which, sizes[name])
    return found


def _names(what: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not _several(value):
        raise InputError(
            f"simulate: cannot record {what} {shown(value)}; write True, False, names, or a dict of name -> numbers"
        )
    items = tuple(cast(Iterable[Any], value))
    for item in items:
        if not isinstance(item, str):
            raise InputError(f"simulate: cannot record {what} {shown(item)}; names are texts")
    return items


def _several(value: Any) -> bool:
    """Whether a value can be gone through, which an array of one number alone cannot."""
    return isinstance(value, Iterable) and not (isinstance(value, np.ndarray) and value.ndim == 0)


def _which(name: str, which: Any, size: int, what: str = "neuron") -> Which:
    """Numbers of neurons or synapses of ``name``; None for all."""
    if which is True or which is None:
        return None
    if isinstance(which, (slice, range)):
        which = np.arange(size)[which] if isinstance(which, slice) else np.asarray(which, np.int64)
    try:
        array = np.asarray(which)
    except (TypeError, ValueError):  # ragged lists
        array = np.full(1, np.nan)
    if array.dtype.kind == "b" and array.shape == (size,):
        array = np.flatnonzero(array)
    if array.dtype.kind not in "iu" and array.size:
        raise InputError(
            f"simulate: which {what}s of {name!r} to record must be whole numbers, a slice or {size} booleans, got "
            f"{shown(which)}"
        )
    numbers = array.reshape(-1).astype(np.int64)
    bad = (numbers < 0) | (numbers >= size)
    if bad.any():
        raise InputError(f"simulate: cannot record {what} {numbers[bad][0]} of {name!r}; it has {size}, from 0 on")
    if len(np.unique(numbers)) < len(numbers):
        raise InputError(f"simulate: {what}s of {name!r} to record come twice; name each once")
    return numbers


def _whole(what: str, value: Any, sizes: Mapping[str, int]) -> Iterator[str]:
    """Names of populations whose spikes are counted, all neurons of each."""
    for name, which in _choice(f"{what} of", value, sizes).items():
        if which is not None:
            raise InputError(
                f"simulate: record: {what} are of whole populations; record the spikes of some neurons of {name!r}"
            )
        yield name


def _traces(network: Network, known: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Samples]]:
    """Name and choice of each trace, each once."""
    if value is True:
        value = [f"{name}.{variable}" for name, p in known.items() for variable in p.neuron.variables]
    given = value if isinstance(value, Mapping) else dict.fromkeys(_names_of_traces(value), True)
    for name, which in given.items():
        population, _, variable = name.rpartition(".") if isinstance(name, str) else ("", "", "")
        if population not in known:
            raise InputError(
                f'simulate: cannot record {shown(name)}; write "population.variable", such as '
                f'"{network.neurons[0].name}.v", with one of {listed(known)}'
            )
        p = known[population]
        if variable not in p.neuron.variables:
            raise InputError(
                f"simulate: cannot record {name!r}; the neurons of {population!r} have the variables "
                f"{', '.join(p.neuron.variables)}"
            )
        if which is not False:
            yield name, Samples(_which(name, which, p.size), p.size)


def _names_of_traces(value: Any) -> tuple[Any, ...]:
    if value is None or value is False:
        return ()
    items = (value,) if isinstance(value, str) or not _several(value) else tuple(cast(Any, value))
    if not all(isinstance(name, str) for name in items):
        raise InputError(f'simulate: record must hold names such as "a.v", got {shown(items)}')
    return tuple(dict.fromkeys(items))


def _weights(network: Network, value: Any) -> Iterator[tuple[str, Samples]]:
    """Name and choice of each projection whose weights are sampled."""
    known: dict[str, Projection] = {q.name: q for q in network.projections if q.plasticity is not None}
    if isinstance(value, Mapping):
        given: dict[Any, Any] = dict(cast(Mapping[Any, Any], value))
    else:
        none = value is None or value is False
        given = dict.fromkeys(known if value is True else () if none else _names("weights of", value), True)
    for name, which in given.items():
        if not isinstance(name, str) or name not in known:
            raise InputError(
                f"simulate: cannot record weights of {shown(name)}; use one of the projections that learn: "
                f"{listed(known)}"
            )
        if which is not False:
            yield name, Samples(_which(name, which, known[name].synapses, "synapse"), known[name].synapses)


def _with_every(
    every: Any, traces: dict[str, Samples], weights: dict[str, Samples]
) -> tuple[dict[str, Samples], dict[str, Samples]]:
    """Traces and weights with the steps in which they are sampled."""
    if isinstance(every, Mapping):
        own: Mapping[Any, Any] = cast(Mapping[Any, Any], every)
        for name in own:
            if name not in traces and name not in weights:
                raise InputError(
                    f"simulate: record: every names {shown(name)}, which is not recorded; recorded are "
                    f"{listed([*traces, *weights])}"
                )
    else:
        own = dict.fromkeys([*traces, *weights], every)
        count("simulate: record: every", every, 1)

    def sampled(group: dict[str, Samples]) -> dict[str, Samples]:
        return {
            name: replace(s, every=count(f"simulate: record: every of {name!r}", own.get(name, 1), 1))
            for name, s in group.items()
        }

    return sampled(traces), sampled(weights)
