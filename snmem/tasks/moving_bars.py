"""Moving bars in one dimension: events of a bar that goes round a ring of pixels, among missing and spurious events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True, eq=False)
class Films:
    """Films and what they show.

    Attributes
    ----------
    events : bool (films, steps, pixels)
        1 where a pixel spikes.
    label : int (films,)
        Index of the velocity.
    place : int (films, steps)
        Pixel of the bar.
    """

    events: NDArray[np.bool_]
    label: NDArray[np.int64]
    place: NDArray[np.int64]


@dataclass(frozen=True)
class MovingBars:
    """Bars of one pixel that move by ``velocity`` pixels a step and pass the middle pixel at a random time.

    In one dimension the task of Grimaldi & Perrinet 2023, "Learning heterogeneous delays in a layer of spiking neurons
    for fast motion detection", doi 10.1007/s00422-023-00975-8 (there: 12 directions and 3 speeds of textures in films).

    Parameters
    ----------
    pixels, steps : int
        Size of the ring, and length of a film.
    velocities : tuple of int
        Pixels a step, to choose from.
    delays : int
        Steps before the passage that a film holds at least.
    missing, noise : float
        Probability that an event of the bar is missing, and that a pixel spikes without it, per step.

    Raises
    ------
    InputError
        For sizes below 2, fewer than 2 velocities, probabilities outside [0, 1], and more delays than steps.
    """

    pixels: int = 64
    steps: int = 64
    velocities: tuple[int, ...] = (-3, -2, -1, 1, 2, 3)
    delays: int = 15
    missing: float = 0.1
    noise: float = 0.02

    def __post_init__(self) -> None:
        if min(self.pixels, self.steps) < 2 or len(self.velocities) < 2 or not 1 <= self.delays <= self.steps:
            sizes = (
                f"{self.pixels} pixels, {self.steps} steps, {self.delays} delays and {len(self.velocities)} velocities"
            )
            raise InputError(f"MovingBars: {sizes}; needs 2 or more of each, and no more delays than steps")
        if not (0 <= self.missing <= 1 and 0 <= self.noise <= 1):
            raise InputError(f"MovingBars: missing {self.missing} and noise {self.noise} must lie in [0, 1]")

    @property
    def middle(self) -> int:
        """The pixel that every bar passes."""
        return self.pixels // 2

    def sample(self, films: int, seed: int | np.random.Generator) -> Films:
        """Films of random velocity and time of passage."""
        rng = np.random.default_rng(seed)
        label = rng.integers(0, len(self.velocities), films)
        passage = rng.integers(self.delays - 1, self.steps, films)
        velocity = np.array(self.velocities)[label]
        place = (self.middle + velocity[:, None] * (np.arange(self.steps) - passage[:, None])) % self.pixels
        events = rng.random((films, self.steps, self.pixels)) < self.noise
        shown = rng.random(place.shape) >= self.missing
        film, step = np.nonzero(shown)
        events[film, step, place[film, step]] = True
        return Films(events, label, place)

    def windows(self, films: Films, film: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The latest events before and in a step of a film, the newest first, bool (windows, delays, pixels)."""
        age = step[:, None] - np.arange(self.delays)
        seen = films.events[film[:, None], np.maximum(age, 0)]
        return seen & (age >= 0)[..., None]
