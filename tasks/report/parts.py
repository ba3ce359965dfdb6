"""The page's recurring parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.report.html import Child, Html, el


def section(title: str, *children: Child) -> Html:
    """A part of the page with its heading."""
    return el("section", el("h2", title), *children)


def items(lines: Iterable[str]) -> Html:
    """A plain list."""
    return el("ul", [el("li", line) for line in lines])


def table(head: Sequence[str], rows: Iterable[Sequence[Child]]) -> Html:
    """A table that becomes a list of labelled lines on a narrow screen."""
    top = el("thead", el("tr", [el("th", name, scope="col") for name in head]))
    body = [el("tr", [el("td", cell, data_label=name) for name, cell in zip(head, row, strict=True)]) for row in rows]
    return el("table", top, el("tbody", body), class_="stack")
