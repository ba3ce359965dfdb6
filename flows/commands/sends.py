"""`heal sends`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY, NEEDS_HUMAN

PANEL = LOOK
SHOWN = 50


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show the messages that wait, how many were sent, and what is in quarantine and why.

    Ends with 3 while a person is needed, with 1 while something waits. Nothing of a message is shown.
    """
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import send_tables as tables  # noqa: PLC0415
    from models.sending import SendState  # noqa: PLC0415
    from tasks.ledger.send_reads import STILL_GOING  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if integration is not None:
        house.integration(integration)
    known = {name: one for name, one in house.ledger.tallies().items() if integration in {None, name}}
    if not known:
        say("No message was ever sent. `heal send ID FILE` brings one over.")
        return HEALTHY
    show_told(tables.tallies(known, {name: house.ledger.sends_behind(name) for name in known}), titled=False)
    stuck = house.ledger.sends(integration, [SendState.QUARANTINED], SHOWN)
    waiting = house.ledger.sends(integration, STILL_GOING, max(0, SHOWN - len(stuck)))
    show_told(tables.sends((*stuck, *waiting), house.clock.now()), whole=("message",))
    for line in tables.cures(stuck):
        say(line)
    return NEEDS_HUMAN if stuck else DEGRADED if waiting else HEALTHY
