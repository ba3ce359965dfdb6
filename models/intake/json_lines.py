"""Our own records, one JSON object a line; docs/ingest.md says what each type may hold.

Eight types: `call`, `error`, `accepted`, `landed`, `refused`, `heartbeat`, `gauge`, `cursor`. Keys that are not in
the schema are not looked at, words that are on no list are dropped (`models.vocabulary`). Of what a failed call or an
error says, the template is kept (`models.error_text`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.delivery import DeliveryStep
from models.error_cluster import Tally
from models.error_lines import said
from models.intake._batch import (
    LARGEST,
    LONGEST_MS,
    Batch,
    Door,
    Unusable,
    judged,
    known_code,
    named,
    told,
    within,
)
from models.intake._json import instant, number, object_in
from models.reading import Direction, Outcome, Rung, Source
from models.template import operation as operation_of
from models.vocabulary import OTHER, Vocabulary

BREAKS = b"\n"
TYPES = ("call", "error", "accepted", "landed", "refused", "heartbeat", "gauge", "cursor")
Record = Mapping[str, Any]

DIRECTIONS = {None: Direction.IN.value, "in": Direction.IN.value, "out": Direction.OUT.value}
OK, REFUSED = Outcome.OK.value, DeliveryStep.REFUSED.value
ALIVE = (Outcome.OK.value, Rung.READ.value, None)
BEAT = "Bridge.beat"
CURSOR = {  # what a cursor tells → the series and its unit
    "position": ("cursor_position", ""),  # a number that grows; an instant is in seconds
    "lag_s": ("cursor_lag_s", "seconds"),
    "backlog": ("backlog", ""),
    "queue_depth": ("queue_depth", ""),
    "queue_oldest_age_s": ("queue_oldest_age_s", "seconds"),
}
UNITS = frozenset({"", "seconds", "ms", "bytes", "ratio", "%", "rows", "messages"})
LARGEST_VALUE = 1e15  # of a gauge


def looks_like(line: str) -> bool:
    """An object that names one of our types."""
    try:
        return object_in(line).get("type") in TYPES
    except (Unusable, TypeError):
        return False


def parse(lines: Sequence[str], door: Door) -> Batch:
    """Rows of these lines; each line stands for itself."""
    batch = Batch(consumed=len(lines), errors=Tally(door.shown))
    own, known, span, writers = door.own(), door.known, door.span, WRITERS
    for place, line in enumerate(lines):
        if not line:
            continue
        try:
            record = object_in(line)
            named_by = record.get("integration")
            vocabulary = own if named_by is None else known.get(named_by)
            if vocabulary is None:
                batch.refused.append((place, "unknown_integration"))
                continue
            at = within(instant(record.get("at")), span)
            writers[record.get("type")](record, vocabulary, at, door, batch)
        except Unusable as reason:
            batch.refused.append((place, str(reason)))
        except (KeyError, TypeError):  # no such type; a list where a word must stand
            batch.refused.append((place, "bad_record"))
    return batch


def optional(record: Record, name: str, largest: float) -> float | None:
    """A number that may be missing."""
    value = record.get(name)
    return None if value is None else number(value, f"bad_{name}", largest)


def count(record: Record, name: str, otherwise: int | None = None) -> int | None:
    """A whole number that may be missing."""
    value = record.get(name)
    return otherwise if value is None else int(number(value, f"bad_{name}", LARGEST))


def verdict_of(record: Record, status: int | None) -> tuple[str, str, str | None]:
    """How a call ended: as its sender says, else as its status does."""
    word = record.get("outcome")
    if word is not None:
        return told(word)
    if status is None:
        raise Unusable("no_outcome")
    return judged(status)


def asked(record: Record, vocabulary: Vocabulary) -> tuple[str, str | None]:
    """Operation and kind of data: as named, else as the URL shows; a word on no list is dropped."""
    resource = record.get("resource")
    kind = resource if resource in vocabulary.resources else None
    operation = record.get("operation")
    if operation is not None:
        return named(vocabulary, operation), kind or resource_in(operation, vocabulary)
    url, method = record.get("url"), record.get("method", "GET")
    if type(url) is not str or type(method) is not str:
        return OTHER, kind
    shown, of_url = operation_of(method, url, vocabulary.steps, vocabulary.resources)
    return shown, kind or of_url


def resource_in(operation: str, vocabulary: Vocabulary) -> str | None:
    """`Patient.search` is about Patient."""
    resource = operation.partition(".")[0]
    return resource if resource in vocabulary.resources and operation in vocabulary.operations else None


def write_call(record: Record, vocabulary: Vocabulary, at: int, _: Door, batch: Batch) -> None:
    """One call and its answer."""
    get = record.get
    status = get("status")
    if status is not None and type(status) is not int:
        raise Unusable("bad_status")
    outcome, rung, code = verdict_of(record, status)
    operation, resource = asked(record, vocabulary)
    if outcome != OK and (text := said(record)) is not None:
        batch.errors.add(vocabulary.integration_id, at, text, vocabulary.words)
    location, newest = get("location"), get("newest_at")
    batch.readings.append(
        (
            vocabulary.integration_id,
            at,
            operation,
            vocabulary.components.get(operation, operation),
            outcome,
            DIRECTIONS[get("direction")],
            resource,
            location if location in vocabulary.words else None,
            rung,
            status,
            code or known_code(get("code")),
            optional(record, "latency_ms", LONGEST_MS),
            count(record, "received_bytes", 0),
            count(record, "sent_bytes", 0),
            count(record, "records"),
            None if newest is None else instant(newest),
            optional(record, "pool_wait_ms", LONGEST_MS),
            count(record, "connections"),
            max(1, count(record, "attempts", 1) or 1),
            optional(record, "retry_after_s", LONGEST_MS),
            Source.TRAFFIC.value,
        )
    )


def write_error(record: Record, vocabulary: Vocabulary, at: int, _: Door, batch: Batch) -> None:
    """What an application says went wrong, of no call that we could count."""
    text = said(record)
    if text is None:
        raise Unusable("nothing_told")
    batch.errors.add(vocabulary.integration_id, at, text, vocabulary.words)


def write_delivery(record: Record, vocabulary: Vocabulary, at: int, door: Door, batch: Batch) -> None:
    """One step of one write; its key leaves here as a pseudonym."""
    key = record.get("key")
    if type(key) is int:
        key = str(key)
    if type(key) is not str or not key:
        raise Unusable("no_key")
    operation, resource = asked(record, vocabulary)
    step = DeliveryStep(record["type"]).value
    if step == REFUSED and (text := said(record)) is not None:
        batch.errors.add(vocabulary.integration_id, at, text, vocabulary.words)
    pseudonym = door.pseudonym(f"{vocabulary.integration_id}/{key}")
    batch.deliveries.append((vocabulary.integration_id, at, operation, pseudonym, step, resource))


def write_heartbeat(record: Record, vocabulary: Vocabulary, at: int, _: Door, batch: Batch) -> None:
    """A bridge at the practice says that it lives."""
    bridge = word_of(record, "bridge", vocabulary)
    row = [vocabulary.integration_id, at, BEAT, bridge, *ALIVE[:1], Direction.IN.value, None, None, *ALIVE[1:2]]
    nothing_else = [None, None, None, 0, 0, None, None, None, None, 1, None]
    batch.readings.append((*row, *nothing_else, Source.HEARTBEAT.value))


def write_gauge(record: Record, vocabulary: Vocabulary, at: int, _: Door, batch: Batch) -> None:
    """One sample of one series."""
    metric, unit = record.get("metric"), record.get("unit", "")
    if metric not in vocabulary.metrics or unit not in UNITS:
        raise Unusable("unknown_word")
    subject = None if record.get("subject") is None else word_of(record, "subject", vocabulary)
    value = float(number(record.get("value"), "bad_value", LARGEST_VALUE, -LARGEST_VALUE))
    batch.gauges.append((vocabulary.integration_id, at, metric, value, unit, subject))


def write_cursor(record: Record, vocabulary: Vocabulary, at: int, _: Door, batch: Batch) -> None:
    """Where a feed stands, as as many samples as it tells."""
    feed = word_of(record, "feed", vocabulary)
    samples = []
    for name, (metric, unit) in CURSOR.items():
        value = record.get(name)
        is_instant = name == "position" and type(value) is str
        if is_instant:
            value = instant(value) / 1_000_000  # seconds since 1970
        if value is not None:
            told_value = float(number(value, f"bad_{name}", LARGEST_VALUE, -LARGEST_VALUE))
            samples.append((vocabulary.integration_id, at, metric, told_value, "seconds" if is_instant else unit, feed))
    if not samples:
        raise Unusable("nothing_told")
    batch.gauges.extend(samples)


def word_of(record: Record, name: str, vocabulary: Vocabulary) -> str:
    """A declared name.

    Raises:
        Unusable: when it is on no list.
    """
    word = record.get(name)
    if word not in vocabulary.words and word not in vocabulary.resources:
        raise Unusable("unknown_word")
    return str(word)


WRITERS: dict[str | None, Callable[[Record, Vocabulary, int, Door, Batch], None]] = {
    "call": write_call,
    "error": write_error,
    "accepted": write_delivery,
    "landed": write_delivery,
    "refused": write_delivery,
    "heartbeat": write_heartbeat,
    "gauge": write_gauge,
    "cursor": write_cursor,
}
