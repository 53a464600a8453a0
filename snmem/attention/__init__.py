"""Attention whose context lives in fast weights: the MHN-transformers, and attention by spikes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "CaseSequenceTask": "case_sequence",
    "Sequences": "case_sequence",
    "MODELS": "transformers",
    "Training": "transformers",
    "TransformerConfig": "transformers",
    "train": "transformers",
}
__all__ = ["MODELS", "CaseSequenceTask", "Sequences", "Training", "TransformerConfig", "train"]

if TYPE_CHECKING:
    from .case_sequence import CaseSequenceTask, Sequences
    from .transformers import MODELS, Training, TransformerConfig, train


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'snmem.attention' has no attribute {name!r}")
