"""Public measurements beside the profiles: what was fitted is met, what is off is explained, what is wrong refused."""

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection
from snmem.cost import load_chip, measure
from snmem.cost.validation import Measurement, check, check_page, read_measurements, summary
from snmem.errors import FileError
from snmem.protocols import reproduce

HEAD = 'title = "mine"\nsource = "me"\nlicence = "mine"\n'
ROW = """
[[row]]
name = "a"
chip = "spinnaker1"
quantity = "energy"
value = 2.0
unit = "uJ"
role = "held out"
[row.predict]
kind = "events"
[row.predict.events]
synaptic_event = 100
"""


@pytest.fixture(scope="module")
def checks():
    return check()


def test_rows_that_made_a_price_are_met_by_it_within_the_noise_of_the_measurement(checks):
    fitted = [c for c in checks if c.measured.role == "fit"]
    assert len(fitted) >= 20
    for c in fitted:
        assert abs(c.value - c.measured.value) <= max(0.001 * c.measured.value, 3 * c.measured.sd), c.measured.name


def test_rows_held_out_are_many_and_those_that_are_off_say_why(checks):
    totals = summary(checks)
    assert totals["held_out"] >= 10
    assert totals["unexplained"] == []
    assert len({c.measured.chip for c in checks if c.measured.role == "held out"}) >= 5
    assert all(c.measured.source and c.measured.licence for c in checks)


def test_the_prices_of_one_board_predict_the_other(checks):
    """All rows of the board of 48 chips but its idle power are held out."""
    rows = {c.measured.name: c for c in checks if c.measured.name.startswith("SpiNN5")}
    assert sum(c.measured.role == "held out" for c in rows.values()) == 8
    assert max(abs(c.error) for c in rows.values()) < 0.26


def test_a_new_file_is_a_new_row(tmp_path):
    (tmp_path / "mine.toml").write_text(HEAD + ROW)
    (c,) = check(read_measurements(tmp_path))
    assert c.value == pytest.approx(100 * load_chip("spinnaker1").energy("synaptic_event"))
    assert c.measured == Measurement(
        "a",
        "spinnaker1",
        "energy",
        2e-6,
        "held out",
        predict=c.measured.predict,
        title="mine",
        source="me",
        licence="mine",
    )
    assert "| a | 2 uJ |" in check_page([c])


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('unit = "uJ"', 'unit = "W"', "unit 'W' does not measure energy"),
        ('role = "held out"', 'role = "proof"', "role 'proof' is unknown"),
        ("value = 2.0", "value = 0", "value must be more than 0"),
        ("value = 2.0", "value = nan", "value must be a number"),
        ("value = 2.0", "value = 2.0\ncolour = 1", "unknown key 'colour'"),
        ('name = "a"', "name = 3", "name must be a text"),
        ("synaptic_event", "telepathy", "measurement 'a': predict is incomplete .*no event 'telepathy'"),
        ('kind = "events"', 'kind = "oracle"', "kind of prediction 'oracle' is unknown"),
        ("[row.predict.events]\nsynaptic_event = 100", "", "measurement 'a': predict is incomplete .*'events'"),
        ('source = "me"', 'surce = "me"', "unknown key 'surce'"),
        ("[[row]]", "[[row", "not a readable TOML file"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_by_file_and_row(tmp_path, before, after, reason):
    text = HEAD + ROW
    assert before in text
    (tmp_path / "mine.toml").write_text(text.replace(before, after))
    with pytest.raises((FileError, ValueError), match=reason) as caught:
        check(read_measurements(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_program_does_its_phases_one_after_the_other():
    """On a computer reading synapses adds to stepping neurons; on a chip the longer of them counts."""
    network = Network(
        (Input("in", 10), Population("out", 1000, LIF(theta=np.inf))), (Projection("in", "out", np.ones((1000, 10))),)
    )
    bill = measure(network, {"in": np.ones((5, 10))}, 5, "cpu-i7-4710mq")
    chip = load_chip("cpu-i7-4710mq")
    step = 1000 * chip.time("neuron_access") + 10_000 * chip.time("synaptic_event")
    assert bill.seconds["free_running"] == pytest.approx(5 * step)
    assert bill.seconds["detailed"] is None
    assert bill.static["free_running"] == pytest.approx(12.12 * 5 * step)


def test_the_dvs_gesture_network_fires_as_its_authors_state():
    found = reproduce("dvs-gesture", quick=True, report=lambda text: None)
    assert found["ok"]
    assert found["rows"][0]["value"] == 365_277
