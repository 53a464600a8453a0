"""Errors. Every message says which object, which limit, which value came in, and what to do."""

from collections.abc import Iterable

from ._text import listed


class SnmemError(Exception):
    """Base of all errors snmem raises on purpose; the command line prints them as one line."""


class SnmemWarning(UserWarning):
    """Something works, but not in all cases that a user may take for granted."""


class NetworkError(SnmemError, ValueError):
    """A population, projection or network description is not valid."""


class InputError(SnmemError, ValueError):
    """An argument or a user's data is not usable."""


class UnknownNameError(SnmemError, KeyError):
    """Something is looked up by a name that it does not have.

    Parameters
    ----------
    owner : str
        What was looked up, such as "network: no population or projection".
    name : object
        The name asked for.
    known : iterable of str
        The names there are; the first ten go into the message.
    """

    def __init__(self, owner: str, name: object, known: Iterable[str]) -> None:
        super().__init__(owner, name, tuple(known))

    def __str__(self) -> str:
        owner, name, known = self.args
        return f"{owner} {name!r}; known: {listed(known)}"


class FileError(SnmemError, ValueError):
    """A file is missing, damaged or not of the expected kind."""


class BackendError(SnmemError, RuntimeError):
    """A backend cannot run this network, or failed while running it."""


class MissingDependencyError(SnmemError, ImportError):
    """An optional package is not installed."""
