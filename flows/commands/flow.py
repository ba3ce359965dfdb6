"""`heal flow`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._feeds import NOTHING, clock_of, cursor_of, flow_of, is_bad
from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption
from models.errors import DEGRADED, HEALTHY
from models.reading import Direction
from models.workflow import Workflow

if TYPE_CHECKING:
    from models.delivery import Landing
    from models.volume import Volume

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show what flows: how much beside what is usual, how fresh, how far, and whether what was written is there."""
    with flow_of(config, home, integration) as (flow, feeds):
        volumes = [one for one in flow.volumes(flow.as_of) if integration in {None, one.integration_id}]
        landings = [one for one in flow.landings() if integration in {None, one.integration_id}]
        show(feeds, volumes, landings)
    bad = is_bad(feeds) or any(one.is_drop for one in volumes) or any(one.is_lost for one in landings)
    return DEGRADED if bad else HEALTHY


def show(feeds: Sequence[Workflow], volumes: Sequence[Volume], landings: Sequence[Landing]) -> None:
    """One line for each declared feed, then what flows without being declared."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from flows.screen import console, say  # noqa: PLC0415

    table = Table("integration", "feed", "", "volume", "fresh", "landed", "cursor", box=None)
    for one in feeds:
        mine = volumes_of(one, volumes)
        written = [landing for landing in landings if is_of(one, landing)]
        head = map(escape, (one.integration_id, one.feed.name, one.feed.direction.value))
        table.add_row(*head, volume(mine), freshness(one), landed(one, written), escape(cursor_of(one)))
    for other in undeclared(feeds, volumes):
        head = map(escape, (other.integration_id, other.resource, other.direction.value))
        table.add_row(*head, volume([other]), "[dim]not declared[/]", NOTHING, NOTHING)
    console.print(table)
    lost = [one for one in landings if one.is_lost and not any(is_of(feed, one) for feed in feeds)]
    for landing in lost:
        say(f"{landing.integration_id} {landing.operation}: {landing.says}")
    say("Volume is that of the last hour, beside the same hour of the weeks before.")


def volumes_of(one: Workflow, volumes: Sequence[Volume]) -> list[Volume]:
    """What belongs to a feed: real traffic where there is any, else what probes see."""
    mine = [
        volume
        for volume in volumes
        if volume.integration_id == one.integration_id
        and one.feed.moves(volume.resource, volume.direction, volume.location)
    ]
    real = [volume for volume in mine if volume.is_traffic]
    return real or mine


def undeclared(feeds: Sequence[Workflow], volumes: Sequence[Volume]) -> list[Volume]:
    """Real traffic that belongs to no feed."""
    known = {id(volume) for one in feeds for volume in volumes_of(one, volumes)}
    return [volume for volume in volumes if volume.is_traffic and id(volume) not in known and volume.messages]


def volume(mine: Sequence[Volume]) -> str:
    """`2.4GB −50 %`, in red when that is no accident."""
    from models.volume import together  # noqa: PLC0415

    if not mine:
        return NOTHING
    says = together(mine)
    return f"[red]{says}[/]" if any(one.is_drop for one in mine) else says


def freshness(one: Workflow) -> str:
    """`write=green 09:15`, by the age that counts."""
    if one.age is None:
        return f"[red]{one.noun}=red never[/]" if one.is_late else f"[dim]{one.noun}=unknown[/]"
    at = clock_of(one.age.since, one.calendar.timezone, one.as_of)
    colour = "red" if one.is_late else "green"
    return f"[{colour}]{one.noun}={colour}[/] {one.age.by} {at}"


def is_of(one: Workflow, landing: Landing) -> bool:
    """Whether these writes belong to a feed."""
    return landing.integration_id == one.integration_id and landing.operation in one.feed.operations


def landed(one: Workflow, landings: Sequence[Landing]) -> str:
    """How many of the last hour's writes are not there, or that all are."""
    if one.feed.direction is Direction.IN:
        return NOTHING
    if lost := [landing for landing in landings if landing.is_lost]:
        return f"[red]{lost[0].says}[/]"
    accepted = sum(landing.accepted[0] for landing in landings)
    return f"{accepted} accepted in the last hour, none overdue" if accepted else NOTHING
