r"""Attention by fast weights on vectors: what the spiking network computes, exactly, without its steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..description import LearnsInPlace, Summary
from .config import AttentionConfig


class FastWeightAttention(Summary, LearnsInPlace):
    r"""Binary keys and values in fast weights F_K (hidden, keys) and F_V (values, hidden), all 0 at first.

    Item (key, value): unit :math:`j = \arg\max(F_K\,\text{key} + b)` is taken over (with ``write_all`` the k units of
    largest drive), where b is the drive of unused units; row j of F_K becomes the key, column j of F_V the value.
    Query: with the drives :math:`h = F_K q`, unit j wins if :math:`h_j > 0` and :math:`h_j \ge` the k-th largest drive
    (ties win together); output i spikes if :math:`\sum_{j\ \mathrm{wins}} F_{V,ij} > \mathrm{share} \cdot k`.

    This is softmax attention with the k-WTA winners, equally weighted, in place of the softmax.

    Parameters
    ----------
    config
        Sizes.
    """

    def __init__(self, config: AttentionConfig) -> None:
        self.config = config
        self.clear()

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        return f"FastWeightAttention: {int(self.used.sum()):,} units written", [("config", str(self.config))]

    def clear(self) -> None:
        """Forget the context."""
        c = self.config
        self.keys = np.zeros((c.hidden, c.keys), bool)
        self.values = np.zeros((c.hidden, c.values), bool)
        self.used = np.zeros(c.hidden, bool)

    def write(self, keys: ArrayLike, values: ArrayLike) -> NDArray[np.int64]:
        """Write items one after another; returns the unit that each took (the first, if ``write_all``).

        A full layer gives an item the unit of the most similar key, or none (-1) if no key shares a spike with it.

        Raises
        ------
        InputError
            For an empty context, wrong shapes, keys without spikes or with more than ``active``.
        """
        rows, contents = self.config.check_items(keys, values)
        unused, units = self.config.unused_drive, np.empty(len(rows), np.int64)
        for i, (key, value) in enumerate(zip(rows, contents, strict=True)):
            drive = self.keys[:, key].sum(1) + np.where(self.used, 0.0, unused)
            winners = np.flatnonzero(self._winners(drive[None])[0])
            units[i] = winners[0] if winners.size else -1
            taken = winners if self.config.write_all else winners[:1]
            self.keys[taken], self.values[taken], self.used[taken] = key, value, True
        return units

    def _winners(self, drives: NDArray[Any]) -> NDArray[np.bool_]:
        k = self.config.k
        kth = np.partition(drives, -k, axis=1)[:, [-k]]
        return (drives >= kth) & (drives > 0)

    def winners(self, queries: ArrayLike) -> NDArray[np.bool_]:
        """The hidden units that win each query, bool (n, hidden): the nonzero attention weights.

        Raises
        ------
        InputError
            For wrong shapes, a query before any item, and k above the number of items.
        """
        rows = self.config.check_keys(queries, "queries")
        self.config.check_query(int(self.used.sum()))
        return self._winners(rows.astype(np.float32) @ self.keys.T.astype(np.float32))

    def read(self, queries: ArrayLike) -> NDArray[np.bool_]:
        """The output spikes for each query, bool (n, values); errors as :meth:`winners`."""
        winners = self.winners(queries)
        winners[:, list(self.config.dead)] = False
        votes = winners.astype(np.float32) @ self.values.astype(np.float32)
        return votes > self.config.share * self.config.k
