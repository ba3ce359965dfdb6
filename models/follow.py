"""Follow: what one more cycle of readings means for an incident. Pure; the ledger stores what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil, log
from statistics import median

from models.anomaly import Anomaly, Case, Severity
from models.baseline import is_felt, usual
from models.facts import runs
from models.gap import Gap
from models.gap_tables import named
from models.incident import (
    CONFIRMATIONS,
    GOOD_CYCLES,
    LOOKED_AT,
    SLOW,
    UNUSUAL,
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
from models.retry import PATIENCE_S
from models.story import Backlog
from models.wording import counted

CLOSES_AFTER = timedelta(hours=24)  # a resolved incident is closed by itself (spec: safety, 1.5)
CHANCE = 0.01  # that a clean stretch is luck
CYCLES = 3  # beside those that confirm, so that what stood before is in sight
NAMED = 5  # gaps that a thread names; the others are counted
CLEARS_AFTER = 2  # good cycles in a row that end a suspicion


def is_bad(case: Case, cycle: Window, symptom: str = SLOW) -> bool:
    """Whether one cycle shows trouble: too many failures, or (where that may be it) slow answers or odd values."""
    if cycle.counts.error_rate > case.integration.sla.error_rate or sent_away(cycle):
        return True
    if symptom == UNUSUAL:
        return any(since < cycle.until and cycle.since < until for since, until in case.odd)
    return symptom == SLOW and any(is_slow(case, cycle, read.operation) for read in case.integration.reads)


def sent_away(cycle: Window) -> bool:
    """Whether they asked for a pause too long for the rest of the round: what was not asked is not known to be good."""
    return any((one.retry_after_s or 0.0) > PATIENCE_S and not one.outcome.is_ok for one in cycle.readings)


def is_slow(case: Case, cycle: Window, operation: str) -> bool:
    """Whether the cycle's calls of one operation were noticeably slower than usual."""
    latencies = cycle.latencies_ms(operation)
    ordinary = usual(case.baselines, operation, cycle.until, case.integration.timezone)
    if not latencies or ordinary.is_learning or ordinary.median_ms is None:
        return False
    return is_felt(median(latencies), ordinary.median_ms)


def flags(case: Case, since: datetime | None = None, symptom: str = SLOW) -> list[bool]:
    """For each cycle of the window, oldest first, whether it was bad; optionally only those from an instant.

    Slowness counts against a cycle only where slowness may be the trouble: an incident of failed log-ins is
    over when log-ins work.
    """
    cycles = case.window.cycles(case.integration.probe_every)
    return [is_bad(case, cycle, symptom) for cycle in cycles if since is None or cycle.since >= since]


def wanted_good(case: Case, incident: Incident) -> int:
    """How many good cycles in a row prove a recovery: so many that the trouble would have shown.

    Trouble that comes and goes leaves clean stretches by chance. In a run of failures of mean length m at a
    failed share p, a good call is followed by a failed one with probability q = p / (m · (1 − p)); a stretch of
    n good calls then happens by itself with probability (1 − q)ⁿ. We ask for a stretch that would happen less
    than once in a hundred times (a two-state Markov chain: Gilbert 1960, *Capacity of a Burst-Noise Channel*).
    """
    trouble = case.window.between(incident.started_at, case.window.until)
    cycles = trouble.cycles(case.integration.probe_every)
    good = trailing_good(flags(case, incident.started_at, incident.symptom))
    failures = [not r.outcome.is_ok for cycle in cycles[: len(cycles) - good] for r in cycle.readings]
    lengths = runs(failures)
    if not lengths or all(failures) or not cycles:
        return GOOD_CYCLES
    share = sum(failures) / len(failures)
    onset = min(0.99, share / (sum(lengths) / len(lengths) * (1 - share)))
    calls = log(CHANCE) / log(1 - onset)
    return max(GOOD_CYCLES, ceil(calls / (len(trouble.readings) / len(cycles))))


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


def follow(
    incident: Incident, case: Case, anomalies: Sequence[Anomaly], backlog: Backlog, gaps: Sequence[Gap] = ()
) -> Incident:
    """The incident after one more cycle; the same object when nothing moved.

    Remediation moves `remediating` and `verifying` itself, from its own evidence.
    """
    incident = turned(enriched(incident, anomalies), case)
    step = {
        State.SUSPECTED: follow_suspected,
        State.OPEN: follow_unhealed,
        State.DIAGNOSING: follow_unhealed,
        State.AWAITING_APPROVAL: follow_unhealed,
    }.get(incident.state)
    if incident.state is State.MONITORING:
        return follow_monitoring(incident, case, backlog, gaps)
    return incident if step is None else step(incident, case)


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


def turned(incident: Incident, case: Case) -> Incident:
    """An incident in which nothing failed, and now something does: from here on it is over when calls succeed."""
    fails = case.window.counts.error_rate > case.integration.sla.error_rate
    if incident.symptom not in {SLOW, UNUSUAL} or not incident.is_active or not fails:
        return incident
    return incident.model_copy(update={"symptom": symptom_of(case.window)})


def renewed(known: Anomaly | None, latest: Anomaly) -> Anomaly:
    """The latest figures under the first observation's id and time."""
    if known is None:
        return latest
    return latest.model_copy(update={"id": known.id, "first_observed": known.first_observed})


def follow_suspected(incident: Incident, case: Case) -> Incident:
    """Confirmed by enough bad cycles, or gone."""
    bad = flags(case, symptom=incident.symptom)
    if (pause_s := asked_pause_s(case)) >= CONFIRMATIONS * case.integration.probe_every.total_seconds():
        says = f"Confirmed: they ask to be left alone for {pause_s:.0f} s, longer than {CONFIRMATIONS} cycles"
        return incident.advance(Event.CONFIRMED, case.as_of, says)
    if is_confirmed(bad):
        seen = min(len(bad), LOOKED_AT)
        says = f"Confirmed: {sum(bad[-LOOKED_AT:])} of the last {seen} cycles were bad (needed {CONFIRMATIONS})"
        return incident.advance(Event.CONFIRMED, case.as_of, says)
    if trailing_good(bad) >= CLEARS_AFTER:
        return incident.advance(Event.CLEARED, case.as_of, "The suspicion went away by itself")
    return incident


def follow_unhealed(incident: Incident, case: Case) -> Incident:
    """Recovered by itself, when enough cycles in a row are good."""
    bad = flags(case, symptom=incident.symptom)
    good = trailing_good(bad)
    if good < wanted_good(case, incident):
        return incident
    says = f"Recovered by itself: {good} good cycles in a row"
    return incident.advance(Event.RECOVERED, case.as_of, says, restored_at=good_since(case, incident))


def asked_pause_s(case: Case) -> float:
    """The longest pause that the failed calls of the latest cycle ask for, in seconds: no cycle confirms during it."""
    *_, latest = case.window.cycles(case.integration.probe_every) or (None,)
    failed = [one.retry_after_s or 0.0 for one in latest.readings if not one.outcome.is_ok] if latest else []
    return max(failed, default=0.0)


def good_since(case: Case, incident: Incident) -> datetime:
    """When the present run of good cycles began: its first reading."""
    cycles = case.window.cycles(case.integration.probe_every)
    good = trailing_good(flags(case, symptom=incident.symptom))
    return cycles[-good].readings[0].observed_at if good else case.as_of


def follow_monitoring(incident: Incident, case: Case, backlog: Backlog, gaps: Sequence[Gap] = ()) -> Incident:
    """Resolved when quiet for long enough with nothing missing; back to work when the trouble returns."""
    restored = incident.restored_at or incident.updated_at
    since_then = flags(case, restored, incident.symptom)
    if is_confirmed(since_then):
        return incident.advance(
            Event.RELAPSED,
            case.as_of,
            "The trouble returned",
            reopened=incident.reopened + 1,
            restored_at=None,
            escalated_for=None,
            warned_for=None,
        )
    quiet = case.as_of - quiet_since(case, restored, incident.symptom)
    if quiet < quiet_for(case.integration.probe_every) or not since_then:
        return incident
    says = f"Quiet for {quiet.total_seconds() / 60:.0f} min"
    if holding := [gap for gap in gaps if gap.holds]:
        return waiting_for(incident, holding, case, restored, says)
    if backlog.waiting:
        return incident
    return incident.advance(Event.QUIET, case.as_of, f"{says}, nothing waits for replay", resolved_at=case.as_of)


def waiting_for(incident: Incident, gaps: Sequence[Gap], case: Case, restored: datetime, says: str) -> Incident:
    """It is well, and not over before these are closed; the thread says so once, for as long as they are the same."""
    names = [named(gap, case.integration.timezone, restored) for gap in gaps[:NAMED]]
    more = [f"and {len(gaps) - NAMED} more"] if len(gaps) > NAMED else []
    waits = f"waits for {counted(len(gaps), 'gap')}: {', '.join([*names, *more])}"
    if any(moment.says.endswith(waits) for moment in incident.moments if moment.at >= restored):
        return incident
    return incident.note(case.as_of, f"{says}; {waits}")


def quiet_since(case: Case, restored: datetime, symptom: str) -> datetime:
    """When the latest bad cycle after a recovery ended; the recovery itself when there was none."""
    cycles = case.window.cycles(case.integration.probe_every)
    return max([restored, *(c.until for c in cycles if c.since >= restored and is_bad(case, c, symptom))])


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
            warned_for=None,
        ),
        anomalies,
    )


def lookback(integration: Integration) -> timedelta:
    """How much of the past a window covers: enough cycles to confirm, at least 15 minutes."""
    return max(timedelta(minutes=15), (LOOKED_AT + CYCLES) * integration.probe_every)
