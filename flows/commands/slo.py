"""`heal slo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY

if TYPE_CHECKING:
    from models.integration import Integration
    from models.slo import Budget
    from tasks.house import House

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this one, with what spends its budget.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show what is promised, what was attained, how much error budget is left, and how fast it burns.

    An objective allows some failures in its period: that is its budget. At burn 1 it is spent exactly at the end; 14.4
    over an hour and over 5 minutes calls somebody. UNKNOWN: more than 1% of the period was not watched. With an ID also
    the availability over an hour, a day and a month, by time and by requests. Objectives stand in integrations.yaml.
    """
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import tables  # noqa: PLC0415
    from tasks.slo import book, budgets  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    book(house)
    if integration is not None:
        return show_one(house, house.integration(integration))
    known = budgets(house, house.configuration.integrations, house.home)
    show_told(tables.objectives(known), titled=False)
    return verdict(known)


def show_one(house: House, integration: Integration) -> int:
    """One integration: its objectives, its availability, and what spent the budgets."""
    from flows.screens.service import show_spent, show_told  # noqa: PLC0415
    from models import tables  # noqa: PLC0415
    from tasks.connection import spent_on  # noqa: PLC0415
    from tasks.slo import service  # noqa: PLC0415

    spans, known = service(house, integration, house.home)
    show_told(tables.objectives(known), titled=False)
    show_told(tables.availability(spans))
    now = house.clock.now()
    for budget in known:
        objective = budget.objective
        since = now - objective.period
        causes = spent_on(house.home, integration.id, objective.source, objective.limit_ms, since, now)
        show_spent(budget, causes)
    return verdict(known)


def verdict(known: tuple[Budget, ...]) -> int:
    """The exit code: whether a budget burns too fast now, or is spent."""
    return DEGRADED if any(one.burning or (one.left is not None and one.left < 0) for one in known) else HEALTHY
