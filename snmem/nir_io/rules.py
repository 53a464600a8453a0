"""Learning rules in the metadata of a NIR file: their type and their parameters as JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

from ..errors import NetworkError
from ..network import Projection
from ..plasticity import BUILT_IN, LearningRule

#: Rules that files hold, by the name of their type.
RULES: dict[str, type[LearningRule]] = {kind.__name__: kind for kind in BUILT_IN}


def rule_entry(q: Projection) -> dict[str, Any] | None:
    """The rule of a projection as JSON; NetworkError, naming the projection, for a rule of another type."""
    rule = q.plasticity
    if rule is None:
        return None
    name = type(rule).__name__
    if RULES.get(name) is not type(rule):
        raise NetworkError(f"projection {q.name!r}: NIR files cannot hold a {name}; freeze the network first")
    return {"rule": name} | {f.name: getattr(rule, f.name) for f in fields(cast(Any, rule))}


def rule_of(entry: dict[str, Any]) -> LearningRule:
    """The rule of an entry.

    Raises
    ------
    NetworkError
        For an unknown rule, unknown or absent parameters, and values that the rule refuses.
    """
    kind = RULES.get(entry["rule"])
    if kind is None:
        raise NetworkError(f"learning rule {entry['rule']!r} is unknown; known are {', '.join(RULES)}")
    known = {f.name for f in fields(cast(Any, kind))}
    given = {name: _plain(value) for name, value in entry.items() if name != "rule"}
    if given.keys() - known:
        raise NetworkError(f"learning rule {entry['rule']} has no parameter {min(given.keys() - known)!r}")
    try:
        return kind(**given)
    except (TypeError, ValueError, RecursionError) as error:
        raise NetworkError(f"learning rule {entry['rule']}: {error}") from None


def _plain(value: Any) -> Any:
    """Lists as the tuples that rules hold."""
    return tuple(map(_plain, cast(list[Any], value))) if isinstance(value, list) else value
