"""The bill: counters, joules and seconds against SANA-FE 2.2.9, and what the numbers mean."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from aer_reference import L1, R1, random_network, recurrent_network

from snmem import LIF, Input, Instar, Network, Population, Projection, simulate
from snmem.cost import BillOptions, Placement, bill, chips, load_chip, measure, place_in_order
from snmem.cost.counting.activity import traces_needed
from snmem.errors import InputError, SnmemError

NAHUKU = "loihi1-nahuku"


@pytest.fixture(scope="module")
def r1():
    network = random_network(16, 64, 4, 8, 0.5, seed=1)
    recording = simulate(network, {}, 100, backend="reference", counters=True)
    placement = place_in_order(network, load_chip(NAHUKU), neurons_per_core=64)
    return network, recording, bill(network, recording, NAHUKU, placement=placement, updated="all", items=4)


def assert_as_sanafe(b, theirs):
    c = b.counters
    counted = [c[n] for n in ("spikes", "updated", "packets", "synaptic_events", "hops_ns", "hops_ew")]
    assert counted == [*(theirs[n] for n in ("fired", "updated", "packets", "synaptic_events", "hops")), 0]
    for unit in ("total", "synapse", "soma", "network"):
        assert b.dynamic[unit] == pytest.approx(theirs[unit], rel=1e-12)
    assert b.seconds["simple"] == pytest.approx(theirs["simple"], rel=1e-12)
    assert b.seconds["detailed"] == pytest.approx(theirs["detailed"], rel=0.03)


def test_r1_counters_energy_and_time_equal_sanafe(r1):
    assert_as_sanafe(r1[2], R1)
    assert r1[2].seconds["detailed"] == pytest.approx(R1["cycle"], rel=0.01)


def test_l1_counters_energy_and_time_equal_sanafe():
    network = recurrent_network(16, 64, 32, seed=11)
    placement = place_in_order(network, load_chip(NAHUKU), neurons_per_core=64)
    b = measure(network, {}, 1000, NAHUKU, placement=placement)
    assert_as_sanafe(b, L1)


def test_static_power_has_its_own_lines(r1):
    _, _, b = r1
    free, real = b.seconds["free_running"], b.seconds["throttled"]
    assert real == pytest.approx(100 * 1e-3)
    assert b.static == pytest.approx({"free_running": 0.1044 * free, "throttled": 0.1044 * real})
    assert b.host == pytest.approx({"free_running": 0.0661 * free, "throttled": 0.0661 * real})
    item = b.per_item()
    assert item["joules_per_item"] == pytest.approx((b.dynamic["total"] + b.static["free_running"]) / 4)
    assert item["seconds_per_item"] == pytest.approx(free / 4)
    assert b.per_item(8)["dynamic_joules_per_item"] == pytest.approx(b.dynamic["total"] / 8)


def test_layers_and_cores_add_up_to_the_bill(r1):
    _, _, b = r1
    layers, cores = b.layers.values(), b.cores
    for unit in ("soma", "synapse", "network"):
        assert sum(x["joules"][unit] for x in layers) == pytest.approx(b.dynamic[unit], rel=1e-12)
        assert sum(cores[unit]) == pytest.approx(b.dynamic[unit], rel=1e-12)
    assert sum(cores["synaptic_events"]) == b.counters["synaptic_events"]
    assert sum(cores["packets"]) == b.counters["packets"]


def test_measuring_in_chunks_changes_nothing(monkeypatch):
    network = Network(
        (
            Input("in", 4),
            Population("a", 6, LIF(alpha=0.5, beta=0.9, theta=2.0), clear_every=7),
            Population("b", 5, LIF()),
        ),
        (
            Projection("in", "a", np.full((6, 4), 1.25), delay=1),
            Projection("a", "b", np.full((5, 6), 0.5), delay=3),
            Projection("b", "a", np.full((6, 5), -0.5), delay=2),
        ),
    )
    spikes = np.random.default_rng(0).random((60, 4)) < 0.3
    whole = measure(network, {"in": spikes}, 60, NAHUKU)
    run = simulate(network, {"in": spikes}, 60, record=traces_needed(network), counters=True)
    for name in ("CHUNK_VALUES", "MOST_VALUES"):
        monkeypatch.setattr(f"snmem.cost.counting.runs.{name}", 11 * 7)
    parts = measure(network, {"in": spikes}, 60, NAHUKU)
    assert parts.counters == whole.counters == bill(network, run, NAHUKU).counters
    assert parts.seconds == pytest.approx(whole.seconds, rel=1e-12)


@pytest.mark.parametrize(("name", "chips_there"), [(NAHUKU, 2), (NAHUKU, 1), ("generic", 1), ("truenorth", 1)])
def test_cores_that_are_shared_in_time_multiply_seconds(name, chips_there, r1):
    network, recording, _ = r1
    chip = load_chip(name)
    small = replace(chip, tables={**chip.tables, "geometry": {**chip.tables["geometry"], **dict.fromkeys(
        ("tiles_x", "tiles_y"), chip.constant("geometry", "cores_per_tile"))}})  # fmt: skip
    assert small.cores in (1, 64)
    placement = place_in_order(network, small, neurons_per_core=max(1, 1024 // (5 * small.cores)))
    turns = -(-len(placement.cores) // (chips_there * small.cores))
    options = {"placement": placement, "detailed": False, "updated": "all"}
    whole = bill(network, recording, small, limits="report", **options)
    limits = "report" if name == "truenorth" else "error"  # too many axons
    shared = bill(network, recording, small, most_chips=chips_there, limits=limits, **options)
    assert (shared.mapping["turns"], shared.mapping["chips"]) == (turns, chips_there)
    assert turns > 1
    assert shared.seconds["free_running"] == pytest.approx(turns * whole.seconds["free_running"])
    assert (shared.dynamic, shared.counters) == (whole.dynamic, whole.counters)
    if whole.static["free_running"]:
        used = whole.mapping["chips"]
        expected = turns * whole.static["free_running"] * chips_there / used
        assert shared.static["free_running"] == pytest.approx(expected)


def test_more_chips_than_there_are_is_refused(r1):
    network, recording, _ = r1
    for most in (0, 1.5, 33):
        with pytest.raises(SnmemError, match=r"most_chips must be a whole number in 1\.\.32, got"):
            bill(network, recording, NAHUKU, most_chips=most)


@pytest.mark.parametrize("name", chips())
def test_every_chip_gives_counts_and_joules_only_where_it_has_prices(name, r1):
    network, recording, b = r1
    found = bill(network, recording, name, limits="report", detailed=False, updated="all").to_dict()
    assert found["counters"]["synaptic_events"] == b.counters["synaptic_events"]
    total = found["energy"]["dynamic"]["total"]
    assert (total is None) == (load_chip(name).energy("synaptic_event") is None)
    assert total is None or total > 0
    json.dumps(found, allow_nan=False)


def test_units_with_prices_keep_their_joules_where_the_total_is_unknown(r1):
    network, recording, b = r1
    chip = load_chip(NAHUKU)
    energy = {k: c for k, c in chip.tables["energy"].items() if k != "synaptic_event"}
    part = bill(network, recording, replace(chip, tables={**chip.tables, "energy": energy}), updated="all")
    assert part.dynamic["soma"] == b.dynamic["soma"] == sum(part.cores["soma"])
    assert {part.dynamic["synapse"], part.dynamic["total"], part.per_item()["energy_delay_product"]} == {None}
    assert part.layers["n"]["joules"]["network"] > 0
    assert part.layers["n"]["joules"]["synapse"] is part.cores["synapse"][0] is None
    assert "dynamic energy unknown" in repr(part)


def test_the_bill_is_plain_json_and_prints(r1):
    from rich.console import Console

    _, _, b = r1
    assert json.loads(json.dumps(b.to_dict()))["energy"]["dynamic"]["total"] == b.dynamic["total"]
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(b)
    assert "97.45 uJ" in console.export_text()


def test_spikes_of_inputs_are_packets_without_soma():
    network = Network(
        (Input("in", 2), Population("n", 3, LIF(theta=10.0))),
        (Projection("in", "n", np.array([[1.0, 0], [1, 0], [1, 1]]), delay=1),),
    )
    recording = simulate(network, {"in": ([0, 1, 1], [0, 0, 1])}, 4, backend="reference", counters=True)
    placement = Placement({"n": np.array([0, 4, 17])})  # tiles 0, 1 (one hop along y), 4 (one hop along x)
    c = bill(network, recording, NAHUKU, placement=placement).counters
    assert (c["spikes"], c["input_spikes"], c["packets"], c["input_packets"]) == (0, 3, 0, 2 * 3 + 1)
    assert (c["hops_ns"], c["hops_ew"], c["synaptic_events"]) == (2, 3, 7)
    assert c["accessed"] == 12


def test_events_without_a_public_price_make_a_lower_bound(r1):
    network, recording, _ = r1
    b = bill(network, recording, "loihi1-davies2018")
    assert b.lower_bound
    assert any("neuron_spike" in line for line in b.unpriced)
    assert "neuron_spike" in b.untimed
    assert b.dynamic["soma"] == pytest.approx(102400 * 52e-12 + recording.counters.updated["n"] * 29e-12)


def test_synapse_formats_set_the_price(r1):
    network, recording, _ = r1
    b = bill(network, recording, NAHUKU, synapses={"n->n": "conv"})
    assert b.dynamic["synapse"] == pytest.approx(1657600 * 24e-12)


def test_bad_requests_name_the_remedy(r1):
    network, recording, _ = r1
    with pytest.raises(InputError, match="counters=True"):
        bill(network, simulate(network, {}, 1, backend="reference"), NAHUKU, updated="recorded")
    with pytest.raises(InputError, match='updated="recorded" is for the bill of a recording'):
        measure(network, {}, 1, NAHUKU, updated="recorded")
    with pytest.raises(InputError, match='updated must be "counted" or "recorded" or "all", got \'some\''):
        bill(network, recording, NAHUKU, updated="some")
    with pytest.raises(InputError, match="one of dense, sparse, conv, got 'round'"):
        bill(network, recording, NAHUKU, synapses="round")
    with pytest.raises(InputError, match="population 'n' needs 1024 whole core numbers >= 0, got 1024 of type float64"):
        bill(network, recording, NAHUKU, placement=Placement({"n": np.zeros(1024)}))
    with pytest.raises(InputError, match="population 'n' needs 1024 whole core numbers"):
        bill(network, recording, NAHUKU, placement=Placement({"n": np.zeros(3, int)}))
    big = Network((Population("n", 1025, LIF()),))
    run = simulate(big, {}, 1, backend="reference", counters=True)
    with pytest.raises(InputError, match="limit neurons_per_core is 1024, core 0 needs 1025"):
        bill(big, run, NAHUKU, placement=Placement({"n": np.zeros(1025, int)}))


def learning_network():
    """Two lines into two neurons that spike whenever a line does; the synapses learn at every spike."""
    weights = np.array([[2.0, 2.0], [2.0, 2.0]])
    learn = Projection("in", "n", weights, plasticity=Instar(rate=0.5, decay=0.5))
    return Network((Input("in", 2), Population("n", 2, LIF(beta=0.0, theta=1.0))), (learn,))


def test_learning_is_billed():
    network = learning_network()
    b = measure(network, {"in": [[1, 0], [0, 0], [1, 1]]}, 5, "generic")
    assert (b.counters["weight_updates"], b.counters["trace_updates"]) == (2 * 4, 3)  # four spikes, two synapses each
    assert b.dynamic["learning"] == pytest.approx(8 * 30e-12 + 3 * 5e-12)
    assert b.layers["n"]["joules"]["learning"] == b.projections["in->n"]["joules"]["learning"] == b.dynamic["learning"]
    assert b.seconds["learning"] == pytest.approx(8 * 10e-9 + 3 * 2e-9)
    fitted = measure(network, {"in": [[1, 0]]}, 3, NAHUKU)
    assert fitted.lower_bound
    assert [line.split(":")[0] for line in fitted.unpriced] == ["4 x synapse_update", "1 x trace_update"]


def test_every_counter_adds_up_by_step_core_layer_and_projection():
    rng = np.random.default_rng(3)
    network = Network(
        (Input("in", 9), Population("a", 30, LIF(beta=0.5, theta=2.0)), Population("b", 20, LIF(alpha=0.5, theta=3.0))),
        (
            Projection("in", "a", rng.integers(0, 3, (30, 9)).astype(float)),
            Projection("a", "b", sp.csr_array(rng.random((20, 30)) < 0.5, dtype=float), delay=2),
            Projection("b", "a", sp.csr_array((np.zeros(20), (np.arange(20), np.arange(20))), shape=(30, 20))),
        ),
    )
    placement = Placement({"a": rng.integers(0, 40, 30), "b": rng.integers(0, 40, 20)})
    spikes = {"in": rng.random((50, 9)) < 0.3}
    b = measure(network, spikes, 50, NAHUKU, placement=placement, per_step=True)
    c = b.counters
    assert c["synaptic_events"] > c["synaptic_events_nonzero"] > 0
    assert b.projections["b->a"]["synaptic_events_nonzero"] == 0
    assert 0 < c["changed"] <= c["updated"] <= c["accessed"] == 50 * 50
    everywhere = ("synaptic_events", "synaptic_events_nonzero")
    for name in (*everywhere, "hops_ew", "hops_ns"):
        assert sum(row[name] for row in b.layers.values()) == c[name]
        assert sum(b.by_step[name]) == c[name]
    for name in (*everywhere, "spikes", "accessed", "updated", "changed", "packets"):
        assert sum(b.cores[name]) == c[name]
    for name in everywhere:
        assert sum(row[name] for row in b.projections.values()) == c[name]
    for name in ("spikes", "input_spikes", "updated", "changed"):
        assert sum(b.by_step[name]) == c[name]
    assert sum(b.by_step["packets"]) == c["packets"] + c["input_packets"]
    packets = {name: b.projections[name]["packets"] for name in ("in->a", "a->b", "b->a")}
    assert packets["in->a"] == c["input_packets"]
    assert packets["a->b"] + packets["b->a"] == c["packets"]  # here no packet serves two projections
    assert sum(b.by_step["seconds"]) == pytest.approx(b.seconds["detailed"])
    head, *rows = b.steps_csv().splitlines()
    assert head.startswith("step,spikes,")
    assert len(rows) == 50


def test_runs_without_steps_are_refused():
    network = learning_network()
    with pytest.raises(InputError, match="steps must be a whole number >= 1, got 0"):
        measure(network, {}, 0, NAHUKU)
    run = simulate(network, {}, 1, counters=True)
    with pytest.raises(InputError, match="holds no steps"):
        bill(network, replace(run, steps=0), NAHUKU)
    with pytest.raises(InputError, match="per_step=True"):
        bill(network, run, NAHUKU).steps_csv()


def test_options_are_one_object_and_keywords_go_before_it(r1):
    """As :func:`bill` is asked with keywords, so it is with BillOptions; a name that is no option is refused."""
    network, recording, b = r1
    placement = place_in_order(network, load_chip(NAHUKU), neurons_per_core=64)
    options = BillOptions(placement, updated="all", items=2)
    assert bill(network, recording, NAHUKU, options, items=4).to_dict() == b.to_dict()
    with pytest.raises(InputError, match="bill: there is no option 'item'; there are 'placement', "):
        bill(network, recording, NAHUKU, item=4)
