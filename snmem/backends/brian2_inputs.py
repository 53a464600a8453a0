"""Importing Brian2, and its folder for compiled code; inputs whose spikes carry values: lines with a variable x."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BackendError, MissingDependencyError
from .base import Job

#: Duration of a step; a power of two, so that Brian2's clock stays exact.
DT = 2.0**-10
#: Lines x steps of the values of an input, at most: they are handed over as one array.
LIMIT = 2**27


def import_brian2() -> Any:
    """Brian2 without its replacement of ``sys.excepthook`` and without its messages.

    Where Ctrl-C is ignored, as in a job in the background, it stays so; Brian2's handler would fail there.
    """
    hook, ctrl_c = sys.excepthook, signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Brian2 2.9 calls old names of pyparsing
            import brian2
    except ImportError:
        raise MissingDependencyError("backend 'brian2': the package is absent; pip install 'snmem[brian2]'") from None
    finally:
        sys.excepthook = hook
        if isinstance(ctrl_c, signal.Handlers):
            signal.signal(signal.SIGINT, ctrl_c)
    return brian2


def code_cache(given: str | None, folder: str) -> Path:
    """The folder in which compiled code is kept for later runs; ``folder`` where the user has no home to write to.

    Parameters
    ----------
    given : str or None
        What Brian2's settings say, which goes first.
    folder : str
        A folder of this run alone.
    """
    if given:
        return Path(given)
    with suppress(RuntimeError):  # a user without a home
        home = Path.home()
        if os.access(home, os.W_OK):
            return home / ".cython" / "brian_extensions"
    return Path(folder)


class Frames:
    """Makes the groups of the inputs with values of a job.

    Parameters
    ----------
    job : Job
        Its inputs.
    b2 : module
        Brian2.
    clock : object
        Brian2's clock, with steps of DT seconds.
    """

    def __init__(self, job: Job, b2: Any, clock: Any) -> None:
        self.inputs, self.b2, self.clock = job.inputs, b2, clock

    def graded(self, name: str) -> bool:
        """Whether ``name`` is an input whose spikes carry values."""
        return name in self.inputs and self.inputs[name].value is not None

    def group(self, p: Any, name: str, extra: str = "", events: Mapping[str, str] | None = None, late: int = 0) -> Any:
        """Lines whose x is the value of their event, ``late`` steps later; they spike where it is not 0.

        Raises
        ------
        BackendError
            Where lines x steps are over the limit.
        """
        s, b2 = self.inputs[p.name], self.b2
        if s.steps * s.size > LIMIT:
            raise BackendError(
                f"input {p.name!r} carries values for {s.steps * s.size:,} lines x steps, the limit is {LIMIT:,}; use "
                "backend 'event', or run in pieces"
            )
        values = np.concatenate([np.zeros((late, s.size)), s.frames()])[: s.steps]
        played = b2.TimedArray(values, dt=DT * b2.second, name=f"{name}_frames")
        return b2.NeuronGroup(
            p.size, "x : 1\n" + extra, threshold="x != 0", reset="", events=dict(events or {}),
            namespace={played.name: played}, clock=self.clock, name=name,
        )  # fmt: skip

    @staticmethod
    def play(group: Any, code: Callable[[Any, str], None], follow: Callable[[Any], None]) -> None:
        """Schedule, next in the step, that x is set and the lines spike."""
        code(group, f"x = {group.name}_frames(t, i)")
        follow(group.thresholder["spike"])
