"""What `heal flow` and `heal workflows` have in common: the feeds as they are now, and how one is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from flows.commands._options import house_of
from models.volume import in_short
from models.wording import span
from models.workflow import Pace, Workflow

if TYPE_CHECKING:
    from tasks.flow import Flow

NOTHING = "–"
COLOURS = {Pace.FLOWING: "green", Pace.LATE: "red", Pace.STUCK: "bold red", Pace.UNKNOWN: "dim"}


@contextmanager
def flow_of(config: Path, home: Path | None, integration: str | None) -> Iterator[tuple[Flow, list[Workflow]]]:
    """What flows now, from the history alone, and the feeds of one integration or of all."""
    from tasks.flow import Flow  # noqa: PLC0415
    from tasks.remember import history  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if integration is not None:
        house.integration(integration)  # a name that there is not is told with those there are
    now = house.clock.now()
    with history(house.home, since=now - timedelta(days=31)) as db:
        flow = Flow(house, db, now)
        yield flow, [one for one in flow.workflows if integration in {None, one.integration_id}]


def volumes_in_short(config: Path, home: Path | None) -> dict[str, str]:
    """What flowed in the last hour over each integration, in a few words."""
    with flow_of(config, home, None) as (flow, _):
        volumes = flow.volumes(flow.as_of)
    ids = {one.integration_id for one in volumes}
    return {name: in_short([one for one in volumes if one.integration_id == name]) for name in ids}


def ago(at: datetime | None, as_of: datetime) -> str:
    """How long ago, in words."""
    return NOTHING if at is None else span(max(0.0, (as_of - at).total_seconds()))


def clock_of(at: datetime | None, zone: str, as_of: datetime) -> str:
    """The practice's clock to the minute; with the date when that is another day."""
    if at is None:
        return NOTHING
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%H:%M}" if local.date() == as_of.astimezone(ZoneInfo(zone)).date() else f"{local:%Y-%m-%d %H:%M}"


def cursor_of(one: Workflow) -> str:
    """Where the cursor is."""
    if one.cursor is None:
        return NOTHING
    return clock_of(one.cursor.at, one.calendar.timezone, one.as_of) if one.cursor.at else f"{one.cursor.number:g}"


def is_bad(feeds: Sequence[Workflow]) -> bool:
    """Whether any is late or stuck."""
    return any(one.pace in {Pace.LATE, Pace.STUCK} for one in feeds)
