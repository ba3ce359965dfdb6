"""Small builders of nouns for tests: every field has a sensible default, and a test names only what it is about.

The four stories at the end are told from one morning in March 2025 at a practice in New York.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from models.alert import Alert, AlertState, Finding
from models.anomaly import Anomaly, Case, DetectionMethod, Severity, Trend
from models.availability import Availability
from models.baseline import Baseline, Basis
from models.credential import Credential
from models.diagnosis import Diagnosis, Evidence, Hypothesis
from models.escalation import Escalation, Reason
from models.facts import Facts
from models.gap import ClosedBy, Gap, GapState, Trouble, Unit
from models.gap import Reason as GapReason
from models.incident import Incident, Moment, State
from models.integration import Contacts, Importance, Integration, Read
from models.objective import Objective
from models.reading import Counts, Outcome, Reading, Rung, Source, Window
from models.remedy import Action, ActionState, Effect, EffectClass, Remedy, Step, impact
from models.remedy import Outcome as Result
from models.signature import EvidenceKind, FaultDomain
from models.slo import PAIRS, WINDOWS, Budget, Coverage
from models.speed import Speed
from models.stability import Trip, stability
from models.story import Backlog, PendingAction, Point, Schedule, Story, Totals
from models.tally import Tally
from models.tuning import Adjustment, Setting

N = TypeVar("N")

NOW = datetime(2025, 3, 26, 13, 45, 32, tzinfo=UTC)  # 09:45:32 in New York
EPIC, UNITY = "epic-fhir-main", "allscripts-unity-prod"


def at(clock: str, day: str = "2025-03-26") -> datetime:
    """`09:15:23` on the practice's clock (New York, summer time) as an instant in UTC."""
    return datetime.fromisoformat(f"{day}T{clock}-04:00").astimezone(UTC)


def build(noun: type[N], defaults: dict[str, Any], changes: dict[str, Any]) -> N:
    return noun(**{**defaults, **changes})


def an_integration(**changes: Any) -> Integration:
    defaults = {
        "id": EPIC,
        "name": "Epic FHIR API",
        "kind": "epic_fhir",
        "settings": {},
        "reads": (
            Read(operation="Patient.search", component="Patient API"),
            Read(operation="Appointment.search", component="Appointment API", importance=Importance.CRITICAL),
        ),
        "timezone": "America/New_York",
        "impact": "Delayed prescription data, occasional timeouts for users",
    }
    return build(Integration, defaults, changes)


def a_reading(**changes: Any) -> Reading:
    outcome = changes.get("outcome", Outcome.OK)
    defaults = {
        "integration_id": EPIC,
        "observed_at": NOW,
        "operation": "Patient.search",
        "component": "Patient API",
        "outcome": Outcome.OK,
        "rung": Rung.READ,
        "status": 200 if outcome is Outcome.OK else None,
        "latency_ms": 120.0,
        "received_bytes": 4096,
    }
    return build(Reading, defaults, changes)


def a_window(*readings: Reading, **changes: Any) -> Window:
    """The last five minutes."""
    defaults = {
        "integration_id": EPIC,
        "since": NOW - timedelta(minutes=5),
        "until": NOW + timedelta(seconds=1),
        "readings": readings,
    }
    return build(Window, defaults, changes)


BEGINNING = datetime(2025, 3, 26, 13, 30, tzinfo=UTC)  # of the first of `minutes`: 09:30 in New York


def minutes(*failed: int, calls: int = 20, **changes: Any) -> tuple[Reading, ...]:
    """A minute of calls for each number, of which so many failed; both operations take turns.

    The failed ones are the first of their minute. `changes` are of all readings, except that a latency may be
    given per minute as `latencies_ms`, and the way to fail as `outcome`.
    """
    outcome, latencies = changes.pop("outcome", Outcome.SERVER_ERROR), changes.pop("latencies_ms", None)
    return tuple(
        a_reading(
            observed_at=BEGINNING + timedelta(minutes=nth, seconds=60 * call / calls),
            outcome=outcome if call < bad else Outcome.OK,
            **{
                "operation": ("Patient.search", "Appointment.search")[call % 2],
                "latency_ms": latencies[nth] if latencies else 120.0,
                **changes,
            },
        )
        for nth, bad in enumerate(failed)
        for call in range(calls)
    )


def a_case(*readings: Reading, **changes: Any) -> Case:
    """The quarter of an hour until the end of the last reading's minute, judged then."""
    last = max((reading.observed_at for reading in readings), default=NOW)
    until = changes.pop("until", last.replace(second=0, microsecond=0) + timedelta(minutes=1))
    window = a_window(*readings, since=until - timedelta(minutes=15), until=until)
    return build(Case, {"integration": an_integration(), "window": window, "as_of": until}, changes)


def a_baseline(**changes: Any) -> Baseline:
    """A fast and steady past of one operation."""
    defaults = {
        "integration_id": EPIC,
        "operation": "Patient.search",
        "basis": Basis.ALL_HOURS,
        "samples": 900,
        "answered": 900,
        "days": 12,
        "median_ms": 120.0,
        "mad_ms": 9.0,
        "error_rate": 0.002,
    }
    return build(Baseline, defaults, changes)


def some_facts(**changes: Any) -> Facts:
    """Twenty good calls on a healthy morning, of which nothing unusual is known."""
    defaults = {
        "integration_id": EPIC,
        "calls": 20,
        "failed": 0,
        "shares": {Outcome.OK: 1.0},
        "statuses": {200: 20},
        "codes": {},
        "longest_run": 0,
        "clustering": 0.0,
        "retry_after_s": None,
        "latency_ms": 120.0,
        "usual_latency_ms": 120.0,
        "usual_error_rate": 0.002,
        "clock_skew_s": 0.2,
        "affected": (),
        "affected_components": (),
        "healthy_components": ("Patient API", "Appointment API"),
        "steps": (),
        "credential": None,
        "failing_age_s": None,
        "changes": (),
        "error_limit": 0.05,
    }
    return build(Facts, defaults, changes)


def a_remedy(**changes: Any) -> Remedy:
    """Ours only, undone by itself, and safe to repeat."""
    defaults = {
        "name": "retry_failed",
        "says": "Try failed reads again",
        "effect": EffectClass.LOCAL,
        "reversible": True,
        "idempotent": True,
    }
    return build(Remedy, defaults, changes)


def counts(total: int, failed: int = 0) -> Counts:
    return Counts(total=total, failed=failed)


def totals(**changes: Any) -> Totals:
    defaults = {
        "since": NOW - timedelta(hours=1),
        "until": NOW,
        "counts": counts(240),
        "mean_latency_ms": 118.4,
        "received_bytes": 9_400_000,
        "good_cycles": 60,
        "cycles": 60,
    }
    return build(Totals, defaults, changes)


def an_anomaly(**changes: Any) -> Anomaly:
    defaults = {
        "integration_id": EPIC,
        "metric": "latency:Patient.search",
        "severity": Severity.MEDIUM,
        "description": "Increased latency in patient data retrieval operations",
        "detection_method": DetectionMethod.DEVIATION,
        "baseline": "350ms average response time",
        "current": "1250ms average response time",
        "first_observed": NOW - timedelta(minutes=20),
        "observed_at": NOW,
        "trend": Trend.WORSENING,
        "score": 3.1,
        "id": "ANM-2025-03-26-001",
    }
    return build(Anomaly, defaults, changes)


def evidence(
    says: str, *, kind: EvidenceKind = EvidenceKind.READINGS, supports: bool = True, weight: float = 2.0
) -> Evidence:
    return Evidence(kind=kind, says=says, supports=supports, weight=weight if supports else -abs(weight))


def a_hypothesis(cause: str, probability: float, *pieces: Evidence, says: str | None = None) -> Hypothesis:
    words = says or cause.replace("_", " ").capitalize()
    return Hypothesis(cause=cause, says=words, probability=probability, evidence=pieces)


def a_diagnosis(**changes: Any) -> Diagnosis:
    best = a_hypothesis(
        "token_expired",
        0.93,
        evidence('Error answers carry "token_expired" (34 of 34)', kind=EvidenceKind.LADDER, weight=2.2),
        evidence("HTTP 401 on 100.0% of calls (limit 5%)", weight=3.0),
        says="OAuth2 access token expired and refresh token request failing",
    )
    dns = a_hypothesis(
        "dns_failure",
        0.001,
        evidence("the name resolved in 1 ms", kind=EvidenceKind.LADDER, supports=False, weight=4.0),
    )
    outage = a_hypothesis(
        "vendor_outage",
        0.003,
        evidence("the server answered every call", kind=EvidenceKind.LADDER, supports=False, weight=3.0),
    )
    defaults = {
        "integration_id": EPIC,
        "diagnosed_at": NOW - timedelta(minutes=15),
        "cause": best.cause,
        "says": best.says,
        "confidence": best.probability,
        "fault_domain": FaultDomain.IDENTITY,
        "hypotheses": (best, outage, dns),
        "related_factors": ("Token lifetime was shortened: refused 15 min after issue, promised 60 min",),
        "affected_components": ("Patient API", "Appointment API"),
        "remedies": ("renew_credentials",),
        "recommended": ("Ask the vendor which token lifetime applies from now on",),
    }
    return build(Diagnosis, defaults, changes)


def an_incident(**changes: Any) -> Incident:
    defaults = {
        "id": "INC-2025-03-26-001",
        "integration_id": EPIC,
        "fingerprint": "a1b2c3d4e5f60718",
        "state": State.DIAGNOSING,
        "severity": Severity.HIGH,
        "symptom": "auth",
        "started_at": at("09:15:23"),
        "detected_at": at("09:18:23"),
        "updated_at": NOW,
        "diagnosis": a_diagnosis(),
        "moments": (Moment(at=at("09:18:23"), state=State.OPEN, says="3 of the last 5 cycles were bad"),),
    }
    return build(Incident, defaults, changes)


def an_action(**changes: Any) -> Action:
    defaults = {
        "id": "ACT-1",
        "incident_id": "INC-2025-03-26-001",
        "integration_id": EPIC,
        "remedy": "renew_credentials",
        "says": "Renew the credential",
        "state": ActionState.SUCCEEDED,
        "rule": "D16",
        "reason": "session, within limits",
        "plan_hash": "0" * 64,
        "planned_at": at("09:32:10"),
        "executed_at": at("09:32:18"),
        "effective_at": at("09:32:45"),
        "judged_at": at("09:35:45"),
        "effect": Effect(before=counts(34, 34), after=counts(48)),
        "outcome": Result.SUCCESSFUL,
    }
    effect = changes.get("effect", defaults["effect"])
    outcome = changes.get("outcome", defaults["outcome"])
    defaults["impact"] = impact(effect, outcome) if effect else ""
    return build(Action, defaults, changes)


def an_adjustment(**changes: Any) -> Adjustment:
    defaults = {
        "id": "ADJ-1",
        "integration_id": EPIC,
        "setting": Setting.PACE,
        "value": 0.5,
        "previous": 1.0,
        "since": NOW - timedelta(minutes=10),
        "until": NOW + timedelta(minutes=50),
        "action_id": "ACT-1",
    }
    return build(Adjustment, defaults, changes)


def an_escalation(**changes: Any) -> Escalation:
    defaults = {
        "id": "ESC-2025-03-26-001-E1-attempts-unsuccessful",
        "incident_id": "INC-2025-03-26-001",
        "integration_id": EPIC,
        "integration_name": "Epic FHIR API",
        "raised_at": NOW - timedelta(minutes=2),
        "reason": Reason(
            rule="E1-attempts-unsuccessful",
            says="3 automatic attempts did not restore the connection",
        ),
        "priority": Severity.HIGH,
        "team": "Network Operations",
        "contact_groups": ("Network Operations", "Integration Team"),
        "since": at("08:42:17"),
        "impact": "Delayed prescription data, occasional timeouts for users",
        "cause": "Network path instability",
        "confidence": 0.65,
        "evidence": (),
        "tried": (),
        "recommended": (
            "Engage with ISP to investigate potential network congestion",
            "Consider implementing redundant connectivity route through secondary provider",
        ),
    }
    return build(Escalation, defaults, changes)


def an_alert(**changes: Any) -> Alert:
    """A certificate that ends in six days."""
    defaults = {
        "id": f"ALT-certificates/{EPIC}/tls_certificate",
        "watch": "certificates",
        "state": AlertState.RAISED,
        "finding": Finding(
            integration_id=EPIC,
            subject="tls_certificate",
            severity=Severity.MEDIUM,
            says="the certificate ends in 6 days (limit 14 days)",
            since=NOW - timedelta(minutes=30),
            advice="Ask the vendor for the new one",
        ),
        "raised_at": NOW - timedelta(minutes=30),
    }
    return build(Alert, defaults, changes)


def points(
    since: datetime, until: datetime, *, median_ms: float = 120.0, total: int = 4, failed: int = 0
) -> tuple[Point, ...]:
    """One a minute, with a small regular wave so that a plot is not a ruler."""
    cycles = int((until - since) / timedelta(minutes=1))
    return tuple(
        Point(
            at=since + timedelta(minutes=n),
            counts=counts(total, failed),
            median_ms=None if failed == total else median_ms + 4 * (n % 5),
        )
        for n in range(cycles)
    )


def a_story(**changes: Any) -> Story:
    """A healthy hour."""
    defaults = {
        "integration": an_integration(),
        "as_of": NOW,
        "totals": totals(),
        "last_hour_bytes": 9_400_000,
        "connections": 4,
        "recent": counts(20),
    }
    return build(Story, defaults, changes)


def a_rate_limit() -> Diagnosis:
    """The diagnosis of the specification's example document."""
    says = (
        "HTTP 429 responses increasing over last hour",
        "Error messages indicate rate limit thresholds",
        "Coincides with morning peak usage period",
        "Similar pattern observed last Monday",
    )
    pieces = [evidence(words, weight=4.0 - n) for n, words in enumerate(says)]
    best = a_hypothesis("rate_limited", 0.8712, *pieces, says="API rate limiting triggered at Epic FHIR endpoint")
    return a_diagnosis(
        cause=best.cause,
        says=best.says,
        confidence=best.probability,
        fault_domain=FaultDomain.VENDOR,
        hypotheses=(best,),
        related_factors=(
            "Increased query volume from new dashboard feature",
            "Recent Epic system update may have adjusted rate limits",
        ),
        recommended=(
            "Monitor system after maintenance window tonight",
            "Consider requesting rate limit increase from Epic administrator",
        ),
    )


def seed_actions() -> tuple[Action, ...]:
    return (
        an_action(
            id="ACT-1",
            remedy="back_off",
            says="Implement exponential backoff for retries",
            executed_at=datetime(2025, 3, 26, 9, 32, 18, tzinfo=UTC),
            effect=Effect(before=counts(1000, 82), after=counts(1000, 38)),
            impact="Reduced error rate from 8.2% to 3.8%",
        ),
        an_action(
            id="ACT-2",
            remedy="slow_down",
            says="Temporarily reduce polling frequency",
            executed_at=datetime(2025, 3, 26, 9, 35, 42, tzinfo=UTC),
            effect=Effect(before=counts(1000, 38), after=counts(1000, 38)),
            impact="Stabilized connection but reduced data freshness",
        ),
    )


def seed_story(**changes: Any) -> Story:
    """The story behind the example document of the specification."""
    began = datetime(2025, 3, 26, 8, 15, 22, tzinfo=UTC)
    as_of = datetime(2025, 3, 26, 9, 45, 32, tzinfo=UTC)
    pending = PendingAction(
        action="Distribute queries across backup endpoints",
        estimated_impact="Should further reduce error rate to <1%",
        prerequisites="None",
        automatic=True,
        scheduled_at=datetime(2025, 3, 26, 9, 50, tzinfo=UTC),
    )
    defaults = {
        "integration": an_integration(contacts=Contacts(vendor="Epic System Administrators")),
        "as_of": as_of,
        "totals": totals(
            since=as_of - timedelta(hours=1),
            until=as_of,
            counts=counts(3555, 135),
            mean_latency_ms=1250.2,
            received_bytes=2_400_000_000,
            good_cycles=54,
            cycles=55,
        ),
        "last_hour_bytes": 2_400_000_000,
        "connections": 18,
        "recent": counts(3555, 135),
        "anomalies": (an_anomaly(first_observed=began, observed_at=as_of),),
        "incident": an_incident(
            state=State.VERIFYING,
            severity=Severity.MEDIUM,
            started_at=began,
            detected_at=began,
            updated_at=as_of,
            symptom="throttled",
            diagnosis=a_rate_limit(),
        ),
        "actions": seed_actions(),
        "pending": (pending,),
    }
    return a_story(**{**defaults, **changes})


def a_trouble(**changes: Any) -> Trouble:
    """Appointments that were not read for forty minutes."""
    defaults = {
        "integration_id": EPIC,
        "resource": "Appointment",
        "since": NOW - timedelta(minutes=60),
        "until": NOW - timedelta(minutes=20),
        "last_at": NOW - timedelta(minutes=21),
        "reasons": (GapReason.FAILED_READS,),
        "unit": Unit.READS,
        "operations": ("Appointment.search",),
    }
    return build(Trouble, defaults, changes)


def a_gap(**changes: Any) -> Gap:
    """The same, closed by twelve replayed reads."""
    defaults = {
        **dict(a_trouble()),
        "id": "GAP-2025-03-26-001",
        "state": GapState.CLOSED,
        "expected": 12,
        "delivered": 12,
        "opened_at": NOW - timedelta(minutes=58),
        "closed_at": NOW - timedelta(minutes=18),
        "closed_by": ClosedBy.REPLAY,
    }
    return build(Gap, defaults, changes)


def healthy_story(**changes: Any) -> Story:
    """Nothing wrong for an hour."""
    return a_story(**{"points": points(NOW - timedelta(hours=1), NOW), "usual_latency_ms": 124.0, **changes})


def unknown_story() -> Story:
    """A watch that has not read anything yet."""
    nothing = totals(counts=counts(0), mean_latency_ms=None, received_bytes=0, good_cycles=0, cycles=0)
    return a_story(totals=nothing, recent=counts(0), last_hour_bytes=0, connections=0)


def healed_gaps() -> tuple[Gap, ...]:
    """What did not come in those 18 minutes, and came after them."""
    counts = {"GetPatient": 14, "GetSchedule": 10, "GetPrescriptions": 10}
    return tuple(
        a_gap(
            id=f"GAP-2025-03-26-{number:03}",
            integration_id=UNITY,
            resource=operation,
            operations=(operation,),
            incident_id="INC-2025-03-26-001",
            since=at("09:14:30"),
            until=at("09:33:30"),
            last_at=at("09:32:30"),
            expected=many,
            delivered=many,
            opened_at=at("09:18:30"),
            closed_at=at("09:35:30"),
        )
        for number, (operation, many) in enumerate(counts.items(), start=1)
    )


def healed_story(**changes: Any) -> Story:
    """Example 1: a session that expired early, renewed in four steps, 18 minutes of degradation."""
    began, restored, as_of = at("09:15:23"), at("09:33:30"), at("09:45:32")
    steps = (
        Step(at=at("09:32:18"), says="Initiated credential renewal flow", successful=True),
        Step(at=at("09:32:45"), says="Reestablished OAuth session with new credentials", successful=True),
        Step(at=at("09:33:12"), says="Verified successful API test calls", successful=True),
        Step(at=restored, says="Resumed normal data synchronization", successful=True),
    )
    defaults = {
        "integration": an_integration(
            id=UNITY,
            name="Allscripts Unity API",
            kind="allscripts_unity",
            impact="Patient data synchronization paused, prescriptions unable to be retrieved",
        ),
        "totals": totals(counts=counts(222, 34), good_cycles=42, cycles=60),
        "recent": counts(20),
        "anomalies": (
            an_anomaly(
                integration_id=UNITY,
                metric="error_rate",
                severity=Severity.HIGH,
                description="Calls fail far more often than usual",
                detection_method=DetectionMethod.THRESHOLD,
                baseline="0.4% of calls failed",
                current="100.0% of calls failed",
                first_observed=began,
                observed_at=at("09:32:30"),
                trend=Trend.STABLE,
                score=20.0,
            ),
        ),
        "incident": an_incident(
            integration_id=UNITY,
            state=State.RESOLVED,
            restored_at=restored,
            resolved_at=at("09:43:30"),
            diagnosis=a_diagnosis(integration_id=UNITY),
        ),
        "actions": (an_action(integration_id=UNITY, steps=steps),),
        "backlog": Backlog(queued=34, processed=34),
        "gaps": healed_gaps(),
        "credential": Credential(
            integration_id=UNITY,
            issued_at=at("09:32:45"),
            promised_s=3600,
            observed_s=(900.0,),
            refresh_at=at("09:53:45", "2025-03-26"),
        ),
        "schedule_before": Schedule(lifetime_s=3600, refresh_after_s=2700),
        "schedule_after": Schedule(lifetime_s=900, refresh_after_s=700),
        "usual_latency_ms": 124.0,
        "points": (
            *points(at("08:45:30"), began),
            *points(began, at("09:32:45"), failed=4),
            *points(at("09:32:45"), as_of, median_ms=131.0),
        ),
    }
    return a_story(**{**defaults, **changes})


def escalated_story(**changes: Any) -> Story:
    """Example 2: an unstable network path, three attempts, a call for Network Operations."""
    began = at("08:42:17")
    path = a_hypothesis(
        "network_path_unstable",
        0.65,
        evidence("Failures come in clusters: mean run 4.2 calls, 2.9 times that of independent ones"),
        evidence("Timeouts on 13.5% of calls while the name resolves and TLS holds", kind=EvidenceKind.LADDER),
        evidence("Only one of two routes was tried", supports=False, weight=0.4),
        says="Network path instability between us and the Epic cloud environment",
    )
    overload = a_hypothesis(
        "vendor_overloaded",
        0.24,
        evidence("Median latency is 2.1 times the usual"),
        evidence("No HTTP 503 was seen", supports=False, weight=1.2),
        says="The vendor's servers are overloaded",
    )
    token = a_hypothesis(
        "token_expired",
        0.001,
        evidence("No call was refused for its token", supports=False, weight=4.6),
    )
    diagnosis = a_diagnosis(
        cause=path.cause,
        says=path.says,
        confidence=path.probability,
        fault_domain=FaultDomain.NETWORK,
        hypotheses=(path, overload, token),
        related_factors=(),
        recommended=(),
    )
    tried = (
        an_action(
            id="ACT-1",
            remedy="back_off",
            says="Connection retry with exponential backoff",
            state=ActionState.ROLLED_BACK,
            executed_at=at("09:05:10"),
            effect=Effect(before=counts(200, 44), after=counts(200, 30)),
            outcome=Result.PARTIAL,
        ),
        an_action(
            id="ACT-2",
            remedy="fail_over",
            says="Temporary routing through secondary network path",
            state=ActionState.ROLLED_BACK,
            executed_at=at("09:18:40"),
            effect=Effect(before=counts(200, 30), after=counts(120, 18)),
            outcome=Result.NONE,
        ),
        an_action(
            id="ACT-3",
            remedy="lengthen_timeout",
            says="Increased connection timeout thresholds",
            state=ActionState.FAILED,
            executed_at=at("09:31:05"),
            effect=Effect(before=counts(200, 32), after=counts(200, 30)),
            outcome=Result.MINIMAL,
        ),
        an_action(
            id="ACT-4",
            remedy="restart_component",
            says="Restart the connection pool",
            state=ActionState.DENIED,
            rule="D10",
            reason="5 actions within 10 minutes (limit 5)",
            executed_at=None,
            effective_at=None,
            judged_at=None,
            effect=None,
            outcome=Result.PENDING,
        ),
    )
    defaults = {
        "totals": totals(counts=counts(1180, 171), mean_latency_ms=262.0, good_cycles=31, cycles=60),
        "last_hour_bytes": 41_300_000,
        "recent": counts(200, 30),
        "anomalies": (
            an_anomaly(
                metric="error_rate",
                severity=Severity.HIGH,
                description="Calls fail far more often than usual",
                detection_method=DetectionMethod.THRESHOLD,
                baseline="0.4% of calls failed",
                current="15.0% of calls failed",
                first_observed=began,
                trend=Trend.IMPROVING,
                score=3.0,
            ),
            an_anomaly(id="ANM-2025-03-26-002", first_observed=at("08:50:17"), current="262ms", baseline="124ms"),
        ),
        "incident": an_incident(
            state=State.OPEN,
            symptom="transport",
            started_at=began,
            detected_at=at("08:45:17"),
            diagnosis=diagnosis,
            escalated_for="E1-attempts-unsuccessful",
        ),
        "actions": tried,
        "adjustments": (an_adjustment(),),
        "escalation": an_escalation(),
        "backlog": Backlog(queued=171, processed=120, waiting=51),
        "usual_latency_ms": 124.0,
        "points": (
            *points(NOW - timedelta(minutes=95), began),
            *points(began, at("09:05:17"), median_ms=260.0, total=18, failed=4),
            *points(at("09:05:17"), NOW, median_ms=240.0, total=20, failed=3),
        ),
    }
    return a_story(**{**defaults, **changes})


def served_story() -> Story:
    """A day with an outage of 26 minutes and a reset at every seventh call; an alert stands, and all is well now."""
    day, since = timedelta(hours=24), NOW - timedelta(hours=24)
    spent = Tally(integration_id=EPIC, span=timedelta(days=30), since=since, total=5760, bad=104, bad_minutes=26)
    flags = [Outcome.RESET if n % 7 == 0 else Outcome.OK for n in range(1, 71)]
    trips = [Trip(observed_at=NOW - timedelta(minutes=71 - n), outcome=o, connected=False) for n, o in enumerate(flags)]
    found = Finding(
        integration_id=EPIC,
        subject="availability.page",
        severity=Severity.HIGH,
        says="99% of probes succeed: the error budget burns too fast",
        since=NOW - timedelta(minutes=30),
        advice="heal slo shows what spends it",
    )
    return healthy_story(
        totals=totals(since=since, counts=counts(5760, 104), good_cycles=1414, cycles=1440),
        alerts=(
            Alert(
                id=f"ALT-burn_rate/{EPIC}/availability.page",
                watch="burn_rate",
                state=AlertState.RAISED,
                finding=found,
                raised_at=NOW - timedelta(minutes=30),
            ),
        ),
        availability=(
            Availability(
                span=day,
                since=since,
                slot=timedelta(minutes=1),
                good=1414,
                bad=26,
                requests=counts(5760, 104),
            ),
        ),
        budgets=(
            Budget(
                integration_id=EPIC,
                objective=Objective(name="availability", target=0.99),
                tally=spent,
                coverage=Coverage(known_s=86_400),
                burns=dict.fromkeys(WINDOWS, 1.8),
                burning=PAIRS[1:2],
            ),
        ),
        speeds=(
            Speed(
                integration_id=EPIC,
                source=Source.PROBE,
                operation="Patient.search",
                answered=5656,
                mean_ms=124.0,
                p50_ms=120.0,
                p95_ms=190.0,
                p99_ms=240.0,
                max_ms=900.0,
                connected=720,
                dns_ms=1.2,
                connect_ms=9.8,
                tls_ms=21.0,
                first_byte_ms=80.0,
            ),
        ),
        stability=stability(EPIC, Source.PROBE, trips, NOW - timedelta(hours=2), NOW),
    )
