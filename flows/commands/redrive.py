"""`heal redrive`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of, run
from flows.commands.send import bring_over, how, read
from models.errors import HEALTHY, BadInput
from models.sending import Because, SendState, Settlement

PANEL = TEND


def command(
    message: Annotated[str, typer.Argument(help="A message as `heal sends` lists it; with --all, an integration.")],
    by: Annotated[str, typer.Option("--by", help="Who decides; the audit keeps the name.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Every message of the integration that is in quarantine.")
    ] = False,
    with_: Annotated[
        Path | None, typer.Option("--with", help="A corrected message to go in its place.", show_default=False)
    ] = None,
    settled: Annotated[
        Settlement | None,
        typer.Option("--settle", help="You have looked at the receiver: this is how it is.", show_default=False),
    ] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Take messages out of quarantine after the fix, and bring them and all that waited behind them over now.

    What may have arrived already is asked about before it goes again. Ends with 3 when you are still needed.
    """
    from flows.screen import Steps, say  # noqa: PLC0415
    from models import send_tables as tables  # noqa: PLC0415
    from tasks import redrive as redriving  # noqa: PLC0415

    house = house_of(config, home)
    if everything:
        if with_ or settled:
            raise BadInput("--all goes with neither --with nor --settle; those are about one message")
        house.integration(message)
        stuck = house.ledger.sends(message, [SendState.QUARANTINED])
        moved = redriving.redrive(house, tuple(one for one in stuck if one.because is not Because.LOST), by)
    elif with_ is not None:
        moved = (redriving.replace(house, house.ledger.a_send(message), read(with_), by),)
    elif settled is not None:
        moved = (redriving.settle(house, house.ledger.a_send(message), settled, by),)
    else:
        moved = redriving.redrive(house, (house.ledger.a_send(message),), by)
    if not moved:
        say("Nothing is in quarantine.")
        return HEALTHY
    integration = moved[0].integration_id
    with Steps(f"Sending to {integration}") as steps:
        run(bring_over(house, integration, [one.id for one in moved], steps.told))
    after = [house.ledger.a_send(one.id) for one in moved]
    say(tables.told(after))
    for line in tables.cures(one for one in after if one.because):
        say(line)
    return how(after)
