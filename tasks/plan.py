"""Plan: what would be done about an incident now. Reads the ledger and the history, and calls nobody."""

from __future__ import annotations

from models.choice import untried
from models.incident import Incident
from models.plan import Step, plan
from models.remedy import Remedy
from tasks.choose import asking, remedy_file
from tasks.house import House


async def plan_for(house: House, incident: Incident) -> tuple[Step, ...]:
    """Every remedy of the diagnosis that is still worth trying, with the decision about it."""
    wanted = untried(incident.diagnosis.remedies if incident.diagnosis else (), house.ledger.actions(incident.id))
    environment = house.integration(incident.integration_id).environment

    def people(remedy: Remedy) -> int:
        return house.configuration.policy.approval.quorum(remedy.effect, environment)

    remedies = {name: remedy_file(name).remedy for name in wanted}
    return plan(wanted, remedies, await asking(house, incident), people) if wanted else ()
