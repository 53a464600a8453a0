"""Settings of all tests: no windows, and the same examples in every run. And the command line as a fixture."""

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from snmem.cli import main

os.environ["MPLBACKEND"] = "Agg"
for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "TTY_COMPATIBLE"):  # colours for what is no terminal
    os.environ.pop(name, None)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the Makefile, for libraries and processes that start from here on
os.environ["SNMEM_COMPILE_NOTICE"] = "0"  # what tests read on standard error does not depend on what was compiled
os.environ["SNMEM_FIRST_RUN"] = "compile"  # nor does what they run
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it,
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and this one under nohup
# No clock: on a busy machine examples may come slowly.
settings.register_profile("snmem", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("snmem")

#: The command line as a process of its own.
SNMEM = (sys.executable, "-m", "snmem")


@dataclass
class Result:
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    def error(self) -> str:
        """The message of a failed call, after checking its form."""
        assert self.code not in (0, 2)
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("snmem: error: ")]
        assert len(lines) == 1
        assert self.err.splitlines()[-1] == lines[0]
        return lines[0].removeprefix("snmem: error: ")


@pytest.fixture
def snmem(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Calls the command line in this process."""

    def call(*args: Any) -> Result:
        capfd.readouterr()
        code = main([str(arg) for arg in args])
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture(scope="module", autouse=True)
def lasting_objects_are_left_alone() -> None:
    """The millions of objects of imported libraries are not searched for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def no_backend_stays() -> Iterator[None]:
    """A test module leaves no backend of its own behind, by which the results of others would depend on their order."""
    yield
    base = sys.modules.get("snmem.backends.base")
    assert base is None or set(base.BACKENDS) - set(base.BUILT_IN) == set()


@pytest.fixture
def threads_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs on several threads use all of them from the first step on, however busy the machine is."""
    from snmem.backends.event import team, turns

    monkeypatch.setattr(team, "START_S", 60.0)
    monkeypatch.setattr(turns.Turns, "choose", lambda self, now: (True, 1.0))
