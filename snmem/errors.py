"""Errors. Every message says which object, which limit, which value came in, and what to do."""


class SnmemError(Exception):
    """Base of all errors snmem raises on purpose; the command line prints them as one line."""


class NetworkError(SnmemError, ValueError):
    """A population, projection or network description is not valid."""


class InputError(SnmemError, ValueError):
    """An argument or a user's data is not usable."""


class FileError(SnmemError, ValueError):
    """A file is missing, damaged or not of the expected kind."""


class BackendError(SnmemError, RuntimeError):
    """A backend cannot run this network, or failed while running it."""


class MissingDependencyError(SnmemError, ImportError):
    """An optional package is not installed."""
