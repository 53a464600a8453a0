"""Registries: names found, names unknown, names taken."""

import pytest

from snmem.circuits import SuccessiveApproximation, kwta_strategy
from snmem.circuits.kwta import STRATEGIES
from snmem.errors import InputError
from snmem.registry import Registry


def test_items_keep_their_order_and_are_found_by_name():
    shapes: Registry[type] = Registry("shape")
    Square = shapes.register("square")(type("Square", (), {}))
    Circle = shapes.register("circle")(type("Circle", (), {}))
    assert list(shapes) == ["square", "circle"]
    assert shapes["circle"] is Circle
    assert shapes.values() == [Square, Circle]
    assert "square" in shapes
    assert "line" not in shapes


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(
        InputError, match=r"k-WTA strategy 'nonsense' is unknown; use one of race, successive_approximation"
    ):
        kwta_strategy("nonsense")


def test_a_name_has_one_owner_but_a_file_may_be_loaded_twice():
    with pytest.raises(InputError, match="'race': registered twice"):
        STRATEGIES.add("race", SuccessiveApproximation)
    again = type("Race", (), {"__module__": STRATEGIES["race"].__module__})
    first = STRATEGIES["race"]
    try:
        assert STRATEGIES.add("race", again) is again
    finally:
        STRATEGIES.add("race", first)
