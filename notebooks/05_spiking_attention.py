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
# # Spiking attention
#
# A transformer keeps its context in slots. Here it lives in fast weights: each item is written, one-shot, into the
# synapses of a hidden unit that a competition chooses (Bhandarkar & McClelland 2025, arXiv 2511.04593, section 3).
# First with numbers, then wholly in spikes.

# %%
# %matplotlib inline
import numpy as np
import torch

from snmem.attention import MODELS, CaseSequenceTask, SpikingAttention, spiking_transformer, train
from snmem.attention.transformer import figures
from snmem.nir_io import read_nir, write_nir
from snmem.protocols.associative_recall import accuracy, models
from snmem.tasks.mqar import RecallTask

task = CaseSequenceTask()
for context, query, upper in zip(*vars(task.sample(4, seed=1)).values(), strict=True):
    items = " ".join(task.token_name(t) for t in context)
    print(f"{items}   {task.token_name(query)}   {'upper' if upper else 'lower'} case")

# %% [markdown]
# ## The seven models
#
# The baseline has softmax attention over slots. The others have fast weights; their key weights are fixed, trained
# through the memory, or aligned with the queries (QK). With an input projection, items do not overwrite each other.

# %%
trained = {name: train(config, task, iterations=3500, trials=2) for name, config in MODELS.items()}
figures.learning_curves(trained)

# %%
figures.run_curves(trained)

# %% [markdown]
# The QK model is the fastest and reaches 100 % with a local rule. It learns to tell the case first, then to match
# queries with keys, then keys of a letter with each other.

# %%
qk = trained["QK, projected"]
print(figures.half_times(qk), "99 % from iteration", qk.reaches())
figures.stages(qk)

# %% [markdown]
# W_V comes to tell the case; keys and queries of a letter, random before training (above), become alike.

# %%
figures.weight_matrices(qk)

# %%
figures.weight_matrices(trained["baseline"])

# %% [markdown]
# ## Wholly in spikes
#
# Keys, queries and values become spikes, the hidden unit is chosen by a k-WTA circuit, and the fast weights are cells
# of LIF neurons, so every runtime can run them (plastic synapses and Loihi's learning engine are the other choices).
# All 1536 sequences, in float and in Loihi's integers:

# %%
model = spiking_transformer(qk)
sequences = task.all()
answers, run = model.run(sequences)
integer_answers, integer = model.run(sequences, "loihi")
{
    "right": float((answers == sequences.upper).mean()),
    "right, Loihi": float((integer_answers == sequences.upper).mean()),
    "spikes that differ": sum(integer.spikes[n].differing(s)[0] for n, s in run.spikes.items()),
    "steps per answer": model.steps_per_answer,
    "synaptic events per answer": round(sum(run.counters.synaptic_events.values()) / len(sequences)),
}

# %% [markdown]
# One query being answered. Four items are written (the gate neuron of the winner opens its synapses), then the query
# wakes the unit whose key it matches, and its value comes out. At the end everything is erased.

# %%
figures.query_raster(model, sequences[777:778])

# %%
write_nir(model.network, "transformer.nir")
{"the same network from NIR": read_nir("transformer.nir") == model.network}

# %% [markdown]
# ## Trained end to end in snnTorch
#
# `SpikingAttention` is a torch module with surrogate gradients. Its weights are rounded as Loihi will hold them, so the
# network that it exports gives the same answers.

# %%
module = SpikingAttention(task.tokens, keys=32, values=2, hidden=6, seed=1)
optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
tokens, rng = torch.eye(task.tokens), np.random.default_rng(1)


def tensors(batch):
    return tokens[torch.tensor(batch.context)], tokens[torch.tensor(batch.query)][:, None]


for _ in range(400):
    batch = task.sample(64, rng)
    _, votes = module(*tensors(batch))
    loss = torch.nn.functional.cross_entropy(4 * votes[:, 0], torch.tensor(batch.upper.astype(int)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

some = task.sample(100, seed=5)
items, queries = tensors(some)
spikes = module(items, queries)[0][:, 0].detach().numpy().astype(bool)
attention = module.attention()
recording = attention.present(items.numpy(), queries.numpy())
exported = attention.read(recording.spikes["output"], [task.context] * 100, [1] * 100)
{"right": float((spikes[:, 1] == some.upper).mean()), "network equals module": bool((exported == spikes).all())}

# %% [markdown]
# ## Recall at scale
#
# MQAR: K pairs, then a query for each. No training, random codes, and the same number of stored bits for all (softmax
# attention's cache of 64 pairs). Softmax attention with an unlimited cache stands beside them.

# %%
loads = (16, 64, 128, 256)
found = models(bits=64 * 2 * 64 * 16, half=4096, pairs=64, seed=0)
for memory in found:
    scores = [accuracy(memory, RecallTask(k, 4 * k).sample(max(2, 256 // k)), 4096) for k in loads]
    print(f"{memory.name:40s}", "  ".join(f"{k}: {score:.3f}" for k, score in zip(loads, scores, strict=True)))
