"""Story: collect from both stores what every report and card is told from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from models.anomaly import Case
from models.availability import SPANS, Availability
from models.baseline import usual
from models.credential import EARLIEST, LATEST, Credential
from models.discrepancy import Reconciled
from models.follow import lookback
from models.incident import Incident
from models.integration import Integration
from models.maintenance import Closure, downtimes, now_in
from models.pending import Pending
from models.reading import Counts, Source
from models.remedy import Action, ActionState
from models.story import Backlog, PendingAction, Point, Schedule, Story, Totals
from models.tuning import Adjustment
from tasks.connection import speeds, stabilities
from tasks.coverage import covered
from tasks.detect import gather_case
from tasks.history.cycles import Cycle, cycles
from tasks.history.tallies import REACH
from tasks.house import House
from tasks.pending import waiting
from tasks.recurrence import problem_of
from tasks.remember import history, totals
from tasks.slo import A_DAY, book, service
from tasks.tokens import TokenStore
from tasks.watch import standing

SPAN = A_DAY  # what a report's figures add up
WEEKS = timedelta(weeks=4)


def tell(house: House, integration_id: str, incident_id: str | None = None) -> Story:
    """Everything known about one integration now, and about one of its incidents: the asked, or the latest.

    From the stores alone: no call is made, and no secret is needed.
    """
    integration = house.integration(integration_id)
    incident = incident_of(house, integration_id, incident_id)
    credential = TokenStore(house.home, integration_id, house.clock).credential()
    return compose(house, gather_case(house, integration), incident, credential)


def incident_of(house: House, integration_id: str, incident_id: str | None) -> Incident | None:
    """The asked incident, else the active one, else the latest that was more than a suspicion."""
    if incident_id is not None:
        return house.ledger.incident(incident_id)
    told = [i for i in house.ledger.incidents(integration_id) if i.diagnosis or i.is_active]
    return max(told, key=lambda incident: (incident.is_active, incident.detected_at), default=None)


def compose(house: House, case: Case, incident: Incident | None, credential: Credential | None) -> Story:
    """The story from its parts."""
    ledger, integration = house.ledger, case.integration
    actions = ledger.actions(incident.id) if incident else ()
    adjustments = ledger.adjustments(integration.id, as_of=case.as_of)
    before, after = schedules(incident, credential)
    since, until = case.as_of - SPAN, case.window.until
    book(house)
    with history(house.home, since=case.as_of - REACH) as db:
        seen = cycles(db, integration, since, until)
        available, budgets = service(house, integration, db)
        seen_to_arrive = covered(house, db, (integration,))
        quick, stable = speeds(db, [integration.id], since, until), stabilities(db, integration.id, since, until)
    declared = ledger.all_kept(Closure, integration.id)
    away = downtimes(integration.maintenance, integration.timezone, case.as_of, until, declared)
    return Story(
        integration=integration,
        as_of=case.as_of,
        totals=totals_of(seen, available[SPANS.index(SPAN)], case.as_of),
        last_hour_bytes=sum(c.received_bytes for c in seen if c.bucket >= case.as_of - timedelta(hours=1)),
        connections=connections(case),
        recent=case.window.between(case.as_of - lookback(integration) / 3, case.window.until).counts,
        incident=incident,
        problem=problem_id(house, incident),
        anomalies=incident.anomalies if incident else (),
        actions=actions,
        pending=pending(actions, adjustments, next_up(house, incident)),
        adjustments=adjustments,
        escalation=ledger.escalation(incident.id) if incident else None,
        backlog=ledger.backlog(incident.id) if incident else Backlog(),
        gaps=ledger.gaps_of(incident.id, integration.id) if incident else (),
        credential=credential,
        schedule_before=before,
        schedule_after=after,
        points=tuple(
            Point(at=c.bucket, counts=Counts(total=c.total, failed=c.failed), median_ms=c.median_ms) for c in seen
        ),
        usual_latency_ms=usual_latency(case),
        generated_history=has_generated(house, integration, case.as_of),
        speed=house.clock.speed,
        alerts=standing(house, integration.id),
        downtime=now_in(away, case.as_of),
        availability=available,
        budgets=budgets,
        coverage=seen_to_arrive,
        reconciled=ledger.all_kept(Reconciled, integration.id),
        speeds=quick,
        stability=next((one for one in stable if one.source is Source.PROBE), None),
    )


def next_up(house: House, incident: Incident | None) -> tuple[Pending, ...]:
    """What is tried next in an incident, if what is being measured does not suffice; with the next cycle at the latest.

    Between two cycles its time may have come, and nobody was there to act or to put it off.
    """
    now, some = house.clock.now(), waiting(house, incident.id) if incident else ()
    soon = now + house.integration(incident.integration_id).probe_every if incident else now
    return tuple(one if one.scheduled_at > now else one.put_off(soon) for one in some)


def problem_id(house: House, incident: Incident | None) -> str | None:
    """The open problem that an incident belongs to."""
    problem = problem_of(house, incident) if incident else None
    return problem.id if problem and incident and incident.id in problem.incidents else None


def connections(case: Case) -> int:
    """The most sockets open at once in the newest cycle."""
    newest = case.window.cycles(case.integration.probe_every)[-1:]
    return max((r.connections or 0 for cycle in newest for r in cycle.readings), default=0)


def totals_of(seen: Sequence[Cycle], available: Availability, now: datetime) -> Totals:
    """The figures of the span."""
    answered = sum(cycle.answered for cycle in seen)
    return Totals(
        since=now - SPAN,
        until=now,
        counts=Counts(total=sum(c.total for c in seen), failed=sum(c.failed for c in seen)),
        mean_latency_ms=sum(c.sum_ms for c in seen) / answered if answered else None,
        received_bytes=sum(c.received_bytes for c in seen),
        good_cycles=available.good,
        cycles=available.good + available.bad,
        unknown_cycles=available.unknown,
        excluded_cycles=available.excluded,
        is_fresh=available.is_fresh,
    )


def usual_latency(case: Case) -> float | None:
    """The middle of what the declared reads usually take at this hour; None while learning."""
    reads = case.integration.reads
    known = [usual(case.baselines, r.operation, case.as_of, case.integration.timezone) for r in reads]
    medians = [b.median_ms for b in known if not b.is_learning and b.median_ms is not None]
    return median(medians) if medians else None


def has_generated(house: House, integration: Integration, now: datetime) -> bool:
    """Whether the baseline rests on simulated history; reports must say so."""
    return totals(house.home, integration.id, now - WEEKS, now, (Source.GENERATED,)).counts.total > 0


def schedules(incident: Incident | None, credential: Credential | None) -> tuple[Schedule | None, Schedule | None]:
    """The renewal schedule as it was before this incident moved it, and as it is now; Nones when nothing moved."""
    was_s = given_up_s(incident, credential)
    if was_s is None or credential is None or credential.lifetime_s is None:
        return None, None
    if credential.refresh_at is None or credential.issued_at is None:
        return None, None
    before = Schedule(lifetime_s=was_s, refresh_after_s=was_s * (EARLIEST + LATEST) / 2)
    after = (credential.refresh_at - credential.issued_at).total_seconds()
    return before, Schedule(lifetime_s=credential.lifetime_s, refresh_after_s=max(0.0, after))


def given_up_s(incident: Incident | None, credential: Credential | None) -> float | None:
    """The lifetime that renewals were planned with before the incident; None: it is the same as now.

    A token that was issued before plans were kept knows none: then what was promised is taken for it.
    """
    known = incident.credential if incident else None
    if incident is None or known is None or credential is None:
        return None
    if credential.planned_s is not None:
        moved = credential.replanned_at is not None and credential.replanned_at >= incident.started_at
        return credential.planned_before_s if moved else None
    is_shorter = known.promised_s and credential.lifetime_s and credential.lifetime_s < known.promised_s
    return known.promised_s if is_shorter else None


def pending(
    actions: Sequence[Action], adjustments: Sequence[Adjustment], next_up: Sequence[Pending] = ()
) -> tuple[PendingAction, ...]:
    """What is tried next, what waits for a person, and what will revert by itself."""
    coming = tuple(
        PendingAction(
            action=one.says,
            estimated_impact=one.expected,
            prerequisites=one.needs if one.is_automatic else f"{one.needs}; approval by a person",
            automatic=one.is_automatic,
            scheduled_at=one.scheduled_at,
        )
        for one in next_up
    )
    waiting = tuple(
        PendingAction(
            action=action.says,
            estimated_impact="Expected to restore the connection; measured afterwards",
            prerequisites=f"Approval by a person: {action.reason}",
            automatic=False,
            scheduled_at=action.planned_at,
        )
        for action in actions
        if action.state is ActionState.AWAITING_APPROVAL
    )
    reverting = tuple(
        PendingAction(
            action=f"Return {a.setting.value.replace('_', ' ')} from {a.value} to {a.previous}",
            estimated_impact="Ends a temporary change",
            prerequisites="None",
            automatic=True,
            scheduled_at=a.until,
        )
        for a in adjustments
    )
    return coming + waiting + reverting
