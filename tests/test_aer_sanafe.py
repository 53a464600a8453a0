"""Files for SANA-FE: what its reader finds in them, and what cannot be written."""

import numpy as np
import pytest
import yaml

from snmem import LIF, Input, Network, Population, Projection, Spikes
from snmem.cost import Placement, load_chip, measure
from snmem.cost.export.sanafe import export_sanafe
from snmem.errors import InputError

CHIP = load_chip("loihi1-nahuku")


def network(**neuron):
    return Network(
        (Input("in", 2), Population("a", 3, LIF(beta=1.0, theta=[2.0, 3.0, 4.0], **neuron))),
        (Projection("in", "a", np.array([[1.0, 0], [1, 0], [1, 1]])), Projection("a", "a", np.eye(3), name="self")),
    )


BARRIER = {1: 6e-7, 2: 1e-6, 4: 1.4e-6, 29: 1.8e-6}
PLACEMENT = Placement({"a": np.array([0, 5, 127])})


def test_the_files_hold_network_places_and_prices(tmp_path):
    spikes = {"in": Spikes.from_raster([[1, 0], [0, 1], [1, 1]])}
    files = export_sanafe(
        network(bias=0.5), CHIP, PLACEMENT, tmp_path, inputs=spikes, synapses={"self": "conv", "in->a": "conv"}
    )
    arch, net = (yaml.safe_load(path.read_text()) for path in files)
    (tile,) = arch["architecture"]["tile"]
    (core,) = tile["core"]
    assert (tile["name"], core["name"]) == ("tile[0..31]", "core[0..3]")
    assert arch["architecture"]["attributes"]["latency_sync"] == pytest.approx(BARRIER)
    assert tile["attributes"]["energy_north_hop"] == pytest.approx(4.2e-12)
    assert core["axon_out"][0]["attributes"]["energy_message_out"] == pytest.approx(111e-12)
    prices = {row["name"]: row["attributes"]["energy_process_spike"] for row in core["synapse"]}
    assert prices == pytest.approx({"dense": 35.5e-12, "sparse": 33.6e-12, "conv": 24e-12})
    assert [g["attributes"][0]["synapse_hw_name"] for g in net["network"]["groups"]] == ["dense", "conv"]
    assert len(net["network"]["edges"]) == 4 + 3
    assert {"g0.0 -> g1.2": [{"weight": 1.0}]} in net["network"]["edges"]
    places = {
        name: dict(x for a in fields for x in a.items()) for row in net["mappings"] for name, fields in row.items()
    }
    assert [places[f"g1.{i}"]["core"] for i in range(3)] == [0.0, 1.1, 31.3]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (network(reset="subtract"), "population 'a' must have alpha 0, reset \"zero\""),
        (network(alpha=0.5), "population 'a' must have alpha 0"),
        (
            Network(network().populations, (Projection("in", "a", np.ones((3, 2)), delay=2),)),
            "projection 'in->a' has delay 2",
        ),
    ],
)
def test_what_sanafe_cannot_express_is_named(tmp_path, changed, message):
    with pytest.raises(InputError, match=message):
        export_sanafe(changed, CHIP, PLACEMENT, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_chips_without_prices_and_mixed_formats_are_refused(tmp_path):
    with pytest.raises(InputError, match="no public neuron_spike"):
        export_sanafe(network(), "loihi1-davies2018", PLACEMENT, tmp_path)
    with pytest.raises(InputError, match="one synapse format a neuron"):
        export_sanafe(network(), CHIP, PLACEMENT, tmp_path, synapses={"self": "conv", "in->a": "dense"})


def test_sanafe_itself_counts_and_bills_the_same(tmp_path):
    import sanafe

    rng = np.random.default_rng(3)
    weights = (rng.random((40, 40)) < 0.3) * rng.integers(-2, 6, (40, 40)) / 4.0
    neuron = LIF(beta=1.0, theta=2.0, bias=rng.integers(0, 5, 40) / 8)
    net = Network((Population("a", 40, neuron),), (Projection("a", "a", weights),))
    placement, steps = Placement({"a": np.repeat([0, 1, 6, 50], 10)}), 60
    files = export_sanafe(net, CHIP, placement, tmp_path)
    arch = sanafe.load_arch(str(files[0]))
    chip = sanafe.SpikingChip(arch)
    chip.load(sanafe.load_net(str(files[1]), arch))
    theirs = chip.sim(steps, timing_model="simple", processing_threads=1)
    ours = measure(net, {}, steps, CHIP, placement=placement)
    counts = ours.counters
    assert counts["spikes"] > 200
    assert theirs["neurons_fired"] == counts["spikes"]
    assert theirs["packets_sent"] == counts["packets"]
    assert theirs["spikes"] == counts["synaptic_events"]
    assert theirs["neurons_updated"] == counts["updated"]
    assert theirs["energy"]["total"] == pytest.approx(ours.dynamic["total"], rel=1e-9)
    assert theirs["sim_time"] == pytest.approx(ours.seconds["simple"], rel=1e-9)
