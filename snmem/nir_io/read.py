"""Read a NIR file, of whatever origin, as a Network."""

from __future__ import annotations

import os

from ..errors import FileError, NetworkError
from ..network import Network
from .exact import is_exact, read_exact
from .graph import check_types, read_graph
from .hdf5 import Limits, open_store
from .shapes import infer_shapes


def read_nir(path: str | os.PathLike[str], dt: float | None = None, *, limits: Limits | None = None) -> Network:
    """Read a NIR file as a Network."""
    with open_store(path, limits or Limits()) as store:
        graph = read_graph(store)
        check_types(graph)
        infer_shapes(graph)
        try:
            if is_exact(graph):
                return read_exact(graph)
        except NetworkError as error:
            raise FileError(f"{store.path}: {error}") from None
        raise NotImplementedError
