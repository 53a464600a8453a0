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
# # A dozen memories, one interface
#
# `MEMORIES` holds every associative memory by name. All store rows of 0 and 1 and recall them from damaged cues, say
# how familiar a cue is, and count their own bits. First Willshaw's memory: a synapse is 1 where two units were once
# active together.

# %%
# %matplotlib inline
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from snmem import simulate
from snmem.cost import bill
from snmem.memory import MEMORIES, SpikingMemory
from snmem.memory.energy import energy, retrieve
from snmem.tasks.patterns import partial_cues, random_patterns

visible, active = 400, 12
patterns = random_patterns(300, visible, active, seed=1)
memory = MEMORIES["willshaw"].for_patterns(visible, active)
memory.store(patterns)
halves = partial_cues(patterns, 0.5, seed=2)
recalled = memory.recall(halves)
{"exact": float((recalled == patterns).all(axis=1).mean()), "synapses set": memory.density, "bits": memory.bits}

# %% [markdown]
# "Nothing found" is an answer: the familiarity of a pattern that was never stored lies below the threshold.

# %%
new = random_patterns(300, visible, active, seed=3)
bins = np.linspace(0, 1, 30)
figure, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
ax.hist(memory.familiarity(halves), bins, alpha=0.7, label="half of a stored pattern")
ax.hist(memory.familiarity(new), bins, alpha=0.7, label="a new pattern")
ax.axvline(memory.threshold, color="black", linestyle=":")
ax.set(xlabel="familiarity", ylabel="cues")
_ = ax.legend(frameon=False)

# %% [markdown]
# ## All of them, at equal bits
#
# Every memory takes at most four bits for each pair of units, stores 150 patterns, and recalls them from less and less
# of their ones. `snmem bench memories` measures this and much more; its page in the documentation shows the results.

# %%
shares, scores = (1.0, 0.75, 0.5, 0.25), {}
for name, kind in MEMORIES.items():
    one = kind.for_patterns(visible, active, bits=4 * visible**2)
    one.store(patterns[:150])
    found = [np.asarray(one.recall(partial_cues(patterns[:40], share, seed=4)), bool) for share in shares]
    scores[name] = [float((x & patterns[:40]).sum() / np.maximum(x.sum(), patterns[:40].sum())) for x in found]
figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for n, (name, values) in enumerate(scores.items()):
    ax.plot(shares, values, ("-", "--")[n // 10 % 2], label=name)
ax.set(xlabel="share of ones in the cue", ylabel="bits right", ylim=(0, 1.03), xlim=(1, 0.25))
_ = ax.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))

# %% [markdown]
# ## In spikes
#
# Where a memory has a spiking form, `network()` is its frozen network of LIF neurons: to run, to export, to price.

# %%
network = memory.network()
inputs, steps = memory.recall_inputs(halves[:10])
run = simulate(network, inputs, steps, counters=True)
same = bool((memory.read(run) == recalled[:10]).all())
per = bill(network, run, "loihi1-nahuku", items=10).per_item()
spiking = [name for name, kind in MEMORIES.items() if isinstance(kind.for_patterns(60, 6), SpikingMemory)]
{"same bits": same, "steps": steps // 10, "uJ a recall": round(1e6 * per["joules_per_item"], 2), "spiking": spiking}

# %% [markdown]
# ## Energy
#
# A modern Hopfield network descends its energy. As the inverse temperature falls, its fixed points go from single
# patterns to the mean of similar ones, and to the mean of all.

# %%
rng = np.random.default_rng(0)
stored = rng.normal(size=(20, 64))
stored[1:4] = stored[0] + 0.3 * rng.normal(size=(3, 64))  # four that resemble each other
stored /= np.linalg.norm(stored, axis=1, keepdims=True)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
start = stored[0] + 0.1 * rng.normal(size=64)
for beta in (1.0, 12.0, 200.0):
    path = retrieve(start, stored, beta, steps=12)
    left.plot([energy(x, stored, beta)[0] for x in path], "o-", markersize=3, label=f"beta {beta:g}")
    right.plot(stored @ path[-1, 0], "o-", markersize=3)
left.set(xlabel="update", ylabel="energy")
left.legend(frameon=False)
_ = right.set(xlabel="stored pattern", ylabel="overlap at the end")

# %% [markdown]
# ## Kept in a file

# %%
with TemporaryDirectory() as folder:
    memory.save(f"{folder}/memory.npz")
    again = MEMORIES["willshaw"].load(f"{folder}/memory.npz")
bool((again.recall(halves) == recalled).all())
