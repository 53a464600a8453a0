"""NeuroBench's counters on a case counted by hand."""

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.cost.export.neurobench import neurobench, neurobench_traces
from snmem.errors import InputError


def hand_counted():
    """8-16-4, T = 10, B = 2: NeuroBench 2.3.0 with snnTorch 1.0.0 (Leaky, beta 1, threshold 4, reset subtract)."""
    w1 = np.array([[(3 * i + 5 * j) % 7 - 3 for j in range(8)] for i in range(16)], float)
    w2 = np.array([[(2 * i + 3 * j) % 5 - 2 for j in range(16)] for i in range(4)], float)
    lif = LIF(beta=1.0, theta=4.0, reset="subtract")
    network = Network(
        (Input("x", 8), Population("hidden", 16, lif), Population("out", 4, lif)),
        (Projection("x", "hidden", w1, delay=0), Projection("hidden", "out", w2, delay=0)),
    )
    t, i = np.indices((10, 8))
    inputs = [(b + 2 * t + 3 * i) % 4 == 0 for b in range(2)]
    return network, [simulate(network, {"x": x}, 10, record=neurobench_traces(network)) for x in inputs]


def test_every_counter_equals_neurobench():
    network, runs = hand_counted()
    assert [sum(len(r.spikes[name]) for r in runs) for name in ("x", "hidden", "out")] == [40, 36, 3]
    assert neurobench(network, runs) == {
        "ParameterCount": 192,
        "ConnectionSparsity": 0.1667,
        "ActivationSparsity": pytest.approx(0.9025),
        "ActivationSparsityByLayer": {"hidden": pytest.approx(0.8875), "out": pytest.approx(0.9625)},
        "Effective_MACs": 0.0,
        "Effective_ACs": 329.0,
        "Dense": 1920.0,
        "MembraneUpdates": 167.5,
        "Effective_Neuron_Ops": 670.0,
        "Neuron_Dense_Ops": 800.0,
    }


def test_bad_requests_name_the_remedy():
    network, runs = hand_counted()
    with pytest.raises(InputError, match="give one per sample"):
        neurobench(network, [])
    with pytest.raises(InputError, match=r"lacks the trace 'hidden\.u'"):
        neurobench(network, [simulate(network, {}, 2)])
    with pytest.raises(InputError, match='give "linear" or "conv" to a projection'):
        neurobench(network, runs, {"x->hidden": "round"})
