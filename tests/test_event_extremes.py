"""Numbers at the ends of float64, and sizes beyond what the engine counts: the same spikes, or one clear line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, quantize, simulate
from snmem.backends.event import modes
from snmem.errors import BackendError, InputError, NetworkError

SIZES = (0.0, 5e-324, 1e-320, 1e-300, 1e-10, 0.5, 1.0, 1e10, 1e150, 1e290, 1e298, 9e299, 1.1e300, 1e301, 1e304, 1e307)
SIZES += (np.finfo(float).max,)
DECAYS = (0.0, 5e-324, 1e-300, 1e-10, 0.5, 0.9, 0.999, 1 - 2.0**-40, 1 - 2.0**-53, 1.0)
anything = st.builds(lambda x, sign: x * sign, st.sampled_from(SIZES), st.sampled_from((-1.0, 1.0)))


def _vector(draw, size, values):
    return draw(values) if draw(st.booleans()) else np.array(draw(st.lists(values, min_size=size, max_size=size)))


@st.composite
def neurons(draw, size):
    subtract = draw(st.booleans())
    return LIF(
        alpha=_vector(draw, size, st.sampled_from(DECAYS)),
        beta=_vector(draw, size, st.sampled_from(DECAYS)),
        theta=_vector(draw, size, anything) if draw(st.integers(0, 7)) else draw(st.sampled_from((np.inf, -np.inf))),
        bias=_vector(draw, size, anything) if draw(st.booleans()) else 0.0,
        v_reset=0.0 if subtract else _vector(draw, size, anything),
        reset="subtract" if subtract else "zero",
    )  # fmt: skip


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    populations: list = [Input("x", 2)]
    for k, size in enumerate(sizes):
        every = draw(st.none() | st.integers(1, 20))
        offset = draw(st.integers(0, every - 1)) if every else 0
        populations.append(Population(f"p{k}", size, draw(neurons(size)), clear_every=every, clear_offset=offset))
    projections = []
    for k in range(draw(st.integers(1, 4))):
        pre, post = draw(st.sampled_from(populations)), draw(st.sampled_from(populations[1:]))
        count = pre.size * post.size
        weights = np.array(draw(st.lists(anything, min_size=count, max_size=count))).reshape(post.size, pre.size)
        projections.append(Projection(pre.name, post.name, weights, delay=draw(st.integers(1, 3)), name=f"q{k}"))
    return Network(tuple(populations), tuple(projections))


@pytest.mark.parametrize("cells", [False, True])
@settings(max_examples=150)
@pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero):RuntimeWarning")
@given(networks(), st.integers(0, 1000), st.sampled_from((0.03, 0.2)))
def test_extreme_values_give_the_spikes_and_traces_of_the_reference(cells, network, seed, rate):
    names = [f"{p.name}.{x}" for p in network.neurons for x in "uv"]
    x = {"x": np.random.default_rng(seed).random((60, 2)) < rate}
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        if cells:
            patch.setattr(modes, "CELLS_FROM", 1)
            patch.setattr(modes, "CELL_LIMITS", dict.fromkeys((True, False), (-1, 0)))
        reference, stepped = (simulate(network, x, 60, backend, record=names) for backend in ("reference", "event"))
        lazy = simulate(network, x, 60)
        rest = [simulate(network, {}, 3, backend, state=run.state, record=names)
                for backend, run in (("reference", reference), ("event", lazy))]  # fmt: skip
    for p in network.neurons:
        assert lazy.spikes[p.name] == stepped.spikes[p.name] == reference.spikes[p.name]
    for name in names:
        np.testing.assert_array_equal(stepped.traces[name], reference.traces[name])
        np.testing.assert_array_equal(rest[1].traces[name], rest[0].traces[name])


def test_a_threshold_beyond_1e300_is_reached_by_the_bias_alone():
    """Bounds on later v used to be capped at 1e300."""
    for theta, bias, beta in ((5e300, 1e300, 1.0), (1.5e301, 1e300, 1 - 2.0**-6)):
        network = Network((Population("h", 3, LIF(alpha=0.5, beta=beta, theta=theta, bias=bias)),))
        runs = [simulate(network, {}, 100, backend) for backend in ("event", "reference")]
        assert runs[0].spikes == runs[1].spikes
        assert len(runs[0].spikes["h"]) > 0


def test_large_values_are_quantized_or_refused_in_one_line():
    def network(value, fan_in):
        h = Population("h", 1, LIF(theta=value, bias=value / 4))
        return Network((Input("x", fan_in), h), (Projection("x", "h", np.full((1, fan_in), value)),))

    most, x = np.finfo(float).max, {"x": np.ones((10, 1), bool)}
    for value in (1e299, most):
        made = quantize(network(value, 1)).network
        assert simulate(made, x, 10).spikes == simulate(network(value, 1), x, 10, "reference").spikes
    with pytest.raises(NetworkError, match=r"'h' has a threshold, bias or input beyond 1e300, .* scale weights"):
        quantize(network(most, 2))


def _one(size=1, delay=1):
    h = Population("h", size, LIF(alpha=0.5, beta=0.9))
    return Network((Input("x", 1), h), (Projection("x", "h", np.full((size, 1), 1.5), delay=delay),))


@pytest.mark.parametrize("size", [1, 9000])
def test_silence_takes_no_time_whatever_its_length(size):
    """Would not end if it was stepped, nor in pieces of 2**29 steps."""
    assert len(simulate(_one(size), {}, 2**53).spikes["h"]) == 0
    late = simulate(_one(size), {"x": ([2**52], [0])}, 2**53)
    assert np.unique(late.spikes["h"].step)[0] == 2**52 + 1


def test_more_than_the_engine_counts_is_refused_in_one_line_before_memory_is_taken():
    with pytest.raises(
        InputError, match=r"at most 9,007,199,254,740,992 steps can be counted, got 1,152,9.* run fewer"
    ):
        simulate(_one(), {}, 2**60)
    state = simulate(_one(), {}, 2**53).state
    with pytest.raises(InputError, match="got 1 from step 9,007,199,254,740,992 on"):
        simulate(_one(), {}, 1, state=state)
    with pytest.raises(InputError, match="threads must be at most 256, got 1,024"):
        simulate(_one(), {}, 1, threads=1024)
    with pytest.raises(BackendError, match=r"'x->h' has a delay of 1,000,000,000 steps; .* keeps up to 8,388,608; use"):
        simulate(_one(delay=10**9), {}, 1)
