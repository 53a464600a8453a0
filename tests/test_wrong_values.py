"""Every argument of what describes a network and its inputs, given values of a wrong kind: one line each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from snmem import LIF, Convolution, Input, Instar, Network, Population, Projection, Record, Spikes, simulate, stimuli
from snmem.errors import SnmemError
from snmem.event_data import from_events, from_frames
from snmem.plasticity import PairSTDP, RewardSTDP, SumOfProducts
from snmem.recording.choice import as_plan
from snmem.sources import Poisson, Regular, Scheduled
from snmem.topology import (
    Lognormal,
    Normal,
    Uniform,
    all_to_all,
    distance_dependent,
    fixed_in_degree,
    fixed_out_degree,
    fixed_probability,
    fixed_total_number,
    one_to_one,
)

A, B, C = Input("a", 4), Population("b", 3, LIF()), Population("c", (2, 2), LIF())
NET = Network((Input("a", 4, values=True), B), (Projection("a", "b", np.ones((3, 4)), plasticity=PairSTDP()),))
EVENTS = {"x": [0, 1], "y": [0, 1], "p": [0, 1], "t": [0, 5]}
#: No argument takes one of these, but where ``TAKEN`` says so.
WRONG: dict[str, Any] = {
    "nan": float("nan"),
    "negative": -1.5,
    "set": {1},
    "object": object(),
    "text": "x",
    "ragged": [[1], [2, 3]],
    "complex": np.array([1j, 2]),
    "date": np.array(["2020-01-01"], "M8[D]"),
    "masked": np.ma.masked_array([1.0, 2.0], [True, False]),
    "NaN in a vector": np.array([1.0, np.nan, 2.0]),
    "matrix": np.full((2, 5), 0.25),
    "sparse": sp.csr_array(np.ones((2, 2))),
    "long": 10**400,
}


def network(q: Projection | None = None, source: Input = A, **options: Any) -> Network:
    return Network((source, B), (q or Projection(source, B, np.ones((3, 4)), **options),))


def learns(kind: Any, **options: Any) -> Network:
    return network(plasticity=kind(**options))


def drawn(rule: Any, **options: Any) -> Network:
    return Network((A, B), (rule(A, B, **options),))


def binned(**fields: Any) -> Spikes:
    return from_events(EVENTS | fields, (4, 4), 1e-3)


def weights(kind: Any, **options: Any) -> Network:
    return Network((A, B), (all_to_all(A, B, kind(**options)),))


PLACES = np.arange(8.0).reshape(4, 2)
NUMBERS = dict.fromkeys(("alpha", "beta", "bias", "kappa", "rho", "noise_sd", "u_init", "v_init", "alpha2"), 0.5)
PAIRS: dict[str, Any] = dict.fromkeys(("a_plus", "a_minus", "decay_plus", "decay_minus"), 0.1)
PAIRS |= {"pairing": "all", "bounds": (0, 1), "post_delay": 0, "first": "pre"}
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "LIF": (
        lambda **k: Population("p", 3, LIF(**k)),
        NUMBERS | {"theta": 1.0, "v_reset": 0.0, "reset": "zero", "refractory": 0, "refractory_mode": "hold"}
        | {"reset_current": False, "noise_seed": 0},
    ),
    "from_tau": (
        lambda **k: Population("p", 3, LIF.from_tau(**k)),
        dict.fromkeys(("tau_mem", "tau_syn", "tau_syn2", "tau_threshold"), 1e-2)
        | {"dt": 1e-3, "theta": 1.0, "v_rest": 0.0, "v_reset": 0.0, "v_init": 0.0, "drive": 0.0, "refractory": 2e-3}
        | {"integration": "exact"},
    ),
    "projection": (
        lambda **k: network(Projection(**k)),
        {"pre": "a", "post": "b", "weights": np.ones((3, 4)), "delay": 1, "plasticity": None, "name": "q"}
        | {"exponent": 0, "receptor": "u", "signal": "spikes"},
    ),
    "convolution": (
        Convolution,
        {"kernel": np.ones((2, 2, 3, 3)), "input_shape": (2, 5, 5), "stride": 1, "padding": 0, "dilation": 1}
        | {"groups": 1, "taps": None},
    ),
    "pool": (Convolution.pool, {"input_shape": (2, 4, 4), "size": 2, "stride": 2, "padding": 0, "mean": True}),
    "poisson source": (
        lambda **k: network(source=Poisson("s", 4, **k)), {"rate": 5.0, "unit": "Hz", "seed": 0, "several": True},
    ),
    "regular source": (
        lambda **k: network(source=Regular("s", 4, **k)), {"period": 5.0, "phase": 0.0, "unit": "step"},
    ),
    "scheduled source": (
        lambda **k: network(source=Scheduled("s", 4, **k)),
        {"times": [1, 2], "lines": [0, 1], "value": [1.0, 1.0], "unit": "step"},
    ),
    "one to one": (
        lambda **k: one_to_one(Input("i", 3), B, **k),
        {"weights": 1.0, "delays": 1, "seed": 0, "dtype": np.float64, "threads": 1},
    ),
    "all to all": (partial(drawn, all_to_all), {"weights": 1.0, "delays": 1, "autapses": True, "seed": 0}),
    "probability": (partial(drawn, fixed_probability), {"p": 0.5, "weights": 1.0, "delays": 1, "seed": 0}),
    "in-degree": (partial(drawn, fixed_in_degree), {"in_degree": 2, "multapses": True, "autapses": True}),
    "out-degree": (partial(drawn, fixed_out_degree), {"out_degree": 2, "multapses": True}),
    "total number": (partial(drawn, fixed_total_number), {"number": 5, "multapses": True}),
    "distance": (
        lambda **k: Network((C,), (distance_dependent(C, C, **k),)),
        {"positions": (PLACES, PLACES), "scale": 1.0, "p": 0.5, "profile": "step", "extent": 4.0, "autapses": True},
    ),
    "normal": (partial(weights, Normal), {"mean": 0.0, "sd": 1.0, "low": -1.0, "high": 1.0, "grid": 0.5, "levels": 0}),
    "log-normal": (partial(weights, Lognormal), {"mu": 0.0, "sigma": 1.0, "low": 0.0, "high": 9.0, "grid": 0.0}),
    "uniform": (partial(weights, Uniform), {"low": 0.0, "high": 1.0, "grid": 0.0, "levels": 3}),
    "rate": (stimuli.rate, {"data": np.full(4, 0.5), "steps": 3, "seed": 0, "gain": 1.0, "offset": 0.0}),
    "latency": (
        stimuli.latency,
        {"data": np.full(4, 0.5), "steps": 99, "threshold": 0.1, "tau": 1.0, "first_spike_time": 0}
        | {"normalize": False, "linear": False, "clip": False, "epsilon": 1e-7},
    ),
    "delta": (stimuli.delta, {"data": np.ones((4, 2)), "threshold": 0.1, "padding": False, "off_spike": False}),
    "at times": (stimuli.at_times, {"times": [[0.1], [0.2]], "dt": 1e-3, "steps": 500, "start": 0.0}),
    "poisson": (stimuli.poisson, {"network": NET, "steps": 3, "seed": 0, "rate": 0.1}),
    "record": (
        lambda **k: as_plan(NET, Record(**k), 3),
        {"spikes": True, "counts": "b", "rates": "b", "bin": 2, "traces": "b.v", "weights": True, "every": 1},
    ),
    "events": (
        partial(from_events, EVENTS),
        {"sensor_size": (4, 4), "dt": 1e-3, "steps": 5, "start": 0, "time_unit": 1e-6, "polarity": "separate"}
        | {"merge": "add"},
    ),
    "fields of events": (binned, EVENTS),
    "frames": (from_frames, {"frames": np.ones((2, 1, 2, 2)), "merge": "clip"}),
    "spikes": (Spikes.from_events, {"step": [0], "neuron": [0], "steps": 3, "size": 4}),
    "values of an input": (lambda x: simulate(NET, {"a": x}, 3), {"x": 0.0}),
    "PairSTDP": (partial(learns, PairSTDP), PAIRS | {"pre_delay": 0, "dependence": "additive"}),
    "RewardSTDP": (
        partial(learns, RewardSTDP),
        PAIRS | {"decay": 0.5, "reward": "b", "gains": (1, 1, 1), "series": ((1, 0.5),)},
    ),
    "Instar": (partial(learns, Instar), {"rate": 0.5, "gate": None, "signal": None, "decay": 0.0}),
    "SumOfProducts": (partial(learns, SumOfProducts), {"dw": "2^-2*x1*y0", "x1": (1, 2), "y1": (1, 2)}),
}  # fmt: skip
#: Values that are right after all, by argument.
SIGNED = "theta bias v_reset kappa u_init v_init v_rest drive a_plus a_minus gain offset start weights mean mu low"
TAKEN = {name: {"negative"} for name in (*SIGNED.split(), "epsilon", "padding", "x")} | {"name": {"text"}}
TAKEN |= {"data": {"matrix", "negative"}, "frames": {"matrix"}, "times": {"ragged"}, "dtype": {"sparse"}}
TAKEN |= {name: {"long"} for name in ("seed", "bin", "every")}


def arguments() -> Iterator[tuple[str, str]]:
    for name, (_, given) in CALLS.items():
        for argument in given:
            yield name, argument


@pytest.mark.parametrize("name", CALLS)
def test_what_is_given_here_is_right(name: str) -> None:
    call, given = CALLS[name]
    call(**given)


@pytest.mark.parametrize(("name", "argument"), arguments())
def test_values_of_a_wrong_kind_end_in_one_line(name: str, argument: str) -> None:
    call, given = CALLS[name]
    for kind, value in WRONG.items():
        try:
            call(**given | {argument: value})
        except SnmemError as error:
            message = str(error)
            assert message.isprintable(), kind
            assert 10 < len(message) < 600, kind
        else:
            assert kind in TAKEN.get(argument, ()), f"{argument} takes {kind}"


def test_a_vector_of_equal_values_has_the_length_of_the_population() -> None:
    for neuron in (LIF(theta=np.ones(5)), LIF.from_tau(np.full(5, 1e-2), theta=1.0)):
        with pytest.raises(SnmemError, match="holds 5 values but the population has 3 neurons"):
            Population("p", 3, neuron)
    assert Population("p", 5, LIF(theta=np.ones(5))) == Population("p", 5, LIF(theta=1.0))


def test_delays_beyond_the_limits() -> None:
    for delay in (-1, 2**31, 10**400, np.full((3, 4), 2**31), np.full((3, 4), -1)):
        with pytest.raises(SnmemError, match=r"delay must be a whole number in 0\.\.2147483647"):
            Projection("a", "b", np.ones((3, 4)), delay)
