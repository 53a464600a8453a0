r"""A head in LIF neurons: scores by synapses, the largest of them by a k-WTA circuit, graded winners, a leaky read-out.

One presentation of a query, with L the latency of the k-WTA circuit and S grades:

* step 0: lines of the query's bits spike: bit b of component i, positive or negative. Their synapses :math:`\pm 2^b
  k_{ji}` sum to the score of unit j, one unit for each key. ``future`` lines keep later keys out.
* to step L: a k-WTA circuit lowers all scores until only the largest is above 0.
* step L + 1: all scores are lifted; the units above 0 win. They spike on while a chain of S neurons lowers them grade
  by grade.
* ``graded`` neurons pass these spikes on to ``output``, which leaks: a neuron for each component of the values, and a
  last one that sums the weights.
* step L + S + 2: the potentials of ``output`` are the answer.

Everything up to ``graded`` is whole numbers, so its spikes are the same on every runtime.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..circuits.kwta import Circuit, Line, SuccessiveApproximation
from ..circuits.kwta.base import sparse_matrix, to_all
from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF, LOIHI_SHIFT, LOIHI_STATE_LIMIT
from ..quantization.grid import convert
from ..quantization.neurons import VTH_MAX
from ..simulation import get_backend, simulate
from ..spikes import Recording
from .head import VALUE, Grades, HeadCodes, grades_of

START = Line("start", 1, 0)
#: Populations whose spikes say which keys win.
WINNERS, OUTPUT = "graded", "output"


@dataclass(frozen=True, eq=False)
class SpikingHead:
    """A head whose keys and values are synapses; queries come in as spikes.

    Parameters
    ----------
    codes : HeadCodes
        Of the head.
    grades : Grades
        How winners are weighted.
    """

    codes: HeadCodes
    grades: Grades = field(default_factory=Grades)

    @property
    def _bound(self) -> int:
        """No score of a query here is larger; the circuit's range, a power of two, is above twice this."""
        return int(np.abs(self.codes.scores).max())

    @property
    def span(self) -> float:
        """Range of the search."""
        return float(2 ** (2 * self._bound + 1).bit_length())

    @property
    def _away(self) -> int:
        """What takes a key out of reach of the lift: twice a number of 8 significant bits."""
        least = 2 * self._bound + 1 + self.grades.lift(self.codes.unit)
        shift = max(0, least.bit_length() - 8) + 1
        return -(-least >> shift) << shift

    @property
    def _peak(self) -> float:
        """Most votes that the output holds at any time."""
        grades, held, most = grades_of(self.codes, self.grades), 0.0, 0.0
        for i in range(1, self.grades.steps + 1):
            held = self.grades.decay(self.codes.unit) * held + (grades >= i).sum(1).max()
            most = max(most, held)
        return most

    @cached_property
    def kwta(self) -> SuccessiveApproximation:
        """Finds the largest score to the unit."""
        return SuccessiveApproximation(int(self.span).bit_length() - 1, hold="v")

    @property
    def answer(self) -> int:
        """Step of a presentation in which the potentials of ``output`` are the answer."""
        return self.kwta.latency + self.grades.steps + 2

    @property
    def period(self) -> int:
        """Steps of a presentation."""
        return self.answer + 1

    @cached_property
    def network(self) -> Network:
        """Inputs ``start``, ``query.<bit>`` and ``future``; populations ``score``, ``graded``, ``output``."""
        c = self.codes
        n, size = c.keys.shape
        clear = self.answer  # after all inputs have arrived
        circuit = self.kwta.build("score", n, 1, START, self.span, self.period, clear)
        late = np.unique(c.seen)
        inputs = [Input("start", 1), Input("future", len(late))]
        inputs += [Input(f"query.{bit}", 2 * size) for bit in range(c.bits - 1)]
        both = np.hstack([c.keys, -c.keys])
        into = [Projection(f"query.{bit}", "score", sp.csr_array(2.0**bit * both)) for bit in range(c.bits - 1)]
        hidden = sp.csr_array(-self._away / 2.0 * (np.arange(n)[:, None] >= late))
        kept_out = [Projection("future", "score", hidden, name=f"future.{half}") for half in range(2)]
        # half a unit off: no score lies on a threshold, whichever way a runtime would decide
        centre = [
            Projection("start", "score", np.full((n, 1), weight), name=name)
            for name, weight in (("score.centre", self.span / 2), ("score.half", -0.5))
        ]
        parts, wires = self._graded(circuit)
        populations = (*inputs, *circuit.populations, *parts)
        projections = (*circuit.projections, *centre, *into, *kept_out, *wires)
        return Network(populations, projections, outputs=(WINNERS, OUTPUT))

    def _graded(self, circuit: Circuit) -> tuple[list[Population], list[Projection]]:
        """The chain that lowers the scores, the graded winners, and the output."""
        n, steps, unit = len(self.codes.keys), self.grades.steps, self.codes.unit
        finish, width, chain = circuit.finish, self.grades.width(unit), "grades"
        lift = self.grades.lift(unit)  # in pieces of 8 bits
        pieces = [lift & (255 << shift) for shift in range(0, lift.bit_length(), 8)]
        lower = to_all(n, steps, dict.fromkeys(range(steps), -float(width)))
        first = sparse_matrix(steps, finish.size, {(0, finish.index): 1.0})
        votes = np.vstack([self.codes.values.T, np.full(n, VALUE)]).astype(float)
        output = LIF(alpha=0, beta=self.grades.decay(unit), theta=np.inf)
        clear = {"clear_every": self.period, "clear_offset": self.kwta.latency}
        populations = [
            Population(chain, steps, LIF(alpha=0, beta=0, theta=0.5)),
            Population(WINNERS, n, LIF(alpha=0, beta=0, theta=1.5)),
            Population(OUTPUT, len(votes), output, **clear),
        ]
        projections = [
            Projection(finish.population, chain, first),
            *(
                Projection(finish.population, circuit.candidates, lifted, name=f"score.lift.{i}")
                for i, piece in enumerate(pieces)
                for lifted in [to_all(n, finish.size, {finish.index: float(piece)})]
            ),
            Projection(chain, circuit.candidates, lower, name="score.lower"),
            Projection(circuit.candidates, WINNERS, sp.eye_array(n, format="csr")),
            Projection(chain, WINNERS, np.ones((n, steps))),
            Projection(WINNERS, OUTPUT, sp.csr_array(votes)),
        ]
        if steps > 1:
            links = {(i + 1, i): 1.0 for i in range(steps - 1)}
            projections.insert(1, Projection(chain, chain, sparse_matrix(steps, steps, links)))
        return populations, projections

    def inputs(self) -> tuple[dict[str, Any], int]:
        """Input spikes that ask all queries, one after another, and the number of steps."""
        c, late = self.codes, np.unique(self.codes.seen)
        count = len(c.queries)
        begin = self.period * np.arange(count)
        out: dict[str, Any] = {"start": (begin, np.zeros(count, np.int64))}
        out["future"] = (begin, np.searchsorted(late, c.seen))
        for bit in range(c.bits - 1):
            ones = [(np.maximum(s * c.queries, 0) >> bit) & 1 for s in (1, -1)]
            query, line = np.nonzero(np.hstack(ones))
            out[f"query.{bit}"] = (begin[query], line)
        return out, count * self.period

    def run(self, backend: str = "event", **options: Any) -> tuple[NDArray[np.float64], Recording]:
        """Ask all queries; return outputs (m, width) in the model's units, and the Recording.

        The network is quantized for backends of Loihi's arithmetic; ``options`` go to :func:`snmem.simulate`.
        """
        inputs, steps = self.inputs()
        floats = "float" in get_backend(backend).arithmetics
        network = self.network if floats else self.quantized
        recording = simulate(network, inputs, steps, backend, record=[f"{OUTPUT}.v"], **options)
        return self.outputs(recording), recording

    @cached_property
    def quantized(self) -> Network:
        """The network in Loihi's integers.

        Raises
        ------
        InputError
            If they do not hold the scores exactly.
        """
        # both scales are those of what a query can bring about, not of all synapses at once
        score = 2 * self.span + 2 * self.grades.lift(self.codes.unit) + self._away
        room = {"score": LOIHI_STATE_LIMIT / LOIHI_SHIFT / score, OUTPUT: VTH_MAX / (VALUE * self._peak)}
        made = convert(self.network, {name: min(64.0, 2.0 ** math.floor(math.log2(x))) for name, x in room.items()})
        inexact = [q.name for q in self.network.projections if q.post != OUTPUT and made.weight_error[q.name]]
        if inexact or made.scale["score"] < 2:  # half units are needed
            limit = f"Loihi's integers do not hold scores of codes of {self.codes.bits} bits exactly"
            raise InputError(f"SpikingHead: {limit}; use codes of at most {self.codes.bits - 1} bits")
        return made.network

    def outputs(self, recording: Recording) -> NDArray[np.float64]:
        """Outputs (m, width) out of the potentials of a run."""
        v = np.asarray(recording.traces[f"{OUTPUT}.v"], np.float64)[self.answer :: self.period]
        return self.codes.value_unit * VALUE * v[:, :-1] / v[:, -1:]

    def grades_in(self, recording: Recording) -> NDArray[np.int64]:
        """Spikes of each key's winner for each query, (m, n): as :func:`snmem.language.head.grades_of`."""
        out = np.zeros((len(self.codes.queries), len(self.codes.keys)), np.int64)
        spikes = recording.spikes[WINNERS]
        np.add.at(out, (spikes.step // self.period, spikes.neuron), 1)
        return out
