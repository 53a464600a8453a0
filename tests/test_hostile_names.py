"""Names, titles and rules as an attacker writes them: never code, markup, path, format string or terminal escape."""

import ast
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Instar, Network, Population, Projection, SumOfProducts, quantize, simulate
from snmem.lava.compiler import module
from snmem.lava.compiler.compile import compile
from snmem.lava.compiler.module import MODULE, RESERVED, write_module
from snmem.lava.compiler.preparation import prepare
from snmem.lava.compiler.run import run_module
from snmem.lava.shim import lava_imports

CODE = '__import__("pathlib").Path("PWNED").touch()'
#: One for each way out of a text that is known.
TEXTS = [
    f'a"""; {CODE}; """',
    f"a'''; {CODE}; '''",
    f'"); {CODE}; ("',
    f'\\"); {CODE} #',
    "a\\",
    'a"',
    f"{{{CODE}}}",
    "{0.__class__}%s%(prog)s${title}$$",
    "__class__",
    "__init__",
    "self",
    "None",
    "class",
    "run",
    "inputs",
    "p",
    "np",
    "file",
    "allow_pickle",
    "..",
    "a.npy",
    "total",
    "[/x]",
    "[bold red]x[/]",
    "[link=file:///etc/passwd]x[/link]",
    ":smiley:",
    "$\\frac{$",
    "<script>alert(1)</script>",
    "]]></svg><img src=x onerror=alert(1)>",
    "&lt;",
    "\u202egnp.exe",
    "\u2028x",
    "\ufeff",
    "العربية",
    "😀👩\u200d🔬",
    " ",
    "-->",
    "=cmd|' /C calc'!A0",
    "n" * 1000,
]
#: Those that can be names: a name holds no "/".
HOSTILE = [text for text in TEXTS if "/" not in text] + ["[bold]x", "[link=file:x]", "<img src=x onerror=alert(1)>"]
NAMES = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/"), min_size=1, max_size=60
)
NEURON = LIF(0.0, 0.5, 1.0)


def network_of(names: list[str]) -> Network:
    """Two inputs, two populations and three projections, one of which learns, one of which is delayed."""
    left, right, hidden, out, first, second, third = names
    return Network(
        (
            Input(left, 2),
            Input(right, 3),
            Population(hidden, 3, NEURON),
            Population(out, 2, LIF(beta=0.5, theta=np.inf)),
        ),
        (
            Projection(left, hidden, np.full((3, 2), 0.75), plasticity=Instar(0.25), name=first),
            Projection(right, hidden, np.eye(3) * 1.5, name=second),
            Projection(hidden, out, np.full((2, 3), 0.5), 3, name=third),
        ),
        (out,),
    )


SEVEN = st.lists(NAMES, min_size=7, max_size=7, unique=True)
PLAIN = network_of(["left", "right", "hidden", "out", "first", "second", "third"])


def written(network: Network, folder: Path, title: str = "title") -> str:
    write_module(folder, prepare(network).network, title, {})
    return (folder / MODULE).read_text("utf-8")


class _Skeleton(ast.NodeTransformer):
    """Takes texts, and the attributes that stand in the tables, out of a module."""

    def __init__(self, attributes: set[str]) -> None:
        self.attributes = attributes

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("text") if isinstance(node.value, str) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        self.generic_visit(node)
        own = getattr(node.value, "id", "") == "self" and re.sub(r"_after_2(_\d+)?$", "", node.attr) in self.attributes
        node.attr = "attribute" if own else node.attr
        return node


def tables_of(tree: ast.Module) -> dict[str, dict[str, dict[str, object]]]:
    assigned = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    return {name: ast.literal_eval(assigned[name]) for name in ("INPUTS", "POPULATIONS", "PROJECTIONS")}


@cache
def plain() -> tuple[str, set[str]]:
    """The module of a network with harmless names: its skeleton and its texts."""
    with TemporaryDirectory() as folder:
        tree = ast.parse(written(PLAIN, Path(folder)))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return ast.dump(_Skeleton({a for table in tables_of(tree).values() for a in table}).visit(tree)), texts


@example(names=HOSTILE[:7], title=HOSTILE[0])
@example(names=HOSTILE[7:14], title=HOSTILE[7])
@example(names=HOSTILE[14:21], title="a\n\x00\ud800\r")
@example(names=["class", "class_2", "class 2", "class-2", "class.2", "1class", "_1class"], title="")
@given(names=SEVEN, title=st.text(st.characters(exclude_categories=())))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_module_differs_by_literals_and_attributes_only(names, title, tmp_path):
    text = written(network_of(names), tmp_path, title)
    assert text.isascii()
    tree = ast.parse(text)
    tables = tables_of(tree)
    attributes = {attribute for table in tables.values() for attribute in table}
    assert sorted(row["name"] for table in tables.values() for row in table.values()) == sorted(names)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,69}", attribute) for attribute in attributes)
    assert len(attributes) == 7
    assert not attributes & RESERVED
    assert not any(attribute.startswith("__") for attribute in attributes)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    made = {row[key] for table in tables.values() for row in table.values() for key in ("v", "weights") if row.get(key)}
    own = {t for t in texts if re.sub(r"(_after_2(_\d+)?|\.weights|\.v)$", "", t) in attributes}
    marks = {t for t in texts if re.fullmatch(r"[0-9a-f]{32}", t)}  # by which the module knows its parameters again
    assert len(marks) == 1
    foreign = texts - plain()[1] - {*names, title, *made} - own - marks
    assert not foreign
    assert ast.dump(_Skeleton(attributes).visit(tree)) == plain()[0]


def test_attributes_of_the_class_and_of_lava_are_reserved(tmp_path):
    """All that the class itself sets or defines, as found in the text of a module."""
    tree = ast.parse(written(PLAIN, tmp_path))
    (network,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Network")
    own = {node.name for node in network.body if isinstance(node, ast.FunctionDef)}
    own |= {n.attr for n in ast.walk(network) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "self"}
    own -= {attribute for table in tables_of(tree).values() for attribute in table} | {"hidden_after_2"}
    assert {name for name in own if not name.startswith("_")} <= RESERVED
    assert not any(re.match("_[0-9]", name) for name in own)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=SEVEN)
@example(names=HOSTILE[:7])
@example(names=HOSTILE[8:15])
def test_a_module_runs_without_harm_and_hands_out_its_ports_by_name(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "network", "__file__": str(tmp_path / MODULE)}
    with lava_imports():
        exec(written(network_of(names), tmp_path), space)
    net = space["Network"]()
    assert list(net.inputs) == names[:2]
    assert list(net.populations) == names[2:4]
    assert list(net.outputs) == [names[3]]
    assert list(net.learned) == [names[4]]
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("arithmetic", ["fixed", "float"])
def test_spikes_come_out_under_every_hostile_name(arithmetic, tmp_path, monkeypatch):
    """One network with all names, run on Lava by the program that a user calls."""
    monkeypatch.chdir(tmp_path)
    half = len(HOSTILE) // 2
    populations = [Input(name, 2) for name in HOSTILE[:half]] + [Population(n, 2, NEURON) for n in HOSTILE[half:]]
    pairs = list(zip(HOSTILE, HOSTILE[half:], strict=False))
    network = Network(populations, [Projection(a, b, [[1.5, 0.25], [-0.5, 1.5]]) for a, b in pairs])
    rng = np.random.default_rng(0)
    inputs = {name: rng.random((12, 2)) < 0.4 for name in HOSTILE[:half]}
    made = compile(network, tmp_path / "out", title=HOSTILE[0], arithmetic=arithmetic, inputs=inputs, steps=12)
    assert made.report["agreement"]["lava"]["cells"] == 0
    assert made.report["ok"]
    assert sum(made.report["agreement"]["spikes"].values()) > 50
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["network.py", "out", "parameters.npz"]


def test_names_of_output_arrays_keep_clear_of_populations(tmp_path):
    """v of "a" and the learned weights of "q" would be stored under names that populations have."""
    network = Network(
        (Input("x", 2), Population("a", 2, LIF(beta=0.5, theta=np.inf)), Population("a.v", 2, NEURON),
         Population("q.weights", 2, NEURON)),
        (Projection("x", "a", np.eye(2)), Projection("x", "a.v", np.eye(2) * 1.5),
         Projection("x", "q.weights", np.eye(2), plasticity=Instar(0.5), name="q")),
        ("a", "a.v"),
    )  # fmt: skip
    inputs = {"x": np.tile(np.eye(2), (3, 1)) > 0}
    made = compile(network, tmp_path, inputs=inputs, steps=6, arithmetic="float")
    assert made.report["ok"]
    run = simulate(network, inputs, 6, "reference", record=["a.v"])
    out = run_module(tmp_path, run.spikes, 6, 60)
    np.testing.assert_array_equal(out["a.v"], run.spikes["a.v"].raster())
    np.testing.assert_array_equal(out["a.v_2"], run.traces["a.v"])
    np.testing.assert_array_equal(out["q.weights_2"], run.weights["q"].toarray())


def test_a_rule_with_line_breaks_and_a_quote_in_its_gate_compiles(tmp_path):
    rule = SumOfProducts("2^-2*y0*x1\n\r\n\t- 2^-2*y0*w", x1=(127, 0), gate='g"\\')
    network = Network(
        (Input("x", 2), Input('g"\\', 2), Population("h", 2, quantize(PLAIN).network["hidden"].neuron)),
        (Projection("x", "h", [[64, 32], [16, 8]], plasticity=rule),),
    )
    inputs = {"x": np.ones((8, 2)), 'g"\\': np.eye(2)[[0, 1] * 4]}
    made = compile(network, tmp_path, inputs=inputs, steps=8)
    assert made.report["agreement"]["lava"]["weights"] == {"x->h": 0}
    learned = simulate(network, inputs, 8, "lava_fixed").weights["x->h"]
    assert abs(learned - simulate(network, inputs, 8, "loihi").weights["x->h"]).max() == 0


@pytest.mark.parametrize("value", [object(), b"x", (1, 2), np.float64, "x".join])
def test_nothing_but_numbers_and_texts_becomes_text_of_a_module(value):
    with pytest.raises(ValueError, match="neither a number nor a text"):
        module.literal(value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_literals_come_back(value):
    text = module.literal(value)
    assert text.isascii()
    found = eval(text, {"__builtins__": {"float": float}})
    assert repr(found) == repr(value)
