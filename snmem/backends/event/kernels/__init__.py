"""The compiled loops of the event engine.

All state is float64; Loihi's integers stay below 2**53 and are therefore exact in it. No fast-math: every sum is
evaluated in the order of :mod:`snmem.neurons`, so results are bit-identical to the reference step.

Functions take groups of arrays (:mod:`..arrays`), which change hands for nothing: references to arrays are not counted
here (:func:`snmem._jit.inner`), and no memory is taken. Unsigned indices avoid numba's test for negative ones, so that
loops vectorise. ``SNMEM_DEBUG_KERNELS=1`` compiles everything with checks of array bounds, and with plain twins in the
place of LLVM code.
"""
