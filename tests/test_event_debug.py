"""The debug mode: kernels with checks of array bounds, and the twins in the place of LLVM code."""

import os
import subprocess
import sys
from pathlib import Path

import snmem

CODE = """
import numpy as np
from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem._jit import DEBUG
from snmem.backends.event import layout_of
from snmem.backends.event.llvm import memory
from snmem.conformance.networks import features_of, random_inputs, random_network, refused_by
from snmem.plasticity import RULES

assert DEBUG and not hasattr(memory.load_four, "_defn")  # a compiled twin, no intrinsic
for seed in range(32):
    arithmetic = "loihi" if seed % 4 == 3 else "float"
    features = features_of(arithmetic, refused_by("event"))
    rule = sorted(RULES)[seed // 2 % len(RULES)] if seed % 4 == 2 else ""
    network = random_network(seed, rule=rule, arithmetic=arithmetic, max_size=(24, 600)[seed % 2], features=features)
    inputs = random_inputs(network, seed, 30)
    record = [f"{p.name}.{x}" for p in network.neurons for x in p.neuron.variables]
    runs = [simulate(network, inputs, 30, b, record=record, counters=True) for b in ("event", "reference")]
    assert runs[0].spikes == runs[1].spikes == simulate(network, inputs, 30).spikes
    assert runs[0].counters == runs[1].counters
    assert all(np.array_equal(runs[0].traces[name], runs[1].traces[name]) for name in record)
network = Network((Input("x", 3), Population("h", 3, LIF())), (Projection("x", "h", np.eye(3) + 0.3),))
layout_of(network).net.synapses.target[2] = 60_000
try:
    simulate(network, {"x": np.ones((3, 3))}, 3)
except IndexError as error:
    print(error)
"""


def test_the_conformance_networks_stay_within_their_arrays(tmp_path):
    """Compiled without optimisation, which takes the longest; a wrong target is an error and no damaged memory."""
    variables = {"SNMEM_DEBUG_KERNELS": "1", "NUMBA_OPT": "0", "PYTHONPATH": str(Path(snmem.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=900, env={**os.environ, **variables}
    )
    assert done.returncode == 0, done.stderr
    assert "out of bounds" in done.stdout
