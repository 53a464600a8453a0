r"""Local learning rules: plain descriptions attached to a :class:`~snmem.network.Projection`.

Both rules move a synapse towards a binary signal x, on existing synapses only, whenever a *gate* neuron spikes:

.. math:: \Delta w = \text{rate}\,(x - w)

Timing, the same on every runtime: after all spikes of step t are known, first the trace takes them in
(:math:`x \leftarrow \text{decay}\,x + s_t`; with ``decay = 0``, x is 1 exactly where the neuron spiked in step t),
then the rule acts. Spikes emitted in step t are still transmitted with the weights as they were before; those of
step t + 1 with the new ones.
This is the order of Lava's learning engine with ``t_epoch = 1``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import NetworkError


@dataclass(frozen=True)
class _Rule:
    rate: float
    gate: str | None = None
    signal: str | None = None
    decay: float = 0.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not 0.0 <= self.rate <= 1.0:
            raise NetworkError(f"{name}.rate: must lie in [0, 1], got {self.rate!r}")
        if not 0.0 <= self.decay < 1.0:
            raise NetworkError(f"{name}.decay: must lie in [0, 1), got {self.decay!r}")


class Instar(_Rule):
    """Postsynaptically gated: at a gate spike of unit j, every synapse i -> j learns ``w += rate * (x_i - w)``.

    Parameters
    ----------
    rate : learning rate epsilon in [0, 1].
    gate : population whose spikes trigger learning, one neuron per postsynaptic neuron (default: the postsynaptic one).
    signal : population that provides x, one neuron per presynaptic neuron (default: the presynaptic one).
    decay : factor the trace x keeps per step; 0 = only spikes of the same step.

    Source: Grossberg 1976; eq. of the K-winner memory in Bhandarkar & McClelland 2025, arXiv 2511.04593.
    """


class Outstar(_Rule):
    """Presynaptically gated: at a gate spike of unit i, every synapse i -> j learns ``w += rate * (x_j - w)``.

    Parameters
    ----------
    rate : learning rate epsilon in [0, 1].
    gate : population whose spikes trigger learning, one neuron per presynaptic neuron (default: the presynaptic one).
    signal : population that provides x, one neuron per postsynaptic neuron (default: the postsynaptic one).
    decay : factor the trace x keeps per step; 0 = only spikes of the same step.

    Source: Grossberg 1976; the return weights of Bhandarkar & McClelland 2025, arXiv 2511.04593.
    """


Rule = Instar | Outstar
