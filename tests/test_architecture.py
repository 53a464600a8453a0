"""The house: imports run one way, folders and files stay small enough to find one's way."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "snmem"
#: Functions longer than 60 lines, signature and all, and why. The docstring is not counted: it is the page of the
#: reference that a function has, one line and more for each parameter.
LONG = {
    "backends/event/kernels/loop.py:run_steps": "the compiled loop over steps",
    "cost/timing/mesh.py:run_step": "one compiled loop over the messages of a step; its parts share a dozen numbers",
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from statements(node)


def imports(name: str) -> set[str]:
    """Modules of snmem that a module imports, also within functions."""
    path, found = MODULES[name], set()
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
            base = base if node.level else node.module or ""
            targets = [f"{base}.{alias.name}" for alias in node.names]
            found |= {target if target in MODULES else base for target in targets}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {target for target in found if target in MODULES} - {name}


def test_no_module_imports_itself_in_a_circle():
    """Also not through imports within functions, which would only hide the circle until the first call."""
    try:
        TopologicalSorter({name: imports(name) for name in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' -> '.join(error.args[1])}")


#: From the ground up: each line may import from the lines above it and from itself, never from below.
LAYERS = (
    "errors _text _sums _rich _lazy _hash _draws _compiling _jit _moved _events registry description progress "
    "_windows convolution _weights",
    "loihi neurons plasticity",
    "_delays _digest _axes _features network spikes sources _checks lowering",
    "io event_data recording backends.base backends.features installation.content metrics",
    "circuits folding retime plots",
    "backends simulation",
    "nir_io stimuli topology distributed",
    "quantization",
    "memory encode tasks cost learning",
    "attention conformance sweep",
    "hdc verify lava language",
    "installation protocols c_target view",
    "verilog_target",
    "cli",
)


def layer_of(module: str) -> int:
    """The line of LAYERS that names the module, or the nearest package around it."""
    parts = module.split(".")[1:]
    for n in range(len(parts), 0, -1):
        for i, line in enumerate(LAYERS):
            if ".".join(parts[:n]) in line.split():
                return i
    pytest.fail(f"{module} stands in no line of LAYERS")


#: Lava as a runtime is used by a backend, Lava as a target stands above: the runtime reaches down only.
RUNTIME = {f"snmem.lava.{name}" for name in ("builder", "child", "cleanup", "overflow", "plan", "session", "shim")}


def test_imports_run_one_way():
    wrong = []
    for name in sorted(MODULES):
        if name in ("snmem", "snmem.__main__"):
            continue
        for target in imports(name) - {"snmem"} - RUNTIME:
            if layer_of(target) > layer_of(name):
                wrong.append(f"{name} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_files_and_folders_are_small():
    long = {name for name, path in MODULES.items() if len(path.read_text().splitlines()) > 400}
    assert not long, "split these files"
    folders = {path.parent for path in MODULES.values()} - {PACKAGE}
    full = {str(f.relative_to(ROOT)): n for f in folders if (n := len([*f.glob("*.py")])) > 14}
    assert not full, "give these folders an inner order"


def test_functions_fit_a_screen():
    long = set()
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and isinstance(end := node.end_lineno, int):
                first = node.body[0]
                words = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
                if end - node.lineno + 1 - words > 60:
                    long.add(f"{path.relative_to(PACKAGE)}:{node.name}")
    assert long == set(LONG), "split them, or say why one loop needs it"
