"""Figures of trees of patterns: how they branch, and how alike their leaves are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..tasks.patterns import PatternTree, similarity, tree_patterns


def leaf_order(tree: PatternTree) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the leaves in the order of a walk through the tree, and a place on that line for every node.

    A leaf's place is its number in the walk, an inner node's the middle of its children's. Neighbours on the line are
    near relatives.
    """
    nodes = len(tree.parent)
    children: list[list[int]] = [[] for _ in range(nodes)]
    for node in range(1, nodes):
        children[tree.parent[node]].append(node)
    order, stack = [], [0]
    while stack:
        node = stack.pop()
        order.append(node)
        stack += reversed(children[node])
    leaves = np.array([node for node in order if not children[node]])
    place = np.zeros(nodes)
    place[leaves] = np.arange(len(leaves))
    for node in reversed(order):
        if children[node]:
            place[node] = np.mean(place[children[node]])
    return leaves, place


def draw_trees(flips: Sequence[int], seed: int, path: Path, nodes: int = 60) -> str:
    """Draw a small tree for each number of bits turned over per edge; colour: similarity to the root's pattern.

    Returns the path, for a result's ``files``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(flips), 3.4), layout="constrained")
    axes = figure.subplots(1, len(flips), squeeze=False)[0]
    for ax, b in zip(axes, flips, strict=True):
        tree = tree_patterns(nodes, b, seed=seed)
        _, place = leaf_order(tree)
        for node in range(1, nodes):
            ends = [tree.parent[node], node]
            ax.plot(place[ends], -tree.depth[ends], color="0.7", linewidth=0.8, zorder=1)
        near = similarity(tree.patterns, tree.patterns[:1])[:, 0]
        ax.scatter(place, -tree.depth, c=near, s=18, vmin=0, vmax=1, zorder=2)
        ax.set(title=f"b = {b}", xticks=[], ylabel="depth" if ax is axes[0] else "")
        ax.set_yticks(-np.arange(tree.depth.max() + 1), np.arange(tree.depth.max() + 1))
    figure.colorbar(axes[0].collections[0], ax=axes, label="similarity to the root", shrink=0.8)
    figure.savefig(path, dpi=150)
    return str(path)


def draw_similarities(flips: Sequence[int], seed: int, path: Path, nodes: int = 400) -> str:
    """Draw the similarities of the leaves of a tree for each number of bits turned over, in the order of the tree."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(flips), 3.2), layout="constrained")
    axes = figure.subplots(1, len(flips), squeeze=False)[0]
    for ax, b in zip(axes, flips, strict=True):
        tree = tree_patterns(nodes, b, seed=seed)
        leaves, _ = leaf_order(tree)
        ax.imshow(similarity(tree.patterns[leaves]), vmin=0, vmax=1)
        ax.set(title=f"b = {b}", xticks=[], yticks=[], xlabel=f"{len(leaves)} leaves, relatives side by side")
    figure.colorbar(axes[0].images[0], ax=axes, label="similarity", shrink=0.8)
    figure.savefig(path, dpi=150)
    return str(path)
