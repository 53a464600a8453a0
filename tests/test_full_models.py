"""The microcircuit and the fly brain as published, and the statistics that they are judged by."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import Spikes
from snmem.errors import FileError
from snmem.installation.content import load_script
from snmem.protocols.spike_trains import correlations, interval_cv, rates


def failed(result):
    return [row for row in result["rows"] if not row["ok"]]


def test_the_microcircuit_has_the_published_constants():
    """77,169 neurons, 298.9 million synapses, 87.8 pA for 0.15 mV; the network itself is drawn as these say."""
    model = load_script("models", "microcircuit")
    assert sum(model.SIZES) == 77_169
    assert sum(model.synapses(i, j) for i in range(8) for j in range(8)) == pytest.approx(298.9e6, rel=1e-3)
    assert model.current() == pytest.approx(87.8, abs=0.05)
    small = model.network(0.02, "dc")
    assert sum(q.synapses for q in small.projections) == pytest.approx(298.9e6 * 0.02**2, rel=0.01)
    e, i = (next(q for q in small.projections if q.name == f"{name}->L23E") for name in ("L23E", "L23I"))
    assert np.mean(e.weights.data) == pytest.approx(80, abs=0.5)
    assert np.mean(i.weights.data) == pytest.approx(-320, abs=2)
    assert len(np.unique(i.weights.data)) < 256
    steps = np.asarray(e.delay.data) - 1
    assert steps.min() >= 1
    assert np.mean(steps) == pytest.approx(15, abs=0.5)


def test_a_tenth_of_the_microcircuit_has_its_rates():
    result = load_script("models", "microcircuit").reproduce(quick=True, report=lambda text: None)
    assert not failed(result), result["rows"]


def test_the_fly_has_the_spikes_of_brian2():
    result = load_script("models", "fly_brain").reproduce(quick=True, report=lambda text: None)
    assert not failed(result), result["rows"]
    assert result["raw"]["brian2"] > 500


def test_a_file_of_connections_is_read_and_a_damaged_one_refused(tmp_path):
    fly = load_script("models", "fly_brain")
    columns = dict(zip(fly.COLUMNS, ([0, 0, 2], [1, 2, 0], [300, 4, -5]), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    brain = fly.read(tmp_path / "c.parquet", [0])
    assert (brain.neurons, brain.contacts.tolist()) == (3, [300, 4, -5])
    found = fly.run(0.1, data=str(tmp_path / "c.parquet"), driven="0")
    assert found["active neurons"] == 2
    (tmp_path / "bad.parquet").write_bytes((tmp_path / "c.parquet").read_bytes()[:-9])
    with pytest.raises(FileError, match=r"bad.parquet: cannot be read as a parquet file with columns"):
        fly.read(tmp_path / "bad.parquet", [0])
    pq.write_table(pa.table({**columns, fly.COLUMNS[1]: [1, -2, 0]}), tmp_path / "minus.parquet")
    with pytest.raises(FileError, match="indices from 0"):
        fly.read(tmp_path / "minus.parquet", [0])


def test_statistics_of_poisson_and_of_regular_trains():
    rng = np.random.default_rng(0)
    raster = rng.random((40_000, 60)) < 0.02
    spikes = Spikes.from_raster(raster)
    assert rates(spikes, 1e-3).mean() == pytest.approx(20, abs=0.3)
    assert interval_cv(spikes).mean() == pytest.approx(np.sqrt(1 - 0.02), abs=0.01)  # geometric intervals
    assert abs(correlations(spikes, 20).mean()) < 3 / np.sqrt(2000 * 60 * 59 / 2)
    regular = Spikes.from_raster(np.arange(400)[:, None] % np.array([7, 10]) == 0)
    assert np.array_equal(interval_cv(regular), [0, 0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 8))
def test_statistics_equal_their_definition(seed, width, size):
    raster = np.random.default_rng(seed).random((60, size)) < 0.3
    spikes = Spikes.from_raster(raster)
    cv = [np.std(d) / np.mean(d) for d in (np.diff(np.flatnonzero(c)) for c in raster.T) if len(d) >= 3]
    assert np.allclose(interval_cv(spikes), cv)
    counts = raster[: 60 // width * width].reshape(-1, width, size).sum(1).T.astype(float)
    counts = counts[counts.std(axis=1) > 0]
    expected = [np.corrcoef(a, b)[0, 1] for i, a in enumerate(counts) for b in counts[i + 1 :]]
    assert np.allclose(correlations(spikes, width), expected)
