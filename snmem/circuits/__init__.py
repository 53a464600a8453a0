"""Circuits of LIF neurons: functions that add populations and projections to a network."""

from .kwta import Circuit, Race, SuccessiveApproximation, kwta_strategy

__all__ = ["Circuit", "Race", "SuccessiveApproximation", "kwta_strategy"]
