"""Files of event cameras: AEDAT 4, EVT 2 and 3 (.raw), DAT and Event Stream (.es), by the package faery.

They are decoded in another process, within limits of memory and time: on damaged files, decoders abort.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._text import path_text, visible
from ..errors import FileError, MissingDependencyError
from ..io.reading import open_file
from ..spikes import count
from .child import RECORD

#: Suffixes of the files that are read.
CAMERA_FILES = (".aedat4", ".raw", ".dat", ".es")
#: Events of a file, at most.
EVENTS = 2**27
_PART = 2**22


class CameraEvents(NamedTuple):
    """What a camera's file holds.

    Attributes
    ----------
    events : structured array
        Fields t (microseconds), x, y and p (1 on, 0 off).
    sensor_size : tuple of int
        (width, height), as the file states them.
    """

    events: NDArray[Any]
    sensor_size: tuple[int, int]


def read_camera(path: str | os.PathLike[str], limit: int = EVENTS) -> CameraEvents:
    """Read the events of an event camera's file (needs ``pip install 'snmem[cameras]'``).

    Parameters
    ----------
    path : path
        A file ``.aedat4``, ``.raw`` (EVT 3, or as its header says), ``.dat`` or ``.es``. A ``.raw`` or ``.dat`` file
        without a size in its header counts as one of 1280 x 720 pixels.
    limit : int
        Events that are read, at most.

    Raises
    ------
    FileError
        If it is missing, damaged, of another kind, or holds more events.
    MissingDependencyError
        If the package faery is absent.
    """
    limit = count("read_camera: limit", limit)
    open_file(path).close()
    place, name = Path(path), path_text(path)
    if place.suffix not in CAMERA_FILES:
        raise FileError(f"{name}: is no camera's file; its name must end with one of {', '.join(CAMERA_FILES)}")
    if find_spec("faery") is None:
        raise MissingDependencyError("camera files: the package faery is absent; pip install 'snmem[cameras]'")
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", f"{__package__}.child", str(place.absolute())]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_environment()
        ) as child:
            try:
                found = _received(child, limit, name)
            finally:
                child.kill()
        if child.returncode != 0:
            errors.seek(0)
            raise FileError(f"{name}: cannot be decoded ({_reason(errors.read(1 << 20))}); record or copy it again")
    if found is None:
        raise FileError(f"{name}: cannot be decoded; record or copy it again")
    return found


def _environment() -> dict[str, str]:
    """The environment of the child: this package is found where it is here."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "RUST_BACKTRACE": "0"}


def _received(child: Any, limit: int, name: str) -> CameraEvents | None:
    """What the child sends; None if it is nothing whole."""
    header = child.stdout.readline(64).split()
    parts, total, rest = [np.zeros(0, RECORD)], 0, b""
    while data := child.stdout.read(_PART):
        data = rest + data
        whole = len(data) // RECORD.itemsize * RECORD.itemsize
        rest = data[whole:]
        parts.append(np.frombuffer(data[:whole], RECORD))
        total += len(parts[-1])
        if total > limit:
            raise FileError(f"{name}: holds more than {limit:,} events, the limit; cut it, or raise the limit")
    child.wait()
    if rest or len(header) != 2:
        return None
    return CameraEvents(np.concatenate(parts), (int(header[0]), int(header[1])))


def _reason(text: bytes) -> str:
    """The last line of an error that says something."""
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("note:", "File ", "Traceback"))]
    return visible(said[-1])[:200] if said else "the decoder ended"
