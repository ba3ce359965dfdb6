"""`heal reject`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY

PANEL = TEND


def command(
    action: Annotated[str, typer.Argument(help="A plan that waits, ACT-…; `heal actions` lists them.")],
    by: Annotated[str, typer.Option(help="Who refuses: a person or a group.")],
    why: Annotated[str, typer.Option(help="Why, in a sentence. No patient's name.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Refuse a plan that waits for people; it is not proposed again in this incident, and others may be."""
    from flows.screen import say  # noqa: PLC0415
    from tasks.approve import reject  # noqa: PLC0415

    rejected = reject(house_of(config, home, check_secrets=False), action, by, why)
    say(f"{rejected.says}: rejected; {rejected.incident_id} goes on without it.")
    return HEALTHY
