"""Neurons on cores: METIS beside hyperedges, and two large networks on the public limits of Loihi 2.

- Placement: eight modules with shuffled neurons, convolutions numbered two ways, five layers of 18,678 neurons. The
  network energy of the best placement by Mt-KaHyPar over that of the best by METIS (profile loihi1-nahuku).
- "fly": a synthetic twin of the whole fruit-fly brain, 138,639 neurons and 15.09 million connections with a heavy tail
  of out-degrees (sizes: Dorkenwald et al., Nature 634, 2024), placed neuron by neuron on Loihi 2, for which 12 chips
  are published (Wang et al., arXiv 2508.16792).
- "microcircuit": Potjans and Diesmann (doi 10.1093/cercor/bhs358), 77,169 neurons and 299 million synapses, mapped by
  its population statistics; the same statistics are held against a part of it placed neuron by neuron. The largest
  system of Loihi 2 has 1,152 chips (Intel, Hala Point, 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.cost import load_chip, place, place_in_order
from snmem.cost.mapping.expected import expected_cores
from snmem.cost.mapping.limits import core_table
from snmem.installation.content import load_script

PRICED, CHIP, PUBLISHED_CHIPS, LARGEST = "loihi1-nahuku", "loihi2", 12, 1152
#: Hyperedges may cost this much more than METIS, on any network; statistics may miss the drawn network by this share.
WORSE, OFF = 1.02, 0.03
FLY_NEURONS, FLY_CONNECTIONS = 138_639, 15_091_983


def shuffled_modules(modules: int = 8, size: int = 128, inside: int = 30, outside: int = 2, seed: int = 0) -> Network:
    """Modules of dense wiring whose neurons are numbered at random."""
    rng = np.random.default_rng(seed)
    n = modules * size
    module = rng.permutation(np.arange(n) % modules)
    members = [np.flatnonzero(module == m) for m in range(modules)]
    post = np.concatenate(
        [np.r_[rng.choice(members[module[i]], inside, replace=False), rng.choice(n, outside)] for i in range(n)]
    )
    pre = np.repeat(np.arange(n), inside + outside)
    weights = sp.csr_array((np.where(pre < 0.8 * n, 1.0, -4.0), (post, pre)), shape=(n, n))
    lif = LIF(theta=100.0, bias=rng.integers(0, 10, n).astype(float))
    return Network((Population("n", n, lif),), (Projection("n", "n", weights),))


def convolutional(
    channels_first: bool,
    sizes: tuple[tuple[int, int, int], ...] = ((2, 28, 28), (8, 26, 26), (16, 24, 24), (16, 11, 11)),
    seed: int = 0,
) -> Network:
    """Three 3 x 3 convolutions, the last with stride 2; neurons numbered (c, y, x) or (y, x, c)."""
    rng = np.random.default_rng(seed)
    populations: list[Any] = [Input("in", sizes[0])]
    projections = []
    for k, ((ci, hi, wi), (co, ho, wo), stride) in enumerate(zip(sizes[:-1], sizes[1:], (1, 1, 2), strict=True)):
        c, y, x, d, i, j = np.indices((co, ho, wo, ci, 3, 3)).reshape(6, -1)
        v, u = y * stride + i, x * stride + j
        post = (c * ho + y) * wo + x if channels_first else (y * wo + x) * co + c
        pre = (d * hi + v) * wi + u if channels_first else (v * wi + u) * ci + d
        values = rng.normal(0.15, 1.0, (co, ci, 3, 3))[c, d, i, j]
        shape = (co * ho * wo, ci * hi * wi)
        populations.append(Population(f"conv{k}", shape[0], LIF(beta=0.8, theta=2.0)))
        weights = sp.csr_array((values, (post, pre)), shape=shape)
        projections.append(Projection(populations[-2].name, f"conv{k}", weights))
    return Network(tuple(populations), tuple(projections))


def layered_network() -> Network:
    """32 x 32 - 16c3, stride 2 - 32c3 - 64c3 - 11c3 - 11, numbered (y, x, channel): 18,678 neurons, 3.6 M synapses."""
    rng = np.random.default_rng(0)
    populations = [Population("in", 1024, LIF(theta=255.0, bias=rng.integers(0, 60, 1024).astype(float)))]
    projections = []
    sizes = ((32, 1), (15, 16), (13, 32), (11, 64), (9, 11))
    for k, ((before, ci), (after, co)) in enumerate(pairwise(sizes)):
        y, x, c, i, j, d = np.indices((after, after, co, 3, 3, ci), np.int32).reshape(6, -1)
        stride = 2 if k == 0 else 1
        pre, post = ((y * stride + i) * before + x * stride + j) * ci + d, (y * after + x) * co + c
        values = rng.normal(20.0, 60.0, (co, ci, 3, 3)).astype(np.float32)[c, d, i, j]
        shape = (after * after * co, before * before * ci)
        populations.append(Population(f"c{k}", shape[0], LIF(theta=300.0)))
        projections.append(Projection(populations[-2].name, f"c{k}", sp.csr_array((values, (post, pre)), shape=shape)))
    populations.append(Population("out", 11, LIF(theta=300.0)))
    projections.append(Projection("c3", "out", rng.normal(20.0, 60.0, (11, 891))))
    return Network(tuple(populations), tuple(projections))


def fly_twin(scale: float = 1.0, seed: int = 0) -> Network:
    """Neurons with a log-normal number of targets anywhere (some above 5,000) and signed contact counts."""
    rng = np.random.default_rng(seed)
    n, connections = int(FLY_NEURONS * scale), int(FLY_CONNECTIONS * scale)
    share = rng.lognormal(0.0, 1.0, n)
    pre = np.repeat(np.arange(n, dtype=np.int32), rng.multinomial(connections, share / share.sum()))
    post = rng.integers(0, n, connections, dtype=np.int32)
    sign = np.where(rng.random(n) < 0.3, -1, 1).astype(np.int16)[pre]
    weights = sp.csr_array((sign * rng.geometric(1 / 3.6, connections).astype(np.int16), (post, pre)), shape=(n, n))
    return Network(
        (Population("neurons", n, LIF(beta=0.995, theta=7.0)),), (Projection("neurons", "neurons", weights),)
    )


def microcircuit(scale: float = 1.0) -> tuple[dict[str, int], dict[tuple[str, str], float]]:
    """Sizes and numbers of synapses; ``scale`` of the neurons, the probabilities of connection unchanged."""
    model = load_script("models", "microcircuit")
    sizes = {name: round(size * scale) for name, size in zip(model.NAMES, model.SIZES, strict=True)}
    synapses = {}
    for post, row in zip(sizes, model.PROBABILITY, strict=True):
        for pre, p in zip(sizes, row, strict=True):
            pairs = float(sizes[pre] * sizes[post])
            if p:
                synapses[pre, post] = round(np.log(1 - p) / np.log1p(-1 / pairs))
    return sizes, synapses


def drawn(post: str, sizes: dict[str, int], synapses: dict[tuple[str, str], float], seed: int = 0) -> Network:
    """One population, all that reaches it as inputs; ends of synapses anywhere, two with the same ends are one."""
    rng = np.random.default_rng(seed)
    sources = {f"from {pre}": (pre, int(count)) for (pre, to), count in synapses.items() if to == post}
    inputs = tuple(Input(name, sizes[pre]) for name, (pre, _) in sources.items())
    projections = []
    for name, (pre, count) in sources.items():
        ends = rng.integers(0, sizes[post], count), rng.integers(0, sizes[pre], count)
        weights = sp.csr_array((np.ones(count, np.int8), ends), shape=(sizes[post], sizes[pre]))
        projections.append(Projection(name, post, weights))
    return Network((*inputs, Population(post, sizes[post], LIF())), tuple(projections))


def _row(name: str, value: float, target: float, unit: str, ok: bool, **raw: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "target": target, "unit": unit, "ok": bool(ok), "raw": raw}


def _placed(name: str, network: Network, steps: int, per_core: int | None) -> dict[str, Any]:
    """The best placement with hyperedges beside the best of METIS, by network energy."""
    rng = np.random.default_rng(1)
    inputs = {p.name: rng.random((steps, p.size)) < 0.1 for p in network.inputs}
    spikes = simulate(network, inputs, steps).spikes
    table = place(network, PRICED, spikes, strategy="hypergraph", objective="energy", neurons_per_core=per_core).table
    best = {
        kind: min((row["network_joules"], key) for key, row in table.items() if key.startswith(kind))
        for kind in ("in_order", "METIS", "hypergraph")
    }
    ratio = best["hypergraph"][0] / best["METIS"][0]
    return _row(f"{name}: network energy, hyperedges over METIS", ratio, WORSE, "ratio", ratio <= WORSE, best=best)


def _fly(scale: float) -> dict[str, Any]:
    table = core_table(fly_twin(scale), CHIP)
    del table["table"]
    value, name = table["chips"], f"fly: chips of Loihi 2 ({table['cores']} cores, {table['binding']} binds)"
    return _row(name, value, PUBLISHED_CHIPS, "chips", value <= PUBLISHED_CHIPS, scale=scale, **table)


def _microcircuit(scale: float) -> list[dict[str, Any]]:
    sizes, synapses = microcircuit(scale)
    distinct = {
        (i, j): (1 - np.exp(-n / (sizes[i] * sizes[j]))) * sizes[i] * sizes[j] for (i, j), n in synapses.items()
    }
    chip, found = load_chip(CHIP), expected_cores(sizes, distinct, CHIP)
    cores = sum(len(place_in_order(drawn(name, sizes, synapses), chip).cores) for name in sizes)
    ratio = found.cores / cores
    whole = expected_cores(*microcircuit(), CHIP)
    few = expected_cores(*microcircuit(), CHIP, most_chips=PUBLISHED_CHIPS)
    name = f"microcircuit, {scale:.0%} of its neurons: cores by statistics over cores placed"
    used = f"microcircuit: chips of Loihi 2 ({whole.cores} cores, {whole.binding} binds; {few.turns} turns on 12 chips)"
    return [
        _row(name, ratio, 1.0, "ratio", abs(ratio - 1) <= OFF, cores=cores, expected=found.to_dict()),
        _row(used, whole.chips, LARGEST, "chips", whole.chips <= LARGEST, **whole.to_dict()),
    ]


def bench_mapping(quick: bool = False, report: Callable[[str], None] | None = None) -> dict[str, Any]:
    """A row for each network; ``quick``: the small ones, a hundredth of the fly and a twentieth of the microcircuit."""
    say = report or (lambda _: None)
    cases: list[tuple[str, Callable[[], Network], int, int | None]] = [
        ("8 modules of 128", shuffled_modules, 200, 64),
        ("convolutions, (y, x, channel)", lambda: convolutional(False), 30, None),
    ]
    if quick:
        cases = [("4 modules of 48", lambda: shuffled_modules(4, 48, 15), 100, 24)]
    else:
        cases += [
            ("8 modules of 512", lambda: shuffled_modules(size=512), 100, 200),
            ("convolutions, (channel, y, x)", lambda: convolutional(True), 30, None),
            ("five layers, 18,678 neurons", layered_network, 20, None),
        ]
    rows = []
    for name, make, steps, per_core in cases:
        say(f"placing {name}")
        rows.append(_placed(name, make(), steps, per_core))
    say("placing the fly brain")
    rows.append(_fly(0.01 if quick else 1.0))
    say("placing the microcircuit")
    rows += _microcircuit(0.05 if quick else 0.1)
    return {"rows": rows, "ok": all(row["ok"] for row in rows), "chip": CHIP, "priced": PRICED}
