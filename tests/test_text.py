"""Names and other text from outside: which names a network takes, and that what is shown steers nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snmem import LIF, Input, Network, Population, Projection, quantize, simulate
from snmem._text import LONGEST_NAME, shortened, unique, visible
from snmem.errors import NetworkError
from snmem.quantization.calibration import calibrate

LONGEST = "n" * LONGEST_NAME


def chain(source: str, target: str, projection: str = "") -> Network:
    return Network(
        (Input(source, 2), Population(target, 2, LIF(0.0, 0.5, 1.0))),
        (Projection(source, target, [[2.0, -1.5], [0.0, 2.0]], name=projection),),
        (target,),
    )


@pytest.mark.parametrize(
    "name", ["a\nb", "a\rb", "\0", "\x1b[2J", "\x7f", "\x9b31m", "\ud800", LONGEST + "n", "a/b", ""]
)
@pytest.mark.parametrize(
    "make", [lambda n: Input(n, 1), lambda n: Population(n, 1, LIF()), lambda n: chain("a", "b", n)]
)
def test_names_that_files_and_terminals_cannot_take_are_refused_in_one_line(name, make):
    if not name and make("x").__class__ is Network:  # an empty name of a projection asks for the default
        return
    with pytest.raises(NetworkError) as caught:
        make(name)
    assert "name" in str(caught.value)
    assert visible(caught.value) == str(caught.value)
    assert len(str(caught.value)) < 200 + LONGEST_NAME


def test_a_name_is_used_once_whether_of_a_population_or_of_a_projection():
    with pytest.raises(NetworkError, match="a population and a projection are called 'b'"):
        chain("a", "b", "b")
    with pytest.raises(NetworkError, match="two populations are called 'a'"):
        Network((Population("a", 1, LIF()), Input("a", 1)))


def test_names_of_another_text_type_become_plain():
    network = chain(np.str_("a"), np.str_("b"), np.str_("c"))
    assert network.digest() == chain("a", "b", "c").digest()
    assert all(type(item.name) is str for item in (*network.populations, *network.projections))


def test_names_made_from_the_longest_names_are_valid_and_differ():
    network = chain(LONGEST, "m" * LONGEST_NAME)
    made = quantize(network)
    names = [item.name for item in (*made.network.populations, *made.network.projections)]
    assert len(made.parts[network.projections[0].name]) == 2
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= LONGEST_NAME


def test_parts_of_a_quantized_projection_keep_clear_of_other_names():
    network = Network(
        (Input("q.0", 2), Population("h", 2, LIF(0.0, 0.5, 1.0)), Population("q.1_2", 2, LIF())),
        (Projection("q.0", "h", [[2.0, -1.5], [0.0, 2.0]], name="q"), Projection("h", "h", np.eye(2), name="q.1")),
    )
    made = quantize(network)
    assert made.parts == {"q": ("q.0_2", "q.1_3"), "q.1": ("q.1",)}
    raster = np.random.default_rng(0).random((20, 2)) < 0.5
    assert len(simulate(made.network, {"q.0": raster}, 20, "reference").spikes["h"]) > 5


@pytest.mark.parametrize("names", [(LONGEST, "h", "q"), ("x", "from x", "q"), ("x", "h", "from x")])
def test_scales_are_calibrated_whatever_the_names(names):
    network = chain(*names)
    inputs = {names[0]: np.random.default_rng(0).random((30, 2)) < 0.4}
    plain = calibrate(chain("a", "b", "c"), {"a": inputs[names[0]]}, 30)
    assert calibrate(network, inputs, 30).scale == {names[1]: plain.scale["b"]}


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_visible_text_steers_no_terminal_and_can_be_encoded(text):
    shown = visible(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert visible(shown) == shown
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert not set(shown) & set("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    if text.isascii() and text.isprintable():
        assert shown == text


def test_visible_text_keeps_what_people_write():
    text = "größe 数 العربية 👩‍🔬 [/x] $\\frac{$ {0} %s"
    assert visible(text) == text
    assert visible("a\x1b[31m\r\n\u202e\ud800") == r"a\x1b[31m\r\n\u202e\ud800"


@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 40))
def test_shortened_texts_fit_and_differ_where_the_texts_do(one, other, length):
    assert len(shortened(one, length)) <= length
    if length >= 13 and one != other:
        assert shortened(one, length) != shortened(other, length) or min(len(one), len(other)) <= length


@given(st.lists(st.text("ab_2", max_size=4), max_size=20))
def test_unique_names_are_unique(wanted):
    taken: set[str] = set()
    for name in wanted:
        found = unique(name, taken)
        assert found not in taken
        taken.add(found)
