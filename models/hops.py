"""Hops: those of one integration, from what its configuration says, each with what was heard of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from models.canary import is_canary
from models.coverage import WEIGHTS, Carried, Heard, Hop, HopKind, Witness, latest, witnessed
from models.feed import Feed
from models.gauge import BACKLOG, CURSOR, QUEUE_AGE, QUEUE_DEPTH
from models.integration import Importance, Integration
from models.reading import Direction

Arranged = dict[Witness, timedelta | None]  # how often it speaks, where that is declared

NOTHING_KNOWN = Carried()
LOUD = WEIGHTS[Importance.ROUTINE]  # a credential that ends makes a noise: every call is refused
QUEUE_GAUGES = frozenset({BACKLOG, QUEUE_AGE, QUEUE_DEPTH})
FROM_OUTSIDE = ("env:", "file:")  # how a setting refers to a secret


def hops_of(
    one: Integration, carries: Mapping[str, Carried], heard: Iterable[Heard], as_of: datetime
) -> tuple[Hop, ...]:
    """Every hop of one integration, in the order of the way.

    Args:
        one: as it is declared.
        carries: what its connector says of its operations; one that is not there carries what its feed says.
        heard: who spoke of it, and when.
        as_of: now.
    """
    known = [each for each in heard if each.integration_id == one.id]
    made = [*beside(one, known, as_of)]
    for feed in one.feeds:
        mine = [carries.get(operation, NOTHING_KNOWN) for operation in feed.operations]
        direction = direction_of(one, feed, mine)
        if direction is not None:
            flows = feed.model_copy(update={"direction": direction})
            made += (incoming if direction is Direction.IN else outgoing)(one, flows, mine, known, as_of)
    return tuple(made)


def direction_of(one: Integration, feed: Feed, mine: Sequence[Carried]) -> Direction | None:
    """Which way a feed goes: as it is declared; one that was only assumed, as the connector says."""
    if "feeds" in one.model_fields_set:
        return feed.direction
    return next((each.direction for each in mine), feed.direction)


def beside(one: Integration, heard: Sequence[Heard], as_of: datetime) -> Iterator[Hop]:
    """What all feeds of an integration need: something to identify with, and the agents at the practice."""
    heaviest = max(WEIGHTS[read.importance] for read in one.reads)
    if identifies(one.settings):
        arranged: Arranged = {Witness.PROBE: one.probe_every}
        heard_of = latest(each for each in heard if each.witness in {Witness.EXPIRY, Witness.PROBE})
        if one.credentials:  # written down: a calendar is all it takes
            arranged[Witness.EXPIRY], heard_of[Witness.EXPIRY] = None, as_of
        yield hop(one, HopKind.CREDENTIAL, one.id, LOUD, arranged, heard_of, as_of)
    for bridge in one.bridges:
        beats = latest(each for each in heard if each.witness is Witness.HEARTBEAT and each.subject == bridge.name)
        yield hop(one, HopKind.BRIDGE, bridge.name, heaviest, {Witness.HEARTBEAT: bridge.every}, beats, as_of)


def incoming(
    one: Integration, feed: Feed, mine: Sequence[Carried], heard: Sequence[Heard], as_of: datetime
) -> Iterator[Hop]:
    """Their system → our read → landed."""
    compared, checked = comparisons(one, feed), latest(each for each in heard if speaks_of(each, one, feed))
    news = Witness.FRESHNESS if feed.expects_news else None
    arranged = by_reads(one, feed, mine) | compared
    if news:
        arranged[news] = feed.every
    elif Witness.FRESHNESS not in arranged:
        checked.pop(Witness.FRESHNESS, None)  # how old they are is known, and nobody said how old is too old
    kind = HopKind.FILE if any(each.is_file for each in mine) else HopKind.READ
    yield of_feed(one, kind, feed, arranged, checked, as_of)
    if any(each.lands for each in mine):
        landing: Arranged = compared | (cursor_query(one, feed) if feed.expects_news else {})
        if not feed.expects_news:
            checked.pop(Witness.CURSOR, None)
        yield of_feed(one, HopKind.LANDED, feed, landing, checked, as_of)


def outgoing(
    one: Integration, feed: Feed, mine: Sequence[Carried], heard: Sequence[Heard], as_of: datetime
) -> Iterator[Hop]:
    """What waits → sent → accepted → there."""
    checked = latest(each for each in heard if speaks_of(each, one, feed))
    canary: Arranged = {} if one.canary is None else dict.fromkeys((Witness.ACK, Witness.LANDING), one.canary.every)
    outbox: Arranged = {Witness.COUNTERS: None, Witness.ACK: None} if one.settings.get("sends") else {}
    arranged = by_reads(one, feed, mine) | outbox | canary | comparisons(one, feed)
    for kind in (HopKind.QUEUE, HopKind.SEND, HopKind.CONFIRM):
        queued = queue_query(one, feed) if kind is HopKind.QUEUE else {}
        yield of_feed(one, kind, feed, arranged | queued, checked, as_of)


def by_reads(one: Integration, feed: Feed, mine: Sequence[Carried]) -> Arranged:
    """What our own reads of a feed arrange."""
    read = {each.operation for each in one.reads}
    probed = [carried for operation, carried in zip(feed.operations, mine, strict=True) if operation in read]
    witnesses = {Witness.PROBE, Witness.VOLUME} if probed else set()
    return dict.fromkeys((*witnesses, *(each for carried in probed for each in carried.witnesses)), one.probe_every)


def comparisons(one: Integration, feed: Feed) -> Arranged:
    """What reconciliations of the same records arrange."""
    mine = [wanted for wanted in one.reconcile if concerns(wanted.resource, wanted.operation, feed)]
    if not mine:
        return {}
    return {Witness.RECONCILIATION: min(wanted.every for wanted in mine)}


def concerns(resource: str, operation: str, feed: Feed) -> bool:
    """Whether what is compared is what a feed brings."""
    return resource == feed.resource or operation in feed.operations


def cursor_query(one: Integration, feed: Feed) -> Arranged:
    """A query to Prometheus that says how far the program that lands a feed has come."""
    asked = [metric for metric in one.metrics if metric.name == CURSOR and is_about(metric.subject, one, feed)]
    return {Witness.CURSOR: asked[0].every} if asked else {}


def queue_query(one: Integration, feed: Feed) -> Arranged:
    """The same of what waits to be sent."""
    asked = [metric for metric in one.metrics if metric.name in QUEUE_GAUGES and is_about(metric.subject, one, feed)]
    return {Witness.COUNTERS: asked[0].every} if asked else {}


def speaks_of(heard: Heard, one: Integration, feed: Feed) -> bool:
    """Whether what was heard is about this feed. A canary speaks for the way, whatever it carries."""
    if heard.direction not in {None, feed.direction}:
        return False
    if heard.direction is not None and (heard.subject is None or is_canary(heard.subject)):
        return True  # of all that goes this way, as our own outbox is
    is_here = heard.location is None or not feed.locations or heard.location in feed.locations
    named = heard.witness in {Witness.RECONCILIATION, Witness.PROMISES}
    compared = {wanted.name for wanted in one.reconcile if concerns(wanted.resource, wanted.operation, feed)}
    return heard.subject in compared if named else is_here and is_about(heard.subject, one, feed)


def is_about(subject: str | None, one: Integration, feed: Feed) -> bool:
    """Whether a gauge or a call of this name is one of a feed; without a name, of the only one there is."""
    if subject is None:
        return len(one.feeds) == 1
    return subject in {feed.name, feed.resource, *feed.operations}


def identifies(settings: Any) -> bool:  # noqa: ANN401 - whatever YAML holds
    """Whether settings refer to a secret anywhere."""
    if isinstance(settings, dict):
        return any(map(identifies, settings.values()))
    if isinstance(settings, list | tuple):
        return any(map(identifies, settings))
    return isinstance(settings, str) and settings.startswith(FROM_OUTSIDE)


def of_feed(
    one: Integration, kind: HopKind, feed: Feed, arranged: Arranged, heard: Mapping[Witness, datetime], as_of: datetime
) -> Hop:
    """A hop of a feed; it matters as much as the reads of the same records do."""
    same = [read.importance for read in one.reads if read.operation in feed.operations]
    same = same or [read.importance for read in one.reads if read.operation.partition(".")[0] == feed.resource]
    weight = max((WEIGHTS[importance] for importance in same), default=WEIGHTS[Importance.IMPORTANT])
    made = hop(one, kind, feed.name, weight, arranged, heard, as_of)
    return made.model_copy(update={"operations": feed.operations})


def hop(
    one: Integration,
    kind: HopKind,
    subject: str,
    weight: int,
    arranged: Arranged,
    heard: Mapping[Witness, datetime],
    as_of: datetime,
) -> Hop:
    """One hop with its witnesses."""
    return Hop(
        integration_id=one.id,
        kind=kind,
        subject=subject,
        weight=weight,
        witnesses=witnessed(kind, arranged, heard, as_of),
    )
