"""One HTML page that needs nothing else: data, script and style in one file."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Any

from .._text import visible
from ..io.files import replace_file
from ..io.results import plain
from .blobs import Blobs

#: Parts of the script in order; all but the last only define.
SCRIPTS = (
    *("dom", "blobs", "lane", "paint", "axes", "activity", "main"),
    *("graph", "chip", "bill", "conformance", "start"),
)
#: Bytes of a page that a notebook shows in its cell.
_IN_CELL = 25_000_000


class View:
    """A page to explore a run in a browser: ``view.save("run.html")``; a notebook shows it in its cell.

    Attributes
    ----------
    data : dict
        What the page shows, as plain data.
    """

    def __init__(self, title: str, about: str, data: dict[str, Any], blobs: Blobs) -> None:
        self.title, self.about = visible(title), visible(about)
        self._blobs = blobs
        self.data = {"title": self.title, "encoding": blobs.encoding, **plain(data)}

    def to_bytes(self) -> bytes:
        """The page. Nothing that stands in it is fetched, and no script runs but its own."""
        script, style = asset_script(), _asset("page.css")
        allowed = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
        values = {
            "encoding": self.data["encoding"],
            "policy": policy,
            "title": html.escape(self.title),
            "about": html.escape(self.about),
            "style": style,
        }
        head = re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], _asset("page.html"))
        # "<" ends no element within JSON, and ASCII is the same in every encoding
        data = json.dumps(self.data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        blocks = [b'<script class="blob" type="text/plain">' + text + b"</script>\n" for text in self._blobs.texts()]
        return b"".join(
            [
                head.encode("ascii", "xmlcharrefreplace"),
                b'<script type="application/json" id="data">' + data.encode("ascii") + b"</script>\n",
                *blocks,
                b"<script>" + script.encode("ascii") + b"</script>\n</body></html>\n",
            ]
        )

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the page, whole or not at all; returns its size in bytes.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        page = self.to_bytes()
        with replace_file(path, "wb") as file:
            file.write(page)
        return len(page)

    def _repr_html_(self) -> str:
        if self._blobs.size > _IN_CELL or self.data["encoding"] != "utf-8":
            size = f"{self._blobs.size / 1e6:.0f} MB"
            return f"<p>A page of {size}, too large for a cell: save it with <code>.save('run.html')</code></p>"
        page = html.escape(self.to_bytes().decode("ascii"))
        style = "width:100%;height:900px;border:1px solid #ccc;border-radius:6px"
        return f'<iframe title="{html.escape(self.title)}" style="{style}" srcdoc="{page}"></iframe>'

    def __repr__(self) -> str:
        return f"View({self.title!r}, {self._blobs.size / 1e6:.3g} MB); save it: .save('run.html')"


def _asset(name: str) -> str:
    return (files("snmem.view") / "assets" / name).read_text(encoding="ascii")


@cache
def asset_script() -> str:
    """The script of the page."""
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();\n'
