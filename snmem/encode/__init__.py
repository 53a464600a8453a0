"""Real data to sparse binary patterns and back: images, vectors, lines of text.

Every encoder is ``fit`` to some data of its kind, then ``encode(items)`` gives booleans (n, size) with exactly
``active`` ones in each row, and ``decode(patterns)`` gives items back. Patterns of different items should overlap
little: a K-winner memory fails on patterns that are much alike (Bhandarkar & McClelland 2025, arXiv 2511.04593).
"""

from .base import ENCODERS, Encoder, k_hot
from .images import ImageEncoder, load_digits
from .recommended import KINDS, default_encoder, recommended_config
from .text import TextEncoder, load_text, load_verses, replace_characters
from .vectors import VectorEncoder, load_vectors

__all__ = [
    "ENCODERS",
    "KINDS",
    "Encoder",
    "ImageEncoder",
    "TextEncoder",
    "VectorEncoder",
    "default_encoder",
    "k_hot",
    "load_digits",
    "load_text",
    "load_vectors",
    "load_verses",
    "recommended_config",
    "replace_characters",
]
