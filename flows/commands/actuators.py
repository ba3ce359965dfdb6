"""`heal actuators`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY, BadInput

if TYPE_CHECKING:
    from models.actuator import Role
    from models.integration import Integration

PANEL = LOOK
TEST = "test"


def command(
    what: Annotated[str | None, typer.Argument(help="The word test; all of them without it.", metavar="[test]")] = None,
    integration: Annotated[str | None, typer.Argument(help="Id of an integration.")] = None,
    role: Annotated[str | None, typer.Argument(help="The role of one of its actuators, e.g. restart.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """List what may be done outside of us: by role, with what would be done and whether it is in place now.

    heal actuators test ID ROLE says it of one. Nothing is ever done; only what an actuator declares under `observe` is
    asked. Ends with 1 when that cannot be told.
    """
    from flows.screen import Progress, say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import actuator_tables as tables  # noqa: PLC0415
    from tasks.actuate import looked_at  # noqa: PLC0415

    house = house_of(config, home)
    if what not in {None, TEST} or (what == TEST and not (integration and role)):
        raise BadInput("write: heal actuators, or heal actuators test ID ROLE")
    wanted = [(one, which) for one in house.configuration.integrations for which, _ in one.actuators.declared()]
    if integration and role:
        wanted = [(house.integration(integration), known(house.integration(integration), role))]
    with Progress("Looking"):
        seen = run(looked_at(house, wanted))
    show_told(tables.actuators(seen), titled=False)
    if not seen:
        say("No actuator is declared; docs/configuration.md says how.")
    return HEALTHY if all(one.in_place is not None for one in seen) or what is None else DEGRADED


def known(integration: Integration, role: str) -> Role:
    """The role of this name, for which something is declared.

    Raises:
        BadInput: nothing is.
    """
    declared = [which for which, _ in integration.actuators.declared()]
    found = next((which for which in declared if which.value == role), None)
    if found is None:
        there = f"it has: {', '.join(declared)}" if declared else "it has none"
        raise BadInput(f"{integration.id} declares no actuator of that role; {there}")
    return found
