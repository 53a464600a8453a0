"""Values of a wrong kind, handed to the functions that users call first: one line that names them, no raw exception."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from snmem import (
    LIF,
    Input,
    KWinnerConfig,
    KWinnerMemory,
    Network,
    Population,
    Projection,
    Spikes,
    SpikingKWinnerMemory,
    quantize,
    read_nir,
    simulate,
    simulate_batch,
    write_nir,
)
from snmem.cost import measure
from snmem.errors import SnmemError
from snmem.lava.compiler.compile import compile
from snmem.sweep import sweep
from snmem.verify import verify

NET = Network((Input("in", 3), Population("h", 4, LIF())), (Projection("in", "h", np.ones((4, 3))),))
CONFIG = KWinnerConfig(visible=20, hidden=24, fan_in=6, winners=3, active=4, rate=0.5)
WRONG = {
    "number": -1.5,
    "nan": float("nan"),
    "set": {1, 2},
    "object array": np.array([object()]),
    "masked": np.ma.masked_array([1.0], [True]),
    "lines": type("Lines", (), {"__repr__": lambda self: "a\nb\x1b[31m" * 1000})(),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "population: name": lambda x: Population(x, 3, LIF()),
    "population: size": lambda x: Population("a", x, LIF()),
    "population: neuron": lambda x: Population("a", 3, x),
    "projection: pre": lambda x: Projection(x, "b", np.ones((1, 1))),
    "projection: delay": lambda x: Projection("a", "b", np.ones((1, 1)), delay=x),
    "network": Network,
    "network: with_weights": NET.with_weights,
    "simulate: network": lambda x: simulate(x, {}, 3),
    "simulate: inputs": lambda x: simulate(NET, {"in": x}, 3),
    "simulate: steps": lambda x: simulate(NET, {}, x),
    "simulate: backend": lambda x: simulate(NET, {}, 3, x),
    "simulate: record": lambda x: simulate(NET, {}, 3, record=x),
    "simulate: one record": lambda x: simulate(NET, {}, 3, record=[x]),
    "simulate: state": lambda x: simulate(NET, {}, 3, state=x),
    "simulate: threads": lambda x: simulate(NET, {}, 3, threads=x),
    "simulate_batch": lambda x: simulate_batch(NET, x, 3),
    "spikes: differing": lambda x: Spikes.from_raster(np.eye(3)).differing(x),
    "quantize": quantize,
    "read_nir": read_nir,
    "read_nir: dt": lambda x: read_nir("none.nir", dt=x),
    "write_nir: network": lambda x: write_nir(x, "none.nir"),
    "write_nir: path": lambda x: write_nir(NET, x),
    "compile: folder": lambda x: compile(NET, x, steps=3, lava=False),
    "measure: inputs": lambda x: measure(NET, x, 3, "generic"),
    "verify: backends": lambda x: verify(NET, steps=3, backends=x),
    "memory: config": lambda x: KWinnerMemory(x),
    "memory: seed": lambda x: KWinnerMemory(CONFIG, x),
    "memory: store": lambda x: KWinnerMemory(CONFIG, 0).store(x),
    "memory: lesioned": lambda x: KWinnerMemory(CONFIG, 0).lesioned(x),
    "memory: save": lambda x: KWinnerMemory(CONFIG, 0).save(x),
    "memory: load": KWinnerMemory.load,
    "spiking memory: config": lambda x: SpikingKWinnerMemory(x),
    "spiking memory: seed": lambda x: SpikingKWinnerMemory(CONFIG, x),
    "sweep: grid": lambda x: sweep("kwinner-map", x, 1, "none"),
}


@pytest.mark.parametrize("call", CALLS)
def test_values_of_a_wrong_kind_end_in_one_line(call: str) -> None:
    for name, value in WRONG.items():
        with pytest.raises(SnmemError) as caught:
            CALLS[call](value)
        message = str(caught.value)
        assert message.isprintable(), name
        assert 10 < len(message) < 600, name


def test_sizes_and_places_beyond_all_limits_are_refused() -> None:
    for size in (10**400, 2**31, (2**20, 2**20), True):
        with pytest.raises(SnmemError, match="population 'a'"):
            Population("a", size, LIF())
    for place in ("a\0b", "/tmp/" + "a" * 300, __file__):
        with pytest.raises(SnmemError, match=r"compile: .* cannot be a folder"):
            compile(NET, place, steps=3, lava=False)
