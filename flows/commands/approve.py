"""`heal approve`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY

PANEL = TEND


def command(
    action: Annotated[str, typer.Argument(help="A plan that waits, ACT-…; `heal actions` lists them.")],
    by: Annotated[str, typer.Option(help="Who agrees: a person or a group.")],
    why: Annotated[str, typer.Option(help="Why, in a sentence. No patient's name.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Agree to a plan that waits for people; the next cycle carries it out, if it is still needed and within limits.

    The word is bound to the plan and to the policy under which it was made: when either has changed, it is planned
    anew. Production traffic takes two different people.
    """
    from flows.screen import say  # noqa: PLC0415
    from models.remedy import ActionState  # noqa: PLC0415
    from tasks.approve import approve, wanted  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    agreed = approve(house, action, by, why)
    if agreed.state is ActionState.APPROVED:
        say(f"{agreed.says}: agreed. The next cycle carries it out and measures what it does.")
    else:
        missing = wanted(house, agreed) - len(agreed.approvals)
        say(f"{agreed.says}: noted. {missing} more must agree, until {agreed.expires_at:%H:%M} UTC.")
    return HEALTHY
