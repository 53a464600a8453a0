"""verify on NIR files that use one feature of the definition each: every runtime agrees, or refuses it by name."""

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, read_nir, write_nir
from snmem.sources import Poisson, Regular, Scheduled
from snmem.verify import verify

STEPS = 30
PLAIN = LIF(alpha=0.5, beta=0.75)
NEURONS = {
    "refractory": LIF(alpha=0.5, beta=0.75, refractory=[0, 1, 3]),
    "freeze": LIF(alpha=0.5, beta=0.75, refractory=2, refractory_mode="freeze"),
    "reset_current": LIF(alpha=0.5, beta=0.75, reset_current=True),
    "adaptation": LIF(alpha=0.5, beta=0.75, kappa=0.5, rho=0.875),
    "second_current": LIF(alpha=0.5, beta=0.75, alpha2=0.25),
    "noise": LIF(alpha=0.5, beta=0.75, noise_sd=0.25, noise_seed=3),
    "initial_state": LIF(alpha=0.5, beta=0.75, u_init=0.5, v_init=[0.5, 0.0, -1.0]),
}
LINES = {
    "values": Input("x", 4, values=True),
    "poisson": Poisson("x", 4, rate=0.3, unit="step", seed=1),
    "regular": Regular("x", 4, period=[10, 5, 3, 2], unit="step"),
    "scheduled": Scheduled("x", 4, times=[0, 2, 3, 3, 9], lines=[0, 1, 2, 2, 3], value=[1.5, 1, 1, 2, 1]),
}


def network_with(feature: str) -> Network:
    """Lines, three neurons that use the feature, and one that they reach."""
    weights = np.array([[1, 0.5, 0, 0.25], [0.5, 1, 0.75, 0], [0, 0.25, 1, 0.5]])
    delays = np.where(weights, [[1, 2, 1, 4], [3, 1, 2, 1], [1, 5, 1, 2]], 0)
    neurons = Population("h", 3, NEURONS.get(feature, PLAIN))
    first = Projection("x", "h", weights, delays if feature == "synapse_delays" else 1)
    projections = [first, Projection("h", "out", [[1.0, 0.5, 0.75]])]
    if feature in ("second_current", "receptor"):
        receptor = "u2" if feature == "second_current" else "v"
        projections.append(Projection("x", "h", weights[:, ::-1], 2, name="more", receptor=receptor))
    if feature == "potentials":  # a NIR node sends spikes or v
        neurons = Population("h", 3, LIF(alpha=0.5, beta=0.75, theta=np.inf))
        projections[1] = Projection("h", "out", [[0.5, 0.25, 0.5]], 2, name="more", signal="v")
    populations = (LINES.get(feature, Input("x", 4)), neurons, Population("out", 1, LIF(theta=0.5)))
    return Network(populations, tuple(projections), outputs=("out",))


@pytest.mark.parametrize("feature", [*NEURONS, *LINES, "synapse_delays", "receptor", "potentials"])
def test_every_runtime_agrees_or_refuses_by_name(tmp_path, feature):
    network = network_with(feature)
    write_nir(network, tmp_path / "net.nir")
    assert read_nir(tmp_path / "net.nir") == network
    rng = np.random.default_rng(2)
    values = {"x": rng.integers(-2, 5, (STEPS, 4)) / 2} if feature == "values" else None
    result = verify(tmp_path / "net.nir", values, STEPS, rate=0.4)
    found = result["backends"]
    assert result["agree"], result["evidence"]
    assert {name for name, run in found.items() if run["status"] == "ran"} >= {"event", "brian2", "snntorch"}
    for name, run in found.items():
        assert run["status"] in ("ran", "refused", "not run"), (name, run["reason"])
        if run["status"] == "refused":
            assert any(f"'{item}'" in run["reason"] for item in ("x", "h", "more", "x->h")), run["reason"]
