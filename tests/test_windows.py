"""What Windows lacks is not needed: modules and functions of Unix alone are taken away, then the package is used.

Paths and processes stay those of this system, so this is less than a run on Windows; it keeps imports out that would
end there at once.
"""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import importlib, os, pkgutil, signal, sys, time
import h5py, matplotlib, multiprocessing.popen_spawn_posix, numba, random, scipy.sparse, subprocess, torch

for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
gone = {
    os: "register_at_fork fork forkpty geteuid getuid getegid getgid killpg setsid getpgid setpgid sched_yield statvfs",
    signal: "pthread_sigmask pthread_kill SIGKILL SIGHUP SIGQUIT SIGALRM SIGCHLD SIGPIPE setitimer alarm",
    time: "clock_gettime",
}
for module, names in gone.items():
    for name in names.split():
        delattr(module, name)

import snmem
UNIX = (".lava.processes", ".lava.child", ".conformance.test_", "__main__")  # Lava's child, tests that pytest loads
for module in pkgutil.walk_packages(snmem.__path__, "snmem."):
    if not any(part in module.name for part in UNIX):
        importlib.import_module(module.name)

import numpy as np
from snmem import LIF, Input, KWinnerMemory, Network, Population, Projection, read_nir, simulate, write_nir
from snmem.cli import main
from snmem.cost import measure
from snmem.sweep import sweep

net = Network((Input("i", 1), Population("a", 1, LIF(theta=0.5))), (Projection("i", "a", [[1.0]]),))
x = {"i": np.ones((10, 1), bool)}
print("spikes", *(len(simulate(net, x, 10, threads=n).spikes["a"]) for n in (1, 2)))
write_nir(net, "a.nir")
print("equal", read_nir("a.nir") == net)
print("joules", measure(net, x, 10, "generic").dynamic["total"] > 0)
memory = KWinnerMemory.for_patterns(60, 8)
memory.store(np.arange(60) < 8)
memory.save("m.npz")
print("recalled", int(KWinnerMemory.load("m.npz").recall(np.arange(60) < 8).sum()))

def double(seed: int = 0, x: float = 1.0):
    return {"y": 2 * x}

double.__module__ = "own"
print("swept", *sweep(double, {"x": (1.0, 2.0)}, 1, "swept", report=lambda text: None).data["y"].values.ravel())
for verb in (["inspect", "a.nir"], ["simulate", "a.nir", "--out", "run"], ["cost", "a.nir", "--chip", "generic"]):
    print(verb[0], main(verb), file=sys.stderr)
"""


def test_the_package_runs_without_what_windows_lacks(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:5] == ["spikes 9 9", "equal True", "joules True", "recalled 8", "swept 2.0 4.0"]
    verbs = [line for line in done.stderr.splitlines() if line.endswith(" 0")]
    assert verbs == ["inspect 0", "simulate 0", "cost 0"]
