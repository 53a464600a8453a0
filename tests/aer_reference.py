"""Networks and reference figures of SANA-FE 2.2.9 runs (profile loihi.yaml), regenerated from their recipes."""

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Network, Population, Projection

#: SANA-FE 2.2.9, measured: counters, joules, and seconds of its three timing models.
R1 = {
    "fired": 101894, "updated": 102400, "packets": 207200, "synaptic_events": 1657600, "hops": 259100,
    "total": 9.744819420000069e-05, "synapse": 5.884480000000073e-05, "soma": 1.4515974199999973e-05,
    "network": 2.4087420000000075e-05, "simple": 0.0008406400000000004, "detailed": 0.0008518849066666674,
    "cycle": 0.0008517100000000002,
}  # fmt: skip
L1 = {
    "fired": 42869, "updated": 1022346, "packets": 601379, "synaptic_events": 1371808, "hops": 756141,
    "total": 0.0001961103405000001, "synapse": 4.869918400000023e-05, "soma": 7.748229529999998e-05,
    "network": 6.992886120000017e-05, "simple": 0.002619478199999996, "detailed": 0.0026946100435975037,
}  # fmt: skip


def random_network(cores, per_core, fan_cores, fan, p, seed):
    """A random net: neurons that fire in every step, each to ``fan`` neurons on ``fan_cores`` cores (R1: seed 1)."""
    rng = np.random.default_rng(seed)
    n = cores * per_core
    fires = rng.random(n) < p
    edges = []
    for i in np.flatnonzero(fires):
        for c in rng.choice(cores, fan_cores, replace=False):
            edges += [(i, c * per_core + d) for d in rng.choice(per_core, fan, replace=False)]
    pre, post = np.array(edges).T
    neuron = LIF(beta=1.0, theta=64.0, bias=np.where(fires, 128.0, 0.0))
    return _network(n, neuron, pre, post, np.full(len(pre), 128.0))


def recurrent_network(cores, per_core, k, seed):
    """A recurrent net of integrate-and-fire neurons, 80 % excitatory (L1: seed 11)."""
    rng = np.random.default_rng(seed)
    n = cores * per_core
    bias = rng.integers(0, 10, n)
    post = np.concatenate([rng.choice(n, k, replace=False) for _ in range(n)])
    pre = np.repeat(np.arange(n), k)
    weight = np.where(pre < int(0.8 * n), 1.0, -4.0)
    return _network(n, LIF(beta=1.0, theta=100.0, bias=bias.astype(float)), pre, post, weight)


def _network(n, neuron, pre, post, weight):
    weights = sp.csr_array(sp.coo_array((weight, (post, pre)), shape=(n, n)))
    return Network((Population("n", n, neuron),), (Projection("n", "n", weights, delay=1),))
