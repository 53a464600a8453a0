"""Does a network fit a Loihi? Populations split over cores, what every core holds, and which limit binds.

Cores are filled in network order and a population goes on in the next core where a limit of its core is reached
(:func:`snmem.cost.mapping.placement.place_in_order`). Limits are those of the chip profiles (:mod:`snmem.cost.chip`);
where a chip's maker has published none, the profile says unknown and nothing is checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InputError
from ...network import Network
from ..chip import load_chip
from .placement import chips_used, core_loads, fit, place_in_order

#: Profiles that a compilation is checked against.
CHIPS = ("loihi1-davies2018", "loihi2")


def core_table(network: Network, chip_name: str) -> dict[str, Any]:
    """Place ``network`` on a chip and say what each core holds.

    Returns
    -------
    Plain data: ``chip``, ``fits``, ``violations`` (a sentence each), ``cores`` and ``chips`` in use, ``binding`` (the
    limit of which the fullest core uses the largest part) and ``used`` (that part), ``utilisation`` by limit, ``split``
    (population -> number of cores), ``table`` (a row per core: loads by limit, neurons by population).
    """
    chip = load_chip(chip_name)
    placement = place_in_order(network, chip)
    fitted, loads, cores = fit(network, placement, chip), core_loads(network, placement, chip), placement.cores
    populations: list[dict[str, int]] = [{} for _ in cores]
    for name, core in placement.core.items():
        places, counts = np.unique(np.searchsorted(cores, core), return_counts=True)
        for place, count in zip(places, counts, strict=True):
            populations[place][name] = int(count)
    shares = {name: row["used"] for name, row in fitted.utilisation.items() if row["used"] is not None}
    binding = max(shares, key=lambda name: shares[name] or 0.0) if shares else None
    table = [
        {"core": int(core), **{name: int(load[i]) for name, load in loads.items()}, "populations": populations[i]}
        for i, core in enumerate(cores)
    ]
    return {
        "chip": chip.name,
        "fits": not fitted.violations,
        "violations": [_named(text, table) for text in fitted.violations],
        "cores": len(cores),
        "chips": chips_used(chip, placement),
        "binding": binding,
        "used": shares.get(binding) if binding else None,
        "utilisation": fitted.utilisation,
        "split": {name: len(np.unique(core)) for name, core in placement.core.items()},
        "table": table,
    }


def check_limits(network: Network, chip_name: str) -> dict[str, Any]:
    """:func:`core_table`, or InputError naming limit, value, core and populations if the network does not fit."""
    found = core_table(network, chip_name)
    if not found["fits"]:
        raise InputError(
            f"network does not fit {found['chip']}: limit {'; limit '.join(found['violations'])}. Fewer inputs per "
            "neuron, sparser projections or another chip help"
        )
    return found


def _named(text: str, table: list[dict[str, Any]]) -> str:
    """A violation with the populations of its core."""
    for row in table:
        if f"core {row['core']} needs" in text:
            return f"{text} (core of {', '.join(map(repr, row['populations']))})"
    return text
