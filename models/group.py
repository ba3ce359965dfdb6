"""Group: symptoms that are one trouble, with how far each lags behind the first.

A slow server, its refusals and the queue that grows behind it are three series and one event: whoever is called
wants one message that lists all three in the order in which they began.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, Protocol

from pydantic import AwareDatetime, Field, FiniteFloat, NonNegativeFloat, PositiveInt

from models.noun import Kept, Noun
from models.reading import Identifier
from models.series import Series, metric_of
from models.wording import counted, span

ALERT = "alert"  # the `source` of a symptom that is a standing alert: its series was never measured


class Symptom(Protocol):
    """What stands now: a sign of a series, or an alert. `models.sighting.Sign` is one."""

    @property
    def series(self) -> Series:
        """Which series."""

    @property
    def score(self) -> float:
        """Above 1."""

    @property
    def side(self) -> int:
        """+1 above what is usual, −1 below, 0: neither."""

    @property
    def since(self) -> AwareDatetime:
        """When it was first seen."""


class Standing(NamedTuple):
    """A symptom in its plainest form, e.g. an alert that stands."""

    series: Series
    since: AwareDatetime
    score: float = 1.0
    side: int = 0


class Member(Noun):
    """One symptom of a group."""

    integration_id: Identifier
    metric: str
    subject: str | None = None
    source: str
    began: AwareDatetime  # its onset, which is earlier than when a detector was sure
    lag_s: NonNegativeFloat  # behind the first of the group
    correlation: Annotated[float, Field(ge=-1, le=1)] | None = None  # with the first, at that lag; None: not to be told
    score: FiniteFloat

    @property
    def series(self) -> Series:
        """Which series."""
        return Series(self.integration_id, self.metric, self.subject, self.source)

    @property
    def title(self) -> str:
        """What is wrong, e.g. `Increased latency (Patient.search)`."""
        title = metric_of(self.metric).title
        return f"{title} ({self.subject})" if self.subject else title


class Group(Kept):
    """Symptoms that move together. Every symptom that stands is in one group, if only by itself."""

    members: Annotated[tuple[Member, ...], Field(min_length=1)]  # the first to begin, first
    began: AwareDatetime  # when the first began; it stays when the group is told again
    shared: str | None = None  # what its integrations have in common, e.g. `the host fhir.example.org`
    of: PositiveInt | None = None  # how many integrations have that in common

    @property
    def leader(self) -> Member:
        """The symptom that began first."""
        return self.members[0]

    @property
    def integrations(self) -> tuple[str, ...]:
        """Whose symptoms they are, the first to show one first."""
        return tuple(dict.fromkeys(member.integration_id for member in self.members))

    @property
    def is_single(self) -> bool:
        """Whether it is one symptom by itself."""
        return len(self.members) == 1

    @property
    def says(self) -> str:
        """All of it in a sentence.

        E.g. `Increased latency; 2 minutes later Rate limiting; 5 minutes later Queue depth`, and for several
        integrations `12 of the 14 integrations that share the host fhir.example.org: …`.
        """
        first, told = self.leader, set[tuple[str, str | None]]()
        parts = []
        for member in self.members:
            what = (member.metric, member.subject)
            if what in told:
                continue  # the same of the next integration
            told.add(what)
            parts.append(member.title if member is first else f"{later(member.lag_s)} {member.title}")
        ailing = len(self.integrations)
        whose = f"{ailing} of the {counted(self.of, 'integration')} that share {self.shared}: " if self.of else ""
        return whose + "; ".join(parts)


def later(lag_s: float) -> str:
    """`at once` or `2 minutes later`."""
    return f"{span(lag_s)} later" if lag_s else "at once"
