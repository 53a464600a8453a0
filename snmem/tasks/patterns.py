"""Binary patterns with an exact number of ones: unstructured, from a tree, and partial cues of given ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._hash import mix
from .._jit import kernel
from ..description import is_whole
from ..errors import InputError

Seed = int | np.random.Generator | None


@dataclass(frozen=True, eq=False)
class PatternTree:
    """Tree of patterns grown by a Chinese restaurant process.

    Attributes
    ----------
    patterns
        Bool (nodes, size); node 0 is the root, children come after their parents.
    parent
        Int (nodes,); the parent of each node, -1 for the root.
    depth
        Int (nodes,); edges from the root.
    leaves
        Int; the nodes without children, in order of creation.
    """

    patterns: NDArray[np.bool_]
    parent: NDArray[np.int64]
    depth: NDArray[np.int64]
    leaves: NDArray[np.int64]

    def shuffled_leaves(self, seed: Seed = 0) -> NDArray[np.bool_]:
        """Return the patterns of the leaves in random order, bool (leaves, size)."""
        return self.patterns[np.random.default_rng(seed).permutation(self.leaves)]


def random_patterns(n: int, size: int = 1000, active: int = 100, seed: Seed = 0) -> NDArray[np.bool_]:
    """Return ``n`` patterns, bool (n, size), each drawn uniformly from all with exactly ``active`` ones.

    Raises
    ------
    InputError
        If ``active`` exceeds ``size``, or a count is negative.
    """
    _check_counts(n=n, size=size, active=active)
    _check_limit("active", active, "size", size)
    out = np.zeros((n, size), bool)
    _fill_random(_key(seed), active, out)
    return out


def partial_cues(patterns: ArrayLike, share: float, seed: Seed = 0) -> NDArray[np.bool_]:
    """Return cues that keep a uniformly drawn ``share`` of the ones of each pattern (rounded, at least 1).

    Raises
    ------
    InputError
        If ``share`` is not in (0, 1].
    """
    array = np.asarray(patterns, bool)
    if not 0.0 < share <= 1.0:
        raise InputError(f"partial_cues: share must lie in (0, 1], got {share!r}; 0.5 keeps half of the ones")
    if array.ndim != 2:
        raise InputError(f"partial_cues: patterns must have shape (n, size), got {array.shape}")
    out = np.zeros_like(array)
    _fill_cues(_key(seed), array, share, out)
    return out


def tree_patterns(
    nodes: int = 14_000, flips: int = 15, size: int = 1000, active: int = 100, seed: Seed = 0
) -> PatternTree:
    """Grow a tree of patterns (tree-generating Chinese restaurant process).

    The root is a random pattern. Every further node is inserted at the root: at a node with D descendants it becomes a
    new child with probability 1 / (D + 1), and is otherwise inserted at an existing child, chosen in proportion to the
    size of its subtree. A new child is its parent's pattern with ``flips`` random ones and as many zeros turned over.

    Source: Bhandarkar & McClelland 2025, arXiv 2511.04593, section 2.2.2 and appendix A.3.

    Parameters
    ----------
    seed
        Seed or generator of all randomness.
    nodes
        Nodes of the tree; about half of them are leaves.
    flips
        Ones and zeros turned over per edge (b); the fewer, the more similar the patterns.
    size, active
        Bits and ones of each pattern.

    Raises
    ------
    InputError
        If ``flips`` exceeds the ones or zeros of a pattern.
    """
    _check_counts(nodes=nodes, flips=flips, size=size, active=active)
    if nodes < 1:
        raise InputError(f"tree_patterns: nodes must be at least 1, got {nodes}")
    _check_limit("active", active, "size", size)
    _check_limit("flips", flips, "active", active)
    _check_limit("flips", flips, "size - active", size - active)
    rng = np.random.default_rng(seed)
    parent, depth = np.full(nodes, -1), np.zeros(nodes, np.int64)
    _grow(_key(rng), parent, depth)
    patterns = np.zeros((nodes, size), bool)
    _fill_random(_key(rng), active, patterns[:1])
    _inherit(_key(rng), parent, flips, patterns)
    leaves = np.asarray(np.setdiff1d(np.arange(nodes), parent), np.int64)
    return PatternTree(patterns, parent, depth, leaves)


def similarity(patterns: ArrayLike, others: ArrayLike | None = None) -> NDArray[np.float32]:
    """Return the share of the ones of each pattern that each of ``others`` (default: the same) has too, (n, m)."""
    array = np.asarray(patterns, np.float32)
    other = array if others is None else np.asarray(others, np.float32)
    return array @ other.T / array.sum(axis=1, keepdims=True)


def mean_similarity(patterns: ArrayLike) -> float:
    """Return the mean of :func:`similarity` over all pairs of different rows."""
    matrix = similarity(patterns)
    pairs = len(matrix) * (len(matrix) - 1)
    if not pairs:
        raise InputError(f"mean_similarity: needs at least 2 patterns, got {len(matrix)}")
    return float((matrix.sum(dtype=float) - np.trace(matrix)) / pairs)


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if not is_whole(value) or value < 0:
            raise InputError(f"{name}: must be a whole number, at least 0, got {value!r}")


def _check_limit(name: str, value: int, limit_name: str, limit: int) -> None:
    if value > limit:
        raise InputError(f"{name}: must be at most {limit_name} = {limit}, got {value}; lower {name}")


def _key(seed: Seed) -> np.uint64:
    return np.random.default_rng(seed).integers(2**64, dtype=np.uint64)


@kernel
def _below(key, draw, limit):
    """Return random whole number ``draw`` of the stream ``key``, uniform in 0..limit-1."""
    return np.int64(mix(key, draw) % np.uint64(limit))


@kernel
def _fill_random(key, active, out):
    """Set ``active`` random bits in every row of ``out``, by partial shuffles."""
    rows, size = out.shape
    pool = np.arange(size)
    for row in range(rows):
        for n in range(active):
            at = n + _below(key, row * active + n, size - n)
            pool[n], pool[at] = pool[at], pool[n]
            out[row, pool[n]] = True


@kernel
def _fill_cues(key, patterns, share, out):
    """Copy a random share of the ones of every pattern to ``out``."""
    rows, size = patterns.shape
    ones = np.empty(size, np.int64)
    for row in range(rows):
        count = 0
        for i in range(size):
            ones[count] = i
            count += patterns[row, i]
        kept = min(count, max(1, np.int64(np.rint(share * count))))
        for n in range(kept):
            at = n + _below(key, row * size + n, count - n)
            ones[n], ones[at] = ones[at], ones[n]
            out[row, ones[n]] = True


@kernel
def _grow(key, parent, depth):
    """Insert nodes 1, 2, ... at the root; every node keeps the size of its subtree and a list of its children."""
    nodes = parent.size
    sizes, child, sibling = np.ones(nodes, np.int64), np.full(nodes, -1), np.full(nodes, -1)
    draw = 0
    for node in range(1, nodes):
        at = 0
        while True:
            ticket = _below(key, draw, sizes[at])  # sizes[at] = descendants + 1; ticket 0 opens a new child
            draw += 1
            sizes[at] += 1
            if ticket == 0:
                break
            below = child[at]
            while ticket > sizes[below]:
                ticket -= sizes[below]
                below = sibling[below]
            at = below
        parent[node], depth[node] = at, depth[at] + 1
        sibling[node], child[at] = child[at], node


@kernel
def _inherit(key, parent, flips, patterns):
    """Give every node its parent's pattern with ``flips`` ones and ``flips`` zeros of the parent turned over."""
    nodes, size = patterns.shape
    draw = 0
    for node in range(1, nodes):
        source, target = patterns[parent[node]], patterns[node]
        target[:] = source
        for value in (True, False):
            turned = 0
            while turned < flips:
                i = _below(key, draw, size)
                draw += 1
                if source[i] == value and target[i] == value:
                    target[i] = not value
                    turned += 1
