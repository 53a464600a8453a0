"""The cost report as one HTML page with its pictures inside."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._text import visible
from ...plots import label, plain_text
from ..events import UNITS
from . import tables

if TYPE_CHECKING:
    from .build import CostReport

#: Nothing that stands in the page is run or fetched, should a text ever get out of its place.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 }
th, td { padding: 3px 10px; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child, td.text { text-align: left }
caption { text-align: left; font-weight: 600; padding: 6px 0 }
svg { max-width: 100%; height: auto }
code { word-break: break-all }
"""


def report_page(report: CostReport) -> str:
    """The page; pictures are SVG in the page itself."""
    bill = report.bill
    title = f"Cost of {bill.steps} steps on {bill.chip}"
    notes = [*tables.notes(bill), tables.twin_note(report)]
    parts = [
        f"<h1>{escape(title)}</h1>",
        _table(tables.totals(bill)),
        _svg(_energy_picture, report),
        _table(tables.counts(bill)),
        _table(tables.prices(bill, sources=True)),
        _table(tables.layers(bill)),
        "<h2>Time and mapping</h2>",
        _table(tables.times(bill)),
        _svg(_core_picture, report),
        _table(tables.limits(bill)),
        *map(_table, tables.placements(report)),
        "<h2>Other chips, twins and the usual estimates</h2>",
        _table(tables.chips(report)),
        *map(_table, tables.twin(report)),
        _svg(_twin_picture, report),
        _table(tables.quantized(report)),
        _table(tables.estimates(report)),
        "<h2>What to know</h2><ul>" + "".join(f"<li>{escape(n)}</li>" for n in notes) + "</ul>",
        "<h2>Provenance</h2>",
        _provenance(report),
    ]
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head = f"<meta charset='utf-8'>{policy}<title>{escape(title)}</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def escape(text: object) -> str:
    """``text`` as HTML shows it, in attributes too."""
    return html.escape(visible(text))


def _table(table: tables.Table) -> str:
    head = "".join(f"<th>{escape(c)}</th>" for c in table.columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"<table><caption>{escape(table.title)}</caption><tr>{head}</tr>{body}</table>"


def _provenance(report: CostReport) -> str:
    hashes = (f"<li>{escape(k)}: <code>{escape(v)}</code></li>" for k, v in report.bill.provenance.items())
    sources = sorted({x.source for x in report.bill.lines if x.source} | set(report.twin["sources"].values()))
    return f"<ul>{''.join(hashes)}{''.join(f'<li>{escape(s)}</li>' for s in sources)}</ul>"


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(draw: Callable[[CostReport], Any], report: CostReport) -> str:
    """A picture of the report as SVG text without XML head; "" if there is none."""
    out = io.StringIO()
    with plain_text(svg_hashsalt="snmem", svg_fonttype="none"):
        figure = draw(report)
        if figure is None:
            return ""
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = out.getvalue()
    return text[text.index("<svg") :]


def _name_bars(axes: Any, names: Mapping[str, Any]) -> None:
    """Names of horizontal bars at 0, 1, ..., from above."""
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.invert_yaxis()


def _energy_picture(report: CostReport) -> Any:
    """Dynamic energy of every layer, stacked by unit; None where it is unknown."""
    from matplotlib.ticker import EngFormatter

    if report.bill.dynamic["total"] is None:
        return None
    layers = report.bill.layers
    figure, axes = _figure(8, 0.6 + 0.45 * len(layers))
    left = np.zeros(len(layers))
    for unit in UNITS:
        joules = np.array([row["joules"][unit] for row in layers.values()])
        if joules.any():
            axes.barh(range(len(layers)), joules, left=left, label=unit)
        left += joules
    _name_bars(axes, layers)
    axes.xaxis.set_major_formatter(EngFormatter("J"))
    axes.set_xlabel("dynamic energy")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")
    return figure


def _core_picture(report: CostReport) -> Any:
    """Synaptic events read and packets sent by every core in use."""
    cores = report.bill.cores
    if len(cores["core"]) < 2:
        return None
    figure, axes = _figure(8, 2.6)
    for key, words in (("synaptic_events", "synaptic events read"), ("packets", "packets sent")):
        axes.plot(cores[key], drawstyle="steps-mid", label=words)
    axes.set(xlabel="core in use", yscale="symlog", ylim=(0, None))
    axes.legend(fontsize="small")
    return figure


def _twin_picture(report: CostReport) -> Any:
    """Energy of an item: this chip beside dense machines, on a logarithmic scale."""
    rows = {name: r["joules"] for name, r in report.twin["machines"].items()}
    per = report.bill.per_item()
    rows |= {f"{report.bill.chip}, dynamic": per["dynamic_joules_per_item"]}
    rows |= {f"{report.bill.chip}, with static": per["joules_per_item"]}
    rows = {name: joules for name, joules in rows.items() if joules}  # neither None nor 0
    if not rows:
        return None
    figure, axes = _figure(8, 0.6 + 0.35 * len(rows))
    colours = ["tab:orange" if name.startswith(report.bill.chip) else "tab:gray" for name in rows]
    axes.barh(range(len(rows)), list(rows.values()), color=colours)
    _name_bars(axes, rows)
    axes.set(xscale="log", xlabel="energy of an item, J")
    return figure
