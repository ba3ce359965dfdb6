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
    """Climb the ladder of one integration: DNS, TCP, TLS, HTTP, log-in, scopes, read, sense, each with its time."""
    from flows.screen import say, show_ladder  # noqa: PLC0415
    from models.credentials import SHOWN_BY_A_CLIMB, finding_of  # noqa: PLC0415
    from tasks.credentials import note_ladder  # noqa: PLC0415
    from tasks.probe import climb  # noqa: PLC0415

    house = house_of(config, home)
    watched = house.integration(integration)
    ladder, credential = run(climb(house, watched))
    show_ladder(ladder, credential, house.clock.now())
    for record in note_ladder(house, watched, ladder):
        if record.kind in SHOWN_BY_A_CLIMB and (finding := finding_of(record, house.clock.now())):
            say(f"{finding.severity}: {finding.says}. {finding.advice}")
    return DEGRADED if ladder.broken else HEALTHY
