"""Spikes that carry values, and inputs that take numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, simulate
from snmem.conformance import assert_same
from snmem.errors import BackendError, InputError
from snmem.io.spikes import read_spikes, write_spikes

#: Multiples of 1/4 and others, 0 among them, so that events of value 0 come up.
FRAMES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.one_of(st.sampled_from([0.0, 1.0, 0.25, -3.0]), st.floats(-1e6, 1e6)),
)


@given(FRAMES)
def test_frames_become_events_and_come_back(frames):
    spikes = Spikes.from_raster(frames, values=True)
    assert (spikes.frames() == frames).all()
    assert (spikes.value is None) == np.isin(frames, (0, 1)).all()
    assert spikes == Spikes(spikes.step, spikes.neuron, spikes.steps, spikes.size, spikes.value)
    assert spikes == Spikes.from_events(spikes.step, spikes.neuron, *frames.shape, value=spikes.values)
    for cut in range(len(frames) + 1):
        assert (spikes.between(0, cut).frames() == frames[:cut]).all()
        assert (spikes.between(cut, len(frames)).frames() == frames[cut:]).all()


@given(FRAMES, FRAMES)
def test_records_differ_where_their_values_do(a, b):
    rows, columns = min(len(a), len(b)), min(a.shape[1], b.shape[1])
    a, b = a[:rows, :columns], b[:rows, :columns]
    x, y = (Spikes.from_raster(frames, values=True) for frames in (a, b))
    cells, first = x.differing(y)
    assert cells == (a != b).sum()
    assert first == (None if x == y else np.flatnonzero((a != b).any(axis=1))[0])
    assert (x == y) == (a == b).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-3, 3)), max_size=20), st.randoms())
def test_events_of_a_line_in_a_step_add_up_in_any_order(events, random):
    random.shuffle(events)
    step, neuron, value = (np.array([e[i] for e in events], float) for i in range(3))
    expected = np.zeros((4, 3))
    np.add.at(expected, (step.astype(int), neuron.astype(int)), value)
    assert (Spikes.from_events(step, neuron, 4, 3, value=value).frames() == expected).all()


@given(frames=FRAMES)
def test_files_keep_values(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("values")
    spikes = {"x": Spikes.from_raster(frames, values=True)}
    write_spikes(folder / "x.h5", spikes)
    np.savez(folder / "x.npz", x=frames)
    assert read_spikes(folder / "x.h5").spikes == read_spikes(folder / "x.npz").spikes == spikes
    assert read_spikes(folder / "x.npz", 1).spikes["x"] == spikes["x"].between(0, 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, np.nan], "holds nan for neuron 2 in step 1; give finite numbers"),
        ([np.inf, 1.0], "holds inf for neuron 0 in step 0; give finite numbers"),
        ([1.0], "2 events but 1 values"),
        ([1j, 1], "must be real numbers"),
        (["a", "b"], "must be real numbers"),
        ([2**60 + 1, 1], "that float64 does not"),
    ],
)
def test_unusable_values_are_refused(value, message):
    with pytest.raises(InputError, match=message):
        Spikes.from_events([0, 1], [0, 2], 3, 3, value=value)


def test_an_event_of_value_0_is_none():
    with pytest.raises(InputError, match="an event of value 0 is none"):
        Spikes(np.array([0]), np.array([0]), 1, 1, np.array([0.0]))
    assert len(Spikes.from_events([0], [0], 1, 1, value=[0])) == 0


# --- networks ---


def mixed(rng: np.random.Generator, pre: int, post: int, grid: bool, loihi: bool = False) -> Network:
    """Frames and spikes into one population; dense weights on a grid would be bit planes."""
    weights = rng.normal(0, 0.3, (post, pre)) * (rng.random((post, pre)) < 0.6)
    weights = np.round(weights * 8) / (1 if loihi else 8) if grid or loihi else weights
    back = np.round(rng.normal(0, 1, (post, post))) if loihi else rng.normal(0, 0.05, (post, post))
    neuron = LoihiLIF(du=2000, dv=300, vth=40) if loihi else LIF(alpha=0.5, beta=0.9)
    lines = Input("x", pre, values=True), Input("y", pre)
    exponent = -1 if loihi else 0
    projections = (
        Projection("x", "h", weights, int(rng.integers(0, 4)), exponent=exponent),
        Projection("y", "h", np.round(4 * weights) / (1 if loihi else 4), 2),
        Projection("h", "h", back),
    )
    return Network((*lines, Population("h", post, neuron)), projections)


@pytest.mark.parametrize("seed", range(6))
def test_a_synapse_delivers_weight_times_value(seed):
    rng = np.random.default_rng(seed)
    loihi = seed % 3 == 2
    net = mixed(rng, int(rng.integers(1, 80)), (300, 700)[seed % 2], bool(seed % 2), loihi)
    frames = rng.integers(-9, 10, (40, net["x"].size)) * (rng.random((40, net["x"].size)) < (0.05, 1)[seed % 2])
    inputs = {"x": frames if loihi else frames / 7, "y": rng.random((40, net["y"].size)) < 0.1}
    record = ["h.u", "h.v"]
    expected = simulate(net, inputs, backend="reference", record=record, counters=True)
    assert len(expected.spikes["h"])
    found = simulate(net, inputs, record=record, counters=True)
    assert_same(expected, found)
    assert found.counters == expected.counters
    assert simulate(net, inputs, threads=2).spikes == expected.spikes
    for backend in ("reference", "event"):
        state, parts = None, []
        for low, high in ((0, 13), (13, 14), (14, 40)):
            part = {name: values[low:high] for name, values in inputs.items()}
            run = simulate(net, part, high - low, backend, state=state)
            state, parts = run.state, [*parts, run.spikes["h"]]
        assert [len(s) for s in parts] == [len(expected.spikes["h"].between(*c)) for c in ((0, 13), (13, 14), (14, 40))]
        assert parts[-1] == expected.spikes["h"].between(14, 40)


def chain(**options) -> Network:
    neurons = Population("h", 2, LIF(theta=np.inf, beta=0.5))
    return Network((Input("x", 2, **options), neurons), (Projection("x", "h", [[0.5, 0], [0.25, 2.0]]),))


def test_v_is_what_the_equations_say():
    frames = np.array([[0.5, 0], [0, -1.5], [2, 0.25]])
    v = simulate(chain(values=True), frames, 5, record="h.v").traces["h.v"]
    expected, state = [], np.zeros(2)
    for t in range(5):
        current = np.array([[0.5, 0], [0.25, 2.0]]) @ frames[t - 1] if 1 <= t < 4 else 0
        state = 0.5 * state + current
        expected.append(state)
    assert (v == np.array(expected)).all()


def test_a_constant_holds_for_all_steps():
    net = chain(values=True)
    for constant in (0.25, [0.25, 0.25], np.full((4, 2), 0.25)):
        assert (simulate(net, {"x": constant}, 4).spikes["x"].frames() == 0.25).all()
    with pytest.raises(InputError, match="given a constant, which does not say how long"):
        simulate(net, {"x": 0.25})
    with pytest.raises(InputError, match="over the limit of 100,000,000 values; put it into the bias"):
        simulate(net, {"x": 0.25}, 10**9)


def test_numbers_are_taken_where_the_input_says_so():
    for value in (np.full((3, 2), 0.3), ([0], [1], [0.3]), Spikes.from_raster([[0.3, 0]], values=True)):
        with pytest.raises(InputError, match=r"0 and 1 only.*; declare the input with Input\(\.\.\., values=True\)"):
            simulate(chain(), {"x": value})
        assert len(simulate(chain(values=True), {"x": value}).spikes["x"])
    twice = simulate(chain(values=True), ([0, 0], [1, 1])).spikes["x"]
    assert twice.values.tolist() == [2]
    with pytest.raises(InputError, match="spikes twice in step 0"):
        simulate(chain(), ([0, 0], [1, 1]))
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match=r"input 'x': holds (nan|inf) for neuron 0 in step 0; give finite numbers"):
            simulate(chain(values=True), np.full((3, 2), bad))


def test_plain_spikes_of_an_input_that_takes_numbers_run_everywhere():
    raster = np.random.default_rng(0).random((20, 2)) < 0.5
    assert simulate(chain(values=True), raster).spikes == simulate(chain(), raster).spikes
    assert chain(values=True).digest() != chain().digest()


def test_loihi_takes_whole_values():
    net = mixed(np.random.default_rng(2), 3, 5, True, True)
    with pytest.raises(InputError, match=r"has the value 0\.5, a network in Loihi's integers takes whole numbers"):
        simulate(net, {"x": 0.5}, 3, "loihi")


def test_who_takes_no_values_says_so():
    with pytest.raises(BackendError, match="backend 'lava_float': input 'x' carries values other than 1"):
        simulate(chain(values=True), {"x": 0.3}, 3, "lava_float")


def test_rules_see_that_a_spike_came():
    def weights(value):
        net = Network(
            (Input("x", 2, values=True), Population("h", 1, LIF(beta=0.0, theta=0.4))),
            (Projection("x", "h", [[0.5, 0.5]], plasticity=Instar(0.5)),),
        )
        return [
            simulate(net, {"x": np.array([[value, 0]] * 4)}, backend=b).weights["x->h"].toarray().tolist()
            for b in ("reference", "event")
        ]

    assert weights(1.0)[0] == weights(1.0)[1] == weights(2.0)[0] == weights(2.0)[1]
