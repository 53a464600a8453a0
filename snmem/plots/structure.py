"""What connects with what, and how strongly."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import scipy.sparse as sp

from .._weights import csr_of
from ..errors import InputError
from ..network import Network, Projection
from .style import bare, label, new_figure

#: Rows and columns of a picture, at most; larger matrices are drawn as means over blocks.
PIXELS = 500


def connectivity(network: Network | Projection, projection: str | None = None) -> Any:
    """Return a figure of the weights of one projection, or of the synapses between all populations.

    Parameters
    ----------
    network : Network or Projection
        A network, or a projection alone.
    projection : str, optional
        Whose weights to show, as an image (post, pre) in which blue is below and red above 0; means over blocks where
        there are more than 500 neurons on a side. Without it: the mean number of synapses that a neuron of each
        population (row) receives from each population or input (column).

    Raises
    ------
    InputError
        For something else than a network or projection.
    UnknownNameError
        For a projection that the network does not have.
    """
    if isinstance(network, Projection):
        return _weights(network)
    if not isinstance(cast(object, network), Network):
        raise InputError(f"plots.connectivity: expected a Network or a Projection, got {type(network).__name__}")
    if projection is None:
        return _fan_in(network)
    found = network[projection]
    if not isinstance(found, Projection):
        raise InputError(f"plots.connectivity: {projection!r} is a population; name a projection")
    return _weights(found)


def _weights(q: Projection) -> Any:
    post, pre = q.weights.shape
    image = _block_means(q.weights)
    figure = new_figure(3.35, 2.9)
    axes = figure.subplots()
    most = float(np.abs(image).max(initial=0)) or 1.0
    drawn = axes.imshow(
        image,
        cmap="RdBu_r",
        vmin=-most,
        vmax=most,
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, pre - 0.5, post - 0.5, -0.5),
    )
    axes.set(xlabel=f"presynaptic: {label(q.pre)}", ylabel=f"postsynaptic: {label(q.post)}")
    mean = "" if image.shape == (post, pre) else ", mean of a block"
    bar = figure.colorbar(drawn, ax=axes)
    bar.set_label(f"weight{mean}", size=8)
    bar.ax.tick_params(labelsize=7)
    return bare(axes).figure


def _block_means(weights: Any) -> Any:
    """The matrix as a dense image of at most PIXELS x PIXELS, missing synapses counting as 0."""
    matrix = sp.coo_array(csr_of(weights))
    shape: tuple[int, int] = weights.shape
    blocks = [min(PIXELS, n) for n in shape]
    row, column = (at.astype(np.int64) * k // n for at, k, n in zip(matrix.coords, blocks, shape, strict=True))
    sums = np.bincount(row * blocks[1] + column, matrix.data.astype(float), blocks[0] * blocks[1]).reshape(blocks)
    sizes = [np.bincount(np.arange(n) * k // n, minlength=k) for k, n in zip(blocks, shape, strict=True)]
    return sums / np.outer(*sizes)


def _fan_in(network: Network) -> Any:
    rows, columns = [p.name for p in network.neurons], [p.name for p in network.populations]
    counts = np.zeros((len(rows), len(columns)))
    for q in network.projections:
        counts[rows.index(q.post), columns.index(q.pre)] += q.synapses / network[q.post].size
    figure = new_figure(max(3.35, 1.6 + 0.4 * len(columns)), 1.4 + 0.3 * len(rows))
    axes = figure.subplots()
    drawn = axes.imshow(np.where(counts, counts, np.nan), cmap="Blues", vmin=0, aspect="auto")
    axes.set_xticks(range(len(columns)), [label(n) for n in columns], rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), [label(n) for n in rows])
    axes.set(xlabel="from", ylabel="to")
    bar = figure.colorbar(drawn, ax=axes)
    bar.set_label("synapses per neuron", size=8)
    bar.ax.tick_params(labelsize=7)
    return bare(axes).figure
