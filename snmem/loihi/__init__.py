"""Loihi's fixed-point arithmetic, its learning rules and its learning engine."""

from .._moved import moved_names

__getattr__ = moved_names(__name__)
