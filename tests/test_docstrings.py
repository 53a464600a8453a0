"""The reference as griffe reads it, which builds it: every parameter is described, under its own name."""

import logging
from collections.abc import Iterator
from pathlib import Path

import griffe
import pytest

ROOT = Path(__file__).parent.parent
SECTIONS = ("parameters", "attributes", "raises", "warns")


def public(parent: griffe.Object) -> Iterator[griffe.Object]:
    for name, member in parent.members.items():
        if not name.startswith("_") and isinstance(member, griffe.Module | griffe.Class | griffe.Function):
            yield member
            if not isinstance(member, griffe.Function):
                yield from public(member)


@pytest.fixture(scope="module")
def documented() -> list[griffe.Object]:
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    package = griffe.load("snmem", search_paths=[ROOT], docstring_parser="numpy")
    assert isinstance(package, griffe.Module)
    found = [thing for thing in public(package) if thing.docstring]
    assert len(found) > 500
    return found


def sections(thing: griffe.Object) -> Iterator[griffe.DocstringSection]:
    assert thing.docstring
    yield from (s for s in thing.docstring.parse("numpy") if s.kind.value in SECTIONS)


def not_given(thing: griffe.Object) -> set[str]:
    """Fields of a dataclass that its constructor does not take, also where a parent's does."""
    return {name for name, member in thing.all_members.items() if "init=False" in str(getattr(member, "value", ""))}


def test_documented_parameters_are_those_of_the_signature(documented: list[griffe.Object]) -> None:
    wrong, seen = [], 0
    for thing in documented:
        for section in sections(thing):
            if section.kind.value == "parameters":
                seen += 1
                listed = {item.name.lstrip("*") for item in section.value}
                assert isinstance(thing, griffe.Class | griffe.Function)
                real = {p.name.lstrip("*") for p in thing.parameters} - {"self", "cls"} - not_given(thing)
                if listed != real:
                    wrong.append(f"{thing.path}: unknown {sorted(listed - real)}, missing {sorted(real - listed)}")
    assert not wrong, "\n".join(wrong)
    assert seen > 100


def test_everything_listed_has_a_description_and_no_type_is_a_sentence(documented: list[griffe.Object]) -> None:
    wrong = []
    for thing in documented:
        for section in sections(thing):
            for item in section.value:
                name, kind = getattr(item, "name", ""), str(item.annotation or "")
                if not item.description.strip():
                    wrong.append(f"{thing.path}: {name or kind} has no description")
                if section.kind.value in ("parameters", "attributes") and (kind.endswith(".") or len(kind) > 120):
                    wrong.append(f"{thing.path}: {name}: type {kind[:60]!r} is a description")
    assert not wrong, "\n".join(wrong)
