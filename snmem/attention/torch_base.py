"""What attention modules of torch share: weights of several heads, checks of what comes in, masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError


class TorchAttention(nn.Module):
    """Weights W_K, W_Q (heads * keys, lines) and W_V (heads * values, lines); subclasses add the forward pass.

    Parameters
    ----------
    lines, keys, values, heads
        Sizes.
    seed
        Of the initial weights.
    spread
        Their standard deviation; None: 1 / sqrt(lines). W_Q starts as W_K.
    graded
        Any finite numbers may come in, not 0 and 1 only.
    device, dtype
        Of the weights.

    Raises
    ------
    InputError
        For sizes below 1.
    """

    def __init__(
        self,
        lines: int,
        keys: int,
        values: int,
        heads: int,
        seed: int,
        spread: float | None,
        graded: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        for name, size in {"lines": lines, "keys": keys, "values": values, "heads": heads}.items():
            if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
                raise InputError(f"{type(self).__name__}.{name}: must be a whole number >= 1, got {size!r}")
            if size < 1:
                raise InputError(f"{type(self).__name__}.{name}: must be at least 1, got {size}")
        self.lines, self.keys, self.values, self.heads, self.graded = lines, keys, values, heads, graded
        scale = spread or lines**-0.5
        rng, kind = np.random.default_rng(seed), dtype or torch.float32

        def weights(rows: int) -> nn.Parameter:
            drawn = torch.tensor(rng.normal(0, scale, (heads * rows, lines)), dtype=kind)
            return nn.Parameter(drawn.to(device))

        self.key_weights, self.value_weights = weights(keys), weights(values)
        self.query_weights = nn.Parameter(self.key_weights.detach().clone())

    def by_head(self, x: Tensor) -> Tensor:
        """(..., n, heads * size) as (..., heads, n, size)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def side_by_side(self, x: Tensor) -> Tensor:
        """(..., heads, n, size) as (..., n, heads * size)."""
        return x.transpose(-3, -2).flatten(-2)

    def check(self, items: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Both in the type of the weights; InputError names what is wrong with them."""
        items, queries = self._checked("items", items), self._checked("queries", queries)
        if items.ndim != queries.ndim:
            shape = f"({'batch, ' * (items.ndim == 3)}n, {self.lines})"
            raise InputError(
                f"queries: expected shape {shape}, got {tuple(queries.shape)}; give a batch axis to both or none"
            )
        if items.ndim == 3 and len(items) != len(queries):
            raise InputError(f"queries: a batch of {len(queries)} for {len(items)} contexts; give some for each")
        if items.shape[-2] == 0:
            raise InputError("context: is empty; give at least one item")
        if queries.shape[-2] == 0:
            raise InputError("queries: there is none; give at least one")
        return items, queries

    def _checked(self, name: str, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise InputError(f"{name}: expected a torch tensor, got {type(x).__name__}; use torch.as_tensor")
        if x.ndim not in (2, 3) or x.shape[-1] != self.lines:
            raise InputError(f"{name}: expected shape (batch, n, {self.lines}), got {tuple(x.shape)}")
        if x.is_complex():
            raise InputError(f"{name}: must hold 0 and 1 only, one for each spike")
        if not (x.is_meta or torch.compiler.is_compiling()):  # values are not known there
            if self.graded and not torch.isfinite(x).all():
                raise InputError(f"{name}: must hold finite numbers only")
            if not self.graded and not ((x == 0) | (x == 1)).all():
                raise InputError(f"{name}: must hold 0 and 1 only, one for each spike; graded=True takes other numbers")
        return x.to(self.key_weights.dtype)

    def allowed(self, items: Tensor, queries: Tensor, mask: Tensor | None, causal: bool) -> Tensor | None:
        """Where a query may attend, in a shape for (..., heads, m, n); None: everywhere."""
        m, n = queries.shape[-2], items.shape[-2]
        allowed = None
        if mask is not None:
            shapes = [(m, n)] if items.ndim == 2 else [(m, n), (len(items), m, n)]
            if not isinstance(mask, Tensor) or mask.dtype != torch.bool or tuple(mask.shape) not in shapes:
                kind = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, Tensor) else type(mask).__name__
                raise InputError(f"mask: expected a bool tensor of shape {' or '.join(map(str, shapes))}, got {kind}")
            allowed = mask.unsqueeze(-3)
        if causal:
            past = torch.ones(m, n, dtype=torch.bool, device=items.device).tril()
            allowed = past if allowed is None else allowed & past
        return allowed

    def extra_repr(self) -> str:
        """Sizes."""
        return f"lines={self.lines}, keys={self.keys}, values={self.values}, heads={self.heads}"
