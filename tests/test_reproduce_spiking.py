"""The recipe that runs the paper's protocol in spikes."""

from snmem.installation.content import load_script
from snmem.protocols.retention import Protocol


def test_both_levels_see_the_same_run_and_every_strategy_is_billed():
    recipe = load_script("models", "kwinner_spiking")
    said = []
    curves, costs = recipe.run_once(Protocol(burn_in=60, scored=60), 0, said.append)
    rows = recipe.compare(curves, 60)
    names = {strategy.name for strategy in recipe.STRATEGIES}
    assert len(names) == 2
    assert set(curves) == {(level, share) for level in (*names, "algorithm") for share in recipe.SHARES}
    newest = next(r for r in rows if r["name"] == "successive_approximation, 100% cues: accuracy at ages 1-10")
    assert newest["value"] > 0.7  # 0.1 by chance
    for name in names:
        store, recall = costs[name]["store"], costs[name]["recall"]
        assert 0 < recall["dynamic_joules"] < recall["joules"]
        assert store["weight_updates"] >= 2 * 50 * 50  # at least k winners with 50 synapses each way
        assert recall["weight_updates"] == 0
    steps = {name: costs[name]["recall"]["steps"] for name in names}
    assert steps["race"] > 2 * steps["successive_approximation"]
    assert len(said) == 3
