"""`heal notices`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, BadInput

PANEL = LOOK
SHOWN = 40


def command(
    subject: Annotated[str | None, typer.Argument(help="An incident or an alert; the newest without it.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show what people were told, what is withheld and by which stage and reason, and how each message fared."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models.notify.notice_tables import notices  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    found = house.ledger.notices(subject) if subject else house.ledger.latest_notices(SHOWN)
    if subject and not found and not subject.startswith(("INC-", "ALT-")):
        raise BadInput("write the id of an incident or an alert, e.g. INC-2026-01-31-001; `heal notices` lists them")
    if found:
        show_told(notices(found))
    else:
        say("Nobody was told of anything.")
    return HEALTHY
