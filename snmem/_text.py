"""Text that comes from outside, such as the names in a file: shown without being acted upon, shortened, made unique."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Container, Iterable

#: Characters in a name, at most; names made from names stay below, so that a number fits at their end.
LONGEST_NAME = 1000
_LONGEST_DERIVED = LONGEST_NAME - 10
#: Names that a message lists at most.
_LISTED = 10
#: What no name holds: control characters, and surrogates that stand alone.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: Characters that steer a terminal or the direction of writing, or cannot be seen or encoded: C0 and C1 controls,
#: line and paragraph separators, bidirectional controls, other invisible ones but the joiners of emoji, surrogates.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)


def visible(text: object) -> str:
    r"""``str(text)`` on one line, safe to show: control characters and the like as ``\x1b``, ``\n``, ``\u202e``."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), str(text))


def escaped_json(text: str) -> str:
    r"""JSON in which such characters are escapes as ``\u001b`` and ``\ud800``; line breaks between values stay."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def shortened(text: str, length: int) -> str:
    """``text``, or if it is longer than ``length``, its beginning and a hash of the whole."""
    if len(text) <= length:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{text[: max(length - 13, 0)]}~{digest}"[:length]


def listed(names: Iterable[object]) -> str:
    """Names as a message shows them: the first ten, and how many more."""
    known = list(names)
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return (", ".join(map(repr, known[:_LISTED])) or "none") + more


def unique(wanted: str, taken: Container[str], length: int = _LONGEST_DERIVED) -> str:
    """``wanted``, shortened to ``length``, or with ``_2``, ``_3``, ... at its end where ``taken`` holds it."""
    name = base = shortened(wanted, length)
    number = 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def shown(value: object, limit: int = 80) -> str:
    """Return ``repr(value)`` for a message: in one line, printable, and shortened to about ``limit`` characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, lists nested thousands deep
        text = f"a {type(value).__name__} that is too long to show"
    text = visible(text)
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"


def one_line(error: BaseException, limit: int = 200) -> str:
    """Return the message of ``error`` (else its type) as one printable line of at most about ``limit`` characters."""
    text = visible(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path for a message: in one line, with control characters made visible."""
    return visible(path)
