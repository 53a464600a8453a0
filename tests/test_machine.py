"""The profile of this computer: it fits what it was measured on, bills a network, and says what it could not read."""

import tomllib

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection
from snmem.cli import main
from snmem.cost import load_chip, machine, measure
from snmem.cost.chip import parse_chip


def test_times_are_found_again_from_runs_of_known_counts():
    """Runs made up from 2 ns a neuron step, 30 ns a spike and 3 ns an event."""
    prices = np.array([2e-9, 3e-8, 3e-9])
    counts = [(10_000, 0, 0), (10_000, 10_000, 0), (10_000, 0, 50_000), (10_000, 10, 900_000)]
    found = [machine.Run(dict(zip(machine.PRICED, c, strict=True)), float(prices @ c), None) for c in counts]
    times = machine.fitted(found, lambda run: run.seconds)
    assert times == pytest.approx(dict(zip(machine.PRICED, prices, strict=True)))
    assert machine.fitted(found, lambda run: run.joules) is None


def test_nothing_is_fitted_below_zero():
    found = [machine.Run({"neuron_access": n, "neuron_spike": n, "synaptic_event": 0}, 1e-6, None) for n in (100, 900)]
    assert min(machine.fitted(found, lambda run: run.seconds).values()) >= 0


def test_the_measured_profile_times_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_meters", list)
    chip, text = machine.measure_machine(2_000, 20, 1, tmp_path / "mine.toml")
    assert (tmp_path / "mine.toml").read_text() == text
    assert load_chip(tmp_path / "mine.toml").tables == chip.tables
    assert chip.time("neuron_access") >= 0
    assert chip.energy("synaptic_event") is None
    network = Network((Input("in", 3), Population("out", 5, LIF())), (Projection("in", "out", np.ones((5, 3))),))
    bill = measure(network, None, 3, chip)
    assert bill.seconds["free_running"] == pytest.approx(3 * 5 * chip.time("neuron_access"))
    assert bill.dynamic["total"] is bill.total["free_running"] is None
    assert "energy meter cannot be read here" in bill.unpriced[0]


def test_a_meter_that_can_be_read_gives_joules(tmp_path, monkeypatch):
    meter = tmp_path / "intel-rapl:0" / "energy_uj"
    meter.parent.mkdir()
    meter.write_text("0")

    def joules(meters):
        meter.write_text(str(int(meter.read_text()) + 1_000_000))
        return sum(int(path.read_text()) for path in meters) * 1e-6

    monkeypatch.setattr(machine, "RAPL", tmp_path)
    monkeypatch.setattr(machine, "_joules", joules)
    chip, _ = machine.measure_machine(2_000, 20, 1)
    assert chip.energy("neuron_access") + chip.energy("neuron_spike") + chip.energy("synaptic_event") > 0
    network = Network((Input("in", 3), Population("out", 5, LIF())), (Projection("in", "out", np.ones((5, 3))),))
    assert not measure(network, {"in": np.ones((3, 3))}, 3, chip, detailed=False).unpriced


def test_the_command_line_prints_the_profile(capsys, monkeypatch):
    monkeypatch.setattr(machine, "runs", lambda *sizes: [machine.Run(dict.fromkeys(machine.PRICED, 10), 1e-6, None)])
    assert main(["chips", "--measure"]) == 0
    printed = capsys.readouterr().out
    assert parse_chip(tomllib.loads(printed), "mine").time("neuron_access") > 0
