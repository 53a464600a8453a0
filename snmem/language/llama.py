r"""The forward pass of a Llama model (SmolLM2), with the attention of every head replaced by a rule.

For a window of n tokens, in every layer, with h = x / rms(x) and every row a token:

.. math::
    q = R(h W_q^T), \quad k = R(h W_k^T), \quad v = h W_v^T, \quad
    x \leftarrow x + A(q k^T / \sqrt{d})\, v\, W_o^T, \\ x \leftarrow x + (\mathrm{silu}(h W_g^T) \cdot h W_u^T) W_d^T

R rotates pairs of neighbouring components by an angle that grows with the position; three query heads share a key head;
A is the rule: the softmax, or what :mod:`snmem.language.rules` puts in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError, InputError, MissingDependencyError
from .files import find_model, read_gguf
from .rules import Rule, Scores
from .tokens import Tokenizer

try:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
except ImportError:
    raise MissingDependencyError("language models: package 'torch' is absent; pip install 'snmem[language]'") from None

#: Queries whose attention is computed at once: bounds the memory of a long window.
CHUNK = 256


@dataclass(frozen=True)
class Shape:
    """Sizes of a model: layers, query heads, key heads, size of a head, width, tokens a window may have."""

    layers: int
    heads: int
    key_heads: int
    size: int
    width: int
    window: int
    base: float
    epsilon: float


@dataclass(frozen=True)
class Score:
    """How a window was predicted.

    Attributes
    ----------
    nats : float
        Mean of -ln p(next token) over the scored places.
    zero : float
        Share of the causal attention weights that are exactly zero.
    places : int
        Scored places.
    """

    nats: float
    zero: float
    places: int

    @property
    def perplexity(self) -> float:
        """exp of the mean."""
        return float(np.exp(self.nats))


class LanguageModel:
    """A Llama model with its tokenizer.

    Parameters
    ----------
    shape : Shape
        Sizes.
    weights : dict of float32 tensors
        By the names of the GGUF file, each (outputs, inputs).
    tokenizer : Tokenizer
        Its vocabulary.
    """

    def __init__(self, shape: Shape, weights: dict[str, Tensor], tokenizer: Tokenizer) -> None:
        self.shape, self.weights, self.tokenizer = shape, weights, tokenizer
        half = shape.size // 2
        self._frequency = shape.base ** (-torch.arange(half, dtype=torch.float64) / half)

    def __repr__(self) -> str:
        s = self.shape
        return (
            f"LanguageModel: {s.layers} layers, {s.heads} heads of {s.size}, {s.key_heads} key heads, width {s.width}"
        )

    @torch.no_grad()
    def score(self, tokens: Sequence[int], rule: Rule | None = None, first: int = 1) -> Score:
        """Predict each token from those before it.

        Parameters
        ----------
        tokens : sequence of int
            The window.
        rule : Rule
            What stands in for the softmax; None: the softmax.
        first : int
            The first place that counts, from 1; those before are context only.

        Raises
        ------
        InputError
            For a window too short or long, unknown tokens, and ``first`` outside it.
        """
        n = len(tokens)
        if not 1 <= first < n:
            raise InputError(f"score: first scored place {first} of {n} tokens; it must lie in 1..{n - 1}")
        x, zeros = self.forward(tokens, rule)
        logits = self._norm(x[first - 1 : -1], "output_norm.weight") @ self.weights["token_embd.weight"].T
        wanted = torch.as_tensor(list(tokens[first:]))
        nats = F.cross_entropy(logits, wanted).item()
        shape = self.shape
        return Score(nats, zeros / (shape.layers * shape.heads * n * (n + 1) / 2), n - first)

    @torch.no_grad()
    def forward(
        self, tokens: Sequence[int], rule: Rule | None = None, watch: dict[int, Any] | None = None
    ) -> tuple[Tensor, int]:
        """Last hidden state (n, width) and the number of causal attention weights that are zero.

        ``watch`` gets, for each layer that it has a key for, its (queries, keys, values), (heads, n, size) each.
        """
        x = self.weights["token_embd.weight"][self._checked(tokens)]
        turn = torch.outer(torch.arange(len(tokens), dtype=torch.float64), self._frequency)
        rotation = turn.cos().float(), turn.sin().float()
        zeros = 0
        for layer in range(self.shape.layers):
            block = f"blk.{layer}."
            h = self._norm(x, block + "attn_norm.weight")
            q, k, v = (self._heads(h @ self.weights[f"{block}attn_{name}.weight"].T) for name in "qkv")
            q, k = self._rotate(q, *rotation), self._rotate(k, *rotation)
            if watch is not None and layer in watch:
                watch[layer] = q, k, v
            out, none = self._attend(q, k, v, rule, layer)
            zeros += none
            x = x + out @ self.weights[block + "attn_output.weight"].T
            h = self._norm(x, block + "ffn_norm.weight")
            gate, up = (h @ self.weights[f"{block}ffn_{name}.weight"].T for name in ("gate", "up"))
            x = x + (F.silu(gate) * up) @ self.weights[block + "ffn_down.weight"].T
        return x, zeros

    def _checked(self, tokens: Sequence[int]) -> Tensor:
        found = torch.as_tensor(list(tokens))
        if not 2 <= len(found) <= self.shape.window:
            raise InputError(f"tokens: {len(found)} of them; a window has 2 to {self.shape.window:,}")
        known = len(self.weights["token_embd.weight"])
        if found.dtype != torch.int64 or found.min() < 0 or found.max() >= known:
            raise InputError(f"tokens: must be whole numbers from 0 to {known - 1:,}; use the model's tokenizer")
        return found

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.shape.epsilon) * self.weights[name]

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.shape.size)).transpose(0, 1)

    @staticmethod
    def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, rule: Rule | None, layer: int) -> tuple[Tensor, int]:
        """Outputs (n, heads * size), and how many weights are zero."""
        shared = self.shape.heads // self.shape.key_heads
        k, v, n = k.repeat_interleave(shared, 0), v.repeat_interleave(shared, 0), q.shape[1]
        out, zeros = torch.empty_like(q), 0
        if rule is None:
            out = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
            return out.transpose(0, 1).flatten(1), 0
        for start in range(0, n, CHUNK):
            stop = min(start + CHUNK, n)
            future = torch.ones(stop - start, stop, dtype=torch.bool).triu(start + 1)
            scores = Scores(q[:, start:stop], k[:, :stop], future, layer)
            weights = rule(scores)
            zeros += int((weights == 0).sum()) - self.shape.heads * int(future.sum())
            out[:, start:stop] = weights @ v[:, :stop]
        return out.transpose(0, 1).flatten(1), zeros


def read_language_model(path: str | Path | None = None) -> LanguageModel:
    """Read a Llama model from a GGUF file; default: SmolLM2-135M-Instruct from the package that carries it.

    Raises
    ------
    FileError
        For a file that is damaged, of another architecture, or lacks a tensor or number.
    MissingDependencyError
        If a package is absent, with the command that installs it.
    """
    path = Path(path or find_model("smollm2"))
    file = read_gguf(path)

    def whole(name: str) -> int:
        return int(file.number(f"llama.{name}", path))

    heads, width = whole("attention.head_count"), whole("embedding_length")
    shape = Shape(
        whole("block_count"),
        heads,
        whole("attention.head_count_kv"),
        width // heads,
        width,
        whole("context_length"),
        file.number("llama.rope.freq_base", path),
        file.number("llama.attention.layer_norm_rms_epsilon", path),
    )
    needed = ["token_embd.weight", "output_norm.weight"]
    parts = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")
    needed += [f"blk.{i}.{part}.weight" for i in range(shape.layers) for part in parts]
    absent = [name for name in needed if name not in file.tensors]
    if absent or "output.weight" in file.tensors:
        what = f"lacks tensor {absent[0]!r}" if absent else "has an output matrix of its own, which is not read"
        raise FileError(f"{path}: {what}; use the file of SmolLM2")
    tokenizer = Tokenizer(file.fields["tokenizer.ggml.tokens"], file.fields["tokenizer.ggml.merges"])
    return LanguageModel(shape, {name: torch.tensor(file.tensors[name]) for name in needed}, tokenizer)
