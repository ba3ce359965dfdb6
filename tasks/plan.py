"""Plan: what would be done about an incident now. Reads the ledger and the history, and calls nobody."""

from __future__ import annotations

from dataclasses import replace

from models.actuator import Role
from models.choice import untried
from models.incident import Incident
from models.plan import Step, plan
from models.policy import Request
from models.remedy import EffectClass, Remedy
from tasks.actuate import dry_run
from tasks.choose import asking, remedy_file
from tasks.house import House
from tasks.workarounds import proposable


async def plan_for(house: House, incident: Incident, *, as_if_free: bool = False) -> tuple[Step, ...]:
    """Every remedy of the diagnosis that is still worth trying, with the decision about it.

    Args:
        house: where.
        incident: which.
        as_if_free: leave out of account that another action is under way.
    """
    named = incident.diagnosis.remedies if incident.diagnosis else ()
    wanted = untried(named, house.ledger.actions(incident.id), proposable(house, incident.integration_id))
    integration = house.integration(incident.integration_id)

    def people(remedy: Remedy) -> int:
        return house.configuration.policy.approval.quorum(remedy.effect, integration.environment)

    def would(remedy: Remedy) -> str | None:
        told = (dry_run(integration, role, house.clock, incident.id) for role in roles_of(remedy))
        return ", then ".join(filter(None, told)) or None

    if not wanted:
        return ()
    asked = await asking(house, incident)

    def ask(remedy: Remedy) -> Request:
        return replace(asked(remedy), busy=False) if as_if_free else asked(remedy)

    return plan(wanted, {name: remedy_file(name).remedy for name in wanted}, ask, people, would)


def roles_of(remedy: Remedy) -> tuple[Role, ...]:
    """The actuators that a remedy uses where they are declared, in its order."""
    if remedy.role is Role.RESTART:
        return (Role.DRAIN, Role.RESTART)
    return (remedy.role,) if remedy.role else (Role.ROUTE,) if remedy.effect is EffectClass.TRAFFIC else ()
