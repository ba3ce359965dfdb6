"""`heal similar`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY

PANEL = LOOK


def command(
    incident: Annotated[str, typer.Argument(metavar="INC", help="An incident, e.g. INC-2026-11-23-001.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show past incidents like this one: how like, what was tried, how often that helped, and how long it took."""
    from flows.screens.memory import show_memory  # noqa: PLC0415
    from tasks.recall import recall  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    show_memory(recall(house, house.ledger.incident(incident)))
    return HEALTHY
