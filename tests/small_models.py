"""A language model of random weights, small enough for any test."""

import numpy as np
import torch

from snmem.language import HeadCodes, LanguageModel, Tokenizer
from snmem.language.llama import Shape
from snmem.language.sentences import SentenceModel, Sizes
from snmem.language.wordpiece import WordPiece

ALPHABET = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
PLACES = {"word": 6, "position": 16, "token_type": 2}
SHAPE = Shape(layers=2, heads=4, key_heads=2, size=8, width=32, window=64, base=1e4, epsilon=1e-5)


def small_language_model() -> LanguageModel:
    """Two layers of four heads, 50 tokens."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"attn_q": (32, 32), "attn_k": (16, 32), "attn_v": (16, 32), "attn_output": (32, 32)}
    sizes |= {"ffn_gate": (48, 32), "ffn_up": (48, 32), "ffn_down": (32, 48)}
    weights = {"token_embd.weight": torch.randn(50, 32, generator=generator), "output_norm.weight": torch.ones(32)}
    for layer in range(SHAPE.layers):
        for name, size in sizes.items():
            weights[f"blk.{layer}.{name}.weight"] = torch.randn(size, generator=generator) / 3
        for name in ("attn_norm", "ffn_norm"):
            weights[f"blk.{layer}.{name}.weight"] = torch.ones(32)
    return LanguageModel(SHAPE, weights, Tokenizer(ALPHABET, []))


def small_head(seed: int = 0, keys: int = 20, size: int = 6, bits: int = 4, queries: int = 3) -> HeadCodes:
    """Random codes of a head whose queries see ever more of its keys."""
    rng = np.random.default_rng(seed)
    most = 2 ** (bits - 1) - 1
    codes = [rng.integers(-most, most + 1, (n, size)) for n in (queries, keys)]
    seen = np.arange(keys - queries + 1, keys + 1)
    return HeadCodes(*codes, rng.integers(-127, 128, (keys, size)), seen, 0.5 / most, 0.01, bits)


def small_sentence_model() -> SentenceModel:
    """Two layers of two heads, words a, b and c, 16 places."""
    generator = torch.Generator().manual_seed(0)

    def weight(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) / 2

    weights = {f"embeddings.{name}_embeddings.weight": weight(n, 8) for name, n in PLACES.items()}
    sizes = {f"attention.self.{part}": (8, 8) for part in ("query", "key", "value")}
    sizes |= {"attention.output.dense": (8, 8), "intermediate.dense": (12, 8), "output.dense": (8, 12)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(2):
        names = {f"encoder.layer.{layer}.{name}": size for name, size in sizes.items()}
        weights |= {f"{name}.weight": weight(*size) for name, size in names.items()}
        weights |= {f"{name}.bias": weight(size[0]) for name, size in names.items()}
        norms += [f"encoder.layer.{layer}.{part}.LayerNorm" for part in ("attention.output", "output")]
    weights |= {
        f"{name}.{part}": value
        for name in norms
        for part, value in (("weight", torch.ones(8)), ("bias", torch.zeros(8)))
    }
    return SentenceModel(Sizes(2, 2, 8, 16, 1e-12), weights, WordPiece(["[CLS]", "[SEP]", "[UNK]", "a", "b", "c"]))
