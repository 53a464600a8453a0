"""Files that snnTorch, Norse and Sinabs exported, against the spikes that these frameworks emitted themselves.

And the other way: files that snmem wrote, against the spikes of what snnTorch and Norse import from them.
Files and rasters: tests/data/interop, made by make.py there (`python tests/test_interop.py` writes ours for it).
Where a framework computes something that a NIR graph cannot say, a few lines here compute the same thing and must give
its raster exactly.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.nir_io import read_nir, write_nir
from snmem.verify import verify

DATA = Path(__file__).parent / "data" / "interop"
STEPS = 200
#: What the origin of a file stands for, said by hand.
SINABS = {"dt": 1.0, "discretization": "exp", "threshold": ">=", "reset": "subtract"}

#: Files that are read right without options, but for what the framework does not write down.
EQUAL = {
    "snntorch_leaky": {},
    "snntorch_leaky_subtract": {"reset": "subtract"},
    "snntorch_leaky_subtract_late": {"reset": "subtract_late"},
    "snntorch_synaptic": {},
    "snntorch_conv": {},
    "snntorch_rleaky": {},
    "norse_lif": {},
    "norse_cuba": {},
    "norse_iaf": {},
    "norse_lif_leak": {},
    "sinabs_iaf": {},
    "sinabs_iaf_grid": {},
    "sinabs_lif": {},
    "sinabs_lif_sum": {"spike": "unit"},
    "sinabs_conv": {},
}


def recorded(case):
    data = np.load(DATA / f"{case}.npz")
    return data["x"], [data[name] for name in sorted(data.files) if name.startswith("layer")]


def spiking(network):
    return [p for p in network.neurons if np.isfinite(p.neuron.theta).all() and p.name != "bias"]


def rasters(network, x, backend="reference"):
    spikes = simulate(network, {network.inputs[0].name: x}, STEPS, backend).spikes
    return [spikes[p.name].raster() for p in spiking(network)]


@pytest.mark.parametrize("backend", ["reference", "event"])
@pytest.mark.parametrize("case", EQUAL)
def test_spikes_equal_those_of_the_exporting_framework(case, backend):
    network = read_nir(DATA / f"{case}.nir", **EQUAL[case])
    x, layers = recorded(case)
    found = rasters(network, x, backend)
    assert len(found) == len(layers)
    for ours, theirs in zip(found, layers, strict=True):
        assert theirs.max() == 1
        assert 0.02 < theirs.mean() < 0.5
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("case", ["snntorch_rleaky", "norse_cuba", "sinabs_conv"])
def test_all_backends_agree_on_files_of_other_origin(case):
    result = verify(DATA / f"{case}.nir", steps=60)
    assert result["agree"], result["backends"]
    assert {name for name, found in result["backends"].items() if found["status"] == "ran"} >= {
        "event",
        "brian2",
        "snntorch",
    }


@pytest.mark.parametrize(
    ("case", "options"),
    [
        ("sinabs_iaf_grid", {"threshold": ">"}),  # ties at the threshold
        ("sinabs_lif", {"discretization": "euler"}),
        ("norse_cuba", {"spike": "pulse"}),
        ("norse_lif_leak", {"start": "zero"}),
        ("snntorch_leaky_subtract", {}),
        ("snntorch_leaky_subtract_late", {"reset": "subtract"}),
        ("sinabs_lif_sum", {}),
    ],
)
def test_each_reading_is_needed(case, options):
    network = read_nir(DATA / f"{case}.nir", **options)
    x, layers = recorded(case)
    assert any((ours != theirs).any() for ours, theirs in zip(rasters(network, x), layers, strict=True))


@pytest.mark.parametrize("case", EQUAL)
def test_the_origin_of_a_file_is_found_and_reported(case):
    choices = []
    read_nir(DATA / f"{case}.nir", report=choices.append)
    origin = next(c for c in choices if c.name == "origin")
    assert origin.value.split()[0] == case.split("_")[0]
    assert origin.source == "deduced"


def test_verify_names_the_origin_and_says_when_the_file_looks_like_another_one():
    result = verify(DATA / "norse_lif.nir", steps=20, backends=["event"], rate=0.5)
    assert result["origin"] == "norse 1"
    other = verify(DATA / "sinabs_lif.nir", steps=20, backends=["event"], rate=0.5, origin="rockpool")
    assert other["origin"] == "rockpool 3"
    assert any("the file looks like sinabs 3" in line for line in other["choices"])
    plain = verify(DATA / "sinabs_iaf.nir", steps=20, backends=["event"], rate=0.5, origin="none")
    assert plain["origin"] is None


def currents(network, x):
    """Input of the first layer in every step, without recurrence: (steps, neurons)."""
    p = spiking(network)[0]
    total = np.zeros((STEPS, p.size))
    for q in network.projections:
        if q.post == p.name and q.pre != p.name:
            source = np.ones((STEPS, 1)) if q.pre == "bias" else x
            total += source @ q.weights.toarray().T
    return total + p.neuron.vector("bias", p.size) * (not np.any(p.neuron.alpha))


def first_layer(case, **options):
    network = read_nir(DATA / f"{case}.nir", **options)
    x, layers = recorded(case)
    lif = spiking(network)[0].neuron
    n = layers[0].shape[1]
    return currents(network, x), *(lif.vector(k, n) for k in ("alpha", "beta", "theta")), layers[0], network, x


@pytest.mark.parametrize("case", ["snntorch_synaptic_late", "snntorch_rsynaptic_late"])
def test_snntorch_late_reset_throws_the_input_of_v_away(case):
    i, alpha, beta, theta, theirs, network, x = first_layer(case)
    loops = [q.weights.toarray() for q in network.projections if q.pre == q.post]
    assert len(loops) == case.count("rsynaptic")
    u, v, s, found = 0 * theta, 0 * theta, 0 * theta, []
    for t in range(STEPS):
        u = alpha * u + i[t] + sum(loop @ s for loop in loops)
        v = np.where(s > 0, 0, beta * v + u)
        s = (v > theta) * 1
        found.append(s)
    assert np.array_equal(found, theirs)
    assert (rasters(network, x)[0] != theirs).any()


@pytest.mark.parametrize(("case", "lowest"), [("sinabs_multi", -np.inf), ("sinabs_reimported", -1.0)])
def test_sinabs_emits_several_spikes_in_one_step_by_default(case, lowest):
    """And its importer of NIR lets v of an IF not fall below -theta."""
    i, _, _, theta, theirs, network, x = first_layer(case, **SINABS)
    theta = np.nextafter(theta, np.inf)  # what >= had made smaller
    v, found = 0 * theta, []
    for t in range(STEPS):
        v = v + i[t]
        s = np.where(v > 0, np.trunc(v / theta), 0)
        v = np.maximum(v - s * theta, lowest)
        found.append(s)
    assert theirs.max() > 1
    assert np.array_equal(found, theirs)
    assert (rasters(network, x)[0] != theirs).any()


def test_origin_of_the_files_is_written_down():
    versions = json.loads((DATA / "versions.json").read_text())
    assert set(versions) == {"torch", "nir", "nirtorch", "snntorch", "norse", "sinabs"}
    assert {p.stem for p in DATA.glob("*.nir")} == {p.stem for p in DATA.glob("*.npz")}


def ours(neuron, dt):
    """20 - 30 - 10 neurons, weights on a grid of 1/64, and input spikes."""
    rng = np.random.default_rng(0)
    first, second = (np.round(64 * rng.normal(0.03, 0.2, shape)) / 64 for shape in ((30, 20), (10, 30)))
    populations = (Input("input", 20), Population("a", 30, neuron), Population("b", 10, neuron))
    projections = (Projection("input", "a", first, delay=0), Projection("a", "b", second, delay=0))
    network = Network(populations, projections, outputs=("b",), dt=dt)
    return network, rng.random((STEPS, 20)) < 0.2


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_snntorch_imports_what_we_write(alpha, tmp_path):
    import nir
    import torch
    from snntorch.import_nir import import_from_nir

    network, x = ours(LIF(alpha=alpha, beta=0.875), dt=1e-4)  # the step that its importer takes for granted
    write_nir(network, tmp_path / "ours.nir")
    cells, state, found = import_from_nir(nir.read(tmp_path / "ours.nir")), None, []
    for frame in torch.tensor(x, dtype=torch.float32):
        value, state = cells(frame[None], state)
        found.append(value[0].detach().numpy().astype(bool))
    spikes = simulate(network, {"input": x}, STEPS).spikes["b"].raster()
    assert 0.02 < spikes.mean() < 0.5
    assert np.array_equal(found, spikes)


#: What Norse's importer understands; of LIF it ignores r, as it says.
FOR_NORSE = {"ours_cuba": LIF(alpha=0.5, beta=0.75), "ours_if": LIF(beta=1.0)}


@pytest.mark.parametrize("case", FOR_NORSE)
def test_norse_imports_what_we_write(case):
    network, x = ours(FOR_NORSE[case], dt=1e-3)
    data = np.load(DATA / f"{case}.npz")
    assert read_nir(DATA / f"{case}.nir") == network
    assert np.array_equal(data["x"], x)
    assert np.array_equal(data["norse"], simulate(network, {"input": x}, STEPS).spikes["b"].raster())


if __name__ == "__main__":
    for case, neuron in FOR_NORSE.items():
        network, x = ours(neuron, dt=1e-3)
        write_nir(network, DATA / f"{case}.nir")
        np.savez_compressed(DATA / f"{case}.npz", x=x)
