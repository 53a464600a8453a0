"""The meter: adds up what a run does on a placed network, in memory that does not grow with its activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...network import Network
from ...spikes import Spikes
from ..chip import Chip
from ..events import SYNAPSES
from ..mapping.placement import Placement, chips_used, tile_position
from ..timing.model import DetailedTimer, StepTimes, join, simple_times
from .wiring import nonzero_fan_out, sources, wire

Array = NDArray[Any]
#: Cells (steps x cores) counted at once.
CHUNK_CELLS = 2**20
#: Columns of the tables ``by_core`` and ``by_layer``.
COLUMNS = ("packets", "synaptic_events", "hops_ew", "hops_ns", "hops_chip", "synaptic_events_nonzero")
#: Counts of every step: packets with those of inputs; updated and changed where they are known by step.
STEP_COLUMNS = ("spikes", "input_spikes", "updated", "changed", *COLUMNS)


class Meter:
    """Counts of a run on a placed network; feed it chunks of steps with :meth:`add`.

    Attributes
    ----------
    core_spikes, core_updated, core_changed
        By used core.
    simple, detailed
        StepTimes of the chunks so far.
    by_step
        (steps, len(STEP_COLUMNS)) if ``per_step``.
    """

    def __init__(
        self,
        network: Network,
        placement: Placement,
        chip: Chip,
        synapses: Mapping[str, str],
        detailed: bool = True,
        per_step: bool = False,
    ) -> None:
        from .kernels import count_source, tree_hops

        self.network, self.chip = network, chip
        self.cores = placement.cores
        n = len(self.cores)
        local = {name: np.searchsorted(self.cores, core) for name, core in placement.core.items()}
        self.core_of = np.concatenate([local[p.name] for p in network.neurons])
        self.neurons = np.bincount(self.core_of, minlength=n)
        reading = {q.name: chip.time(SYNAPSES[synapses[q.name]]) for q in network.projections}
        self.wiring = wire(network, local, n, reading)
        x, y, tile = tile_position(chip, np.append(self.cores, 0), chips_used(chip, placement))
        self.x, self.y, self.tiles = x.astype(np.int64), y.astype(np.int64), len(np.unique(tile[:-1]))
        barrier = chip.constant("time", "barrier").at(self.tiles) or 0.0
        self.barrier = barrier
        self.size = chip.geometry("tiles_x"), chip.geometry("tiles_y")
        self.layer = np.repeat(np.arange(len(network.populations)), [p.size for p in sources(network)])
        self.tree = np.zeros((len(self.layer) if chip.routing == "multicast" else 0, 3), np.int64)
        w = self.wiring
        if len(self.tree):
            tree_hops(w.start, w.target, w.core, self.x, self.y, *self.size, self.tree)
        self.steps = 0
        self._counts = np.zeros(len(self.layer), np.int64)
        self._each = np.zeros((len(self.layer), len(COLUMNS)), np.int64)
        self._to_own_core = np.zeros(len(self.layer), np.bool_)
        count_source(
            w.start, w.target, w.synapses, w.nonzero, w.core, self.tree, self.x, self.y, *self.size, self._each,
            self._to_own_core,
        )  # fmt: skip
        self._packets = self._each[:, 0].copy()
        self._routes = self._count_routes()
        self.wiring = replace(w, by_projection={})  # needed no more, and large
        self.core_spikes = np.zeros(n, np.int64)
        self.core_updated, self.core_changed = np.zeros(n), np.zeros(n, np.int64)
        self._by_step: list[Array] | None = [] if per_step else None
        self.timer = (
            DetailedTimer(chip, self.wiring, self.x, self.y, self.neurons, barrier)
            if detailed and chip.phases == "overlapping"
            else None
        )
        self._simple: list[StepTimes] = []
        self._detailed: list[StepTimes] = []

    def _count_routes(self) -> dict[str, tuple[Array, Array]]:
        """By projection, of every presynaptic neuron: (packets, hops along x, along y); synapses of weight not 0."""
        from .kernels import count_ways

        out: dict[str, tuple[Array, Array]] = {}
        for q in self.network.projections:
            routes = self.wiring.by_projection[q.name]
            each = np.zeros((routes.shape[0], 3), np.int64)
            homes = self.wiring.core[self.wiring.offset[q.pre] :]  # -1, the entry, for inputs
            count_ways(routes.indptr, routes.indices, homes, self.x, self.y, each)
            out[q.name] = each, nonzero_fan_out(q)
        return out

    def add(
        self,
        spikes: Mapping[str, Spikes],
        steps: int,
        active: Array | None = None,
        share: Array | None = None,
        changes: Array | None = None,
    ) -> None:
        """Count ``steps`` more steps.

        spikes : by population and input, with steps counted from 0.
        active : uint8 (steps, neurons), who is updated in each step; or
        share : (neurons,), the part of the steps in which each neuron is updated.
        changes : uint8 (steps, neurons), whose v differs before and after each step.
        """
        chunk = max(1, CHUNK_CELLS // max(len(self.cores), 1))
        share = np.ones(len(self.core_of)) if share is None else share
        for low in range(0, steps, chunk):
            high = min(low + chunk, steps)
            part = spikes if (low, high) == (0, steps) else {n: s.between(low, high) for n, s in spikes.items()}
            none = np.zeros((0, 0), np.uint8)
            rows, other = (none if x is None else x[low:high] for x in (active, changes))
            self._add(part, high - low, rows, share, other)

    def _add(self, spikes: Mapping[str, Spikes], steps: int, active: Array, share: Array, changes: Array) -> None:
        from .kernels import count_active, count_by_core, count_packets

        w, n = self.wiring, len(self.cores)
        sent, received, fired = (np.zeros((steps, n), np.int64) for _ in range(3))
        reading = np.zeros((steps, n))
        step = np.concatenate([spikes[p.name].step for p in sources(self.network)], dtype=np.int32)
        first = [np.int32(w.offset[p.name]) for p in sources(self.network)]
        parts = [spikes[p.name].neuron.astype(np.int32) for p in sources(self.network)]
        source = np.concatenate([part + x for part, x in zip(parts, first, strict=True)])
        count_packets(
            step, source, w.start, w.target, w.seconds, w.core, self._packets, sent, received, reading
        )  # fmt: skip
        placed = sum(len(spikes[p.name]) for p in self.network.neurons)  # neurons come first
        count_by_core(step[:placed], source[:placed], self.core_of, fired)
        self._counts += np.bincount(source, minlength=len(self._counts))
        updated = np.bincount(self.core_of, share, minlength=n)
        if len(active):
            updated = np.zeros((steps, n), np.int64)
            count_active(active, self.core_of, updated)
        changed = np.zeros((steps, n), np.int64)
        if len(changes):
            count_active(changes, self.core_of, changed)
        self.core_changed += changed.sum(0)
        if self._by_step is not None:
            totals = fired.sum(1), np.bincount(step[placed:], minlength=steps), np.atleast_2d(updated).sum(1)
            columns = [np.broadcast_to(c, steps) for c in (*totals, changed.sum(1))]
            by_step = [np.bincount(step, column[source], steps) for column in self._each.T]
            self._by_step.append(np.column_stack([*columns, *by_step]).astype(np.int64))
        self.core_spikes += fired.sum(0)
        self.core_updated += updated.sum(0) if len(active) else updated * steps
        self.steps += steps
        self._simple.append(
            simple_times(self.chip, self.neurons, fired, updated, sent, received, reading, self.barrier)
        )
        if self.timer:
            self._detailed.append(self.timer.add(step, source, received.sum(1), active, share, updated))

    def _spikes_of(self, name: str) -> Array:
        """Spikes of each neuron or line of a population so far."""
        first = self.wiring.offset[name]
        return self._counts[first : first + self.network[name].size]

    @property
    def spikes(self) -> dict[str, int]:
        """Spikes by population and input."""
        return {p.name: int(self._spikes_of(p.name).sum()) for p in self.network.populations}

    @property
    def synaptic_events(self) -> dict[str, int]:
        """Synapses read, by projection."""
        return {q.name: int(q.fan_out @ self._spikes_of(q.pre)) for q in self.network.projections}

    @property
    def nonzero_events(self) -> dict[str, int]:
        """Synapses of weight other than 0 read, by projection."""
        return {q.name: int(self._routes[q.name][1] @ self._spikes_of(q.pre)) for q in self.network.projections}

    @property
    def by_projection(self) -> dict[str, Array | None]:
        """By projection: packets, hops along x and along y that carry its spikes.

        A packet may carry the spikes of several projections. None with multicast.
        """
        return {
            q.name: None if len(self.tree) else self._spikes_of(q.pre) @ self._routes[q.name][0]
            for q in self.network.projections
        }

    @property
    def by_core(self) -> Array:
        """(used cores + 1, 6): COLUMNS at the sender, synaptic events at the receiver; inputs in the last row."""
        from .kernels import count_read

        w, n = self.wiring, len(self.cores)
        home = np.where(w.core < 0, n, w.core)
        out, read = np.zeros((n + 1, len(COLUMNS)), np.int64), np.zeros((n + 1, 2), np.int64)
        np.add.at(out, home, self._counts[:, None] * self._each)
        count_read(self._counts, w.start, w.target, w.synapses, w.nonzero, read)
        out[:, [1, 5]] = read
        return out

    @property
    def by_layer(self) -> Array:
        """(populations, 6): COLUMNS at the sender, neurons first, then inputs."""
        out = np.zeros((len(self.network.populations), len(COLUMNS)), np.int64)
        np.add.at(out, self.layer, self._counts[:, None] * self._each)
        return out

    @property
    def own_packets(self) -> int:
        """Packets from a core to itself."""
        return int(self._counts @ self._to_own_core)

    @property
    def by_step(self) -> Array | None:
        """Counts of every step, or None if they were not asked for."""
        return None if self._by_step is None else np.concatenate(self._by_step)

    @property
    def simple(self) -> StepTimes:
        """Step times by the simple model."""
        return join(self._simple)

    @property
    def detailed(self) -> StepTimes:
        """Step times by the detailed model; empty if it was not asked for."""
        return join(self._detailed)

    def total(self, column: str) -> int:
        """Sum of one of COLUMNS over all senders, inputs included."""
        return int(self._counts @ self._each[:, COLUMNS.index(column)])

    def cores_of(self, compact: Array) -> list[int | None]:
        """Physical numbers of used cores; None for the entry of injected spikes."""
        return [int(self.cores[c]) if c < len(self.cores) else None for c in compact]

    @property
    def injected(self) -> int:
        """Packets of the input lines."""
        return int(self._counts @ np.where(self.wiring.core < 0, self._packets, 0))
