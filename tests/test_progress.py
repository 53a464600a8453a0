"""The bar of long simulations: in a terminal only, late, and gone when asked to be."""

import os
import pty
import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading, time
from dataclasses import replace
from snmem import LIF, Network, Population, progress, simulate
from snmem.backends.base import Backend, register_backend
from snmem.backends.reference import run
progress.AFTER_S = float(sys.argv[1])
appear, appeared = progress.LateBar._appear, threading.Event()

def appears(bar):
    appear(bar)
    appeared.set()

progress.LateBar._appear = appears

def slow(job):
    for done in range(1, 41):
        time.sleep(0.025)
        if done == 30 and sys.argv[3:] == ["awaited"]:
            appeared.wait()  # however busy the machine is
        if job.progress:
            job.progress(done)
    return run(replace(job, progress=None))

register_backend(Backend("slow", slow))
net = Network((Population("h", 1, LIF()),))
assert simulate(net, {}, 40, "slow", **eval(sys.argv[2])).steps == 40
"""


def _in_terminal(after_s, options, *more):
    """What a terminal receives on standard error."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", PROGRAM, str(after_s), options, *more]
    process = subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL, env=environment)
    os.close(slave)
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(master)
    assert process.wait() == 0
    return seen.decode()


def test_a_long_simulation_shows_a_bar_in_a_terminal():
    seen = _in_terminal(0.2, "{}", "awaited")
    assert "slow: 40 steps" in seen
    assert seen.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in seen  # the line is cleared, the cursor is back


@pytest.mark.parametrize(
    ("after_s", "options"), [(3000, "{}"), (0.2, "{'progress': False}"), (0.2, "{'progress': lambda done: None}")]
)
def test_short_ones_and_those_asked_not_to_show_nothing(after_s, options):
    assert _in_terminal(after_s, options) == ""


def test_elsewhere_nothing_is_shown():
    done = subprocess.run([sys.executable, "-c", PROGRAM, "0.2", "{}"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
