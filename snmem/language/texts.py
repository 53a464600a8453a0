"""English text that is there without a download: bundled sonnets, and the manual that comes with Python."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from .llama import LanguageModel
    from .rules import Survey

TEXTS = ("python", "sonnets")


def text(name: str) -> str:
    """Return "sonnets" (bundled, public domain), or "python": the help on topics of this Python, a long technical text.

    Its wording changes a little between versions of Python, and figures with it.

    Raises
    ------
    InputError
        For another name.
    """
    if name == "sonnets":
        return (files("snmem") / "data" / "sonnets.txt").read_text(encoding="utf-8")
    if name == "python":
        from pydoc_data.topics import topics

        return "\n".join(topics[topic] for topic in sorted(topics))
    raise InputError(f"text {name!r}: unknown; use one of {', '.join(TEXTS)}")


def window(model: LanguageModel, name: str, length: int) -> list[int]:
    """The first tokens of a text; InputError if it has fewer."""
    tokens = model.tokenizer.encode(text(name)[: 8 * length])
    if len(tokens) < length:
        raise InputError(f"text {name!r}: {len(tokens)} tokens, but a window of {length} was asked for; use another")
    return tokens[:length]


def survey_of(model: LanguageModel, name: str, length: int) -> Survey:
    """What budgets and codes need to know of a model's heads, from the first tokens of a text."""
    from .rules import Survey

    found = Survey(most=min(256, length))
    model.forward(window(model, name, length), found)
    return found
