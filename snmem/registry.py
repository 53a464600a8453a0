"""Registries: what a file adds to the library by registering itself, found again by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Generic, TypeVar, cast

from .errors import InputError

T = TypeVar("T")
U = TypeVar("U")


class Registry(Generic[T]):
    """Items by name, in the order in which they registered themselves.

    Parameters
    ----------
    kind : str
        What the items are, for error messages, such as "k-WTA strategy".
    modules : tuple of str
        Modules of the library whose import registers the items that ship with it; imported when first asked for.

    Raises
    ------
    InputError
        For an unknown name, and for a name that another item has.
    """

    def __init__(self, kind: str, modules: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self._modules = modules
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Register ``item`` as ``name``; the same object may be registered again."""
        known = self._items.setdefault(name, item)
        if known is not item and _origin(known) != _origin(item):
            raise InputError(f"{self.kind} {name!r}: registered twice ({_origin(known)}, {_origin(item)}); rename one")
        self._items[name] = item
        return item

    def register(self, name: str) -> Callable[[U], U]:
        """Decorator that registers a class or function as ``name``, and leaves it as it is."""

        def add(item: U) -> U:
            self.add(name, cast(T, item))
            return item

        return add

    def _load(self) -> None:
        modules, self._modules = self._modules, ()
        for module in modules:
            import_module(module)

    def __getitem__(self, name: str) -> T:
        """The item of that name."""
        self._load()
        if name not in self._items:
            raise InputError(f"{self.kind} {name!r} is unknown; use one of {', '.join(self._items) or '(none)'}")
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._items)

    def __len__(self) -> int:
        self._load()
        return len(self._items)

    def items(self) -> list[tuple[str, T]]:
        """Names and items."""
        self._load()
        return list(self._items.items())

    def values(self) -> list[T]:
        """The items."""
        self._load()
        return list(self._items.values())


def _origin(item: object) -> str:
    """Where an item comes from: the same for a class that its file, loaded again, defines anew."""
    return f"{getattr(item, '__module__', type(item).__module__)}.{getattr(item, '__qualname__', repr(item))}"
