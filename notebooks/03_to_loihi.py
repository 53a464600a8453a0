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
# # To Loihi and back
#
# A network trained in snnTorch goes through NIR and Loihi's integers into a Python module for Lava, and its spikes come
# back as predictions. On the way: what quantisation does to weights, ranges and spikes. `snmem compile` does the same
# in one command.

# %%
# %matplotlib inline
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import nir
import numpy as np
import snntorch as snn
import torch

from snmem import Input, Network, Spikes, encode, simulate
from snmem.lava.compiler.compile import compile
from snmem.lava.compiler.preparation import prepare
from snmem.nir_io import read_nir
from snmem.quantization.calibration import STRATEGIES, calibrate, report, weight_errors

rng = np.random.default_rng(0)
_ = torch.manual_seed(0)

# %% [markdown]
# ## Train
#
# Handwritten digits of 8 x 8 pixels; a pixel spikes with a probability that grows with its brightness. Two layers of
# leaky neurons that reset to zero; the class is the output neuron with the most spikes.

# %%
STEPS, HIDDEN = 25, 48
images, labels = encode.load_digits()
order = rng.permutation(len(images))
train, test = order[:1400], order[1400:1500]


def spikes_of(pictures):
    """(steps, pictures, pixels) of 0 and 1."""
    p = 0.5 * pictures.reshape(len(pictures), -1) / images.max()
    return (rng.random((STEPS, *p.shape)) < p).astype(np.float32)


def leaky():
    return snn.Leaky(beta=0.875, reset_mechanism="zero", reset_delay=False)


first, second = torch.nn.Linear(64, HIDDEN), torch.nn.Linear(HIDDEN, 10)
one, two = leaky(), leaky()


def counts(raster):
    """Spikes of each output neuron, (pictures, 10)."""
    v1, v2, total = one.init_leaky(), two.init_leaky(), 0
    for x in raster:
        s, v1 = one(first(x), v1)
        s, v2 = two(second(s), v2)
        total = total + s
    return total


optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], 5e-3)
for _ in range(8):
    for batch in rng.permutation(train).reshape(-1, 100):
        loss = torch.nn.functional.cross_entropy(
            counts(torch.from_numpy(spikes_of(images[batch]))), torch.from_numpy(labels[batch]).long()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

raster = spikes_of(images[test])
with torch.no_grad():
    trained = counts(torch.from_numpy(raster)).numpy()
float((trained.argmax(1) == labels[test]).mean())

# %% [markdown]
# ## NIR, and one presentation after another
#
# The graph as snnTorch's exporter writes it. Read back, each population is cleared at the start of every picture.

# %%
DT = 1e-4


def lif(n):
    tau = np.full(n, DT / (1 - 0.875))
    return nir.LIF(tau, tau / DT, np.zeros(n), np.ones(n), np.zeros(n))


parts = [p.detach().numpy() for p in (first.weight, first.bias, second.weight, second.bias)]
nodes = {
    "pixels": nir.Input(np.array([64])),
    "fc1": nir.Affine(*parts[:2]),
    "hidden": lif(HIDDEN),
    "fc2": nir.Affine(*parts[2:]),
    "digits": lif(10),
    "output": nir.Output(np.array([10])),
}
nir.write("digits.nir", nir.NIRGraph(nodes, list(zip(nodes, list(nodes)[1:], strict=False))))

network = read_nir("digits.nir")
cleared = [p if isinstance(p, Input) else replace(p, clear_every=STEPS) for p in network.populations]
network = Network(tuple(cleared), network.projections, network.outputs, network.dt)


def flat(rasters):
    return {"pixels": Spikes.from_raster(rasters.transpose(1, 0, 2).reshape(-1, 64))}


def per_picture(spikes):
    return spikes.raster().reshape(-1, STEPS, 10).sum(1)


inputs, total = flat(raster), len(test) * STEPS
float_run = simulate(network, inputs, total)
bool((per_picture(float_run.spikes["digits"]) == trained).all())

# %% [markdown]
# ## Quantisation: three ways
#
# Loihi holds weights of 8 bits. *Plain* rounding keeps a matrix in one piece, and spends a bit on the sign. *Grid*
# splits it by sign and takes scales that are powers of two; *calibrated* tries scales on sample input. Each is measured
# on pictures that it has not seen.

# %%
float_network = prepare(network).network
sample, n_sample = flat(spikes_of(images[train[:40]])), 40 * STEPS
made = {name: calibrate(float_network, sample, n_sample, name) for name in STRATEGIES}
reports = {name: report(float_network, q, inputs, total) for name, q in made.items()}

figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
for name, q in made.items():
    errors = weight_errors(float_network["fc1"], q).toarray().ravel()
    axes[0].hist(1e3 * errors, np.linspace(-3, 3, 61), histtype="step", label=name)
axes[0].set(title="errors of the first layer's weights", xlabel="1/1000 of the threshold", ylabel="synapses")
axes[0].legend()
for i, name in enumerate(STRATEGIES):
    rows = reports[name]["populations"]
    axes[1].bar(np.arange(2) + 0.27 * i, [rows[p]["measured"] for p in rows], 0.25, color=f"C{i}")
    axes[1].plot(np.arange(2) + 0.27 * i, [rows[p]["expected"] for p in rows], "k_", markersize=18)
axes[1].set(title="differing cells, each layer by itself", xticks=np.arange(2) + 0.27, xticklabels=list(rows))
axes[1].set_ylabel("bar: measured; line: expected")
for i, name in enumerate(STRATEGIES):
    rows = reports[name]["populations"]
    axes[2].bar(np.arange(2) + 0.27 * i, [rows[p]["u_worst"] for p in rows], 0.25, alpha=0.4, color=f"C{i}")
    axes[2].bar(np.arange(2) + 0.27 * i, [rows[p]["u_peak"] for p in rows], 0.25, color=f"C{i}")
axes[2].set(title="range of u (1: it wraps around)", yscale="log", xticks=np.arange(2) + 0.27, xticklabels=list(rows))
_ = axes[2].set_ylabel("pale: all synapses at once; full: seen")

# %% [markdown]
# ## A module for Lava
#
# `compile` gives every connection the step that it takes in Lava, writes the module, places the neurons on cores, and
# runs the module on Lava to compare all spikes.

# %%
few, steps = {"pixels": Spikes.from_raster(inputs["pixels"].raster()[: 20 * STEPS])}, 20 * STEPS
compiled = compile(network, "lava", title="digits", inputs=few, steps=steps)
summary = compiled.report
json.dumps(
    {
        "late by (steps)": summary["latency"],
        "cores of Loihi 1": summary["limits"]["loihi1-davies2018"]["cores"],
        "binding limit": summary["limits"]["loihi1-davies2018"]["binding"],
        "cells that differ from the emulator": summary["agreement"]["lava"]["cells"],
    }
)

# %% [markdown]
# The module is a program of its own: it needs Lava, numpy and scipy, and not this library.

# %%
text = Path("lava/network.py").read_text()
print(text[: text.index('"""', 3)])
print(text[text.index("INPUTS = ") : text.index("LATE = ")])
start = text.index("        self.pixels")
print(text[start : text.index("    def _", start)])

# %% [markdown]
# ## And back
#
# The module's spikes, already moved to the steps of the trained network, beside those of snnTorch.

# %%
np.savez("pictures.npz", pixels=few["pixels"].raster())
subprocess.run([sys.executable, "lava/network.py", "pictures.npz", "spikes.npz"], check=True, capture_output=True)
with np.load("spikes.npz") as file:
    on_lava = file["digits"].reshape(-1, STEPS, 10).sum(1)

fixed = {name: simulate(q.network, flat(raster), total + 2, "loihi") for name, q in made.items()}
late = compiled.late["digits"]
accuracy = {"snnTorch": trained}
accuracy |= {name: per_picture(run.spikes["digits"].between(late, late + total)) for name, run in fixed.items()}
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
axes[0].imshow(trained[:20].T, aspect="auto")
axes[0].set(title="spikes of the digits, snnTorch", xlabel="picture", ylabel="digit")
axes[1].imshow(on_lava.T, aspect="auto")
axes[1].set(title="the same in Lava's fixed point", xlabel="picture")
{name: float((c.argmax(1) == labels[test]).mean()) for name, c in accuracy.items()}
