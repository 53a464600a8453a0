"""``snmem cost`` and ``snmem chips``: what a script reads, what a person reads, what is refused."""

import json
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection
from snmem.cli import main
from snmem.cost import load_chip
from snmem.cost.report.build import cost_report
from snmem.nir_io import write_nir

NAHUKU = "loihi1-nahuku"
LOADS = ("batch 1", "full load")


@pytest.fixture
def nir_file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lif = LIF(beta=0.9, theta=1.0)
    network = Network(
        (Input("in", 20), Population("hidden", 64, lif), Population("out", 10, lif)),
        (
            Projection("in", "hidden", rng.normal(0.1, 0.3, (64, 20))),
            Projection("hidden", "out", rng.normal(0.05, 0.2, (10, 64))),
        ),
        outputs=("out",),
    )
    path = tmp_path / "net.nir"
    write_nir(network, path)
    return path


def cost(capsys, *words):
    code = main(["cost", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_json_holds_the_whole_bill(capsys, nir_file):
    code, data = cost(capsys, nir_file, "--chip", NAHUKU, "--items", 5)
    assert code == 0
    c, energy, time = data["counters"], data["energy"], data["time"]
    assert set(energy["dynamic"]) == {"soma", "synapse", "network", "learning", "total"}
    assert energy["dynamic"]["synapse"] == pytest.approx(c["synaptic_events"] * 35.5e-12)
    for mode in ("free_running", "throttled"):
        parts = energy["dynamic"]["total"] + energy["static"][mode] + energy["host"][mode]
        assert energy["total"][mode] == pytest.approx(parts)
    low, high = energy["interval"]["dynamic"]
    assert low < energy["dynamic"]["total"] < high
    assert set(energy["interval"]["by_profile"]) == {NAHUKU, "loihi1-davies2018"}
    assert 0 < time["simple"] <= time["detailed"] < time["throttled"] == pytest.approx(100 * 1e-3)
    assert time["critical_core"] == 0
    assert data["mapping"]["cores"] == 1
    assert any("barrier" in text for text in data["not_modelled"])
    assert {"network", "mapping", "chip", "prices", "sources"} <= set(data["provenance"])
    assert data["provenance"]["prices"]["energy"]["packet"]["kind"] == "fitted"


def test_the_dense_twin_moves_every_weight_and_breaks_even_somewhere(capsys, nir_file):
    _, data = cost(capsys, nir_file, "--chip", "generic", "--evaluations", 2, "--number", "int8")
    twin, synapses = data["dense_twin"], data["counters"]["synapses"]
    assert (twin["macs"], twin["weights_moved"], twin["activations_moved"]) == (2 * synapses, 2 * synapses, 2 * 2 * 94)
    on_45nm = twin["machines"]["cmos45"]
    assert on_45nm["arithmetic"] == pytest.approx(twin["macs"] * 0.23e-12)
    assert on_45nm["memory"] == pytest.approx(twin["bytes_moved"] * 1.25e-12)
    assert set(twin["machines"]) == {"cmos45", *(f"{c} {load}" for c in ("a100", "h100") for load in LOADS)}
    row = twin["every_step"]["h100 batch 1"]
    fixed, events = row["spiking_joules_without_spikes"], data["counters"]["synaptic_events"]
    more = row["break_even"] * synapses * data["steps"] / events  # times as many events as now
    assert fixed + (row["spiking_joules"] - fixed) * more == pytest.approx(row["joules"])
    assert row["break_even_activity"] == pytest.approx(more * twin["activity"])


def test_the_quantised_twin_and_the_usual_estimates_stand_in_the_report(capsys, nir_file):
    words = ("--chip", NAHUKU, "--items", 10, "--weight-bits", 4)
    code, data = cost(capsys, nir_file, *words)
    assert code == 0
    twin, c = data["quantized_twin"], data["counters"]
    assert (twin["steps"], twin["bits"], twin["weight_bits"]) == (10, 4, 4)
    assert twin["memory"]["weights"] == {
        "bytes": c["synapses"] / 2,
        "kind": "SRAM of 8 KB",
        "joules_per_byte": 1.25e-12,
    }
    assert twin["spike_rate"] == pytest.approx(c["synaptic_events"] / c["synapses"] / data["steps"])
    assert twin["quantized"]["parts"]["weights"] == pytest.approx(c["synapses"] / 2 * 1.25e-12)
    found = {x["name"]: x["joules"] for x in data["estimates"]}
    assert found["synaptic operations"] == pytest.approx(0.9e-12 * c["synaptic_events"] / 10)
    assert found[f"bill on {NAHUKU}"] == pytest.approx(data["per_item"]["dynamic_joules_per_item"])
    page = nir_file.parent / "page.html"
    assert main(["cost", str(nir_file), *map(str, words), "--html", str(page)]) == 0
    for text in (" ".join(capsys.readouterr().out.split()), page.read_text()):
        assert "Spikes cost less at no spike rate; this run has " in text
        assert (
            "4-bit weights, arithmetic and memory of 45 nm for both; weights in SRAM of 8 KB at 1.25 pJ a byte" in text
        )
        assert "operations, addressing and memory" in text


def test_the_page_of_a_network_without_any_event_is_drawn_without_warnings():
    network = Network((Input("in", 1), Population("out", 1, LIF())), (Projection("in", "out", np.ones((1, 1))),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = cost_report(network, None, 3, "odin").html()
    assert "dynamic energy" in page


def test_a_chip_that_is_too_small_takes_its_parts_in_turn(capsys, nir_file, tmp_path):
    main(["chips", "odin", "--toml"])
    mine = tmp_path / "mine.toml"
    mine.write_text(capsys.readouterr().out.replace('value = 256, unit = "neurons"', 'value = 20, unit = "neurons"'))
    assert "--most-chips" in cost(capsys, nir_file, "--chip", mine)[1]["error"]["message"]
    code, data = cost(capsys, nir_file, "--chip", mine, "--most-chips", 1)
    assert code == 0
    assert (data["mapping"]["cores"], data["mapping"]["chips"], data["mapping"]["turns"]) == (4, 1, 4)
    assert main(["cost", str(nir_file), "--chip", str(mine), "--most-chips", "1"]) == 0
    assert "1 chip(s) have too few cores, each takes 4 parts in turn" in " ".join(capsys.readouterr().out.split())


def test_several_chips_are_billed_from_one_run(capsys, nir_file):
    _, data = cost(capsys, nir_file, "--chip", NAHUKU, "--chip", "spinnaker2", "--chip", "loihi2")
    assert data["chips"]["spinnaker2"]["dynamic_joules_per_item"] > data["energy"]["dynamic"]["total"]
    assert data["chips"]["loihi2"]["dynamic_joules_per_item"] is None


def test_a_chip_without_prices_gives_counts_and_says_that_joules_are_unknown(capsys, nir_file):
    known, (code, data) = cost(capsys, nir_file, "--chip", NAHUKU)[1], cost(capsys, nir_file, "--chip", "loihi2")
    assert code == 0
    assert data["counters"]["synaptic_events"] == known["counters"]["synaptic_events"] > 0
    assert (data["mapping"]["cores"], data["counters"]["packets"]) == (1, data["layers"]["hidden"]["spikes"])
    assert set(data["energy"]["dynamic"].values()) == {None, 0.0}  # nothing learns
    assert data["energy"]["dynamic"]["total"] is data["energy"]["total"]["free_running"] is None
    assert data["energy"]["interval"]["dynamic"] == data["energy"]["interval"]["total"] == [None, None]
    assert data["layers"]["hidden"]["joules"]["synapse"] is data["time"]["free_running"] is None
    assert data["dense_twin"]["machines"]["cmos45"]["dense_over_spiking"] is None
    assert main(["cost", str(nir_file), "--chip", "loihi2", "--html", str(nir_file.parent / "page.html")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("Joules are unknown: loihi2 has no energy of neuron_access") == 1
    assert "Intel has published no energy per operation of Loihi 2" in printed
    assert "Seconds are unknown: loihi2 has no public time" in printed
    assert "never" not in printed
    assert "at least unknown" not in printed + (nir_file.parent / "page.html").read_text()


def test_the_page_holds_its_pictures(capsys, nir_file, tmp_path):
    page, out = tmp_path / "bill.html", tmp_path / "out"
    assert main(["cost", str(nir_file), "--chip", NAHUKU, "--html", str(page), "--out", str(out)]) == 0
    assert "Dense twin" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 2
    for part in text.split("<svg")[1:]:
        ET.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")
    assert not any(word in text for word in ("src=", "<script", "<link", "@import", "url(http"))  # needs no other file
    assert (out / "report.html").read_text(encoding="utf-8") == text
    assert len((out / "steps.csv").read_text().splitlines()) == 101


def test_traffic_aware_placement_is_reported_with_its_gains(capsys, nir_file):
    _, data = cost(capsys, nir_file, "--chip", "truenorth", "--placement", "traffic")
    assert data["placement"]["gains"]["seconds"] >= 0
    assert "in_order" in data["placement"]["candidates"]


def test_chips_prints_one_profile_with_sources(capsys):
    assert main(["chips", NAHUKU]) == 0
    text = capsys.readouterr().out
    assert "SANA-FE" in text
    assert "synaptic_event" in text
    assert main(["chips", NAHUKU, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["energy"]["packet"] == {
        "value": 111.0,
        "unit": "pJ",
        "kind": "fitted",
        "source": "sanafe",
        "note": "one per spike and destination core",
    }


def test_published_rows_are_shown_with_their_errors(capsys):
    assert main(["chips", "--check", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    rows = {r["name"]: r for r in data["rows"]}
    assert len(rows) >= 25
    assert data["summary"]["held_out"] >= 10
    assert data["summary"]["unexplained"] == []
    for r in rows.values():
        assert r["role"] == "unpriced" or r["error"] == pytest.approx(r["value"] / r["published"] - 1)
    words = rows["keyword spotting: dynamic energy, neurons and network"]
    soma = 541 * 10 * (51.2 + 21.6 + 69.3)
    events = 10 * 390 * 256 + 9 * (256 * 256 + 256 * 29) + 256 * 256 + 256 * 29
    packets = 10 * (390 + 256 + 256)
    assert words["value"] == pytest.approx((soma + 35.5 * events + 111 * packets) * 1e-12, rel=0.03)
    assert rows["TrueNorth, 20 Hz, 128 synapses: power"]["value"] == pytest.approx(2**20 * 20 * 128 * 26e-12)
    assert rows["ODIN, a digit: energy"]["value"] == pytest.approx(2560 * 12.7e-12)


def test_what_cannot_be_billed_is_one_line(capsys, nir_file, tmp_path):
    profile = tmp_path / "mine.toml"
    profile.write_text('title = "mine"\nspeed = 3\n')
    np.save(tmp_path / "none.npy", np.zeros((0, 20)))
    for words, reason in (
        (["--chip", profile], "unknown key 'speed'"),
        (["--chip", NAHUKU, "--input", tmp_path / "none.npy"], "steps must be a whole number >= 1, got 0"),
    ):
        code, data = cost(capsys, nir_file, *words)
        assert code == 1
        assert reason in data["error"]["message"]


def test_a_profile_is_printed_as_a_file_to_start_from(tmp_path, capsys):
    """What ``snmem chips generic --toml`` prints is a profile that ``--chip`` takes."""
    assert main(["chips", "generic", "--toml"]) == 0
    (tmp_path / "mine.toml").write_text(capsys.readouterr().out)
    assert load_chip(tmp_path / "mine.toml").tables == load_chip("generic").tables
    assert main(["chips", "--toml"]) == 1
    assert "name it, e.g. snmem chips generic --toml" in capsys.readouterr().err
