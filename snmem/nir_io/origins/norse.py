"""Norse: forward Euler with dt = 1e-3 s, r = 1; LIFCell is a CubaLIF whose spikes add W to the current.

Norse 1.1 writes time constants times dt (tau of 10 ms as 1e-5), later versions write seconds: which of the two, the
size of the time constants says. v starts at v_leak. Norse 1.1 does not write the reset potential.
"""

from __future__ import annotations

from collections.abc import Iterable

from .base import ORIGINS, Origin, Sign, Traits

#: Time constants below this are no seconds: no membrane forgets within a tenth of a millisecond.
_SHORT = 1e-4
_DT = 1e-3


class Norse(Origin):
    """LIFCell, LIFBoxCell, LIBoxCell and IAFCell."""

    versions = "Norse 1.1.0, nirtorch 2.6"
    options = {"spike": "current", "start": "v_leak"}  # noqa: RUF012
    lost = ("v_reset: neurons are read with 0, the default of Norse",)

    def signs(self, traits: Traits) -> Iterable[Sign]:
        """r = w_in = 1 in float32, and time constants of less than a second."""
        fits = traits.single() and traits.all_neurons(lambda n: n.is_constant("r", 1))
        taus = traits.taus()
        if not fits or not traits.types() <= {"LIF", "CubaLIF", "LI", "CubaLI", "IF"} or (taus >= 1).any():
            return
        if any(str(kind) != "float32" for n in traits.neurons for kind in n.dtypes):
            return
        if len(taus) and (taus < _SHORT).all():
            yield Sign(3, "r = 1, and time constants of seconds times dt = 1e-3")
        elif len(taus):
            yield Sign(2, "r = 1, and time constants in seconds")
        elif any(n.values["v_threshold"].min() != n.values["v_threshold"].max() for n in traits.neurons):
            yield Sign(3, "IF with r = 1 and thresholds that differ by neuron")
        inputs = [node for node in traits.graph.nodes.values() if node.type == "Input"]
        if any((node.declaration("shape") or ())[:1] == (1,) for node in inputs):
            yield Sign(1, "an Input with a batch axis")

    def time_step(self, traits: Traits) -> float:
        """1e-6 where time constants are multiplied by dt, else 1e-3."""
        taus = traits.taus()
        return _DT * _DT if len(taus) and (taus < _SHORT).all() else _DT


ORIGINS.add("norse 1", Norse())
