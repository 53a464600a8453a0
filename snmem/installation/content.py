"""Where the content folders are: recipes in ``models``, chip profiles in ``hardware``, timings in ``benchmarks``.

They stand beside the package in a checkout (also when it is installed editable), and inside it, under ``_content``,
in a wheel.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ..errors import FileError, InputError

FOLDERS = ("models", "hardware", "benchmarks")


def content_dir(name: str) -> Path:
    """Return the content folder ``name``, one of ``"models"``, ``"hardware"``, ``"benchmarks"``.

    Raises
    ------
    InputError
        There is no content folder of that name.
    FileError
        The installation lacks the folder.
    """
    if name not in FOLDERS:
        raise InputError(f"content folder {name!r}: unknown; use one of {', '.join(FOLDERS)}")
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_content" / name, package.parent / name):
        if folder.is_dir() and (folder.parent == package / "_content" or (package.parent / "pyproject.toml").is_file()):
            return folder
    raise FileError(f"content folder {name!r}: not part of this installation of snmem; reinstall snmem")


def content_names(folder: str, suffix: str = ".py") -> list[str]:
    """Return the sorted names, without ``suffix``, of the files of a content folder; those with ``_`` are private."""
    paths = content_dir(folder).glob(f"*{suffix}")
    return sorted(path.name.removesuffix(suffix) for path in paths if path.name[0] not in "_.")


def load_script(folder: str, name: str) -> ModuleType:
    """Import ``<folder>/<name>.py`` as the module ``snmem_<folder>.<name>``, once, and return it.

    Raises
    ------
    InputError
        The folder has no script of that name.
    """
    known = content_names(folder)
    if name not in known:
        raise InputError(f"{folder}/{name}: no such script; use one of {', '.join(known) or '(none installed)'}")
    qualified = f"snmem_{folder}.{name}"
    if qualified in sys.modules:
        return sys.modules[qualified]
    spec = importlib.util.spec_from_file_location(qualified, content_dir(folder) / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileError(f"{folder}/{name}.py: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[qualified]
        raise
    return module
