"""What tests/test_copies.py copies: an object of every public class that has run, and what it does next."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any, NamedTuple, Protocol, is_typeddict

import numpy as np
import torch
from small_models import small_head, small_language_model, small_sentence_model

import snmem
from snmem import (
    LIF,
    Convolution,
    Input,
    Instar,
    Interrupted,
    KWinnerConfig,
    KWinnerMemory,
    LoihiLIF,
    Network,
    Outstar,
    Population,
    Projection,
    Record,
    Recording,
    SnmemError,
    Spikes,
    SpikingKWinnerMemory,
    SumOfProducts,
    attention,
    circuits,
    conformance,
    cost,
    encode,
    hdc,
    language,
    memory,
    nir_io,
    plasticity,
    quantize,
    simulate,
    sweep,
    topology,
    view,
)
from snmem.backends.base import RunState
from snmem.backends.event import CompiledNeuron
from snmem.backends.snntorch import to_torch
from snmem.cost.modules import FRAMEWORKS, Framework, LayerCost, ModuleCost
from snmem.cost.validation import Measurement
from snmem.errors import UnknownNameError
from snmem.hdc.circuits import Part
from snmem.lava import LavaSession
from snmem.nir_io import nodes
from snmem.retime import retime
from snmem.sources import Poisson, Regular, Scheduled, Source

SIZE = 600
X = np.random.default_rng(1).random((30, SIZE)) < 0.1


@cache
def network(learns: bool = False) -> Network:
    """Dense weights on a grid (laid out as bit planes), and sparse ones that may learn; it has run."""
    rng = np.random.default_rng(0)
    dense = rng.integers(-7, 8, (SIZE, SIZE)) / 8 * (rng.random((SIZE, SIZE)) < 0.3)
    sparse = rng.random((SIZE, SIZE)) * (rng.random((SIZE, SIZE)) < 0.02)
    theta = np.random.default_rng(2).uniform(2.5, 3.5, SIZE)
    rule = Instar(0.25, decay=0.5) if learns else None
    made = Network(
        (Input("x", SIZE), Population("h", SIZE, LIF(alpha=0.7, beta=0.9, theta=theta))),
        (Projection("x", "h", dense), Projection("h", "h", sparse, plasticity=rule)),
        outputs=("h",),
    )
    simulate(made, X)
    return made


@cache
def recording(learns: bool = False, backend: str = "event") -> Recording:
    return simulate(network(learns), X[:20], backend=backend, record=["h.v"], counters=True)


def run_all(net: Network) -> Any:
    """Spikes of the network on two backends, and its digest."""
    runs = [simulate(net, X[:n], backend=backend) for backend, n in (("event", 30), ("reference", 5))]
    assert sum(len(run.spikes["h"]) for run in runs) > 100
    return [dict(run.spikes) for run in runs], net.digest(), net


def go_on(run: Recording) -> Any:
    """The run itself, and what comes after it."""
    return run, [simulate(network(bool(run.weights)), X[20:], backend=run.backend, state=run.state) for _ in range(2)]


PATTERNS = np.random.default_rng(3).permuted(np.tile(np.arange(60) < 8, (6, 1)), axis=1)
CONFIG = KWinnerConfig(visible=60, hidden=80, fan_in=20, winners=6, active=8, rate=0.5)


def remember(kept: Any) -> Any:
    """What a memory recalls, before and after it stores more."""
    before = np.asarray(kept.recall(PATTERNS[:4] & (np.arange(60) % 4 != 0)))
    kept.store(PATTERNS[4:])
    return before, np.asarray(kept.recall(PATTERNS[4:]))


def stored(kept: Any) -> Any:
    kept.store(PATTERNS[:4])
    kept.recall(PATTERNS[:2])
    return kept


def fast_weights() -> Any:
    layer = attention.FastWeightAttention(attention.AttentionConfig(8, 4, 6, active=8))
    layer.write(np.eye(8, dtype=bool)[:2], np.eye(4, dtype=bool)[:2])
    return layer


def product_keys() -> Any:
    return attention.ProductKeys(np.eye(2), 2 * np.eye(2))


def conditioned() -> Any:
    weights = attention.ConditionedWeights(3, 2, "delta")
    weights.write(np.eye(3)[:1], np.ones((1, 2)))
    return weights


def respond(weights: Any) -> Any:
    before = weights.read(np.eye(3))
    weights.write(np.eye(3)[1:2], np.ones((1, 2)))
    return before, weights.read(np.eye(3))


def induction_head() -> Any:
    return attention.InductionHead(np.eye(3)[None], np.eye(3), 4)


def attend(layer: Any) -> Any:
    before = layer.read(np.eye(8, dtype=bool)[:2])
    layer.write(np.eye(8, dtype=bool)[2:4], np.eye(4, dtype=bool)[2:4])
    return before, layer.read(np.eye(8, dtype=bool)[:4])


def answer(module: Any) -> Any:
    items = torch.eye(6)[None]
    return [x.detach().numpy() for x in module(items, items[:, :2])], dict(module.attention().network._named)


def attended(module: Any) -> Any:
    items = torch.eye(6)[None]
    return [x.detach().numpy() for x in module(items, items[:, :2])]


def trained(module: Any) -> Any:
    """What a module answers, and the network it stands for."""
    spikes, _ = module({"x": torch.tensor(X[:5, None], dtype=torch.float32)})
    return spikes["h"].detach().numpy(), module.to_network().digest()


@cache
def training() -> Any:
    config = attention.TransformerConfig(keys=6, hidden=16)
    return attention.train(config, attention.CaseSequenceTask(2, 2), trials=1, iterations=20)


def transformer() -> Any:
    made = attention.spiking_transformer(training())
    made.run(attention.CaseSequenceTask(2, 2).all())
    return made


class Case(NamedTuple):
    """How to make an object that has run, and what it then does; results are compared."""

    make: Callable[[], Any]
    act: Callable[[Any], Any] = lambda value: value


def fields_of(value: Any) -> Any:
    return vars(value) if hasattr(value, "__dict__") else value


CASES: dict[type, Case] = {
    LIF: Case(
        lambda: network()["h"].neuron, lambda n: (n, simulate(Network((Population("h", SIZE, n),)), {}, 3).spikes)
    ),
    LoihiLIF: Case(lambda: LoihiLIF(vth=np.arange(5)), lambda n: (n, Network((Population("h", 5, n),)).digest())),
    Input: Case(lambda: network()["x"]),
    Poisson: Case(lambda: Poisson("p", 3, rate=[0.1, 0.5, 2], unit="step"), lambda p: p.draw(0, 9, 1e-3)),
    Regular: Case(lambda: Regular("r", 2, period=[2, 2.5]), lambda p: p.draw(0, 9, 1e-3)),
    Scheduled: Case(lambda: Scheduled("s", 2, times=[1, 3], lines=[0, 1]), lambda p: p.draw(0, 9, 1e-3)),
    Population: Case(lambda: network()["h"]),
    Convolution: Case(
        lambda: Convolution(np.arange(12.0).reshape(2, 1, 3, 2), (1, 5, 4), 2, "valid"),
        lambda c: (c, c.nnz, c.toarray(), c.fan_out),
    ),
    Projection: Case(lambda: network()["x->h"], lambda q: (q, q.fan_out, q.by_pre.toarray())),
    Network: Case(network, run_all),
    Instar: Case(lambda: Instar(0.5, gate="h")),
    Outstar: Case(lambda: Outstar(0.5, signal="h")),
    SumOfProducts: Case(lambda: SumOfProducts(dw="2^-2*y0*x1", x1=(127, 0))),
    plasticity.PairSTDP: Case(lambda: plasticity.PairSTDP(0.1, bounds=(0, 2), pre_delay=np.int8(3))),
    plasticity.RewardSTDP: Case(lambda: plasticity.RewardSTDP(reward="h", gains=[1, np.float32(2)], series=[(3, 1)])),
    plasticity.SelectiveSet: Case(lambda: plasticity.SelectiveSet(gate="h", value=2)),
    plasticity.SelectiveClear: Case(lambda: plasticity.SelectiveClear(signal="h")),
    plasticity.SetClear: Case(lambda: plasticity.SetClear(gate="h", clear="g")),
    plasticity.RuleSpikes: Case(lambda: plasticity.RuleSpikes(*(np.arange(3) for _ in range(4))), tuple),
    Spikes: Case(lambda: recording().spikes["h"]),
    Recording: Case(recording, go_on),
    Record: Case(
        lambda: Record(spikes="h", rates="h", bin=5, traces={"h.v": [3, 1]}, every=2),
        lambda r: simulate(network(), X, record=r),
    ),
    Interrupted: Case(lambda: Interrupted(recording()), lambda e: (str(e), e.recording)),
    SnmemError: Case(lambda: UnknownNameError("network: no population", "y", ["h"]), str),
    CompiledNeuron: Case(lambda: CompiledNeuron(fields_of, ("beta",))),
    RunState: Case(
        lambda: recording(True).state, lambda s: go_on(recording(True)) and simulate(network(True), X, state=s)
    ),
    KWinnerConfig: Case(lambda: CONFIG),
    KWinnerMemory: Case(lambda: stored(KWinnerMemory(CONFIG)), remember),
    SpikingKWinnerMemory: Case(lambda: stored(SpikingKWinnerMemory(CONFIG)), remember),
    memory.OnChipMemory: Case(lambda: stored(memory.OnChipMemory(SpikingKWinnerMemory(CONFIG))), remember),
    memory.ModernHopfieldMemory: Case(lambda: stored(memory.ModernHopfieldMemory(60, 8)), remember),
    memory.Stored: Case(lambda: memory.Stored("b", (None, "visible", ...))),
    memory.StackedKWinnerMemory: Case(
        lambda: stored(
            memory.StackedKWinnerMemory(KWinnerConfig(visible=80, hidden=60, fan_in=20, winners=5, active=6), CONFIG)
        ),
        remember,
    ),
    attention.AttentionConfig: Case(lambda: attention.AttentionConfig(8, 4, 6, active=8)),
    attention.AttentionNetwork: Case(
        lambda: attention.AttentionNetwork(attention.AttentionConfig(8, 4, 6, active=8)),
        lambda a: (a.config, a.network.digest(), simulate(a, {}, 20).spikes),
    ),
    attention.SlowWeights: Case(lambda: attention.SlowWeights(np.eye(3), np.eye(3), np.eye(3)), fields_of),
    attention.FastWeightAttention: Case(fast_weights, attend),
    attention.ConditionedWeights: Case(conditioned, respond),
    attention.InductionHead: Case(induction_head, lambda h: (h.keys, h.config, h.answers([0, 1, 0, 1]))),
    attention.InductionNetwork: Case(
        lambda: attention.InductionNetwork(induction_head()),
        lambda n: (n.form, n.network.digest(), n.run([[0, 1, 0]])[0]),
    ),
    attention.ProductKeys: Case(product_keys, lambda p: (p.rows, p.k, p.winners(np.eye(4)))),
    attention.ProductKeyNetwork: Case(
        lambda: attention.ProductKeyNetwork(product_keys()), lambda p: (p.network.digest(), p.run(np.eye(4))[0])
    ),
    attention.SoftmaxAttention: Case(lambda: attention.SoftmaxAttention(6, 12, 4), attended),
    attention.SpikingAttention: Case(lambda: attention.SpikingAttention(6, 12, 4, 8, k=2), answer),
    language.Grades: Case(lambda: language.Grades(0.02, 4), lambda grades: (grades.width(0.1), grades.decay(0.1))),
    language.HeadCodes: Case(small_head, lambda codes: codes.scores),
    language.SpikingHead: Case(lambda: language.SpikingHead(small_head()), lambda head: head.run()[0]),
    language.SentenceModel: Case(small_sentence_model, lambda model: model.encode(["a b", "c"])),
    language.MeaningEncoder: Case(
        lambda: language.MeaningEncoder(20, 4, small_sentence_model()).fit(["a b", "b c", "c a"]),
        lambda encoder: encoder.encode(["a", "b"]),
    ),
    language.LanguageModel: Case(small_language_model, lambda model: model.score([1, 4, 1, 5, 9]).nats),
    language.Tokenizer: Case(lambda: language.Tokenizer(["a", "b", "ab"], ["a b"]), lambda t: t.encode("abb")),
    attention.CaseSequenceTask: Case(lambda: attention.CaseSequenceTask(2, 2)),
    attention.Sequences: Case(lambda: attention.CaseSequenceTask(2, 2).all(), fields_of),
    attention.TransformerConfig: Case(lambda: attention.TransformerConfig(keys=6, hidden=16)),
    attention.Training: Case(training, fields_of),
    attention.SpikingTransformer: Case(transformer, lambda t: t.run(attention.CaseSequenceTask(2, 2).all())),
    circuits.Circuit: Case(lambda: circuits.Race().build("h", 6, 2, circuits.Line("s", 1, 0), 4.0, 400, 0), fields_of),
    circuits.Line: Case(lambda: circuits.Line("s", 1, 0)),
    circuits.Race: Case(circuits.Race),
    circuits.SuccessiveApproximation: Case(circuits.SuccessiveApproximation),
    conformance.Difference: Case(lambda: conformance.differing(recording(), recording(backend="reference"))["h"]),
    cost.Bill: Case(lambda: cost.bill(network(), recording(), "loihi1-nahuku"), lambda b: b.to_dict()),
    cost.BillOptions: Case(lambda: cost.BillOptions(items=3, limits="report")),
    cost.Chip: Case(lambda: cost.load_chip("loihi1-nahuku"), lambda c: (c.name, c.digest, c.tables)),
    cost.Placement: Case(
        lambda: cost.place_in_order(network(), cost.load_chip("loihi1-nahuku")), lambda p: (p.digest(), fields_of(p))
    ),
    cost.Placed: Case(
        lambda: cost.place(network(), "loihi1-nahuku", recording().spikes), lambda p: (p.placement.digest(), p.table)
    ),
    Framework: Case(lambda: FRAMEWORKS["norse"], lambda f: (f.name, f.package, f.base, f.stateful)),
    LayerCost: Case(lambda: LayerCost("0", "neurons", {"spikes": 3.0}, 1e-9), fields_of),
    ModuleCost: Case(lambda: ModuleCost("snnTorch", "odin", (), {"spikes": 3.0}, None, ("packet",), 1, 2), repr),
    Measurement: Case(lambda: Measurement("a", "odin", "energy", 1.5e-8, "bound", predict={"k": "x"}), fields_of),
    encode.VectorEncoder: Case(
        lambda: encode.VectorEncoder(60, 8).fit(np.random.default_rng(0).random((40, 5))),
        lambda e: (e.encode(np.eye(5)), e.decode(PATTERNS)),
    ),
    encode.ImageEncoder: Case(
        lambda: encode.ImageEncoder(60, 8).fit(encode.load_digits()[0][:60]),
        lambda e: (e.encode(encode.load_digits()[0][:3]), e.decode(PATTERNS)),
    ),
    encode.TextEncoder: Case(
        lambda: encode.TextEncoder(60, 8).fit(["a line", "another one"]),
        lambda e: (e.encode(["a line"]), e.decode(PATTERNS)),
    ),
    hdc.BinaryCodes: Case(lambda: hdc.BinaryCodes(256), lambda a: a.bind(a.random(3), a.random(3, 1))),
    hdc.BlockCodes: Case(lambda: hdc.BlockCodes(10, 8), lambda a: a.bind(a.random(3), a.random(3, 1))),
    hdc.MapB: Case(lambda: hdc.MapB(256), lambda a: a.bind(a.random(3), a.random(3, 1))),
    hdc.MapI: Case(lambda: hdc.MapI(256), lambda a: a.bind(a.random(3), a.random(3, 1))),
    Part: Case(lambda: Part((network()["h"],), (network()["h->h"],), "h", 1), fields_of),
    LavaSession: Case(LavaSession, lambda s: (s._server, s.close())),
    nir_io.Choice: Case(lambda: nir_io.Choice(*"abcdefgh"[: len(fields(nir_io.Choice))])),
    nir_io.Limits: Case(nir_io.Limits),
    nir_io.origins.Origin: Case(nir_io.origins.Origin, fields_of),
    nodes.NodeType: Case(nodes.NodeType, fields_of),
    nodes.LinearNode: Case(nodes.LinearNode, fields_of),
    nodes.NeuronNode: Case(nodes.NeuronNode, fields_of),
    nodes.Reading: Case(lambda: nodes.Reading(*(np.full(2, n) for n in range(7))), lambda r: r.neuron(r.bias, "zero")),
    sweep.Sweep: Case(lambda: sweep.Sweep("case-sequence-spiking", {"sequences": (1, 2)}, {}, (0, 1))),
    topology.Constant: Case(lambda: topology.Constant(2.0)),
    topology.Normal: Case(lambda: topology.Normal(1, 0.5, low=0), lambda d: (d, d.vector())),
    topology.Lognormal: Case(lambda: topology.Lognormal(1, 0.5, levels=256), lambda d: (d, d.vector())),
    topology.Uniform: Case(lambda: topology.Uniform(1, 5, grid=1), lambda d: (d, d.vector())),
    view.View: Case(lambda: view.view(recording(), title="a"), lambda v: v.to_bytes()),
    sweep.SweepResult: Case(lambda: sweep.SweepResult(None, "data.nc", 1, 2, [({"k": 1}, "failed")])),
}

#: Documented classes that stand in no ``__all__``.
MORE: dict[str, Case] = {
    "Quantized": Case(
        lambda: quantize(network()), lambda q: (q.scale, q.parts, simulate(q, X[:5], backend="loihi").spikes)
    ),
    "Retimed": Case(lambda: retime(network()), lambda r: (r.late, r.network.digest())),
    "a recording of a run that learned": Case(lambda: recording(True), go_on),
    "a recording of the reference": Case(lambda: recording(False, "reference"), go_on),
    "a recording of the reference that learned": Case(lambda: recording(True, "reference"), go_on),
    "a recording of snnTorch": Case(lambda: recording(False, "snntorch"), go_on),
    "TorchNetwork": Case(lambda: to_torch(network()), trained),
}


#: What others are derived from; there are no objects of these.
BASES = (snmem.neurons.Neuron, plasticity.LearningRule, Source, memory.PatternMemory, memory.RowMemory)


def public_classes() -> Iterator[type]:
    """Every class in ``__all__`` of the package and its subpackages that one can make an object of."""
    packages = [p.name for p in pkgutil.walk_packages(snmem.__path__, "snmem.") if p.ispkg]
    for module in map(importlib.import_module, ("snmem", *packages)):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not inspect.isclass(value) or value in BASES:
                continue
            if not (inspect.isabstract(value) or is_typeddict(value) or Protocol in value.__bases__):
                yield value


def cases() -> dict[str, Case]:
    """All cases by name."""
    return {kind.__name__: case for kind, case in CASES.items()} | MORE


def act(name: str, value: Any) -> Any:
    """What the object of a case does; to be called in other processes too."""
    return cases()[name].act(value)
