"""Neurons: one file each, with its parameters, its state and its step (:mod:`snmem.neurons.base`)."""

from .base import NEURONS, FloatArray, Neuron
from .lif import LIF, step_lif
from .loihi import LOIHI_SHIFT, LOIHI_STATE_LIMIT, LoihiLIF, step_loihi
from .units import synaptic_gain

__all__ = [
    "LIF",
    "LOIHI_SHIFT",
    "LOIHI_STATE_LIMIT",
    "NEURONS",
    "FloatArray",
    "LoihiLIF",
    "Neuron",
    "step_lif",
    "step_loihi",
    "synaptic_gain",
]
