"""Which other reading of a NIR file gives the spikes that another tool recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from ..errors import SnmemError
from ..network import Network
from ..simulation import simulate
from ..spikes import Spikes
from .golden import Golden, against_golden
from .report import Reading

#: Readings that are tried at most, and synapses x steps that one of them may take.
_MOST, _LARGEST = 100, 10**8


def best_reading(
    source: Any,
    given: Mapping[str, Any],
    choices: Sequence[Any],
    stored: Golden,
    inputs: Mapping[str, Spikes],
    now: int,
    outputs: Sequence[str],
) -> Reading | None:
    """The reading with the fewest differing entries, half of ``now`` at most, of all that change one or two choices.

    Parameters
    ----------
    source : path or graph
        What :func:`snmem.nir_io.read_nir` reads.
    given : mapping
        The options that the caller settled, which stay.
    choices : sequence of Choice
        What was left open and how it was settled.
    stored : Golden
        The recorded spikes.
    inputs : mapping
        Input name -> Spikes.
    now : int
        Entries that differ as the file is read.
    outputs : sequence of str
        The populations that are outputs.
    """
    from ..nir_io import read_nir

    best: Reading | None = None
    for options in _alternatives(given, choices, outputs):
        try:
            network = read_nir(source, **{**given, **options})
            found = _differing(network, stored, inputs)
        except SnmemError:
            continue  # not every combination can be read or run
        if found is not None and found < (best["differing"] if best else now // 2 + 1):
            best = {"options": options, "differing": found}
        if best and best["differing"] == 0:
            break
    return best


def lost_by(origin: str | None) -> list[str]:
    """What a framework does not write into its files, which may be why spikes differ."""
    from ..nir_io.origins.base import find_origin

    return [] if origin is None else list(find_origin(origin)[1].lost)


def _differing(network: Network, stored: Golden, inputs: Mapping[str, Spikes]) -> int | None:
    """Entries that differ, or None where the network is too large or has other populations."""
    names = {p.name: p.size for p in network.populations}
    if stored.steps * sum(q.synapses for q in network.projections) > _LARGEST:
        return None
    if any(names.get(n) != s.size for n, s in stored.spikes.items()) or not stored.potentials.keys() <= names.keys():
        return None
    record = [f"{name}.v" for name in stored.potentials]
    recording = simulate(network, inputs, stored.steps, "event", record=record, progress=False)
    result = against_golden("", stored, network, recording)
    return sum(d["differing"] for d in result["populations"].values())


def _alternatives(given: Mapping[str, Any], choices: Sequence[Any], outputs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Options to try: one choice changed, then two, as many as :data:`_MOST`."""
    from ..nir_io.choices import OPTIONS

    used = {c.name: c.value for c in choices if c.name in OPTIONS and given.get(c.name) is None}
    others = {name: [v for v in OPTIONS[name].allowed if v != value] for name, value in used.items()}
    tried = 0
    for count in (1, 2):
        for names in combinations(others, count):
            for values in product(*(others[name] for name in names)):
                if tried < _MOST:
                    tried += 1
                    yield dict(zip(names, values, strict=True))
        if count == 1:  # a last layer that is read out by its potential
            last = [
                node for c in choices if c.name == "reset" and "reset" in used for node in c.nodes if node in outputs
            ]
            yield from ({"reset": {node: "none"}} for node in last)
