"""Which encoder and which memory go together, by kind of data."""

from __future__ import annotations

from typing import Any

from ..memory.config import KWinnerConfig
from .base import ENCODERS, Encoder

#: Kinds of data that the library itself encodes.
KINDS = tuple(ENCODERS)


def default_encoder(kind: str, items: Any, config: KWinnerConfig | None = None) -> Encoder:
    """Return the encoder recommended for data of a kind, fitted to ``items``, in the sizes of ``config``.

    Parameters
    ----------
    kind
        "images", "text", "vectors", or another name in ``ENCODERS``.
    items
        Data to fit to. Images and vectors give their mean and covariance, so other data of the same kind than those to
        be stored serve as well; text gives the lines that ``decode`` chooses from.
    config
        The memory that will store the patterns; by default :func:`recommended_config`.
    """
    encoder, config = ENCODERS[kind], config or recommended_config(kind)
    return encoder(config.visible, config.active).fit(items)


def recommended_config(kind: str) -> KWinnerConfig:
    """Return the memory recommended for a kind of data: the paper's main configuration, for all three.

    Why. With patterns from these encoders it identifies 98 to 100 % of the newest 50 of 300 stored items from half of
    their ones, for digits and for random or clustered vectors, and at least 98 % of the newest 50 of 200 lines of verse
    with a fifth of their letters wrong. Stored without burn-in: the first items take unused units, which costs the
    newest nothing. Twice the fan-in recovers more bits of the newest items (0.8 against 0.7 from half cues) but
    identifies no more of them, at twice the synapses.
    """
    _ = ENCODERS[kind]  # InputError for an unknown one
    return KWinnerConfig.main()
