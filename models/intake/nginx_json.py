"""Access logs as JSON, as nginx writes them with `log_format … escape=json`, under the names that are usual.

    {"time": "2026-11-23T09:15:23+00:00", "request": "GET /api/FHIR/R4/Patient/eX HTTP/1.1", "status": "200",
     "request_time": "0.120", "body_bytes_sent": "4096"}

nginx writes every value as text; numbers are taken too. Only the names below are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.intake._batch import LARGEST, LONGEST_MS, Batch, Door, Unusable, judged, refuse_all, traffic, within
from models.intake._json import instant, number, object_in
from models.template import operation as operation_of
from models.vocabulary import Vocabulary

BREAKS = b"\n"
TIMES = ("time_iso8601", "time", "@timestamp", "timestamp", "msec", "ts")
TARGETS = ("request_uri", "uri", "path", "url")
METHODS = ("request_method", "method")
SIZES = ("body_bytes_sent", "bytes_sent", "size")
TOOK = ("request_time", "upstream_response_time", "duration")  # seconds


def looks_like(line: str) -> bool:
    """An object with a status and a time."""
    try:
        record = object_in(line)
    except Unusable:
        return False
    return "status" in record and "type" not in record and any(name in record for name in TIMES)


def parse(lines: Sequence[str], door: Door) -> Batch:
    """One reading for each request."""
    vocabulary = door.own()
    if vocabulary is None:
        return refuse_all(lines, "unknown_integration")
    batch = Batch(consumed=len(lines))
    span = door.span
    for place, line in enumerate(lines):
        if line:
            try:
                batch.readings.append(row_of(object_in(line), vocabulary, span))
            except Unusable as reason:
                batch.refused.append((place, str(reason)))
    return batch


def row_of(record: Mapping[str, Any], vocabulary: Vocabulary, span: tuple[int, int]) -> tuple[Any, ...]:
    """The reading of one request.

    Raises:
        Unusable: with the reason.
    """
    told_at = first_of(record, TIMES)
    at = within(instant(told_at if isinstance(told_at, str) and "-" in told_at else figure(told_at, "bad_time")), span)
    status = int(figure(record.get("status"), "bad_status"))
    method, target = request_of(record)
    operation, resource = operation_of(method, target, vocabulary.steps, vocabulary.resources)
    seconds, size = first_of(record, TOOK), first_of(record, SIZES)
    took = (
        None
        if seconds in {None, "", "-"}
        else number(figure(seconds, "bad_duration") * 1000, "bad_duration", LONGEST_MS)
    )
    return traffic(
        vocabulary,
        at,
        operation,
        judged(status),
        resource=resource,
        status=status,
        latency_ms=took,
        received_bytes=0 if size in {None, "", "-"} else int(number(figure(size, "bad_size"), "bad_size", LARGEST)),
    )


def request_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """Method and target, from two keys or from the request line."""
    target = first_of(record, TARGETS)
    if isinstance(target, str):
        method = first_of(record, METHODS)
        return (method if isinstance(method, str) else "GET"), target
    line = record.get("request")
    parts = line.split(" ", 2) if isinstance(line, str) else []
    if len(parts) < 2:  # noqa: PLR2004 - method and target
        raise Unusable("no_request")
    return parts[0], parts[1]


def first_of(record: Mapping[str, Any], names: tuple[str, ...]) -> object:
    """The value under the first of these names that is there; lists and objects are no value."""
    value = next((record[name] for name in names if name in record), None)
    return value if isinstance(value, str | int | float) else None


def figure(value: object, reason: str) -> float:
    """A number, or a text that is one.

    Raises:
        Unusable: when it is neither.
    """
    if isinstance(value, str):
        try:
            value = float(value[:32].rpartition(",")[2])  # of several upstreams' times, the last one answered
        except ValueError:
            raise Unusable(reason) from None
    return number(value, reason, 1e15)
