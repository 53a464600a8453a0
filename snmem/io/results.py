"""Results as plain data, and result folders that appear whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import FileError
from .files import replace_file

#: Packages whose versions belong to a result.
_PACKAGES = ("snmem", "numpy", "scipy", "numba", "nir", "h5py", "matplotlib", "lava-nc", "brian2", "torch", "snntorch")
#: File that describes a run; its presence marks a folder as one that snmem made.
RUN_FILE = "run.json"


def plain(value: Any) -> Any:
    """Return ``value`` as dictionaries with text keys, lists, texts, numbers, booleans and None (NaN and infinity too).

    Understands numpy scalars and arrays, dataclasses, paths, sets and objects with ``to_dict()``; TypeError for others.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"a result holds a {type(value).__name__}, which has no plain form")


def to_json(value: Any, indent: int | None = 2) -> str:
    """Return ``value`` as JSON that every parser accepts: no NaN, no infinity."""
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON to ``path``, whole or not at all."""
    with replace_file(path, "w") as file:
        file.write(to_json(value) + "\n")


def versions() -> dict[str, str]:
    """Return the versions of Python, the system and the installed packages that results depend on."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


class ResultFolder:
    """A folder of results under construction: write into ``draft``, then :meth:`publish` it as ``target``."""

    def __init__(self, target: Path, draft: Path) -> None:
        self.target, self.draft = target, draft

    def files(self) -> list[Path]:
        """Files in the draft, relative to it, sorted."""
        return sorted(path.relative_to(self.draft) for path in self.draft.rglob("*") if path.is_file())

    def relocated(self, value: Any) -> Any:
        """``value`` as plain data, with paths into the draft rewritten to where they will be."""
        if isinstance(value, Mapping):
            return {str(key): self.relocated(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.relocated(item) for item in value]
        text = plain(value)
        if isinstance(text, str) and text.startswith(str(self.draft)):
            return str(self.target) + text.removeprefix(str(self.draft))
        return text

    def publish(self, run: Mapping[str, Any]) -> None:
        """Describe the run in ``run.json`` and put the draft in place.

        An absent or empty target appears in one step. In an older result folder of snmem the new files replace the
        old ones, and files of the old run that the new one did not make are removed. Other files stay.
        """
        files = [path.as_posix() for path in self.files()]
        write_json(self.draft / RUN_FILE, {**run, "files": files})
        try:
            if not self.target.exists() or not any(self.target.iterdir()):
                self.target.parent.mkdir(parents=True, exist_ok=True)
                self.draft.replace(self.target)
                return
            for old in set(_run_files(self.target)) - set(files):
                (self.target / old).unlink(missing_ok=True)
            for path in self.files():
                place = self.target / path
                place.parent.mkdir(parents=True, exist_ok=True)
                (self.draft / path).replace(place)
        except OSError as error:
            raise FileError(f"{self.target}: cannot be written ({error.strerror}); choose another --out") from error


def _run_files(folder: Path) -> list[str]:
    """Files that the run recorded in ``folder`` says it made; [] if snmem did not make the folder."""
    try:
        listed = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    inside = folder.resolve()
    return [name for name in listed if isinstance(name, str) and (folder / name).resolve().is_relative_to(inside)]


@contextmanager
def result_folder(target: Path, force: bool = False) -> Iterator[ResultFolder]:
    """Give a draft beside ``target`` to write results into; it is removed when the block ends, published or not.

    Raises
    ------
    FileError
        ``target`` is a file, or holds files that snmem did not make and ``force`` is false, or cannot be written.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise FileError(f"{target}: is a file, --out needs a folder; name another one")
    if target.is_dir() and any(target.iterdir()) and not (target / RUN_FILE).is_file() and not force:
        raise FileError(
            f"{target}: holds files that snmem did not make; name a new or empty folder, or add --force to write there"
        )
    home = next(folder for folder in target.parents if folder.is_dir())
    draft = home / f".{target.name}.{os.getpid()}.partial"
    try:
        draft.mkdir()
    except OSError as error:
        raise FileError(f"{target}: cannot be written ({error.strerror}); choose another --out") from error
    try:
        yield ResultFolder(target, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
