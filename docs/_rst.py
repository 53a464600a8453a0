"""Docstrings are written for Python's tools; this turns their reStructuredText roles and formulas into Markdown."""

import re
import textwrap

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):`~?\.?([^`]+)`")
_INLINE = re.compile(r":math:`([^`]+)`")
_LINE = re.compile(r"^( *)\.\. math:: +(\S.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^( *)\.\. math::[ \n]+((?:\1 +.*\n?|\n)+)", re.MULTILINE)
_LITERAL = re.compile(r"::\n\n((?: +.*\n|\n)+)")


def to_markdown(text: str) -> str:
    """The docstring ``text`` as Markdown."""
    text = _LINE.sub(lambda m: f"{m[1]}$$\n{m[1]}{_aligned(m[2])}\n{m[1]}$$\n", text)
    text = _BLOCK.sub(lambda m: f"{m[1]}$$\n{_aligned(textwrap.dedent(m[2]))}\n{m[1]}$$\n\n", text + "\n")
    text = _INLINE.sub(r"\\(\1\\)", text)
    text = _ROLE.sub(r"`\1`", text)
    return _LITERAL.sub(r":\n\n\1", text).replace("``", "`")


def _aligned(formula: str) -> str:
    formula = formula.strip()
    return f"\\begin{{aligned}}{formula}\\end{{aligned}}" if "&" in formula else formula


class Markdown(griffe.Extension):
    """Applied to every docstring of the reference."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Rewrite the docstring of ``obj``."""
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)
