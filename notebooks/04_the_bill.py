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
# # The bill
#
# What a recall costs on a Loihi: counts first, prices second. Then which layer and which core to mend, what the same
# memory costs as dense arithmetic, and what a better placement of neurons on cores gains. `snmem cost FILE.nir` does
# the same in one command.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
import rich
import scipy.sparse as sp

from snmem import LIF, Network, Population, Projection, SpikingKWinnerMemory, encode, quantize, simulate
from snmem.cost import bill, load_chip, measure, place
from snmem.cost.report.build import cost_report

rng = np.random.default_rng(0)

# %% [markdown]
# ## A memory to bill
#
# A hundred handwritten digits, stored one-shot; then ten are recalled from half of their bits, in Loihi's arithmetic.

# %%
images, _ = encode.load_digits()
encoder = encode.default_encoder("images", images[:300])
patterns = encoder.encode(images[:100])
memory = SpikingKWinnerMemory(encode.recommended_config("images"), seed=0)
memory.store(patterns)
cues = patterns[-10:] & (rng.random(patterns[-10:].shape) < 0.5)
network = quantize(memory.recall_network).network
inputs, steps = memory.recall_inputs(cues)
report = cost_report(network, inputs, steps, "loihi1-nahuku", items=10, per_step=True)
rich.print(report.bill)

# %% [markdown]
# Every price has a source, what has no public price is said, and so is what is not modelled at all:

# %%
{x.name: (x.price, x.kind, x.source[:40]) for x in report.bill.lines}, report.bill.unpriced, report.bill.not_modelled

# %% [markdown]
# ## Which layer, which step, which core

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
names, start = list(report.bill.layers), 0.0
for unit in ("soma", "synapse", "network"):
    joules = np.array([row["joules"][unit] for row in report.bill.layers.values()]) / report.bill.items
    left.barh(names, 1e6 * joules, left=start, label=unit)
    start = start + 1e6 * joules
left.set(xlabel="dynamic energy of a recall, uJ")
left.invert_yaxis()
left.legend()
right.plot(1e6 * np.array(report.bill.by_step["seconds"][: steps // 10]))
right.set(xlabel="step of the first recall", ylabel="duration, us")
pace = {name: report.bill.pace[name] for name in ("critical_core", "critical_stage", "critical_share", "step_p99")}
pace

# %% [markdown]
# ## Other chips, and an interval instead of a point
#
# One run, several chips. Loihi 2 gives no joules, because nobody has published any.

# %%
others = cost_report(
    network,
    inputs,
    steps,
    "loihi1-nahuku",
    also=["loihi1-davies2018", "spinnaker2", "loihi2"],
    items=10,
    limits="report",
)
summary = others.to_dict()["chips"]
summary, [joules / 10 for joules in others.interval["dynamic"]]

# %% [markdown]
# ## The dense twin
#
# The same connections as dense arithmetic, one pass per recall: on 45 nm arithmetic with its memory, and on graphics
# cards with one item at a time and at full load. `break_even_activity` is the number of spikes per neuron and step up
# to which spikes cost less; None: what the chip spends without any spike is more already.

# %%
keys = ("joules", "spiking_joules", "dense_over_spiking", "break_even_activity")
{name: {key: row[key] for key in keys} for name, row in report.twin["machines"].items()}

# %% [markdown]
# ## Neurons on better cores
#
# Eight modules whose neurons are numbered at random: in order, every spike goes to nearly every core. A graph
# partitioner and the traffic of a run bring the modules back together.

# %%
modules, size, inside = 8, 128, 30
module = rng.permutation(np.arange(modules * size) % modules)
members = [np.flatnonzero(module == m) for m in range(modules)]
post = np.concatenate([rng.choice(members[m], inside, replace=False) for m in module])
weights = sp.csr_array((np.ones(len(post)), (post, np.repeat(np.arange(modules * size), inside))))
neurons = Population("n", modules * size, LIF(theta=100.0, bias=rng.integers(0, 10, modules * size).astype(float)))
shuffled = Network((neurons,), (Projection("n", "n", weights),))
run = simulate(shuffled, steps=200, counters=True)
placed = place(shuffled, "loihi1-nahuku", run.spikes, neurons_per_core=64)
{name: (row["network_joules"], row["seconds"], row["packets"]) for name, row in placed.table.items()}

# %%
in_order = place(shuffled, "loihi1-nahuku", run.spikes, strategy="in_order", neurons_per_core=64)
for name, kind in (("in order", in_order), (placed.strategy, placed)):
    made = bill(shuffled, run, "loihi1-nahuku", placement=kind.placement)
    hops = made.mapping["mean_hops"]
    print(f"{name}: {made.dynamic['total']:.3g} J, {made.seconds['detailed']:.3g} s, {hops:.2f} hops a packet")

# %% [markdown]
# ## Long runs and your own chip
#
# `measure` simulates and bills chunk by chunk, in memory that does not grow with the run. A profile is a TOML file;
# `generic` is the one to copy.

# %%
long = measure(shuffled, {}, 20_000, "generic")
chip = load_chip("generic")
long.counters["synaptic_events"], long.dynamic["total"], chip.constant("energy", "packet").to_dict()
