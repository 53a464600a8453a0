r"""Cores that a network of random wiring needs, from its populations and numbers of synapses alone, before it is built.

A core that holds n of the :math:`N_P` neurons of population P receives from each of the :math:`N_Q` neurons of Q a
Poisson number of synapses of mean

.. math:: \lambda = S_{QP}\, n / (N_P N_Q)

where :math:`S_{QP}` counts the synapses of the pair. So it holds :math:`N_Q (1 - e^{-\lambda})` lists of synapses, one
an axon, and each list of k synapses fills :math:`\lceil (k\, b + h) / w \rceil` words of w bits (h: header, b: bits of
a synapse). Loads are means; the fullest core of a drawn network holds a little more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...description import whole
from ...errors import InputError
from ..chip import Chip, load_chip

#: Shares of a Poisson distribution that are left out, and the mean above which it stands for itself.
_RARE, _LARGE = 1e-12, 1e5


@dataclass(frozen=True)
class ExpectedCores:
    """How a network of random wiring fits a chip.

    Attributes
    ----------
    chip : str
        Name of the profile.
    cores, chips : int
        Needed.
    turns : int
        Parts that each core takes one after the other, where there are fewer chips: seconds multiply by it.
    binding : str
        The limit of which cores use the largest part; "" where the chip states none.
    used : float
        That part.
    populations : mapping of str to mapping
        For each: ``cores``, ``neurons_per_core``, and the mean load of a core by limit.
    violations : tuple of str
        A sentence for each limit that is broken all the same.
    """

    chip: str
    cores: int
    chips: int
    turns: int
    binding: str
    used: float
    populations: Mapping[str, Mapping[str, float]]
    violations: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def expected_cores(
    neurons: Mapping[str, int],
    synapses: Mapping[tuple[str, str], float],
    chip: str | Path | Chip,
    *,
    inputs: Mapping[str, int] | None = None,
    most_chips: int | None = None,
) -> ExpectedCores:
    """Cores and chips for populations that are wired at random; no core holds neurons of two populations.

    Parameters
    ----------
    neurons : mapping of str to int
        Sizes of the populations.
    synapses : mapping of (str, str) to float
        Number of synapses by (from, to).
    chip : str or Path or Chip
        Profile; limits that it does not state are not checked.
    inputs : mapping of str to int, optional
        Sizes of inputs, which lie on no core.
    most_chips : int, optional
        Chips there are; default: as many as are needed.

    Raises
    ------
    InputError
        For synapses between populations that are not named, and where one neuron breaks a limit of a core.
    NetworkError
        For sizes that are not whole numbers of at least 1.
    """
    profile = load_chip(chip)
    sizes = {n: whole(f"expected_cores: size of {n!r}", k, 1) for n, k in {**neurons, **(inputs or {})}.items()}
    for (pre, post), count in synapses.items():
        if pre not in sizes or post not in neurons or not (np.isfinite(count) and count >= 0):
            known = ", ".join(map(repr, sizes))
            raise InputError(
                f"expected_cores: synapses ({pre!r}, {post!r}) = {count}: give at least 0, from one of {known} to a "
                "population"
            )
    per_core = {name: _most_neurons(name, sizes, synapses, profile) for name in neurons}
    cores = {name: -(-sizes[name] // per_core[name]) for name in neurons}
    rows: dict[str, dict[str, float]] = {}
    for name in neurons:
        mean = sizes[name] / cores[name]
        loads = _loads(name, mean, sizes, synapses, profile) | {"axons_out_per_core": 0.0}
        for (pre, post), count in synapses.items():
            if pre == name:  # destination cores of a neuron
                reached = 1 - np.exp(-count / (sizes[pre] * cores[post]))
                loads["axons_out_per_core"] += mean * cores[post] * float(reached)
        rows[name] = {"cores": cores[name], "neurons_per_core": per_core[name], **loads}
    shares = {(n, k): rows[n][k] / limit for n in rows for k in rows[n] if k != "cores" and (limit := profile.limit(k))}
    (_, binding), used = max(shares.items(), key=lambda item: item[1]) if shares else (("", ""), 0.0)
    broken = [
        f"{k} is {profile.limit(k)}, cores of {n!r} need {rows[n][k]:,.0f}" for (n, k), x in shares.items() if x > 1
    ]
    total, most = sum(cores.values()), profile.limit("chips")
    chips, turns = -(-total // profile.cores), 1
    if most_chips is not None:
        turns = -(-chips // whole("expected_cores: most_chips", most_chips, 1, most))
        chips = min(chips, most_chips)
    elif most and chips > most:
        broken.append(f"chips is {most}, the network needs {chips}")
    return ExpectedCores(profile.name, total, chips, turns, binding, used, rows, tuple(broken))


def _most_neurons(name: str, sizes: Mapping[str, int], synapses: Mapping[tuple[str, str], float], chip: Chip) -> int:
    """Most neurons of a population that keep the limits of a core."""

    def broken(n: int) -> str:
        loads = _loads(name, n, sizes, synapses, chip)
        return next((k for k, load in loads.items() if (limit := chip.limit(k)) and load > limit), "")

    low, high = 1, min(sizes[name], chip.limit("neurons_per_core") or sizes[name])
    if limit := broken(1):
        raise InputError(f"expected_cores: one neuron of {name!r} breaks {limit} = {chip.limit(limit)} of {chip.name}")
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (low, middle - 1) if broken(middle) else (middle, high)
    return low


def _loads(
    name: str, n: float, sizes: Mapping[str, int], synapses: Mapping[tuple[str, str], float], chip: Chip
) -> dict[str, float]:
    """Mean loads of a core that holds ``n`` neurons of a population."""
    bits, header, word = (chip.geometry(f"synapse_{x}bits", 0) for x in ("", "list_", "word_"))
    out = {"neurons_per_core": float(n), "axons_in_per_core": 0.0, "synapses_per_core": 0.0}
    memory = 0.0
    for (pre, post), count in synapses.items():
        if post != name or not count:
            continue
        here = count * n / sizes[post]
        share = _poisson(here / sizes[pre])
        length, some = (np.array(list(x)) for x in (share.keys(), share.values()))
        out["axons_in_per_core"] += sizes[pre] * float(some.sum())
        out["synapses_per_core"] += here
        if bits:
            memory += sizes[pre] * float(some @ np.ceil((length * bits + header) / word)) * word
    return out | ({"synapse_memory_per_core": memory} if bits else {})


def _poisson(mean: float) -> dict[float, float]:
    """Probabilities of 1, 2, ... as far as they are not rare; of the mean alone where it is large."""
    if mean > _LARGE:
        return {mean: 1.0}
    k = np.arange(1, int(mean + 12 * np.sqrt(mean) + 12) + 1)
    shares = np.exp(np.cumsum(np.log(mean) - np.log(k)) - mean)
    common = shares > _RARE
    return dict(zip(k[common].tolist(), shares[common].tolist(), strict=True))
