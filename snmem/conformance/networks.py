"""Seeded random networks that reach every corner of the update equations, and inputs to drive them.

The same seed and arguments give the same network on every machine (numpy's PCG64 generator).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import InputError
from ..network import Input, Network, Population, Projection
from ..neurons import LIF, NEURONS, LoihiLIF, Neuron
from ..plasticity import RULES, Instar, LearningRule, Outstar
from ..simulation import get_backend
from ..spikes import Spikes
from .convolutions import convolved
from .extended import extended
from .lines import random_lines

#: What a generated network may hold beyond the plain case. A backend's author leaves out what it declares it refuses.
FEATURES = {
    "subtract": "populations whose reset subtracts the threshold (float only)",
    "v_reset": "reset to a value other than 0 (float only)",
    "bias": "constant input to v",
    "per_neuron": "parameters that differ by neuron",
    "clear": "timed resets of u and v",
    "delay_0": "projections that act in the same step, on acyclic paths",
    "long_delays": "delays of 2 to 5 steps",
    "synapse_delays": "projections whose synapses have delays of their own, several between two neurons included",
    "cycles": "recurrent projections and loops through several populations",
    "zero_weights": "synapses of weight 0",
    "fine_decays": "decays other than 0, 1/2 and 1; their tails soon need more than float32's 24 bits (float only)",
    "off_grid": "weights and parameters that are no multiples of 1/16: the order of summation shows (float only)",
    "plasticity": "Instar and Outstar rules with gates, signals and traces (float only)",
    "exponent": "weight exponents from -8 to 7, with saturation and wrapping (Loihi only)",
    "values": "inputs that carry numbers: multiples of 1/4 (whole numbers in Loihi networks)",
    "sources": "Poisson, regular and scheduled sources instead of inputs",
    "shared_weights": "projections that are kept as the kernel of a convolution",
}
#: What a backend runs only if it declares it (``Backend.features``); drawn apart, so that the rest stays as it was.
EXTENSIONS = {
    "refractory": "neurons that are refractory while their currents go on",
    "freeze": "neurons that stand still while refractory (float only)",
    "reset_current": "spikes that set the synaptic currents to 0 (float only)",
    "adaptation": "thresholds that rise with each spike (float only)",
    "second_current": "a second synaptic current (float only)",
    "noise": "noise added to v (float only)",
    "initial_state": "u and v other than 0 before step 0",
    "loihi_subtract": "populations whose reset subtracts the threshold (Loihi only)",
    "receptor": "projections to the second current and to v (float only)",
    "potentials": "projections that deliver the potentials of their neurons (float only)",
}
FEATURES |= EXTENSIONS
_FLOAT_ONLY = {"subtract", "v_reset", "fine_decays", "off_grid", "plasticity"} | EXTENSIONS.keys() - {
    "refractory",
    "initial_state",
    "loihi_subtract",
}
_LOIHI_ONLY = {"exponent", "loihi_subtract"}
#: Features of the definition that are drawn by a generator of their own, too.
_LATER = {"synapse_delays"}


def features_of(arithmetic: str, without: Collection[str] = ()) -> frozenset[str]:
    """All features of an arithmetic ("float" or "loihi"), those in ``without`` left out."""
    unknown = set(without) - set(FEATURES)
    if unknown:
        raise InputError(f"conformance: unknown feature {sorted(unknown)[0]!r}; known are {', '.join(FEATURES)}")
    other = _LOIHI_ONLY if arithmetic == "float" else _FLOAT_ONLY
    return frozenset(FEATURES) - other - set(without)


def refused_by(backend: str) -> frozenset[str]:
    """Features that a backend does not run, by its declaration."""
    declared = get_backend(backend)
    refused = declared.without | (frozenset() if declared.values else {"values"})
    return refused | (frozenset() if declared.features is None else EXTENSIONS.keys() - set(declared.features))


def random_network(
    seed: int,
    *,
    arithmetic: str = "float",
    sizes: Sequence[int] | None = None,
    inputs: Sequence[int] | None = None,
    density: float | None = None,
    features: Collection[str] | None = None,
    max_size: int = 24,
    max_populations: int = 4,
    neuron: str = "",
    rule: str = "",
) -> Network:
    """Return a random network.

    Parameters
    ----------
    seed
        Of the generator; everything left out below is drawn from it too.
    arithmetic
        "float" (LIF) or "loihi" (LoihiLIF).
    sizes, inputs
        Neurons of each population, lines of each input.
    density
        Probability of a synapse within a projection.
    features
        What the network may hold (keys of FEATURES); each is then used in about two networks of three. Default: all of
        the arithmetic.
    max_size, max_populations
        Limits of the sizes, and of the number of populations and of inputs plus one, drawn.
    neuron
        Registered neuron of all populations; by default LIF or LoihiLIF. Its arithmetic counts.
    rule
        Registered rule of plastic projections; by default Instar and Outstar.
    """
    rng = np.random.default_rng(seed)
    if neuron:
        arithmetic = NEURONS[neuron].arithmetic
    allowed = features_of(arithmetic) if features is None else frozenset(features) & features_of(arithmetic)
    apart = (
        EXTENSIONS.keys() | _LATER | {"values", "sources", "shared_weights"}
    )  # from generators of their own: the other draws stay
    used = {name for name in sorted(allowed - apart) if rng.random() < 2 / 3}
    more = np.random.default_rng([seed, 4])
    used |= {name for name in sorted(allowed & _LATER) if more.random() < 2 / 3}
    pool = rng.integers(1, max_size + 1, 2)  # few different sizes, so that gates and signals find partners
    sizes = tuple(sizes or rng.choice(pool, rng.integers(1, max_populations + 1)))
    inputs = tuple(inputs or rng.choice(pool, rng.integers(1, max_populations)))
    sources = random_lines(seed, inputs, "values" in allowed, "sources" in allowed)
    make = _lif if arithmetic == "float" else _loihi_lif
    if neuron:
        make = lambda rng, used, n: NEURONS[neuron].example(rng, n)  # noqa: E731
    neurons = [_population(rng, used, f"pop{i}", int(n), make(rng, used, int(n))) for i, n in enumerate(sizes)]
    draw = _Draw(rng, used, arithmetic, density, [*sources, *neurons], rule, more)
    shuffled = [[*sources, *neurons][i] for i in rng.permutation(len(sources) + len(neurons))]
    projections = draw.projections()
    projections = [projections[i] for i in rng.permutation(len(projections))]
    network = Network(tuple(shuffled), tuple(projections), outputs=(neurons[-1].name,))
    network = network if neuron else extended(network, seed, allowed & EXTENSIONS.keys(), used)
    return convolved(network, seed) if "shared_weights" in allowed else network


def random_inputs(network: Network, seed: int, steps: int, rate: float | None = None) -> dict[str, Spikes]:
    """Independent random spikes for every input, with probability ``rate`` (default: drawn) per line and step.

    Those of inputs that take numbers carry multiples of 1/4 up to 2, or whole numbers up to 8 in Loihi networks.
    """
    numbers, unit = np.random.default_rng([seed, 3]), 1 if network.arithmetic == "loihi" else 4
    rng = np.random.default_rng([seed, 1])
    spikes = {}
    for source in network.fed:
        p = rng.choice([0.02, 0.1, 0.3, 0.6]) if rate is None else rate
        raster = rng.random((steps, source.size)) < p
        if source.values:
            raster = raster * numbers.integers(-8, 9, raster.shape) / unit
        spikes[source.name] = Spikes.from_raster(raster, values=source.values)
    return spikes


def _grid(rng: np.random.Generator, used: set[str], low: float, high: float, n: int | None) -> Any:
    """Uniform values in [low, high], multiples of 1/16 unless off-grid; one or ``n``."""
    n = n if "per_neuron" in used and rng.random() < 0.5 else None
    if "off_grid" in used:
        return rng.uniform(low, high, n)
    return rng.integers(round(16 * low), round(16 * high) + 1, n) / 16


def _decays(rng: np.random.Generator, used: set[str], n: int) -> Any:
    count = n if "per_neuron" in used and rng.random() < 0.5 else None
    if "off_grid" in used and rng.random() < 0.7:
        return rng.uniform(0, 1, count)
    return rng.choice([0, 0.25, 0.5, 0.75, 1] if "fine_decays" in used else [0, 0.5, 1], count)


def _lif(rng: np.random.Generator, used: set[str], n: int) -> LIF:
    subtract = "subtract" in used and rng.random() < 0.6
    return LIF(
        alpha=_decays(rng, used, n) if rng.random() < 0.6 else 0.0,
        beta=_decays(rng, used, n),
        theta=_grid(rng, used, 0.5, 1.5, n) if rng.random() < 0.95 else np.inf,
        bias=_grid(rng, used, -0.25, 0.25, n) if "bias" in used else 0.0,
        v_reset=_grid(rng, used, -0.5, 0.25, n) if "v_reset" in used and not subtract else 0.0,
        reset="subtract" if subtract else "zero",
    )


def _loihi_lif(rng: np.random.Generator, used: set[str], n: int) -> LoihiLIF:
    def draw(low: int, high: int) -> Any:
        return rng.integers(low, high + 1, n if "per_neuron" in used and rng.random() < 0.5 else None)

    wide = rng.random() < 0.2
    return LoihiLIF(
        du=rng.choice([0, 4095]) if rng.random() < 0.5 else draw(0, 4095),
        dv=rng.choice([0, 4095]) if rng.random() < 0.4 else draw(0, 4095),
        vth=draw(0, 131071) if wide else draw(50, 300),
        bias_mant=draw(-4096, 4095) if "bias" in used else 0,
        bias_exp=draw(0, 7 if wide else 1) if "bias" in used else 0,
    )


def _population(rng: np.random.Generator, used: set[str], name: str, n: int, neuron: Neuron) -> Population:
    if "clear" not in used or rng.random() < 0.4:
        return Population(name, n, neuron)
    every = int(rng.integers(1, 12))
    return Population(name, n, neuron, clear_every=every, clear_offset=int(rng.integers(0, every)))


class _Draw:
    """Draws projections between ``nodes``: inputs, then populations in an order along which delay 0 is allowed."""

    def __init__(
        self,
        rng: np.random.Generator,
        used: set[str],
        arithmetic: str,
        density: float | None,
        nodes: list[Any],
        rule: str,
        more: np.random.Generator,
    ) -> None:
        self.more = more
        self.rng, self.used, self.arithmetic, self.density, self.nodes = rng, used, arithmetic, density, nodes
        self.rule_name = rule

    def projections(self) -> list[Projection]:
        """Every population gets a source from before it, and more by chance; now and then two from the same one."""
        out: list[Projection] = []
        for j, post in enumerate(self.nodes):
            if isinstance(post, Input):
                continue
            first = int(self.rng.integers(0, j))
            for i, pre in enumerate(self.nodes):
                if i >= j and "cycles" not in self.used and not isinstance(pre, Input):
                    continue
                count = int(i == first) + int(self.rng.random() < 0.35)
                out.extend(self.projection(pre, post, f"{pre.name}->{post.name}.{k}", i < j) for k in range(count))
        return out

    def projection(self, pre: Any, post: Any, name: str, forward: bool) -> Projection:
        delays = [1, 1]
        if "long_delays" in self.used:
            delays += [2, 3, 4, 5]
        if "delay_0" in self.used and forward:
            delays += [0, 0]
        delay = int(self.rng.choice(delays))
        weights = self.weights(pre.size, post.size)
        exponent = 0
        if "exponent" in self.used and self.rng.random() < 0.6:
            exponent = int(self.rng.integers(-8, 8) if self.rng.random() < 0.3 else self.rng.integers(-2, 4))
        plastic = self.rule_name or "plasticity" in self.used
        fits = delay >= 1 if self.rule_name else delay == 1
        rule = self.rule(pre, post) if fits and plastic and self.rng.random() < 0.5 else None
        own = self.delays(weights, forward) if rule is None and "synapse_delays" in self.used else None
        weights, steps = (weights, delay) if own is None else own
        return Projection(pre.name, post.name, weights, steps, rule, name, exponent)

    def delays(self, weights: sp.csr_array, forward: bool) -> tuple[Any, Any] | None:
        """Delays of single synapses, now and then with second synapses between two neurons; or None."""
        rng = self.more
        low, high = 0 if "delay_0" in self.used and forward else 1, 6 if "long_delays" in self.used else 1
        if rng.random() < 0.4 or low >= high:
            return None
        matrix: Any = weights.tocoo()
        steps = rng.integers(low, high + 1, matrix.nnz)
        if rng.random() < 0.3:
            twice = rng.random(matrix.nnz) < 0.3
            row, col, data = (np.concatenate([a, a[twice]]) for a in (matrix.row, matrix.col, matrix.data))
            matrix = sp.coo_array((data, (row, col)), shape=matrix.shape)
            steps = np.concatenate([steps, low + (steps[twice] - low + 1) % (high - low + 1)])
        return matrix, steps

    def weights(self, pre: int, post: int) -> sp.csr_array:
        """Weights of both signs, so large that a fifth of the sources can drive a neuron across its threshold."""
        rng = self.rng
        density = self.density or rng.choice([0.1, 0.3, 0.6, 1.0])
        present = rng.random((post, pre)) < density
        scale = 1.2 / max(1.0, 0.2 * density * pre)
        values = scale * rng.normal(0.2, 1.0, (post, pre))
        if self.arithmetic == "loihi":
            values = np.clip(np.round(400 * values), -256, 255)
            sign = rng.choice([0, 0, 0, 1, 1, -1])  # mixed signs and one-signed matrices are conditioned differently
            values = sign * np.abs(values).clip(0, 255) if sign else values
        elif "off_grid" not in self.used:
            values = np.round(16 * values) / 16
        elif rng.random() < 0.3:
            values = np.round(values, 1)  # decimal weights make exact ties in one order of summation only
        if "zero_weights" in self.used:
            values[rng.random((post, pre)) < 0.1] = 0
        rows, columns = np.nonzero(present)
        kind = np.int16 if self.arithmetic == "loihi" else np.float64
        return sp.csr_array((values[present].astype(kind), (rows, columns)), shape=(post, pre))

    def rule(self, pre: Any, post: Any) -> LearningRule:
        rng = self.rng
        if self.rule_name:
            return RULES[self.rule_name].example(rng)
        kind = Instar if rng.random() < 0.5 else Outstar
        gate_like, signal_like = (post, pre) if kind is Instar else (pre, post)

        def other(like: Any) -> str | None:
            fitting = [p.name for p in self.nodes if p.size == like.size]
            return str(rng.choice(fitting)) if rng.random() < 0.5 else None

        off = "off_grid" in self.used
        return kind(
            rate=float(rng.uniform(0, 1) if off else rng.choice([0.0, 0.25, 0.5, 1.0])),
            gate=other(gate_like),
            signal=other(signal_like),
            decay=float(rng.uniform(0, 0.9) if off else rng.choice([0.0, 0.5])),
        )
