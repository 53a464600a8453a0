"""Golden vectors: Loihi's arithmetic as Lava computed it, checked without Lava."""

import gzip
import os
import subprocess
import sys
from itertools import chain

import numpy as np
import pytest

from snmem import Input, LoihiLIF, Network, Population, Projection, SumOfProducts, simulate
from snmem.c_target.compile import write
from snmem.c_target.run import build, run
from snmem.c_target.tables import describe
from snmem.conformance import golden
from snmem.errors import FileError

VECTORS = golden.vectors()


def test_there_are_enough_of_every_kind():
    fixed = [v for v in VECTORS if v.network.arithmetic == "loihi"]
    assert len(fixed) == len(VECTORS) - len(fixed) == 72
    own = [p.neuron for v in VECTORS if "extended" in v.id for p in v.network.neurons]
    assert {name for neuron in own for name in neuron.features} == {"refractory", "loihi_subtract", "initial_state"}
    assert any(neuron.arithmetic == "float" and neuron.reset == "subtract" for neuron in own)
    projections = list(chain.from_iterable(v.network.projections for v in fixed))
    assert sum(q.plasticity is not None for q in projections) >= 20
    assert len({q.plasticity.dw for q in projections if isinstance(q.plasticity, SumOfProducts)}) >= 6
    assert {q.exponent for q in projections} >= {-2, -1, 0, 1, 2}
    assert max(q.delay for q in projections) > 2
    assert sum(p.clear_every is not None for v in VECTORS for p in v.network.neurons) > 10
    assert min(sum(map(len, v.expected.spikes.values())) for v in VECTORS) >= 20


@pytest.mark.parametrize("backend", ["reference", "event", "loihi"])
def test_emulators_do_what_lava_did(backend):
    """Spikes, u, v and learned weights, bit for bit."""
    done = 0
    for vector in VECTORS:
        learns = any(q.plasticity for q in vector.network.projections)
        fits = vector.network.arithmetic == "loihi" if backend == "loihi" else not (learns and backend == "event")
        if fits:
            golden.check(vector, backend)
            done += 1
    assert done >= {"reference": 144, "event": 120, "loihi": 72}[backend]


def test_c_programs_do_what_lava_did(tmp_path):
    still = [v for v in VECTORS if v.id.startswith("fixed") and not any(q.plasticity for q in v.network.projections)]
    for vector in [*still[:3], *still[-3:]]:
        folder = tmp_path / vector.id
        write(folder, describe(vector.network))
        ran = run(build(folder, folder / "network"), vector.network, vector.inputs, vector.steps)
        assert dict(ran.spikes) == {p.name: vector.expected.spikes[p.name] for p in vector.network.neurons}, vector.id


def test_the_suite_runs_where_lava_cannot_be_imported(tmp_path):
    """The golden part of the conformance suite, on the emulator, with Lava hidden."""
    (tmp_path / "hide.py").write_text("import sys\nsys.modules['lava'] = None\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "hide", "--pyargs"]
    command += ["snmem.conformance.test_golden", "--snmem-backend", "loihi", "--snmem-arithmetic", "loihi"]
    done = subprocess.run(command, cwd=tmp_path, env=_environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "72 passed" in done.stdout


def _environment(folder):
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


def test_a_difference_is_named_and_a_changed_file_is_refused(tmp_path, monkeypatch):
    vector = VECTORS[0]
    name = next(iter(vector.expected.traces))
    changed = {**vector.expected.traces, name: vector.expected.traces[name] + 1}
    with pytest.raises(AssertionError, match=rf"{vector.id}.*{name}"):
        golden.check(vector._replace(expected=vector.expected._replace(traces=changed)), "reference")
    copy = tmp_path / golden.FILE.name
    copy.write_bytes(gzip.compress(gzip.decompress(golden.FILE.read_bytes()) + b"\n"))
    monkeypatch.setattr(golden, "FILE", copy)
    golden.vectors.cache_clear()
    with pytest.raises(FileError, match=r"loihi.jsonl.gz: is not the file that was recorded"):
        golden.vectors()
    monkeypatch.undo()
    golden.vectors.cache_clear()


def test_a_weight_below_the_limit_stays_until_a_rule_changes_it():
    """As in Lava: -256 among weights <= 0 is clipped to -255 by learning only."""
    rule = SumOfProducts("2^-1*y0*x1", x1=(127, 0))
    populations = (Input("in", 1), Input("teach", 1), Population("a", 1, LoihiLIF(du=4095, dv=4095, vth=9)))
    projections = (Projection("in", "a", [[-256]], plasticity=rule), Projection("teach", "a", [[255]], exponent=2))
    network = Network(populations, projections)
    inputs = {"in": ([0, 2], [0, 0]), "teach": ([1], [0])}
    u = simulate(network, inputs, 5, "loihi", record=["a.u"]).traces["a.u"][:, 0] / 64
    still = simulate(network.freeze(), inputs, 5, "loihi", record=["a.u"]).traces["a.u"][:, 0] / 64
    assert (u[1], still[1]) == (-256, -255)
    assert np.array_equal(u[2:3], [1020])
