"""`heal resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, NEEDS_HUMAN

PANEL = TEND


def command(
    by: Annotated[str, typer.Option(help="Who switches it on: a person or a group.")],
    incident: Annotated[str | None, typer.Argument(help="Only give this incident back.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Switch healing on again after `heal halt`, or give one incident back; it starts with the next cycle."""
    from flows.screen import say  # noqa: PLC0415
    from tasks.choose import halted  # noqa: PLC0415
    from tasks.halt import give_back, resume  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if incident is not None:
        given = give_back(house, incident, by)
        say(f"{given.id} is healed again as policy allows, from the next cycle on.")
        return HEALTHY
    resume(house, by)
    if why := halted(house):
        say(f"The switch is on, and healing is still halted: {why}.")
        return NEEDS_HUMAN
    say("Healing is on again, from the next cycle on.")
    return HEALTHY
