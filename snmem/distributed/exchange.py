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
from itertools import pairwise
from typing import Any

import numpy as np

from ..backends.event.columns import BEGIN, END
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
    last : collection of str
        Populations that are stepped behind these.
    """

    def __init__(self, layout: Any, team: Any, numbers: Mapping[str, int], last: Any) -> None:
        self.team, self.depth, self.first = team, layout.depth, layout.first
        order = [name for name in layout.network.update_order if name not in last]
        if list(layout.network.update_order[: len(order)]) != order:
            raise AssertionError("relays must be stepped last")
        index = [layout.index[name] for name in order]
        self.ends = (index[0], index[-1]) if index else None
        self.sends, self.shift = np.zeros(len(layout.sizes), bool), np.zeros(len(layout.sizes), np.int64)
        for name, number in numbers.items():
            p = layout.index[name]
            self.sends[p], self.shift[p] = True, number - layout.first[p]

    def of(self, t: int) -> Any:
        """Numbers, in the exchange, of the neurons that spike in step t."""
        if self.ends is None:
            return self.shift[:0]
        slot, (first, last) = self.team.states[0].ring[t % self.depth], self.ends
        ids = self.team.spikes.neuron[slot[first, BEGIN] : slot[last, END]]
        pops = np.searchsorted(self.first, ids, side="right") - 1
        return (ids + self.shift[pops])[self.sends[pops]]


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
        self.room, self.t = _ROOM, 0
        self.own: OwnSpikes | None = None
        self.into = dict[str, int]()  # population -> number, in the engine, of the first neuron of its relay
        self.kept, self.out = list[Any](), [dict.fromkeys(sizes, np.zeros(0, np.int64))] * every

    def begin(self, relays: Mapping[str, str]) -> Callable[[Any, Any], None]:
        """What the engine calls before the first step; ``relays``: population -> the one that stands for all of it."""

        def join(layout: Any, team: Any) -> None:
            self.own = OwnSpikes(layout, team, self.numbers, set(relays.values()))
            self.into = {name: int(layout.first[layout.index[relay]]) for name, relay in relays.items()}

        return join

    def spikes_of(self, name: str) -> Any:
        """Numbers, as the engine has them, of the neurons of a population that come out in the step that is made."""
        if name == self.names[0]:
            with all_or_none(self.comm):  # no error finds its way through compiled code
                self._step()
            self.t += 1
        return self.out[self.t % self.every][name]

    def _step(self) -> None:
        """Keep the spikes of the step; after the last one of an interval, exchange those of all."""
        assert self.own is not None
        self.kept.append((self.own.of(self.t) + self.t % self.every * self.neurons).astype(self.kind))
        if (self.t + 1) % self.every:
            return
        keys = self._everybodys(np.concatenate(self.kept))
        keys.sort(kind="stable")
        self.kept.clear()
        bounds, keys = np.searchsorted(keys, self.starts).tolist(), keys.astype(np.int64)
        parts = [keys[a:b] for a, b in pairwise(bounds)]
        shifts = [self.into[name] for name in self.names] * self.every
        found = [x + (s - int(n)) for x, s, n in zip(parts, shifts, self.starts[:-1], strict=True)]
        many = len(self.names)
        self.out = [dict(zip(self.names, found[j * many : (j + 1) * many], strict=True)) for j in range(self.every)]

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
