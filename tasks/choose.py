"""Choose: ask the policy which remedy of a diagnosis may run now, with everything counted from the ledger."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from types import ModuleType

from models.actuator import Actuators
from models.anomaly import Case
from models.catalogue import load
from models.choice import Chosen, choose, request_for
from models.follow import flags, trailing_good
from models.incident import GOOD_CYCLES, Incident
from models.integration import Integration
from models.maintenance import Closure, downtimes, now_in
from models.plain import UNREADABLE, plain
from models.policy import Decision, Request
from models.remedy import Remedy
from tasks.actuate import can_observe
from tasks.connectors import _interface as capabilities
from tasks.connectors._interface import RenewsCredentials
from tasks.detect import gather_case
from tasks.house import House
from tasks.probe import connected, tuning_of
from tasks.remedies._interface import Setup, nothing_left

HALT_VARIABLE, HALT_FILE = "HEAL_HALT", "HALT"
RECENT = 20  # calls whose clocks are compared: those of the last minutes


async def pick(house: House, incident: Incident, wanted: tuple[str, ...]) -> tuple[Chosen | None, Decision | None]:
    """The first of these remedies that policy lets run now, and the last decision taken."""
    ask = await asking(house, incident)
    return choose(wanted, {name: remedy_file(name).remedy for name in wanted}, ask)


async def asking(house: House, incident: Incident) -> Callable[[Remedy], Request]:
    """What the decision table is asked of each remedy now: everything counted from the ledger; nobody is called."""
    now = house.clock.now()
    integration = house.integration(incident.integration_id)
    async with connected(house, integration) as connector:
        refusal = connector.credential().last_refusal if isinstance(connector, RenewsCredentials) else None
        has = {name for name in dir(capabilities) if is_capability(name) and isinstance(connector, capability(name))}
    actions, recent = house.ledger.actions(incident.id), house.ledger.actions_since(now - timedelta(days=1))
    failing, skew_s, away = is_failing(house, incident), skew_of(house, incident), maintenance_of(house, incident)
    why_halted, setup = halted(house), Setup(integration, tuning_of(house, integration))

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
            halted=why_halted,
            skew_s=skew_s,
            in_maintenance=away,
            still_failing=failing,
            refusal_code=refusal,
            has_observer=is_observed(integration, remedy),
            nothing_left=nothing_left(remedy_file(remedy.name), setup),
        )

    return ask


def halted(house: House) -> str | None:
    """Why healing is switched off: by `heal halt`, by the environment, or by a file that anybody can lay down."""
    if said := os.environ.get(HALT_VARIABLE):
        return f"{HALT_VARIABLE} is set ({said})" if plain(said) != UNREADABLE else f"{HALT_VARIABLE} is set"
    if (house.home / HALT_FILE).exists():
        return f"the file {HALT_FILE} lies in the state directory"
    return house.ledger.halted()


def skew_of(house: House, incident: Incident) -> float | None:
    """Their clock minus ours in seconds, the median of the latest calls; None: they do not say."""
    skews = [one.clock_skew_s for one in case_of(house, incident).window.readings if one.clock_skew_s is not None]
    return median(skews[-RECENT:]) if skews else None


def maintenance_of(house: House, incident: Incident) -> str | None:
    """The reason that was agreed for being away now; None: none was."""
    one, now = house.integration(incident.integration_id), house.clock.now()
    closures = house.ledger.all_kept(Closure, one.id)
    away = now_in(downtimes(one.maintenance, one.timezone, now, now + timedelta(minutes=1), closures), now)
    return away.reason if away else None


def version_of(house: House, integration_id: str) -> str:
    """What a plan is made under: the policy, and what an integration declares of how things are done outside of us."""
    policy, actuators = house.configuration.policy.sha256, house.integration(integration_id).actuators
    if actuators == Actuators():
        return policy
    return hashlib.sha256(f"{policy}\n{actuators.model_dump_json()}".encode()).hexdigest()


def is_observed(integration: Integration, remedy: Remedy) -> bool:
    """Whether it can be found out if the effect of a remedy is in place: what is done outside of us may say nothing."""
    actuator = integration.actuators.of(remedy.role) if remedy.role else None
    return actuator is None or can_observe(actuator)


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
