"""From answers to readings: the durations, counts and codes of one read, and nothing else of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from models.classification import Judged, rung_of
from models.integration import Read
from models.reading import Code, Outcome, Reading, Rung
from models.token import Grant
from models.waiting import http_date, retry_after_s
from tasks.http import Fetched

SLOW_MS = 1000.0  # from here on a person waits (Nielsen 1993, *Usability Engineering*, 5.5)

Judge = Callable[[int, Mapping[str, str], bytes], Judged]


class Answer(NamedTuple):
    """One fetch, and what it came to."""

    fetched: Fetched
    judged: Judged
    received_at: datetime

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.judged.outcome

    @property
    def code(self) -> Code | None:
        """The code that goes with it."""
        return self.judged.code

    @property
    def rung(self) -> Rung:
        """The rung that broke; READ when none did."""
        return rung_of(self.outcome) if self.fetched.answered else self.fetched.rung

    @property
    def latency_ms(self) -> float | None:
        """To the last byte; None when it never answered."""
        return None if self.fetched.status is None else self.fetched.timings.total_ms

    @property
    def clock_skew_s(self) -> float | None:
        """Their `Date` (whole seconds) minus our clock."""
        date = http_date(self.fetched.headers.get("date"))
        return None if date is None else (date - self.received_at) / timedelta(seconds=1)


def answer(fetched: Fetched, received_at: datetime, judge: Judge) -> Answer:
    """Judge an answer; trouble on the way judges itself."""
    if fetched.outcome is not None or fetched.status is None:
        judged = Judged(outcome=fetched.outcome or Outcome.RESET, code=fetched.code)
    else:
        judged = judge(fetched.status, fetched.headers, fetched.body)
    return Answer(fetched, judged, received_at)


def reading(
    integration_id: str,
    read: Read,
    observed_at: datetime,
    answers: Sequence[Answer],
    token_age_s: float | None,
    connections: int,
) -> Reading:
    """One reading of all pages of a read: bytes, records and times add up, and the last page decides.

    Args:
        integration_id: whose.
        read: what was asked.
        observed_at: when the call began.
        answers: one per page, at least one.
        token_age_s: of the token it was made with.
        connections: sockets open now.
    """
    first, last = answers[0], answers[-1]
    deciding = next((one for one in answers if one.outcome is not Outcome.OK), last)
    counts = [one.judged.records for one in answers if one.judged.records is not None]
    timings = first.fetched.timings
    return Reading(
        integration_id=integration_id,
        observed_at=observed_at,
        operation=read.operation,
        component=read.component,
        outcome=deciding.outcome,
        rung=deciding.rung,
        status=deciding.fetched.status,
        code=deciding.code,
        latency_ms=None if last.latency_ms is None else sum(one.fetched.timings.total_ms for one in answers),
        dns_ms=timings.dns_ms,
        connect_ms=timings.connect_ms,
        tls_ms=timings.tls_ms,
        first_byte_ms=timings.first_byte_ms,
        received_bytes=sum(one.fetched.received_bytes for one in answers),
        pool_wait_ms=sum(one.fetched.timings.pool_wait_ms for one in answers),
        records=sum(counts) if counts else None,
        newest_at=max((one.judged.newest_at for one in answers if one.judged.newest_at is not None), default=None),
        connections=connections,
        retry_after_s=retry_after_s(deciding.fetched.headers, deciding.received_at),
        clock_skew_s=last.clock_skew_s,
        token_age_s=token_age_s,
        request_id=asked_about(deciding),
    )


def asked_about(of: Answer) -> str | None:
    """The request id of a call that somebody may ask the vendor about: it failed, or took a second.

    Of all others it would be half of what the history holds, and nobody ever looks at it.
    """
    is_slow = of.latency_ms is not None and of.latency_ms >= SLOW_MS
    return of.fetched.headers.get("x-request-id") if is_slow or not of.outcome.is_ok else None


def without_call(integration_id: str, read: Read, observed_at: datetime, grant: Grant) -> Reading:
    """The reading of a read that was never sent, from the request for a token that stood before it."""
    return Reading(
        integration_id=integration_id,
        observed_at=observed_at,
        operation=read.operation,
        component=read.component,
        outcome=grant.outcome,
        rung=grant.rung,
        status=grant.status,
        code=grant.code,
        latency_ms=grant.latency_ms,
        received_bytes=grant.received_bytes,
        retry_after_s=grant.retry_after_s,
        clock_skew_s=grant.clock_skew_s,
    )


def refusal(of: Answer, *, at_home: bool) -> Grant:
    """Why no token was granted, from the issuer's answer.

    Args:
        of: the answer, or the trouble that kept it from coming.
        at_home: whether the issuer is the very host of the data. Then a broken network rung is that host's;
            elsewhere, all that is known of our connection is that its AUTH rung broke.
    """
    return Grant(
        outcome=of.outcome,
        code=of.code,
        rung=of.rung if at_home and of.outcome.is_transport else Rung.AUTH,
        status=of.fetched.status,
        retry_after_s=retry_after_s(of.fetched.headers, of.received_at),
        latency_ms=of.latency_ms,
        received_bytes=of.fetched.received_bytes,
        clock_skew_s=of.clock_skew_s,
    )


class Deadline:
    """The end of one read, in real time; every call inside it gets what is left.

    The backstop comes later than the calls' own limits, because only they know which rung broke.
    """

    BACKSTOP_S = 0.25

    def __init__(self, limit_s: float) -> None:
        self._until = asyncio.get_running_loop().time() + limit_s
        self.backstop = asyncio.timeout(limit_s + self.BACKSTOP_S)

    @property
    def left_s(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self._until - asyncio.get_running_loop().time())


def too_late(integration_id: str, read: Read, observed_at: datetime) -> Reading:
    """The reading of a call whose deadline passed while it waited for a token."""
    grant = Grant(outcome=Outcome.TIMEOUT, code="deadline_passed")
    return without_call(integration_id, read, observed_at, grant)
