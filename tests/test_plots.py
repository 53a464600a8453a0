"""Pictures of any run and network: what they show is what there was."""

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, plots, simulate
from snmem.errors import InputError, UnknownNameError
from snmem.plots import activity
from snmem.stimuli import poisson

NAME = "a $x$ [b]"


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(0)
    weights = rng.normal(0.3, 0.5, (7, 5))
    projections = (Projection("in", NAME, weights), Projection(NAME, "out", rng.random((3, 7)), name="second"))
    neuron = LIF(alpha=0.5, beta=0.75, theta=0.5)
    return Network((Input("in", 5), Population(NAME, 7, neuron), Population("out", 3, neuron)), projections, dt=1e-3)


@pytest.fixture(scope="module")
def recording(network):
    return simulate(network, poisson(network, 400, 0, 0.2), 400, record=[f"{NAME}.v", "out.u"])


def saved(figure, path):
    with plots.plain_text():
        figure.savefig(path, dpi=40)
    assert path.stat().st_size > 1000
    return figure


def test_a_raster_shows_every_spike_of_every_population(recording, tmp_path):
    (axes,) = saved(plots.raster(recording), tmp_path / "x.png").axes
    drawn = [collection.get_offsets() for collection in axes.collections]
    assert [len(points) for points in drawn] == [len(recording.spikes[n]) for n in ("out", NAME, "in")]
    points = np.concatenate(drawn)
    out, middle = recording.spikes["out"], recording.spikes[NAME]
    assert np.array_equal(drawn[0], np.stack([out.step, out.neuron], axis=1))  # dt is a millisecond
    assert np.array_equal(drawn[1], np.stack([middle.step, middle.neuron + 3], axis=1))
    assert axes.get_xlabel() == "time (ms)"
    assert axes.get_xlim() == (0, 400)
    assert points[:, 1].max() < axes.get_ylim()[1] == 14.5
    assert [t.get_text() for t in axes.get_yticklabels()] == ["out\n(3)", "a \\$x\\$ [b]\n(7)", "in\n(5)"]
    assert len(plots.raster(recording, "out").axes[0].collections) == 1


def test_many_spikes_become_an_image_that_leaves_none_out(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(activity, "MARKS", 10)
    monkeypatch.setattr(activity, "_COLUMNS", 40)
    (axes,) = saved(plots.raster(recording), tmp_path / "x.png").axes
    assert not axes.collections
    for image, name in zip(axes.images, ("out", NAME, "in"), strict=True):
        share = np.asarray(image.get_array())
        spikes = recording.spikes[name]
        assert share.shape == (spikes.size, 40)
        assert share.sum() * 10 == pytest.approx(len(spikes))


def test_rates_count_every_spike(recording, tmp_path):
    for window in (None, 7, 400, 1000):
        (axes,) = saved(plots.rates(recording, window=window), tmp_path / "x.png").axes
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (ms)", "rate (Hz)")
        for step, name in zip(axes.patches, recording.spikes, strict=True):
            values, edges, _ = step.get_data()
            spikes = recording.spikes[name]
            assert (values * np.diff(edges)).sum() * 1e-3 * spikes.size == pytest.approx(len(spikes))


def test_traces_show_what_was_recorded_and_the_threshold(recording, tmp_path):
    upper, lower = saved(plots.traces(recording), tmp_path / "x.png").axes
    lines = upper.get_lines()
    assert np.array_equal(lines[1].get_ydata(), recording.traces[f"{NAME}.v"][:, 1])
    assert list(lines[3].get_ydata()) == [0.5, 0.5]
    assert len(lower.get_lines()) == 3
    (axes,) = plots.traces(recording, "out.u", neurons=[2]).axes
    assert np.array_equal(axes.get_lines()[0].get_ydata(), recording.traces["out.u"][:, 2])
    loihi = Network((Population("p", 2, LoihiLIF(vth=3, bias_mant=5)),))
    (axes,) = plots.traces(simulate(loihi, {}, 20, record="p.v")).axes
    assert axes.get_lines()[-1].get_ydata()[0] == 192


def test_long_runs_count_seconds_and_later_parts_their_own_time(network):
    first = simulate(network, poisson(network, 1200, 0, 0.2), 1200)
    axes = plots.raster(first, "out").axes[0]
    assert (axes.get_xlabel(), axes.get_xlim()) == ("time (s)", (0, 1.2))
    second = simulate(network, poisson(network, 100, 1, 0.2), 100, state=first.state)
    assert plots.raster(second, "out").axes[0].get_xlim() == pytest.approx((1200, 1300))


def test_connectivity_shows_weights_and_fan_in(network, tmp_path):
    image = saved(plots.connectivity(network, "second"), tmp_path / "x.png").axes[0].images[0]
    assert np.array_equal(image.get_array(), network["second"].weights.toarray())
    low, high = image.get_clim()
    assert low == -high
    counts = saved(plots.connectivity(network), tmp_path / "y.png").axes[0].images[0].get_array()
    assert np.array_equal(np.nan_to_num(np.asarray(counts)), [[5, 0, 0], [0, 7, 0]])
    large = sp.random_array((1300, 700), density=0.01, rng=np.random.default_rng(0), format="csr")
    image = plots.connectivity(Projection("a", "b", large)).axes[0].images[0].get_array()
    assert image.shape == (500, 500)
    rows, columns = (np.bincount(np.arange(n) * 500 // n) for n in large.shape)
    assert (image * np.outer(rows, columns)).sum() == pytest.approx(large.sum())


def test_refusals_name_what_there_is(network, recording):
    for call, error, words in (
        (lambda: plots.raster(recording, "none"), UnknownNameError, "none"),
        (lambda: plots.rates(recording, window=0), InputError, "window must be a whole number >= 1"),
        (lambda: plots.traces(simulate(network, {}, 3)), InputError, "record="),
        (lambda: plots.traces(recording, neurons=[3]), InputError, "'out.u' has no neuron 3; there are 3"),
        (lambda: plots.connectivity(network, "out"), InputError, "'out' is a population"),
        (lambda: plots.connectivity(network, "x"), UnknownNameError, "second"),
        (lambda: plots.connectivity(5), InputError, "got int"),  # type: ignore[arg-type]
    ):
        with pytest.raises(error, match=words):
            call()


def test_silent_runs_can_be_drawn(network, tmp_path):
    silent = simulate(network, {}, 5, record="out.v")
    for figure in (plots.raster(silent), plots.rates(silent), plots.traces(silent)):
        saved(figure, tmp_path / "x.png")
