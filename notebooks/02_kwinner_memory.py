# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The K-winner memory
#
# Section 2 of Bhandarkar & McClelland 2025, "Neural Computation Without Slots" (arXiv 2511.04593), in seconds: a memory
# that spreads every pattern over 50 of 2000 units, beside one of 100 slots with as many synapses. `snmem reproduce
# kwinner-retention` runs the whole figure and sets every number beside the published one.

# %%
# %matplotlib inline
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from snmem.memory import KWinnerConfig, KWinnerMemory, SpikingKWinnerMemory
from snmem.metrics import accuracy, exact_baseline, theorem_curve
from snmem.protocols import published
from snmem.protocols.curves import smooth
from snmem.protocols.retention import Protocol, retention
from snmem.protocols.tree_figures import leaf_order
from snmem.tasks.patterns import mean_similarity, partial_cues, random_patterns, similarity, tree_patterns

kwinner, slots = KWinnerConfig.main(), KWinnerConfig.one_winner()
kwinner.synapses, slots.synapses

# %% [markdown]
# ## Store once, recall from half of the bits

# %%
patterns = random_patterns(2000, kwinner.visible, kwinner.active, seed=1)
memory = KWinnerMemory(kwinner, seed=0)
memory.store(patterns)
cues = partial_cues(patterns, 0.5, seed=2)
scores = accuracy(memory.recall(cues), patterns)
means = {"newest 10": scores[-10:], "100 patterns ago": scores[-110:-90], "long forgotten": scores[:500]}
{name: round(float(values.mean()), 3) for name, values in means.items()}

# %% [markdown]
# ## Forgetting by age
#
# 20 runs of 1500 + 400 patterns for each memory. Age 1 is the pattern stored last; dots are published values, dashed is
# Theorem 1 on top of the exact accuracy for patterns never stored. Slots are all or nothing: an item is whole or gone.

# %%
protocol = Protocol(burn_in=1500, scored=400, runs=20, samples=1)
curves = {name: retention(c, [0.5], protocol, seed=3)[0.5] for name, c in (("K-winner", kwinner), ("1-winner", slots))}
ages = np.arange(1, 401)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for color, (name, found) in zip(("C0", "C1"), curves.items(), strict=True):
    left.semilogx(ages, found.accuracy(), color, label=name)
    shown = [n for n, age in enumerate(published.AGES) if age <= 400]
    left.semilogx(
        np.take(published.AGES, shown), np.take(published.ACCURACY[name, 0.5], shown), f"{color}o", mfc="none"
    )
    right.semilogx(ages, smooth(np.minimum(found.d_prime()[0], 20), 9), color, label=name)
left.semilogx(ages, exact_baseline(0.5) + theorem_curve(ages, 0.5), "k--", linewidth=1, label="theory, 1-winner")
left.set(xlabel="age", ylabel="accuracy, half cues")
right.set(xlabel="age", ylabel="d'", ylim=(-0.5, 10))
figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
plt.show()
# %% [markdown]
# ## Patterns that resemble each other
#
# Leaves of a tree that grows like a Chinese restaurant process, with `flips` bits turned over on every edge. Above, a
# small tree, coloured by similarity to its root; below, similarities of the leaves of a larger one, relatives side by
# side.

# %%
figure, axes = plt.subplots(2, 3, figsize=(10, 6.4), layout="constrained")
for above, below, flips in zip(*axes, (5, 15, 30), strict=True):
    small, tree = tree_patterns(60, flips, seed=4), tree_patterns(400, flips, seed=4)
    place = leaf_order(small)[1]
    for node in range(1, 60):
        ends = [small.parent[node], node]
        above.plot(place[ends], -small.depth[ends], color="0.7", linewidth=0.8, zorder=1)
    near = similarity(small.patterns, small.patterns[:1])[:, 0]
    above.scatter(place, -small.depth, c=near, s=18, vmin=0, vmax=1, zorder=2)
    leaves = tree.patterns[leaf_order(tree)[0]]
    below.imshow(similarity(leaves), vmin=0, vmax=1)
    above.set(title=f"{flips} flips: mean similarity {mean_similarity(leaves):.2f}", xticks=[], yticks=[])
    below.set(xticks=[], yticks=[])

# %% [markdown]
# ## The same memory in spikes
#
# LIF neurons, a k-WTA circuit of LIF neurons, synapses that learn where winners spike. Same synapses, same patterns.

# %%
spiking, algorithm = SpikingKWinnerMemory(kwinner, seed=5), KWinnerMemory(kwinner, seed=5)
recording = spiking.store(patterns[:600])
algorithm.store(patterns[:600])
newest, half = patterns[550:600], cues[550:600]
{
    "spiking": round(float(accuracy(spiking.recall(half), newest).mean()), 3),
    "algorithm": round(float(accuracy(algorithm.recall(half), newest).mean()), 3),
    "steps per store": spiking.storing.period,
    "spikes per store": round(sum(recording.counters.spikes.values()) / 600),
}

# %% [markdown]
# ## What the paper does not show
#
# Weights of few bits, and lesions. `snmem reproduce kwinner-map` draws capacity over winners, rate and fan-in; `snmem
# sweep kwinner-map --grid winners=10,50 --seeds 20` measures any grid, and goes on where it was killed.

# %%
never = random_patterns(500, kwinner.visible, kwinner.active, seed=6)


def newest_and_never(memory):
    items, seed = (patterns[-50:], never), 7
    return [round(float(accuracy(memory.recall(partial_cues(x, 0.5, seed)), x).mean()), 3) for x in items]


found = {"float64": newest_and_never(memory)}
for bits in (4, 2, 1):
    coarse = KWinnerMemory(replace(kwinner, bits=bits), seed=0)
    coarse.store(patterns)
    found[f"{bits} bits"] = newest_and_never(coarse)
for share in (0.3, 0.6):
    found[f"{share:.0%} of neurons dead"] = newest_and_never(memory.lesioned(neurons=share))
found
