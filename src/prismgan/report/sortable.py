"""Tables that sort: a click on a heading orders the rows by that column (``report.js``)."""

from __future__ import annotations

from collections.abc import Sequence

from prismgan.report.markup import Html, element

__all__ = ["ARROWS", "judged_cell", "number_cell", "sortable"]

ARROWS = {"better": "\N{BLACK UP-POINTING TRIANGLE}", "worse": "\N{BLACK DOWN-POINTING TRIANGLE}"}


def sortable(headings: Sequence[str], numeric: int, rows: Sequence[Html]) -> Html:
    """A table whose columns from number ``numeric`` on hold numbers. It scrolls where it is wider than the page."""
    head = element("tr", *(_heading(name, index >= numeric) for index, name in enumerate(headings)))
    table = element("table", element("thead", head), element("tbody", *rows), class_="sortable")
    return element("div", table, class_="wide")


def _heading(name: str, numeric: bool) -> Html:
    button = element("button", name, type="button")
    return element("th", button, scope="col", class_="number" if numeric else None)


def number_cell(sort: float | None, text: str, unit: str = "", strong: bool = False) -> Html:
    """A number, and what it is sorted by; cells without that stay last."""
    shown = element("b", text) if strong else text
    return element(
        "td",
        shown,
        element("small", unit) if unit else "",
        class_="number",
        data_sort="" if sort is None else f"{sort!r}",
    )


def judged_cell(sort: float | None, text: str, unit: str, verdict: str) -> Html:
    """A difference with its verdict, ``better``, ``worse`` or none, in colour, as a sign and in words."""
    return element(
        "td",
        element("span", ARROWS.get(verdict, ""), class_="arrow", aria_hidden="true"),
        text,
        element("small", unit) if unit else "",
        element("span", verdict, class_="spoken") if verdict else "",
        class_=f"number {verdict or 'neutral'}",
        data_sort="" if sort is None else f"{sort!r}",
    )
