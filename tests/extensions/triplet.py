"""The triplet rule of spike-timing-dependent plasticity, in discrete time."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snmem.plasticity import RULES, LearningRule


@RULES.register("triplet")
@dataclass(frozen=True)
class Triplet(LearningRule):
    """Triplet STDP (Pfister & Gerstner 2006, doi 10.1523/JNEUROSCI.1425-06.2006), all-to-all.

    Traces r1, r2 of presynaptic and o1, o2 of postsynaptic neurons decay by their factor in every step. Then::

        w -= o1 * (a2_minus + a3_minus * r2)   where the presynaptic neuron spikes
        w += r1 * (a2_plus + a3_plus * o2)     where the postsynaptic neuron spikes

    and at last every trace gains 1 at a spike of its own neuron. Weights stay within 0..w_max.

    Parameters
    ----------
    a2_plus, a2_minus : float
        Amplitudes of pairs.
    a3_plus, a3_minus : float
        Amplitudes of triplets.
    r1, r2, o1, o2 : float
        Factors that the traces keep per step.
    w_max : float
        Largest weight.
    """

    a2_plus: float = 0.005
    a2_minus: float = 0.007
    a3_plus: float = 0.006
    a3_minus: float = 0.0002
    r1: float = 0.94
    r2: float = 0.99
    o1: float = 0.97
    o2: float = 0.992
    w_max: float = 1.0

    arithmetics: ClassVar = ("float",)

    def start(self, weights, integer):
        """Traces of all neurons: zero."""
        post, pre = weights.shape
        return {"r1": np.zeros(pre), "r2": np.zeros(pre), "o1": np.zeros(post), "o2": np.zeros(post)}

    def step(self, weights, memory, spikes):
        """One step; see the class."""
        post = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
        pre = weights.indices
        for name, trace in memory.items():
            trace *= getattr(self, name)
        down, up = np.isin(pre, spikes.pre), np.isin(post, spikes.post)
        w = weights.data
        w[down] -= memory["o1"][post[down]] * (self.a2_minus + self.a3_minus * memory["r2"][pre[down]])
        w[up] += memory["r1"][pre[up]] * (self.a2_plus + self.a3_plus * memory["o2"][post[up]])
        np.clip(w, 0.0, self.w_max, out=w)
        for name, trace in memory.items():
            trace[spikes.pre if name[0] == "r" else spikes.post] += 1
        return int((down | up).sum())
