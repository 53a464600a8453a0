"""Real language models, read from packages that ship them, with winners in place of the softmax of their attention.

Needs the packages of the extra ``language`` and the package that carries the model; :func:`find_model` says how to get
it.
"""

from typing import TYPE_CHECKING

from .._lazy import attach

__all__ = ["LanguageModel", "Tokenizer", "find_model", "read_language_model"]

_HOME = {
    ".files": ("find_model",),
    ".llama": ("LanguageModel", "read_language_model"),
    ".tokens": ("Tokenizer",),
}

if TYPE_CHECKING:
    from .files import find_model
    from .llama import LanguageModel, read_language_model
    from .tokens import Tokenizer

__getattr__, __dir__ = attach(__name__, _HOME)
