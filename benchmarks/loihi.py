"""The emulator of Loihi's arithmetic beside Lava's fixed-point simulation on a CPU: equal spikes, steps per second.

One population of LoihiLIF neurons, an input line for each, and recurrent synapses of both signs: all of them (dense),
or 1 % of them. Lava runs it as four processes besides the sink (inputs, neurons, two connections), and is timed from
its first reported step on: neither its start-up nor the conditioning of weights counts. Its figure is the wall time of
its fastest half second; its processes together use more processor time than that. The emulator's figure is the
processor time, all threads together, of the whole call of ``simulate``, the best of several after a first one that
compiles. So other work on the machine weighs little on either.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from snmem import Input, LoihiLIF, Network, Population, Projection, Spikes, simulate
from snmem.lava import LavaSession

#: Input spikes per line and step; neurons then spike about as often.
INPUT_RATE = 0.005
#: Seconds of the stretches in which Lava is timed.
WINDOW = 0.5


@dataclass(frozen=True)
class Size:
    """A network size, the steps to run, and how many times the speed of Lava is asked of the emulator."""

    neurons: int
    density: float
    steps: int
    target: float

    @property
    def name(self) -> str:
        kind = "dense" if self.density == 1 else f"{self.density:.0%} of the synapses"
        return f"{self.neurons:,} neurons, {kind}"


SIZES = (
    Size(100, 1.0, 5000, 300),
    Size(1000, 0.01, 4000, 300),
    Size(1000, 1.0, 2000, 25),
    Size(10_000, 0.01, 1000, 50),
)


def random_network(size: Size, seed: int = 1) -> Network:
    """Two recurrent weights of five are positive, so that activity stays near that of the input."""
    rng = np.random.default_rng(seed)
    n, count = size.neurons, int(size.density * size.neurons)
    pre = np.repeat(np.arange(n), count)
    post = np.concatenate([rng.choice(n, count, replace=False) for _ in range(n)])
    values = 2 * rng.integers(1, 50, len(pre)) * np.where(rng.random(len(pre)) < 0.4, 1, -1)
    recurrent = sp.csr_array((values.astype(np.int32), (post, pre)), shape=(n, n))
    drive = sp.csr_array(250 * sp.eye_array(n, dtype=np.int32, format="csr"))
    neuron = LoihiLIF(du=2047, dv=512, vth=400)
    return Network(
        (Input("input", n), Population("neurons", n, neuron)),
        (Projection("input", "neurons", drive, exponent=1), Projection("neurons", "neurons", recurrent)),
    )


def input_spikes(size: Size, steps: int, seed: int = 2) -> Spikes:
    """Independent input spikes on every line."""
    rng = np.random.default_rng(seed)
    cells = np.flatnonzero(rng.random(steps * size.neurons) < INPUT_RATE)
    return Spikes.from_events(cells // size.neurons, cells % size.neurons, steps, size.neurons)


class _Clock:
    """When Lava had done how many steps."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def __call__(self, steps: int) -> None:
        if steps and (not self.seen or steps > self.seen[-1][1]):
            self.seen.append((time.perf_counter(), steps))

    def per_step(self) -> float:
        """Seconds per step in the fastest stretch of WINDOW seconds, or of the whole run if it is shorter."""
        times = [
            (t1 - t0) / (s1 - s0)
            for i, (t0, s0) in enumerate(self.seen)
            for t1, s1 in self.seen[i + 1 :]
            if t1 - t0 >= WINDOW
        ]
        (t0, s0), (t1, s1) = self.seen[0], self.seen[-1]
        return min(times, default=(t1 - t0) / (s1 - s0))


def compare(size: Size, repeats: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """Two rows: that the spikes are equal, and the ratio of speeds."""
    network, spikes = random_network(size), {"input": input_spikes(size, size.steps)}
    report(f"{size.name}: emulator")
    ours, times = None, []
    for _ in range(repeats + 1):
        began = time.process_time()
        ours = simulate(network, spikes, size.steps, "loihi").spikes["neurons"]
        times.append(time.process_time() - began)
    assert ours is not None
    emulator = min(times[1:]) / size.steps
    report(f"{size.name}: Lava, {size.steps} steps")
    clock = _Clock()
    lava = simulate(network, spikes, size.steps, "lava_fixed", progress=clock).spikes["neurons"]
    differing, ratio = ours.differing(lava)[0], clock.per_step() / emulator
    raw = {
        "emulator_us_per_step": 1e6 * emulator,
        "lava_us_per_step": 1e6 * clock.per_step(),
        "emulator_s": times,
        "steps": size.steps,
        "spikes": len(ours),
        "spikes_per_neuron_and_step": len(ours) / (size.steps * size.neurons),
        "synapses": network["neurons->neurons"].synapses,
    }
    common = {"raw": raw}
    rows = [{"name": f"differing cells, {size.name}", "value": differing, "target": 0, "unit": "cells"}]
    rows.append({"name": f"emulator against Lava, {size.name}", "value": ratio, "target": size.target, **common})
    rows[0]["ok"], rows[1]["ok"] = differing == 0 and len(ours) > 0, ratio >= size.target
    rows[1]["unit"] = "times the steps per second"
    return rows


def bench_loihi(quick: bool = False, report: Callable[[str], None] = lambda message: None) -> dict[str, Any]:
    """Run the comparison; ``quick`` takes a fifth of the steps and leaves out the largest network."""
    sizes = [replace(s, steps=s.steps // 5) for s in SIZES[:3]] if quick else SIZES
    with LavaSession():
        rows = [row for size in sizes for row in compare(size, 2 if quick else 7, report)]
    return {"rows": rows, "ok": all(r["ok"] for r in rows), "input_rate": INPUT_RATE}
