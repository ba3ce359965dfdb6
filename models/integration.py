"""Integration: one watched connection, as `integrations.yaml` declares it."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, StringConstraints

from models.gauge import Unit
from models.noun import Noun
from models.reading import Code, Identifier, Operation

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"[0-9]{1,7}[smhd]")


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


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Share = Annotated[float, BeforeValidator(parse_share), Field(ge=0, le=1)]
TimeZone = Annotated[str, AfterValidator(check_timezone)]
SecretReference = Annotated[str, AfterValidator(check_secret_reference)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=120)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]  # of Prometheus


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

    availability: Share = 0.99
    error_rate: Share = 0.05  # above it, the integration is degraded
    latency_p95: Duration = timedelta(seconds=2)


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


class MetricQuery(Noun):
    """One query to a Prometheus server, which becomes a series of ours (spec: issue 3, "also pull")."""

    url: str  # of the Prometheus server, up to and without /api
    query: Annotated[str, StringConstraints(min_length=1, max_length=2000)]  # PromQL
    name: Code  # how the series is called here
    unit: Unit = ""
    subject: Operation | None = None  # which queue, pool or feed
    labels: tuple[LabelName, ...] = ()  # whose values may be kept, as part of the subject
    every: Duration = timedelta(seconds=60)
    bearer_token: SecretReference | None = None
    username: str | None = None
    password: SecretReference | None = None
    ca_bundle: str | None = None  # a file, when the server's certificate is signed by an authority of yours


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
    metrics: tuple[MetricQuery, ...] = ()
    impact: Text = "Data from this system is late"  # what people at the practice notice

    def read(self, operation: str) -> Read:
        """The declared read of this operation.

        Raises:
            KeyError: when none is declared under that name.
        """
        for read in self.reads:
            if read.operation == operation:
                return read
        raise KeyError(operation)
