"""``snmem doctor``."""

from ..contract import Report


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
