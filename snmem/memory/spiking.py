r"""The K-winner memory as a network of LIF neurons that learns by itself.

One presentation, in steps from its start, with tau the latency of the k-WTA circuit:

* step 0: the *cue* input spikes once per active bit, the *start* input once. Forward synapses (cue -> hidden) carry it
  to the candidates of a k-WTA circuit.
* step tau: the winners spike together. When storing, the cue lines spike again in this step with the pattern to be
  kept, and both plastic projections learn from what is there: forward by the instar rule (gate: winner, x: cue line),
  return by the outstar rule (gate: winner, x: target line, which carries the same pattern, or the one to recall).
  Winners of a known step acting as a "now print" signal is a three-factor rule.
* recall network only: the winners reach the *visible* units through the return synapses; a second k-WTA circuit with
  k = active selects the recalled bits, ``visible.winners``, in step tau + tau'.

No weight is computed outside: stored patterns enter as spikes, and the synapses change where and when neurons spike.
"""

from __future__ import annotations

import json
import math
from copy import copy
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..circuits.kwta import Circuit, Line, Strategy, SuccessiveApproximation, kwta_report, kwta_strategy
from ..errors import FileError, InputError
from ..io.files import replace_file
from ..network import Input, Network, Population, Projection
from ..neuron import LIF
from ..plasticity import Instar, Outstar
from ..simulation import simulate
from ..spikes import Recording
from .config import KWinnerConfig
from .kwinner import KWinnerMemory

START = Line("start", 1, 0)


@dataclass(frozen=True)
class Presentation:
    """Timing of one presentation in steps: ``latency`` to the (last) winners' volley, ``period`` to the next start."""

    latency: int
    period: int


def drive_span(active: float) -> float:
    """A power of two above the drives to expect: ``active`` afferent spikes on average, each through a weight in [0,
    1].

    Mean plus four standard deviations of a sum of uniformly distributed weights (virgin synapses, the strongest case).
    """
    return 2.0 ** math.ceil(math.log2(active / 2 + 4 * math.sqrt(active / 3)))


class SpikingKWinnerMemory:
    """K-winner memory of LIF neurons with the verbs of :class:`snmem.memory.kwinner.KWinnerMemory`.

    Parameters
    ----------
    config : sizes and learning rate (``tied``, ``random_winners`` and ``bits`` have no spiking counterpart).
    seed : seed of the synapses and initial weights; the same as the algorithm level draws for that seed.
    kwta : strategy of the k-WTA circuit of the hidden units; by default SuccessiveApproximation with 9 bits.
    readout : strategy of the k-WTA circuit that selects the recalled bits; the same default.
    backend : backend that runs the learning network; it must support plasticity and continuing from a state.

    Raises
    ------
    InputError
        for a configuration without spiking counterpart.

    Source: Bhandarkar & McClelland 2025, arXiv 2511.04593, section 2; circuits: :mod:`snmem.circuits.kwta`.
    """

    def __init__(
        self,
        config: KWinnerConfig | None = None,
        seed: int | np.random.Generator | None = 0,
        kwta: Strategy | None = None,
        backend: str = "event",
        readout: Strategy | None = None,
    ) -> None:
        self.config = config or KWinnerConfig()
        for name in ("tied", "random_winners", "bits"):
            if getattr(self.config, name):
                raise InputError(f"SpikingKWinnerMemory: config.{name} is set; only the algorithm level supports it")
        self.kwta, self.readout = kwta or SuccessiveApproximation(), readout or SuccessiveApproximation()
        self.backend = backend
        virgin = KWinnerMemory(self.config, seed)
        self._set(virgin.forward_weights, virgin.return_weights)

    def with_kwta(self, kwta: Strategy) -> SpikingKWinnerMemory:
        """A memory of its own with the same weights and another k-WTA strategy for the hidden units."""
        other = copy(self)
        other.kwta = kwta
        other._set(self._forward, self._back)
        return other

    def with_weights(self, forward: sp.csr_array, back: sp.csr_array) -> SpikingKWinnerMemory:
        """A memory of its own with other weights, in the shapes of ``forward_weights`` and ``return_weights``."""
        other = copy(self)
        other._set(forward, back)
        return other

    def _set(self, forward: sp.csr_array, back: sp.csr_array) -> None:
        self._forward, self._back, self._state = forward, back, None
        self.__dict__.pop("learning_network", None)
        self.__dict__.pop("recall_network", None)

    @property
    def forward_weights(self) -> sp.csr_array:
        """Weights of the projection cue -> hidden, CSR of shape (hidden, visible)."""
        return self._forward

    @property
    def return_weights(self) -> sp.csr_array:
        """Weights of the projection hidden.winners -> visible, CSR of shape (visible, hidden)."""
        return self._back

    @property
    def storing(self) -> Presentation:
        """Timing of a presentation to the learning network."""
        return Presentation(self.kwta.latency, self.kwta.latency + 2)

    @property
    def recalling(self) -> Presentation:
        """Timing of a presentation to the recall network."""
        latency = self.kwta.latency + self.readout.latency
        return Presentation(latency, latency + 1)

    def _hidden(self, period: int, clear: int) -> Circuit:
        c = self.config
        span = drive_span(c.fan_in * c.active / c.visible)
        return self.kwta.build("hidden", c.hidden, c.winners, START, span, period, clear)

    @cached_property
    def learning_network(self) -> Network:
        """The plastic network with the weights as they were when it was built (its run state carries the present
        ones)."""
        c = self.config
        hidden = self._hidden(self.storing.period, 0)
        visible = Population("visible", c.visible, LIF(alpha=0, beta=0, theta=np.inf))
        return Network(
            (
                Input("cue", c.visible),
                Input(START.population, 1),
                Input("target", c.visible),
                *hidden.populations,
                visible,
            ),
            (
                Projection("cue", "hidden", self._forward, plasticity=Instar(c.rate, gate=hidden.winners)),
                *hidden.projections,
                Projection(hidden.winners, "visible", self._back, plasticity=Outstar(c.rate, signal="target")),
            ),
            outputs=(hidden.winners,),
        )

    @cached_property
    def recall_network(self) -> Network:
        """The frozen network that recalls: no plasticity, weights on a grid of 2**-16, output ``visible.winners``."""
        c = self.config
        period = self.recalling.period
        hidden = self._hidden(period, self.kwta.latency)
        span = drive_span(c.winners * c.fan_in / c.visible)
        visible = self.readout.build("visible", c.visible, c.active, hidden.finish, span, period, 0)
        forward, back = (_on_grid(w) for w in (self._forward, self._back))
        return Network(
            (Input("cue", c.visible), Input(START.population, 1), *hidden.populations, *visible.populations),
            (
                Projection("cue", "hidden", forward),
                *hidden.projections,
                Projection(hidden.winners, "visible", back),
                *visible.projections,
            ),
            outputs=(visible.winners,),
        )

    def store(self, patterns: ArrayLike, targets: ArrayLike | None = None, **options: Any) -> Recording:
        """Present patterns one after another to the learning network, once each.

        Parameters
        ----------
        patterns : bool (n, visible) or (visible,), ``active`` ones in each row.
        targets : patterns to recall instead (hetero-association), same shape.
        options : go to :func:`snmem.simulate` (``counters``, ``record``, ...).

        Returns
        -------
        the Recording of the presentations (spikes, counters).

        Raises
        ------
        InputError
            for a wrong shape or number of ones.
        """
        cues = self._check(patterns, "patterns", self.config.active)
        wanted = cues if targets is None else self._check(targets, "targets", self.config.active)
        if len(wanted) != len(cues):
            raise InputError(f"store: {len(cues)} patterns but {len(wanted)} targets; give one target for each pattern")
        return self._learn(cues, cues, wanted, **options)

    def forget(self, patterns: ArrayLike, seed: int | np.random.Generator | None = 0, times: int = 3) -> Recording:
        """Overwrite patterns, as in :meth:`snmem.memory.kwinner.KWinnerMemory.forget`: their winners learn noise.

        Parameters
        ----------
        patterns : bool (n, visible) or (visible,), at least one 1 in each row; they need not have been stored.
        seed : seed or Generator of the random patterns.
        times : overwritings in a row, each with a new random pattern.

        Returns
        -------
        the Recording of the presentations.
        """
        rng = np.random.default_rng(seed)
        cues = self._check(patterns, "patterns", None)
        if times < 1:
            raise InputError(f"forget: times must be at least 1, got {times}")
        cues = np.repeat(cues, times, axis=0)
        noise = np.zeros_like(cues)
        for row in noise:
            row[rng.choice(self.config.visible, self.config.active, replace=False)] = True
        return self._learn(cues, noise, noise)

    def _learn(self, cues: NDArray[Any], printed: NDArray[Any], targets: NDArray[Any], **options: Any) -> Recording:
        network = self.learning_network
        inputs, steps = self.storing_inputs(cues, printed, targets)
        recording = simulate(network, inputs, steps, self.backend, state=self._state, **options)
        self._state = recording.state
        self._forward, self._back = (recording.weights[q.name] for q in network.projections if q.plasticity)
        self.__dict__.pop("recall_network", None)
        return recording

    def storing_inputs(
        self, cues: NDArray[Any], printed: NDArray[Any], targets: NDArray[Any]
    ) -> tuple[dict[str, Any], int]:
        """Input events for the learning network, and the number of steps they take.

        One presentation per row (bool, (n, visible)): ``cues`` choose winners, which learn ``printed`` and ``targets``.
        """
        when, n = self.storing, len(cues)
        volleys = [_volley(cues, when.period, 0), _volley(printed, when.period, when.latency)]
        inputs = {
            "cue": tuple(np.concatenate(parts) for parts in zip(*volleys, strict=True)),
            START.population: (np.arange(n) * when.period, np.zeros(n, int)),
            "target": _volley(targets, when.period, when.latency),
        }
        return inputs, n * when.period

    def recall(self, cues: ArrayLike) -> NDArray[np.bool_]:
        """Recall from cues with at least one active bit: bool in the shape of ``cues``, about ``active`` ones a row."""
        recalled = self.read(self.present(cues))
        return recalled if np.ndim(cues) == 2 else recalled[0]

    def recall_inputs(self, cues: ArrayLike) -> tuple[dict[str, Any], int]:
        """Input events for the recall network and the number of steps they take, one presentation per cue."""
        checked = self._check(cues, "cues", None)
        n, period = len(checked), self.recalling.period
        starts = (np.arange(n) * period, np.zeros(n, int))
        return {"cue": _volley(checked, period, 0), START.population: starts}, n * period

    def present(self, cues: ArrayLike, backend: str = "event", **options: Any) -> Recording:
        """Run the recall network on cues; ``options`` go to :func:`snmem.simulate` (``counters``, ``record``, ...)."""
        inputs, steps = self.recall_inputs(cues)
        return simulate(self.recall_network, inputs, steps, backend, **options)

    def read(self, recording: Recording, population: str = "visible.winners") -> NDArray[np.bool_]:
        """The volley of a winners population in each presentation of a recall recording, bool (n, neurons)."""
        step = self.recalling.latency if population.startswith("visible") else self.kwta.latency
        spikes = recording.spikes[population]
        out = np.zeros((recording.steps // self.recalling.period, spikes.size), bool)
        mine = spikes.step % self.recalling.period == step
        out[spikes.step[mine] // self.recalling.period, spikes.neuron[mine]] = True
        return out

    def kwta_report(self, cues: ArrayLike) -> dict[str, Any]:
        """How well the hidden k-WTA circuit chooses on these cues: winners, Jaccard with exact top k, steps, events."""
        checked = self._check(cues, "cues", None)
        recording = self.present(checked)
        drives = self.recall_network["cue->hidden"].weights @ checked.T.astype(float)
        report = kwta_report(self.read(recording, "hidden.winners"), drives.T, self.config.winners)
        own = [q.name for q in self._hidden(self.recalling.period, 0).projections]
        counters, n = recording.counters, len(checked)
        populations = ("hidden", "hidden.control", "hidden.winners")
        return {
            "strategy": self.kwta.name,
            **report,
            "steps": self.kwta.latency,
            "spikes": sum(counters.spikes[p] for p in populations) / n,
            "synaptic_events": sum(counters.synaptic_events[q] for q in own) / n,
            "input_events": counters.synaptic_events["cue->hidden"] / n,
        }

    def _check(self, patterns: ArrayLike, name: str, ones: int | None) -> NDArray[np.bool_]:
        array = np.atleast_2d(np.asarray(patterns))
        if array.ndim != 2 or array.shape[1] != self.config.visible:
            raise InputError(f"{name}: expected shape (n, {self.config.visible}), got {np.shape(patterns)}")
        if array.dtype != bool and not np.isin(array, (0, 1)).all():
            raise InputError(f"{name}: must hold 0 and 1 only; use an encoder of snmem.encode")
        array = array.astype(bool)
        found = array.sum(1)
        wrong = np.flatnonzero(found != ones if ones else found == 0)
        if len(array) == 0 or wrong.size:
            row, got = (int(wrong[0]), int(found[wrong[0]])) if wrong.size else (0, 0)
            wanted = f"exactly active = {ones}" if ones else "at least 1"
            raise InputError(f"{name}: row {row} has {got} ones, expected {wanted}; use an encoder of snmem.encode")
        return array

    def save(self, path: str | Path) -> None:
        """Write configuration, strategy and weights to an .npz file of plain arrays (never pickled)."""
        strategies = {role: (s.name, asdict(s)) for role, s in (("kwta", self.kwta), ("readout", self.readout))}  # type: ignore[call-overload]
        header = {"format": _FORMAT, "backend": self.backend, "config": asdict(self.config), **strategies}
        arrays = {"header": np.array(json.dumps(header))}
        for name, w in (("forward", self._forward), ("back", self._back)):
            arrays |= {f"{name}_{part}": getattr(w, part) for part in ("data", "indices", "indptr")}
        with replace_file(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> SpikingKWinnerMemory:
        """Read a memory written by :meth:`save`; FileError for a missing, damaged or other file."""
        try:
            with np.load(path, allow_pickle=False) as data:
                header = json.loads(str(data["header"]))
                if header["format"] != _FORMAT:
                    raise FileError(f"{path}: holds {header['format']!r}, expected {_FORMAT!r}")
                config = KWinnerConfig(**header["config"])
                memory = cls.__new__(cls)
                memory.config, memory.backend = config, header["backend"]
                for role in ("kwta", "readout"):
                    name, parameters = header[role]
                    setattr(memory, role, kwta_strategy(name, **parameters))
                shapes = {"forward": (config.hidden, config.visible), "back": (config.visible, config.hidden)}
                parts = {n: [data[f"{n}_{p}"] for p in ("data", "indices", "indptr")] for n in shapes}
                memory._set(*(sp.csr_array(tuple(parts[n]), shape=shapes[n]) for n in shapes))
                return memory
        except FileNotFoundError:
            raise FileError(f"{path}: there is no such file; give the path of a saved memory") from None
        except FileError:
            raise
        except Exception as error:
            raise FileError(f"{path}: is not a complete spiking memory file ({error}); save it again") from error


_FORMAT = "snmem spiking K-winner memory 1"
#: Bits behind the point of the frozen weights: sums of them are exact in float64 and float32.
_GRID_BITS = 16


def _on_grid(weights: sp.csr_array) -> sp.csr_array:
    weights = weights.copy()
    weights.data = np.round(weights.data * 2.0**_GRID_BITS) / 2.0**_GRID_BITS
    return weights


def _volley(patterns: NDArray[Any], period: int, at: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Spike events (step, neuron): the ones of row i in step i * period + at."""
    row, neuron = np.nonzero(patterns)
    return row * period + at, neuron
