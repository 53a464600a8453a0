"""Copies of every public object that has run do as the original does: here, from pickles, and in other processes."""

import copy
import multiprocessing
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from copied import CASES, act, cases, network, public_classes
from dask.distributed import Client, LocalCluster

WAYS = {"deepcopy": copy.deepcopy, "copy": copy.copy} | {
    f"pickle {n}": lambda x, n=n: pickle.loads(pickle.dumps(x, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)
}


def out_of_band(value):
    """As Dask and joblib pickle: arrays apart, in buffers that begin anywhere and belong to others."""
    buffers = []
    data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    moved = [bytearray(b"x" + bytes(b.raw())) for b in buffers]
    made = pickle.loads(data, buffers=[memoryview(b)[1:] for b in moved])
    return made, moved


def same(a, b):
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if sp.issparse(a):
        return same(a.toarray(), b.toarray())
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if hasattr(a, "__dict__") and type(a).__eq__ is object.__eq__:
        return type(a) is type(b) and same(vars(a), vars(b))
    return bool(a == b)


def test_every_public_class_is_copied_here():
    missing = [kind.__name__ for kind in public_classes() if kind not in CASES]
    assert not missing, f"add an object of {missing} to tests/copied.py"


@pytest.mark.parametrize("name", cases())
def test_copies_do_as_the_original(name):
    value = cases()[name].make()
    copies = {way: do(value) for way, do in WAYS.items()}
    copies["arrays apart"], buffers = out_of_band(value)
    results = {way: act(name, made) for way, made in copies.items()}
    expected = act(name, value)
    for way, result in results.items():
        assert same(result, expected), way
    if name in ("Network", "Projection", "LIF"):  # what others still refer to is not what a network stands on
        for buffer in buffers:
            buffer[:] = bytes(len(buffer))
        assert same(act(name, copies["arrays apart"]), expected)


#: What is sent to other processes: every kind of object with arrays or compiled forms.
SENT = ("Network", "Recording", "SpikingKWinnerMemory", "KWinnerMemory", "AttentionNetwork", "Bill", "Quantized")


@pytest.fixture(scope="module")
def sent():
    """Objects that have run, and what they do next; those who change what they act on act on a copy."""
    values = {name: cases()[name].make() for name in SENT}
    return values, {name: act(name, copy.deepcopy(value)) for name, value in values.items()}


def run_here(calls):
    return [act(name, value) for name, value in calls]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_any_kind_do_as_the_original(method, sent):
    values, expected = sent
    with multiprocessing.get_context(method).Pool(1) as pool:
        results = pool.map_async(run_here, [list(values.items())]).get(timeout=300)[0]
    for name, result in zip(values, results, strict=True):
        assert same(result, expected[name]), name


def test_joblib_does_as_the_original(sent):
    """Large arrays reach its workers as read-only maps of a file."""
    values, expected = sent
    calls = (joblib.delayed(act)(name, value) for name, value in values.items())
    results = joblib.Parallel(n_jobs=2, max_nbytes=1000)(calls)
    for name, result in zip(values, results, strict=True):
        assert same(result, expected[name]), name


def test_dask_does_as_the_original(sent):
    values, expected = sent
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        futures = {name: client.submit(act, name, client.scatter(value)) for name, value in values.items()}
        for name, future in futures.items():
            assert same(future.result(timeout=300), expected[name]), name


def test_a_copy_that_learns_leaves_the_original_alone():
    for name in ("KWinnerMemory", "SpikingKWinnerMemory", "StackedKWinnerMemory", "FastWeightAttention"):
        value = cases()[name].make()
        before = act(name, copy.deepcopy(value))
        act(name, copy.copy(value))
        assert same(act(name, value), before), name


def test_a_pickle_holds_no_compiled_form():
    net = network()
    size = len(pickle.dumps(net))
    fresh = pickle.loads(pickle.dumps(net))
    assert "_event_layout" in net.__dict__
    assert not {"_event_layout", "_digest", "_named"} & set(fresh.__dict__)
    assert size < 1.01 * sum(a.nbytes for q in net.projections for a in (q.weights.data, q.weights.indices)) + 20_000
