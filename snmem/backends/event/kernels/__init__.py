"""The compiled loops of the event engine.

All state is float64; Loihi's integers stay below 2**53 and are therefore exact in it. No fast-math: every sum is
evaluated in the order of :mod:`snmem.neurons`, so results are bit-identical to the reference step.

Functions take groups of arrays (:mod:`..arrays`) and take arrays out of a group once, before a loop: numba counts
references wherever an array changes hands. Where there is no counter (:func:`..llvm.memory.borrowed`) this is a test of
a pointer, which in a loop over synapses would still be felt. Unsigned indices avoid numba's test for negative ones, so
that loops vectorise. ``SNMEM_DEBUG_KERNELS=1`` compiles everything with checks of array bounds, and with plain twins in
the place of LLVM code.
"""
