"""Stages: let every notice that is withheld pass the stages again, and put those that pass into the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from models.alert import Alert
from models.escalation import EVEN_IF_HELD, Escalation
from models.gauge import OURSELVES
from models.incident import Incident
from models.maintenance import Closure, Downtime, downtimes, now_in
from models.notify.calling import Calling, CallState, begun
from models.notify.candidate import URGENT, Candidate, Fate, Group, Key, Scene, Verdict
from models.notify.chain import steps
from models.notify.group import STORM, own_key, rooted
from models.notify.silence import Silence, SilenceState
from models.notify.stages import inhibit, quiet_because, sift
from models.queue import Notice, NoticeState
from tasks.house import House
from tasks.ledger import Change

NAMED = 3  # of what a notice tells of beside its own subject; the others are counted
MOMENT = timedelta(minutes=1)


def pass_on(house: House) -> int:
    """Look at everything that is withheld; returns how many notices came into the outbox."""
    now = house.clock.now()
    withheld = house.ledger.notices_in(NoticeState.HELD)
    if not withheld:
        return 0
    known = {one.id: one for one in house.ledger.incidents(active_only=True)}
    standing = [notice for notice in withheld if notice.alert is not None or notice.incident_id in known]
    candidates = [candidate_of(house, notice, known) for notice in standing]
    gone = [
        Verdict(one.id, Fate.DROPPED, "over", "it was over before it was told")
        for one in withheld
        if one not in standing
    ]
    verdicts = (*gone, *sift(candidates, scene_of(house, candidates, known.values(), now)))
    with house.ledger.change("escalate", now) as change:
        return settle(house, change, verdicts, {notice.id: notice for notice in withheld}, known)


def settle(
    house: House,
    change: Change,
    verdicts: Sequence[Verdict],
    withheld: Mapping[str, Notice],
    known: Mapping[str, Incident],
) -> int:
    """Write down what became of the candidates; whoever is called for the first time may now be called further."""
    led: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.led_by is not None:
            led.setdefault(verdict.led_by, []).append(subject_words(withheld[verdict.id]))
    released = 0
    for verdict in verdicts:
        if change.settle(verdict, also_words(led.get(verdict.id, ()))):
            released += 1
            begin_calling(house, change, withheld[verdict.id], known)
    for lead in dict.fromkeys(verdict.led_by for verdict in verdicts if verdict.retells and verdict.led_by):
        change.tell_again(lead, f"more of it: {also_words(led[lead])}")
        released += 1
    return released


def subject_words(notice: Notice) -> str:
    """What a notice is about, in a word: an integration, or what an alert says of it."""
    if notice.alert is not None:
        return notice.alert.id
    return notice.escalation.integration_id if notice.escalation else notice.incident_id


def also_words(others: Iterable[str]) -> str:
    """What is told beside the subject; empty: nothing."""
    names = list(dict.fromkeys(others))
    rest = len(names) - NAMED
    shown = ", ".join(names[:NAMED]) + (f" and {rest} others" if rest > 0 else "")
    return f"with {len(names)} more: {shown}" if names else ""


def begin_calling(house: House, change: Change, notice: Notice, known: Mapping[str, Incident]) -> None:
    """Whoever does not answer a call that is P1 or P2 is followed by somebody else: the timer of that."""
    incident, call = known.get(notice.incident_id), notice.escalation
    if incident is None or call is None or call.priority.rank < URGENT.rank:
        return
    before = change.kept(Calling, incident.id)
    if before is None or before.state is CallState.OVER:
        chain = steps(call.contact_groups, call.team, house.configuration.policy.chains)
        fresh = begun(incident.id, incident.integration_id, call.priority, call.team, chain, change.at)
        change.keep(fresh)
    elif (before.team, before.groups) != (call.team, call.contact_groups):
        change.keep(before.model_copy(update={"team": call.team, "groups": call.contact_groups}))


def candidate_of(house: House, notice: Notice, known: Mapping[str, Incident]) -> Candidate:
    """A withheld notice as the stages see it."""
    if notice.alert is not None:
        return candidate_of_alert(house, notice.alert, notice.id, notice.route, notice.queued_at)
    return candidate_of_incident(
        house, known[notice.incident_id], notice.escalation, notice.id, notice.route, notice.queued_at
    )


def candidate_of_alert(house: House, alert: Alert, notice_id: str, route: str, at: datetime) -> Candidate:
    """An alert that people are to be told of."""
    return Candidate(
        id=notice_id,
        subject=alert.id,
        route=route,
        integration_id=alert.integration_id,
        environment=environment_of(house, alert.integration_id),
        severity=alert.finding.severity,
        watch=alert.watch,
        began=alert.finding.since,
        queued_at=at,
    )


def candidate_of_incident(
    house: House,
    incident: Incident,
    call: Escalation | None,
    notice_id: str,
    route: str,
    at: datetime,
) -> Candidate:
    """An incident that people are to be told of."""
    diagnosis = incident.diagnosis
    return Candidate(
        id=notice_id,
        subject=incident.id,
        route=route,
        integration_id=incident.integration_id,
        environment=environment_of(house, incident.integration_id),
        severity=incident.severity,
        cause=diagnosis.cause if diagnosis else None,
        is_security=diagnosis is not None and diagnosis.security,
        is_told_even_if_held=call is not None and call.reason.rule in EVEN_IF_HELD,
        held_by=incident.held_by,
        call=call.id if call else None,
        began=incident.started_at,
        queued_at=at,
    )


def environment_of(house: House, integration_id: str) -> str:
    """Where an integration stands; the monitor itself, and what is declared no more, stand nowhere."""
    found = (one.environment for one in house.configuration.integrations if one.id == integration_id)
    return next(found, OURSELVES)


def scene_of(
    house: House, candidates: Sequence[Candidate], active: Iterable[Incident], now: datetime, *, grouped: bool = True
) -> Scene:
    """Everything that the stages look at.

    Args:
        house: where.
        candidates: what is looked at.
        active: the incidents that are not over.
        now: when.
        grouped: whether what routes were told matters; not to who only asks whether it is quiet.
    """
    declared = {one.id: one for one in house.configuration.integrations}
    about = {one.integration_id for one in candidates}
    return Scene(
        as_of=now,
        parents={one.id: [name for name in one.depends_on if name in declared] for one in declared.values()},
        ailing={one.integration_id: one.severity for one in active},
        every={one.id: one.probe_every for one in declared.values()},
        calendars={name: declared[name].calendar for name in about if name in declared},
        downtimes=downtimes_of(house, about, now),
        silences=silences_in_force(house, now),
        told=house.ledger.told({one.subject for one in candidates}) if grouped else {},
        groups=groups_of(house, candidates, now) if grouped else {},
    )


def silences_in_force(house: House, now: datetime) -> tuple[Silence, ...]:
    """The silences that hold now."""
    return tuple(one for one in house.ledger.all_kept(Silence, state=SilenceState.ON) if one.since <= now < one.until)


def downtimes_of(house: House, about: Iterable[str], now: datetime) -> dict[str, Downtime]:
    """The agreed maintenance in force, by integration."""
    closures = house.ledger.all_kept(Closure)
    found = {}
    for one in house.configuration.integrations:
        if one.id in about:
            mine = [closure for closure in closures if closure.integration_id == one.id]
            found[one.id] = now_in(downtimes(one.maintenance, one.timezone, now, now + MOMENT, mine), now)
    return {name: downtime for name, downtime in found.items() if downtime is not None}


def groups_of(house: House, candidates: Sequence[Candidate], now: datetime) -> dict[Key, Group]:
    """What routes were told of the groups to which candidates may belong, of the latest word each."""
    roots = {root for one in candidates for root in (own_key(one).root, rooted(STORM, one))}
    groups: dict[Key, Group] = {}
    for lead in house.ledger.standing_leads(roots):
        key = Key(lead.route, lead.environment or "", lead.root or "")
        told_at = lead.sent_at or lead.released_at or now
        call, alert = lead.escalation, lead.alert
        severity = alert.finding.severity if alert else call.priority if call else URGENT
        began = alert.finding.since if alert else call.since if call else lead.queued_at
        groups[key] = Group(lead.id, lead.incident_id, severity, began, told_at)
    return groups


def is_quiet(house: House, incident: Incident, active: Sequence[Incident], now: datetime) -> bool:
    """Whether nobody is to be told of this incident now: it only depends, or somebody asked for quiet."""
    one = candidate_of_incident(house, incident, house.ledger.latest_call(incident.id), incident.id, "", now)
    scene = replace(scene_of(house, [one], active, now, grouped=False), every={})  # its parents had their time
    return bool(list(inhibit([one], scene))) or quiet_because(one, scene) is not None
