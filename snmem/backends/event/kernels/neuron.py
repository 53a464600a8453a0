"""The step and the reset of a neuron, written once for all kernels, and upper bounds on what it does without input.

In vectors, written as LLVM code, the step stands a second time: :func:`...llvm.lif.lif`.
"""

from __future__ import annotations

import numpy as np

from ...._jit import inner

#: An input, or a bias, that is not there: x + -0.0 is x to the last bit, also where x is -0.0, and costs nothing.
NOTHING = -0.0


@inner
def lif_step(u, v, given, alpha, beta, bias):
    """u and v a step further, without reset, added up as in :func:`snmem.neurons.lif.step_lif`."""
    u = alpha * u + given
    return u, beta * v + u + bias


@inner
def loihi_step(u, v, given, alpha, beta, bias):
    """u and v a step further, without reset, as in :func:`snmem.neurons.loihi.step_loihi`; whole numbers in float64."""
    u = np.trunc(alpha * u) + 64.0 * given
    u = u - 16777216.0 if u > 8388608.0 else (u + 16777216.0 if u <= -8388608.0 else u)
    v = np.trunc(beta * v) + u + bias
    return u, min(max(v, -8388607.0), 8388607.0)


@inner
def reset(v, theta, v_reset, subtract):
    """v of a neuron that spikes, as in :func:`snmem.neurons.lif.reset`; on Loihi v_reset is 0."""
    return v - theta if subtract else v_reset


@inner
def may_spike(u, v, gain, drive, theta):
    """Whether a neuron may yet spike without input: an upper bound on every later v against theta.

    Also true where the bound is infinite or no number. Roundings of decaying subnormal numbers stay below 1e-300.
    """
    rise = gain * max(u, 0.0) + drive
    sure = rise <= 0.0  # v only decays from here: no rounding to allow for
    bound = max(v, 0.0) + rise + (0.0 if sure else 1e-9 * abs(v))
    limit = theta - (0.0 if sure else 1e-6 * abs(theta) + 1e-300)
    return not (bound <= limit) and theta < np.inf


@inner
def reach(u, v, gain, drive):
    """What no later v of a neuron without input exceeds; not <= 0.999 theta - 1e-300 if :func:`may_spike` is true."""
    return abs(v) + gain * abs(u) + drive
