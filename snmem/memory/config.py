"""The parameters of a K-winner memory, shared by its algorithm level and its spiking level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from .._text import shown
from ..description import is_whole
from ..errors import InputError


@dataclass(frozen=True)
class KWinnerConfig:
    r"""Sizes and learning rate of a K-winner modern Hopfield network.

    Every hidden unit has ``fan_in`` synapses from visible units drawn at random, and return synapses to the same
    units. A presented pattern x in {0, 1}^visible with ``active`` ones makes the ``winners`` hidden units of largest
    drive win; their synapses, both ways, move towards x: :math:`\Delta w_{ji} = \text{rate}\,(x_i - w_{ji})`.

    Source: Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593.

    Parameters
    ----------
    visible
        Number of visible units.
    hidden
        Number of hidden units.
    fan_in
        Synapses from visible units to each hidden unit, at most ``visible``.
    winners
        Hidden units that win per presentation (k), at most ``hidden``.
    active
        Ones per stored pattern and per recalled pattern (s), at most ``visible``.
    rate
        Learning rate epsilon in (0, 1].
    tied
        Return weights are the transposed forward weights from the start; otherwise they start from a draw of their own
        (as in the paper) and become equal by learning.
    random_winners
        Control: winners of a *store* are random units; recall still takes the largest drives.
    bits
        Precision of the weights: they take 2**bits values from 0 to 1, and learning moves them to one of the two values
        beside the exact one, with probabilities that make it right on average. None: float64.

    Raises
    ------
    InputError
        For a size that is not a positive whole number, exceeds what it is drawn from, or a rate outside (0, 1].
    """

    visible: int = 1000
    hidden: int = 2000
    fan_in: int = 50
    winners: int = 50
    active: int = 100
    rate: float = 0.3
    tied: bool = False
    random_winners: bool = False
    bits: int | None = None

    def __post_init__(self) -> None:
        for name in ("visible", "hidden", "fan_in", "winners", "active"):
            value: Any = getattr(self, name)
            if not is_whole(value) or value < 1:
                raise InputError(f"KWinnerConfig.{name}: must be a whole number, at least 1, got {value!r}")
            object.__setattr__(self, name, int(value))
        for part, whole in (("fan_in", "visible"), ("winners", "hidden"), ("active", "visible")):
            value, limit = getattr(self, part), getattr(self, whole)
            if value > limit:
                remedy = f"lower {part} or raise {whole}"
                raise InputError(f"KWinnerConfig.{part}: must be at most {whole} = {limit}, got {value}; {remedy}")
        rate: Any = self.rate
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating)) or not 0.0 < rate <= 1.0:
            raise InputError(f"KWinnerConfig.rate: must lie in (0, 1], got {rate!r}; the paper uses 0.3")
        object.__setattr__(self, "rate", float(self.rate))
        for name in ("tied", "random_winners"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise InputError(f"KWinnerConfig.{name}: must be True or False, got {getattr(self, name)!r}")
            object.__setattr__(self, name, bool(getattr(self, name)))
        bits: Any = self.bits
        if bits is not None and not (is_whole(bits) and 1 <= bits <= 32):
            raise InputError(f"KWinnerConfig.bits: must be None or a whole number from 1 to 32, got {bits!r}")

    @classmethod
    def main(cls) -> KWinnerConfig:
        """Return the paper's K-winner network: 2000 hidden units of fan-in 50, k = 50, rate 0.3."""
        return cls()

    @classmethod
    def one_winner(cls) -> KWinnerConfig:
        """Return the paper's 1-winner network (a modern Hopfield network of fixed size): 100 slots, rate 1."""
        return cls(hidden=100, fan_in=1000, winners=1, rate=1.0)

    @classmethod
    def high_fan_in(cls) -> KWinnerConfig:
        """Return the paper's K-winner network of fan-in 100 (appendix A.2.5): 1000 hidden units, k = 50, rate 0.3."""
        return cls(hidden=1000, fan_in=100)

    def rows(self) -> list[tuple[str, str]]:
        """The sizes as names and texts, for what memories show of themselves."""
        hidden = f"{self.hidden:,} units, {self.fan_in:,} synapses each, {self.winners:,} win"
        return [("visible", f"{self.visible:,} units, {self.active:,} active"), ("hidden", hidden)]

    @classmethod
    def graded(cls) -> KWinnerConfig:
        """Return the paper's 1-winner network with graded learning (appendix A.2.6): 100 slots, rate 0.3."""
        return cls(hidden=100, fan_in=1000, winners=1, rate=0.3)

    # Of the parameters of ``Memory.for_patterns`` those that proportions follow from.
    @classmethod
    def for_patterns(
        cls, visible: int, active: int, *, bits: int | None = None, precision: int | None = None
    ) -> KWinnerConfig:
        """Return the proportions of :meth:`main` for patterns of another size.

        Two hidden units for each visible one and 50 winners, or as many units as ``bits`` hold and half as many winners
        as a pattern has ones; and a fan-in by which a pattern drives a unit through 5 synapses on average.

        Parameters
        ----------
        visible : int
            Size of a pattern.
        active : int
            Ones in a pattern.
        bits : int or None
            Most bits that forward and return weights take together.
        precision : int or None
            Bits of a weight; None: float64.

        Raises
        ------
        InputError
            If not even one hidden unit fits into ``bits``.
        """
        fan_in = min(visible, -(-5 * visible // max(active, 1)))
        hidden, unit = 2 * visible, 2 * fan_in * (precision or 64)
        if bits is not None:
            hidden = bits // unit
            if hidden < 1:
                raise InputError(f"for_patterns: bits = {bits}, one hidden unit takes {unit}; allow as many")
        winners = min(50, hidden)
        if bits is not None:  # each visible unit is reached by 2.5 winners on average, as in the main configuration
            winners = min(-(-active // 2), hidden)
        return cls(visible=visible, hidden=hidden, fan_in=fan_in, winners=winners, active=active, bits=precision)

    @property
    def levels(self) -> int:
        """Steps between the values that a weight may take, 2**bits - 1; 0 for float64."""
        return 2**self.bits - 1 if self.bits else 0

    @property
    def synapses(self) -> int:
        """Number of forward synapses; there are as many return synapses."""
        return self.hidden * self.fan_in

    @property
    def coverage(self) -> float:
        """Expected share of visible units connected to a winner, ``1 - (1 - fan_in/visible)**winners``."""
        return 1.0 - (1.0 - self.fan_in / self.visible) ** self.winners


def checked_config(config: KWinnerConfig | None) -> KWinnerConfig:
    """``config``, by default that of the smallest experiments; InputError for what is none."""
    if config is not None and not isinstance(cast(object, config), KWinnerConfig):
        raise InputError(f"memory: config must be a KWinnerConfig, got {shown(config)}")
    return KWinnerConfig() if config is None else config


def generator(seed: Any) -> np.random.Generator:
    """The generator of a seed, or the one that is given; InputError for what is neither."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise InputError(f"memory: seed must be a whole number >= 0 or a numpy Generator, got {shown(seed)}") from None
