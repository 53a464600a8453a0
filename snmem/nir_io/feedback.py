"""Which connections of a recurrent graph take the step that every cycle needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

Edge = tuple[str, str]


def depths(names: list[str], edges: Iterable[Edge], starts: Iterable[str]) -> dict[str, int]:
    """Fewest edges from any start to each node; what no start reaches counts from nodes without feeder, then any."""
    after: dict[str, list[str]] = {name: [] for name in names}
    fed = set()
    for pre, post in edges:
        after[pre].append(post)
        if pre != post:
            fed.add(post)
    depth: dict[str, int] = {}
    starts = list(starts)
    for fresh in (starts, *([n] for n in names if n not in fed), *([n] for n in names)):
        queue = deque(n for n in fresh if n not in depth)
        depth |= dict.fromkeys(queue, 0)
        while queue:
            node = queue.popleft()
            for post in after[node]:
                if post not in depth:
                    depth[post] = depth[node] + 1
                    queue.append(post)
    return depth


def feedback_edges(edges: list[Edge], depth: dict[str, int]) -> set[Edge]:
    """The edges on cycles that lead to a node no farther from the inputs than where they start.

    Every cycle holds at least one: along a cycle the depth cannot always rise. The order of the edges does not matter.
    """
    names = sorted({name for edge in edges for name in edge})
    index = {name: i for i, name in enumerate(names)}
    rows, columns = ([index[edge[end]] for edge in edges] for end in (0, 1))
    graph = sp.coo_array((np.ones(len(edges)), (rows, columns)), shape=(len(names), len(names)))
    part = connected_components(graph, connection="strong")[1] if edges else []
    return {(a, b) for a, b in edges if part[index[a]] == part[index[b]] and depth[b] <= depth[a]}
