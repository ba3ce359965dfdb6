"""`heal actions`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, NEEDS_HUMAN

PANEL = TEND
SHOWN = 20


def command(
    everything: Annotated[bool, typer.Option("--all", help=f"Also what is over: the {SHOWN} newest.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """List the plans that wait for people; with --all, what was done lately and how it turned out.

    Ends with 3 while something waits for people.
    """
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import action_tables as tables  # noqa: PLC0415
    from tasks.choose import halted  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if why := halted(house):
        say(f"Healing is halted: {why}. `heal resume` switches it on again.")
    waiting = house.ledger.waiting_actions()
    shown = house.ledger.latest_actions(SHOWN) if everything else waiting
    show_told(tables.actions(shown, house.clock.now()), titled=False, whole=("action",))
    if not waiting:
        say("Nothing waits for people.")
    for one in waiting:
        say(f'heal approve {one.id} --by NAME --why "TEXT"   or   heal reject {one.id} --by NAME --why "TEXT"')
    return NEEDS_HUMAN if waiting else HEALTHY
