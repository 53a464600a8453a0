"""Published results beside our own: every recipe of ``models`` that reproduces one, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._compiling import compiled_first
from ..errors import InputError
from ..installation.content import content_names, load_script
from ..sweep.points import find_function


def recipe_names() -> list[str]:
    """Return the names of the recipes that reproduce a published figure or table, e.g. "kwinner-retention"."""
    return [n.replace("_", "-") for n in content_names("models") if hasattr(load_script("models", n), "reproduce")]


@compiled_first()
def reproduce(
    name: str | Callable[..., Any],
    quick: bool = False,
    seed: int = 0,
    out: Path | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run a recipe and compare its numbers with the published ones.

    Parameters
    ----------
    name
        A name of :func:`recipe_names`, the path of a .py file or a module with a function ``reproduce``,
        "model:function", or the function itself. It is called with ``quick``, ``seed``, ``out`` and ``report``.
    quick
        Fewer runs and shorter sequences, for a first look; rows that need more are left to the full form.
    seed
        Seed of all randomness.
    out
        Folder for the figures; None draws none.
    report
        Told what happens.

    Returns
    -------
    dict with ``rows`` (each ``name``, ``value``, ``tolerance``, ``unit``, ``ok``, and ``published``; or ``expected``
    or ``target`` where nothing is published), ``raw`` (further figures), ``files``, ``seed``, ``seconds`` and ``ok``
    (all rows are).

    Raises
    ------
    InputError
        If there is no such recipe.
    """
    function = name if callable(name) else _recipe(name)
    result: Any = function(quick=quick, seed=seed, out=out, report=report)
    return result


def _recipe(name: str) -> Callable[..., Any]:
    own = name.endswith(".py") or ":" in name or "." in name
    if not own and name not in (known := recipe_names()):
        raise InputError(
            f"recipe {name!r}: unknown; use one of {', '.join(known)}, or a path to a .py file, or module:function"
        )
    return find_function(name, "reproduce")
