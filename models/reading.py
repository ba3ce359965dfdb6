"""Reading: what one probe or one transaction saw. A refusal is a reading too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, StringConstraints

from models.noun import Noun


class Rung(StrEnum):
    """One step of the probe ladder, lowest first; each stands on those before it."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    AUTH = "auth"
    SCOPE = "scope"  # identity is accepted; is it allowed what it needs?
    READ = "read"
    SEMANTIC = "semantic"  # something was read; does it make sense?


class Family(StrEnum):
    """Kinds of trouble (spec: features, A10); `ok` is none."""

    OK = "ok"
    TRANSPORT = "transport"
    THROTTLE = "throttle"
    AUTH = "auth"
    SCOPE = "scope"
    CLIENT = "client"
    SERVER = "server"
    SEMANTIC = "semantic"
    PARTIAL = "partial"
    STALE = "stale"
    UNKNOWN_OUTCOME = "unknown-outcome"


class Outcome(StrEnum):
    """How a call ended, from status *and* body, in words shared by every protocol."""

    OK = "ok"
    DNS_FAILED = "dns_failed"
    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    TLS_FAILED = "tls_failed"
    THROTTLED = "throttled"
    UNAUTHENTICATED = "unauthenticated"  # the token or session is not (or no longer) accepted
    CREDENTIAL_REFUSED = "credential_refused"  # asked for a token, and was refused one
    FORBIDDEN = "forbidden"  # known, but not allowed this
    CLIENT_ERROR = "client_error"  # the other side says that our request is wrong
    SERVER_ERROR = "server_error"
    MALFORMED = "malformed"  # not the format asked for, e.g. a log-in page instead of JSON
    SEMANTIC = "semantic"  # HTTP 200, and an error inside
    PARTIAL = "partial"  # HTTP 200, and the body says that something was held back
    STALE = "stale"  # a good answer that is older than it may be
    UNKNOWN = "unknown"  # a write whose answer never came

    @property
    def is_ok(self) -> bool:
        """Whether the caller got what it asked for."""
        return self is Outcome.OK

    @property
    def is_transport(self) -> bool:
        """Whether no application answered at all."""
        return self in TRANSPORT

    @property
    def is_auth(self) -> bool:
        """Whether identity was the trouble."""
        return self in {Outcome.UNAUTHENTICATED, Outcome.CREDENTIAL_REFUSED}

    @property
    def family(self) -> Family:
        """What kind of trouble it is, in the ten words of the specification."""
        return FAMILIES[self]

    @property
    def worth_retrying(self) -> bool:
        """Whether the same *read* may succeed unchanged a little later."""
        return self in RETRYABLE


TRANSPORT = frozenset({Outcome.DNS_FAILED, Outcome.REFUSED, Outcome.RESET, Outcome.TIMEOUT, Outcome.TLS_FAILED})
RETRYABLE = frozenset(
    {
        Outcome.DNS_FAILED,
        Outcome.REFUSED,
        Outcome.RESET,
        Outcome.TIMEOUT,
        Outcome.THROTTLED,
        Outcome.SERVER_ERROR,
    }
)

FAMILIES: dict[Outcome, Family] = {
    Outcome.OK: Family.OK,
    **dict.fromkeys(TRANSPORT, Family.TRANSPORT),
    Outcome.THROTTLED: Family.THROTTLE,
    Outcome.UNAUTHENTICATED: Family.AUTH,
    Outcome.CREDENTIAL_REFUSED: Family.AUTH,
    Outcome.FORBIDDEN: Family.SCOPE,
    Outcome.CLIENT_ERROR: Family.CLIENT,
    Outcome.SERVER_ERROR: Family.SERVER,
    Outcome.MALFORMED: Family.SEMANTIC,
    Outcome.SEMANTIC: Family.SEMANTIC,
    Outcome.PARTIAL: Family.PARTIAL,
    Outcome.STALE: Family.STALE,
    Outcome.UNKNOWN: Family.UNKNOWN_OUTCOME,
}

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
"""An integration's id: lower case, digits and hyphens."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.:-]{0,63}$")]
"""A machine code chosen by us or on our allow-list, e.g. `token_expired`. Never the vendor's free text."""

Operation = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
"""What was asked, as a template without identifiers, e.g. `Patient.search`."""


class Source(StrEnum):
    """Where a reading comes from; synthetic and real traffic are never summed."""

    PROBE = "probe"
    TRAFFIC = "traffic"
    HEARTBEAT = "heartbeat"  # an agent at the practice says that it lives; it counts for no availability
    CAPTURE = "capture"  # beside the usual probes, to look closely at what recurs; evidence, and counted nowhere
    GENERATED = "generated"  # simulated history, for demonstrations


class Direction(StrEnum):
    """Which way data goes, as we see it."""

    IN = "in"  # from the practice's system to us
    OUT = "out"  # from us to it


class Reading(Noun):
    """What one call saw. No body, no URL, no identifier: durations, counts and codes."""

    integration_id: Identifier
    observed_at: AwareDatetime  # when the call began
    operation: Operation
    component: str  # how a person calls the part, e.g. "Patient API"
    outcome: Outcome
    direction: Direction = Direction.IN
    resource: Code | None = None  # what kind of data, e.g. Appointment
    location: Code | None = None  # which practice, site or provider, by a code of ours
    rung: Rung = Rung.READ  # how far it got: READ when it succeeded, else the rung that broke
    status: NonNegativeInt | None = None  # HTTP status; None: no answer
    code: Code | None = None
    latency_ms: NonNegativeFloat | None = None  # to the last byte; None: it never answered
    dns_ms: NonNegativeFloat | None = None
    connect_ms: NonNegativeFloat | None = None  # None on a kept-alive connection
    tls_ms: NonNegativeFloat | None = None
    first_byte_ms: NonNegativeFloat | None = None
    received_bytes: NonNegativeInt = 0  # as sent over the wire, before decompression
    sent_bytes: NonNegativeInt = 0  # of our own body
    records: NonNegativeInt | None = None
    newest_at: AwareDatetime | None = None  # when the newest record in the answer last changed, as they say
    pool_wait_ms: NonNegativeFloat | None = None  # how long it waited for a connection of the pool
    connections: NonNegativeInt | None = None  # sockets open to this system just after the call
    attempts: Annotated[int, Field(ge=1)] = 1  # 1: it was not retried
    retry_after_s: NonNegativeFloat | None = None
    clock_skew_s: float | None = None  # their `Date` minus our clock
    token_age_s: NonNegativeFloat | None = None
    request_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None
    source: Source = Source.PROBE


class Counts(Noun):
    """How many, and how many failed; the ground of every rate that we print."""

    total: NonNegativeInt
    failed: NonNegativeInt

    @property
    def error_rate(self) -> float:
        """Failed share in [0, 1]; 0 of 0 is 0."""
        return self.failed / self.total if self.total else 0.0

    @property
    def succeeded(self) -> int:
        """The rest."""
        return self.total - self.failed

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> Counts:
        """Count readings by whether they got what they asked for."""
        outcomes = [reading.outcome.is_ok for reading in readings]
        return cls(total=len(outcomes), failed=outcomes.count(False))


class Window(Noun):
    """The recent readings of one integration that are being judged: `since` ≤ observed_at < `until`."""

    integration_id: Identifier
    since: AwareDatetime
    until: AwareDatetime
    readings: tuple[Reading, ...] = ()

    @property
    def counts(self) -> Counts:
        """All readings, and the failed ones."""
        return Counts.of(self.readings)

    def share_of(self, *outcomes: Outcome) -> float:
        """Share of readings in [0, 1] that ended in any of these ways; 0 for an empty window."""
        if not self.readings:
            return 0.0
        return sum(reading.outcome in outcomes for reading in self.readings) / len(self.readings)

    def share_of_status(self, status: int) -> float:
        """Share of readings in [0, 1] that carry this HTTP status; 0 for an empty window."""
        if not self.readings:
            return 0.0
        return sum(reading.status == status for reading in self.readings) / len(self.readings)

    def latencies_ms(self, operation: str | None = None) -> list[float]:
        """Latencies of answered calls in ms, oldest first, optionally of one operation."""
        return [
            reading.latency_ms
            for reading in self.readings
            if reading.latency_ms is not None and operation in (None, reading.operation)
        ]

    def between(self, since: datetime, until: datetime) -> Window:
        """The part of this window that lies in [since, until)."""
        return Window(
            integration_id=self.integration_id,
            since=max(since, self.since),
            until=min(until, self.until),
            readings=tuple(r for r in self.readings if since <= r.observed_at < until),
        )

    def cycles(self, every: timedelta) -> tuple[Window, ...]:
        """The window cut along the clock into spans of `every`, oldest first; empty spans are left out."""
        step = every.total_seconds()
        spans: dict[int, list[Reading]] = {}
        for reading in self.readings:
            spans.setdefault(int(reading.observed_at.timestamp() // step), []).append(reading)
        return tuple(
            Window(
                integration_id=self.integration_id,
                since=datetime.fromtimestamp(number * step, UTC),
                until=datetime.fromtimestamp((number + 1) * step, UTC),
                readings=tuple(spans[number]),
            )
            for number in sorted(spans)
        )

    def of(self, operation: str) -> Window:
        """The readings of one operation."""
        kept = tuple(reading for reading in self.readings if reading.operation == operation)
        return self.model_copy(update={"readings": kept})
