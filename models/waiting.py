"""Waiting: how long a peer asks us to leave it alone, in any of the five ways that are in use, and until when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pydantic import AwareDatetime

from models.noun import Kept
from models.reading import Identifier, Reading

LONGEST_WAIT_S = 3600.0  # a longer Retry-After is cut to this (spec: escalation, section 5)
DELTA = re.compile(r"^\s*(\d{1,18}(?:\.\d{1,9})?)\s*$")  # whole seconds by the book; some write fractions
POLICY = re.compile(r"[;\s]\s*(r|t)=(\d{1,10})")


class Pause(Kept):
    """Until when a system asked to be left alone, in the ledger: the next round is another process."""

    integration_id: Identifier
    since: AwareDatetime  # when the call began that was answered so
    until: AwareDatetime


def pause_of(readings: Iterable[Reading]) -> Pause | None:
    """The pause that the failed ones of these readings of one integration ask for, the longest of them."""
    pauses = [
        Pause(id=one.integration_id, integration_id=one.integration_id, since=one.observed_at, until=free_at(one))
        for one in readings
        if one.retry_after_s and not one.outcome.is_ok
    ]
    return max(pauses, key=lambda pause: pause.until, default=None)


def free_at(reading: Reading) -> datetime:
    """When they may be asked again: the wait counts from their answer."""
    spent_s = (reading.latency_ms or 0.0) / 1000
    return reading.observed_at + timedelta(seconds=spent_s + (reading.retry_after_s or 0.0))


def http_date(value: str | None) -> datetime | None:
    """An HTTP-date (RFC 9110, 5.6.7), aware; None when it is not one."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def retry_after_s(headers: Mapping[str, str], received_at: datetime) -> float | None:
    """Seconds that the peer asks us to wait, in 0…3600; None when it does not say.

    Retry-After, then `RateLimit: "p";r=0;t=30`, `RateLimit-Reset` (seconds), `X-RateLimit-Reset` (an epoch
    when above 10⁹). A date counts against the response's own `Date`, so their clock may be wrong; what
    is malformed is as if absent.

    Args:
        headers: lower-case names.
        received_at: our clock, used when the response has no `Date`.
    """
    theirs = http_date(headers.get("date")) or received_at
    hints = (
        _delta_or_date(headers.get("retry-after"), theirs),
        _policy_s(headers.get("ratelimit", "")),
        _delta(headers.get("ratelimit-reset")),
        _delta_or_epoch(headers.get("x-ratelimit-reset"), theirs),
        _delta_or_epoch(headers.get("x-rate-limit-reset"), theirs),
    )
    said = next((hint for hint in hints if hint is not None), None)
    return None if said is None else min(max(said, 0.0), LONGEST_WAIT_S)


def _delta(value: str | None) -> float | None:
    """Seconds; of several, as proxies add theirs, the most."""
    matches = [DELTA.match(part) for part in (value or "").split(",")]
    said = [float(match[1]) for match in matches if match]
    return max(said) if len(said) == len(matches) else None


def _delta_or_date(value: str | None, theirs: datetime) -> float | None:
    if (delta := _delta(value)) is not None:
        return delta
    date = http_date(value)
    return None if date is None else (date - theirs) / timedelta(seconds=1)


def _delta_or_epoch(value: str | None, theirs: datetime) -> float | None:
    delta = _delta(value)
    return delta - theirs.timestamp() if delta is not None and delta > 1e9 else delta  # noqa: PLR2004 - the spec's


def _policy_s(value: str) -> float | None:
    """Seconds until the quota is refilled, when it is used up."""
    said = {name: int(number) for name, number in POLICY.findall(value)}
    return float(said["t"]) if said.get("r") == 0 and "t" in said else None
