"""Puts the table of `snmem chips --check` into docs/trust.md whenever the documentation is built."""

from typing import Any

from snmem.cost.validation import check, check_page, summary

MARK = "<!-- the table of snmem chips --check -->"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace the mark in docs/trust.md."""
    if MARK not in markdown:
        return markdown
    checks = check()
    totals = summary(checks)
    said = (
        f"{totals['rows']} measurements; {totals['held_out']} of them held out, with a median absolute error of "
        f"{totals['held_out_median_absolute_error']:.0%}, {totals['held_out_within_factor_2']} within a factor of 2."
    )
    return markdown.replace(MARK, f"{said}\n\n{check_page(checks)}")
