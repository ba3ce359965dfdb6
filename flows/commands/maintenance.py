"""`heal maintenance`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, back, house_of
from models.errors import HEALTHY, BadInput

if TYPE_CHECKING:
    from models.integration import Integration
    from models.maintenance import Closure, Downtime
    from tasks.house import House

PANEL = TEND
AHEAD = timedelta(days=31)  # how far the list looks
BY = "Who agreed to it: a person or a group."


def command(
    integration: Annotated[str | None, typer.Argument(help="Id of an integration; all of them without it.")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="Begin now, for so long, e.g. 2h; 7d at most.")] = None,
    reason: Annotated[str | None, typer.Option(help='Why, e.g. "Epic upgrade". No patient\'s name.')] = None,
    by: Annotated[str | None, typer.Option(help=BY)] = None,
    end: Annotated[bool, typer.Option("--end", help="End now what was begun with --for.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Agree that an integration may be away: heal maintenance ID --for 2h --reason "…" --by "…"; --end ends it early.

    Meanwhile the status is MAINTENANCE; probes, recording and detection go on. What fails then is counted beside
    availability and objectives, not in them. It ends by itself. What repeats stands under `maintenance` in
    integrations.yaml. Without options, everything that is agreed for the next weeks is listed.
    """
    from flows.screen import say  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    wanted = (house.integration(integration),) if integration else house.configuration.integrations
    if integration is None or (lasts is None and not end):
        return show_all(house, wanted)
    if end:
        ended = end_now(house, wanted[0], by).downtime.until
        say(f"{integration}: maintenance ended at {ended:%H:%M:%S} UTC; it is judged again from now on.")
    else:
        until = begin_now(house, wanted[0], lasts or "", reason, by).until
        say(f"{integration}: maintenance until {until:%Y-%m-%d %H:%M:%S} UTC; heal maintenance {integration} --end")
    return HEALTHY


def begin_now(house: House, integration: Integration, lasts: str, reason: str | None, by: str | None) -> Downtime:
    """Declare a downtime that begins now.

    Raises:
        BadInput: when it says too little, or what could name a patient, or lasts too long, or one is in force already.
    """
    from models.maintenance import LONGEST, Downtime, close  # noqa: PLC0415
    from tasks.word import word_of  # noqa: PLC0415

    if not (reason and by):
        raise BadInput('say why and who agreed: --reason "Epic upgrade" --by "Integration Team"')
    length, now = back(lasts), house.clock.now()
    if length > LONGEST:
        raise BadInput("maintenance lasts 7d at most; what is away for longer is taken out of integrations.yaml")
    if standing := open_closure(house, integration):
        until = f"{standing.downtime.until:%Y-%m-%d %H:%M} UTC"
        raise BadInput(f"{integration.id} is in maintenance until {until}; end it first with --end")
    word = word_of(house, by, reason, option="reason")
    downtime = Downtime(since=now, until=now + length, reason=word.why, agreed_by=word.by)
    with house.ledger.change("cli", now) as change:
        change.keep(close(integration.id, downtime))
    return downtime


def end_now(house: House, integration: Integration, by: str | None) -> Closure:
    """End what was declared by hand.

    Raises:
        BadInput: when nothing was, or who says so could be a patient.
    """
    from tasks.word import word_of  # noqa: PLC0415

    now, standing = house.clock.now(), open_closure(house, integration)
    if standing is None:
        raise BadInput(f"{integration.id}: nothing was begun with --for; what integrations.yaml plans is changed there")
    ended = standing.end(now, word_of(house, by).by if by else standing.downtime.agreed_by)
    with house.ledger.change("cli", now) as change:
        change.keep(ended)
    return ended


def open_closure(house: House, integration: Integration) -> Closure | None:
    """What was declared by hand and holds now."""
    from models.maintenance import Closure  # noqa: PLC0415

    now = house.clock.now()
    return next((one for one in house.ledger.all_kept(Closure, integration.id) if one.downtime.holds(now)), None)


def show_all(house: House, wanted: Sequence[Integration]) -> int:
    """Everything that is agreed for these integrations, from now on."""
    from flows.screens.service import show_downtimes  # noqa: PLC0415
    from models.maintenance import Closure, downtimes  # noqa: PLC0415

    now = house.clock.now()
    planned = [
        (one, downtime)
        for one in wanted
        for downtime in downtimes(
            one.maintenance, one.timezone, now, now + AHEAD, house.ledger.all_kept(Closure, one.id)
        )
    ]
    show_downtimes(sorted(planned, key=lambda pair: pair[1].since), now)
    return HEALTHY
