"""Escalate: call a human when a rule says so, and carry what waits in the outbox to its channels."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import random

from models.catalogue import load
from models.choice import untried
from models.errors import HealError, Permanent
from models.escalation import Escalation, Situation, raise_escalation, reason_to_escalate
from models.incident import Incident, State
from models.policy import Decision
from models.queue import Notice, NoticeKind
from tasks.house import House
from tasks.recurrence import problem_of, recovered_again
from tasks.withheld import count_withheld
from tasks.workarounds import proposable

FIRST_RETRY_S, LAST_RETRY_S = 2.0, 300.0  # full jitter between them (spec: escalation, delivery contract)
AT_ONCE = 50  # notices per cycle


def consider_escalation(house: House, incident: Incident, decision: Decision | None) -> Escalation | None:
    """Call a human if a rule applies: the call, its notices and the mark on the incident are one transaction."""
    situation = situation_of(house, incident, decision)
    reason = reason_to_escalate(situation)
    if reason is None:
        return None
    integration = house.integration(incident.integration_id)
    escalation = raise_escalation(incident, integration, situation.actions, reason, situation.as_of)
    channels = house.configuration.policy.routes(escalation.contact_groups)
    with house.ledger.change("escalate", situation.as_of) as change:
        if not change.escalate(escalation, channels):  # the same rule as before a recovery that was announced
            change.notify(incident.id, NoticeKind.TRIGGER, channels)
        says = f"Escalated to {escalation.team} ({reason.rule}): {reason.says}"
        change.save_incident(incident.note(situation.as_of, says, escalated_for=reason.rule))
    return escalation


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


def announce_resolution(house: House, incident: Incident) -> None:
    """Tell whoever was called that it is over; of trouble that keeps coming back, that it is over this time."""
    if incident.state is State.RESOLVED and incident.escalated_for:
        problem = problem_of(house, incident)
        says = recovered_again(problem) if problem else ""
        with house.ledger.change("escalate", house.clock.now()) as change:
            change.notify(incident.id, NoticeKind.RESOLVE, house.configuration.policy.routes(), says)


async def deliver(house: House) -> int:
    """Send what is due; a notice counts as delivered only after its channel took it. Returns how many were."""
    now, sent = house.clock.now(), 0
    for notice in house.ledger.due_notices(now, AT_ONCE, house.holder):
        sent += await send(house, notice, now)
    return sent


async def send(house: House, notice: Notice, now: datetime) -> bool:
    """Carry one notice to its channel, and write down how that went."""
    settings = next((c.settings for c in house.configuration.policy.channels if c.route == notice.route), {})
    channel = load("tasks.notifiers", notice.route)
    count_withheld(house, notice, now)
    try:
        await channel.notify(notice, channel.Settings.model_validate(settings), now, house.configuration.path)
    except HealError as error:
        retry_at = None if isinstance(error, Permanent) else now + timedelta(seconds=pause_s(notice.attempts))
        with house.ledger.change("escalate", now) as change:
            change.not_delivered(notice.id, type(error).__name__, retry_at)
        return False
    with house.ledger.change("escalate", now) as change:
        change.delivered(notice.id)
    return True


def pause_s(attempts: int) -> float:
    """Full jitter between 2 s and 5 min."""
    return FIRST_RETRY_S + random() * min(LAST_RETRY_S, FIRST_RETRY_S * 2.0**attempts)  # noqa: S311  # jitter, not a secret
