"""Choose: ask the policy which remedy of a diagnosis may run now, with everything counted from the ledger."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType

from models.anomaly import Case
from models.catalogue import load
from models.choice import Chosen, choose, request_for
from models.follow import flags, trailing_good
from models.incident import GOOD_CYCLES, Incident
from models.policy import Decision, Request
from models.remedy import Remedy
from tasks.connectors import _interface as capabilities
from tasks.connectors._interface import RenewsCredentials
from tasks.detect import gather_case
from tasks.house import House
from tasks.probe import connected


async def pick(house: House, incident: Incident, wanted: tuple[str, ...]) -> tuple[Chosen | None, Decision | None]:
    """The first of these remedies that policy lets run now, and the last decision taken."""
    now = house.clock.now()
    integration = house.integration(incident.integration_id)
    async with connected(house, integration) as connector:
        refusal = connector.credential().last_refusal if isinstance(connector, RenewsCredentials) else None
        has = {name for name in dir(capabilities) if is_capability(name) and isinstance(connector, capability(name))}
    actions, recent = house.ledger.actions(incident.id), house.ledger.actions_since(now - timedelta(days=1))
    failing = is_failing(house, incident)

    def ask(remedy: Remedy) -> Request:
        return request_for(
            remedy,
            incident=incident,
            integration=integration,
            policy=house.configuration.policy,
            actions=actions,
            recent=recent,
            as_of=now,
            capable=remedy.needs is None or remedy.needs in has,
            halted=house.ledger.halted() is not None,
            still_failing=failing,
            refusal_code=refusal,
        )

    return choose(wanted, {name: remedy_file(name).remedy for name in wanted}, ask)


def is_capability(name: str) -> bool:
    """Whether the interface declares a capability of this name."""
    return getattr(getattr(capabilities, name), "_is_runtime_protocol", False)


def capability(name: str) -> type:
    """The protocol class of a capability."""
    found: type = getattr(capabilities, name)
    return found


def remedy_file(name: str) -> ModuleType:
    """The file of a remedy that a signature names."""
    return load("tasks.remedies", name)


def is_failing(house: House, incident: Incident) -> bool:
    """Whether the latest cycle still shows trouble; a recovered integration is left alone (D8)."""
    bad = flags(case_of(house, incident), symptom=incident.symptom)
    return bool(bad) and trailing_good(bad) < GOOD_CYCLES


def case_of(house: House, incident: Incident) -> Case:
    """The present case of the incident's integration, gathered once in a run."""
    integration = house.integration(incident.integration_id)
    return house.remembered(incident.integration_id, lambda: gather_case(house, integration))
