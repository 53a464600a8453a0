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
from copy import copy
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from .._text import one_line
from ..circuits.kwta import Circuit, Line, Strategy, SuccessiveApproximation, kwta_report, kwta_strategy
from ..circuits.kwta.report import MemoryReport
from ..description import Summary
from ..errors import InputError
from ..io.files import replace_file
from ..network import Input, Network, Population, Projection
from ..neurons import LIF
from ..plasticity import Instar, Outstar
from ..recording.checks import check_populations
from ..simulation import simulate
from ..spikes import Recording
from .base import MEMORIES, ConfiguredMemory
from .config import KWinnerConfig, checked_config, generator
from .kwinner import KWinnerMemory
from .patterns import ActiveUnits, Patterns, active_units
from .presentation import Presentation, drive_span, no_presentations, on_grid, volley
from .saved import check_weights, open_saved, same_synapses

START = Line("start", 1, 0)


@MEMORIES.register("kwinner-spiking")
class SpikingKWinnerMemory(ConfiguredMemory, Summary):
    """K-winner memory of LIF neurons with the verbs of :class:`snmem.memory.kwinner.KWinnerMemory`.

    Source: Bhandarkar & McClelland 2025, arXiv 2511.04593, section 2; circuits: :mod:`snmem.circuits.kwta`.

    Parameters
    ----------
    config
        Sizes and learning rate (``tied``, ``random_winners`` and ``bits`` have no spiking counterpart).
    seed
        Seed of the synapses and initial weights; the same as the algorithm level draws for that seed.
    kwta, readout
        Strategies of the k-WTA of the hidden units and of the recalled bits; default: SuccessiveApproximation, 9 bits.
    backend
        Backend that runs the learning network; it must support plasticity and continuing from a state.

    Raises
    ------
    InputError
        For a configuration without spiking counterpart.
    """

    def __init__(
        self,
        config: KWinnerConfig | None = None,
        seed: int | np.random.Generator | None = 0,
        kwta: Strategy | None = None,
        backend: str = "event",
        readout: Strategy | None = None,
    ) -> None:
        self.config = checked_config(config)
        for name in ("tied", "random_winners", "bits"):
            if getattr(self.config, name):
                raise InputError(f"SpikingKWinnerMemory: config.{name} is set; only the algorithm level supports it")
        self.kwta, self.readout = kwta or SuccessiveApproximation(), readout or SuccessiveApproximation()
        self.backend = backend
        virgin = KWinnerMemory(self.config, seed)
        self._set(virgin.forward_weights, virgin.return_weights)

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [*self.config.rows(), ("k-WTA", str(self.kwta)), ("readout", str(self.readout))]
        return f"SpikingKWinnerMemory: {self._forward.nnz:,} synapses each way", rows

    @classmethod
    def for_patterns(cls, visible: int, active: int, *, bits: int | None = None, seed: int = 0) -> SpikingKWinnerMemory:
        """Proportions of :meth:`KWinnerConfig.for_patterns`; see :meth:`snmem.memory.base.Memory.for_patterns`."""
        return cls(KWinnerConfig.for_patterns(visible, active, bits=bits), seed)

    def with_kwta(self, kwta: Strategy) -> SpikingKWinnerMemory:
        """A memory of its own with the same weights and another k-WTA strategy for the hidden units."""
        other = copy(self)
        other.kwta = kwta
        other._set(self._forward, self._back)
        return other

    def with_weights(self, forward: sp.csr_array, back: sp.csr_array) -> SpikingKWinnerMemory:
        """A memory of its own with other weights, in the shapes of ``forward_weights`` and ``return_weights``.

        Raises
        ------
        InputError
            For weights of another shape, that are not finite, or no valid sparse arrays.
        """
        c, other = self.config, copy(self)
        other._set(
            check_weights(forward, (c.hidden, c.visible), "forward weights"),
            check_weights(back, (c.visible, c.hidden), "return weights"),
        )
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
        forward, back = (on_grid(w) for w in (self._forward, self._back))
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

    def network(self) -> Network:
        """The recall network, as every spiking memory gives it."""
        return self.recall_network

    def store(self, patterns: Patterns, targets: Patterns | None = None, **options: Any) -> Recording:
        """Present patterns one after another to the learning network, once each.

        Parameters
        ----------
        patterns : array (n, visible) or (visible,)
            0 and 1 with exactly ``active`` ones in each row; dense or scipy.sparse.
        targets : array or None
            Patterns to recall instead (hetero-association), same shape.
        options : Any
            Go to :func:`snmem.simulate` (``counters``, ``record``, ...).

        Returns
        -------
        Recording
            Of the presentations (spikes, counters); no pattern takes no step.

        Raises
        ------
        InputError
            For a wrong shape, values other than 0 and 1, or a wrong number of ones.
        """
        cues = self._rows(patterns, "patterns")
        wanted = cues if targets is None else self._rows(targets, "targets")
        if len(wanted) != len(cues):
            raise InputError(f"store: {len(cues)} patterns but {len(wanted)} targets; give one target for each pattern")
        return self._learn(cues, cues, wanted, **options)

    def forget(self, patterns: Patterns, seed: int | np.random.Generator | None = 0, times: int = 3) -> Recording:
        """Overwrite patterns, as in :meth:`snmem.memory.kwinner.KWinnerMemory.forget`: their winners learn noise.

        Parameters
        ----------
        patterns : array (n, visible) or (visible,)
            0 and 1 with at least one 1 in each row; they need not have been stored.
        seed : int, Generator or None
            Of the random patterns.
        times : int
            Overwritings in a row, each with a new random pattern.

        Returns
        -------
        Recording
            Of the presentations.
        """
        rng = generator(seed)
        cues = active_units(patterns, self.config.visible, "patterns", at_least=1).rows()
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
        if not steps:
            return no_presentations(network, self.backend, self._state)
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
        volleys = [volley(cues, when.period, 0), volley(printed, when.period, when.latency)]
        inputs = {
            "cue": tuple(np.concatenate(parts) for parts in zip(*volleys, strict=True)),
            START.population: (np.arange(n) * when.period, np.zeros(n, int)),
            "target": volley(targets, when.period, when.latency),
        }
        return inputs, n * when.period

    @overload
    def recall(self, cues: sp.csr_array) -> sp.csr_array: ...
    @overload
    def recall(self, cues: ArrayLike) -> NDArray[np.bool_]: ...
    def recall(self, cues: Any) -> Any:
        """Recall from cues with at least one active bit: bool in the shape of ``cues``, about ``active`` ones a row.

        For scipy.sparse cues the result is sparse too (CSR).
        """
        checked = self._cues(cues)
        recalled = self.read(self.present(cues)) if len(checked) else checked.rows()
        if checked.sparse:
            return sp.csr_array(recalled)
        return recalled[0] if checked.single else recalled

    def recall_inputs(self, cues: Patterns) -> tuple[dict[str, Any], int]:
        """Input events for the recall network and the number of steps they take, one presentation per cue."""
        checked = self._cues(cues)
        n, period = len(checked), self.recalling.period
        starts = (np.arange(n) * period, np.zeros(n, int))
        bits = (np.repeat(starts[0], np.diff(checked.bounds)), checked.units)
        return {"cue": bits, START.population: starts}, n * period

    def present(self, cues: Patterns, backend: str = "event", **options: Any) -> Recording:
        """Run the recall network on cues; ``options`` go to :func:`snmem.simulate` (``counters``, ``record``, ...)."""
        inputs, steps = self.recall_inputs(cues)
        if not steps:
            return no_presentations(self.recall_network, backend)
        return simulate(self.recall_network, inputs, steps, backend, **options)

    def read(self, recording: Recording, population: str = "visible.winners") -> NDArray[np.bool_]:
        """The volley of a winners population in each presentation of a recall recording, bool (n, neurons).

        Raises
        ------
        InputError
            For a recording of another network, or one that begins within a presentation.
        """
        check_populations(self.recall_network, recording, "read")
        if recording.start % self.recalling.period:
            period = self.recalling.period
            raise InputError(f"read: begins at step {recording.start}, within a presentation of {period} steps")
        step = self.recalling.latency if population.startswith("visible") else self.kwta.latency
        spikes = recording.spikes[population]
        out = np.zeros((recording.steps // self.recalling.period, spikes.size), bool)
        mine = spikes.step % self.recalling.period == step
        out[spikes.step[mine] // self.recalling.period, spikes.neuron[mine]] = True
        return out

    def kwta_report(self, cues: Patterns) -> MemoryReport:
        """How well the hidden k-WTA circuit chooses on these cues: winners, Jaccard with exact top k, steps, events."""
        checked = self._cues(cues).rows()
        if not len(checked):
            raise InputError("kwta_report: there are no cues; give at least one")
        recording = self.present(checked)
        drives = self.recall_network["cue->hidden"].weights @ checked.T.astype(float)
        report = kwta_report(self.read(recording, "hidden.winners"), drives.T, self.config.winners)
        own = [q.name for q in self._hidden(self.recalling.period, 0).projections]
        counters, n = recording.counters, len(checked)
        return {
            "strategy": self.kwta.name,
            **report,
            "steps": self.kwta.latency,
            "spikes": sum(counters.spikes[f"hidden{part}"] for part in ("", ".control", ".winners")) / n,
            "synaptic_events": sum(counters.synaptic_events[q] for q in own) / n,
            "input_events": counters.synaptic_events["cue->hidden"] / n,
        }

    def _rows(self, patterns: Patterns, name: str) -> NDArray[np.bool_]:
        """Patterns to store, bool (n, visible): exactly ``active`` ones in each row."""
        return active_units(patterns, self.config.visible, name, exactly=self.config.active).rows()

    def _cues(self, cues: Patterns) -> ActiveUnits:
        return active_units(cues, self.config.visible, "cues", at_least=1)

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
        with open_saved(path, _FORMAT, "SpikingKWinnerMemory") as saved:
            c = saved.config
            forward = saved.matrix("forward", (c.hidden, c.visible))
            back = saved.matrix("back", (c.visible, c.hidden))
            if forward.nnz == back.nnz == c.synapses and not same_synapses(forward, back):
                raise saved.error("arrays 'forward' and 'back': must connect the same pairs of units")
            strategies: list[Any] = []
            for role in ("kwta", "readout"):
                name, parameters = (*saved.value(role, list), None, None)[:2]
                try:
                    strategies.append(kwta_strategy(name, **parameters))  # type: ignore[arg-type]
                except (TypeError, InputError) as error:
                    raise saved.error(f"header: {role}: {one_line(error)}") from None
            backend = saved.value("backend", str)
        memory = cls.__new__(cls)
        memory.config, memory.backend = c, backend
        memory.kwta, memory.readout = strategies
        memory._set(forward, back)
        return memory


_FORMAT = "snmem spiking K-winner memory 1"
