"""Old import paths: every one works with a warning, and hands out the new module."""

import importlib
import sys

import pytest

from snmem._moved import MOVED, NAMES


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_is_the_new_module(old):
    new = importlib.import_module(f"snmem.{MOVED[old]}")
    spec = new.__spec__
    sys.modules.pop(f"snmem.{old}", None)
    with pytest.warns(DeprecationWarning, match=f"snmem.{old} is now snmem.{MOVED[old]}"):
        module = importlib.import_module(f"snmem.{old}")
    assert module is new or module._new is new
    assert new.__spec__ is spec
    assert importlib.import_module(f"snmem.{MOVED[old]}") is new


def test_names_of_an_old_package_and_its_modules_do_not_hide_each_other():
    sys.modules.pop("snmem.aer.report", None)
    with pytest.warns(DeprecationWarning, match="snmem.aer.report is now"):
        importlib.import_module("snmem.aer.report")
    import snmem.cost.report.build

    assert snmem.cost.report.build.cost_report.__module__ == "snmem.cost.report.build"


@pytest.mark.parametrize(("package", "name"), [(p, n) for p, names in NAMES.items() for n in names])
def test_an_old_name_is_the_new_one(package, name):
    old = importlib.import_module(f"snmem.{package}")
    new = importlib.import_module(f"snmem.{NAMES[package][name]}")
    with pytest.warns(DeprecationWarning, match=f"snmem.{package}.{name} is now"):
        assert getattr(old, name) is getattr(new, name)
