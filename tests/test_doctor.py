"""The report of what is installed, and the installer of Lava."""

import json
import shlex
import sys
from importlib.metadata import version

import pytest

from snmem.errors import BackendError, MissingDependencyError
from snmem.installation import doctor as module
from snmem.installation.doctor import doctor
from snmem.lava import install as installer
from snmem.lava import shim

# ---- doctor --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return {row.name: row for row in doctor()}


def test_what_is_installed_is_found_to_work(rows):
    for name in ("numpy", "scipy", "numba", "nir", "h5py", "matplotlib", "xarray"):
        assert rows[name] == (name, version(name), True, "", "", True)
    assert rows["python"].version == ".".join(map(str, sys.version_info[:3]))
    assert rows["C++ compiler"].ok


def test_lava_is_put_to_work(rows):
    assert rows["lava-nc"] == ("lava-nc", "0.10.0", True, "", "two neurons ran in fixed point, spikes equal", False)


def test_every_row_is_ready_for_json_and_has_a_remedy_where_something_is_wrong(rows):
    for row in rows.values():
        assert json.loads(json.dumps(row._asdict()))["ok"] is row.ok
        assert bool(row.remedy) is not row.ok


def test_an_absent_package_comes_with_the_command_of_its_extra(monkeypatch):
    monkeypatch.setattr(module, "version", missing)
    row = module._package("brian2", "import brian2", "brian2")
    assert (row.version, row.ok, row.required) == (None, False, False)
    assert shlex.split(row.remedy)[:2] == ["pip", "install"]
    assert any(word.startswith("cython") for word in shlex.split(row.remedy))


def test_the_command_for_numpy_keeps_the_limits_of_this_package():
    requirements = [r for r in module.requires("snmem") or [] if r.startswith("numpy")]
    assert shlex.split(module._command("numpy", None))[2:] == requirements
    assert len(requirements) > 1


def test_a_broken_package_is_found_and_what_it_said_is_told():
    row = module._package("numpy", "raise ImportError('no such symbol')", None)
    assert (row.version, row.ok, row.note) == (version("numpy"), False, "ImportError: no such symbol")
    assert row.remedy.endswith("--force-reinstall")


def test_a_machine_without_compiler_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CXX", "")
    row = module._compiler()
    assert (row.version, row.ok, row.note) == (None, False, "none found")
    assert "g++" in row.remedy


def test_a_check_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    assert module._try([sys.executable, "-c", "import time; time.sleep(60)"]) == "no answer within 0.3 s"


def test_lava_absent_stuck_or_of_another_version(monkeypatch):
    def stuck(*_args, **_options):
        raise BackendError("Lava gave no result in time")

    monkeypatch.setattr("snmem.simulation.simulate", stuck)
    row = module._lava()
    assert (row.version, row.ok, row.note) == ("0.10.0", False, "Lava gave no result in time")
    monkeypatch.setattr(shim, "installed_version", lambda: "0.9.0")
    row = module._lava()
    assert (row.version, row.remedy) == ("0.9.0", "snmem lava install")
    assert "0.10.0 is needed" in row.note
    monkeypatch.setattr(shim, "installed_version", lambda: None)
    assert module._lava()[:4] == ("lava-nc", None, False, "snmem lava install")


def missing(name):
    raise module.PackageNotFoundError(name)


# ---- snmem lava install --------------------------------------------------------------------------------------------


class Machine:
    """Stands for an environment: which packages are there, which commands fail, and what was run."""

    def __init__(self, monkeypatch, present, failing=(), uv=False):
        self.present, self.failing, self.commands, self.said = set(present), failing, [], []
        monkeypatch.setattr(installer, "find_spec", self.find)
        monkeypatch.setattr(shim, "find_spec", self.find)
        monkeypatch.setattr(shim, "installed_version", lambda: "0.10.0" if "lava-nc" in self.present else None)
        monkeypatch.setattr(installer, "_run", self.run)
        monkeypatch.setattr(installer.shutil, "which", lambda name: f"/bin/{name}" if uv else None)

    def find(self, name):
        return name if name in self.present else None

    def run(self, command):
        self.commands.append(" ".join(command).replace(sys.executable, "python"))
        for word in self.failing:
            if word in command:
                return f"ERROR: {word} does not work here"
        brought = {"pip"} if "ensurepip" in command or command[-1] == "pip" else command[command.index("install") :]
        self.present |= {word.split("==")[0] for word in brought}
        return None

    def install(self):
        return installer.install(self.said.append)


PIP = "python -m pip install --disable-pip-version-check --no-input --quiet"


def test_install_runs_pip_as_needed_and_then_nothing_more(monkeypatch):
    machine = Machine(monkeypatch, {"pip"})
    assert machine.install().startswith("lava-nc 0.10.0 is installed in")
    lava = f"{PIP} --no-deps --ignore-requires-python lava-nc==0.10.0"
    assert machine.commands == [lava, f"{PIP} asteval networkx"]
    assert len(machine.said) == 1
    assert "already installed" in machine.install()
    assert len(machine.commands) == 2


def test_install_completes_what_is_half_there(monkeypatch):
    machine = Machine(monkeypatch, {"pip", "lava-nc", "networkx"})
    machine.install()
    assert machine.commands[-1] == f"{PIP} asteval"


def test_an_environment_without_pip_gets_one(monkeypatch):
    machine = Machine(monkeypatch, ())
    machine.install()
    assert machine.commands[0] == "python -m ensurepip --default-pip"
    machine = Machine(monkeypatch, (), failing=["ensurepip"], uv=True)
    machine.install()
    assert machine.commands[1] == "/bin/uv pip install --python python pip"
    machine = Machine(monkeypatch, (), failing=["ensurepip"])
    with pytest.raises(MissingDependencyError, match=r"has no pip, .*ensurepip does not work.*snmem lava install"):
        machine.install()


def test_what_pip_says_is_passed_on(monkeypatch):
    machine = Machine(monkeypatch, {"pip"}, failing=["lava-nc==0.10.0"])
    with pytest.raises(MissingDependencyError, match=r"does not work here; run by hand: pip install --no-deps"):
        machine.install()


def test_a_failing_command_ends_in_its_last_words():
    code = "import sys; print('hello', file=sys.stderr); print('ERROR: disk full', file=sys.stderr); sys.exit(2)"
    assert installer._run([sys.executable, "-c", code]) == "ERROR: disk full"
    assert installer._run([sys.executable, "-c", ""]) is None
    assert installer._run([sys.executable, "-c", "raise SystemExit(3)"]) == "exit code 3"
    assert "No such file" in installer._run(["/no/such/program"])
