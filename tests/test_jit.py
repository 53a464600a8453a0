"""Machine code on disk follows every source that it was made from, and only these."""

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import snmem
from snmem import _jit
from snmem._jit import places, writable_place

PACKAGE = Path(snmem.__file__).parent

#: A package with a kernel that uses a function, a constant and an intrinsic of another file.
USER = '''
from snmem._jit import kernel
from . import others
from .others import double, plus

@kernel
def answer(x):
    """Twice x, plus what the intrinsic adds, plus a constant."""
    return plus(double(x)) + others.LAST

@kernel
def other(x):
    return x
'''
OTHERS = '''
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from snmem._jit import kernel

LAST, ADDED = 1000, 100

@kernel(keep=False)
def double(x):
    """A docstring."""
    return x * 2

def write(builder, value):
    return builder.add(value, ir.IntType(64)(ADDED))

@intrinsic
def plus(typing, x):
    def generate(context, builder, signature, arguments):
        return write(builder, arguments[0])
    return types.int64(types.int64), generate
'''
ASK = "from package.user import answer as a, other; other(1); print(a(5), sum(a.stats.cache_hits.values()))"


def _run(code, folder, **environment):
    path = os.pathsep.join([str(folder), str(PACKAGE.parent)])
    variables = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=folder, env=variables
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "user.py").write_text(USER)
    (folder / "others.py").write_text(OTHERS)
    return folder


def test_an_edit_of_any_source_changes_the_result_and_an_edit_of_words_compiles_nothing(package):
    assert _run(ASK, package.parent) == ["1110", "0"]
    assert _run(ASK, package.parent) == ["1110", "1"]
    others = package / "others.py"
    for old, new, answer, hits in (
        ("x * 2", "x * 3", "1115", "0"),
        ("ADDED = 1000, 100", "ADDED = 1000, 200", "1215", "0"),
        ("builder.add(value", "builder.sub(value", "815", "0"),
        ("LAST, ADDED = 1000", "LAST, ADDED = 3000", "2815", "0"),
        ('"""A docstring."""', '"""Another."""  # and a comment', "2815", "1"),
        ("LAST, ADDED", "\n\nUNUSED = 5\nLAST, ADDED", "2815", "1"),
    ):
        text = others.read_text()
        assert text.count(old) == 1
        others.write_text(text.replace(old, new))
        assert _run(ASK, package.parent) == [answer, hits]
    kept = list((package / "__pycache__").glob("user.answer-*"))
    assert len(kept) == 1  # what was made from older sources is gone


def test_damaged_files_count_as_absent(package):
    _run(ASK, package.parent)
    (kept,) = (package / "__pycache__").glob("user.answer-*")
    content = kept.read_bytes()
    for damaged in (content[:20], content[:-1] + b"?"):
        kept.write_bytes(damaged)
        assert _run(ASK, package.parent) == ["1110", "0"]
        assert kept.read_bytes() != damaged
    assert _run(ASK, package.parent) == ["1110", "1"]


def test_machine_code_goes_to_the_first_place_that_takes_it(package, tmp_path):
    given = tmp_path / "given"
    _run(ASK, package.parent, NUMBA_CACHE_DIR=str(given))
    assert len(list(given.rglob("user.answer-*"))) == 1
    shutil.rmtree(given)
    (package / "__pycache__").write_text("no folder")
    home = tmp_path / "home"
    variables = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    assert _run(ASK, package.parent, **variables) == ["1110", "0"]
    assert _run(ASK, package.parent, **variables) == ["1110", "1"]
    shutil.rmtree(home, ignore_errors=True)
    home.write_text("no folder either")
    assert _run(ASK, package.parent, **variables) == ["1110", "0"]


def test_an_edit_of_a_copy_of_the_package_changes_its_results(tmp_path):
    """A kernel of one package that uses one of another: random draws and the hash they come from."""
    shutil.copytree(PACKAGE, tmp_path / "snmem", ignore=shutil.ignore_patterns("__pycache__"))
    ask = "from snmem.tasks.patterns import _below; import numpy as np; print(_below(np.uint64(1), 2, 1 << 40))"
    before = _run(ask, tmp_path)
    source = tmp_path / "snmem" / "_hash.py"
    text = source.read_text()
    assert text.count("0xBF58476D1CE4E5B9") == 1
    source.write_text(text.replace("0xBF58476D1CE4E5B9", "0xBF58476D1CE4E5B8"))
    after = _run(ask, tmp_path)
    assert before != after == _run(ask, tmp_path)


def _kernels():
    """All compiled functions of the package."""
    for info in pkgutil.walk_packages(snmem.__path__, "snmem."):
        if "kernels" in info.name or info.name.startswith(("snmem.backends.event", "snmem.cost.timing", "snmem.tasks")):
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if hasattr(value, "py_func") and value.py_func.__module__ == info.name:
                    yield f"{info.name}.{name}", value.py_func


def test_every_kernel_of_the_package_has_a_digest_and_no_two_share_one():
    digests = {name: _jit.digest(function) for name, function in _kernels()}
    assert len(digests) > 100
    assert None not in digests.values()
    assert len(set(digests.values())) == len(digests)


def test_digests_are_the_same_in_every_process():
    names = dict(_kernels())
    code = "from snmem.backends.event.kernels import entries; from snmem import _jit; "
    code += "print(_jit.digest(entries.run.py_func))"
    for seed in ("1", "2"):
        other = _run(code, PACKAGE.parent, PYTHONHASHSEED=seed, PYTHONPYCACHEPREFIX="/nonexistent")
        assert other == [_jit.digest(names["snmem.backends.event.kernels.entries.run"])]


@pytest.mark.parametrize(
    ("function", "module", "name"),
    [
        ("entries.run", "kernels.blocks", "PATIENCE"),
        ("entries.run", "kernels.delivery.rows", "STRIDE"),
        ("parts.cells", "kernels.delivery.cells", "CELLS_AHEAD"),
        ("parts.planes", "kernels.delivery.planes", "GROUPS_AHEAD"),
        ("parts.gated", "kernels.learning.gated", "WEIGHTS_AHEAD"),
        ("entries.run", "kernels.meeting", "SPINS"),
        ("entries.run", "kernels.neuron", "np"),
        ("entries.run", "llvm.lif", "THETA"),
        ("entries.run", "llvm.calls", "NUMBERS"),
        ("parts.planes", "llvm.popcount", "LEVELS"),
        ("parts.cells", "llvm.closed_form", "BATCH"),
        ("entries.run", "llvm.memory", "I64"),
        ("entries.run", "llvm.system", "_CLOCK"),
    ],
)
def test_machine_code_of_the_engine_follows_every_file_of_it(function, module, name, monkeypatch):
    file, _, function = function.partition(".")
    kernel = getattr(importlib.import_module(f"snmem.backends.event.kernels.{file}"), function).py_func
    before, source = _jit.digest(kernel), importlib.import_module(f"snmem.backends.event.{module}")
    monkeypatch.setattr(source, name, 1234)
    assert _jit.digest(kernel) not in (before, None)


def test_all_kernels_are_compiled_through_the_one_helper():
    for path in PACKAGE.rglob("*.py"):
        if path.name != "_jit.py":
            text = path.read_text()
            assert "from numba import njit" not in text
            assert "@numba.njit" not in text


def test_machine_code_goes_to_a_private_folder_where_nothing_else_can_be_written(tmp_path, monkeypatch):
    """And never to one that others can write."""
    monkeypatch.setattr("snmem._jit.tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.setattr("snmem._jit.AppDirs", lambda *names: SimpleNamespace(user_cache_dir="/dev/null/none"))
    monkeypatch.setattr("snmem._jit.config.CACHE_DIR", "")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "__pycache__").touch()  # no folder
    place = writable_place(tmp_path / "module.py")
    assert place is not None
    assert place.parent.parent == tmp_path / "tmp"
    assert place.parent.stat().st_mode & 0o777 == 0o700
    place.parent.chmod(0o777)
    assert writable_place(tmp_path / "module.py") is None
    assert place.parent not in [folder.parent for folder in places(tmp_path / "module.py")]


def test_a_compiler_that_is_turned_off_is_named():
    code = "import numpy, snmem\n"
    code += "p = snmem.Population('a', 1, snmem.LIF(theta=0.5))\n"
    code += "net = snmem.Network((snmem.Input('i', 1), p), (snmem.Projection('i', 'a', [[1.0]]),))\n"
    code += "rows = {'i': numpy.ones((3, 1), bool)}\n"
    code += "print(len(snmem.simulate(net, rows, 3, 'reference').spikes['a']))\n"
    code += "snmem.simulate(net, rows, 3)\n"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "2\n"
    assert done.stderr.splitlines()[-1].startswith("snmem.errors.BackendError: kernel 'run' needs numba's compiler")


def test_what_kernels_call_python_calls_too_before_and_after():
    """Without a second form, calling it from Python would end the process."""
    inside = _jit.kernel(lambda x: 2 * x, keep=False)
    assert inside(2) == 4
    outside = _jit.kernel(lambda x: inside(x) + inside(0.5), keep=False)
    assert outside(3) == 7.0
    assert (inside(3), inside(0.5), inside(np.float32(0.5))) == (6, 1.0, 1.0)
