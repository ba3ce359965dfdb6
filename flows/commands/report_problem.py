"""`heal report-problem`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, BadInput

PANEL = TEND


def command(
    says: Annotated[
        str | None, typer.Argument(help="What is wrong, in plain words and without names.", show_default=False)
    ] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    integration: Annotated[str | None, typer.Option(help="Which connection.", show_default=False)] = None,
    operation: Annotated[
        str | None, typer.Option(help="What it is about, e.g. Appointment.search.", show_default=False)
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="When it was noticed: 2026-11-23T09:15, in the practice's time.", show_default="now"),
    ] = None,
    close: Annotated[str | None, typer.Option(help="The id of a report that is over.", show_default=False)] = None,
) -> int:
    """Tell what a person noticed; it is kept with what was measured at that moment, and somebody is told.

    Without words, list the reports that are open. Plain words of a text are kept, names and numbers are not.
    """
    from flows.screens.problems import show_problems, show_report  # noqa: PLC0415
    from tasks.report_problem import close_problem, open_problems, report_problem  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if close is not None:
        show_report(close_problem(house, close))
    elif says is None:
        show_problems(open_problems(house))
    elif integration is None:
        raise BadInput(
            f"which connection? --integration {' or '.join(one.id for one in house.configuration.integrations)}"
        )
    else:
        noticed = moment(at, house.integration(integration).timezone)
        show_report(report_problem(house, integration, says, operation=operation, at=noticed))
    return HEALTHY


def moment(at: str | None, timezone: str) -> datetime | None:
    """When it was noticed; a time without a zone is the practice's."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    if at is None:
        return None
    try:
        told = datetime.fromisoformat(at)
    except ValueError:
        raise BadInput("write --at as 2026-11-23T09:15, or with a zone: 2026-11-23T09:15-05:00") from None
    return (told if told.tzinfo else told.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
