"""Decodes a camera's file for :mod:`.camera`, in a process of its own: decoders end that by panic on damaged files.

Standard output: a line "width height", then the events as :data:`RECORD`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import numpy as np

#: An event as it is handed over, in little-endian order.
RECORD = np.dtype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("p", "u1")])
#: Bytes of memory and seconds of processor time that decoding may take.
MEMORY, SECONDS = 1 << 32, 600


def limit() -> None:
    """Take no more than these."""
    with suppress(ImportError):
        import resource

        for what, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
            _, most = resource.getrlimit(what)
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(what, (value, most))


def decode(path: str) -> None:
    """Write the events of a file to standard output."""
    import faery  # pyright: ignore[reportMissingImports]

    stream: Any = faery.events_stream_from_file(path)
    width, height = stream.dimensions()
    out = sys.stdout.buffer
    out.write(b"%d %d\n" % (width, height))
    for events in stream:
        records = np.empty(len(events), RECORD)
        for ours, theirs in (("t", "t"), ("x", "x"), ("y", "y"), ("p", "on")):
            records[ours] = events[theirs]
        out.write(records.tobytes())
    out.flush()


if __name__ == "__main__":
    limit()
    decode(sys.argv[1])
