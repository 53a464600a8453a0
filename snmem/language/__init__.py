"""Real language models, read from packages that ship them, with winners in place of softmax; sentences.

Needs the packages of the extra ``language`` and the package that carries the model; :func:`find_model` says how to get
it.
"""

from typing import TYPE_CHECKING

from .._lazy import attach

__all__ = [
    "Grades",
    "HeadCodes",
    "LanguageModel",
    "MeaningEncoder",
    "SentenceModel",
    "SpikingHead",
    "Tokenizer",
    "find_model",
    "read_language_model",
    "read_sentence_model",
]

_HOME = {
    ".files": ("find_model",),
    ".head": ("Grades", "HeadCodes"),
    ".llama": ("LanguageModel", "read_language_model"),
    ".meaning": ("MeaningEncoder",),
    ".sentences": ("SentenceModel", "read_sentence_model"),
    ".spiking_head": ("SpikingHead",),
    ".tokens": ("Tokenizer",),
}

if TYPE_CHECKING:
    from .files import find_model
    from .head import Grades, HeadCodes
    from .llama import LanguageModel, read_language_model
    from .meaning import MeaningEncoder
    from .sentences import SentenceModel, read_sentence_model
    from .spiking_head import SpikingHead
    from .tokens import Tokenizer

__getattr__, __dir__ = attach(__name__, _HOME)
