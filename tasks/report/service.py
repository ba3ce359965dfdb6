"""How well the connection serves: alerts that stand, availability, objectives, speed and stability."""

from __future__ import annotations

from collections.abc import Iterator

from models import tables
from models.coverage_tables import of_one
from models.stability import Stability
from models.story import Story
from tasks.report.html import Html, el
from tasks.report.parts import section, table


def standing_alerts(story: Story) -> Html | None:
    """What stands now; it comes first, because it may still be prevented."""
    told = tables.alerts(story.alerts, story.integration.timezone, story.as_of)
    return section(told.title, table(told.head, told.rows)) if told.rows else None


def service(story: Story) -> Iterator[Html]:
    """The tables that have rows."""
    for told in (
        tables.availability(story.availability),
        tables.objectives(story.budgets),
        tables.operations(story.speeds),
        of_one(story.coverage),
    ):
        if told.rows:
            yield section(told.title, el("div", table(told.head, told.rows), class_="wide", tabindex="0"))
    if story.stability is not None:
        yield connection(story.stability)


def connection(known: Stability) -> Html:
    """How often the connection failed, and in which runs."""
    told, lengths = tables.stability([("the whole span", known.whole)]), tables.runs(known)
    return section(
        told.title,
        el("div", table(told.head, told.rows), class_="wide", tabindex="0"),
        el("p", tables.clusters(known)) if lengths.rows else None,
        table(lengths.head, lengths.rows) if lengths.rows else None,
    )
