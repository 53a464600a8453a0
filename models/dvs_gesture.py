"""The DVS-gesture network of SANA-FE's tutorial: its published spike count, and what it costs on Loihi.

Boyle et al., SANA-FE, IEEE TCAD 44(8):3165-3178 (2025); its tutorial "DVS gesture challenge" states that 365,277
neurons fire in 1,000 steps. Weights, thresholds and one frame of input (as biases) ship in the wheel of ``sanafe``,
from where they are read; nothing of them is copied here. Six layers of integrate-and-fire neurons that reset to 0:
32 x 32 - conv 16 (3 x 3, stride 2) - conv 32 - conv 64 - conv 11 - 11.

The count holds with the rows of the last matrix in the order channel, y, x, as SANA-FE numbers the neurons of a layer;
in the order y, x, channel of its other arrays it is 365,375.
"""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Network, Population, Projection, simulate
from snmem.cost import Placement, measure
from snmem.errors import MissingDependencyError
from snmem.protocols.rows import result, row
from snmem.protocols.spike_trains import draw_raster

STEPS, FIRED = 1000, 365_277
#: Cores of each layer in the tutorial.
CORES = (1, 4, 16, 16, 4, 1)


def data() -> dict[str, Any]:
    """Arrays of the tutorial, from the installed wheel of sanafe."""
    spec = importlib.util.find_spec("sanafe")
    if spec is None or spec.origin is None:
        raise MissingDependencyError("dvs-gesture: the package 'sanafe' is absent; pip install 'snmem[peers]'")
    with np.load(Path(spec.origin).parent / "examples" / "dvs_challenge.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays}


def convolution(shape: tuple[int, int, int], kernel: Any, stride: int) -> tuple[Any, tuple[int, int, int]]:
    """Weights (post, pre) of a convolution without padding over neurons in the order y, x, channel; the new shape."""
    (height, width, channels), (rows, columns, _, filters) = shape, kernel.shape
    out = ((height - rows) // stride + 1, (width - columns) // stride + 1, filters)
    y, x, a, b, c, f = np.indices((*out[:2], rows, columns, channels, filters)).reshape(6, -1)
    post = (y * out[1] + x) * filters + f
    pre = ((y * stride + a) * width + x * stride + b) * channels + c
    size = (int(np.prod(out)), height * width * channels)
    return sp.csr_array((kernel[a, b, c, f].astype(float), (post, pre)), shape=size), out


def build(arrays: dict[str, Any]) -> Network:
    """The network."""
    thresholds, shape = arrays["thresholds"].tolist(), (32, 32, 1)
    populations = [Population("frame", 1024, LIF(theta=thresholds[0], bias=arrays["inputs"]))]
    projections: list[Projection] = []

    def add(name: str, weights: Any, theta: float) -> None:
        projections.append(Projection(populations[-1].name, name, weights))
        populations.append(Population(name, weights.shape[0], LIF(theta=theta)))

    for i, stride in enumerate((2, 1, 1, 1), 1):
        weights, shape = convolution(shape, arrays[f"conv{i}"], stride)
        add(f"conv{i}", weights, thresholds[i])
    last = (
        arrays["dense1"].reshape(shape[2], *shape[:2], -1).transpose(1, 2, 0, 3).reshape(-1, arrays["dense1"].shape[1])
    )
    add("gesture", last.T.astype(float), thresholds[5])
    return Network((*populations,), (*projections,))


def placement(network: Network) -> Placement:
    """Every layer evenly on its cores, as in the tutorial; the last core of a layer takes what is left."""
    first, cores = 0, {}
    for p, many in zip(network.neurons, CORES, strict=True):
        cores[p.name] = first + np.minimum(np.arange(p.size) // (p.size // many), many - 1)
        first += many
    return Placement(cores)


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Count the spikes of 1,000 steps; without ``quick`` also bill them on two profiles of Loihi."""
    began = time.perf_counter()
    network = build(data())
    report(
        f"{sum(p.size for p in network.neurons):,} neurons, {sum(q.synapses for q in network.projections):,} synapses"
    )
    recording = simulate(network, {}, STEPS, progress=False)
    fired = {name: len(spikes.step) for name, spikes in recording.spikes.items()}
    rows = [row("neurons fired in 1,000 steps", sum(fired.values()), FIRED, 0, "spikes")]
    raw: dict[str, Any] = {"fired": fired}
    for chip in () if quick else ("loihi1-nahuku", "loihi1-davies2018"):
        report(f"the same 1,000 steps on {chip}")
        bill = measure(network, {}, STEPS, chip, placement=placement(network), limits="report")
        raw[chip] = {
            "dynamic_joules_per_step": bill.dynamic["total"] / STEPS,
            "seconds_per_step": (bill.seconds["free_running"] or np.nan) / STEPS,
            "synaptic_events": bill.counters["synaptic_events"],
            "packets": bill.counters["packets"],
            "violations": bill.mapping["violations"],
        }
    files = [] if out is None else [draw_raster(recording, out / "dvs-gesture.png")]
    return result(rows, raw, files, seed, began)
