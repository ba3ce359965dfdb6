"""What every format shares: the door that lets words pass, and the rows that come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from models.classification import judge_status, rung_of
from models.error_cluster import Shown, Tally
from models.reading import Direction, Outcome, Rung, Source
from models.vocabulary import CODES, OTHER, Vocabulary

READING = (
    "integration_id",
    "observed_at",
    "operation",
    "component",
    "outcome",
    "direction",
    "resource",
    "location",
    "rung",
    "status",
    "code",
    "latency_ms",
    "received_bytes",
    "sent_bytes",
    "records",
    "newest_at",
    "pool_wait_ms",
    "connections",
    "attempts",
    "retry_after_s",
    "source",
)
DELIVERY = ("integration_id", "observed_at", "operation", "key", "step", "resource")
GAUGE = ("integration_id", "observed_at", "metric", "value", "unit", "subject")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
OLDEST = timedelta(days=400)  # a year of logs may be taken in; anything older is a wrong clock
AHEAD = timedelta(hours=1)  # a sender's clock may be fast, and its time zone not
LONGEST_MS = 86_400_000.0  # a day: no call takes longer
LARGEST = 1 << 50  # of a count of bytes or records
STATUSES = range(100, 600)  # RFC 9110, 15
CUT_OFF = 499  # nginx: the client closed the connection before the answer came
TRANSPORT_RUNGS = {
    Outcome.DNS_FAILED: Rung.DNS,
    Outcome.REFUSED: Rung.TCP,
    Outcome.TLS_FAILED: Rung.TLS,
    Outcome.RESET: Rung.HTTP,
    Outcome.TIMEOUT: Rung.HTTP,
}

Pseudonym = Callable[[str], str]
"""Turns a business key into one that nobody can read."""


class Unusable(Exception):
    """A line that cannot be used; its one argument is the reason, a code of ours."""


class Waiting(NamedTuple):
    """A message whose answer has not come yet, or where a long file stands; carried from one batch to the next."""

    key: str  # a pseudonym, or a code of the format
    at: int  # microseconds since 1970
    operation: str
    direction: str


@dataclass(frozen=True)
class Door:
    """What may pass, for one file."""

    known: Mapping[str, Vocabulary]  # by integration
    as_of: datetime
    pseudonym: Pseudonym
    integration_id: str | None = None  # of lines that name none
    carried: tuple[Waiting, ...] = ()  # from the batch before
    is_last: bool = True  # nothing follows: what waits will wait in vain
    shown: Shown = field(default_factory=dict)  # exemplars of errors, from the batches before

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last instant that can be meant, in microseconds since 1970."""
        return (self.as_of - OLDEST - EPOCH) // MICROSECOND, (self.as_of + AHEAD - EPOCH) // MICROSECOND

    def own(self) -> Vocabulary | None:
        """The vocabulary of lines that name no integration; None: nobody knows whose they are."""
        return self.known.get(self.integration_id or "")


@dataclass
class Batch:
    """Rows of each table, what was turned down, and how many of the lines are done with."""

    readings: list[tuple[Any, ...]] = field(default_factory=list)
    deliveries: list[tuple[Any, ...]] = field(default_factory=list)
    gauges: list[tuple[Any, ...]] = field(default_factory=list)
    errors: Tally = field(default_factory=Tally)  # what failed calls said, as templates
    refused: list[tuple[int, str]] = field(default_factory=list)  # place of the line, and why
    consumed: int = 0
    carried: tuple[Waiting, ...] = ()

    @property
    def rows(self) -> int:
        """Of all tables."""
        return len(self.readings) + len(self.deliveries) + len(self.gauges) + len(self.errors)


def refuse_all(lines: Sequence[str], reason: str) -> Batch:
    """Every line that is not empty, turned down for one reason."""
    return Batch(refused=[(n, reason) for n, line in enumerate(lines) if line], consumed=len(lines))


def microseconds(at: datetime) -> int:
    """Since 1970.

    Raises:
        Unusable: when it has no time zone.
    """
    if at.tzinfo is None:
        raise Unusable("no_time_zone")
    return (at - EPOCH) // MICROSECOND


def within(at: int, span: tuple[int, int]) -> int:
    """The instant, when it can be meant.

    Raises:
        Unusable: when it lies too far back or ahead.
    """
    if span[0] <= at <= span[1]:
        return at
    raise Unusable("too_old" if at < span[0] else "in_the_future")


@lru_cache(maxsize=4096)
def judged(status: int) -> tuple[str, str, str | None]:
    """Outcome, rung and code of an answer's status alone.

    Raises:
        Unusable: when there is no such status.
    """
    if status not in STATUSES:
        raise Unusable("bad_status")
    if status == CUT_OFF:
        return Outcome.TIMEOUT.value, Rung.HTTP.value, "client_closed"
    outcome = judge_status(status, {}).outcome
    return outcome.value, rung_of(outcome).value, None


@lru_cache(maxsize=64)
def told(word: str) -> tuple[str, str, None]:
    """Outcome and rung of a call whose sender says itself how it ended.

    Raises:
        Unusable: when it is none of our words.
    """
    try:
        outcome = Outcome(word)
    except ValueError:
        raise Unusable("bad_outcome") from None
    return outcome.value, TRANSPORT_RUNGS.get(outcome, rung_of(outcome)).value, None


def named(vocabulary: Vocabulary, operation: str) -> str:
    """The operation under its own name, when that is on a list."""
    return operation if operation in vocabulary.operations else OTHER


def known_code(code: object) -> str | None:
    """A code that is on a list; any other is dropped."""
    return code if type(code) is str and code in CODES else None


def traffic(
    vocabulary: Vocabulary,
    at: int,
    operation: str,
    verdict: tuple[str, str, str | None],
    *,
    resource: str | None = None,
    direction: str = Direction.IN.value,
    status: int | None = None,
    latency_ms: float | None = None,
    received_bytes: int = 0,
    sent_bytes: int = 0,
) -> tuple[Any, ...]:
    """One row of readings, of what a log can know."""
    outcome, rung, code = verdict
    return (
        vocabulary.integration_id,
        at,
        operation,
        vocabulary.component(operation),
        outcome,
        direction,
        resource,
        None,
        rung,
        status,
        code,
        latency_ms,
        received_bytes,
        sent_bytes,
        None,
        None,
        None,
        None,
        1,
        None,
        Source.TRAFFIC.value,
    )
