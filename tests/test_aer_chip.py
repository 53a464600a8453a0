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
BARRIER = 'barrier = { value = [[1, 1], [32, 2]], unit = "ns", lookup = "linear", kind = "assumed", source = "me" }'
LIMIT = 'weight_bits = { value = 9, unit = "bits", kind = "assumed", source = "me" }'
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
        (
            "[energy]\n" + ROW.replace('"nJ"', '["nJ"]'),
            r"energy.synaptic_event: unit must be a text in quotes, got \['nJ'\]",
        ),
        ("[energy]\n" + ROW.replace('"assumed"', "1979-05-27"), "kind must be a text in quotes, got datetime.date"),
        ("[energy]\n" + ROW.replace('"me"', "true"), "source must be a text in quotes, got True"),
        (
            "[energy]\n" + ROW.replace("2.0", "[1, 2]"),
            r"must be a number or pairs \[\[tiles, number\], ...\], got \[1, 2\]",
        ),
        ("[energy]\n" + ROW.replace("2.0", "[[1]]"), r"must be a number or pairs .* got \[\[1\]\]"),
        ("[energy]\n" + ROW.replace("2.0", "[[1, 2]]"), "value is a table by tiles, which only time.barrier may be"),
        ("[energy]\n" + ROW.replace("2.0", "[]"), r"must be a number or pairs .* got \[\]"),
        ("[energy]\n" + ROW.replace("2.0", "true"), "value must be a number.*got True"),
        ("[energy]\n" + ROW.replace("2.0", "nan"), "must be 0 or more and finite, got nan"),
        ("[energy]\n" + ROW.replace("2.0", "1" + "0" * 400), "must be 0 or more and finite, got 10000"),
        ("[energy]\n" + ROW.replace("2.0", "1" + "0" * 5000), "not a readable TOML file"),
        (
            "[energy]\n" + ROW.replace("2.0", "0x1" + "0" * 9000),
            "must be 0 or more and finite, got a int that is too long",
        ),
        ("[energy]\n" + ROW.replace("2.0", "07:32:00"), "value must be a number.*got datetime.time"),
        (
            "[energy]\n" + ROW.replace("2.0", "[" * 9000 + "]" * 9000),
            "not a readable TOML file|must be a number or pairs",
        ),
        (
            "[energy]\n" + ROW.replace("2.0", "2.0, low = 50, high = 1"),
            r"value = 2.0 must lie between low and high, got low = 50",
        ),
        ("[energy]\n" + ROW.replace("2.0", '2.0, low = "1"'), "low: value must be a number"),
        ("[energy]\n" + ROW.replace("2.0", '"unknown", high = 3'), "high needs a number as value, got 'unknown'"),
        (
            "[energy]\n" + ROW.replace("2.0", '2.0, lookup = "linear"'),
            "lookup = 'linear' means nothing beside value = 2.0",
        ),
        (
            "[energy]\n" + ROW.replace("2.0", '2.0, within = "packet"'),
            "within = 'packet' means nothing beside value = 2.0",
        ),
        ("[energy]\npacket = 3\n", "energy.packet: must be a table with 'value', got 3"),
        ("[[energy]]\n", r"\[energy\] must be a table, got \[\{\}\]"),
        ("[energy]\n" + ROW.replace("synaptic_event", '"a\\u001b[2J"'), r"has no constant 'a\\x1b\[2J'"),
        (
            "[time]\n" + BARRIER.replace("linear", "stepp"),
            "time.barrier: lookup 'stepp' is unknown; use one of step, linear",
        ),
        ("[time]\n" + BARRIER.replace('"linear"', "3"), "time.barrier: lookup must be a text in quotes, got 3"),
        ("[time]\n" + BARRIER.replace("[32, 2]", "[1, 2]"), "time.barrier: value gives a number of tiles twice"),
        ("[time]\n" + BARRIER.replace("[32, 2]", "[true, 2]"), "time.barrier: tiles: value must be a number.*got True"),
        ("[limits]\n" + LIMIT.replace("9", "2.5"), "limits.weight_bits: must be a whole number, got 2.5"),
        ("[limits]\n" + LIMIT.replace("9", "0"), r"limits.weight_bits: must lie in 1\.\.1000000000000000, got 0"),
        (
            "[limits]\n" + LIMIT.replace("9", "1e20"),
            r"limits.weight_bits: must lie in 1\.\.1000000000000000, got 1e\+20",
        ),
    ],
)
def test_a_wrong_profile_is_refused_by_name(tmp_path, text, message):
    with pytest.raises(FileError, match=message):
        load_text(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"toy"', "1", "title must be a text in quotes, got 1"),
        ('"toy"', '"toy"\nnode = [14]', r"node must be a text in quotes, got \[14\]"),
        ('"toy"', '"toy"\nrouting = "bus"', "routing must be one of unicast, multicast, got 'bus'"),
        ('"toy"', '"toy"\nrouting = ["unicast"]', "routing must be a text in quotes"),
        ('"toy"', '"toy"\nnot_modelled = "nothing"', "not_modelled must be a list of texts, got 'nothing'"),
        ('"toy"', '"toy"\nnot_modelled = 1', "not_modelled must be a list of texts, got 1"),
        ('"toy"', '"toy"\nnot_modelled = [1]', "not_modelled must be a text in quotes, got 1"),
        ('[sources]\nme = "this test"', "sources = true", r"\[sources\] must be a table, got True"),
        ('me = "this test"', "me = 7", "sources.me must be a text in quotes, got 7"),
        ("value = 2,", "value = 2.5,", "geometry.tiles_x: must be a whole number, got 2.5"),
        ("value = 2,", "value = 0,", r"geometry.tiles_x: must lie in 1\.\."),
        ("value = 2,", "value = 10000000,", "has 10000000 cores, the limit is 1048576"),
        ("value = 2,", 'value = "unknown",', r"geometry\.tiles_x is missing"),
        ("[geometry]", "[geometry" + "x" * 300_000 + "]", "bytes, the limit is 262144"),
    ],
)
def test_a_wrong_head_is_refused_by_name(tmp_path, old, new, message):
    path = tmp_path / "toy.toml"
    path.write_text(GEOMETRY.replace(old, new, 1))
    with pytest.raises(FileError, match=message) as error:
        load_chip(path)
    assert str(path) in str(error.value)
    assert str(error.value).isprintable()


def test_a_profile_in_another_encoding_or_no_file_is_refused(tmp_path):
    (tmp_path / "latin.toml").write_bytes('title = "Zürich"'.encode("latin-1"))
    (tmp_path / "folder.toml").mkdir()
    for name, words in (("latin", "not a readable TOML file .*codec"), ("folder", "is a folder, expected a regular")):
        with pytest.raises(FileError, match=words):
            load_chip(tmp_path / f"{name}.toml")


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
