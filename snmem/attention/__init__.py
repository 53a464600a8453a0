"""Attention whose context lives in fast weights: the MHN-transformers, and attention by spikes."""

from typing import TYPE_CHECKING

from .._lazy import attach

__all__ = [
    "MODELS",
    "AttentionConfig",
    "AttentionNetwork",
    "CaseSequenceTask",
    "ConditionedWeights",
    "FastWeightAttention",
    "InductionHead",
    "InductionNetwork",
    "ProductKeyNetwork",
    "ProductKeys",
    "Sequences",
    "SlowWeights",
    "SoftmaxAttention",
    "SpikingAttention",
    "SpikingTransformer",
    "Training",
    "TransformerConfig",
    "spiking_transformer",
    "train",
]

_HOME = {
    "..tasks.case_sequence": (
        "CaseSequenceTask",
        "Sequences",
    ),
    ".conditioning": ("ConditionedWeights",),
    ".config": ("AttentionConfig",),
    ".fast_weights": ("FastWeightAttention",),
    ".induction": (
        "InductionHead",
        "InductionNetwork",
    ),
    ".module": (
        "SoftmaxAttention",
        "SpikingAttention",
    ),
    ".network": (
        "AttentionNetwork",
        "SlowWeights",
    ),
    ".product_keys": (
        "ProductKeyNetwork",
        "ProductKeys",
    ),
    ".transformer.models": (
        "MODELS",
        "Training",
        "TransformerConfig",
        "train",
    ),
    ".transformer.spiking": (
        "SpikingTransformer",
        "spiking_transformer",
    ),
}

if TYPE_CHECKING:
    from ..tasks.case_sequence import CaseSequenceTask, Sequences
    from .conditioning import ConditionedWeights
    from .config import AttentionConfig
    from .fast_weights import FastWeightAttention
    from .induction import InductionHead, InductionNetwork
    from .module import SoftmaxAttention, SpikingAttention
    from .network import AttentionNetwork, SlowWeights
    from .product_keys import ProductKeyNetwork, ProductKeys
    from .transformer.models import MODELS, Training, TransformerConfig, train
    from .transformer.spiking import SpikingTransformer, spiking_transformer

__getattr__, __dir__ = attach(__name__, _HOME)
