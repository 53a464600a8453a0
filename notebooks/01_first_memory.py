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
# # A first memory
#
# Handwritten digits go into a memory of spiking neurons, come back from damaged cues, and travel through NIR and
# Loihi's arithmetic to Lava, with the bill at the end. `snmem demo` does the same in one command.

# %%
# %matplotlib inline
import numpy as np

from snmem import KWinnerMemory, SpikingKWinnerMemory, encode, plots, quantize, simulate
from snmem.cost import bill
from snmem.nir_io import read_nir, write_nir

rng = np.random.default_rng(0)

# %% [markdown]
# ## Real data as sparse patterns
#
# The encoder turns an 8 x 8 image into 1000 bits of which 100 are on, and back.

# %%
images, labels = encode.load_digits()
chosen = rng.permutation(len(images))
stored_images, other_images = images[chosen[:300]], images[chosen[300:350]]
encoder = encode.default_encoder("images", stored_images)
patterns = encoder.encode(stored_images)
patterns.shape, patterns.sum(1)[:5]

# %% [markdown]
# ## Store: each pattern once
#
# One presentation per pattern to a network of 2000 hidden LIF neurons. A circuit of LIF neurons lets the 50 most driven
# win; synapses of winners move towards the pattern. `KWinnerMemory` is the same memory as an algorithm on vectors.

# %%
config = encode.recommended_config("images")
memory, algorithm = SpikingKWinnerMemory(config, seed=0), KWinnerMemory(config, seed=0)
recording = memory.store(patterns)
algorithm.store(patterns)
{name: f"{n:,}" for name, n in recording.counters.weight_updates.items()}

# %% [markdown]
# ## Recall from half of the bits
#
# The newest 50 of 300, each from a random half of its ones. What comes back beyond chance must come from storing: the
# same measure for 50 digits that were never stored says how much of it is only what all digits share.


# %%
def damage(patterns):
    cues = np.zeros_like(patterns)
    for cue, pattern in zip(cues, patterns, strict=True):
        ones = np.flatnonzero(pattern)
        cue[rng.choice(ones, len(ones) // 2, replace=False)] = True
    return cues


def recovered(recalled, patterns):
    return round(float((recalled & patterns).sum() / patterns.sum()), 3)


newest, never = patterns[-50:], encoder.encode(other_images)
cues = damage(newest)
recalled = memory.recall(cues)
overlap = recalled.astype(int) @ patterns.T
{
    "spiking": recovered(recalled, newest),
    "algorithm": recovered(algorithm.recall(cues), newest),
    "never stored": recovered(memory.recall(damage(never)), never),
    "nearest to the right item": float(np.mean(overlap.argmax(1) == np.arange(250, 300))),
}

# %%
decoded = [encoder.decode(x[:10]) for x in (newest, cues, recalled)]
plots.item_recall(stored_images[-50:-40], *decoded)

# %% [markdown]
# ## The k-WTA circuit at work
#
# Candidates spike while a clock probes thresholds bit by bit; then the winners leave together (red line). They reach
# the visible neurons, where a second circuit chooses the 100 most driven bits.

# %%
plots.recall_raster(memory.present(cues[:1]), memory.kwta.latency)

# %%
memory.kwta_report(cues)

# %% [markdown]
# ## NIR, and the same spikes everywhere
#
# The frozen network is written as NIR and read back to an equal network. `quantize` gives the same network in Loihi's
# integers. Each runtime is compared with the reference step of its arithmetic, cell by cell.

# %%
write_nir(memory.recall_network, "memory.nir")
network = read_nir("memory.nir")
integer = quantize(network).network
inputs, steps = memory.recall_inputs(cues[:5])


def differing(network, backend):
    expected = simulate(network, inputs, steps, "reference").spikes
    spikes = simulate(network, inputs, steps, backend).spikes
    return sum(spikes[name].differing(expected[name])[0] for name in expected)


{
    "event": differing(network, "event"),
    "loihi": differing(integer, "loihi"),
    "lava_float": differing(network, "lava_float"),
    "lava_fixed": differing(integer, "lava_fixed"),
}

# %% [markdown]
# ## The bill

# %%
inputs, steps = memory.recall_inputs(cues)
run = simulate(integer, inputs, steps, "loihi", counters=True)
for chip in ("loihi1-davies2018", "loihi1-nahuku"):
    recall = bill(integer, run, chip, items=50).per_item()
    print(f"{chip}: {recall['joules_per_item']:.3g} J and {recall['seconds_per_item']:.3g} s per recall")
