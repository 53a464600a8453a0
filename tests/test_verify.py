"""verify: agreement, and the reasons where there is none."""

import json
import sys
from dataclasses import replace
from io import StringIO

import h5py
import nir
import numpy as np
import pytest
from rich.console import Console

from snmem import LIF, Input, Network, Population, Projection, Spikes, simulate
from snmem.backends import base, reference
from snmem.conformance import EXTENSIONS, features_of, random_network
from snmem.conformance.explain import find_shift
from snmem.errors import BackendError, FileError, InputError
from snmem.io.results import to_json
from snmem.io.spikes import read_spikes, spikes_sha256, write_spikes
from snmem.nir_io import write_nir
from snmem.verify import poisson, verify, verify_tables

FAST = ["event", "snntorch"]


def chain(theta=1.0, beta=1.0, weight=0.25):
    """in -> a -> b, both integrators; with the default weights v meets theta exactly in every fourth spike."""
    return Network(
        (Input("in", 4), Population("a", 4, LIF(beta=beta, theta=theta)), Population("b", 4, LIF(theta=0.5))),
        (Projection("in", "a", weight * np.eye(4)), Projection("a", "b", np.eye(4), delay=2)),
        outputs=("b",),
    )


@pytest.fixture
def fake(monkeypatch):
    """Register functions Job -> Recording as backends."""

    def register(**functions):
        for name, function in functions.items():
            monkeypatch.setitem(base.BACKENDS._items, name, base.Backend(name, function))

    return register


def populations(result, backend):
    return result["backends"][backend]["populations"]


def test_all_installed_backends_agree_on_a_file(tmp_path):
    network = random_network(
        3, features=features_of("float", ["plasticity", "subtract", "v_reset", "clear", *EXTENSIONS])
    )
    write_nir(network, tmp_path / "net.nir")
    result = verify(tmp_path / "net.nir", steps=40)
    assert result["agree"]
    assert result["file"] == str(tmp_path / "net.nir")
    ran = {name for name, found in result["backends"].items() if found["status"] == "ran"}
    assert ran >= {"event", "brian2", "snntorch", "lava_float"}
    for name in ran:
        assert {p: d["cells"] for p, d in populations(result, name).items()} == {
            p.name: 40 * p.size for p in network.neurons
        }
        assert all(d["differing"] == 0 and d["first_step"] is None for d in populations(result, name).values())
    assert {name for name, found in result["backends"].items() if found["status"] == "not run"} == {
        "brian2_cython",
        "brian2_cpp",
        "snntorch_float32",
        "mpi",
    }
    assert json.loads(to_json(result))["agree"] is True


def test_integer_networks_are_compared_with_loihi():
    result = verify(
        random_network(11, arithmetic="loihi", features=features_of("loihi", ["delay_0", *EXTENSIONS])), steps=30
    )
    assert result["agree"]
    assert result["baseline"] == "loihi"
    assert {n for n, found in result["backends"].items() if found["status"] == "ran"} == {
        "reference",
        "event",
        "lava_fixed",
    }


def test_a_network_with_delay_0_is_retimed_for_lava():
    network = replace(chain(), projections=tuple(replace(q, delay=0) for q in chain().projections))
    result = verify(network, steps=40, backends=["lava_float"], rate=0.5)
    assert result["agree"], result
    assert {name: d["late"] for name, d in populations(result, "lava_float").items()} == {"a": 1, "b": 2}


def test_tie_at_threshold_is_named_and_what_follows_from_it(fake):
    def at_least(job):
        """A backend that compares with >=."""
        sloppy = [
            replace(p, neuron=replace(p.neuron, theta=np.nextafter(p.neuron.theta, -np.inf)))
            if isinstance(p, Population)
            else p
            for p in job.network.populations
        ]
        return reference.run(replace(job, network=replace(job.network, populations=tuple(sloppy))))

    fake(at_least=at_least)
    result = verify(chain(), steps=60, backends=["at_least", "event"], rate=0.5)
    assert not result["agree"]
    assert result["backends"]["event"]["agree"]
    a, b = (populations(result, "at_least")[name] for name in "ab")
    assert a["differing"] > 0
    assert a["first_step"] < b["first_step"]
    assert a["reason"].startswith("tie at threshold: v equals theta exactly for neuron")
    assert b["reason"] == "follows from 'a', which differs before"


def test_constant_shift_is_named(fake):
    def late(job):
        recording = reference.run(job)
        moved = {n: Spikes(s.step + 1, s.neuron, s.steps + 1, s.size).between(0, s.steps)
                 for n, s in recording.spikes.items()}  # fmt: skip
        return replace(recording, spikes=moved | dict(job.inputs))

    fake(late=late)
    result = verify(chain(), steps=60, backends=["late"], rate=0.5)
    assert {d["reason"] for d in populations(result, "late").values()} == {
        "constant shift: every spike comes 1 step late"
    }


def test_rounding_to_float32_is_named():
    # 0.1 is larger in float32, its sum of ten reaches 1.0000001 there and 0.9999999999999999 in float64
    network = chain(theta=1.0, weight=0.1)
    result = verify(network, {"in": np.ones((30, 4))}, 30, backends=["snntorch_float32", "snntorch"])
    assert not result["agree"]
    assert result["backends"]["snntorch"]["agree"]
    reason = populations(result, "snntorch_float32")["a"]["reason"]
    assert reason.startswith(("rounding of weights and state to float32", "near tie"))


def test_unknown_reasons_say_so(fake):
    def deaf(job):
        return reference.run(replace(job, inputs={n: s.between(0, 0) for n, s in job.inputs.items()}))

    fake(deaf=deaf)
    result = verify(chain(weight=0.3), steps=30, backends=["deaf"], rate=0.5)
    assert populations(result, "deaf")["a"]["reason"].startswith("unknown: v is 0.2 from theta 1 for neuron")


@pytest.mark.parametrize("shift", [-3, 1, 8])
def test_find_shift(shift):
    rng = np.random.default_rng(0)
    long = Spikes.from_raster(rng.random((80, 5)) < 0.3)
    expected = long.between(10, 70)
    first = max(shift, 0)  # what is shifted in at the beginning is silence, as in a run that starts late
    cells = [(t, n) for t, n in zip(long.step + shift - 10, long.neuron, strict=True) if first <= t < 60]
    found = Spikes.from_events(*np.array(cells).T, 60, 5)
    assert find_shift(expected, found) == shift
    assert find_shift(expected, expected) is None
    assert find_shift(expected, Spikes.from_raster(rng.random((60, 5)) < 0.3)) is None


def test_refused_absent_and_failed_backends_are_told_apart(monkeypatch, request):
    def broken(job):
        raise RuntimeError("out of ideas")

    class Entry:
        name = "broken"

        def load(self):
            return broken

    monkeypatch.setattr(base, "entry_points", lambda group: [Entry()])
    request.addfinalizer(lambda: base.BACKENDS._items.pop("broken", None))
    monkeypatch.setattr("snmem.verify.run.backend_names", lambda: ["event", "broken", "snntorch", "brian2"])
    monkeypatch.setitem(sys.modules, "brian2", None)
    networks = (random_network(seed, features=("plasticity",)) for seed in range(20))
    plastic = next(n for n in networks if any(q.plasticity for q in n.projections))
    result = verify(plastic, steps=10)
    assert {name: found["status"] for name, found in result["backends"].items()} == {
        "event": "ran",
        "broken": "failed",
        "snntorch": "refused",
        "brian2": "absent",
    }
    assert "is plastic; freeze it" in result["backends"]["snntorch"]["reason"]
    assert result["backends"]["broken"]["reason"] == "RuntimeError: out of ideas"
    assert "pip install" in result["backends"]["brian2"]["reason"]
    assert not result["agree"]


def test_a_backend_asked_for_by_name_must_run():
    networks = (random_network(seed, features=("plasticity",)) for seed in range(20))
    plastic = next(n for n in networks if any(q.plasticity for q in n.projections))
    assert not verify(plastic, steps=5, backends=["event", "snntorch"])["agree"]
    with pytest.raises(BackendError, match="backend 'nest' is unknown; use one of reference, event"):
        verify(plastic, steps=5, backends=["nest"])


def test_golden_raster_is_reproduced_and_guards_against_change(tmp_path):
    golden = tmp_path / "golden.h5"
    first = verify(chain(), steps=50, backends=FAST, rate=0.5, save_golden=golden)
    again = verify(chain(), golden=golden, backends=FAST)
    assert again["agree"]
    assert again["golden"]["same_network"]
    assert again["sha256"] == first["sha256"] == again["golden"]["sha256"]
    assert again["steps"] == 50
    other = verify(chain(theta=0.75), golden=golden, backends=FAST)
    assert not other["agree"]
    assert not other["golden"]["same_network"]
    assert other["golden"]["populations"]["a"]["differing"] > 0
    assert other["golden"]["populations"]["in"]["differing"] == 0
    with pytest.raises(FileError, match="use its own file"):
        verify(random_network(1, features=()), golden=golden)
    with pytest.raises(InputError, match="holds its own inputs"):
        verify(chain(), {"in": ((0,), (0,))}, golden=golden)
    with h5py.File(golden, "a") as file:
        file["nodes/a/observables/spikes/idx"][0, 0] = 3 - file["nodes/a/observables/spikes/idx"][0, 0]
    with pytest.raises(FileError, match="do not fit its sha256"):
        verify(chain(), golden=golden)


def test_a_raster_of_another_tool_is_compared_with_its_layer(tmp_path):
    """By name, by size, with the inputs given; a shift in time is named; whose spikes a raster holds must be clear."""
    neuron = LIF(alpha=0.5, beta=0.5, theta=0.75)
    populations = (Input("in", 4), Population("hidden", 5, neuron), Population("out", 2, neuron))
    weights = np.random.default_rng(0).normal(1, 1, (5, 4)), np.random.default_rng(1).normal(1, 1, (2, 5))
    projections = (Projection("in", "hidden", weights[0]), Projection("hidden", "out", weights[1]))
    network = Network(populations, projections, ("out",))
    given = poisson(network, 40, 0, 0.5)
    spikes = simulate(network, given, 40).spikes
    rasters = {name: s.raster() for name, s in spikes.items()}
    assert rasters["out"][:-1].any()

    def compare(**arrays):
        np.savez(tmp_path / "tool.npz", **arrays)
        return verify(network, given, golden=tmp_path / "tool.npz", backends=["event"])

    for name in ("out", "layer3"):
        result = compare(**{name: rasters["out"]})
        assert (result["agree"], result["steps"], list(result["golden"]["populations"])) == (True, 40, ["out"])
    assert list(compare(hidden=rasters["hidden"], readout=rasters["out"])["golden"]["populations"]) == ["hidden", "out"]
    np.save(tmp_path / "tool.npy", rasters["hidden"])
    assert verify(network, given, golden=tmp_path / "tool.npy", backends=["event"])["agree"]
    late = compare(out=np.roll(rasters["out"], 1, axis=0) * (np.arange(40) > 0)[:, None])
    row = late["golden"]["populations"]["out"]
    assert not late["agree"]
    assert row["differing"] > 0
    assert row["reason"] == "equal where the recorded spikes are taken a step earlier"
    with pytest.raises(FileError, match=r"tool.npz: holds spikes of 'x', 3 neurons, but the network has"):
        compare(x=np.zeros((40, 3)))
    with pytest.raises(FileError, match=r"holds 3 neurons of 'out', which has 2"):
        compare(out=np.zeros((40, 3)))
    assert compare(out=rasters["out"], last=rasters["out"])["agree"]
    with pytest.raises(FileError, match="two of its records"):
        compare(out=rasters["out"], last=~rasters["out"])
    np.savez(tmp_path / "tool.npz", out=rasters["out"])
    with pytest.raises(InputError, match=r"none of the input 'in'; give the inputs"):
        verify(network, golden=tmp_path / "tool.npz", backends=["event"])
    with pytest.raises(InputError, match="steps=30, but the golden file holds 40"):
        verify(network, given, 30, golden=tmp_path / "tool.npz", backends=["event"])
    twins = Network((*populations, Population("other", 5, neuron)), projections)
    with pytest.raises(InputError, match="fits 'hidden', 'other'; name it"):
        verify(twins, given, golden=tmp_path / "tool.npy", backends=["event"])


def test_golden_file_is_nir_data(tmp_path):
    verify(chain(), steps=50, backends=["event"], rate=0.5, save_golden=tmp_path / "golden.h5")
    data = nir.read_data(tmp_path / "golden.h5")
    spikes = simulate(chain(), poisson(chain(), 50, 0, 0.5), 50).spikes
    for name, s in spikes.items():
        grid = data.nodes[name].observables["spikes"].to_time_gridded(1e-3)
        assert np.array_equal(grid.data[0], s.raster())


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 0.1, 1.0, 3e-5])
def test_spike_files_keep_every_step(tmp_path, dt):
    rng = np.random.default_rng(0)
    spikes = {"a": Spikes.from_raster(rng.random((3000, 3)) < 0.3), "b": Spikes.from_raster(np.zeros((7, 2)))}
    digest = write_spikes(tmp_path / "s.h5", spikes, dt, {"note": "x"})
    found = read_spikes(tmp_path / "s.h5")
    assert found.spikes == spikes
    assert found.sha256 == digest == spikes_sha256(spikes)
    assert found.about["note"] == "x"
    cut = read_spikes(tmp_path / "s.h5", steps=5)
    assert cut.spikes["a"] == spikes["a"].between(0, 5)


def test_input_files(tmp_path):
    rng = np.random.default_rng(0)
    raster = rng.random((30, 4)) < 0.5
    np.save(tmp_path / "x.npy", raster)
    np.savez(tmp_path / "x.npz", **{"in": raster.astype(np.uint8)})
    write_spikes(tmp_path / "x.h5", {"in": Spikes.from_raster(raster)})
    digests = {verify(chain(), tmp_path / f"x.{e}", 30, ["event"])["sha256"] for e in ("npy", "npz", "h5")}
    assert digests == {verify(chain(), {"in": raster}, 30, ["event"])["sha256"]}
    np.savez(tmp_path / "y.npz", other=raster)
    np.save(tmp_path / "z.npy", 0.5 * raster)
    (tmp_path / "w.h5").write_bytes(b"nothing")
    for name, message in (
        ("y.npz", "holds spikes of 'other', but the network's inputs are 'in'; name them so"),
        ("z.npy", r"z\.npy: input 'in' is given 0\.5, it takes 0 and 1 only; declare the input"),
        ("w.h5", "not a spike file: it starts with"),
        ("v.npy", "no such file"),
    ):
        with pytest.raises((FileError, InputError), match=message):
            verify(chain(), tmp_path / name, 30, ["event"])


def test_poisson_input_has_its_rate_and_its_seed():
    spikes = poisson(chain(), 20_000, 1, 0.2)["in"]
    p = 1 - np.exp(-0.2)
    assert abs(len(spikes) / 80_000 - p) < 4 * np.sqrt(p * (1 - p) / 80_000)
    assert spikes == poisson(chain(), 20_000, 1, 0.2)["in"]
    assert spikes != poisson(chain(), 20_000, 2, 0.2)["in"]
    with pytest.raises(InputError, match=r"rate must be .* >= 0, got -1"):
        verify(chain(), rate=-1)


def test_quantized_version_is_compared():
    exact = verify(chain(beta=1.0), steps=60, backends=["event"], rate=0.5, quantize=True)
    assert exact["agree"]
    assert exact["quantized"]["agree"]
    rough = verify(chain(beta=0.9, weight=0.2781), steps=60, backends=["event"], rate=0.5, quantize=True)
    assert rough["agree"]  # the integer version may differ; it is said how far
    assert rough["quantized"]["weight_error"]["in->a"] > 0
    adaptive = replace(chain(), populations=(Input("in", 4), Population("a", 4, LIF(kappa=1.0)),
                                             Population("b", 4, LIF())))  # fmt: skip
    refused = verify(adaptive, steps=10, backends=["event"], quantize=True)["quantized"]
    assert refused["status"] == "refused"
    assert "population 'a' uses the feature 'adaptation'" in refused["reason"]


def test_runtimes_of_integer_arithmetic_agree_on_the_quantized_network():
    network = chain(beta=0.9, weight=0.2781)
    result = verify(network, steps=60, backends=["event", "lava_fixed"], rate=0.5, quantize=True)
    assert result["agree"]
    assert set(result["backends"]) == {"event"}
    found = result["quantized"]["backends"]
    assert {name: r["status"] for name, r in found.items()} == {"event": "ran", "lava_fixed": "ran"}
    assert all(d["differing"] == 0 for r in found.values() for d in r["populations"].values())


def test_tables_show_every_difference(fake):
    def silent(job):
        return reference.run(replace(job, inputs={n: s.between(0, 0) for n, s in job.inputs.items()}))

    fake(silent=silent)
    result = verify(chain(), steps=30, backends=["event", "silent"], rate=0.5, quantize=True)
    console = Console(width=200, record=True, file=StringIO())
    for part in verify_tables(result):
        console.print(part)
    text = console.export_text()
    assert "Not all agree." in text
    assert all(word in text for word in ("silent", "event", "differing", "in Loihi fixed point"))
    assert str(populations(result, "silent")["a"]["differing"]) in text
