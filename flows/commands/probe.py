"""`heal probe`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY

PANEL = LOOK


def command(
    integration: Annotated[str, typer.Argument(help="Id of an integration, e.g. epic-fhir-main.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Climb the ladder of one integration: DNS, TCP, TLS, HTTP, log-in, read, each with its time."""
    from flows.screen import show_ladder  # noqa: PLC0415
    from tasks.probe import climb  # noqa: PLC0415

    house = house_of(config, home)
    ladder, credential = run(climb(house, house.integration(integration)))
    show_ladder(ladder, credential, house.clock.now())
    return DEGRADED if ladder.broken else HEALTHY
