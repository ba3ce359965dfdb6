"""Incident: the thread from the first anomaly to resolution.

    suspected → open → diagnosing → remediating → verifying → monitoring → resolved → closed
                  ↘ awaiting_approval ↗

The table below is the whole machine; `advance` is the only way to move.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeInt

from models.anomaly import Anomaly, Severity
from models.credential import Credential
from models.diagnosis import Diagnosis
from models.isolation import Isolation
from models.ladder import Ladder
from models.noun import Noun
from models.reading import Identifier, Outcome, Window

CONFIRMATIONS, LOOKED_AT = 3, 5  # an incident opens when 3 of the last 5 cycles were bad (spec: safety, 1.5)
GOOD_CYCLES = 3  # cycles without trouble, newer than the last action, before we believe a recovery
QUIET = timedelta(minutes=10)  # how long it must stay well before it counts as resolved
QUIET_CYCLES = 5  # … or so many probe intervals, whichever is longer
SLOW = "slow"  # the symptom of an incident in which nothing fails
UNUSUAL = "unusual"  # … and nothing is slow either, but something that is measured is confirmed to be odd
REOPENS_WITHIN = timedelta(minutes=60)  # the same trouble again within this is the same incident


class State(StrEnum):
    """Where an incident stands."""

    SUSPECTED = "suspected"
    OPEN = "open"
    DIAGNOSING = "diagnosing"
    AWAITING_APPROVAL = "awaiting_approval"
    REMEDIATING = "remediating"
    VERIFYING = "verifying"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Event(StrEnum):
    """What moves it."""

    CONFIRMED = "confirmed"
    CLEARED = "cleared"  # a suspicion that went away
    STARTED = "started"
    PLANNED = "planned"
    NEEDS_APPROVAL = "needs approval"
    NO_REMEDY = "no remedy"  # refused, denied, unknown cause or nothing left to try
    ACTED = "acted"
    ACTION_FAILED = "action failed"
    VERIFIED = "verified"
    NOT_VERIFIED = "not verified"
    RECOVERED = "recovered"  # well again by itself
    RELAPSED = "relapsed"
    QUIET = "quiet"
    AGED = "aged"


_S, _E = State, Event
TRANSITIONS: dict[tuple[State, Event], State] = {
    (_S.SUSPECTED, _E.CONFIRMED): _S.OPEN,
    (_S.SUSPECTED, _E.CLEARED): _S.CLOSED,
    (_S.OPEN, _E.STARTED): _S.DIAGNOSING,
    (_S.OPEN, _E.RECOVERED): _S.MONITORING,
    (_S.DIAGNOSING, _E.PLANNED): _S.REMEDIATING,
    (_S.DIAGNOSING, _E.NEEDS_APPROVAL): _S.AWAITING_APPROVAL,
    (_S.DIAGNOSING, _E.NO_REMEDY): _S.OPEN,
    (_S.DIAGNOSING, _E.RECOVERED): _S.MONITORING,
    (_S.AWAITING_APPROVAL, _E.PLANNED): _S.REMEDIATING,
    (_S.AWAITING_APPROVAL, _E.NO_REMEDY): _S.OPEN,
    (_S.AWAITING_APPROVAL, _E.RECOVERED): _S.MONITORING,
    (_S.REMEDIATING, _E.ACTED): _S.VERIFYING,
    (_S.REMEDIATING, _E.ACTION_FAILED): _S.DIAGNOSING,
    (_S.VERIFYING, _E.VERIFIED): _S.MONITORING,
    (_S.VERIFYING, _E.NOT_VERIFIED): _S.DIAGNOSING,
    (_S.MONITORING, _E.QUIET): _S.RESOLVED,
    (_S.MONITORING, _E.RELAPSED): _S.DIAGNOSING,
    (_S.RESOLVED, _E.RELAPSED): _S.OPEN,
    (_S.RESOLVED, _E.AGED): _S.CLOSED,
}


class Moment(Noun):
    """One entry of an incident's thread."""

    at: AwareDatetime
    state: State
    says: str


class Incident(Noun):
    """One thread. `version` counts changes, so that a stale writer can be refused."""

    id: str  # INC-YYYY-MM-DD-NNN
    integration_id: Identifier
    fingerprint: str
    state: State
    severity: Severity
    symptom: str  # the family of outcomes that opened it, e.g. "auth"
    started_at: AwareDatetime  # the first bad reading
    detected_at: AwareDatetime
    updated_at: AwareDatetime
    restored_at: AwareDatetime | None = None  # the first good cycle of the recovery that held
    resolved_at: AwareDatetime | None = None
    anomalies: tuple[Anomaly, ...] = ()
    diagnosis: Diagnosis | None = None
    ladder: Ladder | None = None
    isolation: Isolation | None = None  # what controls beside that ladder showed
    credential: Credential | None = None  # as it was when the trouble was first diagnosed
    reopened: NonNegativeInt = 0
    escalated_for: str | None = None  # the rule that called a human, once
    warned_for: str | None = None  # the rule that told people although healing went on, once
    hands_off: str | None = None  # who has taken it over: nothing is done automatically
    held_by: str | None = None  # the origin that it waits for: nothing is done or told of it meanwhile
    moments: tuple[Moment, ...] = ()
    version: NonNegativeInt = 0

    @property
    def is_closed(self) -> bool:
        """A closed incident is never edited (invariant I9)."""
        return self.state is State.CLOSED

    @property
    def is_active(self) -> bool:
        """Whether the trouble is not over yet."""
        return self.state not in {State.RESOLVED, State.CLOSED}

    def advance(self, event: Event, at: datetime, says: str, **changes: object) -> Incident:
        """The same incident after an event.

        Raises:
            ValueError: when the machine has no such transition.
        """
        try:
            state = TRANSITIONS[self.state, event]
        except KeyError:
            raise ValueError(f"incident {self.id}: {event} means nothing while {self.state}") from None
        moments = (*self.moments, Moment(at=at, state=state, says=says))
        return self.model_copy(update={"state": state, "updated_at": at, "moments": moments, **changes})

    def note(self, at: datetime, says: str, **changes: object) -> Incident:
        """The same incident with a line added to its thread, its state unchanged."""
        moments = (*self.moments, Moment(at=at, state=self.state, says=says))
        return self.model_copy(update={"updated_at": at, "moments": moments, **changes})


def fingerprint(environment: str, integration_id: str, symptom: str) -> str:
    """What makes two incidents the same trouble; never any message text (hex, 16 characters)."""
    return hashlib.sha256(f"{environment}\n{integration_id}\n{symptom}".encode()).hexdigest()[:16]


def symptom_of(window: Window) -> str:
    """The family of the most frequent failure in a window; SLOW when nothing failed."""
    families = [family(r.outcome) for r in window.readings if not r.outcome.is_ok]
    return max(sorted(set(families)), key=families.count, default=SLOW)


def family(outcome: Outcome) -> str:
    """The coarse kind of trouble: outcomes that one cause mixes freely share a family."""
    if outcome.is_auth:
        return "auth"
    return "transport" if outcome.is_transport else outcome.value


def is_confirmed(bad_cycles: list[bool]) -> bool:
    """Whether enough of the latest cycles (oldest first) were bad to call it an incident."""
    return sum(bad_cycles[-LOOKED_AT:]) >= CONFIRMATIONS


def quiet_for(probe_every: timedelta) -> timedelta:
    """How long an integration must stay well before its incident is resolved."""
    return max(QUIET, QUIET_CYCLES * probe_every)
