"""HTTP access logs of nginx and Apache: `common`, `combined`, and either with the time that the call took.

    203.0.113.9 - - [23/Nov/2026:09:15:23 +0000] "GET /api/FHIR/R4/Patient/eX HTTP/1.1" 200 4096 "-" "ua" 0.120

The time, where it is logged, stands behind everything else: nginx's `$request_time` (seconds, three decimals) or
Apache's `%D` written as `D=%D` (microseconds). Address, user, referrer and agent are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from models.intake._batch import Batch, Door, Unusable, judged, microseconds, refuse_all, traffic, within
from models.template import operation as operation_of

BREAKS = b"\n"
MONTHS = {  # as logs write them, whatever this machine's language is
    name: nth
    for nth, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)
}
# possessive throughout: a line that does not fit is given up at once, however long it is
LINE = re.compile(
    r'\S++ \S++ [^\[]*+\[([^\]]{20,32}+)\] "([A-Z]{3,8}+) (\S++)(?: HTTP/[0-9.]{1,3}+)?+" ([0-9]{3}+) ([0-9]{1,15}+|-)'
    r'(?: "(?:[^"\\]|\\.)*+" "(?:[^"\\]|\\.)*+")?+([^"]*+)$'
)
SECONDS = re.compile(r"(?:^|[ =])([0-9]{1,5}\.[0-9]{3})(?=$| )")
MICROSECONDS = re.compile(r"(?:^| )D=([0-9]{1,12})(?=$| )")
STAMP = re.compile(r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})")


def looks_like(line: str) -> bool:
    """A line of this shape."""
    return LINE.match(line) is not None


def parse(lines: Sequence[str], door: Door) -> Batch:
    """One reading for each request."""
    vocabulary = door.own()
    if vocabulary is None:
        return refuse_all(lines, "unknown_integration")
    batch = Batch(consumed=len(lines))
    span = door.span
    steps, resources, match = vocabulary.steps, vocabulary.resources, LINE.match
    for place, line in enumerate(lines):
        if not line:
            continue
        found = match(line)
        if found is None:
            batch.refused.append((place, "not_this_format"))
            continue
        stamp, method, target, status, size, rest = found.groups()
        try:
            at = within(instant(stamp), span)
            verdict = judged(int(status))
        except Unusable as reason:
            batch.refused.append((place, str(reason)))
            continue
        operation, resource = operation_of(method, target, steps, resources)
        row = traffic(
            vocabulary,
            at,
            operation,
            verdict,
            resource=resource,
            status=int(status),
            latency_ms=took_ms(rest) if rest else None,
            received_bytes=0 if size == "-" else int(size),
        )
        batch.readings.append(row)
    return batch


def took_ms(rest: str) -> float | None:
    """How long the call took, where the log says so."""
    if found := SECONDS.search(rest):
        return float(found[1]) * 1000
    if found := MICROSECONDS.search(rest):
        return int(found[1]) / 1000
    return None


@lru_cache(maxsize=4096)
def instant(stamp: str) -> int:
    """Microseconds since 1970; a busy log has many lines of one second.

    Raises:
        Unusable: when there is no such instant.
    """
    found = STAMP.fullmatch(stamp)
    if found is None or found[2] not in MONTHS:
        raise Unusable("bad_time")
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    try:
        zone = timezone(-offset if found[7] == "-" else offset) if offset else UTC
        date = int(found[3]), MONTHS[found[2]], int(found[1])
        return microseconds(datetime(*date, int(found[4]), int(found[5]), int(found[6]), tzinfo=zone))
    except (ValueError, OverflowError):
        raise Unusable("bad_time") from None
