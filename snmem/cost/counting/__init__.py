"""Counts of a run: what every core reads, updates, changes and sends."""
