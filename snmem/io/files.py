"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import FileError


@contextmanager
def replace_file(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a draft beside ``path``; it takes the place of ``path`` when the block ends without an error.

    Raises
    ------
    FileError
        if the place cannot be written.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open(mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        draft.unlink(missing_ok=True)
