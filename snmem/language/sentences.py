r"""Sentences as vectors: MiniLM, a BERT of six layers, read from the package that carries it.

With token, place and kind embeddings summed to x and N the layer norm, in every layer

.. math::
    x \leftarrow N(x + A(x) W_o + b_o), \qquad x \leftarrow N(x + W_2\,\mathrm{gelu}(W_1 x + b_1) + b_2);

a sentence is the mean of x over its tokens, divided by its length.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileError, InputError, MissingDependencyError
from .files import find_model
from .wordpiece import WordPiece

try:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
except ImportError:
    raise MissingDependencyError("sentences: package 'torch' is absent; pip install 'snmem[language]'") from None

#: Sentences that are encoded at once, and tokens of a sentence that are read.
BATCH, TOKENS = 32, 256


@dataclass(frozen=True)
class Sizes:
    """Of a BERT: layers, heads, width, most places, epsilon of the layer norm."""

    layers: int
    heads: int
    width: int
    places: int
    epsilon: float


class SentenceModel:
    """A BERT that makes a vector of a sentence.

    Parameters
    ----------
    sizes : Sizes
        Of the model.
    weights : dict of float32 tensors
        By the names of the file.
    tokenizer : WordPiece
        Its vocabulary.
    """

    def __init__(self, sizes: Sizes, weights: dict[str, Tensor], tokenizer: WordPiece) -> None:
        self.sizes, self.weights, self.tokenizer = sizes, weights, tokenizer

    def __repr__(self) -> str:
        return f"SentenceModel: {self.sizes.layers} layers, {self.sizes.heads} heads, width {self.sizes.width}"

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1, (n, width); what lies beyond 256 tokens of a sentence is left out.

        Raises
        ------
        InputError
            For one text instead of a list, an empty list, and what is no text.
        """
        if isinstance(sentences, str):
            raise InputError("sentences: got one text instead of a list; pass [text]")
        if not len(sentences) or not all(isinstance(s, str) for s in sentences):
            raise InputError("sentences: expected a list of texts, at least one")
        most = min(TOKENS, self.sizes.places)
        tokens = [self.tokenizer.encode(s, most) for s in sentences]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))  # alike ones together: little is padded
        out = np.empty((len(tokens), self.sizes.width), np.float32)
        for first in range(0, len(order), BATCH):
            group = order[first : first + BATCH]
            out[group] = self._vectors([tokens[i] for i in group])
        return out

    @torch.no_grad()
    def _vectors(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        longest = max(map(len, tokens))
        padded = torch.tensor([row + [0] * (longest - len(row)) for row in tokens])
        there = torch.tensor([[i < len(row) for i in range(longest)] for row in tokens])
        w, where = self.weights, "embeddings."
        x = w[where + "word_embeddings.weight"][padded] + w[where + "position_embeddings.weight"][:longest]
        x = self._norm(x + w[where + "token_type_embeddings.weight"][0], where + "LayerNorm")
        for layer in range(self.sizes.layers):
            name = f"encoder.layer.{layer}."
            x = self._norm(x + self._attend(x, there, name + "attention."), name + "attention.output.LayerNorm")
            inner = F.gelu(self._linear(x, name + "intermediate.dense"))
            x = self._norm(x + self._linear(inner, name + "output.dense"), name + "output.LayerNorm")
        mean = (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        return F.normalize(mean, dim=-1).numpy()

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
        return F.layer_norm(x, (self.sizes.width,), weight, bias, self.sizes.epsilon)

    def _attend(self, x: Tensor, there: Tensor, name: str) -> Tensor:
        q, k, v = (
            self._linear(x, f"{name}self.{part}").unflatten(-1, (self.sizes.heads, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        return self._linear(out.transpose(1, 2).flatten(2), f"{name}output.dense")


def _needed(layers: int) -> list[str]:
    """Names of the tensors of a model."""
    parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
    parts += ["attention.output.dense", "attention.output.LayerNorm"]
    parts += ["intermediate.dense", "output.dense", "output.LayerNorm"]
    names = [f"encoder.layer.{i}.{part}" for i in range(layers) for part in parts] + ["embeddings.LayerNorm"]
    tables = [f"embeddings.{part}_embeddings.weight" for part in ("word", "position", "token_type")]
    return tables + [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]


def read_sentence_model(folder: str | Path | None = None) -> SentenceModel:
    """Read a BERT from a folder of ``config.json``, ``vocab.txt`` and ``model.safetensors``; default: all-MiniLM-L6-v2.

    Raises
    ------
    FileError
        For files that are missing or damaged, of another architecture, or lack a tensor or number.
    MissingDependencyError
        If a package is absent, with the command that installs it.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        message = "sentences: package 'safetensors' is absent; pip install 'snmem[language]'"
        raise MissingDependencyError(message) from None
    path = Path(folder) if folder is not None else find_model("minilm").parent
    sizes, kind = _sizes(path)
    if kind != "bert":
        raise FileError(f"{path}: holds a model of architecture {kind!r}, only 'bert' is read; use all-MiniLM-L6-v2")
    try:
        tokenizer = WordPiece((path / "vocab.txt").read_text(encoding="utf-8").splitlines())
        weights = load_file(path / "model.safetensors")
    except (OSError, UnicodeDecodeError, SafetensorError) as error:
        raise FileError(f"{path}: is damaged ({type(error).__name__}); install or copy it again") from error
    absent = [name for name in _needed(sizes.layers) if name not in weights]
    if absent:
        raise FileError(f"{path}: lacks tensor {absent[0]!r}; use the files of all-MiniLM-L6-v2")
    return SentenceModel(sizes, {name: weights[name].float() for name in _needed(sizes.layers)}, tokenizer)


def _sizes(path: Path) -> tuple[Sizes, str]:
    """Sizes and architecture, of ``config.json``."""
    try:
        found: Any = json.loads((path / "config.json").read_text(encoding="utf-8"))
        keys = ("num_hidden_layers", "num_attention_heads", "hidden_size", "max_position_embeddings")
        layers, heads, width, places = (int(found[key]) for key in keys)
        return Sizes(layers, heads, width, places, float(found["layer_norm_eps"])), str(found["model_type"])
    except FileNotFoundError:
        raise FileError(f"{path}: holds no config.json; name the folder of a sentence model") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path}: config.json is damaged ({type(error).__name__}); install or copy it again") from error
