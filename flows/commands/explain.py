"""`heal explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY, NEEDS_HUMAN

PANEL = LOOK


def command(
    incident: Annotated[str, typer.Argument(help="Id of an incident, e.g. INC-2026-11-23-001.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Tell one incident: its card, the evidence for and against each cause, and its thread."""
    from flows.screen import show_incident  # noqa: PLC0415
    from tasks.story import tell  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    known = house.ledger.incident(incident)
    show_incident(tell(house, known.integration_id, incident))
    return NEEDS_HUMAN if known.is_active and known.escalated_for else DEGRADED if known.is_active else HEALTHY
