"""The adaptive LIF neuron on the event engine: its step for one neuron, in the order of the class's own."""

from adaptive_lif import AdaptiveLIF

from snmem.backends.event import EVENT, CompiledNeuron


def step(v, a, current, beta, theta, rho, kappa):
    """One step; see the class."""
    v = beta * v + current
    s = v > theta + a
    a = rho * a + kappa * s
    return 0.0 if s else v, a, s


EVENT.implements(AdaptiveLIF)(CompiledNeuron(step, parameters=("beta", "theta", "rho", "kappa")))
