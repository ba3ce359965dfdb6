"""Hypothesis strategies: stories that nobody would think of, in any of their states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from models.alert import Alert, AlertState, Finding
from models.anomaly import DetectionMethod, Severity, Trend
from models.availability import Availability
from models.credential import Credential
from models.diagnosis import INCONCLUSIVE
from models.gap import Balance, begun
from models.incident import State
from models.maintenance import Downtime
from models.reading import Counts
from models.remedy import ActionState, Approval, Effect
from models.remedy import Outcome as Result
from models.signature import EvidenceKind, FaultDomain
from models.story import Backlog, PendingAction, Point, Schedule
from models.tuning import Setting
from tests import builders as b

FIRST, LAST = datetime(2024, 1, 1), datetime(2027, 1, 1)  # noqa: DTZ001  # hypothesis adds the zone

times = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
shares = st.floats(0, 1)
text = st.text(max_size=40)
figures = st.floats(0, 1e7)
numbers = st.integers(0, 10**13)
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "UTC")


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    total = draw(st.integers(0, 100_000))
    return Counts(total=total, failed=draw(st.integers(0, total)))


def maybe(strategy):
    return st.none() | strategy


def some(strategy, most=3):
    return st.lists(strategy, max_size=most).map(tuple)


evidence = st.builds(
    b.evidence, says=text, kind=st.sampled_from(EvidenceKind), supports=st.booleans(), weight=st.floats(0, 9)
)
hypotheses = st.builds(
    lambda cause, share, pieces, says: b.a_hypothesis(cause, share, *pieces, says=says),
    st.sampled_from(("token_expired", "dns_failure", "rate_limited")),
    shares,
    some(evidence),
    text,
)
diagnoses = st.builds(
    b.a_diagnosis,
    cause=st.sampled_from(("token_expired", INCONCLUSIVE)),
    says=text,
    confidence=shares,
    fault_domain=maybe(st.sampled_from(FaultDomain)),
    hypotheses=some(hypotheses),
    related_factors=some(text),
    affected_components=some(text),
    recommended=some(text),
)
anomalies = st.builds(
    b.an_anomaly,
    id=maybe(text),
    severity=st.sampled_from(Severity),
    description=text,
    detection_method=st.sampled_from(DetectionMethod),
    baseline=text,
    current=text,
    first_observed=times,
    observed_at=times,
    trend=st.sampled_from(Trend),
    score=figures,
)
incidents = st.builds(
    b.an_incident,
    state=st.sampled_from(State),
    severity=st.sampled_from(Severity),
    symptom=st.sampled_from(("slow", "auth", "transport", "throttled", "something new")),
    started_at=times,
    detected_at=times,
    restored_at=maybe(times),
    resolved_at=maybe(times),
    diagnosis=maybe(diagnoses),
)
steps = st.builds(b.Step, at=times, says=text, successful=st.booleans())
actions = st.builds(
    b.an_action,
    says=text,
    state=st.sampled_from(ActionState),
    executed_at=maybe(times),
    effect=maybe(st.builds(Effect, before=counts(), after=counts())),
    outcome=st.sampled_from(Result),
    steps=some(steps),
)
adjustments = st.one_of(
    st.builds(b.an_adjustment, since=times, until=times, setting=st.just(Setting.ROUTE), value=text, previous=text),
    st.builds(
        b.an_adjustment,
        since=times,
        until=times,
        setting=st.sampled_from(Setting),
        value=st.floats(0.1, 60),
        previous=st.floats(0.1, 60),
    ),
)
pending = st.builds(
    PendingAction,
    action=text,
    estimated_impact=text,
    prerequisites=text,
    automatic=st.booleans(),
    scheduled_at=times,
)
escalations = st.builds(
    b.an_escalation, raised_at=times, priority=st.sampled_from(Severity), team=text, recommended=some(text)
)
credentials = st.builds(
    Credential,
    integration_id=st.just(b.EPIC),
    issued_at=maybe(times),
    promised_s=maybe(figures),
    observed_s=some(figures),
    refresh_at=maybe(times),
)
schedules = st.builds(Schedule, lifetime_s=figures, refresh_after_s=figures)
cycles = st.builds(Point, at=times, counts=counts(), median_ms=maybe(figures))


alerts = st.builds(
    lambda severity, says, since, state: Alert(
        id=f"ALT-volume/{b.EPIC}/visits",
        watch="volume",
        state=state,
        finding=Finding(integration_id=b.EPIC, subject="visits", severity=severity, says=says, since=since),
        raised_at=since,
    ),
    st.sampled_from(Severity),
    text,
    times,
    st.sampled_from(AlertState),
)
downtimes = st.builds(
    Downtime, since=times, until=times, reason=st.text(min_size=1, max_size=40), agreed_by=st.just("Integration Team")
)
availabilities = st.builds(
    Availability,
    span=st.just(timedelta(hours=24)),
    since=times,
    slot=st.just(timedelta(minutes=1)),
    good=st.integers(0, 1440),
    bad=st.integers(0, 1440),
    unknown=st.integers(0, 1440),
    excluded=st.integers(0, 1440),
    is_fresh=st.booleans(),
    requests=counts(),
)


@st.composite
def gap_of(draw: st.DrawFn):
    """A gap in any state, as it can come about."""
    gap = begun("GAP-1", b.a_trouble(until=None, resource=draw(st.sampled_from(("Patient", "Appointment")))), b.NOW)
    delivered, aside, lost = draw(st.tuples(*[st.integers(0, 2)] * 3))
    if draw(st.booleans()):
        gap = gap.ended(b.NOW)
    if draw(st.booleans()):
        counts = {"delivered": delivered, "quarantined": aside}
        gap = gap.counted(Balance(expected=delivered + aside + lost, **counts), b.NOW)
    if gap.until is not None and not gap.is_over and draw(st.booleans()):
        gap = gap.vouched(Approval(by="Data Team", why="loaded by hand", at=b.NOW), 1)
    return gap


gaps = gap_of()


@st.composite
def totals(draw: st.DrawFn):
    ran = draw(st.integers(0, 1000))
    since = draw(times)
    return b.totals(
        since=since,
        until=since + timedelta(hours=1),
        counts=draw(counts()),
        mean_latency_ms=draw(maybe(figures)),
        cycles=ran,
        good_cycles=draw(st.integers(0, ran)),
    )


stories = st.builds(
    b.a_story,
    integration=st.builds(b.an_integration, name=st.text(min_size=1, max_size=60), timezone=st.sampled_from(ZONES)),
    as_of=times,
    totals=totals(),
    last_hour_bytes=numbers,
    connections=st.integers(0, 500),
    recent=counts(),
    incident=maybe(incidents),
    anomalies=some(anomalies),
    actions=some(actions),
    pending=some(pending),
    adjustments=some(adjustments),
    escalation=maybe(escalations),
    gaps=some(gaps),
    backlog=st.builds(Backlog, queued=st.integers(0, 99), processed=st.integers(0, 99), waiting=st.integers(0, 99)),
    credential=maybe(credentials),
    schedule_before=maybe(schedules),
    schedule_after=maybe(schedules),
    points=some(cycles, most=5),
    usual_latency_ms=maybe(figures),
    generated_history=st.booleans(),
    speed=st.sampled_from((0.0, 1.0, 2.5, 60.0)),
    alerts=some(alerts),
    downtime=maybe(downtimes),
    availability=some(availabilities),
)
