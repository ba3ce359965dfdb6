"""Around: what is known of an integration without any call of its own, as indications and neighbours.

Pure: what was measured comes in as nouns (workflows, volumes, landings, beats, trends, credentials, sightings), and
goes out as conditions that stand, each with its figure. What was looked at and is as it should be is said as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.ahead import Ahead
from models.answer_schema import AnswerSchema
from models.bridge import Beats, Bridge
from models.credential import CredentialKind
from models.credentials import CredentialRecord, leads_of
from models.delivery import Landing
from models.discrepancy import Discrepancy, DiscrepancyKind, Reconciled, State
from models.facts import Neighbours
from models.incident import Incident
from models.indication import Indication
from models.indication import IndicationKind as Kind
from models.maintenance import Downtime
from models.reading import Direction
from models.resource import WAIT_LIMIT_MS, Trend, judge_queue, judge_wait
from models.series import RECORDS, STALENESS
from models.sighting import Sighting
from models.surface import code_of
from models.volume import UsualBy, Volume
from models.workflow import MISSED_PERIODS, Workflow

NIGHTLY = timedelta(hours=12)  # a feed that brings something less often than that is a run, not a stream
STANDS = 0.95  # s per s: the oldest in a queue that gets older as fast as time goes by is not being taken
AT_ONCE = timedelta(minutes=5)  # incidents that began so close together began at once (2 minutes, and a cycle or two)
SAME_HOUR = timedelta(minutes=30)  # before and after: the same time of day
WEEK = timedelta(days=7)
FIGURE = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
BY_METRIC = {RECORDS: Kind.VOLUME_DROP, STALENESS: Kind.DATA_STALE, "pool_wait": Kind.POOL_WAIT}
BY_DISCREPANCY = {
    DiscrepancyKind.TRUNCATED: Kind.PAGE_TRUNCATED,
    DiscrepancyKind.MISSING: Kind.ROWS_MISSING,
    DiscrepancyKind.EXTRA: Kind.ROWS_EXTRA,
    DiscrepancyKind.DUPLICATE: Kind.ROWS_DUPLICATED,
    DiscrepancyKind.STALE: Kind.ROWS_STALE,
    DiscrepancyKind.MIXED_UP: Kind.ROWS_MIXED_UP,
    DiscrepancyKind.SHIFTED: Kind.TIMES_SHIFTED,
    DiscrepancyKind.NULLS: Kind.NULLS_RISE,
    DiscrepancyKind.CHANGED: Kind.COLUMN_DIFFERS,
}
LONGEST = 64  # characters of a code

Looked = Iterator[tuple[Kind, Indication | None]]
"""Everything that was looked for, with what was found of it; None: it is as it should be."""


def of_workflow(flow: Workflow) -> Looked:
    """Whether anything new comes in; only of feeds of which somebody said how often it does."""
    if flow.feed.direction is Direction.OUT or not flow.feed.expects_news or flow.cursor is None:
        return
    stuck = Kind.RUN_MISSED if flow.feed.period >= NIGHTLY else Kind.CURSOR_STUCK
    period_s, age_s = flow.feed.period.total_seconds(), (flow.as_of - flow.cursor.stood_since).total_seconds()
    value, usual = (age_s, period_s) if stuck is Kind.RUN_MISSED else (flow.missed_periods, MISSED_PERIODS)
    subject = flow.feed.resource
    yield stuck, _told(stuck, value, usual, subject, flow.cursor.stood_since) if flow.is_stuck else None
    if flow.cursor.at is not None and stuck is Kind.CURSOR_STUCK:
        age = next((one for one in flow.ages if one.by == "newest record"), None)
        is_old = age is not None and age.age > flow.feed.limit
        old_s = age.age.total_seconds() if age else 0.0
        limit_s = flow.feed.limit.total_seconds()
        yield Kind.DATA_STALE, _told(Kind.DATA_STALE, old_s, limit_s, subject, flow.cursor.at) if is_old else None


def of_volume(volume: Volume) -> Looked:
    """Whether less flows than usual; nothing while that is being learned."""
    if volume.usual_by is UsualBy.LEARNING or volume.amount is None:
        return
    subject = volume.location or volume.resource
    found = _told(Kind.VOLUME_DROP, volume.amount, volume.usual, subject) if volume.is_drop else None
    yield Kind.VOLUME_DROP, found


def of_landing(landing: Landing) -> Looked:
    """Whether what was accepted is there."""
    accepted, overdue = landing.accepted[-1], landing.overdue[-1]
    if not accepted:
        return
    lost = Indication(
        kind=Kind.NOT_LANDED, value=overdue, of=accepted, subject=landing.operation, since=landing.oldest_at
    )
    yield Kind.NOT_LANDED, lost if landing.is_lost else None


def of_bridge(bridge: Bridge, heard: Beats | None, as_of: datetime, timezone: str) -> Looked:
    """Whether it gives its signs of life; of one that was never heard, nothing is known."""
    if heard is None:
        return
    silence, patience = heard.silence(as_of, timezone), bridge.patience
    said = _told(Kind.BRIDGE_SILENT, silence.total_seconds(), patience.total_seconds(), bridge.name, heard.last_at)
    yield Kind.BRIDGE_SILENT, said if silence > patience else None


def of_queue(trend: Trend, limit: timedelta, last_call: datetime | None) -> Looked:
    """Whether a queue grows old, and whether anybody takes from it at all.

    Args:
        trend: of the age of its oldest, in s.
        limit: how old it may be.
        last_call: when something was last sent, as far as that is known.
    """
    grows = judge_queue(trend, limit) is not None
    limit_s, subject = limit.total_seconds(), trend.subject
    yield Kind.QUEUE_GROWS, _told(Kind.QUEUE_GROWS, trend.value, limit_s, subject) if grows else None
    waits_since = trend.seen_at - timedelta(seconds=trend.value)
    untouched = last_call is None or last_call < waits_since
    idle = grows and untouched and trend.is_rising and trend.slope_per_s >= STANDS
    yield Kind.CONSUMER_IDLE, _told(Kind.CONSUMER_IDLE, trend.points, 0, subject) if idle else None


def of_times(ahead: Ahead | None) -> Looked:
    """Whether times are ahead of the clock by a constant; None: of answers that state any, none is."""
    shifted = ahead is not None and ahead.is_shifted
    since = ahead.since if ahead else None
    subject = ahead.operation.partition(".")[0] if ahead else None
    yield Kind.TIMES_SHIFTED, _told(Kind.TIMES_SHIFTED, ahead.shift_s, 0, subject, since) if ahead and shifted else None


def of_schema(schema: AnswerSchema) -> Looked:
    """Which fields of answers come empty more often than they used to; nothing before a first block is learned."""
    if not schema.objects:
        return
    if not schema.emptier:
        yield Kind.NULLS_RISE, None
    for one in schema.emptier:
        yield Kind.NULLS_RISE, _told(Kind.NULLS_RISE, one.share, one.usual, code_of(one.field), one.since, of=one.of)


def of_wait(trend: Trend | None) -> Looked:
    """Whether calls wait for our own connections; None: none of them waited."""
    waits = trend is not None and judge_wait(trend) is not None
    yield Kind.POOL_WAIT, _told(Kind.POOL_WAIT, trend.value, WAIT_LIMIT_MS) if trend and waits else None


def of_credential(record: CredentialRecord, as_of: datetime) -> Looked:
    """Whether it ends soon, and whether it may do what it is used for."""
    kind = record.kind
    if record.expires_at is not None and not record.is_renewed_by_us:
        left, leads = record.expires_at - as_of, leads_of(record.lifetime)
        lead = max(leads, default=timedelta(0))
        ends = _told(Kind.CREDENTIAL_ENDS, left.total_seconds(), lead.total_seconds(), kind.value)
        yield Kind.CREDENTIAL_ENDS, ends if left <= lead else None
    if kind is CredentialKind.ACCESS_TOKEN and record.granted is not None and record.required:
        lacks = Indication(kind=Kind.SCOPES_MISSING, value=len(record.missing), of=len(record.required))
        yield Kind.SCOPES_MISSING, lacks if record.missing else None


def of_maintenance(agreed: Sequence[Downtime], as_of: datetime) -> Looked:
    """Whether the other side may be away now, because that was announced."""
    now = next((one for one in agreed if one.holds(as_of)), None)
    left = (now.until - as_of).total_seconds() if now else 0.0
    since = now.since if now else None
    yield Kind.MAINTENANCE_ANNOUNCED, _told(Kind.MAINTENANCE_ANNOUNCED, left, since=since) if now else None


def of_past(former: Iterable[Incident], onset: datetime, timezone: str) -> Looked:
    """Whether earlier incidents began at this time of the week; suspicions that nobody diagnosed are none."""
    old = [one for one in former if one.diagnosis is not None and onset - one.started_at >= WEEK - SAME_HOUR]
    if not old:
        return
    again = sum(is_same_time(one.started_at, onset, timezone) for one in old)
    yield Kind.SAME_TIME_OF_WEEK, _told(Kind.SAME_TIME_OF_WEEK, again, of=len(old)) if again else None


def is_same_time(then: datetime, now: datetime, timezone: str) -> bool:
    """Whether two instants lie at the same time of the week on the practice's clock, within half an hour."""
    zone = ZoneInfo(timezone)
    first, second = (one.astimezone(zone).replace(tzinfo=None) for one in (then, now))
    apart = abs(second - first) % WEEK
    return min(apart, WEEK - apart) <= SAME_HOUR


def of_sighting(sighting: Sighting) -> Indication | None:
    """What a detector is sure of, where that is a condition of its own."""
    kind = BY_METRIC.get(sighting.series.metric)
    if kind is None or not sighting.is_confirmed:
        return None
    words = sighting.anomaly
    now, usual = (figure(text) for text in (words.current, words.baseline)) if words else (None, None)
    subject = (sighting.series.subject or "").partition(".")[0] or None
    return _told(kind, sighting.score if now is None else now, usual, subject, sighting.opened_at)


def of_reconciled(found: Reconciled) -> Looked:
    """What both sides hold, compared; nothing when a side could not be read."""
    if found.state is State.UNKNOWN:
        return
    shown = {one.kind for one in found.discrepancies}
    for kind, what in BY_DISCREPANCY.items():
        if kind not in shown:
            yield what, None
    for one in found.discrepancies:
        yield BY_DISCREPANCY[one.kind], difference(one, found.resource)


def difference(one: Discrepancy, resource: str) -> Indication:
    """One difference with its figure: a shift in seconds, nulls as a share, anything else as a count."""
    kind = BY_DISCREPANCY[one.kind]
    if kind is Kind.TIMES_SHIFTED:
        return Indication(kind=kind, value=one.offset_s or 0, usual=0, of=one.of, subject=code_of(resource))
    value = one.count / one.of if kind is Kind.NULLS_RISE else one.count
    return Indication(kind=kind, value=value, of=one.of, subject=code_of(one.column or resource))


def figure(text: str) -> float | None:
    """The first number of a text that we wrote ourselves.

    >>> figure("18 records per answer"), figure("none")
    (18.0, None)
    """
    found = FIGURE.search(text.replace(",", ""))
    return float(found[0]) if found else None


def neighbours_of(
    integration_id: str, shared: Mapping[str, frozenset[str]], ailing: Mapping[str, datetime], onset: datetime | None
) -> tuple[Neighbours, ...]:
    """For each thing that this integration shares with others, how many of those that share it ail.

    Args:
        integration_id: whose neighbours.
        shared: what each integration depends on (`models.dependency.depends_on`).
        ailing: when the trouble of each that ails began.
        onset: when this one's began; only what began at about the same time counts. None: whatever ails now.
    """
    near = {name for name, began in ailing.items() if onset is None or abs(began - onset) <= AT_ONCE} | {integration_id}
    found = []
    for thing in sorted(shared.get(integration_id, frozenset())):
        who = {name for name, things in shared.items() if thing in things}
        if len(who) > 1:
            found.append(Neighbours(shared=thing, ailing=len(who & near), of=len(who)))
    return tuple(found)


def _told(
    kind: Kind,
    value: float,
    usual: float | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    *,
    of: int | None = None,
) -> Indication:
    short = subject[:LONGEST] if subject else None
    return Indication(kind=kind, value=value, usual=usual, subject=short, since=since, of=of)
