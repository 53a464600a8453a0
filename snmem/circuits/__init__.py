"""Circuits of LIF neurons: functions that add populations and projections to a network."""

from .kwta import Circuit, Line, Race, Strategy, SuccessiveApproximation, kwta_strategy

__all__ = ["Circuit", "Line", "Race", "Strategy", "SuccessiveApproximation", "kwta_strategy"]
