"""Who waits for the compiler is told so once, after two seconds, in a terminal or not."""

import gc
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from snmem import _compiling as compiling

PROGRAM = """
import sys, time
from snmem import _compiling
from snmem._jit import kernel
_compiling.AFTER_S = float(sys.argv[1])
slow = _compiling.event

def work(x):
    return x + 1

def other(x):
    return x + 2

for function, module in ((work, "snmem.memory.own"), (other, "snmem.cost.own"), (other, "elsewhere")):
    function.__module__ = module
    details = {"dispatcher": kernel(function, keep=False), "args": (), "return_type": None}
    with slow.trigger_event("numba:compile", data=details), slow.trigger_event("numba:compile", data=details):
        while _compiling.AFTER_S < 1 and _compiling._watch._timer.is_alive():  # until the line is there
            time.sleep(0.01)
"""


def told(after: float, **environment: str) -> list[str]:
    """Lines on standard error, which is no terminal."""
    clean = {name: value for name, value in os.environ.items() if name != "SNMEM_COMPILE_NOTICE"}
    command = [sys.executable, "-c", PROGRAM, str(after)]
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_a_compiler_that_takes_long_is_named_with_its_time_and_only_first_as_the_first_run():
    assert told(0.02) == [
        "snmem: compiling the K-winner memory: about 5 s of processor time, in the first run only",
        "snmem: compiling the cost model: about 5 s of processor time",
    ]


def test_garbage_is_collected_again_afterwards():
    watch = compiling._Watch()
    during = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=print)})
    for collects in (True, False):
        (gc.enable if collects else gc.disable)()
        try:
            watch.on_start(during)
            watch.on_start(during)
            watch.on_end(during)
            assert not gc.isenabled()
            watch.on_end(during)
            assert gc.isenabled() == collects
        finally:
            gc.enable()


@pytest.mark.parametrize(("after", "environment"), [(3000.0, {}), (0.02, {"SNMEM_COMPILE_NOTICE": "0"})])
def test_nothing_is_said_of_what_is_quick_or_where_it_is_turned_off(after, environment):
    assert told(after, **environment) == []
