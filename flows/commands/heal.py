"""`heal heal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY

if TYPE_CHECKING:
    from models.incident import Incident
    from tasks.house import House

PANEL = TEND


def command(
    incident: Annotated[str, typer.Argument(help="An incident, e.g. INC-2026-11-23-001.")],
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done and why; touch nothing.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Take the next step of an incident by hand, or show the plan: what would be done, in which order, and why.

    The same rules hold as when the monitor does it: policy, limits, cool-downs, one action at a time, and a proof by
    newer readings. With --plan nobody is called, not even the system itself.
    """
    house = house_of(config, home, check_secrets=not plan)
    known = house.ledger.incident(incident)
    if plan:
        return show_plan(house, known)
    return take_step(house, known)


def show_plan(house: House, known: Incident) -> int:
    """Every remedy in its order, with the decision about it."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import plan as planning  # noqa: PLC0415
    from tasks.plan import plan_for  # noqa: PLC0415

    steps = run(plan_for(house, known))
    if known.diagnosis is not None:
        say(f"{known.id} of {known.integration_id} is {known.state}: {known.diagnosis.says}")
    show_told(planning.told(known, steps), titled=False)
    for line in planning.lines(known, steps):
        say(line)
    return HEALTHY if any(step.is_next for step in steps) else DEGRADED


def take_step(house: House, known: Incident) -> int:
    """Diagnose when due, then do what is due."""
    from flows.screen import Progress, show_moment  # noqa: PLC0415
    from tasks.diagnose import diagnose, is_due  # noqa: PLC0415
    from tasks.escalate import consider_escalation, deliver  # noqa: PLC0415
    from tasks.remediate import remediate  # noqa: PLC0415

    async def step() -> Incident:
        if is_due(known, house.clock.now()):
            await diagnose(house, known.id)
        moved, decision = await remediate(house, known.id)
        if consider_escalation(house, moved, decision):
            await deliver(house)
        return house.ledger.incident(known.id)

    with Progress(f"Taking the next step of {known.id}"):
        after = run(step())
    for moment in after.moments[len(known.moments) :]:
        show_moment(moment, house.integration(after.integration_id))
    if after.moments == known.moments:
        from flows.screen import say  # noqa: PLC0415

        say(f"Nothing is due: {known.id} is {after.state}. `heal heal {known.id} --plan` says why.")
    return HEALTHY if not after.is_active else DEGRADED
