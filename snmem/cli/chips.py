"""``snmem chips``."""

from .contract import Report


def chips() -> Report:
    """List the chip profiles that a bill can be made for."""
    from rich.table import Table

    from ..aer import chips as names
    from ..aer import load_chip

    profiles = [load_chip(name) for name in names()]
    table = Table("chip", "title", "vendor", "node", "cores", title_justify="left")
    for chip in profiles:
        table.add_row(chip.name, chip.title, chip.vendor, chip.node, str(chip.cores))
    return Report({"chips": [chip.to_dict() for chip in profiles]}, [table])
