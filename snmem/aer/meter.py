"""The meter: adds up what a run does on a placed network, in memory that does not grow with its activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network import Network
from ..spikes import Spikes
from .chip import Chip
from .placement import Placement, chips_used, tile_position
from .wiring import wire

Array = NDArray[Any]
#: Cells (steps x cores) counted at once.
CHUNK_CELLS = 2**21
#: Unit prices of a synaptic event, by the format of the synapses.
SYNAPSES = {"dense": "synaptic_event", "sparse": "synaptic_event_sparse", "conv": "synaptic_event_conv"}


@dataclass(frozen=True, eq=False)
class StepTimes:
    """Times of the steps in seconds, shape (steps,), and who set the pace.

    seconds : duration with the barrier.    core : the slowest core.    stage : 0 = sending, 1 = receiving.
    """

    seconds: Array
    core: Array
    stage: Array


class Meter:
    """Counts of a run on a placed network; feed it chunks of steps with :meth:`add`.

    After the last chunk: ``packets``, ``injected`` (packets of input lines), ``hops_ew``, ``hops_ns``, ``spikes``
    and ``synaptic_events`` by name, ``by_core`` and ``by_layer`` tables, and :meth:`times`.
    """

    def __init__(self, network: Network, placement: Placement, chip: Chip, synapses: Mapping[str, str]) -> None:
        self.network, self.chip = network, chip
        self.cores = placement.cores
        self.neurons = np.bincount(
            np.searchsorted(self.cores, np.concatenate(list(placement.core.values()))), minlength=len(self.cores)
        )
        local = {name: np.searchsorted(self.cores, core) for name, core in placement.core.items()}
        reading = {q.name: chip.time(SYNAPSES[synapses[q.name]]) for q in network.projections}
        self.wiring = wire(network, local, len(self.cores), reading)
        x, y, tile = tile_position(chip, np.append(self.cores, 0), chips_used(chip, placement))
        self.x, self.y, self.tiles = x.astype(np.int64), y.astype(np.int64), len(np.unique(tile[:-1]))
        self.layer = np.repeat(np.arange(len(network.populations)), [p.size for p in network.populations])
        self.steps = 0
        self.spikes = {p.name: 0 for p in network.populations}
        self.synaptic_events = {q.name: 0 for q in network.projections}
        self.by_core = np.zeros((len(self.cores) + 1, 4), np.int64)
        self.by_layer = np.zeros((len(network.populations), 4), np.int64)
        self.core_spikes = np.zeros(len(self.cores), np.int64)
        self._times: list[StepTimes] = []

    def add(self, spikes: Mapping[str, Spikes], updated: Array | None, steps: int) -> None:
        """Count ``steps`` more steps.

        spikes : by population and input, with steps counted from 0.
        updated : neurons updated, (steps, cores) or (cores,) if the same in every step; None = every neuron.
        """
        chunk = max(1, CHUNK_CELLS // max(len(self.cores), 1))
        for low in range(0, steps, chunk):
            high = min(low + chunk, steps)
            part = {name: s.between(low, high) for name, s in spikes.items()}
            rows = updated[low:high] if updated is not None and updated.ndim == 2 else updated
            self._add(part, rows, high - low)

    def _add(self, spikes: Mapping[str, Spikes], updated: Array | None, steps: int) -> None:
        from .kernels import count_by_core, count_packets

        w, n = self.wiring, len(self.cores)
        sent, received, fired = (np.zeros((steps, n), np.int64) for _ in range(3))
        reading, by_step = np.zeros((steps, n)), np.zeros((steps, 4), np.int64)
        for name, s in spikes.items():
            source = s.neuron + w.offset[name]
            count_packets(
                s.step, source, w.start, w.target, w.synapses, w.seconds, w.core, self.layer, self.x, self.y,
                sent, received, reading, self.by_core, self.by_layer, by_step,
            )  # fmt: skip
            if w.core[w.offset[name]] >= 0:
                count_by_core(s.step, source, w.core, fired)
            self.spikes[name] += len(s)
        for q in self.network.projections:
            self.synaptic_events[q.name] += int(q.fan_out[spikes[q.pre].neuron].sum())
        self.core_spikes += fired.sum(0)
        self.steps += steps
        self._times.append(self._simple(fired, self.neurons if updated is None else updated, sent, received, reading))

    def _simple(self, fired: Array, updated: Array, sent: Array, received: Array, reading: Array) -> StepTimes:
        """Slowest core, sending or receiving, plus the barrier."""
        cost = lambda name: self.chip.time(name) or 0.0  # noqa: E731
        send = self.neurons * cost("neuron_access") + updated * cost("neuron_update")
        send = send + fired * cost("neuron_spike") + sent * cost("packet")
        receive = received * cost("packet_receive") + reading
        both = np.stack([send, receive])
        slowest = both.max(0).argmax(1)
        rows = np.arange(len(fired))
        stage = both[:, rows, slowest].argmax(0)
        seconds = both[stage, rows, slowest] + (self.chip.constant("time", "barrier").at(self.tiles) or 0.0)
        return StepTimes(seconds, self.cores[slowest], stage)

    def times(self) -> StepTimes:
        """Times of all steps so far."""
        parts = [[getattr(t, name) for t in self._times] for name in ("seconds", "core", "stage")]
        return StepTimes(*(np.concatenate(p) if p else np.zeros(0) for p in parts))

    @property
    def packets(self) -> int:
        """Packets, those of the input lines included."""
        return int(self.by_core[:, 0].sum())

    @property
    def injected(self) -> int:
        """Packets of the input lines."""
        return int(self.by_core[-1, 0])

    @property
    def hops_ew(self) -> int:
        """Hops along x."""
        return int(self.by_core[:, 2].sum())

    @property
    def hops_ns(self) -> int:
        """Hops along y."""
        return int(self.by_core[:, 3].sum())
