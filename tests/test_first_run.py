"""The first run goes on in numpy while the engine is compiled: the same results, whichever is done first."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snmem import LIF, Input, Interrupted, Network, Population, Projection, Record, Spikes, simulate
from snmem import _compiling as compiling
from snmem._jit import NotKeptError, config
from snmem.backends.base import Job
from snmem.backends.event import first_run, helper
from snmem.backends.event.first_run import Begun
from snmem.backends.event.layout.network import EventState
from snmem.conformance import features_of, random_inputs, random_network
from snmem.errors import BackendError, InputError
from snmem.plasticity import PairSTDP
from snmem.verify import verify

STEPS = 30


class Compiler:
    """What compiles meanwhile, and is done when the test says so: after so many looks, or never."""

    def __init__(self, looks: float = np.inf, mine: bool = True) -> None:
        self.looks, self.mine, self.started = looks, mine, 0

    def __call__(self, job: Any) -> "Compiler":
        self.started += 1
        return self

    def ended(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def start(self) -> None:
        self.mine, self.looks = True, np.inf


@pytest.fixture
def cold(monkeypatch):
    """Lets runs of new networks find nothing compiled; called with what compiles meanwhile."""

    def missing(job):
        raise NotKeptError

    def begin(compiler):
        monkeypatch.setenv(compiling.FIRST_RUN, "reference")
        monkeypatch.setattr(first_run, "_if_compiled", missing)
        monkeypatch.setattr(first_run, "Helper", compiler)
        monkeypatch.setattr(first_run, "LOOK_S", 0.0)
        return compiler

    yield begin
    helper.end_helpers()


def small() -> Network:
    rng = np.random.default_rng(1)
    learns = Projection("n", "n", rng.uniform(0, 0.1, (20, 20)), plasticity=PairSTDP())
    given = Projection("i", "n", rng.random((20, 10)))
    return Network((Input("i", 10), Population("n", 20, LIF(0.5, 0.9, theta=1.0))), (given, learns))


RASTER = np.random.default_rng(0).random((STEPS, 10)) < 0.3


def job_of(network: Network) -> Job:
    return Job(network, {"i": Spikes.from_raster(RASTER)}, STEPS)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("arithmetic", ["float", "loihi"])
def test_runs_are_the_same_and_go_on_the_same_whoever_is_done_first(cold, seed, arithmetic):
    warm, new = (random_network(seed, arithmetic=arithmetic, features=features_of(arithmetic, set())) for _ in "ab")
    inputs = random_inputs(warm, seed, STEPS)
    traces = [f"{p.name}.{x}" for p in warm.neurons for x in p.neuron.variables]
    wanted = [simulate(warm, inputs, STEPS, record=traces, counters=True)]
    wanted.append(simulate(warm, inputs, STEPS, state=wanted[0].state))
    wanted.append(simulate(warm, inputs, STEPS, state=wanted[1].state))
    cold(Compiler())
    first = simulate(new, inputs, STEPS, record=traces, counters=True)
    second = simulate(new, inputs, STEPS, state=first.state)
    assert repr(second.state) == (
        f"RunState(backend='event', step={2 * STEPS}, reached in numpy while the engine was compiled)"
    )
    cold(Compiler(0))  # the engine takes over from where the reference ended
    third = simulate(new, inputs, STEPS, state=pickle.loads(pickle.dumps(second.state)))
    assert isinstance(third.state.data, EventState)
    assert [first, second, third] == wanted
    assert (first.backend, first.state.step, third.state.step) == ("event", STEPS, 3 * STEPS)
    for kept in ("traces", "weights"):
        types = [{name: (type(x), x.dtype) for name, x in getattr(r, kept).items()} for r in (first, wanted[0])]
        assert types[0] == types[1]


@pytest.mark.parametrize(
    "record",
    [
        Record(spikes={"n": [1, 5]}, traces={"n.v": [3]}, every=7),
        Record(spikes=False, counts="n", rates="n", bin=4),
        Record(weights="n->n", every=5),
    ],
    ids=["some", "counts", "weights"],
)
def test_what_is_chosen_is_recorded_the_same(cold, record):
    wanted = simulate(small(), RASTER, record=record)
    cold(Compiler())
    assert simulate(small(), RASTER, record=record) == wanted


def test_a_compiler_that_is_done_first_lets_the_engine_run_all_of_it_and_progress_never_goes_back(cold):
    wanted, told = simulate(small(), RASTER), []
    cold(Compiler(looks=9))
    found = simulate(small(), RASTER, progress=told.append)
    assert isinstance(found.state.data, EventState)
    assert found == wanted
    assert told == sorted(set(told)), "each step once"
    assert (told[:10], told[-1]) == (list(range(1, 11)), STEPS)


def test_the_compiler_of_another_process_is_waited_for_and_then_asked_whether_it_was_enough(cold, monkeypatch):
    compiler = cold(Compiler(looks=3, mine=False))
    monkeypatch.setattr(first_run, "is_compiled", lambda job: False)
    assert isinstance(simulate(small(), RASTER).state.data, Begun), "it began another, which is not done"
    assert compiler.mine
    monkeypatch.setattr(first_run, "is_compiled", lambda job: True)
    cold(Compiler(looks=3, mine=False))
    assert isinstance(simulate(small(), RASTER).state.data, EventState)


def test_where_nothing_can_be_started_or_kept_it_is_compiled_here(cold, monkeypatch):
    cold(helper.Helper)
    monkeypatch.setattr(helper, "writable_place", lambda file: None)
    assert isinstance(simulate(small(), RASTER).state.data, EventState)


@pytest.mark.parametrize("options", [{"exact": False}, {"threads": 2}, {"to": True}], ids=["exact", "threads", "to"])
def test_runs_that_the_reference_cannot_stand_in_for_wait(cold, tmp_path, options):
    compiler = cold(Compiler())
    simulate(small(), RASTER, **options | ({"to": tmp_path / "run.h5"} if "to" in options else {}))
    assert compiler.started == 0


def test_nor_can_it_where_it_takes_longer_than_the_compiler(cold, monkeypatch):
    cold(Compiler())
    long = Job(small(), {"i": Spikes.from_raster(np.zeros((80_000, 10)))}, 80_000)  # about 12 s
    assert first_run.may_begin(job_of(small()))
    monkeypatch.setattr(first_run.os, "sched_getaffinity", lambda process: {0, 1})
    assert first_run.may_begin(long)
    monkeypatch.setattr(first_run.os, "sched_getaffinity", lambda process: {0})
    assert not first_run.may_begin(long), "they share a core"
    monkeypatch.setattr(first_run, "SYNAPSES", 599)
    assert not first_run.may_begin(job_of(small())), "200 and 400 synapses"


def test_the_variable_and_whoever_compares_let_it_wait(cold, monkeypatch):
    compiler = cold(Compiler())
    assert verify(small(), {"i": RASTER}, backends=["event"])["agree"]
    monkeypatch.setenv(compiling.FIRST_RUN, "compile")
    simulate(small(), RASTER)
    assert compiler.started == 0
    monkeypatch.setenv(compiling.FIRST_RUN, "yes")
    with pytest.raises(InputError, match=r"^SNMEM_FIRST_RUN='yes': must be 'compile' or 'reference'$"):
        simulate(small(), RASTER)


def test_what_the_engine_refuses_is_refused_from_the_first_run_on(cold, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv(compiling.FIRST_RUN, "reference")
    network = Network((Input("i", 1), Population("n", 1, LIF())), (Projection("i", "n", [[1.0]], delay=10**9),))
    with pytest.raises(BackendError, match="has a delay of 1,000,000,000 steps"):
        simulate(network, steps=5)


def test_the_notice_says_what_is_compiled_and_what_runs_meanwhile(cold, monkeypatch, capfd):
    cold(Compiler())
    monkeypatch.setattr(compiling, "AFTER_S", 0.0)
    monkeypatch.setattr(compiling, "_watch", compiling._Watch())
    simulate(small(), RASTER)
    assert capfd.readouterr().err == ""
    monkeypatch.delenv("SNMEM_COMPILE_NOTICE")
    said = []

    def wait(done):
        """Until the line is there: it comes from a thread."""
        while not said or not said[-1].endswith("\n"):
            said.append(capfd.readouterr().err)

    simulate(small(), RASTER, progress=wait)
    assert "".join(said) == (
        "snmem: compiling the event engine: about 17 s of processor time, in the first run only; meanwhile this run "
        "goes on in numpy, with the same bits\n"
    )


@pytest.fixture
def folder(cold, monkeypatch, tmp_path):
    """Compilers are processes, which keep machine code in a folder of the test's own."""
    cold(helper.Helper)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    return tmp_path


#: A process that finds machine code in a new folder only, and none there; what it starts compiles nothing.
COLD = """
import sys
from snmem import _jit
places = _jit.places
_jit.places = lambda source: places(source)[:1]
sys.path.insert(0, sys.argv[1])
from test_first_run import RASTER, helper, simulate, small
helper._CODE = "import time; time.sleep(600)"
found = simulate(small(), RASTER)
print(found.state, len(helper._started), found.spikes["n"].raster().tobytes().hex())
helper.end_helpers()
"""


def test_a_process_that_finds_nothing_compiled_runs_all_the_same(tmp_path):
    clean = os.environ | {compiling.FIRST_RUN: "", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COLD, str(Path(__file__).parent)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=True)
    spikes = simulate(small(), RASTER).spikes["n"].raster().tobytes().hex()
    state = f"RunState(backend='event', step={STEPS}, reached in numpy while the engine was compiled)"
    assert done.stdout.split("\n") == [f"{state} 1 {spikes}", ""]


def test_ctrl_c_ends_the_process_that_compiles_and_hands_over_what_was_recorded(folder, monkeypatch):
    monkeypatch.setattr(helper, "_CODE", "import time; time.sleep(600)")
    processes = []

    def press(done):
        if done == 7:
            processes.extend(helper._started)
            signal.raise_signal(signal.SIGINT)

    wanted = simulate(small(), RASTER[:7])
    with pytest.raises(Interrupted) as caught:
        simulate(small(), RASTER, progress=press)
    assert caught.value.recording == wanted
    assert caught.value.recording.state.data is None
    assert [process.returncode for process in processes] == [-signal.SIGKILL]
    assert helper._started == []


def test_one_process_compiles_at_a_time_and_its_end_is_seen_however_it_comes(folder, monkeypatch):
    monkeypatch.setattr(helper, "_CODE", "import time; time.sleep(600)")
    job = job_of(small())
    first, second = helper.Helper(job), helper.Helper(job)
    assert (first.mine, second.mine) == (True, False)
    assert not first.ended()
    assert not second.ended()
    helper.end_helpers()
    assert first.ended()
    assert second.ended()
    second.start()
    assert second.mine


def test_the_process_compiles_what_the_run_needs(folder):
    compiler = helper.Helper(job_of(small()))
    assert compiler.process is not None
    assert compiler.process.wait() == 0
    assert helper.is_compiled(job_of(small()))


def test_where_it_dies_the_engine_is_compiled_here(folder, monkeypatch):
    monkeypatch.setattr(helper, "_CODE", "import os; os._exit(3)")
    wanted = simulate(small(), RASTER)

    def wait(done):
        for process in helper._started:
            process.wait()

    found = simulate(small(), RASTER, progress=wait)
    assert isinstance(found.state.data, EventState)
    assert found == wanted
