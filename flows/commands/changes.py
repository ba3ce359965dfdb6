"""`heal changes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY

if TYPE_CHECKING:
    from datetime import datetime

    from models.facts import Change
    from models.incident import Incident
    from tasks.house import House

PANEL = LOOK
ID = "integration"  # said once is enough where only one was asked for
HEADINGS = ("when", "whose", ID, "kind", "what", "before → after", "incidents that followed")


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    since: Annotated[str, typer.Option(help="How far back, e.g. 90m, 24h or 7d.")] = "7d",
    baselines: Annotated[bool, typer.Option("--baselines", help="Also when each thing was first seen.")] = False,
    before: Annotated[str | None, typer.Option(metavar="INC", help="Weigh those before this incident instead.")] = None,
) -> int:
    """Show what was altered on our side and on theirs, and which incidents followed within a day.

    With --before INC, the changes of the day before that incident are weighed: how much of it each explains, by its
    distance from the onset, by what it can touch, and by how often such changes were followed by such trouble.
    """
    from flows.screen import say  # noqa: PLC0415
    from models.changes import newest_first  # noqa: PLC0415
    from tasks.changes import all_changes  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if before is not None:
        return weigh(house, before)
    found = all_changes(house, integration, instant(house, since))
    shown = newest_first(found, with_baselines=baselines)
    if shown:
        show(shown, house.ledger.incidents(integration), house, with_names=integration is None)
    else:
        first = f" ({len(found)} things were seen for the first time: --baselines)" if found else ""
        say(f"No change was noted in the last {since}{first}.")
    return HEALTHY


def weigh(house: House, incident_id: str) -> int:
    """The changes before an incident, the likeliest first, and what is left to chance."""
    from flows.screens.lift import show_suspects  # noqa: PLC0415
    from tasks.lift import suspects_of  # noqa: PLC0415

    show_suspects(suspects_of(house, house.ledger.incident(incident_id)))
    return HEALTHY


def instant(house: House, since: str) -> datetime:
    """The beginning of the span that was asked for.

    Raises:
        BadInput: when it is no duration.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    from models.errors import BadInput  # noqa: PLC0415
    from models.integration import Duration  # noqa: PLC0415

    try:
        return house.clock.now() - TypeAdapter(Duration).validate_python(since)
    except (ValidationError, OverflowError):
        raise BadInput("--since is not a duration; write a number with s, m, h or d, e.g. 90m or 7d") from None


def show(changes: Sequence[Change], incidents: Sequence[Incident], house: House, *, with_names: bool) -> None:
    """One line for each change, the newest first, in the practice's time."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from flows.screen import console  # noqa: PLC0415
    from models.changes import followed_by  # noqa: PLC0415

    zones = {one.id: one.timezone for one in house.configuration.integrations}
    table = Table(*(heading for heading in HEADINGS if with_names or heading != ID), box=None)
    for change in changes:
        local = change.at.astimezone(ZoneInfo(zones.get(change.integration_id, "UTC")))
        followed = ", ".join(incident.id for incident in followed_by(change, incidents))
        cells = (
            f"{local:%Y-%m-%d %H:%M %Z}",
            change.side.value,
            change.integration_id,
            (change.kind or "").replace("_", " "),
            change.says,
            f"{change.before or '–'} → {change.after or '–'}" if change.before or change.after else "–",
            followed or "–",
        )
        told = zip(HEADINGS, cells, strict=True)
        table.add_row(*(escape(cell) for heading, cell in told if with_names or heading != ID))
    console.print(table)
