"""Integration: one watched connection, as `integrations.yaml` declares it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from models.actuator import Actuators
from models.bridge import Bridge
from models.calendar import Calendar, Hours
from models.canary import Canary
from models.control_setting import ControlSettings
from models.credential import CredentialKind
from models.feed import Feed, assumed_feeds
from models.gauge import Unit
from models.limit import Limit
from models.lookup import Lookup, NetworkRange, Resolver
from models.maintenance import Maintenance
from models.noun import Advice, Noun
from models.objective import Kind, Objective, Target
from models.reading import Code, Identifier, Operation
from models.reconciliation import Reconciliation
from models.tier import Mode
from models.written import SECONDS_PER_UNIT, Duration, Period, SecretReference, Share, Text, TimeZone, limited

LATENCY_SHARE = 0.95  # what `latency_p95` means: 95 of 100 calls are quicker
Age = Annotated[Duration, limited(least=timedelta(days=1), most=timedelta(days=3650))]  # no policy allows more
Day = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1))]  # arithmetic on it stays within the calendar

LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]  # of Prometheus

__all__ = [  # the words of models.written are part of how an integration is written
    "SECONDS_PER_UNIT",
    "Contacts",
    "DataClass",
    "Duration",
    "Environment",
    "Importance",
    "Integration",
    "Read",
    "Route",
    "SecretReference",
    "Share",
    "Sla",
    "Text",
    "TimeZone",
]


class Environment(StrEnum):
    """Where it stands; production asks for more approvals."""

    PRODUCTION = "production"
    TEST = "test"


class DataClass(StrEnum):
    """What passes over the connection, in the words of 45 CFR 164.514."""

    PHI = "phi"  # protected health information
    LIMITED = "limited"  # a limited data set: no direct identifiers
    NONE = "none"


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
    essential: bool = False  # asked first, and made up for before all others: prescriptions


class Sla(Noun):
    """What the connection must keep; every limit is a share of calls or a duration."""

    availability: Target = 0.99
    error_rate: Share = 0.05  # above it, the integration is degraded
    latency_p95: Period = timedelta(seconds=2)


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


class DeclaredCredential(Noun):
    """A credential whose end no system tells us, so a person does."""

    kind: CredentialKind
    name: Code = "main"  # which one, where there are several of a kind
    ends: Day | None = None  # from this day on it is not accepted
    changed: Day | None = None  # when it was last changed …
    max_age: Age | None = None  # … and how long it may be used from then on

    @model_validator(mode="after")
    def _has_one_end(self) -> Self:
        """Either the end itself, or a beginning and how long it lasts."""
        if (self.ends is None) == (self.max_age is None) or (self.changed is None) != (self.max_age is None):
            raise Advice("write either `ends`, or both `changed` and `max_age`")
        return self

    def issued_at(self, timezone: str) -> datetime | None:
        """When it was last changed, as far as that was written down."""
        return midnight(self.changed, timezone) if self.changed else None

    def expires_at(self, timezone: str) -> datetime:
        """From when on it is no longer accepted: midnight in the practice's time zone."""
        if self.ends is not None:
            return midnight(self.ends, timezone)
        return midnight(self.changed or date.max, timezone) + (self.max_age or timedelta(0))


def midnight(day: date, timezone: str) -> datetime:
    """The first instant of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))


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
    survey_every: Annotated[Duration, Field(ge=timedelta(minutes=1))] = timedelta(
        hours=1
    )  # what they say of themselves
    concurrency: Annotated[int, Field(ge=1, le=8)] = 4  # above 8 a prober measures its own event loop
    sla: Sla = Sla()
    contacts: Contacts = Contacts()
    routes: tuple[Route, ...] = ()
    data_class: DataClass = DataClass.PHI
    healing: Mode = Mode.AUTO  # how far healing may go here, whatever policy permits
    networks: tuple[NetworkRange, ...] = ()  # private ranges that its names may lead to
    resolvers: Annotated[tuple[Resolver, ...], Field(max_length=3)] = ()  # name servers of its own
    credentials: tuple[DeclaredCredential, ...] = ()  # those whose end no system tells us
    metrics: tuple[MetricQuery, ...] = ()
    impact: Text = "Data from this system is late"  # what people at the practice notice
    hours: Hours | None = None  # when the practice is open; None: always
    feeds: tuple[Feed, ...] = Field(default_factory=assumed_feeds)  # what flows; by default, each read is a feed
    bridges: tuple[Bridge, ...] = ()  # agents at the practice that must give a sign of life
    canary: Canary | None = None  # None: nothing is ever written to find out whether writes land
    objectives: tuple[Objective, ...] = ()  # none: those that follow from the SLA
    limits: tuple[Limit, ...] = ()  # values that may not be passed, beside the SLA's
    depends_on: tuple[Code, ...] = ()  # other integrations by id, or what several share: practice-vpn, idp.example.org
    controls: ControlSettings | None = None  # None: as the configuration says for all
    actuators: Actuators = Actuators()  # what may be done outside of us, by role
    reconcile: tuple[Reconciliation, ...] = ()  # what both sides must hold alike
    maintenance: tuple[Maintenance, ...] = ()  # when the other side may be away, because that was agreed

    @property
    def calendar(self) -> Calendar:
        """When the practice is open, on its own clock."""
        return Calendar(hours=self.hours, timezone=self.timezone)

    @property
    def lookup(self) -> Lookup:
        """How its names are looked up, and where they may lead."""
        return Lookup(networks=self.networks, resolvers=self.resolvers)

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
        limit, share = self.sla.latency_p95, LATENCY_SHARE
        return self.objectives or (
            Objective(name=Kind.AVAILABILITY.value, target=self.sla.availability),
            Objective(name=Kind.LATENCY.value, kind=Kind.LATENCY, target=share, threshold=limit),
        )
