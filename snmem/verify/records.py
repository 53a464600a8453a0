"""Whose spikes a recorded raster holds: records of any tool, given to populations by name, by content and by size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .._text import listed, shown
from ..errors import FileError, InputError
from ..network import Network
from ..spikes import Spikes

#: Names under which tools keep what they were fed.
INPUT_NAMES = ("x", "in", "input", "inputs", "stimulus", "data")
#: Characters that part the name of a population from a prefix, as in "L_sub.lif" and "spikes/sub.lif".
_PARTINGS = "_./"


def assign(file: str, records: Mapping[str, Spikes], network: Network) -> dict[str, str]:
    """Record name -> population name; a record that repeats another (``out`` and the last layer) is left out.

    In turn: (1) the same name; (2) a name that ends in the population's after ``_``, ``.`` or ``/``; (3) a name of
    :data:`INPUT_NAMES`, for the one input of that size; (4) records of a size, in the order of the file, for the
    populations of that size which are left, inputs first, in the order of the network, if there are as many of both;
    (5) a record alone of its size, for the one output of that size.

    Raises
    ------
    FileError
        For a record of a size that no population has, and two that claim one population.
    InputError
        If it is not clear whose spikes a record holds.
    """
    sizes = {p.name: p.size for p in network.populations}
    found: dict[str, str] = {}
    for name, spikes in records.items():
        population = _named(name, spikes.size, sizes, found.values())
        if population is not None:
            found[name] = population
            if sizes[population] != spikes.size:
                what = f"{file}: holds {spikes.size} neurons of {population!r}"
                raise FileError(f"{what}, which has {sizes[population]} in the network")
    fed = [p.name for p in network.fed]
    for name, spikes in records.items():
        fits = [p for p in fed if sizes[p] == spikes.size and p not in found.values()]
        if name not in found and name.lower() in INPUT_NAMES and len(fits) == 1:
            found[name] = fits[0]
    left = [name for name in records if name not in found and not _repeats(name, records, found)]
    for size in dict.fromkeys(records[name].size for name in left):
        same = [name for name in left if records[name].size == size]
        found |= zip(same, _of_size(file, same, size, network, set(found.values())), strict=True)
    return {name: found[name] for name in records if name in found}


def _named(name: str, size: int, sizes: Mapping[str, int], taken: Iterable[str]) -> str | None:
    """The population of this name, or the one of this size whose name ends it (the longest)."""
    if name in sizes:
        return name
    ends = [
        p
        for p in sizes
        if p and name.endswith(p) and name[-len(p) - 1 : -len(p)] in tuple(_PARTINGS) and sizes[p] == size
    ]
    best = max(ends, key=len, default="")
    return best if best and best not in taken else None


def _repeats(name: str, records: Mapping[str, Spikes], found: Mapping[str, str]) -> bool:
    """Whether a record holds what one before it, or one that has its population, holds too."""
    order = list(records)
    before = order[: order.index(name)]
    others = [other for other in order if other != name and (other in found or other in before)]
    return any(_equal(records[other], records[name]) for other in others)


def _equal(a: Spikes, b: Spikes) -> bool:
    return (a.size, a.steps) == (b.size, b.steps) and not a.differing(b)[0]


def _of_size(file: str, names: Sequence[str], size: int, network: Network, taken: set[str]) -> list[str]:
    """The populations of this size for records that no name tells apart."""
    sizes = {p.name: p.size for p in network.populations}
    what = f"spikes of {shown(names[0])}, {size} neurons" if names[0] else f"a raster of {size} neurons"
    order = [*(p.name for p in network.fed), *(p.name for p in network.neurons)]
    everything = [p for p in order if sizes[p] == size]
    free = [p for p in everything if p not in taken]
    layers = [p.name for p in network.neurons if p.name in free]
    outputs = [p for p in layers if p in network.outputs]
    if not everything:
        raise FileError(f"{file}: holds {what}, but the network has {described(sizes)}; use its own file")
    for fits in (outputs, layers, free) if len(names) == 1 else (layers, free):
        if len(fits) == len(names):
            return fits
    if len(free) < len(names):
        held = described(dict.fromkeys(names, size))
        raise FileError(f"{file}: two of its records ({held}) fit one population of {described(sizes)}")
    raise InputError(f"{file}: holds {what}, which fits {listed(free)}; name it after one of them in an .npz file")


def described(sizes: Mapping[str, int]) -> str:
    """Names and sizes, of which the first few are named."""
    few = list(sizes.items())[:8]
    text = ", ".join(f"{shown(name) if name else 'a raster'} of {size} neurons" for name, size in few)
    return text + (f" and {len(sizes) - len(few)} more" if len(sizes) > len(few) else "")
