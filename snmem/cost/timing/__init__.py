"""Time of a step: busy cores, and packets on the mesh between them."""
