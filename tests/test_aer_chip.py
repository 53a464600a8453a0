"""Chip profiles: what ships loads and is complete; what is wrong is refused in one sentence."""

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.cost import bill, chips, load_chip
from snmem.cost.chip import parse_chip
from snmem.cost.events import EVENTS, Event
from snmem.errors import FileError, InputError
from snmem.installation.content import content_dir

GEOMETRY = """
title = "toy"
[sources]
me = "this test"
[geometry]
tiles_x = { value = 2, unit = "tiles", kind = "assumed", source = "me" }
tiles_y = { value = 1, unit = "tiles", kind = "assumed", source = "me" }
cores_per_tile = { value = 1, unit = "cores", kind = "assumed", source = "me" }
"""
ROW = 'synaptic_event = { value = 2.0, unit = "nJ", kind = "assumed", source = "me" }'


def load_text(folder, text):
    path = folder / "toy.toml"
    path.write_text(GEOMETRY + text)
    return load_chip(path)


@pytest.mark.parametrize("name", chips())
def test_every_shipped_constant_has_unit_kind_and_source(name):
    chip = load_chip(name)
    assert chip.title
    for table in chip.tables.values():
        for constant in table.values():
            given = constant.to_dict()
            if given["value"] == "unknown":
                assert given["note"]
            elif given["value"] != "included":
                assert given["unit"]
                assert given["kind"]
                assert chip.sources[given["source"]]


def test_constants_are_in_si_units(tmp_path):
    assert load_text(tmp_path, "[energy]\n" + ROW).energy("synaptic_event") == pytest.approx(2e-9)
    chip = load_chip("loihi1-nahuku")
    assert chip.energy("packet") == pytest.approx(111e-12)
    assert chip.time("hop_ns") == pytest.approx(6.5e-9)
    assert chip.power("static_chip") == pytest.approx(0.1044)
    assert (chip.cores, chip.limit("neurons_per_core")) == (128, 1024)


def test_barrier_is_looked_up_by_tiles():
    fitted, simulated = (load_chip(n).constant("time", "barrier") for n in ("loihi1-nahuku", "loihi1-davies2018"))
    assert [fitted.at(n) for n in (1, 2, 3, 4, 28, 29, 99)] == pytest.approx(
        [0.6e-6, 1e-6, 1e-6, 1.4e-6, 1.4e-6, 1.8e-6, 1.8e-6]
    )
    assert [simulated.at(n) for n in (1, 16.5, 32)] == pytest.approx([113e-9, 289e-9, 465e-9])


def test_what_is_unknown_is_never_zero(tmp_path):
    chip = load_text(tmp_path, '[energy]\npacket = { value = "unknown", note = "secret" }\n')
    assert chip.energy("packet") is None
    assert chip.energy("hop_ew") is None
    assert chip.constant("energy", "hop_ew").unknown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[energy]\nwarp = { value = 1 }\n", r"\[energy\] has no constant 'warp'"),
        ("[energie]\n", "unknown key 'energie'"),
        ("[energy]\n" + ROW.replace('unit = "nJ", ', ""), "energy.synaptic_event: unit is missing"),
        ("[energy]\n" + ROW.replace('"nJ"', '"ns"'), "unit 'ns' does not measure energy"),
        ("[energy]\n" + ROW.replace("2.0", "-2.0"), "must be 0 or more and finite, got -2.0"),
        ("[energy]\n" + ROW.replace("2.0", '"lots"'), "value must be a number"),
        ("[energy]\n" + ROW.replace('kind = "assumed"', 'kind = "rumour"'), "kind 'rumour' is unknown"),
        ("[energy]\n" + ROW.replace('kind = "assumed", ', ""), "kind is missing"),
        ("[energy]\n" + ROW.replace('"me"', '"you"'), r"source 'you' is not in \[sources\]"),
        ("[energy]\n" + ROW.replace("value", "valeu"), "must be a table with 'value'"),
        ("[energy]\n" + ROW.replace("kind", "colour = 1, kind"), "unknown field 'colour'"),
        ('[energy]\npacket = { value = "included" }\n', "'included' needs within"),
        ("[energy\n", "not a readable TOML file"),
    ],
)
def test_a_wrong_profile_is_refused_by_name(tmp_path, text, message):
    with pytest.raises(FileError, match=message):
        load_text(tmp_path, text)


def test_missing_files_and_names_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"chip 'loihi9': unknown; use one of .*loihi1-nahuku"):
        load_chip("loihi9")
    with pytest.raises(FileError, match="no such file"):
        load_chip(tmp_path / "none.toml")
    with pytest.raises(FileError, match="'title' is missing"):
        parse_chip({}, "toy")
    with pytest.raises(FileError, match=r"geometry\.tiles_x is missing"):
        parse_chip({"title": "toy"}, "toy")


def test_a_further_event_is_one_row(tmp_path, monkeypatch):
    """A chip may price it, a bill has its line; without the row the profile is refused."""
    text = content_dir("hardware").joinpath("loihi1-nahuku.toml").read_text()
    priced = '[energy]\nhop_diagonal = { value = 2.0, unit = "pJ", kind = "assumed", source = "own" }\n'
    text = text.replace("[energy]\n", priced, 1).replace("[sources]\n", '[sources]\nown = "a test"\n', 1)
    (tmp_path / "diagonal.toml").write_text(text)
    with pytest.raises(FileError, match="no constant 'hop_diagonal'"):
        load_chip(tmp_path / "diagonal.toml")
    monkeypatch.setitem(EVENTS._items, "hop_diagonal", Event("hop_diagonal", "network", ("hops_ew", "hops_ns")))
    chip = load_chip(tmp_path / "diagonal.toml")
    layer = Population("wide", 6000, LIF(theta=0.5))  # more than the cores of one tile hold
    network = Network((Input("in", 1), layer), (Projection("in", "wide", np.ones((6000, 1))),))
    priced = bill(network, simulate(network, {"in": np.ones((3, 1))}, 3, counters=True), chip)
    (line,) = (x for x in priced.lines if x.name == "hop_diagonal")
    assert line.count == priced.counters["hops_ew"] + priced.counters["hops_ns"] > 0
    assert line.joules == line.count * 2e-12
