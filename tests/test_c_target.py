"""snmem compile --to c: programs that a strict compiler takes and that spike as the emulator; refusals name things."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_compile import braille_net, coupled_net

from snmem import LIF, Input, Instar, LoihiLIF, Network, Population, Projection, Spikes, quantize, simulate
from snmem.c_target.compile import compile, write
from snmem.c_target.run import FLAGS, build, run
from snmem.c_target.tables import FEATURES, describe, quoted
from snmem.cli import main
from snmem.conformance import features_of, random_inputs, random_network
from snmem.errors import BackendError, InputError, MissingDependencyError, NetworkError
from snmem.installation.content import load_script
from snmem.lowering import split_delays
from snmem.memory import SpikingKWinnerMemory

STEPS = 60
#: Overflow, shifts, bounds and alignment end the program; quick to compile.
CHECKED = (*FLAGS[:1], "-O1", *FLAGS[2:], "-Wconversion", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def batch(folder, networks, flags=FLAGS):
    """Write, build and run a program for each (network, inputs); the emulator must give the same spikes."""
    for n, (network, inputs) in enumerate(networks):
        write(folder / str(n), describe(split_delays(network)))
        program = build(folder / str(n), folder / f"{n}.exe", flags)
        ran = run(program, network, inputs, STEPS)
        expected = simulate(network, inputs, STEPS, "reference").spikes
        assert {p.name: expected[p.name] for p in network.neurons} == dict(ran.spikes)
        yield sum(len(expected[p.name]) for p in network.neurons)


def test_programs_of_generated_networks_spike_as_the_reference_under_the_sanitizers(tmp_path):
    features = features_of("loihi", {"plasticity", "values", "sources"})
    networks = [random_network(seed, arithmetic="loihi", features=features) for seed in range(14)]
    used = [(n, random_inputs(n, seed, STEPS, 0.4)) for seed, n in enumerate(networks)]
    assert {"delay_0", "long_delays", "synapse_delays", "exponent", "clear", "bias", *FEATURES} <= features
    assert sum(spikes > 20 for spikes in batch(tmp_path, used, CHECKED)) >= 8


def test_large_sums_large_populations_and_starts(tmp_path):
    """Sums of 64 bits; indices of 8, 16 and 32 bits and none; more neurons than a word; v before the first step."""
    rng = np.random.default_rng(1)
    bias = rng.integers(-9, 9, 70_000)
    neuron = LoihiLIF(du=1000, dv=300, vth=rng.integers(1, 1000, 70_000), bias_mant=bias, v_init=64)
    wide = np.zeros((70_000, 40), int)
    wide[rng.integers(0, 70_000, 9000), rng.integers(0, 40, 9000)] = rng.integers(-256, 256, 9000)
    populations = [
        Input("in", 40),
        Population("many", 70_000, neuron),
        Population("some", 300, LoihiLIF(du=4095, dv=100, vth=3000, v_init=rng.integers(-90_000, 90_000, 300))),
        Population("few", 33, LoihiLIF(dv=4095, vth=900)),
    ]
    projections = [
        Projection("in", "many", wide, exponent=7),
        Projection("in", "some", rng.integers(1, 256, (300, 40)), exponent=7, name="whole"),
        Projection("in", "some", -rng.integers(0, 256, (300, 40)) * (rng.random((300, 40)) < 0.3), exponent=7),
        Projection("some", "few", rng.integers(-256, -254, (33, 300)) * (rng.random((33, 300)) < 0.5), delay=9),
        Projection("some", "few", rng.integers(-256, 256, (33, 300)), delay=0, exponent=-3, name="halved"),
    ]
    network = Network(populations, projections)
    tables = describe(network)
    assert not tables.wide
    assert [row["index"] for row in tables.projections.values()] == ["32 bits", "none", "16 bits", "8 bits", "8 bits"]
    more = [Projection("in", "few", np.full((33, 40), 255), exponent=7, name=f"more {i}") for i in range(40)]
    large = Network(populations, [*projections, *more])
    assert describe(large).wide
    used = [(network, random_inputs(network, 2, STEPS, 0.3)), (large, random_inputs(large, 3, STEPS, 0.9))]
    assert min(batch(tmp_path, used, CHECKED)) > 1000


def test_a_current_that_outgrows_its_24_bits_is_that_of_the_emulator(tmp_path):
    """u is wrapped once in a step: sums of which 32 bits hold 64 times can take it beyond, step by step."""
    network = Network(
        [Input("in", 40), Population("p", 2, LoihiLIF(du=[0, 4095], dv=2000, vth=131071))],
        [Projection("in", "p", np.full((2, 40), 255), exponent=7)],
    )
    assert describe(network).wide
    inputs = {"in": Spikes.from_raster(np.ones((STEPS, 40)))}
    assert [*batch(tmp_path, [(network, inputs)], CHECKED)] == [2 * (STEPS - 1)]


def test_the_verb_writes_a_program_that_make_builds_and_reports_everything(tmp_path, capsys):
    file, out = braille_net(tmp_path / "braille.nir"), tmp_path / "c"
    assert main(["compile", str(file), "--to", "c", "--out", str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    agreement = data["agreement"]
    assert (data["ok"], agreement["c"]["ran"], agreement["c"]["cells"]) == (True, True, 0)
    assert agreement["spikes"]["lif1"] > 50
    assert agreement["c"]["seconds_per_step"] > 0
    assert (
        data["memory"]["constant"] > sum(part["bytes"] for row in data["projections"] for part in row["parts"]) > 2000
    )
    assert data["memory"]["state"] >= 45 * 12
    subprocess.run(["make", "-C", str(out), "CFLAGS=-O0"], check=True, capture_output=True)
    done = subprocess.run([out / "network", "2"], input=bytes(8), capture_output=True, check=True)
    assert len(done.stdout) == 2 * 4 * sum((row["size"] + 31) // 32 for row in data["populations"])
    for arguments, data in ((["3"], bytes(8)), ([], b""), (["x"], b""), (["-1"], b"")):
        done = subprocess.run([out / "network", *arguments], input=data, capture_output=True)
        assert done.returncode == 1
        assert done.stderr.startswith(b"network: ")


def test_float_networks_with_a_reset_below_zero_begin_where_they_should(tmp_path):
    made = compile(coupled_net(tmp_path / "coupled.nir"), tmp_path / "c", steps=STEPS, rate=2.0, feedforward_delay=1)
    assert made.report["ok"]
    assert made.report["agreement"]["spikes"]["b"] > 3
    assert made.start["a"] > 0
    assert made.report["changes"] == ["population 'a': v is measured from v_reset"]


def test_a_memory_recalls_in_c(tmp_path):
    """What a K-winner memory has stored comes back from the program, cell by cell as from the emulator."""
    memory = SpikingKWinnerMemory.for_patterns(120, 12, seed=1)
    patterns = np.argsort(np.random.default_rng(0).random((5, 120)), axis=1) < 12
    memory.store(patterns)
    inputs, steps = memory.recall_inputs(patterns)
    network = quantize(memory.recall_network).network
    found = compile(network, tmp_path, inputs=inputs, steps=steps).report
    assert (found["ok"], found["agreement"]["c"]["cells"]) == (True, 0)
    recalled = memory.read(simulate(network, inputs, steps))
    assert np.array_equal(recalled, patterns)


def test_the_interface_in_c(tmp_path):
    """Spikes in and out, v, and a fresh start; what does not exist is refused, not read."""
    network = Network(
        [Input("in", 3), Population("a", 2, LoihiLIF(dv=0, vth=[10, 1000]))],
        [Projection("in", "a", [[6, 0, 255], [6, 6, 255]])],
    )
    write(tmp_path, describe(network))
    (tmp_path / "main.c").write_text(
        """
        #include "network.h"
        #include <stdio.h>
        #include <string.h>
        int main(void) {
            int round, t;
            printf("%s %s %u ", network_names[0], network_names[1], (unsigned)network_sizes[1]);
            for (round = 0; round < 2; round++) {
                network_reset();
                for (t = 0; t < 3; t++) {
                    if (t < 2) printf("%d", network_input(0, 0));
                    network_step();
                    printf("%d%d:%ld ", network_spiked(1, 0), network_spiked(0, 0), (long)network_v(1, 1));
                }
            }
            printf("%d %d %d ", network_input(0, 3), network_input(1, 0), network_input(4000000000u, 0));
            printf("%d %d %d", network_spiked(1, 2), network_spiked(9, 0), network_spikes(9) == 0);
            return (int)network_v(1, 2) + (int)network_v(7, 0);
        }
        """
    )
    done = subprocess.run([build(tmp_path, tmp_path / "x", CHECKED)], capture_output=True, text=True, check=True)
    once = "001:0 001:384 10:768 "  # the spike of the line, a step later 6 weight units of 64, and of two
    assert done.stdout == f"in a 2 {once}{once}-1 -1 -1 -1 -1 1"


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_names_enter_the_text_as_literals_only(name):
    literal = quoted(name)
    body = literal[1:-1]
    assert literal[0] == literal[-1] == '"'
    assert set(body) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-.\\")
    data = bytes(int(p[1:], 8) if p[0] == "\\" else ord(p) for p in _pieces(body))
    assert data == name.encode("utf-8", "replace")


def _pieces(body):
    at = 0
    while at < len(body):
        size = 4 if body[at] == "\\" else 1
        yield body[at : at + size]
        at += size


def test_hostile_names_compile_and_are_kept(tmp_path):
    names = ['a"; system("x"); "', "*\\ #include <x>", "??>\\", "%s%n", "é∂🧠", "x" * 500]
    populations = [Population(name, 1, LoihiLIF(bias_mant=1, vth=1)) for name in names]
    network = Network([Input("in\\", 1), *populations], [Projection(a, b, [[9]]) for a, b in pairwise(names)])
    write(tmp_path, describe(network))
    (tmp_path / "main.c").write_text(
        '#include "network.h"\n#include <stdio.h>\n'
        "int main(void) { unsigned i; for (i = 0; i < NETWORK_SOURCES; i++) puts(network_names[i]); return 0; }\n"
    )
    done = subprocess.run([build(tmp_path, tmp_path / "x")], capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == ["in\\", *names]


def test_refusals_name_object_limit_and_remedy(tmp_path, capsys, monkeypatch):
    plastic = Network(
        [Input("in", 2), Population("a", 2, LIF())], [Projection("in", "a", np.ones((2, 2)), plasticity=Instar(0.5))]
    )
    with pytest.raises(NetworkError, match=r"'in->a' learns; freeze the network first"):
        compile(plastic, tmp_path / "x")
    adaptive = Network([Population("a", 2, LIF(beta=0.5, kappa=1.0))])
    with pytest.raises(NetworkError, match="'a' uses the feature 'adaptation'"):
        compile(adaptive, tmp_path / "x")
    with pytest.raises(InputError, match="quantization='best'"):
        compile(adaptive, tmp_path / "x", quantization="best")
    assert not (tmp_path / "x").exists()
    file = braille_net(tmp_path / "b.nir")
    for more, words in (
        (["--to", "d"], "--to d"),
        (["--to", "c", "--chip", "loihi2"], "--chip loihi2"),
        (["--to", "c", "--arithmetic", "float"], "--arithmetic float"),
    ):
        assert main(["compile", str(file), "--out", str(tmp_path / "y"), *more]) == 1
        assert words in capsys.readouterr().err
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(MissingDependencyError, match="no C compiler"):
        build(tmp_path, tmp_path / "z")
    assert main(["compile", str(file), "--to", "c", "--out", str(tmp_path / "y")]) == 0
    assert "not run (no C compiler" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "y").glob("*.c")) == ["main.c", "network.c", "network_tables.c"]
    monkeypatch.setenv("CC", f"{sys.executable} -c 'raise SystemExit(3)'")
    with pytest.raises(BackendError, match="failed: exit code 3"):
        build(tmp_path / "y", tmp_path / "z")


def test_the_benchmark_compares_program_and_emulator():
    script = load_script("benchmarks", "c")
    cells, _, times = script.compare("recurrent CubaLIF", 1, lambda message: None)
    assert (cells["value"], cells["ok"]) == (0, True)
    assert times["raw"]["c_us_per_step"] > 0
