"""Block codes in LIF neurons: every circuit computes what the algorithm does, on every arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import Input, Network, Population, Projection, quantize, simulate
from snmem.circuits import SuccessiveApproximation
from snmem.circuits.delays import with_delays
from snmem.circuits.kwta import Line
from snmem.errors import InputError
from snmem.hdc import BlockCodes
from snmem.hdc.circuits import (
    bind_wiring,
    coincidence,
    permute_wiring,
    phase_bind,
    phase_decode,
    phase_encode,
    trace,
    volley,
    votes,
    winner,
)
from snmem.hdc.circuits.parts import PASS
from snmem.lava import LavaSession

START = Line("start", 1, 0)
ARITHMETICS = ("event", "loihi")


@pytest.fixture(scope="module", autouse=True)
def _lava():
    """One Lava process, started when the first network runs on it."""
    with LavaSession():
        yield


def _run(populations, projections, inputs, steps, backend="event"):
    network = Network(populations, projections)
    network = quantize(network).network if backend in ("loihi", "lava_fixed") else network
    return simulate(network, inputs, steps, backend).spikes


def _volleys(codes, group, first=0, every=1):
    """Input events of codes, one each ``every`` steps."""
    row, neuron = np.nonzero(codes.to_dense(group))
    return first + every * row, neuron


def _at(spikes, step):
    """Neurons that spike in a step."""
    return spikes.neuron[spikes.step == step]


def _code(codes, spikes, step):
    raster = np.zeros(codes.dimensions, bool)
    raster[_at(spikes, step)] = True
    return codes.from_dense(raster)


@settings(max_examples=15)
@given(st.integers(1, 6), st.integers(2, 9), st.data(), st.integers(0, 2**32 - 1))
def test_groups_compete_apart_from_each_other(groups, units, data, seed):
    k = data.draw(st.integers(1, units))
    drives = np.random.default_rng(seed).permuted(np.arange(1, units + 1)[None].repeat(groups, 0), axis=1) / 16 - 1 / 32
    strategy = SuccessiveApproximation(4, groups)
    period = strategy.latency + 2
    circuit = strategy.build("units", groups * units, k, START, 1.0, period, 0)
    drive = Projection("start", "units", drives.reshape(-1, 1), name="drive")
    spikes = _run(
        (Input("start", 1), *circuit.populations), (drive, *circuit.projections), {"start": ([0], [0])}, period
    )
    won = spikes[circuit.winners]
    assert set(won.step) == {circuit.latency}
    expected = drives >= np.sort(drives, 1)[:, [-k]]
    assert np.array_equal(won.neuron, np.flatnonzero(expected))


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="10 units do not make 3 groups of equal size"):
        SuccessiveApproximation(4, 3).build("x", 10, 1, START, 1.0, 20, 0)
    with pytest.raises(InputError, match=r"k = 6 winners of 5 units; k must lie in 1\.\.5"):
        SuccessiveApproximation(4, 2).build("x", 10, 6, START, 1.0, 20, 0)


def test_every_synapse_has_its_own_delay():
    weights, delays = np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[4, 9], [1, 4]])
    found = with_delays("a", "b", weights, delays)
    assert [(q.delay, q.weights.toarray().tolist()) for q in found] == [
        (1, [[0, 0], [2, 0]]),
        (4, [[1, 0], [0, 3]]),
    ]
    assert [q.name for q in found] == ["a->b.1", "a->b.4"]
    for wrong, message in (
        (np.zeros((2, 2), int), "delay 0 is below 1 step"),
        (np.ones((2, 2)), r"delays must be whole numbers \(2, 2\), got float64"),
        (np.ones(2, int), r"got int64 \(2,\)"),
    ):
        with pytest.raises(InputError, match=message):
            with_delays("a", "b", weights, wrong)
    with pytest.raises(InputError, match="has no synapse"):
        with_delays("a", "b", np.zeros((2, 2)), delays)


@pytest.mark.parametrize("backend", ARITHMETICS)
@pytest.mark.parametrize("inverse", [False, True])
def test_coincidence_binds(backend, inverse):
    codes = BlockCodes(7, 9)
    a, b = codes.random(5, 1), codes.random(5, 2)
    part = coincidence("bound", codes, "a", "b", inverse)
    n = codes.dimensions
    inputs = {"a": _volleys(codes, a), "b": _volleys(codes, b)}
    spikes = _run((Input("a", n), Input("b", n), *part.populations), part.projections, inputs, 8, backend)[part.output]
    expected = (codes.unbind if inverse else codes.bind)(a, b)
    assert np.array_equal([_code(codes, spikes, part.latency + i) for i in range(5)], expected)
    assert len(spikes) == 5 * 7


def test_wires_rotate_blocks_and_bind_known_codes():
    codes = BlockCodes(6, 5)
    a, known = codes.random(2, 3)
    dense = codes.to_dense(a).astype(float)
    wired = {
        "permuted": (permute_wiring(codes, 2), codes.permute(a, 2)),
        "bound": (bind_wiring(codes, known), codes.bind(a, known)),
        "unbound": (bind_wiring(codes, known, inverse=True), codes.unbind(a, known)),
    }
    for weights, expected in wired.values():
        assert weights.nnz == codes.dimensions
        assert np.array_equal(codes.from_dense(weights @ dense), expected)
    with pytest.raises(InputError, match="bind_wiring: needs one code"):
        bind_wiring(codes, np.full(6, -1))


@pytest.mark.parametrize(("backend", "count"), [*((b, n) for b in ARITHMETICS for n in (1, 4, 15)), ("lava_fixed", 15)])
def test_votes_bundle(backend, count):
    codes = BlockCodes(11, 6)
    group = codes.random(count, count)
    group[:, 3] = -1  # nobody votes in this block
    period = 40
    part = votes("bundle", codes, count, START, period, period - 1)
    populations = (Input("start", 1), Input("code", codes.dimensions), *part.populations)
    projections = (Projection("code", "bundle.votes", np.eye(codes.dimensions)), *part.projections)
    events = [_volleys(codes, group, first) for first in (0, period)]
    inputs = {
        "code": tuple(np.concatenate(x) for x in zip(*events, strict=True)),
        "start": ([count - 1, period + count - 1], [0, 0]),
    }
    spikes = _run(populations, projections, inputs, 2 * period, backend)[part.output]
    for first in (0, period):
        assert np.array_equal(_code(codes, spikes, first + count - 1 + part.latency), codes.bundle(group))
    assert len(spikes) == 2 * 10


@pytest.mark.parametrize("backend", ["reference", *ARITHMETICS])
def test_a_trace_is_read_again_and_again(backend):
    """Codes are added between reads; every read gives the bundle of those so far; a clear forgets all."""
    codes, most = BlockCodes(9, 5), 6
    group = codes.random(12, 4)
    group[:, 2] = -1
    read_steps = 2 * most + 8
    period = 4 + read_steps
    added, answers, starts, at = [], [], [], []
    for turn in range(2):
        for i in range(0, 12, 3):
            first = (turn * 4 + i // 3) * period
            step, neuron = _volleys(codes, group[i : i + 3], first)
            added.append((step, neuron))
            starts.append(first + 3)
            answers.append(codes.bundle(group[: i + 3]))
    votes_most = (group[:, :, None] == np.arange(5)).sum(0).max()
    assert votes_most <= most
    part = trace("trace", codes, most, START, 4 * period)
    populations = (Input("start", 1), Input("code", codes.dimensions), *part.populations)
    projections = (Projection("code", "trace.counts", np.eye(codes.dimensions)), *part.projections)
    at = np.array(starts)
    inputs = {"code": tuple(map(np.concatenate, zip(*added, strict=True))), "start": (at, np.zeros_like(at))}
    spikes = _run(populations, projections, inputs, 8 * period, backend)[part.output]
    assert np.array_equal([_code(codes, spikes, s + part.latency) for s in starts], answers)
    assert len(spikes) == 8 * 8


@pytest.mark.parametrize("backend", ARITHMETICS)
def test_cleanup_finds_the_nearest_and_those_above_a_threshold(backend):
    codes = BlockCodes(20, 8)
    items = codes.random(30, 0)
    items[17] = items[4]  # a tie: the first is taken
    asked = codes.damage(items[[4, 9, 29]], 0.4, 1)
    period = 30
    first = winner("found", codes, "code", items, START, period, period - 1)
    above = volley("above", codes, "code", items, 9)
    populations = (Input("start", 1), Input("code", codes.dimensions), *first.populations, *above.populations)
    at = np.arange(3) * period
    inputs = {"start": (at, np.zeros(3, int)), "code": _volleys(codes, asked, 0, period)}
    spikes = _run(populations, (*first.projections, *above.projections), inputs, 3 * period, backend)
    expected = codes.cleanup(asked, items)
    assert expected.tolist() == [4, 9, 29]
    assert np.array_equal(spikes["found"].neuron, expected)
    assert np.array_equal(spikes["found"].step, at + first.latency)
    equal = codes.similarity(asked, items) * 20 > 8.5
    got = np.zeros((3, 30), bool)
    got[spikes["above"].step // period, spikes["above"].neuron] = True
    assert np.array_equal(got, equal)


@pytest.mark.parametrize("backend", [*ARITHMETICS, "lava_fixed"])
def test_phases_are_bound_by_delays(backend):
    codes, windows = BlockCodes(5, 12), 3
    group, known = codes.random(windows, 0), codes.random(1, 1)[0]
    period = 2 * codes.units
    coded = phase_encode("phase", codes, "code")
    bound = phase_bind("bound", codes, "phase", known, START)
    back = phase_bind("back", codes, "bound", known, Line("begin", 1, 0), inverse=True)
    decoded = phase_decode("out", codes, "bound", Line("begin", 1, 0))
    found = volley("found", codes, "back", group, 5, phases=True)
    parts = (coded, bound, back, decoded, found)
    start, later = Projection("go", "start", [[1.0]]), Projection("start", "begin", [[1.0]], delay=bound.latency)
    populations = (
        Input("go", 1),
        Input("code", codes.dimensions),
        Population("start", 1, PASS),
        Population("begin", 1, PASS),
        *(p for part in parts for p in part.populations),
    )
    projections = (start, later, *(q for part in parts for q in part.projections))
    at = np.arange(windows) * period
    inputs = {"go": (at, np.zeros_like(at)), "code": _volleys(codes, group, 0, period)}
    spikes = _run(populations, projections, inputs, (windows + 2) * period, backend)

    def phases(name, first):
        inside = spikes[name].between(first, first + codes.units)
        assert len(inside) == codes.blocks
        return inside.step[np.argsort(inside.neuron)]

    for i, code in enumerate(group):
        window = at[i] + coded.latency
        assert np.array_equal(phases("phase", window), code)
        assert np.array_equal(phases("bound", window + bound.latency), codes.bind(code, known))
        assert np.array_equal(phases("back", window + 2 * bound.latency), code)
        step = window + bound.latency + decoded.latency
        assert np.array_equal(_code(codes, spikes["out"], step), codes.bind(code, known))
    assert np.array_equal(spikes["found"].neuron, np.arange(windows))
    assert np.array_equal(spikes["found"].step, at + coded.latency + 2 * bound.latency + codes.units)
    assert all(len(spikes[name]) == windows * codes.blocks for name in ("phase", "bound", "back", "out"))


def test_what_does_not_fit_a_circuit_is_refused():
    codes = BlockCodes(4, 5)
    for message, call in {
        r"coincidence: 4 blocks of 5000 units need 100000000 neurons": lambda: coincidence(
            "x", BlockCodes(4, 5000), "a", "b"
        ),
        r"votes: most = 256 codes in a bundle; must lie in 1\.\.255": lambda: votes("x", codes, 256, START, 99, 0),
        r"trace: most = 0 votes of a unit": lambda: trace("x", codes, 0, START, 99),
        r"volley: least = 5 equal blocks of 4": lambda: volley("x", codes, "a", codes.random(2), 5),
        r"items: expected shape \(items, 4\)": lambda: volley("x", codes, "a", codes.random(0), 1),
        r"winner: 4097 items, limit 4096": lambda: winner("x", codes, "a", codes.random(4097), START, 99, 0),
        r"phase_bind: needs one code \(4,\)": lambda: phase_bind("x", codes, "a", codes.random(2), START),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
