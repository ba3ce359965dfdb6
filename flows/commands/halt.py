"""`heal halt`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY

PANEL = TEND


def command(
    by: Annotated[str, typer.Option(help="Who switches it off: a person or a group.")],
    why: Annotated[str, typer.Option(help="Why, in a sentence. No patient's name.")],
    incident: Annotated[str | None, typer.Argument(help="Only this incident; everything without it.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Stop all healing at once, or take one incident over; watching, diagnosing and telling go on.

    Nothing begins any more from the next cycle on; what was already sent cannot be called back, and is still measured.
    An empty file HALT in the state directory, or HEAL_HALT in the environment, does the same. `heal resume` ends it.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks.halt import halt, take_over  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if incident is None:
        waiting = halt(house, by, why)
        say(f"Healing is halted. {waiting} plans wait and are not carried out. `heal resume --by NAME` ends it.")
    else:
        taken = take_over(house, incident, by, why)
        say(f"{taken.id} is yours: nothing is done to {taken.integration_id} until heal resume {taken.id} --by NAME.")
    return HEALTHY
