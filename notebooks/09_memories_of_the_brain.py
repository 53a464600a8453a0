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
# # Memories of the brain
#
# Five models of how neurons keep patterns, each as an algorithm on vectors and as LIF neurons that recall the same
# bits. All have the same verbs: `store`, `recall`, `familiarity`, `bits`, `network`.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

from snmem import quantize, simulate
from snmem.memory import MEMORIES
from snmem.memory.systems.cliques import CliqueMemory, fluctuating_failure
from snmem.memory.systems.dendrites import DendriticMemory
from snmem.memory.systems.sdm_theory import intersection, softmax_of
from snmem.memory.systems.sparsey import SparseyMemory
from snmem.tasks.patterns import partial_cues, random_patterns

patterns, new = random_patterns(40, 400, 20, seed=1), random_patterns(40, 400, 20, seed=2)
cues = partial_cues(patterns, 0.6, seed=3)
for name in ("sdm", "cliques", "btsp", "sparsey", "dendrites"):
    memory = MEMORIES[name].for_patterns(400, 20, seed=0)
    memory.store(patterns)
    recalled = memory.recall(cues)
    share = (recalled & patterns).sum(1) / np.maximum(recalled.sum(1), 20)
    known, other = memory.familiarity(patterns).mean(), memory.familiarity(new).mean()
    print(f"{name:10} {memory.bits:9,} bits: overlap {share.mean():.2f}; familiar {known:.2f}, new {other:.2f}")

# %% [markdown]
# ## Spikes on Loihi, bit for bit
#
# The recall network, in floating point and in Loihi's integers.

# %%
memory = CliqueMemory(visible=64, clusters=4)
rng = np.random.default_rng(0)
messages = (np.arange(16) == rng.integers(16, size=(20, 4))[:, :, None]).reshape(20, 64)
memory.store(messages)
half = messages & (np.arange(64) < 32)  # two of four clusters are unknown
inputs, steps = memory.recall_inputs(half)
network = memory.network()
for backend, net in (("event", network), ("loihi", quantize(network).network)):
    bits = memory.read(simulate(net, inputs, steps, backend))
    right, same = (bits == messages).all(1).mean(), np.array_equal(bits, memory.recall(half))
    print(f"{backend}: {right:.0%} of the messages; as the algorithm: {same}")

# %% [markdown]
# ## A read of sparse distributed memory is almost a softmax
#
# A pattern is read with a weight proportional to the locations that its circle and the cue's have in common. Their
# number falls almost exponentially with the distance: that is attention. Right: messages with half of their clusters
# erased, and a closed form.

# %%
distances = np.arange(0, 33)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
for radius in (20, 23):
    sizes = np.array([float(intersection(64, radius, int(d))) for d in distances])
    fit = softmax_of(64, radius, 20)
    line = np.exp(fit.beta * (1 - 2 * distances / 64) + fit.constant)
    left.semilogy(distances, sizes / sizes[0], "o", ms=3, label=f"radius {radius}")
    left.semilogy(distances, line / sizes[0], "-", lw=1, label=f"softmax, beta {fit.beta:.1f}")
left.set(xlabel="Hamming distance", ylabel="locations in common")
left.legend(fontsize=7)
loads, errors = (250, 500, 750, 1000), []
for load in loads:
    stored = (np.arange(64) == rng.integers(64, size=(load, 8))[:, :, None]).reshape(load, 512)
    memory = CliqueMemory(visible=512, clusters=8)
    memory.store(stored)
    cue = stored & (np.arange(512) < 256)
    errors.append([(memory.recall(cue, passes) != stored).any(1).mean() for passes in (1, 4)])
right.plot(loads, errors, "o", label=["1 pass", "4 passes"])
right.plot(loads, [fluctuating_failure(8, 64, load, 4, 2000) for load in loads], "-", lw=1, label="closed form")
right.set(xlabel="messages stored", ylabel="error, half erased")
_ = right.legend(fontsize=7)

# %% [markdown]
# ## A memory that stores by itself
#
# Sparsey in spikes: a first round of its modules measures how familiar the input is, noise of as many levels as that
# lets pass enters the second, and the winners learn. Weights come out as the algorithm's.

# %%
memory, other = (SparseyMemory(60, modules=6, units=5, active=8, noise="levels") for _ in range(2))
stream = np.repeat(random_patterns(4, 60, 8, seed=5), 2, axis=0)  # each comes twice
inputs, steps = other.storing_inputs(stream)
run = simulate(other.learning_network(), inputs, steps)
memory.store(stream)
{"same weights": all(np.array_equal(w, memory.weights) for w in other.learned(run)), "steps an item": steps // 8}

# %% [markdown]
# ## Dendrites against false recalls
#
# 8 segments of a cell, or the same synapses on one point: how many cells does a random cue activate?

# %%
memory = DendriticMemory(visible=1000, cells=200, segments=8, active=100, potential=0.4, theta=10)
memory.store(random_patterns(160, 1000, 100, seed=6))
unknown = random_patterns(100, 1000, 100, seed=7)
merged = memory.synapses.reshape(200, 8, 1000).any(axis=1)
point = unknown.astype(int) @ merged.T.astype(int) >= memory.theta
{"dendrites": float(memory.found(unknown).mean()), "point neurons": float(point.mean())}

# %% [markdown]
# The recipes measure all of this in full: `snmem reproduce sdm`, `cliques`, `btsp`, `sparsey`, `dendrites`, `ca3`,
# `ca3-limits`.
