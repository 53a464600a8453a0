"""English text that is there without a download: bundled sonnets, and the manual that comes with Python."""

from __future__ import annotations

from importlib.resources import files

from ..errors import InputError

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
