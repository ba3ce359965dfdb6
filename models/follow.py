"""Follow: what one more cycle of readings means for an incident. Pure; the ledger stores what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.anomaly import Anomaly, Case, Severity
from models.baseline import usual
from models.detectors.latency import CYCLES, is_felt
from models.incident import (
    CONFIRMATIONS,
    GOOD_CYCLES,
    LOOKED_AT,
    Event,
    Incident,
    State,
    fingerprint,
    is_confirmed,
    quiet_for,
    symptom_of,
)
from models.integration import Integration
from models.reading import Window
from models.story import Backlog

CLOSES_AFTER = timedelta(hours=24)  # a resolved incident is closed by itself (spec: safety, 1.5)
CLEARS_AFTER = 2  # good cycles in a row that end a suspicion


def is_bad(case: Case, cycle: Window) -> bool:
    """Whether one cycle shows trouble: too many failures, or answers that are felt to be slow."""
    if cycle.counts.error_rate > case.integration.sla.error_rate:
        return True
    return any(is_slow(case, cycle, read.operation) for read in case.integration.reads)


def is_slow(case: Case, cycle: Window, operation: str) -> bool:
    """Whether the cycle's calls of one operation were on average noticeably slower than usual."""
    latencies = cycle.latencies_ms(operation)
    ordinary = usual(case.baselines, operation, cycle.until, case.integration.timezone)
    if not latencies or ordinary.is_learning or ordinary.median_ms is None:
        return False
    return is_felt(sum(latencies) / len(latencies), ordinary.median_ms)


def flags(case: Case, since: datetime | None = None) -> list[bool]:
    """For each cycle of the window, oldest first, whether it was bad; optionally only those from an instant."""
    cycles = case.window.cycles(case.integration.probe_every)
    return [is_bad(case, cycle) for cycle in cycles if since is None or cycle.since >= since]


def trailing_good(bad: Sequence[bool]) -> int:
    """How many of the latest cycles in a row were good."""
    return next((i for i, is_bad_one in enumerate(reversed(bad)) if is_bad_one), len(bad))


def suspect(case: Case, anomalies: Sequence[Anomaly]) -> Incident | None:
    """A new suspicion, when detectors speak and the latest cycle was bad; None otherwise."""
    bad = flags(case)
    if not anomalies or not bad or not bad[-1]:
        return None
    symptom = symptom_of(case.window)
    return Incident(
        id="",
        integration_id=case.integration.id,
        fingerprint=fingerprint(case.integration.environment, case.integration.id, symptom),
        state=State.SUSPECTED,
        severity=worst(anomalies),
        symptom=symptom,
        started_at=onset(case),
        detected_at=case.as_of,
        updated_at=case.as_of,
        anomalies=tuple(anomalies),
    ).note(case.as_of, anomalies[0].description)


def worst(anomalies: Sequence[Anomaly]) -> Severity:
    """The highest severity among them."""
    return max((anomaly.severity for anomaly in anomalies), key=lambda s: s.rank, default=Severity.LOW)


def onset(case: Case) -> datetime:
    """When the present trouble began: the first failed (or slow) call of its first bad cycle."""
    cycles = case.window.cycles(case.integration.probe_every)
    first = next((cycle for cycle in cycles if is_bad(case, cycle)), None)
    if first is None:
        return case.as_of
    failed = [r.observed_at for r in first.readings if not r.outcome.is_ok]
    return min(failed, default=first.readings[0].observed_at)


def follow(incident: Incident, case: Case, anomalies: Sequence[Anomaly], backlog: Backlog) -> Incident:
    """The incident after one more cycle; the same object when nothing moved.

    Remediation moves `remediating` and `verifying` itself, from its own evidence.
    """
    incident = enriched(incident, anomalies)
    step = {
        State.SUSPECTED: follow_suspected,
        State.OPEN: follow_unhealed,
        State.DIAGNOSING: follow_unhealed,
        State.AWAITING_APPROVAL: follow_unhealed,
        State.MONITORING: follow_monitoring,
    }.get(incident.state)
    return incident if step is None else step(incident, case, backlog)


def enriched(incident: Incident, anomalies: Sequence[Anomaly]) -> Incident:
    """The incident with the newest view of each metric; severity only rises (invariant I7)."""
    if not anomalies or not incident.is_active:
        return incident
    first = {anomaly.metric: anomaly for anomaly in incident.anomalies}
    newest = {
        **first,
        **{anomaly.metric: renewed(first.get(anomaly.metric), anomaly) for anomaly in anomalies},
    }
    severity = max(incident.severity, worst(anomalies), key=lambda s: s.rank)
    return incident.model_copy(update={"anomalies": tuple(newest.values()), "severity": severity})


def renewed(known: Anomaly | None, latest: Anomaly) -> Anomaly:
    """The latest figures under the first observation's id and time."""
    if known is None:
        return latest
    return latest.model_copy(update={"id": known.id, "first_observed": known.first_observed})


def follow_suspected(incident: Incident, case: Case, _: Backlog) -> Incident:
    """Confirmed by enough bad cycles, or gone."""
    bad = flags(case)
    if is_confirmed(bad):
        seen = min(len(bad), LOOKED_AT)
        says = f"Confirmed: {sum(bad[-LOOKED_AT:])} of the last {seen} cycles were bad (needed {CONFIRMATIONS})"
        return incident.advance(Event.CONFIRMED, case.as_of, says)
    if trailing_good(bad) >= CLEARS_AFTER:
        return incident.advance(Event.CLEARED, case.as_of, "The suspicion went away by itself")
    return incident


def follow_unhealed(incident: Incident, case: Case, _: Backlog) -> Incident:
    """Recovered by itself, when enough cycles in a row are good."""
    bad = flags(case)
    if trailing_good(bad) < GOOD_CYCLES:
        return incident
    says = f"Recovered by itself: {GOOD_CYCLES} good cycles in a row"
    return incident.advance(Event.RECOVERED, case.as_of, says, restored_at=good_since(case))


def good_since(case: Case) -> datetime:
    """When the present run of good cycles began: its first reading."""
    cycles = case.window.cycles(case.integration.probe_every)
    good = trailing_good([is_bad(case, cycle) for cycle in cycles])
    return cycles[-good].readings[0].observed_at if good else case.as_of


def follow_monitoring(incident: Incident, case: Case, backlog: Backlog) -> Incident:
    """Resolved when quiet for long enough with nothing missing; back to work when the trouble returns."""
    restored = incident.restored_at or incident.updated_at
    if is_confirmed(flags(case, since=restored)):
        return incident.advance(
            Event.RELAPSED,
            case.as_of,
            "The trouble returned",
            reopened=incident.reopened + 1,
            restored_at=None,
            escalated_for=None,
        )
    quiet = case.as_of - restored
    if quiet >= quiet_for(case.integration.probe_every) and not backlog.waiting and flags(case, since=restored):
        says = f"Quiet for {quiet.total_seconds() / 60:.0f} min, nothing waits for replay"
        return incident.advance(Event.QUIET, case.as_of, says, resolved_at=case.as_of)
    return incident


def relapse(incident: Incident, case: Case, anomalies: Sequence[Anomaly]) -> Incident:
    """A resolved incident whose trouble came back: the same thread goes on."""
    return enriched(
        incident.advance(
            Event.RELAPSED,
            case.as_of,
            "The same trouble came back within an hour",
            reopened=incident.reopened + 1,
            restored_at=None,
            resolved_at=None,
            escalated_for=None,
        ),
        anomalies,
    )


def lookback(integration: Integration) -> timedelta:
    """How much of the past a window covers: enough cycles to confirm, at least 15 minutes."""
    return max(timedelta(minutes=15), (LOOKED_AT + CYCLES) * integration.probe_every)
