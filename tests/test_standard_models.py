"""Standard networks of the field: Brunel's four states beside NEST, and CA3's memory on its authors' schedules."""

import json

import numpy as np
import pytest

from snmem.installation.content import load_script


def test_brunel_has_the_spikes_of_nest_in_every_state(tmp_path):
    found = load_script("models", "brunel").reproduce(quick=True, out=tmp_path, report=lambda text: None)
    assert len(found["rows"]) == 4
    assert found["ok"], found["rows"]
    assert all(state["rate"] > 1 for state in found["raw"]["states"].values())
    assert found["files"] == [str(path) for path in tmp_path.iterdir()]


def test_brunels_theory_gives_the_rates_of_his_paper():
    """Stationary rates for g and eta of his figure 8, from the equations alone."""
    recipe = load_script("models", "brunel")
    assert recipe.mean_field("AI") == pytest.approx(37.9, abs=0.1)
    assert recipe.mean_field("SI slow") < 10 < recipe.mean_field("SI fast") < recipe.mean_field("SR") < 500


def test_statistics_of_a_regular_and_of_a_random_population():
    """Spikes every 5 ms together: CV 0, 200 Hz; Poisson spikes: CV 1."""
    from snmem import LIF, Network, Population, simulate

    recipe = load_script("models", "brunel")
    cells = LIF(refractory=49, bias=2.0)
    groups = (Population("excitatory", 8, cells), Population("inhibitory", 2, cells))
    regular = recipe.statistics(simulate(Network(groups, dt=1e-4), {}, 4000))
    assert regular["cv"] == 0
    assert regular["rate"] == pytest.approx(200, rel=0.02)
    assert regular["frequency"] == pytest.approx(200, rel=0.02)
    noisy = LIF(beta=0.0, theta=2.0, noise_sd=1.0)  # 2.3 % of the steps
    groups = (Population("excitatory", 80, noisy), Population("inhibitory", 20, noisy))
    random = recipe.statistics(simulate(Network(groups, dt=1e-4), {}, 4000))
    assert random["cv"] == pytest.approx(np.sqrt(1 - 0.0228), abs=0.03)
    assert random["spread"] < 0.3


def test_ca3_passes_the_schedules_of_its_authors(snmem):
    data = json.loads(snmem("reproduce", "ca3", "--json").out)
    assert data["ok"], data["rows"]
    assert [row["value"] for row in data["rows"]] == [9, 9, 60, 2, 8]


def test_ca3_recalls_all_cues_that_share_a_bit_and_forgets_what_is_rewritten():
    recipe = load_script("models", "ca3")
    write = [recipe.Operation(14 * i, i, bits) for i, bits in enumerate([(0, 1), (1, 2), (2, 3)])]
    asks = [recipe.Operation(42, None, (1,)), recipe.Operation(56, 1, (3,)), recipe.Operation(70, None, (1,))]
    recording = recipe.record([*write, *asks], cues=3, bits=4)
    spikes = recording.spikes["OutCue"]
    late = recipe.LATE["OutCue"] + 6
    answers = [set(spikes.neuron[spikes.step == ask.step + late].tolist()) for ask in (asks[0], asks[2])]
    assert answers == [{0, 1}, {0}]
