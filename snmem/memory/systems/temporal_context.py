r"""Temporal context: recall of a list moves on to what was studied near by, forward more often than backward.

**On vectors** (:class:`TemporalContextModel`). With f_i the unit vector of item i, T the shift from an item to the one
studied before it (the last one keeps itself) and e, r the drift while studying and while recalling:

.. math::
    M = (I - (1 - e) T)^{-1} T, \qquad t' = (1 - g) f_i + g M f_i, \qquad
    t \leftarrow (1 - r)\, t + r\, t' / \lVert t' \rVert, \qquad P(j) = (M^T t)_j / \textstyle\sum_l (M^T t)_l

(t scaled to length 1): the recalled item i brings itself and, by g, the context it was studied in back to mind; the
next is drawn by P, with replacement.

**On a K-winner memory** (:class:`TemporalContextMemory`). An item has K context units; unit m stays active for
:math:`D_m = \lceil \log\theta_m / \log(1 - b) \rceil` presentations, as a leaky integrator does that loses the share b
of its potential in each and has the threshold :math:`\theta_m = (m + 1/2) / K`. Context -> item pairs are stored
one-shot: the k hidden units of largest drive :math:`h = W c` win, and their synapses move by the rate towards the
context (W) and towards the item (R). Recall: the winners of the present context vote, the item with most votes (plus
noise, ties to the first) that was not recalled before is recalled; it enters the context as a studied item does, and
brings a share of the units back that were active when it was studied.

**In spikes** that loop runs by itself: recalled items enter the context, move it on and start the next search. The
network is the frozen memory; learning is done on vectors. A list is a sequence, not a set of patterns, so that this
memory has none of the verbs of :class:`~snmem.memory.base.Memory`.

Sources: Howard & Kahana 2002, "A distributed representation of temporal context", doi 10.1006/jmps.2001.1388; the
model on vectors as in Ji-An et al. 2024, "Linking in-context learning in transformers to human episodic memory",
arXiv 2405.14992. The spiking form is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...circuits.kwta import Line, SuccessiveApproximation
from ...circuits.kwta.base import check_whole
from ...description import Description, number
from ...errors import InputError
from ...network import Input, Network, Population, Projection
from ...neurons import LIF
from ...spikes import Recording

PASS = LIF(alpha=0, beta=0, theta=0.5)


@dataclass(frozen=True)
class TemporalContextModel(Description):
    """The model on vectors (equations above).

    Parameters
    ----------
    items : int
        Length of the list.
    study, recall : float
        Drifts e and r, in (0, 1].
    retrieved : float
        Share g, in [0, 1], of the context that an item brings back.
    """

    items: int = 100
    study: float = 0.7
    recall: float = 0.7
    retrieved: float = 0.0

    def __post_init__(self) -> None:
        check_whole("TemporalContextModel.items", self.items, 2, 10_000)
        for name in ("study", "recall", "retrieved"):
            value = number(f"TemporalContextModel.{name}", getattr(self, name))
            if not 0 <= value <= 1 or (value == 0 and name != "retrieved"):
                raise InputError(f"TemporalContextModel.{name}: must lie between 0 and 1, got {value}")

    @cached_property
    def associations(self) -> NDArray[np.float64]:
        """M, (items, items)."""
        shift = np.eye(self.items, k=1)
        shift[-1, -1] = 1
        return np.linalg.inv(np.eye(self.items) - (1 - self.study) * shift) @ shift

    def sequence(self, first: int, length: int, rng: np.random.Generator) -> list[int]:
        """Items recalled one after another, from item ``first`` on, up to the last of the list."""
        found, context = [first], np.zeros(self.items)
        for _ in range(length):
            item = np.eye(self.items)[found[-1]]
            brought = (1 - self.retrieved) * item + self.retrieved * self.associations @ item
            brought = brought / np.linalg.norm(brought)
            context = (1 - self.recall) * context + self.recall * brought if context.any() else brought
            context = context / np.linalg.norm(context)
            drive = np.cumsum(self.associations.T @ context)
            found.append(int(np.searchsorted(drive, rng.random() * drive[-1], side="right")))
            if found[-1] == self.items - 1:
                break
        return found


@dataclass(frozen=True)
class TemporalContextMemory(Description):
    """A list 0, 1, ..., studied in this order (equations above).

    Parameters
    ----------
    items : int
        Length of the list.
    units : int
        Context units K of an item.
    drift : float
        Share b of its potential that a context unit loses with every presentation, in (0, 1).
    ages : int
        Presentations after which the last unit of an item falls silent at the latest.
    hidden, fan_in, winners : int
        Hidden units, synapses from context units to each, and how many win.
    levels : int
        Weights are whole numbers from 0 to so many.
    rate : float
        Share of the way that the winners' weights move, in (0, 1].
    reinstated : float
        Share of the context units that a recalled item brings back, in [0, 1].
    noise_bits : int
        Noise of the votes: uniform whole numbers below 2**noise_bits.
    seed : int
        Of synapses and initial weights.

    Raises
    ------
    InputError
        For sizes and shares out of range.
    """

    items: int = 16
    units: int = 16
    drift: float = 0.3
    ages: int = 8
    hidden: int = 400
    fan_in: int = 40
    winners: int = 20
    levels: int = 3
    rate: float = 0.5
    reinstated: float = 0.3
    noise_bits: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"items": 2**12, "units": 2**10, "ages": 2**8, "hidden": 2**16, "levels": 15, "noise_bits": 8}
        limits |= {"fan_in": self.lines, "winners": self.hidden, "seed": 2**63}
        for name, most in limits.items():
            check_whole(f"TemporalContextMemory.{name}", getattr(self, name), 0 if name == "seed" else 1, most)
        for name in ("drift", "rate", "reinstated"):
            value = number(f"TemporalContextMemory.{name}", getattr(self, name))
            if not 0 <= value <= 1 or (value in (0, 1) and name == "drift") or (value == 0 and name == "rate"):
                raise InputError(f"TemporalContextMemory.{name}: must lie between 0 and 1, got {value}")

    @property
    def tokens(self) -> int:
        """Items, and ``ages`` more that stand for what came before the list."""
        return self.items + self.ages

    @property
    def lines(self) -> int:
        """Context units of all tokens; unit ``units`` i + m is unit m of token i."""
        return self.tokens * self.units

    @property
    def lifetimes(self) -> NDArray[np.int64]:
        """Presentations D_m for which a unit stays active, (units,)."""
        theta = (np.arange(self.units) + 0.5) / self.units
        return np.clip(np.ceil(np.log(theta) / np.log(1 - self.drift)), 1, self.ages).astype(np.int64)

    def context(self, history: Sequence[int]) -> NDArray[np.bool_]:
        """Active context units after presentations of tokens, the latest first, bool (lines,)."""
        active = np.zeros((self.tokens, self.units), bool)
        for age, token in enumerate(history[: self.ages]):
            active[token] |= self.lifetimes > age
        return active.ravel()

    def history(self, position: int) -> list[int]:
        """Tokens presented before the item at this position of the list, the latest first."""
        return [p if p >= 0 else self.items - 1 - p for p in range(position - 1, position - 1 - self.ages, -1)]

    @cached_property
    def weights(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """W (hidden, lines) and R (items, hidden) after the list; the units that each item brings back."""
        rng = np.random.default_rng(self.seed)
        there = np.zeros((self.hidden, self.lines), bool)
        drawn = np.argpartition(rng.random(there.shape), self.fan_in - 1, axis=1)[:, : self.fan_in]
        np.put_along_axis(there, drawn, True, axis=1)
        forward = there * rng.integers(0, self.levels + 1, there.shape)
        back = np.zeros((self.items, self.hidden), np.int64)
        contexts = np.array([self.context(self.history(p)) for p in range(self.items)])
        for item, active in enumerate(contexts):
            won, this = self._winners(forward @ active), np.arange(self.items)[:, None] == item
            step = self.rate * (self.levels * active - forward[won])
            forward[won] += np.rint(step).astype(np.int64) * there[won]
            back[:, won] += np.rint(self.rate * (self.levels * this - back[:, won])).astype(np.int64)
        return forward, back, contexts & (rng.random(contexts.shape) < self.reinstated)

    def _winners(self, drive: NDArray[np.int64]) -> NDArray[np.bool_]:
        return drive >= np.partition(drive, -self.winners)[-self.winners]

    def votes(self, context: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Votes of the winners of a context, (items,)."""
        forward, back, _ = self.weights
        return back @ self._winners(forward @ context)

    def noise(self, lists: int, seed: int) -> NDArray[np.int64]:
        """Noise for so many recalls of the list, (lists, items, items)."""
        return np.random.default_rng(seed).integers(0, 2**self.noise_bits, (lists, self.items, self.items))

    def recall(self, noise: NDArray[np.int64]) -> list[int]:
        """Free recall after the list: items in the order in which they come; row n of ``noise`` is that of recall n."""
        history, brought, found = self.history(self.items), np.zeros(self.lines, bool), list[int]()
        for row in noise:
            votes = self.votes(self.context(history) | brought) + row
            votes[found] = -1
            found.append(int(votes.argmax()))
            history, brought = [found[-1], *history], self.weights[2][found[-1]]
        return found

    @property
    def searches(self) -> tuple[SuccessiveApproximation, SuccessiveApproximation]:
        """k-WTA among the hidden units, and among the items."""
        forward, back, _ = self.weights
        most = int(forward.sum(1).max()), int(back.sum(1).max()) + 2**self.noise_bits
        hidden, items = (SuccessiveApproximation(n.bit_length(), hold="v") for n in most)
        return hidden, items

    @property
    def decision(self) -> int:
        """Step of a presentation in which the hidden winners spike, and noise comes in."""
        return 2 + self.searches[0].latency

    @property
    def period(self) -> int:
        """Steps of a presentation: the recalled item spikes in its last, which is step 0 of the next."""
        return self.decision + self.searches[1].latency + 1

    def network(self) -> Network:
        """The frozen recall network; inputs ``cue`` (ages x tokens), ``start`` and ``noise`` (items x noise_bits)."""
        hidden_search, item_search = self.searches
        period, n = self.period, self.items
        hidden = hidden_search.build(
            "hidden", self.hidden, self.winners, Line("go", 1, 0), 2.0**hidden_search.bits, period, 3
        )
        items = item_search.build(
            "items", n, 1, hidden.finish, 2.0**item_search.bits, period, (self.decision + 1) % period
        )
        sizes = {"age": self.ages * self.tokens, "context": self.lines, "go": 1, "recalled": n, "done": n}
        inputs = (Input("cue", sizes["age"]), Input("start", 1), Input("noise", n * self.noise_bits))
        own = tuple(Population(name, size, PASS) for name, size in sizes.items())
        projections = (*hidden.projections, *items.projections, *self._context(), *self._search(hidden.finish))
        return Network((*inputs, *own, *hidden.populations, *items.populations), projections, ("recalled",))

    def _context(self) -> list[Projection]:
        """Recalled items and the cue make the context, which ages with every presentation."""
        n, tokens, ages = self.items, self.tokens, self.ages
        alive = self.lifetimes[:, None] > np.arange(ages)
        units = np.hstack([np.kron(np.eye(tokens), alive[:, [age]]) for age in range(ages)])
        older = sp.eye_array(ages * tokens, k=-tokens, format="csr")
        return [
            Projection("cue", "age", sp.eye_array(ages * tokens, format="csr")),
            Projection("recalled", "age", sp.eye_array(ages * tokens, n, format="csr")),
            Projection("age", "age", older, delay=self.period),
            Projection("age", "context", sp.csr_array(units)),
            Projection("recalled", "context", sp.csr_array(self.weights[2].T.astype(float)), delay=2),
            Projection("start", "go", [[1.0]], delay=2),
            Projection("recalled", "go", np.ones((1, n)), delay=2),
        ]

    def _search(self, finish: Line) -> list[Projection]:
        """Context -> hidden winners -> votes, noise, and no item twice -> the first of the items with most votes."""
        forward, back, _ = self.weights
        n, far = self.items, 2.0 ** self.searches[1].bits
        half = np.zeros((n, finish.size))
        half[:, finish.index] = 0.5
        powers = 2.0 ** np.arange(self.noise_bits)
        return [
            Projection("context", "hidden", forward.astype(float)),
            Projection("go", "hidden", np.full((self.hidden, 1), 0.5), name="hidden.offset"),
            Projection("hidden.winners", "items", back.astype(float)),
            Projection(finish.population, "items", half, name="items.offset"),
            Projection("noise", "items", np.kron(np.eye(n), powers)),
            Projection("items.winners", "recalled", np.eye(n) - np.tri(n, k=-1)),
            Projection("recalled", "done", np.eye(n), delay=self.decision),
            Projection("done", "done", np.eye(n), delay=self.period),
            Projection("done", "items", -far * np.eye(n)),
        ]

    def recall_inputs(self, noise: NDArray[np.int64]) -> tuple[dict[str, Any], int]:
        """The context at the end of the list and the noise of each recall as spikes, and the number of steps."""
        old = np.array(self.history(self.items))
        number, item = np.indices(noise.shape).reshape(2, -1)
        bit = noise.reshape(-1, 1) >> np.arange(self.noise_bits) & 1
        at, which = np.nonzero(bit)
        steps = number[at] * self.period + self.decision
        cue = np.zeros(self.ages, np.int64), np.arange(self.ages) * self.tokens + old
        spikes = {"cue": cue, "start": ([0], [0]), "noise": (steps, item[at] * self.noise_bits + which)}
        return spikes, len(noise) * self.period + 1

    def read(self, recording: Recording) -> list[int]:
        """The recalled items of a run, in order."""
        spikes = recording.spikes["recalled"]
        return spikes.neuron[np.argsort(spikes.step, kind="stable")].tolist()
