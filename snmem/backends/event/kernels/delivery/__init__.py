"""Delivering spikes to their targets: one file for each form in which synapses, cells and spikes are kept."""
