"""The benchmark of memories: what it measures, that it goes on where it was killed, and that a file takes part."""

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from snmem.errors import FileError, InputError
from snmem.installation.content import load_script
from snmem.memory import MEMORIES, SpikingMemory
from snmem.protocols.memories import damage, parts
from snmem.protocols.memories.bench import Scale, load_results
from snmem.protocols.memories.page import page_text
from snmem.protocols.memories.peers import PEERS
from snmem.tasks.patterns import random_patterns

ROOT = Path(__file__).parent.parent
TOY = ROOT / "tests" / "extensions" / "correlation_memory.py"
TINY = Scale(64, 4, 8 * 64**2, 16, 64)


def test_a_memory_in_a_file_outside_the_package_takes_part(monkeypatch, tmp_path):
    """As docs/extending.md says it: one file, named with --load; runs that are finished are not done again."""
    script = load_script("benchmarks", "memories")
    monkeypatch.setattr(script, "QUICK", TINY)
    monkeypatch.setattr(script, "SEEDS", {"quick": 1})
    told: list[str] = []
    (tmp_path / "out").mkdir()
    for _ in range(2):
        report = script.bench_memories(
            True, told.append, tmp_path / "out", tmp_path / "runs", [str(TOY)], ["willshaw", "faiss", "correlation"], 1
        )
    assert report["ok"], [row for row in report["rows"] if not row["ok"]]
    runs = 3 * len(parts.PARTS)
    assert [line for line in told if "finished before" in line] == [
        f"{runs} runs of snmem.protocols.memories.parts:run, {done} of them finished before" for done in (0, runs)
    ]
    assert report["memories"]["correlation"] == {"origin": "file", "bits": 64**2, "spiking": False}
    results = load_results(tmp_path / "out" / "memories.json")
    rows = {(r["memory"], r["condition"], r["setting"], r["metric"]): r for r in results["rows"]}
    assert len(rows) == len(results["rows"])
    assert rows["correlation", "cue, share of ones kept", 1.0, "accuracy"]["value"] > 0.9
    assert rows["willshaw", "recall in spikes", "", "bits unlike the algorithm"]["value"] == 0
    assert rows["willshaw", "recall in spikes", "loihi1-nahuku", "energy"]["value"] > 0
    page = (tmp_path / "out" / "memories.md").read_text()
    assert "| `correlation` | 4,096 |" in page
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {
        f"memories-{name}.png" for name in ("capacity", "conditions", "cost")
    }


def test_the_page_of_the_documentation_shows_its_results_file():
    results = load_results(ROOT / "docs" / "memories.json")
    assert (ROOT / "docs" / "memories.md").read_text() == page_text(results)


def stored(name):
    memory = parts.make(name, 64, 4, 8 * 64**2, 0, "")
    memory.store(random_patterns(10, 64, 4, 1))
    return memory


@pytest.mark.parametrize("part", parts.PARTS)
@pytest.mark.parametrize("name", sorted({*MEMORIES, *PEERS}))
def test_every_memory_is_measured_in_every_part(name, part):
    found = parts.run(name, part, 0, *astuple(TINY))
    assert all(key.startswith(f"{part}_") for key in found)
    if part != "energy":
        assert all(np.isfinite(value).any() for value in found.values())
    elif isinstance(stored(name), SpikingMemory):
        assert found["energy_differing"] == 0
        assert found["energy_joules_0"] > 0


@pytest.mark.parametrize("name", sorted(MEMORIES))
def test_damage_leaves_the_memory_itself_alone(name):
    memory, patterns = stored(name), random_patterns(10, 64, 4, 1)
    before = np.asarray(memory.recall(patterns))
    same = damage.drifted(memory, 0.0, 3)
    np.testing.assert_array_equal(same.recall(patterns), before)
    for harmed in (
        damage.dead_synapses(memory, 1.0, 0),
        damage.dead_neurons(memory, 0.5, 0),
        damage.rounded(memory, 2),
        damage.drifted(memory, 0.3, 0),
    ):
        assert np.asarray(harmed.recall(patterns)).shape == before.shape
    np.testing.assert_array_equal(memory.recall(patterns), before)


def test_damage_is_what_it_says():
    memory = MEMORIES["hopfield-classical"].for_patterns(64, 4)
    memory.store(random_patterns(400, 64, 4, 1))
    there = memory.counts > 0
    assert (damage.dead_synapses(memory, 0.25, 0).counts[there] == 0).mean() == pytest.approx(0.25, abs=0.05)
    rows = (damage.dead_neurons(memory, 0.5, 0).counts == 0).all(axis=1)
    assert 0.3 < rows.mean() < 0.7
    spiking = MEMORIES["kwinner-spiking"].for_patterns(64, 4)
    dead = (damage.dead_neurons(spiking, 0.5, 0).forward_weights.toarray() == 0).all(axis=1)
    lost = (damage.dead_neurons(spiking, 0.5, 0).return_weights.toarray() == 0).all(axis=0)
    assert 0.3 < dead.mean() < 0.7
    np.testing.assert_array_equal(dead, lost)
    assert len(np.unique(damage.rounded(memory, 2).counts)) <= 4
    with pytest.raises(InputError, match="object: does not say what it stores; derive it from PatternMemory"):
        damage.changed(object(), lambda array, _: array)


def test_capacity_is_the_last_load_at_a_level():
    loads, values = np.array([8, 16, 32, 64]), np.array([0.4, 0.9, 0.7, np.nan])
    assert parts.crossing(loads, values, 0.8) == pytest.approx(16 * 2**0.5)
    assert parts.crossing(loads, values, 0.95) == 0.0
    assert parts.crossing(loads, values, 0.6) == 32.0


def test_accuracy_counts_bits_that_are_missing_and_bits_too_many():
    wanted = np.array([[1, 1, 0, 0]], bool)
    for recalled, expected in (([1, 1, 0, 0], 1.0), ([1, 0, 0, 0], 0.5), ([1, 1, 1, 1], 0.5), ([0, 0, 0, 0], 0.0)):
        assert parts.accuracy(np.array([recalled], bool), wanted).tolist() == [expected]


def test_files_and_results_that_are_none_are_refused(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    with pytest.raises(FileError, match=r"broken\.py: cannot be run \(ZeroDivisionError"):
        parts.load_files(str(broken))
    with pytest.raises(FileError, match="is no Python file; give one that registers a memory"):
        parts.load_files(str(tmp_path / "absent.py"))
    with pytest.raises(InputError, match="memory 'nothing' is unknown"):
        parts.run("nothing", "cues")
    with pytest.raises(InputError, match="part 'nothing' is unknown; use one of capacity"):
        parts.run("willshaw", "nothing")
    (tmp_path / "r.json").write_text(json.dumps({"schema": "snmem memories 9"}))
    with pytest.raises(FileError, match='has schema "snmem memories 9", this version reads'):
        load_results(tmp_path / "r.json")
