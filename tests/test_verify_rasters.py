"""verify against rasters that another tool recorded: whose they are, what differs, and which reading explains it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, Spikes, simulate
from snmem.cli import main
from snmem.errors import FileError, InputError
from snmem.nir_io import read_nir, write_nir
from snmem.stimuli import poisson
from snmem.verify import verify, verify_tables
from snmem.verify.records import assign

STEPS = 60


def layers(*sizes, readout=None):
    """in -> layer 1 -> layer 2 ..., the last one a readout where ``readout`` is its size."""
    neuron = LIF(alpha=0.0, beta=0.75, theta=0.5)
    populations = [Input("in", sizes[0]), *(Population(f"l{k}", n, neuron) for k, n in enumerate(sizes[1:], 1))]
    if readout:
        populations.append(Population("readout", readout, LIF(alpha=0.0, beta=0.9, theta=np.inf)))
    rng = np.random.default_rng(3)
    projections = [Projection(a.name, b.name, rng.normal(0.4, 0.5, (b.size, a.size))) for a, b in pairwise(populations)]
    chain = [p.name for p in populations]
    return Network(tuple(populations), tuple(projections), outputs=(chain[-1],))


def recorded(network):
    given = poisson(network, STEPS, 0, 0.4)
    record = [f"{p.name}.v" for p in network.neurons if p.neuron.never_spikes]
    return simulate(network, given, STEPS, "reference", record=record)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_all_layers_of_another_tool_under_its_own_names(tmp_path):
    """Input, layers of one size in their order, ``out`` that repeats the last one, v of a readout in float32."""
    network = layers(6, 5, 5, 4, readout=3)
    run = recorded(network)
    rasters = {name: s.raster() for name, s in run.spikes.items()}
    file = save(
        tmp_path / "tool.npz",
        x=rasters["in"].astype(np.float32),
        layer0=rasters["l1"],
        layer1=rasters["l2"],
        layer2=rasters["l3"],
        copy=rasters["l3"],
        out=run.traces["readout.v"].astype(np.float32),
    )
    result = verify(network, golden=file, backends=["event"])
    assert result["agree"], result["golden"]
    assert result["golden"]["records"] == {
        "in": "x", "l1": "layer0", "l2": "layer1", "l3": "layer2", "readout": "out"
    }  # fmt: skip
    row = result["golden"]["populations"]["readout"]
    assert (row["cells"], row["differing"]) == (3 * STEPS, 0)
    assert "largest difference" in row["reason"]


def test_v_of_a_readout_that_differs_is_found(tmp_path):
    network = layers(6, 5, readout=3)
    run = recorded(network)
    v = run.traces["readout.v"].copy()
    v[40, 1] += 0.01 * np.abs(v).max()
    file = save(tmp_path / "tool.npz", x=run.spikes["in"].raster(), out=v)
    result = verify(network, golden=file, backends=["event"])
    row = result["golden"]["populations"]["readout"]
    assert not result["agree"]
    assert (row["differing"], row["first_step"]) == (1, 40)


def test_backends_are_compared_in_v_where_nothing_can_spike(monkeypatch):
    """Readouts alone: v decides; a runtime that computes another v is found."""
    neuron = LIF(alpha=0.0, beta=0.9, theta=np.inf)
    weights = np.random.default_rng(1).normal(size=(3, 4))
    network = Network((Input("in", 4), Population("out", 3, neuron)), (Projection("in", "out", weights),))
    result = verify(network, steps=STEPS, backends=["event", "brian2", "snntorch", "lava_float"])
    assert result["agree"]
    for found in result["backends"].values():
        assert (found["populations"]["out"]["cells"], found["populations"]["out"]["differing"]) == (3 * STEPS, 0)
    from snmem.backends import base, reference

    def wrong(job):
        made = reference.run(job)
        return type(made)(**{**made.__dict__, "traces": {n: v + 1e-9 for n, v in made.traces.items()}})

    monkeypatch.setitem(base.BACKENDS._items, "wrong", base.Backend("wrong", wrong))
    result = verify(network, steps=STEPS, backends=["wrong"])
    assert not result["agree"]
    assert result["backends"]["wrong"]["populations"]["out"]["differing"] == 3 * STEPS


def test_the_reading_that_another_tool_meant_is_named(tmp_path):
    """A file that says nothing of its reset, and spikes of a tool that subtracts the threshold."""
    file = tmp_path / "net.nir"
    write_nir(layers(6, 5, 4), file)
    bare = tmp_path / "bare.nir"
    strip_metadata(file, bare)
    other = read_nir(bare, reset="subtract", threshold=">=")
    given = poisson(other, STEPS, 0, 0.4)
    spikes = simulate(other, given, STEPS).spikes
    raster = save(tmp_path / "tool.npz", **{f"spikes.{n}": s.raster() for n, s in spikes.items()})
    result = verify(bare, golden=raster, backends=["event"])
    assert not result["agree"]
    assert result["golden"]["reading"] == {"options": {"reset": "subtract"}, "differing": 0}
    assert any("Read with --set reset=subtract, 0 of" in str(part) for part in verify_tables(result))
    assert verify(bare, golden=raster, backends=["event"], reset="subtract")["agree"]


def test_a_last_layer_that_is_never_reset_is_named_and_read(tmp_path):
    """As in networks whose readout is the potential of spiking neurons; no file says it."""
    file, bare = tmp_path / "net.nir", tmp_path / "bare.nir"
    write_nir(layers(6, 5, 4), file)
    strip_metadata(file, bare)
    plain = read_nir(bare, 1e-3)
    run = recorded(plain)
    last = plain.outputs[0]
    into = plain.projections[1]
    v, spikes, before = np.zeros(4), np.zeros((STEPS, 4), bool), run.spikes[into.pre].raster()
    for t in range(into.delay, STEPS):
        v = 0.75 * v + into.weights.toarray() @ before[t - into.delay]
        spikes[t] = v > 0.5
    raster = {name: s.raster() for name, s in run.spikes.items()} | {last: spikes}
    golden = save(tmp_path / "tool.npz", **raster)
    result = verify(bare, golden=golden, backends=["event"], dt=1e-3)
    assert not result["agree"]
    assert result["golden"]["reading"] == {"options": {"reset": {last: "none"}}, "differing": 0}
    assert any(f"Read with --set reset=none@{last}, 0 of" in str(part) for part in verify_tables(result))
    options = ["--set", f"reset=none@{last}", "--dt", "1e-3", "--backends", "event"]
    assert main(["verify", str(bare), "--golden", str(golden), *options]) == 0


def test_what_an_origin_does_not_write_is_said_where_nothing_explains_the_spikes(tmp_path):
    file, bare = tmp_path / "net.nir", tmp_path / "bare.nir"
    write_nir(layers(6, 5, 4), file)
    strip_metadata(file, bare)
    run = recorded(read_nir(bare))
    wrong = {name: s.raster() for name, s in run.spikes.items()}
    rng = np.random.default_rng(1)
    for name in [p.name for p in read_nir(bare).neurons]:
        wrong[name] = rng.random(wrong[name].shape) < 0.5
    result = verify(bare, golden=save(tmp_path / "t.npz", **wrong), backends=["event"], origin="sinabs")
    assert result["golden"]["reading"] is None
    assert any("Not in the file, and may be why: tau_syn" in str(part) for part in verify_tables(result))


def strip_metadata(source, target):
    import nir

    graph = nir.read(source)
    graph.metadata = {}
    for node in graph.nodes.values():
        node.metadata = {}
    nir.write(target, graph)


def test_a_population_that_was_silent_in_the_other_tool_too_is_no_obstacle(tmp_path):
    network = layers(6, 5, 4)
    rare = Network(network.populations, (network.projections[0], Projection("l1", "l2", 0.13 * np.eye(4, 5))), ("l2",))
    run = recorded(rare)
    assert len(run.spikes["l1"])
    assert not len(run.spikes["l2"])
    without = verify(rare, {"in": run.spikes["in"]}, STEPS, backends=["event"])
    assert "population 'l2' never fired" in without["evidence"]["reason"]
    rasters = {n: s.raster() for n, s in run.spikes.items()}
    assert verify(rare, golden=save(tmp_path / "t.npz", **rasters), backends=["event"])["verdict"] == "agree"
    rasters["l2"][7, 0] = True
    assert verify(rare, golden=save(tmp_path / "t.npz", **rasters), backends=["event"])["verdict"] == "differ"


def test_doubtful_records_are_refused_in_one_line(tmp_path):
    network = layers(6, 5, 5, readout=3)
    run = recorded(network)
    x, one, two = (run.spikes[n].raster() for n in ("in", "l1", "l2"))

    def refused(error, match, **arrays):
        with pytest.raises(error, match=match):
            verify(network, golden=save(tmp_path / "bad.npz", **arrays), backends=["event"])

    refused(InputError, r"bad.npz: holds spikes of 'a', 5 neurons, which fits 'l1', 'l2'; name it", x=x, a=one)
    refused(FileError, "two of its records", x=x, a=one, b=two, c=~one)
    refused(InputError, "holds 0.5 of population 'l1', which spikes", x=x, l1=one * 0.5)
    refused(InputError, "its records hold 30 and 60 steps", x=x, l1=one[:30])
    refused(FileError, "'y' of 7 neurons|spikes of 'y', 7 neurons", x=x, y=np.zeros((STEPS, 7)))
    refused(FileError, "holds 5 neurons of 'readout', which has 3", x=x, readout=one)
    refused(InputError, "bad.npz holds nothing but inputs; record a layer", x=x)
    refused(FileError, "bad.npz: holds no spikes of anything")
    refused(FileError, "bad.npz: holds no steps", x=x[:0], l1=one[:0])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_order_of_named_records_is_assigned_by_name(data):
    """Names decide before sizes and order, with any prefix; and no population is given twice."""
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=5))
    network = layers(*sizes)
    names = [p.name for p in network.populations]
    chosen = data.draw(st.permutations(names))
    prefix = data.draw(st.sampled_from(["", "L_", "spikes/", "net.", "x_"]))
    rng = np.random.default_rng(0)
    records = {prefix + n: Spikes.from_raster(rng.random((9, network[n].size)) < 0.5) for n in chosen}
    assert assign("f", records, network) == {prefix + n: n for n in chosen}
