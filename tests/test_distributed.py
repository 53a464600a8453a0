"""Backend "mpi": the bits of one process on any number of ranks, and how ranks end."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import on_ranks
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, open_recording, simulate
from snmem.errors import BackendError, NetworkError
from snmem.plasticity import SetClear
from snmem.sources import Poisson
from snmem.topology import RULES, Normal, Uniform, fixed_in_degree, own_rows
from snmem.topology.own import share

MPIEXEC = Path(sys.executable).with_name("mpiexec")


def mpiexec(ranks, *arguments, **options):
    command = [MPIEXEC, "-n", str(ranks), sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, **options)


@pytest.fixture(scope="module")
def alone():
    return {name: json.loads(json.dumps(on_ranks.results(name, "event"))) for name in on_ranks.NETWORKS}


@pytest.mark.parametrize("ranks", [2, 4])
def test_any_number_of_ranks_gives_the_bits_of_one_process(alone, ranks, tmp_path):
    run = mpiexec(ranks, on_ranks.__file__, "all", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    for name, expected in alone.items():
        assert sum(expected["counters"][0].values()) > 100
        assert found[name] == expected, name
    assert found["plastic, built whole"] == alone["plastic"]
    assert found["bursts, two threads"] == alone["bursts"]
    assert found["random networks that differ"] == []
    assert found["spikes, by file"] == alone["plastic"]["counters"][0]
    files = [open_recording(tmp_path / f"rank-{rank}.h5") for rank in range(ranks)]
    for name in ("a", "b", "c"):
        stored = [file.spikes[name].read() for file in files]
        parts = [np.stack([s.step, s.neuron]) for s in stored]
        for rank, (_, neuron) in enumerate(parts):
            low, high = share(stored[0].size, rank, ranks)
            assert not neuron.size or low <= neuron.min() <= neuron.max() < high
        together = np.concatenate(parts, axis=1)
        ordered = together[:, np.lexsort(together[::-1])]
        assert on_ranks.digest(ordered) == alone["plastic"]["spikes"][name]


def test_ranks_that_are_given_different_things_say_which():
    run = mpiexec(2, on_ranks.__file__, "disagree")
    assert run.returncode == 0, run.stderr
    found = [text.partition("different things: ")[2].partition(";")[0] or text for text in json.loads(run.stdout)]
    drive, recurrent, inside, trial = "population 'drive'", "projection 'cells->cells'", "projection 'in->cells'", "ran"
    steps, spikes = "steps and records", "spikes of 'in'"
    expected = [drive, recurrent, trial, steps, steps, spikes, inside, trial]
    assert [text.strip("'\"") for text in found] == [text.strip("'") for text in expected]


def test_ranks_with_other_arguments_end_in_one_line_and_nobody_waits():
    """Also where one of them would be refused by itself."""
    verb = [sys.executable, "-m", "snmem", "run", "brunel", "--backend", "mpi"]
    run = mpiexec(1, "-m", *verb[2:], "--set", "neurons=100", ":", "-n", "1", *verb, "--set", "bogus=2")
    assert run.returncode
    said = [line for line in run.stderr.splitlines() if line.startswith("snmem: error")]
    assert len(said) == 1, run.stderr
    assert "ranks 0 and 1 were given different things: '--set'" in said[0]


@pytest.mark.parametrize("how", ["fails", "raises"])
def test_a_rank_that_fails_alone_ends_all_and_says_so(how):
    """In the midst of a run, or in the script before the run that the others have begun."""
    run = mpiexec(2, on_ranks.__file__, how)
    assert run.returncode
    said = [line for line in run.stderr.splitlines() if line.startswith("snmem:")]
    assert said == ["snmem: error: rank 1 of 2: no room"]
    assert run.stdout == ""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="says who was killed on Linux only")
def test_a_rank_that_is_killed_ends_all_and_is_named():
    settings = ["--set", "neurons=1250", "--set", "seconds=1000"]
    command = [MPIEXEC, "-n", "2", sys.executable, "-m", "snmem", "run", "brunel", "--backend", "mpi", *settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as launcher:
        ranks = ranks_below(launcher.pid)
        processes = [psutil.Process(pid) for pid in ranks.values()]
        os.kill(ranks[1], signal.SIGKILL)
        _, error = launcher.communicate(timeout=600)
    said = [line for line in error.splitlines() if line.startswith("snmem: error")]
    assert len(said) == 1, error
    assert f"rank 1 (process {ranks[1]} on " in said[0]
    assert said[0].endswith(" of 2 has ended while others need it; all ranks end")
    assert launcher.returncode
    assert psutil.wait_procs(processes, timeout=600)[1] == []


def ranks_below(launcher):
    """Processes by rank, once there is one that watches them."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        below = psutil.Process(launcher).children(recursive=True)
        with suppress(psutil.Error):
            if any("pidfd_open" in "".join(p.cmdline()) for p in below):
                return {int(p.environ()["PMI_RANK"]): p.pid for p in below if p.cmdline()[1:3] == ["-m", "snmem"]}
        time.sleep(0.2)
    raise TimeoutError("the ranks did not begin")


@pytest.mark.parametrize(("weights", "delays"), [(Normal(1, 0.3), Uniform(0.6, 9.4)), (1.0, 2)])
@pytest.mark.parametrize("name", list(RULES))
def test_rules_draw_the_rows_of_a_rank_as_those_of_the_whole(name, weights, delays):
    pre, post = Population("pre", 30, LIF()), Population("post", 30, LIF())
    places = np.random.default_rng(0).random((30, 2))
    own = {
        "fixed_probability": {"p": 0.3},
        "fixed_in_degree": {"in_degree": 7},
        "fixed_out_degree": {"out_degree": 7},
        "fixed_total_number": {"number": 200},
        "distance_dependent": {"positions": (places, places), "scale": 0.3},
    }.get(name, {})

    def build():
        return RULES[name](pre, post, **own, weights=weights, delays=delays, seed=3)

    whole, ranks = build(), 4
    for rank in range(ranks):
        with own_rows(rank, ranks):
            part = build()
        low, high = share(30, rank, ranks)
        begin, end = whole.weights.indptr[[low, high]]
        assert part.weights.rows == (low, high)
        assert part.weights.shape == (30, 30)
        assert part.weights.indptr.tolist() == (whole.weights.indptr.clip(begin, end) - begin).tolist()
        assert part.weights.indices.tolist() == whole.weights.indices[begin:end].tolist()
        assert part.weights.data.tolist() == whole.weights.data[begin:end].tolist()
        assert np.all(part.delay == (whole.delay if isinstance(whole.delay, int) else whole.delay[begin:end]))


def test_a_projection_may_have_more_synapses_than_a_rank_holds():
    pre, post = Population("pre", 20_000, LIF()), Population("post", 400_000, LIF())
    with pytest.raises(NetworkError, match="4,000,000,000 synapses, a projection holds at most 2,147,483,647"):
        fixed_in_degree(pre, post, 10_000, multapses=False, dtype=np.int8)
    with own_rows(3999, 4000):
        last = fixed_in_degree(pre, post, 10_000, multapses=False, dtype=np.int8)
    with own_rows(39_999, 40_000):
        fewer = fixed_in_degree(pre, post, 10_000, multapses=False, dtype=np.int8)
    assert (last.synapses, fewer.synapses) == (1_000_000, 100_000)
    assert (last.weights[-10:] != fewer.weights[-10:]).nnz == 0


@given(st.integers(0, 40), st.integers(1, 40), st.data())
def test_a_source_draws_some_lines_as_it_draws_all(low, size, data):
    high = data.draw(st.integers(low, low + size))
    rates = data.draw(st.sampled_from([3.0, 0.2, "two", "many"]))
    rate = {"two": np.arange(80) % 2 * 0.3, "many": np.linspace(0, 0.9, 80)}.get(rates, rates)
    source = Poisson("lines", 80, rate=rate, unit="step", several=data.draw(st.booleans()) or rates == 3.0)
    step, line, value = source.draw(5, 15, 1e-3)
    mine = (line >= low) & (line < high)
    own = source.draw_part(5, 15, 1e-3, low, high)
    assert own[0].tolist() == step[mine].tolist()
    assert own[1].tolist() == (line[mine] - low).tolist()
    values = np.ones(len(line)) if value is None else value
    assert (np.ones(len(own[1])) if own[2] is None else own[2]).tolist() == values[mine].tolist()


def test_a_part_of_a_network_is_taken_for_the_whole_by_nobody():
    cells = Population("cells", 8, LIF())
    with own_rows(1, 2):
        part = Network((cells,), (fixed_in_degree(cells, cells, 3),))
    for backend in ("event", "reference"):
        with pytest.raises(BackendError, match="projection 'cells->cells' holds the synapses of one rank only"):
            simulate(part, {}, 3, backend)
    with pytest.raises(BackendError, match=r"onto neurons 4..7, this rank has 0..7; draw it within"):
        simulate(part, {}, 3, "mpi")
    for rank, ranks in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(NetworkError, match="own_rows: rank"), own_rows(rank, ranks):
            pass


@pytest.mark.parametrize(
    ("projection", "words"),
    [
        ({"delay": 0, "pre": "in"}, "projection 'in->a' has delay 0"),
        ({"pre": "a", "signal": "v"}, "delivers potentials"),
        ({"pre": "a", "plasticity": SetClear(clear="a")}, "learns by the rule SetClear"),
    ],
)
def test_what_cannot_be_divided_is_refused_by_name(projection, words):
    network = Network(
        (Input("in", 4), Population("a", 4, LIF())), (Projection(**projection, post="a", weights=np.eye(4)),)
    )
    with pytest.raises(BackendError, match=words):
        simulate(network, {}, 3, "mpi")
