"""snnTorch and Lava, through snmem's backends of these names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from snmem import Network, simulate

from .cases import Case

#: Synapses beyond which a backend that steps through all of them, or spreads them out, is not asked.
LIMIT = 20_000_000


class _Clock:
    """When a backend had done how many steps."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.seen: list[tuple[float, int]] = []

    def __call__(self, steps: int) -> None:
        if steps and (not self.seen or steps > self.seen[-1][1]):
            self.seen.append((self.now(), steps))

    def per_step(self) -> float:
        """Seconds per step between the first and the last report."""
        (t0, s0), (t1, s1) = self.seen[0], self.seen[-1]
        return (t1 - t0) / max(s1 - s0, 1)


def run_snntorch(case: Case, steps: int, repeats: int) -> dict[str, Any]:
    """Run snnTorch's cells in float64, by the processor time of one thread from its first step on."""
    return _run(case, steps, "snntorch", "snnTorch", time.process_time)


def run_lava(case: Case, steps: int, repeats: int) -> dict[str, Any]:
    """Run Lava's floating-point processes, by the clock on the wall from its first reported step on."""
    return _run(case, steps, "lava_float", "Lava", time.perf_counter)


def _run(case: Case, steps: int, backend: str, name: str, now: Callable[[], float]) -> dict[str, Any]:
    network, clock = _network(case, name), _Clock(now)
    inputs = {name: s.between(0, steps) for name, s in case.inputs.items()}
    began = now()
    recording = simulate(network, inputs, steps, backend, progress=clock)
    took = clock.per_step() * steps
    return {"setup_s": max(now() - began - took, 0.0), "run_s": [took], "spikes": recording.spikes}


def _network(case: Case, name: str) -> Network:
    network = case.make()
    synapses = sum(q.synapses for q in network.projections)
    if synapses > LIMIT:
        from .nest_peer import Unsupported

        raise Unsupported(f"{synapses:,} synapses: {name} works through all of them in every step")
    return network
