"""Integration: one watched connection, as `integrations.yaml` declares it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, PositiveInt, StringConstraints

from models.bridge import Bridge
from models.calendar import Calendar, Hours
from models.canary import Canary
from models.feed import Feed, assumed_feeds
from models.noun import Noun
from models.reading import Identifier, Operation
from models.tier import Mode
from models.written import SECONDS_PER_UNIT, Duration, SecretReference, Share, Text, TimeZone

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
    data_class: DataClass = DataClass.PHI
    healing: Mode = Mode.AUTO  # how far healing may go here, whatever policy permits
    impact: Text = "Data from this system is late"  # what people at the practice notice
    hours: Hours | None = None  # when the practice is open; None: always
    feeds: tuple[Feed, ...] = Field(default_factory=assumed_feeds)  # what flows; by default, each read is a feed
    bridges: tuple[Bridge, ...] = ()  # agents at the practice that must give a sign of life
    canary: Canary | None = None  # None: nothing is ever written to find out whether writes land

    @property
    def calendar(self) -> Calendar:
        """When the practice is open, on its own clock."""
        return Calendar(hours=self.hours, timezone=self.timezone)

    def read(self, operation: str) -> Read:
        """The declared read of this operation.

        Raises:
            KeyError: when none is declared under that name.
        """
        for read in self.reads:
            if read.operation == operation:
                return read
        raise KeyError(operation)
