"""Loihi's arithmetic: quantisation, limits, emulation."""
