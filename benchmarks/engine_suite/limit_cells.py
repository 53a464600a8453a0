"""The limit for case (c): a program that does nothing but step neurons, and one that only visits those with input."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

from snmem.backends.event.arrays import zeros

from .limit_planes import seconds_of

#: The program, and what it must be compiled with: products and sums that are rounded one by one.
SOURCE = "cells.c", "-ffp-contract=off"
#: Steps that a neuron takes between two inputs, about; events that are asked for ahead.
STEPS, AHEAD = 100, (16, 32, 64, 128)
#: A multiple of the neurons that the C program steps at a time, with either width of registers.
TOGETHER = 48


def measure(library: Path, neurons: int, repeats: int) -> dict[str, float]:
    """Nanoseconds: ``step_ns`` for a step of a neuron, ``visit_ns`` for an event at one of ``neurons`` places.

    A run that gives the bits of stepping takes at least ``step_ns`` for each neuron and step and ``visit_ns`` for each
    event, on one thread.
    """
    code, double, whole = ctypes.CDLL(str(library)), ctypes.c_double, ctypes.c_int64
    some = 100 * TOGETHER
    u, v, cells = zeros(some), zeros(some), zeros(4 * neurons)
    order = np.random.default_rng(0).integers(neurons, size=neurons, dtype=np.uint32)

    def pointer(array: Any) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    def step() -> None:
        u[:], v[:] = 1.0, 1.0
        code.step(pointer(u), pointer(v), whole(some), whole(STEPS), double(0.5), double(0.875))

    def visit(ahead: int) -> None:
        code.visit(pointer(cells), pointer(order), whole(neurons), whole(ahead))

    visits = [seconds_of(repeats, visit, ahead) for ahead in AHEAD]
    return {"step_ns": 1e9 * seconds_of(20 * repeats, step) / (some * STEPS), "visit_ns": 1e9 * min(visits) / neurons}
