"""Attention whose context lives in fast weights: the MHN-transformers, and attention by spikes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "AttentionConfig": "config",
    "AttentionNetwork": "network",
    "CaseSequenceTask": "case_sequence",
    "FastWeightAttention": "fast_weights",
    "MODELS": "transformers",
    "Sequences": "case_sequence",
    "SlowWeights": "network",
    "SpikingAttention": "module",
    "SpikingTransformer": "spiking",
    "Training": "transformers",
    "TransformerConfig": "transformers",
    "spiking_transformer": "spiking",
    "train": "transformers",
}
__all__ = [
    "MODELS",
    "AttentionConfig",
    "AttentionNetwork",
    "CaseSequenceTask",
    "FastWeightAttention",
    "Sequences",
    "SlowWeights",
    "SpikingAttention",
    "SpikingTransformer",
    "Training",
    "TransformerConfig",
    "spiking_transformer",
    "train",
]

if TYPE_CHECKING:
    from .case_sequence import CaseSequenceTask, Sequences
    from .config import AttentionConfig
    from .fast_weights import FastWeightAttention
    from .module import SpikingAttention
    from .network import AttentionNetwork, SlowWeights
    from .spiking import SpikingTransformer, spiking_transformer
    from .transformers import MODELS, Training, TransformerConfig, train


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'snmem.attention' has no attribute {name!r}")
