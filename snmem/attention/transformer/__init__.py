"""The MHN-transformers: training on vectors, and the trained network in spikes."""
