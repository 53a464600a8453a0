r"""A head on pairs of winners: it learns classes one after another without forgetting the ones before.

The code of an input are the units that won a k-WTA. Class c is driven by all pairs of them, and learns from a labelled
input by one-sided steps:

.. math::
    z_c = \sum_{i < j,\; i, j \in \text{code}} w_{c,ij}, \qquad
    w_{c,ij} \leftarrow \min(w_{c,ij} + 1, \text{most}) \quad\text{if c is the label and } z_c \le \theta

with :math:`\theta` = ``margin`` k (k - 1) / 2. No other class is changed, so that what is forgotten is only what
pairs of several classes have in common, and few inputs share pairs. With ``order`` 1 the units drive the classes
themselves, as in a linear head.

**In spikes** pairs are coincidence neurons of two winners; a class that is silent although its label spikes has an
error neuron that gates its synapses (third factor). Weights are whole numbers of 8 bits, and learn on Loihi's engine.

Sources: Keskinen 2024, "Pairwise layers for continual learning" (pairs of k-WTA winners; there with gradients, scaled
by importance); the one-sided rule is ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..circuits.kwta import Line
from ..circuits.kwta.exact import exact_kwta, exact_steps
from ..description import LearnsInPlace, Summary, is_whole, number
from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF, LoihiLIF
from ..neurons.base import Neuron
from ..plasticity import SumOfProducts
from ..spikes import Recording

#: Largest weight, and steps of an input while learning.
MOST, PERIOD = 255, 7


def _above(level: int, onchip: bool = False) -> Neuron:
    """A memoryless neuron that spikes where its input, a whole number, is above a level."""
    return LoihiLIF(du=4095, dv=4095, vth=level) if onchip else LIF(alpha=0, beta=0, theta=level + 0.5)


class PairwiseHead(Summary, LearnsInPlace):
    """Classes on pairs of winners; equations: :mod:`snmem.learning.pairwise`.

    Parameters
    ----------
    units : int
        Units that can win.
    winners : int
        How many win (k), at least ``order``.
    classes : int
        Classes.
    order : int
        2 for pairs, 1 for the units themselves.
    margin : float
        Drive that a class learns up to, for each of its features.

    Raises
    ------
    InputError
        For sizes out of range.
    """

    def __init__(self, units: int, winners: int, classes: int, order: int = 2, margin: float = 2.0) -> None:
        limits = {"units": 1 << 12, "winners": units, "classes": 1 << 12, "order": 2}
        for name, high in limits.items():
            value: Any = locals()[name]
            if not is_whole(value) or not 1 <= value <= high:
                raise InputError(f"PairwiseHead.{name}: must be a whole number in 1..{high}, got {value!r}")
        if winners < order:
            raise InputError(f"PairwiseHead.winners: {winners} make no feature of {order}; use at least {order}")
        self.units, self.winners, self.classes, self.order = units, winners, classes, order
        self.margin = number("PairwiseHead.margin", margin)
        if not 0 <= self.margin < MOST:
            raise InputError(f"PairwiseHead.margin: must lie in [0, {MOST}), got {margin!r}")
        #: w of each class, (classes, units, units): above the diagonal for pairs, on it for single units.
        self.weights = np.zeros((classes, units, units), np.int16)
        self._there = np.eye(units, dtype=bool) if order == 1 else np.triu(np.ones((units, units), bool), 1)

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [("units", f"{self.units:,}, {self.winners:,} win"), ("classes", f"{self.classes:,}")]
        return f"PairwiseHead: order {self.order}", rows

    @property
    def theta(self) -> float:
        """Drive up to which a class learns."""
        k = self.winners
        return self.margin * (k if self.order == 1 else k * (k - 1) / 2)

    def _codes(self, codes: ArrayLike) -> NDArray[np.bool_]:
        rows = np.asarray(codes)
        if rows.ndim != 2 or rows.shape[1] != self.units or not np.isin(rows, (0, 1)).all():
            raise InputError(f"codes: must be 0 and 1 of shape (n, {self.units}), got shape {rows.shape}")
        return rows.astype(bool)

    def _labels(self, labels: ArrayLike, count: int) -> NDArray[np.int64]:
        given = np.asarray(labels)
        whole = given.shape == (count,) and (given.dtype.kind in "iu" or not count)
        if not whole or (count and not 0 <= given.min() <= given.max() < self.classes):
            raise InputError(f"labels: must be {count} whole numbers in 0..{self.classes - 1}")
        return given.astype(np.int64)

    def learn(self, codes: ArrayLike, labels: ArrayLike) -> None:
        """Learn from labelled codes, (n, units) and (n,), in order; InputError for anything else."""
        rows = self._codes(codes)
        for code, label in zip(rows, self._labels(labels, len(rows)), strict=True):
            at = np.ix_(on := np.flatnonzero(code), on)
            weights = self.weights[label]
            if weights[at].sum(dtype=np.int64) <= self.theta:
                weights[at] = np.minimum(weights[at] + self._there[at], MOST)

    def scores(self, codes: ArrayLike) -> NDArray[np.int64]:
        """Drive of every class, (n, classes)."""
        rows = self._codes(codes)
        out = np.zeros((len(rows), self.classes), np.int64)
        for row, code in zip(out, rows, strict=True):
            on = np.flatnonzero(code)
            row[:] = self.weights[:, on[:, None], on].sum((1, 2))
        return out

    def predict(self, codes: ArrayLike) -> NDArray[np.int64]:
        """The class with the largest drive, the first of those that tie, (n,)."""
        return self.scores(codes).argmax(1)

    def _features(self, onchip: bool = False) -> tuple[list[Any], list[Projection], str]:
        """Winners, and neurons for their pairs."""
        code = Input("code", self.units)
        if self.order == 1:
            return [code], [], "code"
        i, j = np.nonzero(self._there)
        n = np.arange(len(i))
        both = sp.csr_array((np.ones(2 * len(i)), (np.tile(n, 2), np.concatenate([i, j]))), shape=(len(i), self.units))
        pairs = Population("pair", len(i), _above(1, onchip))
        return [code, pairs], [Projection("code", "pair", both)], "pair"

    def learning_network(self, onchip: bool = False) -> Network:
        """The network that learns by itself; ``onchip``: in Loihi's integers, by its engine."""
        populations, projections, source = self._features(onchip)
        features, eye = int(self._there.sum()), np.eye(self.classes)
        synapses = sp.csr_array(np.ones((self.classes, features)))
        synapses.data[:] = self.weights[:, self._there].ravel()
        rule = SumOfProducts("y0*x1", x1=(1, 0), gate="error", bounds=None if onchip else (0.0, float(MOST)))
        populations += [
            Input("label", self.classes),
            Population("class", self.classes, _above(int(self.theta), onchip)),
            Population("error", self.classes, _above(0, onchip)),
        ]
        projections += [
            Projection(source, "class", synapses, plasticity=rule, name="weights"),
            Projection("label", "error", eye),
            Projection("class", "error", -eye),
        ]
        return Network(tuple(populations), tuple(projections), outputs=("class",))

    def learning_inputs(self, codes: ArrayLike, labels: ArrayLike) -> tuple[dict[str, Any], int]:
        """Spikes of labelled codes, PERIOD steps each: the code, the label as classes answer, the code again."""
        rows = self._codes(codes)
        given, late = self._labels(labels, len(rows)), self.order - 1
        row, unit = np.nonzero(rows)
        steps = np.concatenate([row * PERIOD, row * PERIOD + 2])
        order = np.argsort(steps, kind="stable")
        label = np.arange(len(rows)) * PERIOD + 1 + late, given
        return {"code": (steps[order], np.tile(unit, 2)[order]), "label": label}, len(rows) * PERIOD

    def learned(self, recording: Recording) -> NDArray[np.int16]:
        """The weights after a run of the learning network, in the shape of ``weights``."""
        out = np.zeros_like(self.weights)
        final: Any = recording.weights["weights"]
        out[:, self._there] = final.toarray()
        return out

    def network(self) -> Network:
        """The frozen network: input ``code`` and ``start``; the class with most drive spikes in ``decision``.

        ``start`` spikes ``order`` - 1 steps after the code.
        """
        populations, projections, source = self._features()
        weights = sp.csr_array(self.weights[:, self._there].astype(float))
        period, most = self.answer + 1, int(self.weights.sum((1, 2), dtype=np.int64).max(initial=1))
        line = Line("start", 1, 0)
        circuit = exact_kwta("class", self.classes, 1, line, most, period, self.order % period)
        first = np.eye(self.classes) - np.tri(self.classes, k=-1)
        populations += [Input("start", 1), *circuit.populations]
        populations.append(Population("decision", self.classes, _above(0)))
        projections += [Projection(source, "class", weights), *circuit.projections]
        projections.append(Projection(circuit.winners, "decision", first))
        return Network(tuple(populations), tuple(projections), outputs=("decision",))

    @property
    def answer(self) -> int:
        """Steps from a code to the decision of the frozen network; codes may follow a step later."""
        most = int(self.weights.sum((1, 2), dtype=np.int64).max(initial=1))
        return self.order - 1 + exact_steps(most) + 1

    def inputs(self, codes: ArrayLike) -> tuple[dict[str, Any], int]:
        """Spikes of codes for the frozen network, and the number of steps."""
        rows, period = self._codes(codes), self.answer + 1
        row, unit = np.nonzero(rows)
        start = np.arange(len(rows)) * period + self.order - 1
        return {"code": (row * period, unit), "start": (start, np.zeros_like(start))}, len(rows) * period

    def read(self, recording: Recording) -> NDArray[np.int64]:
        """Classes decided for, -1 where no pair is known, (n,)."""
        spikes, period = recording.spikes["decision"], self.answer + 1
        out = np.full(recording.steps // period, -1)
        out[spikes.step // period] = spikes.neuron
        return out
