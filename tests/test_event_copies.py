"""Copies and pickles of what has run on the event engine, misaligned arrays, and platforms without POSIX calls."""

import copy
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from snmem import LIF, Input, Instar, Network, Population, Projection, simulate
from snmem.backends.event import arrays, layout_of
from snmem.errors import BackendError, InputError

pytestmark = pytest.mark.usefixtures("threads_together")

COPIES = {"deepcopy": copy.deepcopy, "copy": copy.copy} | {
    f"pickle {n}": lambda x, n=n: pickle.loads(pickle.dumps(x, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)
}


def _network(plasticity=None):
    """Dense weights on a grid (bit planes), and sparse ones that may learn."""
    rng = np.random.default_rng(0)
    dense = rng.integers(-7, 8, (600, 600)) / 8 * (rng.random((600, 600)) < 0.3)
    sparse = rng.random((600, 600)) * (rng.random((600, 600)) < 0.02)
    return Network(
        (Input("i", 600), Population("a", 600, LIF(alpha=0.7, beta=0.9, theta=3.03))),
        (Projection("i", "a", dense), Projection("a", "a", sparse, plasticity=plasticity)),
    )


X = np.random.default_rng(1).random((40, 600)) < 0.1


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("plasticity", [None, Instar(0.25)])
def test_copies_of_a_network_and_its_state_go_on_as_the_original(how, plasticity):
    network = _network(plasticity)
    first = simulate(network, {"i": X[:20]}, 20)
    whole = simulate(network, {"i": X}, 40)
    assert len(whole.spikes["a"]) > 1000
    other, state = COPIES[how](network), COPIES[how](first.state)
    again = simulate(other, {"i": X}, 40)
    rest = simulate(other, {"i": X[20:]}, 20, state=state, threads=2)
    assert again.spikes == whole.spikes
    assert rest.spikes["a"] == whole.spikes["a"].between(20, 40)


def test_a_pickle_holds_the_network_and_not_its_compiled_form():
    network = _network()
    before = len(pickle.dumps(network))
    state = simulate(network, {"i": X}, 40).state
    assert len(pickle.dumps(network)) < 1.1 * before
    assert len(pickle.dumps(state)) < 1.1 * before


def test_a_state_with_other_arrays_is_refused():
    network = _network()
    state = simulate(network, {"i": X}, 40).state
    arrays = state.data.arrays
    state = replace(state, data=replace(state.data, arrays=arrays._replace(ring=arrays.ring[:, :1])))
    with pytest.raises(InputError, match="another version"):
        simulate(network, {"i": X}, 40, state=state)


def test_misaligned_arrays_are_refused_before_they_are_used():
    network = _network()
    layout = layout_of(network)
    planes = layout.net.planes
    moved = np.empty(planes.bits.size + 1, np.uint64)[1:]
    moved = moved if moved.ctypes.data % arrays.LINE else moved[1:]
    layout.net = layout.net._replace(planes=planes._replace(bits=moved))
    with pytest.raises(BackendError, match="array 'bits' is not aligned to 64 bytes"):
        simulate(network, {"i": X}, 40)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_engine_runs_without_the_calls_that_windows_does_not_have(threads):
    code = f"""
import os, random, time, concurrent.futures
import numpy as np, scipy.sparse, numba
del os.register_at_fork, os.sched_yield, time.clock_gettime, time.CLOCK_MONOTONIC
from snmem import LIF, Network, Population, simulate
from snmem.backends.event import team, turns
team.START_S, turns.Turns.choose = 60.0, lambda self, now: (True, 1.0)
network = Network((Population("h", 1000, LIF(0.5, 0.9, bias=0.15)),))
print(len(simulate(network, {{}}, 200, threads={threads}).spikes["h"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    network = Network((Population("h", 1000, LIF(0.5, 0.9, bias=0.15)),))
    assert int(done.stdout) == len(simulate(network, {}, 200).spikes["h"]) > 0
