"""Populations whose neurons do more than the plain LIF neuron."""
