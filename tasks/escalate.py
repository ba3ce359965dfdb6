"""Escalate: call a human when a rule says so, and tell of what is grave while healing goes on."""

from __future__ import annotations

from collections.abc import Iterable

from models.choice import untried
from models.escalation import (
    SUSPICION,
    Escalation,
    Reason,
    Situation,
    raise_escalation,
    reason_to_escalate,
    reason_to_warn,
)
from models.incident import Incident
from models.notify.candidate import URGENT
from models.policy import Decision
from models.queue import NoticeKind
from tasks.announce import announce_resolution
from tasks.house import House
from tasks.ledger import Change
from tasks.outbox import deliver, pause_s, send
from tasks.stages import pass_on
from tasks.workarounds import proposable

__all__ = [  # with how it travels, so that a flow asks one stage
    "announce_resolution",
    "consider_escalation",
    "deliver",
    "pause_s",
    "send",
    "situation_of",
    "warn",
]


def consider_escalation(house: House, incident: Incident, decision: Decision | None) -> Escalation | None:
    """Call a human if a rule applies: the call, its notices and the mark on the incident are one transaction."""
    situation = situation_of(house, incident, decision)
    reason = reason_to_escalate(situation)
    if reason is None:
        return None
    escalation = call_of(house, situation, reason)
    with house.ledger.change("escalate", situation.as_of) as change:
        queue(house, change, escalation)
        says = f"Escalated to {escalation.team} ({reason.rule}): {reason.says}"
        change.save_incident(incident.note(situation.as_of, says, escalated_for=reason.rule))
    pass_on(house)
    return escalation


def warn(house: House, incidents: Iterable[Incident]) -> tuple[Escalation, ...]:
    """Tell of what is P1 at once and of what is P2 soon, before anybody takes the time to heal: all in one transaction.

    Args:
        house: where.
        incidents: those of this cycle.
    """
    grave = [
        one.id
        for one in incidents
        if one.severity.rank >= URGENT.rank and one.is_active and not one.warned_for and one.state not in SUSPICION
    ]
    if not grave:
        return ()
    situations = [situation_of(house, house.ledger.incident(name), None) for name in grave]
    told = [(one, reason) for one in situations if (reason := reason_to_warn(one))]
    if not told:
        return ()
    calls = [(one.incident, call_of(house, one, reason)) for one, reason in told]
    now = house.clock.now()
    with house.ledger.change("escalate", now) as change:
        for incident, call in calls:
            queue(house, change, call)
            says = f"{call.team} is told ({call.reason.rule}): {call.reason.says}"
            change.save_incident(incident.note(now, says, warned_for=call.reason.rule))
    return tuple(call for _, call in calls)


def call_of(house: House, situation: Situation, reason: Reason) -> Escalation:
    """The call, from what is known."""
    incident = situation.incident
    integration = house.integration(incident.integration_id)
    return raise_escalation(incident, integration, situation.actions, reason, situation.as_of)


def queue(house: House, change: Change, call: Escalation) -> None:
    """Its notices, which pass the stages before they are in the outbox."""
    channels = house.configuration.policy.routes(call.contact_groups)
    if not change.escalate(call, channels, withheld=True):  # the same rule as before a recovery that was announced
        change.notify(call.incident_id, NoticeKind.TRIGGER, channels, withheld=True)


def situation_of(house: House, incident: Incident, decision: Decision | None) -> Situation:
    """Everything that the rules look at."""
    actions = house.ledger.actions(incident.id)
    wanted = incident.diagnosis.remedies if incident.diagnosis else ()
    return Situation(
        incident=incident,
        actions=actions,
        decision=decision,
        remedies_left=bool(untried(wanted, actions, proposable(house, incident.integration_id))),
        policy=house.configuration.policy,
        as_of=house.clock.now(),
    )
