"""Where the content folders are: recipes in ``models``, chip profiles in ``hardware``, timings in ``benchmarks``.

A model of one's own is a file anywhere, named by its path, or a module that Python finds.

They stand beside the package in a checkout (also when it is installed editable), and inside it, under ``_content``,
in a wheel.
"""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from .._text import one_line, path_text
from ..errors import FileError, InputError, SnmemError

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
    return _import(f"snmem_{folder}.{name}", content_dir(folder) / f"{name}.py")


def _import(qualified: str, path: Path) -> ModuleType:
    """Import a file as the module ``qualified``, once."""
    if qualified in sys.modules:
        return sys.modules[qualified]
    spec = importlib.util.spec_from_file_location(qualified, path)
    if spec is None or spec.loader is None:
        raise FileError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[qualified]
        raise
    return module


def load_model(name: str) -> ModuleType:
    """Import a model: of the content folder by its name (kwinner-map), a file by its path (./my.py), or a module.

    Modules that stand beside such a file can be imported by it; modules are looked for in the working folder too.

    Raises
    ------
    InputError
        There is no model of that name.
    FileError
        There is no file of that name, or it cannot be imported.
    """
    known = [n.replace("_", "-") for n in content_names("models")]
    if name.replace("_", "-") in known:
        return load_script("models", name.replace("-", "_"))
    if name.endswith(".py"):
        return load_file(name)
    _may_import_from(Path.cwd())
    try:
        spec = importlib.util.find_spec(name) if name.replace(".", "").isidentifier() else None
    except (ImportError, ValueError):  # no such package; a name such as "a..b"
        spec = None
    if spec is None:
        raise InputError(
            f"model {name!r}: unknown; use one of {', '.join(known) or '(none installed)'}, or a path to a .py file, "
            "or a module"
        )
    return _own(name, Path(spec.origin or ""), lambda: importlib.import_module(name))


def load_file(name: str) -> ModuleType:
    """Import a Python file of the user's by its path, once; what stands beside it can be imported by it.

    Raises
    ------
    FileError
        There is no file of that name, or it cannot be imported.
    """
    path = Path(name).resolve()
    if not path.is_file():
        raise FileError(f"{path_text(name)}: no such file; give the path of a Python file")
    _may_import_from(path.parent)
    module = f"snmem_models.{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    return _own(path_text(name), path, lambda: _import(module, path))


def _may_import_from(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _own(name: str, path: Path, load: Callable[[], ModuleType]) -> ModuleType:
    """The user's module; FileError with the line of ``path`` that fails."""
    try:
        return load()
    except SnmemError:
        raise
    except (Exception, SystemExit) as error:
        where = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = getattr(error, "lineno", None) or (where or ["?"])[-1]
        raise FileError(
            f"{name}: cannot be imported: {type(error).__name__}: {one_line(error)} (line {line}); mend the file"
        ) from error
