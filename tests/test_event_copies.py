"""Copies and pickles of what has run on the event engine, misaligned arrays, and platforms without POSIX calls."""

import copy
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, simulate
from snmem.backends.event import arrays, layout_of
from snmem.backends.event.layout import network as network_layout
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


@pytest.mark.parametrize(("kinds", "loihi"), [(3, False), (100_000, False), (100, True)])
def test_other_weights_of_a_projection_lay_out_nothing_but_them(monkeypatch, kinds, loihi):
    """Trials with other weights: the spikes of a network that is laid out from the start."""
    rng = np.random.default_rng(3)
    neuron = LoihiLIF(du=2048, dv=400, vth=60) if loihi else LIF(alpha=0.7, beta=0.9, theta=3.03)

    def weights(shape, share):
        drawn = rng.integers(-kinds, kinds + 1, shape) * (2 if loihi else 5 / kinds)
        return drawn * (rng.random(shape) < share)

    net = Network(
        (Input("i", 300), Population("a", 300, neuron), Population("b", 40, neuron)),
        (
            Projection("i", "a", weights((300, 300), 0.1)),
            Projection("a", "b", weights((40, 300), 0.2), 2),
            Projection("b", "a", weights((300, 40), 0.2), 3),
        ),
    )
    x = {"i": rng.random((60, 300)) < 0.2}
    first = simulate(net, x)
    monkeypatch.setattr(network_layout, "records_of", lambda *_: pytest.fail("a whole network is laid out"))
    changed = net["a->b"].weights.copy()
    changed.data = changed.data[::-1].copy()
    other = net.with_weights({"a->b": changed})
    again, back = simulate(other, x), simulate(other.with_weights({"a->b": net["a->b"].weights}), x)
    monkeypatch.undo()
    assert again == simulate(copy.deepcopy(other), x)
    assert again.spikes["b"] != first.spikes["b"]
    assert back == first
    assert len(first.spikes["b"]) > 20


def test_weights_of_another_kind_lay_out_the_network():
    """More than 256 different ones where there were fewer, or bit planes: as if there was no other network."""
    net = _network()
    base = simulate(net, {"i": X})
    values = net["a->a"].weights.copy()
    values.data = np.round(values.data, 1)
    for other in (net.with_weights({"a->a": values}), net.with_weights({"i->a": net["i->a"].weights * 2})):
        result = simulate(other, {"i": X})
        assert result == simulate(copy.deepcopy(other), {"i": X})
        assert result.spikes["a"] != base.spikes["a"]


def test_arrays_side_by_side_are_zero_and_share_no_line_of_the_cache():
    found = arrays.side_by_side((3, np.float64), (0, np.int64), (65, np.uint8), (8, np.uint64))
    assert [(a.shape, a.dtype) for a in found] == [((3,), "f8"), ((0,), "i8"), ((65,), "u1"), ((8,), "u8")]
    ends = [(a.ctypes.data, a.ctypes.data + a.nbytes) for a in found]
    assert all(begin % arrays.LINE == 0 for begin, _ in ends)
    assert all(-(-end // arrays.LINE) * arrays.LINE <= begin for (_, end), (begin, _) in pairwise(ends))
    for number, array in enumerate(found):
        assert not array.any()
        array[...] = number + 1
    assert all((array == number + 1).all() for number, array in enumerate(found))
