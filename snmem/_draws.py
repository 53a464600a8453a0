"""Random numbers that are a hash of what they are for."""

import numpy as np

from ._hash import mix
from ._jit import kernel


@kernel
def draw_rates(key, p, first, out):
    """Draw a block of steps: ``out[t, i]`` is True with probability ``p[t, i]``, or ``p[0, i]`` in every step."""
    for i in range(out.shape[1]):
        line = mix(key, i)
        for t in range(out.shape[0]):
            uniform = np.float64(mix(line, first + t) >> np.uint64(11)) * 2.0**-53
            out[t, i] = uniform < p[min(t, p.shape[0] - 1), i]
