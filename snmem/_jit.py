"""Compiled functions: numba's ``njit``, with machine code on disk that follows every source it was made from.

numba's own cache watches the file of the cached function alone, so that machine code goes stale where a function that
it calls, or a constant of another module, changes. Here the name of a file on disk holds a digest of all that its
machine code follows from: the bytecode of the function, of the functions of the same package that it uses (compiled
ones, and those that write LLVM code for intrinsics), and the values of the constants they read. Comments, docstrings
and other functions of a file do not count, so that editing them recompiles nothing.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import ir
from numba.core import config as _config
from numba.core import types
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature
from numba.misc.appdirs import AppDirs

from ._compiling import watch
from .errors import BackendError

watch()
#: numba's settings; its attributes are made when it is imported.
config: Any = _config
#: Environment variable: 1 compiles all kernels with checks of array bounds.
DEBUG = os.environ.get("SNMEM_DEBUG_KERNELS", "0") not in ("", "0")
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), np.generic, np.dtype)


def kernel(function: Callable[..., Any] | None = None, *, keep: bool = True, **options: Any) -> Any:
    """Compile a function with numba when it is first called; it runs without the GIL.

    Parameters
    ----------
    function : callable
        The function; None returns the decorator.
    keep : bool
        Whether its machine code is kept on disk. False for functions that are called by kernels only: they are part of
        the machine code of these, and are compiled once more where Python calls them.
    **options
        Further options of ``numba.njit``.
    """
    if function is None:
        return lambda function: kernel(function, keep=keep, **options)
    if config.DISABLE_JIT:
        return _uncompiled(function) if keep else function
    options |= {"nogil": True, "no_cfunc_wrapper": True} | ({"boundscheck": True} if DEBUG else {})
    if not keep:
        return _for_kernels(function, options)
    compiled: Any = numba.njit(**options)(function)
    compiled._cache = _Cache(function)
    return compiled


def _for_kernels(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A function that kernels call: without what takes arguments over from Python, which costs more than all the rest
    where there are many arrays. Should Python call it, its twin that has this is compiled then.
    """
    lean: dict[str, Any] = options | {"no_cpython_wrapper": True}
    compiled: Any = numba.njit(**lean)(function)
    twin: list[Any] = []

    def add_overload(found: Any) -> None:
        compiled.overloads[tuple(found.signature.args)] = found

    def compile_for_args(*arguments: Any, **more: Any) -> Any:
        if not twin:
            twin.append(numba.njit(**options)(function))
        return twin[0]._compile_for_args(*arguments, **more)

    compiled.add_overload, compiled._compile_for_args = add_overload, compile_for_args
    return compiled


def inner(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function that only kernels call, whose machine code it is part of: it counts no references to arrays.

    So arrays change hands for nothing, also in the innermost loop. The caller keeps them; here none may be made.

    Parameters
    ----------
    function : callable
        The function; None returns the decorator.
    **options
        Further options of ``numba.njit``.
    """
    return kernel(function, keep=False, _nrt=False, **options)


def c_function(signature: Any, function: Callable[..., Any], keep: bool = False) -> Any:
    """Compile a function at once to one of the C calling convention, to be called by its ``address``.

    Parameters
    ----------
    signature : numba signature
        Types of the result and of the arguments.
    function : callable
        The function.
    keep : bool
        Whether its machine code is kept on disk, as that of kernels is.
    """
    options: dict[str, Any] = {"boundscheck": True} if DEBUG else {}
    compiled: Any = CFunc(function, normalize_signature(signature), {}, options)
    if keep:
        compiled._cache = _Cache(function)
    compiled.compile()
    return compiled


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The Python function of a kernel, where numba's compiler is off; those that use intrinsics refuse."""

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except NotImplementedError as error:
            raise BackendError(
                f"kernel {function.__name__!r} needs numba's compiler, which NUMBA_DISABLE_JIT={config.DISABLE_JIT} "
                'turns off; unset it, or simulate with backend="reference"'
            ) from error

    return run


class _Unknown(Exception):
    """A kernel uses a value whose changes cannot be seen."""


class NotKeptError(Exception):
    """Machine code is not on disk, where nothing may be compiled (:func:`kept_only`)."""


_KEPT_ONLY: ContextVar[bool] = ContextVar("kept_only", default=False)


@contextmanager
def kept_only() -> Iterator[None]:
    """Raise NotKeptError, in this thread, where a kernel is called whose machine code is not on disk."""
    token = _KEPT_ONLY.set(True)
    try:
        yield
    finally:
        _KEPT_ONLY.reset(token)


def digest(function: Callable[..., Any]) -> str | None:
    """Digest of all that the machine code of ``function`` follows from; None where it uses what cannot be digested."""
    total, seen, todo = hashlib.sha256(), {}, [function]
    package = function.__module__.partition(".")[0]
    while todo:
        value = todo.pop()
        value = getattr(value, "_defn", value)  # the Python function of an intrinsic
        if isinstance(value, FunctionType):
            if value in seen:
                total.update(f"again {seen[value]};".encode())
                continue
            seen[value] = len(seen)
        try:
            text, parts = _read(value, package)
        except _Unknown:
            return None
        total.update(f"{type(value).__name__} {len(text)} {text} {len(parts)};".encode())
        todo += reversed(parts)
    return total.hexdigest()


def _read(value: Any, package: str) -> tuple[str, list[Any]]:
    """Text of a value, and the values that it consists of or uses."""
    if isinstance(value, _PLAIN):
        return repr(value), []
    if isinstance(value, (tuple, list)):
        return "", list(value)
    if isinstance(value, (set, frozenset)):
        return "", sorted(value, key=repr)
    if isinstance(value, dict):
        return "", [part for item in value.items() for part in item]
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {value.tobytes().hex()}", []
    if isinstance(value, (types.ExternalFunction, types.Type, ir.Type, ir.Value)):
        return str(getattr(value, "symbol", "")) + str(getattr(value, "sig", value)), []
    if isinstance(value, CodeType):
        return value.co_code.hex(), [value.co_names, value.co_varnames, value.co_consts]
    if isinstance(value, ModuleType):
        return value.__name__, []
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}", [getattr(value, "_fields", None)]
    if hasattr(value, "py_func"):
        return "", [value.py_func, getattr(value, "targetoptions", {})]
    if isinstance(value, FunctionType):
        return _read_function(value, package)
    if getattr(value, "__qualname__", None) and getattr(value, "__module__", None):  # a function written in C
        return f"{value.__module__}.{value.__qualname__}", []
    raise _Unknown


def _read_function(function: FunctionType, package: str) -> tuple[str, list[Any]]:
    name = f"{function.__module__}.{function.__qualname__}"
    if name.partition(".")[0] != package:
        return name, []
    code, known = function.__code__, function.__globals__
    constants = code.co_consts
    if function.__doc__ is not None and constants and constants[0] == function.__doc__:
        code = code.replace(co_consts=(None, *constants[1:]))
    names = sorted(set(_names(code)))
    used = [known[name] for name in names if name in known]
    modules = [m for m in used if isinstance(m, ModuleType) and m.__name__.partition(".")[0] == package]
    used += [vars(m)[name] for m in modules for name in names if name in vars(m)]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return function.__qualname__, [code, function.__defaults__, function.__kwdefaults__, cells, used]


def _names(code: CodeType) -> Iterator[str]:
    """Names of globals and attributes in a function and the functions within."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def places(source: str | os.PathLike[str]) -> list[Path]:
    """Return the folders for machine code of a source file, by preference; any may be absent or not writable.

    They are that of NUMBA_CACHE_DIR if set, ``__pycache__`` beside the file, numba's in the user's cache, and, where
    none of these can be written, one for temporary files that nobody but the user can write.
    """
    folder = Path(source).absolute().parent
    own = f"{folder.name}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]}"
    given = [Path(config.CACHE_DIR) / own] if config.CACHE_DIR else []
    user = Path(AppDirs("numba", False).user_cache_dir)
    return [*given, folder / "__pycache__", user / own, *(place / own for place in _temporary())]


def _temporary() -> list[Path]:
    """The user's folder among the temporary files; none if another user has made it, since machine code is trusted."""
    with suppress(OSError, AttributeError):  # nowhere to write, or Windows
        folder = Path(tempfile.gettempdir()) / f"snmem-{os.geteuid()}"
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return [folder]
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
            return [folder]
    return []


def writable_place(source: str | os.PathLike[str]) -> Path | None:
    """The folder that takes the machine code of a source file; None if it can be kept nowhere."""
    for place in places(source):
        with suppress(OSError):
            _make(place)
            tempfile.TemporaryFile(dir=place).close()
            return place
    return None


def _make(place: Path) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.mkdir(exist_ok=True)


class _Cache:
    """Machine code of one function on disk, by types of the arguments: what numba asks of its caches.

    A file holds the digest of its content, then the content. It is named by the function, by the digest of what it
    was made from, and by types of arguments, processor and versions. A file that is damaged counts as absent.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._digest = function, ""
        name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}"
        self._name = "".join(c if c.isalnum() or c in "._" else "" for c in name) + (".debug" if DEBUG else "")

    @property
    def cache_path(self) -> str:
        """The folder that is tried first."""
        return str(places(self._function.__code__.co_filename)[0])

    def enable(self) -> None:
        """Nothing: the cache is always on."""

    def disable(self) -> None:
        """Nothing: the cache is always on."""

    def flush(self) -> None:
        """Nothing: what is stale has another name."""

    def _paths(self, signature: Any, codegen: Any) -> Iterable[Path]:
        if not self._digest:
            self._digest = digest(self._function) or "none"
        if self._digest == "none":
            return []
        key = (str(signature), codegen.magic_tuple(), numba.__version__, llvmlite.__version__)
        key += () if str(config.OPT) == "3" else (str(config.OPT),)  # code that was not optimised is no other's
        name = f"{self._name}-{self._digest[:24]}-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}{_SUFFIX}"
        return [place / name for place in places(self._function.__code__.co_filename)]

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the compiled function for these types of arguments, or None; NotKeptError within ``kept_only``."""
        target.refresh()
        for path in self._paths(signature, target.codegen()):
            with suppress(Exception):  # whatever is wrong with a file, compiling anew is right
                content = memoryview(path.read_bytes())
                if hashlib.sha256(content[32:]).digest() == content[:32]:
                    return CompileResult._rebuild(target, *pickle.loads(content[32:]))
        if _KEPT_ONLY.get():
            raise NotKeptError(self._name)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Write a compiled function to the first folder that takes it."""
        if compiled.library.has_dynamic_globals:  # addresses of this process
            return
        content = dumps(compiled._reduce())
        for path in self._paths(signature, compiled.library.codegen):
            with suppress(OSError):
                _make(path.parent)
                _replace(path, hashlib.sha256(content).digest() + content)
                self._prune(path.parent)
                return

    def _prune(self, folder: Path) -> None:
        """Delete the function's files that were made from other sources."""
        for path in folder.glob(f"{self._name}-*{_SUFFIX}"):
            if not path.name.startswith(f"{self._name}-{self._digest[:24]}-"):
                path.unlink(missing_ok=True)


#: End of the names of files with machine code.
_SUFFIX = f".{sys.implementation.cache_tag}.nbc"


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that others see all of it or nothing."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=False) as draft:
        try:
            draft.write(content)
            draft.close()
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise
