"""`heal silence`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, back, house_of
from models.anomaly import Severity
from models.errors import HEALTHY, BadInput

if TYPE_CHECKING:
    from tasks.house import House

PANEL = TEND


class Do(StrEnum):
    """What is to be done."""

    ADD = "add"
    LIST = "list"
    END = "end"


def command(
    do: Annotated[Do, typer.Argument(help="Begin one, list those that hold, or end one.")] = Do.LIST,
    silence: Annotated[str | None, typer.Argument(help="With `end`: which, SIL-….")] = None,
    integration: Annotated[str | None, typer.Option(help="Only about this integration.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only where this was diagnosed, e.g. rate_limited.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only what is as grave as this.")] = None,
    watch: Annotated[str | None, typer.Option(help="Only alerts of this watch, e.g. freshness.")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="From now on for so long, e.g. 2h; 24h at most.")] = None,
    reason: Annotated[str | None, typer.Option(help='Why, e.g. "planned move". No patient\'s name.')] = None,
    by: Annotated[str | None, typer.Option(help="Who asks for it: a person or a group.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Be quiet about something for a while: heal silence add --integration ID --for 2h --reason "…" --by "…".

    Detection, recording and healing go on, and heal notices shows what is withheld. What is about security is told all
    the same. At the end, what is still broken is told.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks.silence import begin_silence, end_silence, matcher_of  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if do is Do.ADD:
        if not (lasts and reason and by):
            raise BadInput('say how long, why and who: --for 2h --reason "planned move" --by "Integration Team"')
        if integration is not None:
            house.integration(integration)
        named = matcher_of(integration_id=integration, cause=cause, severity=severity, watch=watch)
        fresh = begin_silence(house, named, back(lasts), by, reason)
        say(f"{fresh.id}: quiet until {fresh.until:%Y-%m-%d %H:%M} UTC; heal silence end {fresh.id} --by NAME")
    elif do is Do.END:
        if not (silence and by):
            raise BadInput('say which and who: heal silence end SIL-… --by "Integration Team"')
        end_silence(house, silence, by)
        say(f"{silence}: ended. What is still broken is told with the next cycle.")
    else:
        show(house)
    return HEALTHY


def show(house: House) -> None:
    """Those that hold."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models.notify.notice_tables import silences  # noqa: PLC0415
    from tasks.stages import silences_in_force  # noqa: PLC0415

    standing = silences_in_force(house, house.clock.now())
    if standing:
        show_told(silences(standing))
    else:
        say("Nothing is silenced.")
