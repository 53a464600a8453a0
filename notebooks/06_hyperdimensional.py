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
# # Hyperdimensional codes
#
# Symbols as very wide random codes. Block codes here: 100 blocks of 100 neurons, one active in each, so that 1 % of
# 10,000 neurons spike, however often codes are bound and bundled.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

from snmem.hdc import BinaryCodes, BlockCodes, resonator
from snmem.hdc.spiking import SpikingHDTransformer
from snmem.hdc.transformer import HDTransformer

codes = BlockCodes(blocks=100, units=100)
countries, capitals = codes.random(1000, seed=1), codes.random(1000, seed=2)
memory = codes.bundle(codes.bind(countries[:10], capitals[:10]))  # ten pairs in one code
found = codes.cleanup(codes.unbind(memory, countries[:10]), capitals)
{"right": float((found == np.arange(10)).mean()), "share of neurons active": float(codes.to_dense(memory).mean())}

# %% [markdown]
# XOR and majority, made for dense codes, do not work on sparse ones: eight bindings fill a code up, and the majority of
# nine codes with 1 % ones is empty.

# %%
binary, rng = BinaryCodes(10_000), np.random.default_rng(0)
sparse = binary.pack(rng.random((9, 10_000)) < 0.01)
product = sparse[0]
for code in sparse[1:8]:
    product = binary.bind(product, code)
ones = {name: int(binary.unpack(code).sum()) for name, code in (("XOR", product), ("majority", binary.bundle(sparse)))}
ones

# %% [markdown]
# ## How much fits in, and what damage does

# %%
pairs, shares = (2, 5, 10, 20, 30, 50), np.linspace(0, 0.9, 10)


def recalled(codes, count, lost=0.0, seed=0):
    rng = np.random.default_rng(seed)
    keys, values = codes.random(count, rng), codes.random(1000, rng)
    trace = codes.bundle(codes.bind(keys, values[:count]))
    trace = codes.silence(trace, rng.random(codes.dimensions) < lost)
    return float((codes.cleanup(codes.unbind(trace, keys), values) == np.arange(count)).mean())


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
for wide in (codes, BlockCodes(blocks=1000, units=100)):
    label = f"{wide.dimensions:,} dimensions"
    left.plot(pairs, [np.mean([recalled(wide, k, seed=s) for s in range(3)]) for k in pairs], "o-", label=label)
    right.plot(shares, [np.mean([recalled(wide, 10, x, s) for s in range(3)]) for x in shares], "o-", label=label)
left.set(xlabel="bundled pairs", ylabel="recalled", ylim=(0, 1.05))
right.set(xlabel="share of dimensions silent", ylim=(0, 1.05))
_ = right.legend()

# %% [markdown]
# A resonator takes a product of three codes apart without trying all 8,000 products.

# %%
books = [codes.random(20, seed=s) for s in range(3)]
product = codes.bind(codes.bind(books[0][3], books[1][14]), books[2][15])
resonator(product[None], books, codes, "softmax").index[0]

# %% [markdown]
# ## In neurons
#
# Tokens as codes, position by permutation, the context in a bundle or in fast weights: the same answers as the
# algorithm, on the event engine and in Loihi's integers.

# %%
keys, values = np.array([3, 7, 1, 9]), np.array([5, 2, 8, 0])
for memory in ("superposition", "fast_weights"):
    model = HDTransformer.random(BlockCodes(16, 8), 12, seed=1, memory=memory, slots=4)
    spiking = SpikingHDTransformer(model, pairs=4, queries=4, most=4, form="cells")
    answers, run = spiking.run([(keys, values)], [keys])
    integer, again = spiking.run([(keys, values)], [keys], "loihi")
    differing = sum(again.spikes[name].differing(s)[0] for name, s in run.spikes.items())
    print(f"{memory}: {answers}, as the algorithm: {np.array_equal(answers, model.answer(keys, values, keys))};")
    print(f"  {sum(run.counters.synaptic_events.values()):,} synaptic events; spikes that differ on Loihi: {differing}")
