r"""The estimates that papers print, from the counts of a bill, and the quantised network that would do the same.

Side by side they show how far apart the usual figures are, and from which spike rate on a network of spikes costs more
than a network of a few bits. Prices are those of 45 nm (Horowitz, ISSCC 2014; ``hardware/_dense.toml``), the same for
both sides; memory is charged by the size that holds the data.

With N synaptic events, S spikes, A neuron steps, M synapses, weights of w bits:

* *synaptic operations*: :math:`N \cdot 0.9` pJ beside :math:`M \cdot 4.6` pJ of an equal dense network, what most
  papers print: no memory, no neurons, no addressing.
* *operations, addressing and memory*, after Lemaire et al., "An analytical estimation of spiking neural networks energy
  efficiency", ICONIP 2022, for fully connected layers in 32-bit integers: an addition for each event, for its address
  and for each reset, a multiplication for each neuron step with leak; each event reads its weight and reads and writes
  its potential, each spike is written and read once.
* *the quantised twin*, after Yan, Bai, Tang and Wong, "Reconsidering the energy efficiency of spiking neural networks
  inference from analytical perspectives", arXiv 2409.08290: T steps of spikes carry what one pass with activations of
  :math:`b = \lceil \log_2(T + 1) \rceil` bits carries. Both are charged for arithmetic, for moving weights, potentials
  or partial sums, and for moving activations or spikes; formulas in :func:`quantized_twin`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from .._weights import values_of
from ..description import whole
from ..network import Network
from .bill import Bill
from .chip import Constant
from .dense import dense_constants

#: Integer arithmetic at 45 nm in J: additions per bit (0.1 pJ for 32), multiplications per pair of bits (3.1 for 32).
ADD_BIT, MULTIPLY_BITS = 0.1e-12 / 32, 3.1e-12 / 32**2
#: What papers charge for an accumulation and for a multiplication with accumulation in 32-bit floating point, in J.
ACCUMULATE, MULTIPLY_ACCUMULATE = 0.9e-12, 4.6e-12
_SIZES = ((8 * 1024, "sram_8k"), (32 * 1024, "sram_32k"), (1024 * 1024, "sram_1m"))


@dataclass(frozen=True)
class Estimate:
    """Joules of one item by an estimator, by part.

    Attributes
    ----------
    name : str
        The estimator.
    joules : float or None
        All parts together; None where one is unknown.
    parts : mapping of str to float or None
        Joules of each part.
    note : str
        What it leaves out.
    """

    name: str
    joules: float | None
    parts: Mapping[str, float | None]
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self) | {"parts": dict(self.parts)}


def _estimate(name: str, note: str = "", **parts: float | None) -> Estimate:
    joules = None if None in parts.values() else sum(x or 0.0 for x in parts.values())
    return Estimate(name, joules, parts, note)


def byte_price(constants: Mapping[str, Constant], stored: float) -> float:
    """Joules to move a byte to or from memory of ``stored`` bytes: on a line in log2 between the published sizes."""
    points = [(math.log2(size), constants[name].value or 0.0) for size, name in _SIZES]
    at = math.log2(max(stored, 1.0))
    if at <= points[0][0]:
        return points[0][1]
    if at > points[-1][0]:
        return constants["dram"].value or 0.0
    (x0, y0), (x1, y1) = next((a, b) for a, b in pairwise(points) if at <= b[0])
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)


def _memory(constants: Mapping[str, Constant], stored: float) -> dict[str, Any]:
    """Memory of the 45 nm machine that holds ``stored`` bytes."""
    last = _SIZES[-1][0]
    kind = "DRAM" if stored > last else f"SRAM of {max(stored, _SIZES[0][0]) / 1024:,.4g} KB"
    return {"bytes": stored, "kind": kind, "joules_per_byte": byte_price(constants, stored)}


def estimates(network: Network, bill: Bill) -> tuple[Estimate, ...]:
    """The estimators of the literature for one item of a bill, and the bill's own dynamic energy.

    Parameters
    ----------
    network : Network
        The billed network.
    bill : Bill
        Its bill.
    """
    c, counts, items = dense_constants()[0]["cmos45"], bill.counters, bill.items
    events, steps = counts["synaptic_events"] / items, counts["accessed"] / items
    spikes, inputs = counts["spikes"] / items, counts["input_spikes"] / items
    add, word = 32 * ADD_BIT, 4
    weights, potentials = word * counts["synapses"], word * counts["neurons"]
    moved = events * word * (byte_price(c, weights) + 2 * byte_price(c, potentials))
    queue = 2 * (spikes + inputs) * word * byte_price(c, potentials)
    return (
        _estimate("synaptic operations", "no memory, no neurons, no addresses", operations=events * ACCUMULATE),
        _estimate(
            "dense multiplications",
            "an equal dense network in one pass, no memory",
            operations=counts["synapses"] * MULTIPLY_ACCUMULATE,
        ),
        _estimate(
            "operations, addressing and memory",
            "no network on chip, no idle power",
            operations=events * add + steps * (32**2 * MULTIPLY_BITS + add) + spikes * add,
            addressing=events * add,
            memory=moved + queue,
        ),
        _estimate(
            f"bill on {bill.chip}",
            "dynamic energy; no idle power",
            **{u: None if joules is None else joules / items for u, joules in bill.dynamic.items() if u != "total"},
        ),
    )


@dataclass(frozen=True)
class QuantizedTwin:
    """The quantised network that carries as much as T steps of spikes, and the spikes, on one machine.

    Attributes
    ----------
    steps : int
        Steps of an item, T.
    bits, weight_bits : int
        Bits of an activation, ceil(log2(T + 1)), and of a weight.
    quantized, spiking : Estimate
        Joules of an item.
    spike_rate : float
        Share of the synapses that a step reads, as measured: the mean spike rate of what is presynaptic.
    break_even_rate : float or None
        Rate at which both cost the same; None where the spikes cost more even without any spike.
    memory : mapping of str to mapping
        Where "weights" and "potentials" lie: ``bytes`` stored, ``kind`` of memory, and ``joules_per_byte``.
    """

    steps: int
    bits: int
    weight_bits: int
    quantized: Estimate
    spiking: Estimate
    spike_rate: float
    break_even_rate: float | None
    memory: Mapping[str, Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        memory = {name: dict(row) for name, row in self.memory.items()}
        return asdict(self) | {
            "quantized": self.quantized.to_dict(), "spiking": self.spiking.to_dict(), "memory": memory
        }  # fmt: skip


def quantized_twin(
    network: Network, bill: Bill, *, weight_bits: int = 8, potential_bits: int = 16, stored_weights: int | None = None
) -> QuantizedTwin:
    r"""The bit-matched quantised twin of one item of a bill, on the same machine.

    With M synapses, n neurons and input lines of spike rate r, T steps, b bits of an activation, w of a weight, p of a
    potential or partial sum, and e_W, e_P joules to move a bit of weights and of potentials:

    .. math::

        E_\text{quantised} &= M (b w\, e_\times + p\, e_+) + M w\, e_W + n (b + p)\, e_P \\
        E_\text{spiking} &= N (p\, e_+ + w\, e_W + 2 p\, e_P) + 2 S \log_2(n)\, e_P \\
        &\quad + T n\, (p^2 e_\times + p\, e_+ + 2 p\, e_P)

    A dense layer reads every weight once and keeps its partial sum at hand; an event reads its weight, and reads and
    writes the potential of its target; every neuron leaks in every step. Spikes travel as addresses. All but the
    neuron steps goes with the spike rate, so that the break-even is where the two lines meet. For a dense layer of
    1,000 x 1,000 and T = 5 it is 14 %; the publication comes to 5.7 % with the memory and network of its machine.

    Parameters
    ----------
    network : Network
        The billed network.
    bill : Bill
        Its bill; ``bill.items`` items of ``bill.steps / bill.items`` steps.
    weight_bits : int
        Bits of a weight, 1 to 32.
    potential_bits : int
        Bits of a potential and of a partial sum, 1 to 64.
    stored_weights : int, optional
        Weights that are stored, where others are shared than those of convolutions; default: one for each synapse, and
        those of the kernel of a convolution.

    Raises
    ------
    NetworkError
        For bits that are not whole numbers in their range.
    """
    w = whole("quantized_twin: weight_bits", weight_bits, 1, 32)
    p = whole("quantized_twin: potential_bits", potential_bits, 1, 64)
    c, counts, items = dense_constants()[0]["cmos45"], bill.counters, bill.items
    synapses, steps = counts["synapses"], max(1, bill.steps // items)
    kept = sum(values_of(q.weights).size for q in network.projections)
    stored = kept if stored_weights is None else whole("quantized_twin: stored_weights", stored_weights, 0)
    cells = sum(x.size for x in network.populations)
    b = math.ceil(math.log2(steps + 1))
    memory = {"weights": _memory(c, stored * w / 8), "potentials": _memory(c, cells * p / 8)}
    weight_bit, cell_bit = (row["joules_per_byte"] / 8 for row in memory.values())
    quantized = _estimate(
        f"one pass of {b}-bit activations",
        arithmetic=synapses * (b * w * MULTIPLY_BITS + p * ADD_BIT),
        weights=synapses * w * weight_bit,
        activations=cells * (b + p) * cell_bit,
    )
    events, spikes = counts["synaptic_events"] / items, (counts["spikes"] + counts["input_spikes"]) / items
    neuron_steps = counts["neurons"] * steps
    idle = neuron_steps * (p**2 * MULTIPLY_BITS + p * ADD_BIT + 2 * p * cell_bit)
    spiking = _estimate(
        f"{steps} steps of spikes",
        arithmetic=events * p * ADD_BIT,
        weights=events * w * weight_bit,
        potentials=events * 2 * p * cell_bit,
        neurons=idle,
        spikes=2 * spikes * math.ceil(math.log2(max(cells, 2))) * cell_bit,
    )
    rate, dense = events / max(synapses * steps, 1), sum(x or 0.0 for x in quantized.parts.values())
    active = sum(x or 0.0 for name, x in spiking.parts.items() if name != "neurons")
    even = rate * (dense - idle) / active if active > 0 and dense > idle else None
    return QuantizedTwin(steps, b, w, quantized, spiking, rate, even, memory)
