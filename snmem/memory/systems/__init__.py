"""Associative memories of the literature on one interface, one file each; see :mod:`snmem.memory.base`."""
