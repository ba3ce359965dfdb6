"""Plan: what would be done about an incident now. Reads the ledger and the history, and calls nobody."""

from __future__ import annotations

from dataclasses import replace

from models.choice import untried
from models.incident import Incident
from models.plan import Step, plan
from models.policy import Request
from models.remedy import Remedy
from tasks.choose import asking, remedy_file
from tasks.house import House


async def plan_for(house: House, incident: Incident, *, as_if_free: bool = False) -> tuple[Step, ...]:
    """Every remedy of the diagnosis that is still worth trying, with the decision about it.

    Args:
        house: where.
        incident: which.
        as_if_free: leave out of account that another action is under way.
    """
    wanted = untried(incident.diagnosis.remedies if incident.diagnosis else (), house.ledger.actions(incident.id))
    environment = house.integration(incident.integration_id).environment

    def people(remedy: Remedy) -> int:
        return house.configuration.policy.approval.quorum(remedy.effect, environment)

    if not wanted:
        return ()
    asked = await asking(house, incident)

    def ask(remedy: Remedy) -> Request:
        return replace(asked(remedy), busy=False) if as_if_free else asked(remedy)

    return plan(wanted, {name: remedy_file(name).remedy for name in wanted}, ask, people)
