"""`heal workflows`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._feeds import COLOURS, NOTHING, ago, cursor_of, flow_of, is_bad
from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption
from models.errors import DEGRADED, HEALTHY
from models.wording import span
from models.workflow import Pace, Workflow

if TYPE_CHECKING:
    from collections.abc import Sequence

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show every feed: its last success, its cursor, what waits; a cursor that stands still stands out."""
    with flow_of(config, home, integration) as (_, feeds):
        show(feeds)
    return DEGRADED if is_bad(feeds) else HEALTHY


def show(feeds: Sequence[Workflow]) -> None:
    """One line for each feed, and one sentence for each that is late or stuck."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from flows.screen import console, say  # noqa: PLC0415

    heads = ("integration", "feed", "", "last success", "cursor", "stands for", "every", "backlog", "state")
    table = Table(*heads, box=None)
    for one in feeds:
        cells = (one.integration_id, one.feed.name, one.feed.direction.value, ago(one.last_ok_at, one.as_of))
        stands = NOTHING if one.cursor_age is None else span(one.cursor_age.total_seconds())
        every = span(one.feed.every.total_seconds()) if one.feed.every else NOTHING
        word = f"[{COLOURS[one.pace]}]{one.pace}[/]"
        table.add_row(*map(escape, (*cells, cursor_of(one), stands, every, backlog(one))), word)
    console.print(table)
    for one in feeds:
        if one.pace in WHY:
            say(f"{one.integration_id} {one.feed.name} is {one.pace}: {WHY[one.pace](one)}")
    if not feeds:
        say("No feeds.")


def backlog(one: Workflow) -> str:
    """How much waits, and how long the oldest has."""
    known = [] if one.depth is None else [f"{one.depth:.0f} wait"]
    known += [] if one.oldest_s is None else [f"oldest {span(one.oldest_s)}"]
    return ", ".join(known) or NOTHING


def too_old(one: Workflow) -> str:
    """What is how old, beside the limit."""
    age = one.age
    told = f"{age.by} {span(age.age.total_seconds())}{age.counted_in} ago" if age else "no success is remembered"
    return f"{told} ({one.limit_says})"


def stands_still(one: Workflow) -> str:
    """For how long nothing new came."""
    return f"calls succeed, and the cursor has not moved for {one.period_says}"


WHY = {Pace.LATE: too_old, Pace.STUCK: stands_still}
