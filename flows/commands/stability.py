"""`heal stability`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, SinceOption, back, house_of
from models.errors import HEALTHY, BadInput

if TYPE_CHECKING:
    from models.stability import Stability

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this one, over time and with its runs.")] = None,
    since: SinceOption = "24h",
    plot: Annotated[Path | None, typer.Option(help="Draw its course and its runs here (.svg or .png).")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show how often calls end in resets, timeouts or refusals, and whether that comes in clusters.

    Stability is 1 minus the share of calls at whose end no application had answered. With an ID: its course over time,
    and how many runs of consecutive trouble had which length, beside what independent trouble would make.
    """
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import tables  # noqa: PLC0415
    from tasks.connection import stabilities  # noqa: PLC0415
    from tasks.plots import check_form, draw_stability  # noqa: PLC0415

    if plot is not None and integration is None:
        raise BadInput("--plot draws one integration; name it: heal stability ID --plot FILE.svg")
    if plot is not None:
        check_form(plot)
    house = house_of(config, home, check_secrets=False)
    wanted = [house.integration(integration)] if integration else list(house.configuration.integrations)
    now, begin = house.clock.now(), house.clock.now() - back(since)
    known = [found for one in wanted for found in stabilities(house.home, one.id, begin, now)]
    show_told(tables.stability([(f"{one.integration_id} {one.source}", one.whole) for one in known]), titled=False)
    if not known:
        say(f"No call in the last {since}.")
    elif integration is not None:
        for one in known:
            show_course(one)
        if plot is not None:
            say(f"Drawn: {draw_stability(known[0], wanted[0].timezone, plot)}")
    return HEALTHY


def show_course(known: Stability) -> None:
    """One source over time, and its runs."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import tables  # noqa: PLC0415

    course = tables.stability([(f"{part.since:%Y-%m-%d %H:%M} UTC", part) for part in known.parts])
    show_told(course._replace(title=f"Over time ({known.source})"))
    show_told(tables.runs(known))
    say(tables.clusters(known))
