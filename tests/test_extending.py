"""What docs/extending.md promises: a neuron, a rule, a memory and a runtime are one file each, outside the package."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from snmem import (
    LIF,
    Input,
    Instar,
    KWinnerConfig,
    LoihiLIF,
    Network,
    Population,
    Projection,
    SpikingKWinnerMemory,
    quantize,
    simulate,
)
from snmem.backends.base import BACKENDS, backend_names, get_backend
from snmem.circuits.kwta import STRATEGIES, kwta_strategy
from snmem.cost import bill
from snmem.cost.events import EVENTS, Event
from snmem.encode import ENCODERS, default_encoder
from snmem.errors import BackendError, FileError, InputError, NetworkError
from snmem.nir_io import inspect_nir, read_nir, write_nir
from snmem.nir_io.nodes import NODES
from snmem.verify import verify

FOLDER = Path(__file__).parent / "extensions"
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The files, imported as a user would; the runtime is known to this module only."""
    import adaptive_lif  # noqa: F401
    import adaptive_nodes  # noqa: F401
    import correlation_memory  # noqa: F401
    import loops  # noqa: F401
    import number_encoder  # noqa: F401
    import settled_race  # noqa: F401
    import triplet  # noqa: F401

    yield
    added = {BACKENDS: ["loops"], NODES: ["Mean", "AdLIF"], ENCODERS: ["numbers"], STRATEGIES: ["settled_race"]}
    for registry, names in added.items():
        for name in names:
            registry._items.pop(name, None)
    for name in ("loops", "adaptive_nodes", "number_encoder", "settled_race"):
        sys.modules.pop(name, None)


def test_the_page_shows_these_files():
    text = (FOLDER.parent.parent / "docs" / "extending.md").read_text()
    assert {p.name for p in FOLDER.glob("*.py")} == set(re.findall(r'^--8<-- "(.+)"$', text, re.MULTILINE))


def adapting(n=3):
    from adaptive_lif import AdaptiveLIF

    neuron = AdaptiveLIF(beta=0.5, theta=1.0, rho=0.75, kappa=2.0)
    return Network(
        (Input("in", n), Population("cells", n, neuron)), (Projection("in", "cells", 2.5 * np.eye(n), delay=0),)
    )


def test_a_neuron_runs_on_the_reference_at_once_and_records_its_variables():
    """By hand: v = 2.5 > 1 spikes and a = 2; then 2.5 > 3 does not, v = 2.5, a = 1.5; then 3.75 > 2.5 does."""
    run = simulate(adapting(1), {"in": np.ones((4, 1))}, 4, "reference", record=["cells.v", "cells.a"], counters=True)
    assert run.spikes["cells"].step.tolist() == [0, 2]
    assert run.traces["cells.a"][:, 0].tolist() == [2.0, 1.5, 3.125, 2.34375]
    assert run.traces["cells.v"][:, 0].tolist() == [0.0, 2.5, 0.0, 2.5]
    assert run.counters.updated["cells"] == 4


def test_a_run_of_a_new_neuron_goes_on_from_its_state():
    network, x = adapting(), np.random.default_rng(0).random((40, 3)) < 0.6
    whole = simulate(network, {"in": x}, 40, "reference").spikes["cells"]
    first = simulate(network, {"in": x[:15]}, 15, "reference")
    rest = simulate(network, {"in": x[15:]}, 25, "reference", state=first.state).spikes["cells"]
    assert first.spikes["cells"] == whole.between(0, 15)
    assert rest == whole.between(15, 40)


@pytest.mark.parametrize("backend", ["brian2", "snntorch", "lava_float", "loops"])
def test_a_neuron_that_a_runtime_does_not_declare_is_refused_by_name(backend):
    with pytest.raises(BackendError, match=rf"backend '{backend}': population 'cells' has neurons of type AdaptiveLIF"):
        simulate(adapting(), {}, 2, backend)


def test_what_takes_lif_only_refuses_another_neuron_by_name(tmp_path):
    network = adapting()
    for action in (
        lambda: quantize(network),
        lambda: write_nir(network, tmp_path / "x.nir"),
        lambda: bill(network, simulate(network, {}, 2, "reference", counters=True), "loihi1-nahuku"),
    ):
        with pytest.raises(NetworkError, match="population 'cells' has neurons of type AdaptiveLIF"):
            action()


def test_a_parameter_out_of_range_is_named():
    from adaptive_lif import AdaptiveLIF

    with pytest.raises(NetworkError, match=r"AdaptiveLIF.rho: must lie in \[0, 1\], got 2"):
        AdaptiveLIF(rho=2)
    with pytest.raises(NetworkError, match="population 'p': beta holds 2 values but the population has 3 neurons"):
        Population("p", 3, AdaptiveLIF(beta=[0.1, 0.2]))


def test_a_subclass_is_another_neuron():
    from adaptive_lif import AdaptiveLIF

    class Other(AdaptiveLIF):
        pass

    assert AdaptiveLIF() != Other()
    p = Population("cells", 1, Other())
    with pytest.raises(BackendError, match="of type Other"):
        get_backend("loops").check(Network((p,)))


@pytest.mark.parametrize("name", backend_names())
def test_no_backend_takes_a_subclass_for_its_parent(name):
    backend = get_backend(name)
    parent = LIF if "float" in backend.arithmetics else LoihiLIF
    other = type("Other", (parent,), {})
    cells = Population("cells", 2, other())
    with pytest.raises(BackendError, match="population 'cells' has neurons of type Other"):
        backend.check(Network((cells,)))
    if Instar in (backend.rules or (Instar,)) and parent is LIF:
        rule = type("OtherRule", (Instar,), {})(0.5)
        learning = Projection("cells", "cells", np.ones((2, 2)), plasticity=rule)
        with pytest.raises(BackendError, match=r"projection 'cells->cells' (learns by the rule OtherRule|is plastic)"):
            backend.check(Network((Population("cells", 2, LIF()),), (learning,)))


def test_the_triplet_rule_learns_what_its_equations_say():
    """One synapse, pre in steps 0 and 3, post in step 1: the weight after each step, worked out by hand."""
    from triplet import Triplet

    rule = Triplet(a2_plus=0.25, a2_minus=0.5, a3_plus=0.0, a3_minus=0.0, r1=0.5, o1=0.5)
    cells = (Input("pre", 1), Input("drive", 1), Population("post", 1, LIF(theta=1.0)))
    drive = Projection("drive", "post", [[2.0]], delay=1)
    network = Network(cells, (Projection("pre", "post", [[0.5]], plasticity=rule), drive))
    pre, drives = ([0, 3], [0, 0]), ([0], [0])
    run = simulate(network, {"pre": pre, "drive": drives}, 5, "reference")
    assert run.spikes["post"].step.tolist() == [1]
    up = 0.25 * 0.5  # r1 was 1 after step 0 and decays once before the spike in step 1
    down = 0.5 * 0.25  # o1 was 1 after step 1 and decays twice before the spike in step 3
    assert run.weights["pre->post"].data[0] == pytest.approx(0.5 + up - down, abs=1e-15)


def nir_file(path, kind="Mean", **parameters):
    """in (2 lines) -> map -> neuron -> out, with the neuron of ``adapting`` at dt = 0.5."""
    neuron = {"tau": 1.0, "tau_a": 2.0, "r": 5.0, "kappa": 2.0, "v_threshold": 1.0} | parameters
    nodes = {
        "in": {"type": "Input", "shape": [2]},
        "map": {"type": kind},
        "cells": {"type": "AdLIF"} | {key: [value] for key, value in neuron.items()},
        "out": {"type": "Output", "shape": [1]},
    }
    with h5py.File(path, "w") as file:
        file["node/type"] = "NIRGraph"
        file["node/edges"] = [["in", "map"], ["map", "cells"], ["cells", "out"]]
        for name, values in nodes.items():
            for key, value in values.items():
                file[f"node/nodes/{name}/{key}"] = value
    return path


def test_nir_node_types_of_ones_own_are_read_and_inspected(tmp_path):
    from adaptive_lif import AdaptiveLIF

    path = nir_file(tmp_path / "x.nir")
    network = read_nir(path, dt=0.5)
    assert network["cells"].neuron == AdaptiveLIF(beta=0.5, theta=1.0, rho=0.75, kappa=2.0)
    assert network.projections[0].weights.toarray().tolist() == [[1.25, 1.25]]
    run = simulate(network, {"in": np.ones((4, 2))}, 4, "reference")
    assert run.spikes["cells"].step.tolist() == [0, 2]
    summary = inspect_nir(path, dt=0.5)
    assert [node["known"] for node in summary["nodes"]] == [True] * 4
    assert summary["network"]["populations"][1]["kind"] == "AdaptiveLIF"


def test_errors_of_nir_node_types_name_the_node_and_those_that_there_are(tmp_path):
    with pytest.raises(FileError, match=r"node 'map' \(Median\): unknown node type 'Median'; known are AdLIF, .*Mean"):
        read_nir(nir_file(tmp_path / "x.nir", "Median"))
    with pytest.raises(FileError, match=r"node 'cells' \(AdLIF\): tau: must be positive, got -1"):
        read_nir(nir_file(tmp_path / "y.nir", tau=-1.0))


def test_an_encoder_of_ones_own_is_found_by_the_kind_of_its_data():
    encoder = default_encoder("numbers", range(10))
    patterns = encoder.encode([3, 4, 700])
    assert patterns.sum(1).tolist() == [encoder.active] * 3
    assert encoder.decode(patterns).tolist() == [3, 4, 700]
    with pytest.raises(InputError, match=r"kind of data 'sounds' is unknown; use one of .*numbers"):
        default_encoder("sounds", [])


def test_a_kwta_strategy_of_ones_own_serves_a_memory_and_is_loaded_by_name(tmp_path):
    """The relay changes when the winners answer, not who wins."""
    strategy, race = kwta_strategy("settled_race", steps=48), kwta_strategy("race", steps=48)
    config = KWinnerConfig(visible=60, active=8, hidden=120, fan_in=12, winners=5)
    patterns = np.random.default_rng(0).permuted(np.tile(np.arange(60) < 8, (4, 1)), axis=1)
    memories = [SpikingKWinnerMemory(config, seed=0, kwta=kwta) for kwta in (strategy, race)]
    for memory in memories:
        memory.store(patterns)
    ours, theirs = (memory.recall(patterns) for memory in memories)
    assert ours.any()
    assert (ours == theirs).all()
    memories[0].save(tmp_path / "memory.npz")
    assert SpikingKWinnerMemory.load(tmp_path / "memory.npz").kwta == strategy


def test_an_event_of_ones_own_is_priced_and_has_its_line_in_the_bill(tmp_path):
    """The profile that ships, and 1 nJ for each spike or input spike that is written to a log."""
    profile = tmp_path / "logged.toml"
    text = (Path(__file__).parent.parent / "hardware" / "generic.toml").read_text()
    row = 'log = { value = 1, unit = "nJ", kind = "assumed", source = "you" }'
    profile.write_text(text.replace("[energy]\n", f"[energy]\n{row}\n"))
    cells = Population("cells", 3, LIF(theta=1.0))
    network = Network((Input("in", 3), cells), (Projection("in", "cells", 2.5 * np.eye(3), delay=1),))
    run = simulate(network, {"in": np.ones((4, 3))}, 4, counters=True)
    with pytest.raises(FileError, match="has no constant 'log'"):
        bill(network, run, profile)
    EVENTS.add("log", Event("log", "soma", ("spikes",)))
    try:
        lines = {line.name: line for line in bill(network, run, profile).lines}
    finally:
        EVENTS._items.pop("log")
    assert lines["log"].count == lines["neuron_spike"].count == 9
    assert lines["log"].joules == pytest.approx(9e-9)


def test_verify_compares_a_runtime_from_outside_and_says_what_it_refuses():
    network = Network(
        (Input("in", 3), Population("cells", 3, LIF(beta=0.5))), (Projection("in", "cells", 2.5 * np.eye(3)),)
    )
    ran = verify(network, steps=30, backends=["loops"])
    assert ran["verdict"] == "agree"
    assert ran["backends"]["loops"]["status"] == "ran"
    assert ran["backends"]["loops"]["populations"]["cells"]["differing"] == 0
    refused = verify(adapting(), steps=30, backends=["loops"])
    assert not refused["agree"]
    assert "population 'cells' has neurons of type AdaptiveLIF" in refused["backends"]["loops"]["reason"]


def suite(module, *options):
    files = [f"--snmem-load={FOLDER / name}.py" for name in ("adaptive_lif", "triplet", "correlation_memory", "loops")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        f"snmem.conformance.{module}",
    ]
    return subprocess.run([*command, *files, *options], capture_output=True, text=True, cwd=FOLDER)


@pytest.mark.parametrize(
    ("module", "options", "passed"),
    [
        ("test_backend", ("--snmem-backend=loops", "--snmem-networks=6"), 13),
        ("test_backend", ("--snmem-backend=loops", "--snmem-neuron=adaptive_lif", "--snmem-networks=3"), 7),
        ("test_backend", ("--snmem-backend=event", "--snmem-rule=triplet", "--snmem-networks=6"), 13),
        (
            "test_memory",
            ("--snmem-memory=correlation", "--snmem-memory=kwinner", "--snmem-memory=hopfield-softmax"),
            36,
        ),
    ],
)
def test_the_conformance_suite_accepts_them(module, options, passed):
    done = suite(module, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout
