"""Integration: one watched connection, as `integrations.yaml` declares it."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from models.noun import Noun
from models.reading import Identifier, Operation, Source

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"[0-9]{1,7}[smhd]")
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
PERIOD = timedelta(days=30)  # over which an error budget is counted, and the longest that is kept
SHORTEST_PERIOD = timedelta(days=7)  # in less, one bad hour is most of a budget
LONGEST_MAINTENANCE = timedelta(days=7)  # what lasts longer is no maintenance (spec: escalation, section 2)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS = ("first", "second", "third", "fourth", "last")
LATENCY_SHARE = 0.95  # what `latency_p95` means: 95 of 100 calls are quicker
LATEST_DAY = 28  # of a month: every month has it


def parse_duration(value: object) -> object:
    """`90s`, `5m`, `2h`, `7d` → timedelta; a bare number is refused, because nobody could tell its unit."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and DURATION.fullmatch(value):
        return timedelta(seconds=int(value[:-1]) * SECONDS_PER_UNIT[value[-1]])
    raise ValueError("write a duration as a number with s, m, h or d, e.g. 90s or 5m")


def parse_share(value: object) -> object:
    """`5%` → 0.05; anything else is passed on for pydantic to judge."""
    if isinstance(value, str) and value.endswith("%"):
        try:
            return float(value[:-1]) / 100
        except ValueError:
            raise ValueError("write a share as a percentage, e.g. 5%") from None
    return value


def check_timezone(value: str) -> str:
    """Refuse a name that the IANA time zone database does not know."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a directory of zones, or an endless name
        raise ValueError("no such time zone; use an IANA name such as America/New_York") from None
    return value


def check_secret_reference(value: str) -> str:
    """Refuse anything but a reference: a secret itself never stands in a configuration file."""
    if not value.startswith(("env:", "file:")) or value in {"env:", "file:"}:
        raise ValueError("a secret is written by reference: env:NAME or file:PATH, never as itself")
    return value


def check_lasting(value: timedelta) -> timedelta:
    """Refuse a duration of nothing."""
    if value <= timedelta(0):
        raise ValueError("must last longer than nothing, e.g. 90s or 2h")
    return value


def check_target(value: float) -> float:
    """Refuse a target that allows every failure, or none: neither leaves a budget to count."""
    if not 0 < value < 1:
        raise ValueError("write a share above nothing and below the whole, e.g. 99.9%: something must be left to spend")
    return value


def check_maintenance(value: timedelta) -> timedelta:
    """Refuse what is no maintenance any more: that would be a way to look away."""
    if not timedelta(0) < value <= LONGEST_MAINTENANCE:
        raise ValueError("it must end after it begins, and within 7d")
    return value


def check_period(value: timedelta) -> timedelta:
    """Refuse a period that is longer than what is kept, or too short for a budget to mean anything."""
    if not SHORTEST_PERIOD <= value <= PERIOD:
        raise ValueError("write a period of 7d to 30d")
    return value


def parse_time_of_day(value: object) -> object:
    """`"02:30"` → time; YAML reads an unquoted 02:30 as the number 150, so anything but text is refused."""
    if isinstance(value, time):
        return value
    if isinstance(value, str) and TIME_OF_DAY.fullmatch(value):
        return time.fromisoformat(value)
    raise ValueError('write a time of day with hours and minutes in quotes, e.g. "02:30"')


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Lasting = Annotated[Duration, AfterValidator(check_lasting)]
Target = Annotated[float, BeforeValidator(parse_share), AfterValidator(check_target)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time_of_day)]
Share = Annotated[float, BeforeValidator(parse_share), Field(ge=0, le=1)]
TimeZone = Annotated[str, AfterValidator(check_timezone)]
SecretReference = Annotated[str, AfterValidator(check_secret_reference)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class Environment(StrEnum):
    """Where it stands; production asks for more approvals."""

    PRODUCTION = "production"
    TEST = "test"


class Importance(StrEnum):
    """What waits when it fails; severity grows with it."""

    ROUTINE = "routine"
    IMPORTANT = "important"
    CRITICAL = "critical"  # prescriptions and today's appointments


class Read(Noun):
    """One thing that is fetched regularly; `settings` of the connector say how."""

    operation: Operation  # e.g. Patient.search, GetPatient
    component: Text  # e.g. Patient API
    calls: PositiveInt = 1  # reads per cycle at full pace
    importance: Importance = Importance.IMPORTANT


class Sla(Noun):
    """What the connection must keep; every limit is a share of calls or a duration."""

    availability: Target = 0.99
    error_rate: Share = 0.05  # above it, the integration is degraded
    latency_p95: Lasting = timedelta(seconds=2)


class Kind(StrEnum):
    """What an objective counts as a bad event."""

    AVAILABILITY = "availability"  # a call that did not get what it asked for
    LATENCY = "latency"  # a good call that took longer than the threshold


class Objective(Noun):
    """A promise that can be counted: so large a share of events is good, over a period."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
    target: Target
    kind: Kind = Kind.AVAILABILITY
    threshold: Annotated[Lasting | None, Field(validate_default=True)] = None  # latency only
    period: Annotated[Duration, AfterValidator(check_period)] = PERIOD
    source: Literal[Source.PROBE, Source.TRAFFIC] = Source.PROBE  # two indicators, never summed

    @field_validator("threshold")
    @classmethod
    def _belongs_to_latency(cls, threshold: timedelta | None, known: ValidationInfo) -> timedelta | None:
        """A limit in time belongs to latency, and to nothing else."""
        if (known.data.get("kind") is Kind.LATENCY) == (threshold is None):
            raise ValueError("`kind: latency` needs one, e.g. 2s; no other kind takes one")
        return threshold

    @property
    def limit_ms(self) -> float | None:
        """The threshold in ms; None: a call is bad when it failed."""
        return None if self.threshold is None else self.threshold.total_seconds() * 1000


class Maintenance(Noun):
    """Work on the other side that was agreed beforehand: once, or each week or month on the practice's clock."""

    reason: Text
    agreed_by: Text  # a person or a group, on whichever side
    since: AwareDatetime | None = None  # once: from here …
    until: AwareDatetime | None = None  # … to here
    every: Literal["week", "month"] | None = None
    day: Annotated[str, BeforeValidator(lambda day: str(day).lower())] | None = None  # sunday, third sunday, 15
    start: TimeOfDay | None = None  # on the practice's clock
    lasts: Annotated[Duration, AfterValidator(check_maintenance)] | None = None

    @field_validator("until")
    @classmethod
    def _ends_in_time(cls, until: datetime | None, known: ValidationInfo) -> datetime | None:
        since = known.data.get("since")
        if since and until:
            check_maintenance(until - since)
        return until

    @field_validator("day")
    @classmethod
    def _is_a_day(cls, day: str | None, known: ValidationInfo) -> str | None:
        first, _, last = (day or "").rpartition(" ")
        in_week = not first and last in WEEKDAYS
        numbered = not first and last.isdecimal() and 1 <= int(last) <= LATEST_DAY
        in_month = numbered or (first in ORDINALS and last in WEEKDAYS)
        if not (in_week if known.data.get("every") == "week" else in_month):
            raise ValueError("use a weekday for each week; an ordinal and a weekday, or 1 to 28, for each month")
        return day

    @model_validator(mode="after")
    def _is_once_or_again(self) -> Self:
        """Either two instants, or a rule that repeats; never both, never half of one.

        The sentence names no key: one that repeats its input is never shown (`tasks.configuration.wording`).
        """
        once = [part is not None for part in (self.since, self.until)]
        again = [part is not None for part in (self.every, self.day, self.start, self.lasts)]
        if not (all(once) and not any(again)) and not (all(again) and not any(once)):
            raise ValueError("write both instants for once, or all four parts of a rule that repeats")
        return self


class Contacts(Noun):
    """Which group to call, by fault domain (spec: who can act on it)."""

    owner: Text = "Integration Team"
    vendor: Text = "Vendor Support"
    network: Text = "Network Operations"
    security: Text = "Security"


class Route(Noun):
    """Another way to the same system, e.g. over a second provider."""

    name: Text
    base_url: str


class Integration(Noun):
    """One watched connection."""

    id: Identifier
    name: Text  # how the cards call it, e.g. "Epic FHIR API"
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]  # a file in tasks/connectors
    settings: dict[str, Any]  # checked by the connector's own Settings
    reads: Annotated[tuple[Read, ...], Field(min_length=1)]
    environment: Environment = Environment.PRODUCTION
    timezone: TimeZone = "UTC"
    probe_every: Duration = timedelta(seconds=60)
    concurrency: Annotated[int, Field(ge=1, le=8)] = 4  # above 8 a prober measures its own event loop
    sla: Sla = Sla()
    contacts: Contacts = Contacts()
    routes: tuple[Route, ...] = ()
    impact: Text = "Data from this system is late"  # what people at the practice notice
    objectives: tuple[Objective, ...] = ()  # none: those that follow from the SLA
    maintenance: tuple[Maintenance, ...] = ()

    def read(self, operation: str) -> Read:
        """The declared read of this operation.

        Raises:
            KeyError: when none is declared under that name.
        """
        for read in self.reads:
            if read.operation == operation:
                return read
        raise KeyError(operation)

    @property
    def promised(self) -> tuple[Objective, ...]:
        """The objectives in force: those declared, else availability and latency as the SLA says them."""
        return self.objectives or (
            Objective(name=Kind.AVAILABILITY.value, target=self.sla.availability),
            Objective(
                name=Kind.LATENCY.value,
                kind=Kind.LATENCY,
                target=LATENCY_SHARE,
                threshold=self.sla.latency_p95,
            ),
        )
