"""Rich for text that comes from outside: no markup, no emoji codes, no control characters, on any console."""

from __future__ import annotations

from typing import Any

from rich.console import Console as _Console
from rich.table import Table as _Table
from rich.text import Text

from ._text import visible


def plain_text(value: object, style: str = "") -> Text:
    """``value`` as rich shows it whatever it holds; a Text stays as it is."""
    return value if isinstance(value, Text) else Text(visible(value), style)


class Table(_Table):
    """A table whose heads, title and cells, of any type, are shown as they are."""

    def __init__(self, *heads: str, title: str = "", **options: Any) -> None:
        shown = plain_text(title, "table.title") if title else None
        super().__init__(title=shown, title_justify="left", **options)
        for head in heads:
            self.add_column(head)

    def add_column(self, header: Any = "", footer: Any = "", **options: Any) -> None:
        """As rich's."""
        super().add_column(plain_text(header), footer, **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        """As rich's, for values of any type."""
        super().add_row(*map(plain_text, cells), **options)


class Console(_Console):
    """A console that shows every str, also those that rich's own objects hold, as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich's, without markup."""
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})

    def on_broken_pipe(self) -> None:
        """Let the error go on to those who print."""
        raise
