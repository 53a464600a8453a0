"""The microcircuit and the fly brain as published, and the statistics that they are judged by."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp  # pyright: ignore[reportMissingTypeStubs]

from snmem import Spikes
from snmem.errors import FileError, InputError
from snmem.installation.content import content_dir, load_script
from snmem.protocols.distributions import agreement, distance, histogram
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


def test_a_small_part_of_the_microcircuit_stays_awake_by_default():
    """A constant drive leaves it silent after some tens of milliseconds."""
    found = load_script("models", "microcircuit").run(0.03, 0.2)
    assert all(found[name]["rate"] > 1 for name in ("L4E", "L4I", "L5E", "L5I", "L6I")), found


def test_a_tenth_of_the_microcircuit_has_the_distributions_of_nest():
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
    twice = dict(zip(fly.COLUMNS, ([0, 0], [1, 1], [30_000, 30_000]), strict=True))
    pq.write_table(pa.table(twice), tmp_path / "twice.parquet")
    inside = fly.network(fly.read(tmp_path / "twice.parquet", [0])).projections[1]
    assert inside.weights.data.tolist() == [60_000]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        (1, [1, -2, 0], "'Postsynaptic_Index' holds -2 to 1, and must lie in 0..9999999"),
        (0, [1, 2**62, 0], "and must lie in 0..9999999"),
        (0, [1, None, 0], "'Presynaptic_Index' has no value in 1 of 3 rows"),
        (2, [1.0, np.nan, 2.0], "'Excitatory x Connectivity' holds double, and not whole numbers alone"),
        (2, [1.0, 1.5, 2.0], "not whole numbers alone"),
        (0, ["0", "1", "2"], "holds string, and not whole numbers alone"),
        (2, [1, 40_000, 2], "holds 1 to 40000, and must lie in -32767..32767"),
        (2, None, "it has no column 'Excitatory x Connectivity'"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_one_line(tmp_path, column, values, words):
    fly, path = load_script("models", "fly_brain"), tmp_path / "[red]c[x].parquet"
    columns = dict(zip(fly.COLUMNS, ([0, 0, 2], [1, 2, 0], [300, 4, -5]), strict=True))
    columns[fly.COLUMNS[column]] = values
    pq.write_table(pa.table({name: v for name, v in columns.items() if v is not None}), path)
    with pytest.raises(FileError) as error:
        fly.read(path, [0])
    assert str(error.value).startswith(f"{path}: cannot be read")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("driven", ["", "x", "1,,2", "1.5", "3", -1])
def test_driven_neurons_are_those_of_the_file(tmp_path, snmem, driven):
    fly, path = load_script("models", "fly_brain"), tmp_path / "a,b.parquet"  # commas are part of a value
    pq.write_table(pa.table(dict(zip(fly.COLUMNS, ([0], [2], [300]), strict=True))), path)
    with pytest.raises(InputError, match=r"^driven: "):
        fly.run(0.01, data=str(path), driven=driven)
    with pytest.raises(InputError, match="give data too"):
        fly.run(0.01, driven="1")
    if driven == "":
        options = ["--set", "seconds=0.05", "--set", f"data={path}", "--set", "driven=0,2", "--json"]
        assert snmem("run", "fly-brain", *options).data["results"]["active neurons"] == 2
        assert "scale or data" in snmem("run", "fly-brain", *options[:-1], "--set", "scale=0.5").error()


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        ("cuba", {"seconds": np.nan}, "seconds: must be a number in 0.0001..109,951,162, got nan"),
        ("brunel", {"seconds": -1.0}, "seconds: must be a number"),
        ("microcircuit", {"seconds": 1e300, "scale": 0.002}, "seconds: must be a number"),
        ("fly_brain", {"seconds": 0.0}, "seconds: must be a number"),
        ("microcircuit", {"scale": -1.0}, "scale: must be a number in 0.001..1, got -1.0"),
        ("microcircuit", {"scale": 1e9}, "scale: must be a number in 0.001..1"),
        ("fly_brain", {"scale": np.nan}, "scale: must be a number in 0.001..1"),
        ("microcircuit", {"drive": "ac"}, "drive must be 'dc' or 'poisson'"),
        ("brunel", {"state": "AL"}, "state must be one of SR"),
        ("brunel", {"neurons": 10**9}, "neurons: must be a whole number in 10..10000000"),
    ],
)
def test_sizes_and_durations_out_of_range_are_refused_before_anything_is_drawn(model, values, words):
    with pytest.raises(InputError, match=words):
        load_script("models", model).run(**values)


@pytest.mark.filterwarnings("error")
def test_runs_too_short_for_statistics_say_nan_or_nothing():
    found = load_script("models", "brunel").run(seconds=1e-4, neurons=20)
    assert found["rate"] == 0
    assert np.isnan([found["cv"], found["spread"], found["frequency"]]).all()
    assert load_script("models", "microcircuit").run(0.001, 1e-4)["L4E"]["correlation"] == 0


def test_runs_of_nest_are_kept_and_the_longest_three_compared_with(tmp_path, monkeypatch):
    """A run takes the place of one of the same size, duration and seed; fewer than three are no reference."""
    sys.path.append(str(content_dir("benchmarks")))
    from models_suite.reference import keep

    model = load_script("models", "microcircuit")
    monkeypatch.setattr(model, "MEASURED", tmp_path / "runs.json")
    counts = {name: {what: histogram([1, 2], 1) for what in model.STATISTICS} for name in model.NAMES}
    for seconds, seed in ((1.0, 1), (1.0, 2), (1.0, 2), (2.0, 1), (1.0, 3), (3.0, 1)):
        run = {"scale": 0.5, "drive": "dc", "seconds": seconds, "seed": seed, "populations": counts}
        keep(run, model.MEASURED)
        if seed == 2:
            assert model.references(0.5, "dc") == []
    found = model.references(0.5, "dc")
    assert [(run["seconds"], run["seed"]) for run in found] == [(1.0, 1), (1.0, 2), (1.0, 3)]
    assert found[0]["populations"] == counts
    assert model.mean_rates(found) == [1.5] * 8
    assert model.references(0.5, "poisson") == []
    missing = model.agreement_rows(None, 97)[0]
    assert missing["value"].startswith("not run: runs.json has fewer than 3 runs of NEST of this size; its first line")
    assert not missing["ok"]


def test_without_runs_of_nest_the_full_form_says_so_and_draws_the_rest(tmp_path, monkeypatch):
    model = load_script("models", "microcircuit")
    (tmp_path / "none.json").write_text('{"runs": []}')
    monkeypatch.setattr(model, "MEASURED", tmp_path / "none.json")
    network = model.network
    monkeypatch.setattr(model, "network", lambda scale, drive, seed: network(0.01 * scale, drive, seed))
    found = model.reproduce(out=tmp_path, report=lambda text: None)
    missing = [
        row["name"] for row in failed(found) if str(row["value"]).startswith("not run: none.json has fewer than 3")
    ]
    assert missing == ["distributions", "three tenths, distributions"]
    assert found["files"] == [str(tmp_path / "microcircuit.png")]


SAMPLES = st.lists(st.integers(-30, 30), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, SAMPLES)
def test_the_distance_of_histograms_is_that_of_their_samples(one, other):
    found = distance(histogram(np.multiply(one, 0.25), 0.25), histogram(np.multiply(other, 0.25), 0.25))
    assert found == pytest.approx(ks_2samp(one, other).statistic, abs=1e-12)


def test_a_run_is_judged_by_what_the_reference_differs_from_itself():
    rng = np.random.default_rng(0)

    def run(mean):
        return {name: {"rate": histogram(rng.normal(mean, 1, 500), 0.01)} for name in "abcd"}

    reference = [run(0.0) for _ in range(5)]
    same, other = agreement([run(0.0)], reference), agreement([run(0.3)] * 2, reference)
    assert same.beyond <= same.beyond_themselves < 4 == other.beyond
    assert same.mean[0] < same.mean_between[0] < other.mean[0]
    assert np.isnan(distance(histogram([], 1.0), histogram([1.0], 1.0)))
    with pytest.raises(InputError, match="at least 3 runs of the reference, got 2"):
        agreement([run(0.0)], reference[:2])


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
