"""Golden vectors: what Lava did, step by step, so that its arithmetic can be checked where Lava cannot be installed.

``loihi.jsonl.gz`` holds one network a line, as JSON that needs nothing of this package to be read::

    {"id": "fixed-7", "arithmetic": "fixed" or "float", "steps": 50,
     "inputs":      [{"name", "size", "spikes": [[step, line], ...]}],
     "populations": [{"name", "size", "parameters": {...}, "clear_every": null or n, "clear_offset": n}],
     "projections": [{"name", "pre", "post", "delay", "exponent", "synapses": [[post, pre, weight], ...],
                      "rule": null or {"kind": "SumOfProducts", ...}}],
     "expected": {"spikes": {population: [[step, neuron], ...]},
                  "u": {population: [[values of step 0], ...]}, "v": {...},
                  "weights": {plastic projection: [weight of each synapse after the last step]}}}

A parameter is a number, or one for each neuron; an infinite threshold is the text "inf". u and v are those after the
step. Recorded from lava-nc 0.10.0 (``python -m snmem.conformance.golden``), models ``bit_accurate_loihi`` (fixed) and
``floating_pt`` (float), on networks of :func:`snmem.conformance.random_network`. In those whose id says ``extended``
neurons are refractory, reset by subtraction ("reset") or begin at another u or v than 0 ("u_init", "v_init"): Lava's
models compute u and v, the process of :mod:`snmem.lava.processes.neurons` around them does the rest.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .._compiling import compiled_first
from ..description import counts, row_numbers
from ..errors import BackendError, FileError
from ..io.files import replace_file
from ..network import Input, Network, Population, Projection
from ..neurons import LIF, LoihiLIF, Neuron
from ..plasticity import LearningRule, SumOfProducts
from ..simulation import simulate
from ..spikes import Recording, Spikes
from .compare import assert_same
from .networks import EXTENSIONS, features_of, random_inputs, random_network

FILE = Path(__file__).parent / "loihi.jsonl.gz"
#: sha256 of the uncompressed text.
DIGEST = "c127df3a510680c4d65c639aea120b6793187eb7d63d03d5ec422b92b126dbd6"
STEPS = 50
#: Networks of each arithmetic: of Lava's own neurons, and with such as are a process of snmem's own.
NETWORKS, EXTENDED = 60, 12
_BACKENDS = {"fixed": "lava_fixed", "float": "lava_float"}
_NEURONS: dict[str, type[Neuron]] = {"fixed": LoihiLIF, "float": LIF}


class Outcome(NamedTuple):
    """What Lava did: spikes, traces and learned weights as a Recording has them."""

    backend: str
    spikes: Mapping[str, Spikes]
    traces: Mapping[str, NDArray[Any]]
    weights: Mapping[str, Any]


class Vector(NamedTuple):
    """A network, its input, and what Lava did."""

    id: str
    network: Network
    inputs: Mapping[str, Spikes]
    steps: int
    expected: Outcome


@cache
def vectors() -> tuple[Vector, ...]:
    """Return all golden vectors.

    Raises
    ------
    FileError
        If the file is not the one that was recorded.
    """
    text = gzip.decompress(FILE.read_bytes())
    if sha256(text).hexdigest() != DIGEST:
        raise FileError(f"{FILE.name}: is not the file that was recorded (sha256 differs); install snmem again")
    return tuple(_vector(json.loads(line)) for line in text.splitlines())


@compiled_first()
def check(vector: Vector, backend: str, spikes_only: bool = False) -> None:
    """Raise AssertionError, naming the first difference, unless a backend does what Lava did, bit for bit.

    Parameters
    ----------
    vector : Vector
        One of :func:`vectors`.
    backend : str
        Name of a backend.
    spikes_only : bool
        Leave traces and learned weights out.
    """
    record = () if spikes_only else list(vector.expected.traces)
    found = simulate(vector.network, vector.inputs, vector.steps, backend, record=record)
    expected = vector.expected
    if spikes_only:
        for name, spikes in expected.spikes.items():
            assert spikes == found.spikes[name], f"{vector.id}: population {name!r} differs from Lava"
    else:
        assert_same(cast(Any, expected), found)


# --- from JSON ---


def _vector(data: Mapping[str, Any]) -> Vector:
    steps, kind = data["steps"], _NEURONS[data["arithmetic"]]
    inputs = [Input(entry["name"], entry["size"]) for entry in data["inputs"]]
    populations = [
        Population(
            entry["name"],
            entry["size"],
            kind(**{key: _number(value) for key, value in entry["parameters"].items()}),
            entry["clear_every"],
            entry["clear_offset"],
        )
        for entry in data["populations"]
    ]
    sizes = {p.name: p.size for p in (*inputs, *populations)}
    projections = tuple(_projection(entry, sizes) for entry in data["projections"])
    network = Network((*inputs, *populations), projections)
    given = {entry["name"]: _spikes(entry["spikes"], steps, entry["size"]) for entry in data["inputs"]}
    return Vector(data["id"], network, given, steps, _expected(data, network, given))


def _number(value: Any) -> Any:
    if isinstance(value, list):
        items: list[Any] = [*value]
        return [_number(item) for item in items]
    return np.inf if value == "inf" else value


def _spikes(events: list[list[int]], steps: int, size: int) -> Spikes:
    step, neuron = np.array(events, np.int64).reshape(-1, 2).T
    return Spikes.from_events(step, neuron, steps, size)


def _projection(entry: Mapping[str, Any], sizes: Mapping[str, int]) -> Projection:
    rows = np.array(entry["synapses"], np.float64).reshape(-1, 3)
    post, pre = rows[:, :2].astype(np.int64).T
    weights = sp.csr_array((rows[:, 2], (post, pre)), shape=(sizes[entry["post"]], sizes[entry["pre"]]))
    rule = entry["rule"] and SumOfProducts(**{k: v for k, v in entry["rule"].items() if k != "kind"})
    name, pre, post = entry["name"], entry["pre"], entry["post"]
    return Projection(pre, post, weights, entry["delay"], rule, name, entry["exponent"])


def _expected(data: Mapping[str, Any], network: Network, given: Mapping[str, Spikes]) -> Outcome:
    made, steps = data["expected"], data["steps"]
    spikes = {p.name: _spikes(made["spikes"][p.name], steps, p.size) for p in network.neurons}
    kind = np.int64 if data["arithmetic"] == "fixed" else np.float64
    traces = {f"{name}.{x}": np.array(rows, kind) for x in "uv" for name, rows in made[x].items()}
    weights = {}
    for name, values in made["weights"].items():
        matrix: Any = network[name].weights.astype(kind)
        matrix.data = np.array(values, kind)
        weights[name] = matrix
    return Outcome(f"Lava ({data['id']})", {**given, **spikes}, traces, weights)


# --- recording ---


def record(seed: int, arithmetic: str, extended: bool = False) -> dict[str, Any] | None:
    """Run a generated network on Lava and return its line; None where Lava cannot hold it or nothing spikes.

    ``extended`` : with neurons that are a process of snmem's own around Lava's models.
    """
    from ..lava.plan import FEATURES, is_extended

    kind = "loihi" if arithmetic == "fixed" else "float"
    without = {"v_reset", "delay_0", "plasticity", "values", "sources", "synapse_delays", "shared_weights"}
    without |= EXTENSIONS.keys() - set(FEATURES) if extended else {"subtract", *EXTENSIONS}
    features = features_of(kind, without)
    learns = arithmetic == "fixed" and seed % 3 == 0 and not extended  # Lava's floats sum in another order
    rule = "sum_of_products" if learns else ""
    network = random_network(seed, arithmetic=kind, features=features, max_size=16, rule=rule)
    inputs = random_inputs(network, seed, STEPS, 0.3)
    traces = [f"{p.name}.{x}" for p in network.neurons for x in "uv"]
    try:
        made = simulate(network, inputs, STEPS, _BACKENDS[arithmetic], record=traces)
    except BackendError:
        return None
    if sum(len(made.spikes[p.name]) for p in network.neurons) < 20:
        return None
    if extended and not any(map(is_extended, network.neurons)):
        return None
    return _line(f"{arithmetic}-{'extended-' if extended else ''}{seed}", arithmetic, made)


def _line(name: str, arithmetic: str, made: Recording) -> dict[str, Any]:
    network = made.network
    expected: dict[str, Any] = {"spikes": {p.name: _events(made.spikes[p.name]) for p in network.neurons}}
    expected |= {x: {p.name: made.traces[f"{p.name}.{x}"].tolist() for p in network.neurons} for x in "uv"}
    expected["weights"] = {key: weights.data.tolist() for key, weights in made.weights.items()}
    return {
        "id": name,
        "arithmetic": arithmetic,
        "steps": STEPS,
        "inputs": [{"name": p.name, "size": p.size, "spikes": _events(made.spikes[p.name])} for p in network.inputs],
        "populations": [
            {"name": p.name, "size": p.size, "parameters": _parameters(p.neuron)}
            | {"clear_every": p.clear_every, "clear_offset": p.clear_offset}
            for p in network.neurons
        ],
        "projections": [
            {"name": q.name, "pre": q.pre, "post": q.post, "delay": q.delay, "exponent": q.exponent}
            | {"synapses": _synapses(q), "rule": _rule(q.plasticity)}
            for q in network.projections
        ],
        "expected": expected,
    }


def _events(spikes: Spikes) -> list[list[int]]:
    return np.stack([spikes.step, spikes.neuron], axis=1).tolist()


def _parameters(neuron: Neuron) -> dict[str, Any]:
    values = {f.name: getattr(neuron, f.name) for f in fields(neuron) if counts(neuron, f)}  # type: ignore[arg-type]
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    return "inf" if value == np.inf else value


def _synapses(q: Projection) -> list[list[Any]]:
    columns: list[list[Any]] = [row_numbers(q.weights).tolist(), q.weights.indices.tolist(), q.weights.data.tolist()]
    return [list(row) for row in zip(*columns, strict=True)]


def _rule(rule: LearningRule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {"kind": type(rule).__name__} | {f.name: getattr(rule, f.name) for f in fields(rule)}  # type: ignore[arg-type]


def _lines() -> Iterator[str]:
    from ..lava.session import LavaSession

    with LavaSession():
        for extended, number in ((False, NETWORKS), (True, EXTENDED)):
            for arithmetic in _BACKENDS:
                made = (record(seed, arithmetic, extended) for seed in range(100 * number))
                for _, line in zip(range(number), filter(None, made), strict=False):
                    print(line["id"], file=sys.stderr)
                    yield json.dumps(line, separators=(",", ":")) + "\n"


def main() -> None:
    """Record all vectors from Lava, and print the digest."""
    text = "".join(_lines()).encode()
    with replace_file(FILE) as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text)
    print(sha256(text).hexdigest())


if __name__ == "__main__":
    main()
