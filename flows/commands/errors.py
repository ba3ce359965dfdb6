"""`heal errors`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, back, house_of
from models.errors import HEALTHY

PANEL = LOOK
USUALLY = "24h"


def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE…]", help="Error logs, plain or gzip, or folders of such; none: what was ingested."
        ),
    ] = None,
    integration: Annotated[str | None, typer.Option(help="Only this one; of FILEs, whose they are.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="How far back, e.g. 90m, 24h or 7d.", show_default=f"{USUALLY}; of FILEs everything"),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="How many clusters are shown.")] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="Every cluster, as JSON.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show what went wrong in clusters: how often, since when, which are new, and one redacted example of each.

    Texts become templates of words that are on a list; names, numbers, addresses and everything else are masked, so
    nothing of a patient is shown or kept. New is what the last 400 days had never met before the span.
    """
    from flows.screens.errors import show_clusters, show_json, show_mined  # noqa: PLC0415
    from tasks.errors import errors_of, mine  # noqa: PLC0415

    if files:
        from flows.clock import clock  # noqa: PLC0415

        mined = mine(files, integration, clock().now() - back(since) if since else None)
        return show_json(mined) if as_json else show_mined(mined, most)
    house = house_of(config, home, check_secrets=False)
    span = back(since or USUALLY)
    wanted = (
        [house.integration(integration).id] if integration else [one.id for one in house.configuration.integrations]
    )
    found = errors_of(house.home, wanted, house.clock.now() - span, house.clock.now())
    if as_json:
        return show_json(*found)
    show_clusters(found, most, span=since or USUALLY)
    return HEALTHY
