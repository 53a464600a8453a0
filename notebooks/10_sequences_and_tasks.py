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
# # Sequences and tasks
#
# Networks whose own spikes say what comes next: an induction head, free recall of a list, detectors of motion, and a
# head that learns classes one after another.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

from snmem import Input, Network, simulate
from snmem.attention import InductionHead, InductionNetwork
from snmem.attention.induction import predictions
from snmem.circuits.kwta.exact import exact_winners
from snmem.circuits.motifs import first_spike, motif_detectors
from snmem.encode import load_digits
from snmem.learning.pairwise import PairwiseHead
from snmem.memory.systems.temporal_context import TemporalContextMemory
from snmem.tasks.induction import followed

# %% [markdown]
# ## What came after this, last time?
#
# One spike a token goes in. Copies of it that arrive later are the query, the key and the value; nothing outside the
# network says what to do when.

# %%
text = "one two three, one two three, three two one, one two three"
letters = sorted(set(text))
tokens = np.array([letters.index(c) for c in text])
rng = np.random.default_rng(0)
keys = rng.permuted(np.tile(np.arange(256) < 8, (2, len(letters), 1)), axis=2)  # codes of this and the last letter
head = InductionHead(keys, np.eye(len(letters)), hidden=40)
(answers,), run = InductionNetwork(head, form="plastic").run([tokens])
known, guessed = followed(tokens, order=2), predictions(answers)
print("text:     ", text[1:])
print("answers:  ", "".join(letters[n] if k >= 0 else "-" for n, k in zip(guessed[:-1], known[:-1], strict=True)))
print("as last time, wherever both letters came before:", (guessed == known)[known >= 0].mean())

# %% [markdown]
# ## Free recall
#
# Each recalled item enters the context, the context calls the next one. People tend to go on to what they studied next,
# and so does this network.

# %%
memory = TemporalContextMemory(items=12)
noise = memory.noise(lists=1, seed=3)[0]
run = simulate(memory.network(), *memory.recall_inputs(noise))
print("recalled in spikes:", memory.read(run), "as the algorithm:", memory.read(run) == memory.recall(noise))

lags = []
for seed in range(40):
    other = TemporalContextMemory(items=12, seed=seed)
    lags += np.diff(other.recall(other.noise(1, seed)[0])).tolist()
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8))
left.hist(lags, bins=np.arange(-11.5, 12), color="C0")
left.set(xlabel="places from one recalled item to the next", ylabel="transitions")
spikes = run.spikes["recalled"]
right.plot(spikes.step, spikes.neuron, "k|")
_ = right.set(xlabel="step", ylabel="item")

# %% [markdown]
# ## Which way does it move?
#
# Two detectors of three delays each: a bar that goes the right way makes their spikes arrive together.

# %%
kernels = np.zeros((3, 5, 2))
for age in range(3):
    kernels[age, 2 - age, 0] = kernels[age, 2 + age, 1] = 1.0  # to the right, to the left
motif, synapses = motif_detectors("motif", "pixels", kernels, theta=2.5)
winner, race = first_spike("decision", "motif", size=2, clear_every=20)
network = Network((Input("pixels", 5), motif, winner), (*synapses, *race))
for name, path in (("right", [0, 1, 2, 3, 4]), ("left", [4, 3, 2, 1, 0])):
    found = simulate(network, {"pixels": (np.arange(5), path)}, 20).spikes["decision"]
    print(name, "->", ["right", "left"][found.neuron[0]], "in step", found.step[0])

# %% [markdown]
# ## Two classes at a time
#
# Digits come in pairs of classes, one pair after the other. A class of the head on pairs of winners changes only when
# its own label comes; a head trained by gradients forgets what it no longer sees.

# %%
images, labels = load_digits()
pixels = images.reshape(len(images), -1).astype(int)
weights = np.random.default_rng(1).integers(-3, 4, (300, 64))
codes = exact_winners(pixels @ weights.T - 5 * weights.sum(1), 16)
order = np.random.default_rng(2).permutation(len(labels))
test, learn = order[:300], order[300:]
curves = {}
for name, head in (("pairs", PairwiseHead(300, 16, 10)), ("single units", PairwiseHead(300, 16, 10, order=1))):
    curves[name] = []
    for task in range(5):
        now = learn[labels[learn] // 2 == task]
        head.learn(codes[now], labels[now])
        seen = test[labels[test] // 2 <= task]
        curves[name].append((head.predict(codes[seen]) == labels[seen]).mean())
figure, ax = plt.subplots(figsize=(5, 2.8))
for name, values in curves.items():
    ax.plot(range(2, 11, 2), values, "o-", label=name)
ax.set(xlabel="classes so far", ylabel="right among them", ylim=(0, 1.05))
_ = ax.legend()
