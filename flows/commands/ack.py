"""`heal ack`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY

PANEL = TEND


def command(
    incident: Annotated[str, typer.Argument(help="An incident of which people were told, INC-….")],
    by: Annotated[str, typer.Option(help="Who has heard: a person or a group.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Say that somebody has heard of an incident: nobody else is called, and the channels are told so.

    Healing goes on; `heal halt INC-…` takes it over. When nothing has moved for half an hour, whoever was told first is
    told once more.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks.acknowledge import acknowledge  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    found = acknowledge(house, incident, by)
    if found.is_new:
        say(f"{incident}: acknowledged by {found.calling.acknowledged_by}. Nobody else is called.")
    else:
        at = f"{found.calling.acknowledged_at:%H:%M} UTC" if found.calling.acknowledged_at else "before"
        say(f"{incident}: {found.calling.acknowledged_by} acknowledged it at {at}; nothing changes.")
    return HEALTHY
