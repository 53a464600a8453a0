"""``snmem bench models``: the simulators agree about the models before anything is timed."""

import json

import pytest

from snmem.installation.content import load_script

bench = load_script("benchmarks", "models")


def test_simulators_agree_about_cuba():
    """Brian2's C++ has the same spikes, NEST, which has other ones, about the same rate."""
    found = bench.bench_models(quick=True, models=["cuba"])
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["cuba: spikes that only one of snmem and Brian2 has"]["value"] == 0
    runs = found["raw"]["cuba"]
    assert set(runs) == {"snmem", "brian2", "nest", "limit"}
    assert all(runs[who][key] > 0 for who in ("snmem", "brian2", "nest") for key in ("run_s", "peak_mb", "setup_s"))
    least = rows["cuba: real-time factor of the machine's limit"]["value"]
    share = rows["cuba: share of that limit"]["value"]
    assert share == pytest.approx(least / rows["cuba: real-time factor, snmem"]["value"])
    assert share > 0
    assert runs["nest"]["rates"]["neurons"] == pytest.approx(runs["snmem"]["rates"]["neurons"], rel=0.3)
    assert found["published"]["microcircuit"]


def test_a_peer_that_is_not_there_is_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(bench, "child", lambda job, report: {"absent": "package 'nest' is not installed"})
    found = bench.bench_models(quick=True, models=["cuba"])
    assert not found["ok"]
    assert {row["raw"]["why"] for row in found["rows"]} == {"package 'nest' is not installed"}


def test_models_and_simulators_are_chosen_on_the_command_line(monkeypatch, snmem):
    """snmem always runs; a model that a simulator does not run is left to the others."""
    asked = []

    def run(job, report):
        asked.append((job["model"], job["simulator"]))
        if job["simulator"] == "limit":
            return {"step_ns": 1.0, "event_ns": 1.0}
        found = {"run_s": 1.0, "seconds": 1.0, "setup_s": 1.0, "peak_mb": 1.0, "synaptic_events": 1}
        return found | {"rates": {"n": 1.0}, "neurons": 5, "steps": 10}

    monkeypatch.setattr(bench, "child", run)
    monkeypatch.setattr(load_script("benchmarks", "engine"), "machine", dict)
    chosen = ("--only", "brunel", "--only", "fly-brain", "--simulator", "nest")
    data = json.loads(snmem("bench", "models", "--quick", *chosen, "--json").out)
    assert asked == [("brunel", "snmem"), ("brunel", "nest"), ("brunel", "limit"), ("fly_brain", "snmem")]
    assert (
        data["markdown"].splitlines()[2]
        == "| Brunel's network, a tenth, 0.1 s | 1 |  | 1 (1 times) | 0.00098 GB, 1 s |"
    )
    assert data["rows"][0]["name"] == "brunel: largest difference of a population's rate from nest's"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("models", "--only", "brain"), "model 'brain' is unknown; use cuba, brunel, fly_brain, microcircuit, "),
        (("models", "--simulator", "neuron"), "simulator 'neuron' is unknown; use snmem, brian2, nest"),
        (
            ("models", "--only", "fly-brain", "--simulator", "nest"),
            "nest runs none of fly_brain; it runs cuba, brunel, ",
        ),
        (("models", "--load", "x.py"), "takes no --load; leave it out"),
        (("cost", "--simulator", "nest"), "takes no --simulator; leave it out"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(snmem, options, message):
    assert f"bench {options[0]}: {message}" in snmem("bench", *options).error()
