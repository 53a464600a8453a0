"""snnTorch as a backend, and networks as torch modules to train.

:func:`to_torch` builds a ``torch.nn.Module`` whose neurons are ``snntorch.Leaky`` (alpha = 0) or ``snntorch.Synaptic``
cells. The cells run with ``reset_mechanism="none"``; bias, comparison and reset follow in the module, because none of
snnTorch 1.0.0's own resets is the definition of :mod:`snmem.neurons` in all cases: a delayed "zero" of ``Synaptic``
throws the input of that step away, and an immediate "subtract" stays silent for ever once ``v`` exceeds twice theta.

In float64 the backend is bit-identical to the reference. In float32 spikes are equal where weights, biases and decays
are multiples of a coarse power of two. Refused: LoihiLIF populations and plasticity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any, cast

import numpy as np
import scipy.sparse as sp

from ..errors import BackendError, InputError, MissingDependencyError
from ..lowering import joined, split_delays, written_out
from ..network import Network, Population, Projection
from ..neurons import LIF
from ..spikes import Recording, Spikes
from .base import Backend, Job, make_recording, register_backend
from .features import undeclared_feature
from .surrogates import Fire, Surrogate

try:
    import torch
    from torch import Tensor, nn

    snn: Any = import_module("snntorch")
except ImportError:
    raise MissingDependencyError("backend 'snntorch': a package is absent; pip install 'snmem[snntorch]'") from None

from .snntorch_extended import Switched, one_thread, row_of

#: Above this share of existing synapses a trainable projection is a masked matrix product.
DENSE = 0.2
PARAMETERS = ("weights", "alpha", "beta", "theta", "bias")
#: What it runs of the features that a backend declares.
FEATURES = frozenset(
    ("refractory", "freeze", "reset_current", "adaptation", "second_current", "noise", "initial_state", "receptor",
     "potentials")
)  # fmt: skip


@dataclass(frozen=True)
class TorchState:
    """What the next step depends on: u and v (batch, neurons) by population, and the last steps (newest last).

    Of these it keeps the spikes by population, and under (name, "v") the potentials of populations that deliver them.
    """

    step: int
    u: Mapping[str, Tensor]
    v: Mapping[str, Tensor]
    history: tuple[Mapping[Any, Tensor], ...] = ()
    network: Network | None = field(default=None, repr=False)
    #: Further variables of neurons that have more than u and v, by population.
    more: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict[str, Mapping[str, Tensor]])

    def of(self, name: str) -> dict[str, Tensor]:
        """All variables of a population."""
        return {"u": self.u[name], "v": self.v[name], **self.more.get(name, {})}


class Neurons(nn.Module):
    """One population: an snnTorch cell, then bias, comparison and reset.

    ``forward(current, u, v) -> (u, v, spikes)``, all of shape (batch, neurons).
    """

    def __init__(
        self, p: Population, dtype: Any, spike: Callable[[Tensor], Tensor], learn: Collection[str], direct: bool = False
    ) -> None:
        super().__init__()
        lif = p.neuron
        assert isinstance(lif, LIF)

        def value(name: str) -> Tensor:
            return torch.tensor(getattr(lif, name), dtype=dtype)

        common: dict[str, Any] = {
            "beta": value("beta"),
            "threshold": value("theta"),
            "spike_grad": Fire(spike),
            "reset_mechanism": "none",
            "learn_beta": "beta" in learn,
            "learn_threshold": "theta" in learn,
        }
        # Leaky has no memory of its input; an alpha to be learned needs one
        self.synaptic = "alpha" in learn or bool(np.any(lif.alpha))
        if self.synaptic:
            self.cell: Any = snn.Synaptic(value("alpha"), learn_alpha="alpha" in learn, **common)
        else:
            self.cell = snn.Leaky(**common)
        snn.SpikingNeuron.instances.remove(self.cell)  # a list that would keep every module alive
        self.bias = nn.Parameter(value("bias"), requires_grad="bias" in learn)
        self.v_reset: Tensor
        self.register_buffer("v_reset", value("v_reset"))
        self.subtract = lif.reset == "subtract"
        self.switched = Switched(lif, p.size, dtype) if lif.features or direct else None

    def forward(self, current: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step; the reset passes no gradient, as in snnTorch."""
        if self.synaptic:
            _, u, v = self.cell(current, u, v)
        else:
            u = 0 * u.detach() + current  # NaN after an infinite u, as alpha * u is
            _, v = self.cell(u, v)
        v = v + self.bias
        spikes = self.cell.fire(v)
        fired = spikes.detach()
        if self.subtract:  # where(), not a product: theta may be infinite
            v = torch.where(fired > 0, v - self.cell.threshold, v)
        else:
            v = torch.where(fired > 0, self.v_reset, v)
        return u, v, spikes

    def description(self, lif: Any) -> LIF:
        """``lif`` with the values that this module holds now."""
        values = {"beta": self.cell.beta.clamp(0, 1), "theta": self.cell.threshold, "bias": self.bias}
        if self.synaptic:
            values["alpha"] = self.cell.alpha.clamp(0, 1)
        return replace(lif, **{name: x.detach().cpu().double().numpy() for name, x in values.items()})


class Synapses(nn.Module):
    """One projection. ``forward(current, spikes)`` adds its input to ``current`` (batch, post).

    Synapses are kept sorted by target, then source, and added in this order to what is there already, which is the
    order of the reference; a projection of more than ``DENSE`` existing synapses is a matrix product unless ``exact``.
    """

    def __init__(self, q: Projection, dtype: Any, learn: bool, exact: bool) -> None:
        super().__init__()
        self.index: Tensor
        self.present: Tensor
        post, pre = self.shape = q.weights.shape
        self.exact = exact
        self.dense = not exact and q.synapses >= DENSE * post * pre
        rows, columns = np.repeat(np.arange(post), np.diff(q.weights.indptr)), q.weights.indices
        self.register_buffer("index", torch.tensor(np.array([rows, columns]), dtype=torch.int64))
        values = torch.tensor(q.weights.data, dtype=dtype)
        if self.dense:
            present = torch.zeros(post, pre, dtype=torch.bool)
            present[self.index[0], self.index[1]] = True
            self.register_buffer("present", present)
            values = torch.zeros(post, pre, dtype=dtype).index_put((self.index[0], self.index[1]), values)
        self.weight = nn.Parameter(values, requires_grad=learn)

    def forward(self, current: Tensor, spikes: Tensor) -> Tensor:
        """``current`` plus the weights of the spiking sources."""
        if self.dense:
            return current + spikes @ (self.weight * self.present).T
        if self.exact and bool(((spikes != 0) & (spikes != 1)).any()):  # products rounded before they are added
            one, rows = torch.ones_like(spikes[:1]), zip(current.split(1), spikes, strict=True)
            return torch.cat([self._add(now, self.weight * row[self.index[1]], one) for now, row in rows])
        return self._add(current, self.weight, spikes)

    def _add(self, current: Tensor, weight: Tensor, spikes: Tensor) -> Tensor:
        matrix = torch.sparse_coo_tensor(self.index, weight, self.shape, is_coalesced=True, check_invariants=False)
        return torch.sparse.addmm(current.T, matrix, spikes.T).T

    def matrix(self) -> sp.csr_array:
        """The weights as they are now, as CSR (post, pre)."""
        values = self.weight[self.index[0], self.index[1]] if self.dense else self.weight
        return sp.csr_array((values.detach().cpu().double().numpy(), tuple(self.index.cpu().numpy())), shape=self.shape)


class TorchNetwork(nn.Module):
    """A :class:`~snmem.network.Network` as a torch module (made by :func:`to_torch`).

    ``outputs, state = module({"input": x})`` with x of shape (steps, batch, lines) runs it; ``outputs`` maps the names
    of the network's outputs, or of ``record``, to tensors (steps, batch, neurons). States are values: pass ``state``
    to go on.
    """

    def __init__(
        self,
        network: Network,
        dtype: Any,
        spike: Callable[[Tensor], Tensor],
        learn: Collection[str],
        exact: bool,
    ) -> None:
        super().__init__()
        self.whole, self.dtype = network, dtype
        self.network = network = split_delays(written_out(network, "to_torch"))
        direct = {q.post for q in network.projections if q.receptor == "v"}
        self.neurons = nn.ModuleList(Neurons(p, dtype, spike, learn, p.name in direct) for p in network.neurons)
        self.synapses = nn.ModuleList(Synapses(q, dtype, "weights" in learn, exact) for q in network.projections)
        self._neurons = {p.name: cast(Neurons, m) for p, m in zip(network.neurons, self.neurons, strict=True)}
        pairs = list(zip(network.projections, self.synapses, strict=True))
        late = [(q, s) for q, s in pairs if q.delay > 0]
        self._into = {p.name: [(q, s) for q, s in late if q.post == p.name] for p in network.neurons}
        for q, s in pairs:
            if q.delay == 0:
                self._into[q.post].append((q, s))
        self._sending = {q.pre for q in network.projections if q.signal == "v"}

    def initial_state(self, batch: int = 1) -> TorchState:
        """The state before step 0: everything zero, but for what the neurons say."""
        device = next(self.parameters()).device
        zeros = {p.name: torch.zeros(batch, p.size, dtype=self.dtype, device=device) for p in self.network.neurons}
        switched = {name: n.switched.first(batch, zeros[name]) for name, n in self._neurons.items() if n.switched}
        u, v = ({n: switched.get(n, {}).get(x, zero) for n, zero in zeros.items()} for x in "uv")
        return TorchState(0, u, v, network=self.network, more=switched)

    def step(
        self, inputs: Mapping[str, Tensor], state: TorchState, observe: Callable[..., None] | None = None
    ) -> tuple[dict[str, Tensor], TorchState]:
        """One step: spikes of all populations (batch, neurons) and the next state.

        ``inputs`` holds a tensor (batch, lines) for every input of the network; ``observe`` is called for every
        population with (name, variables before the update, input currents by receptor, v after it).
        """
        spikes, sent = dict(inputs), cast(dict[Any, Tensor], dict(inputs))
        u, v, more = dict(state.u), dict(state.v), dict(state.more)
        for name in self.network.update_order:
            p = self.network[name]
            before, neurons = state.of(name), self._neurons[name]
            if p.clear_every and state.step % p.clear_every == p.clear_offset:
                before = {variable: torch.zeros_like(x) for variable, x in before.items()}
            current = self._currents(name, sent, state)
            if neurons.switched:
                more[name], spikes[name] = neurons.switched.step(neurons.cell, neurons, current, before, state.step)
                u[name], v[name] = more[name]["u"], more[name]["v"]
            else:
                u[name], v[name], spikes[name] = neurons(current["u"], before["u"], before["v"])
            sent[name] = spikes[name]
            if name in self._sending:
                sent[name, "v"] = v[name]
            if observe:
                observe(name, before, current, v[name])
        history = (*state.history, sent)[-max(self.network.max_delay, 1) :]
        return spikes, TorchState(state.step + 1, u, v, history, self.network, more)

    def _currents(self, name: str, sent: Mapping[Any, Tensor], state: TorchState) -> dict[str, Tensor]:
        """What arrives at a population in this step, by receptor; ``sent``: in this step, as in ``state.history``."""
        receptors = self.network[name].neuron.receptors if self._neurons[name].switched else ("u",)
        current = {receptor: torch.zeros_like(state.v[name]) for receptor in receptors}
        for q, synapses in self._into[name]:
            receptor, what = q.receptor or "u", q.pre if q.signal == "spikes" else (q.pre, "v")
            if q.delay <= len(state.history):
                now = state.history[-q.delay] if q.delay else sent
                current[receptor] = synapses(current[receptor], now[what])
        return current

    def forward(
        self, inputs: Mapping[str, Tensor], state: TorchState | None = None, record: Iterable[str] = ()
    ) -> tuple[dict[str, Tensor], TorchState]:
        """Run as many steps as the inputs hold (shape (steps, batch, lines) each, all inputs of the network).

        ``record``: what to return: population names (spikes), or "population.u" / ".v". Default: the outputs.
        """
        known = {p.name for p in self.network.inputs}
        if set(inputs) != known:
            raise InputError(f"TorchNetwork: inputs are {sorted(inputs)}, the network needs {sorted(known)}")
        wanted = tuple(record) or self.network.outputs or tuple(self._neurons)
        if not known:
            raise InputError("TorchNetwork: the network has no input to take the number of steps from; use step()")
        steps, batch = next(iter(inputs.values())).shape[:2]
        state = state or self.initial_state(batch)
        kept: dict[str, list[Tensor]] = {name: [] for name in wanted}
        for t in range(steps):
            spikes, state = self.step({name: x[t] for name, x in inputs.items()}, state)
            for name, rows in kept.items():
                rows.append(self._pick(name, spikes, state))
        return {name: torch.stack(rows) for name, rows in kept.items()}, state

    @staticmethod
    def _pick(name: str, spikes: Mapping[str, Tensor], state: TorchState) -> Tensor:
        if name in spikes:
            return spikes[name]
        population, _, variable = name.rpartition(".")
        if population in state.v and variable in state.of(population):
            return state.of(population)[variable]
        raise InputError(f'TorchNetwork: cannot record {name!r}; write a population, or "population.u" or ".v"')

    def to_network(self) -> Network:
        """The network with the weights and parameters that the module holds now (after training)."""
        synapses = zip(self.network.projections, self.synapses, strict=True)
        learned = {q.name: cast(Synapses, module).matrix() for q, module in synapses}
        populations = tuple(
            replace(p, neuron=self._neurons[p.name].description(p.neuron)) if isinstance(p, Population) else p
            for p in self.network.populations
        )
        new = self.network.with_weights(learned)
        return replace(new, populations=populations, projections=joined(self.whole, new))


def to_torch(
    network: Network,
    dtype: Any = torch.float32,
    spike: Callable[[Tensor], Tensor] | None = None,
    learn: Collection[str] = ("weights",),
    exact: bool = False,
    device: Any = None,
) -> TorchNetwork:
    """Build a trainable torch module of snnTorch cells out of a network.

    Parameters
    ----------
    network
        Float network without plasticity.
    dtype
        torch.float32 or torch.float64.
    spike
        Function of v - theta with a surrogate gradient, such as ``snntorch.surrogate.fast_sigmoid()``; default
        ``snntorch.surrogate.atan()``.
    learn
        What becomes trainable: any of "weights", "alpha", "beta", "theta", "bias". Only existing synapses learn.
    exact
        Add weights one by one in the order of the reference, also where a matrix product would be faster.
    device
        Where its tensors live, "cuda" for example; default the CPU. Inputs are to be there too.

    Raises
    ------
    BackendError
        For LoihiLIF populations and plastic projections.
    InputError
        For an unknown name in ``learn``.
    """
    for p in network.neurons:
        if type(p.neuron) is not LIF:
            raise BackendError(
                f"backend 'snntorch': population {p.name!r} has neurons of type {type(p.neuron).__name__}, it runs LIF "
                "only; use backend 'reference' or 'loihi'"
            )
    for q in network.projections:
        if q.plasticity is not None:
            raise BackendError(
                f"backend 'snntorch': projection {q.name!r} is plastic; freeze it (Network.freeze) or use 'event'"
            )
    if refused := undeclared_feature(network, FEATURES):
        raise BackendError(f"backend 'snntorch' does not run this network: {refused}")
    unknown = set(learn) - set(PARAMETERS)
    if unknown:
        raise InputError(f"to_torch: cannot learn {sorted(unknown)[0]!r}; choose among {', '.join(PARAMETERS)}")
    return TorchNetwork(network, dtype, spike or Surrogate("atan"), learn, exact).to(device)


def run(job: Job, dtype: Any, backend: str) -> Recording:
    """Run on snnTorch cells, one sample, synaptic input summed in the order of the reference."""
    module = to_torch(job.network, dtype, learn=(), exact=True)
    state = _start(job, module, backend)
    raster = {p.name: np.zeros((job.steps, p.size), bool) for p in job.network.neurons}
    pairs = list(zip(job.record, job.traces(), strict=True))
    traces = {name: np.empty((job.steps, job.network[pop].size)) for name, (pop, _) in pairs}
    updated, changed = ({p.name: 0 for p in job.network.neurons} for _ in range(2))

    def observe(name: str, before: Mapping[str, Tensor], current: Mapping[str, Tensor], after: Tensor) -> None:
        known, given = ({k: x[0].numpy() for k, x in tensors.items()} for tensors in (before, current))
        updated[name] += int(job.network[name].neuron.updated(known, given).sum())
        changed[name] += int((before["v"] != after).sum())

    with torch.no_grad(), one_thread():
        for t in range(job.steps):
            inputs = {name: row_of(s, t, dtype) for name, s in job.inputs.items()}
            spikes, state = module.step(inputs, state, observe if job.counters else None)
            for name, rows in raster.items():
                rows[t] = spikes[name][0].numpy() > 0
            for name, (pop, var) in pairs:
                traces[name][t] = state.of(pop)[var][0].numpy()
            if job.progress:
                job.progress(t + 1)
    found = {name: Spikes.from_raster(rows) for name, rows in raster.items()} | dict(job.inputs)
    return make_recording(job, backend, found, traces=traces, updated=updated, changed=changed, state=state)


def _start(job: Job, module: TorchNetwork, backend: str) -> TorchState:
    if job.state is None:
        return module.initial_state()
    if not isinstance(job.state, TorchState):
        raise InputError(f"simulate: state is not one of a run of this network on backend {backend!r}")
    return job.state


for _name in ("float64", "float32"):
    _full, _why = ("snntorch", "") if _name == "float64" else (f"snntorch_{_name}", f"rounds to {_name}")
    _run = partial(run, dtype=getattr(torch, _name), backend=_full)
    _runs: dict[str, Any] = {"features": FEATURES, "precision": _name, "on_request": _why, "values": True}
    register_backend(Backend(_full, _run, (LIF,), (), **_runs))
