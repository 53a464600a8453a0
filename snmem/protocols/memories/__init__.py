"""The benchmark of associative memories: every memory of the registry at equal bits, under equal conditions.

:mod:`~snmem.protocols.memories.parts` measures one memory under one condition, as runs of a sweep;
:mod:`~snmem.protocols.memories.bench` carries out the sweeps and writes the results file, whose format is described
there; :mod:`~snmem.protocols.memories.page` makes plots and a page of it.
"""
