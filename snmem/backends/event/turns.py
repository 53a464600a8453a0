"""Whether several threads run together or the first alone: what was faster when it was last tried."""

from __future__ import annotations

import numpy as np

#: Seconds of compiled work between two looks at Ctrl-C and progress.
SLICE_S = 0.2


class Turns:
    """Whether to run on all threads, by the time that a step took on all and on one when that was last tried.

    Begins with one. The other way is tried for a short time, again and again; a trial that cost time is repeated after
    a multiple of what it cost, and after twice as large a one if it costs time again.
    """

    #: Seconds of a trial, until the first one, until the next one at least and at most, and while running on all.
    TRIAL, FIRST, PAUSE, PAUSE_MOST, CHECK = 0.005, 0.02, 0.2, 20.0, 2.0
    #: Part of the time on one thread that all must not exceed; what a trial lost is to be spent so often before the
    #: next, at first.
    GAIN, TIMES = 0.95, 30

    def __init__(self) -> None:
        self.together, self.pace, self.seconds = False, {False: np.inf, True: np.inf}, self.TRIAL
        self.times = self.TIMES
        self.trial: float | None = None  # when to try the other way; None before the first slice

    def choose(self, now: float) -> tuple[bool, float]:
        """Whether to run on all threads, and the seconds for which to do so."""
        if self.trial is None:
            self.trial = now + self.FIRST
        if now >= self.trial:
            return not self.together, self.TRIAL
        return self.together, min(self.seconds, self.trial - now) if self.together else self.trial - now

    def note(self, together: bool, began: float, ended: float, steps: int) -> None:
        """Learn from a slice; ``steps`` is 0 where not all threads started."""
        seconds, other = ended - began, self.pace[not together]
        pace = self.pace[together] = seconds / steps if steps else np.inf
        if together == self.together:
            self.seconds *= 2  # longer pieces while it goes well
            turn = together and pace > other
            if together and self.seconds > SLICE_S:
                self.times = self.TIMES
        else:
            turn = pace <= (self.GAIN * other if together else other)
        if turn:
            self.together, self.seconds = not self.together, self.TRIAL
        if together and not self.together:  # all threads were slower
            lost = seconds - (steps and steps * other)
            self.trial = ended + max(self.PAUSE, min(self.times * lost, self.PAUSE_MOST))
            self.times *= 2
        elif turn or together != self.together:
            self.trial = ended + (self.CHECK if self.together else self.PAUSE)
