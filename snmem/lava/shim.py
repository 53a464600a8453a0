"""Makes lava-nc 0.10.0 importable on Python 3.11 to 3.13 with numpy 2: the only place that knows how.

Lava was written for Python 3.10. Later versions refuse its dataclasses whose fields have unhashable default values
(``ValueError: mutable default``), which a hash for the dataclasses of Lava cures. And where processes have been started
before, Lava's import ends in an error, as it chooses how they are started; it may be overruled.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from ..errors import MissingDependencyError

#: The release that everything here is tested with; it is Lava's last one.
LAVA_VERSION = "0.10.0"
#: What Lava imports beyond numpy and scipy.
NEEDS = ("asteval", "networkx")
REMEDY = "snmem lava install"


def installed_version() -> str | None:
    """Version of lava-nc in this interpreter, or None."""
    try:
        return version("lava-nc")
    except PackageNotFoundError:
        return None


def missing() -> str | None:
    """What keeps Lava from being imported, in a few words, or None. Does not import it."""
    found = installed_version()
    if found is None:
        return "Lava (lava-nc) is not installed"
    if found != LAVA_VERSION:
        return f"lava-nc {found} is installed, {LAVA_VERSION} is needed"
    absent = [name for name in NEEDS if find_spec(name) is None]
    return f"Lava needs the package {absent[0]!r}, which is absent" if absent else None


def require_lava() -> None:
    """Raise MissingDependencyError, with the command that helps, unless Lava can be imported."""
    problem = missing()
    if problem:
        raise MissingDependencyError(f"{problem}; run: {REMEDY}")


@contextmanager
def lava_imports() -> Iterator[None]:
    """Context in which modules of Lava can be imported for the first time."""
    require_lava()
    original: Any = dataclasses.dataclass

    def dataclass(cls: Any = None, /, **options: Any) -> Any:
        def wrap(cls: Any) -> Any:
            if cls.__module__.startswith("lava."):
                options.setdefault("unsafe_hash", True)
            return original(cls, **options)

        return wrap if cls is None else wrap(cls)

    choose = multiprocessing.set_start_method

    def set_start_method(method: str | None, force: bool = False) -> None:
        if force or multiprocessing.get_start_method(allow_none=True) is None:
            choose(method, force)

    dataclasses.dataclass = dataclass
    multiprocessing.set_start_method = set_start_method
    try:
        yield
    finally:
        dataclasses.dataclass = original
        multiprocessing.set_start_method = choose
