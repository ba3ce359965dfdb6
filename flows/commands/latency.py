"""`heal latency`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, SinceOption, back, house_of
from models.errors import HEALTHY, BadInput

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    since: SinceOption = "24h",
    plot: Annotated[Path | None, typer.Option(help="Draw its operations over time here (.svg or .png).")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show how long each operation takes: p50, p95 and p99 with their n, and DNS, connect, TLS, first byte apart.

    Durations are in ms. The split of the way is told in medians, of the calls that opened a connection of their own;
    the first byte is what the other side took to begin its answer. Probes and real traffic have a row each.
    """
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import tables  # noqa: PLC0415
    from tasks.connection import speed_course, speeds  # noqa: PLC0415
    from tasks.plots import check_form, draw_speed  # noqa: PLC0415

    if plot is not None and integration is None:
        raise BadInput("--plot draws one integration; name it: heal latency ID --plot FILE.svg")
    if plot is not None:
        check_form(plot)
    house = house_of(config, home, check_secrets=False)
    wanted = [house.integration(integration)] if integration else list(house.configuration.integrations)
    now, begin = house.clock.now(), house.clock.now() - back(since)
    known = speeds(house.home, [one.id for one in wanted], begin, now)
    show_told(tables.operations(known), titled=False)
    if not known:
        say(f"Nothing answered in the last {since}.")
    elif plot is not None:
        course = speed_course(house.home, wanted[0].id, begin, now)
        say(f"Drawn: {draw_speed(course, wanted[0].name, wanted[0].timezone, plot)}")
    return HEALTHY
