"""One file per backend: a function from Job to Recording (see snmem.simulation)."""
