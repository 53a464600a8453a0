"""What the compiled loops need and numba does not offer, written as LLVM code.

Each function has a twin in plain Python that says what it computes: its name, arguments and result to type checkers,
the other side of its property test, and what runs in its place under ``SNMEM_DEBUG_KERNELS=1``.
"""
