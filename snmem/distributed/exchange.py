"""The spikes of all ranks, exchanged once in ``every`` steps, the smallest delay.

A spike is one number, (step in the interval) * neurons + neuron, with neurons counted through all populations that are
exchanged. Each rank sends its numbers of an interval behind their count, in a message of a fixed size; where one has
more of them, all send the rest in a second message, and take a larger size from then on. Sorted, they are in the order
of one process: by step, then population, then neuron.

Spikes of step s come out in step s + every - 1, the first in which they can be known everywhere; delays are shorter by
as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..backends.event.columns import BEGIN, END
from .relay import ADD, BOUNDS, NEXT, NUMBERS, OFF, Relay
from .world import all_or_none, gathered, wait

#: Spikes of a message at first.
_ROOM = 256


class OwnSpikes:
    """The spikes that this rank's neurons have in the step that is made, as the engine holds them.

    Parameters
    ----------
    layout, team
        Of the run.
    numbers : mapping
        Population -> number, in the exchange, of the first of its neurons here.
    """

    def __init__(self, layout: Any, team: Any, numbers: Mapping[str, int]) -> None:
        self.team, self.depth, self.first = team, layout.depth, layout.first
        network = layout.network
        relays = [isinstance(network[name].neuron, Relay) for name in network.update_order]
        if relays != sorted(relays):
            raise AssertionError("relays must be stepped last")
        index = [layout.index[name] for name in network.update_order[: relays.count(False)]]
        self.ends = (index[0], index[-1]) if index else None
        self.sends, self.shift = np.zeros(len(layout.sizes), bool), np.zeros(len(layout.sizes), np.int64)
        for name, number in numbers.items():
            p = layout.index[name]
            self.sends[p], self.shift[p] = True, number - layout.first[p]

    def of(self, t: int) -> Any:
        """Numbers of the neurons that spike in step t, as the engine has them."""
        if self.ends is None:
            return self.shift[:0]
        slot, (first, last) = self.team.states[0].ring[t % self.depth], self.ends
        return self.team.spikes.neuron[slot[first, BEGIN] : slot[last, END]].copy()

    def numbers(self, ids: Any, more: Any) -> Any:
        """The same as the exchange has them, plus ``more`` of each; without those that are not exchanged."""
        pops = np.searchsorted(self.first, ids, side="right") - 1
        return (ids + self.shift[pops] + more)[self.sends[pops]]


class Exchange:
    """What the ranks exchange, and what comes out of it step by step.

    Parameters
    ----------
    comm : communicator
        Of the ranks.
    sizes : mapping
        Population -> neurons on all ranks.
    own : mapping
        Population -> the first of the neurons of this rank, and the one behind the last.
    every : int
        Steps of an interval.
    """

    def __init__(self, comm: Any, sizes: Mapping[str, int], own: Mapping[str, tuple[int, int]], every: int) -> None:
        self.comm, self.every, self.neurons = comm, every, sum(sizes.values())
        first = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
        self.numbers = {name: first[name] + low for name, (low, high) in own.items() if low < high}
        self.names, self.kind = list(sizes), np.int32 if every * self.neurons < 2**31 else np.int64
        starts = np.arange(every)[:, None] * self.neurons + np.array(list(first.values()), np.int64)
        self.starts = np.append(starts.ravel(), every * self.neurons).astype(self.kind)
        self.room, self.t, self.kept = _ROOM, 0, list[Any]()
        self.own: OwnSpikes | None = None
        self.everybodys = np.zeros(1, np.int64)
        self.tables = np.zeros((len(sizes), BOUNDS + 2 * every), np.int64)
        self.tables[:, OFF] = self.neurons
        self.tables[:, NUMBERS] = self.everybodys.ctypes.data

    def begin(self, relays: Mapping[str, str]) -> Callable[[Any, Any], None]:
        """What the engine calls before the first step; ``relays``: population -> the one that stands for all of it."""

        def join(layout: Any, team: Any) -> None:
            self.own = OwnSpikes(layout, team, self.numbers)
            first = [layout.first[layout.index[relays[name]]] for name in self.names]
            self.tables[:, ADD] = np.array(first, np.int64) - self.starts[: len(first)]

        return join

    def step(self) -> None:
        """Keep the spikes of the step that is made; in the last of an interval, exchange them."""
        with all_or_none(self.comm):  # no error finds its way through compiled code
            self._step()

    def _step(self) -> None:
        assert self.own is not None
        self.kept.append(self.own.of(self.t))
        self.t += 1
        if self.t % self.every == 0:
            self._swap()

    def _swap(self) -> None:
        """Let the relays spike as all ranks have in the interval."""
        assert self.own is not None
        steps = np.arange(self.every) * self.neurons
        ids = self.own.numbers(np.concatenate(self.kept), np.repeat(steps, [len(x) for x in self.kept]))
        self.kept.clear()
        keys = self._everybodys(ids.astype(self.kind))
        keys.sort()
        bounds, many = np.searchsorted(keys, self.starts), (self.every, len(self.names))
        self.everybodys = np.append(keys.astype(np.int64), 0)
        self.tables[:, NEXT], self.tables[:, NUMBERS] = 0, self.everybodys.ctypes.data
        self.tables[:, BOUNDS::2] = bounds[:-1].reshape(many).T
        self.tables[:, BOUNDS + 1 :: 2] = bounds[1:].reshape(many).T

    def _everybodys(self, own: Any) -> Any:
        """The numbers of all ranks."""
        room, size = self.room, self.comm.size
        if size == 1:
            return own
        message, received = np.zeros(1 + room, self.kind), np.empty((size, 1 + room), self.kind)
        some = own[:room]
        message[0], message[1 : 1 + some.size] = own.size, some
        wait(self.comm.Iallgather(message, received))
        counts = received[:, 0].tolist()
        parts = [received[r, 1 : 1 + min(n, room)] for r, n in enumerate(counts)]
        if max(counts) > room:
            parts.append(gathered(self.comm, own[room:]))
            self.room = 2 * max(counts)
        return np.concatenate(parts)
