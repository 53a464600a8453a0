"""``snmem lava install``."""

import typer

from ..contract import Report, add_verb
from ..progress import say

lava = typer.Typer(help="Set up Lava, whose package does not install by itself on Python 3.11 and later.")


@lava.callback()
def _lava() -> None: ...


def install() -> Report:
    """Install Lava 0.10.0 into the Python that runs snmem."""
    from ...lava.install import install
    from ...lava.shim import installed_version

    message = install(say)
    return Report({"ok": True, "lava-nc": installed_version(), "message": message}, [message])


add_verb(lava, "install", install)
