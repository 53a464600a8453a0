"""What is installed: ``snmem doctor`` and ``snmem lava install``."""

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


def doctor() -> Report:
    """Check what is installed and whether it works, and say how to mend the rest."""
    from ..._rich import Table
    from ...installation.doctor import doctor

    rows = doctor()
    table = Table("", "version", "works", "note", "remedy")
    for row in rows:
        works = "yes" if row.ok else "NO" if row.required else "no (optional)"
        table.add_row(row.name, row.version or "", works, row.note, row.remedy)
    ok = all(row.ok for row in rows if row.required)
    return Report({"ok": ok, "rows": [row._asdict() for row in rows]}, [table], ok)


add_verb(lava, "install", install)
