"""Houses, lines of logs and planted identifiers for the tests of everything that takes traffic in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.configuration import Configuration, IntakeSettings
from models.intake._batch import Door
from models.policy import Policy
from models.vocabulary import vocabulary_of
from tasks.house import House
from tests.builders import EPIC, an_integration

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORDS = ("front-desk", "main-street", "appointments", "outbound", "SaveAppointment")

# Identifiers as they come in logs: none of them may be found anywhere afterwards.
CANARIES = tuple(
    form.format(n=n, zebra=f"Zebr{'abcdefghij'[n]}diah")
    for n in range(10)
    for form in (
        "MRN-0048291{n}",
        "{zebra}.Quillfeather",
        "123-45-678{n}",
        "{zebra}@example.org",
        "eXk0canary{n}abcdef",
    )
)


class Frozen:
    """A clock that stands, until it is moved."""

    speed = 1.0

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def a_house(
    home: Path, *, intake: IntakeSettings | None = None, policy: dict[str, Any] | None = None, **changes: Any
) -> House:
    """One integration, a few words of ours, and a clock that stands."""
    configuration = Configuration(
        integrations=(an_integration(**changes),),
        policy=Policy(version="1", owner="us", **(policy or {})),
        intake=intake or IntakeSettings(names=WORDS),
        path=home,
    )
    return House(configuration=configuration, home=home, clock=Frozen())


def a_door(**changes: Any) -> Door:
    """The door of that integration, for lines that name nobody."""
    vocabulary = vocabulary_of(an_integration(), WORDS)
    defaults = {
        "known": {EPIC: vocabulary},
        "as_of": NOW,
        "pseudonym": lambda value: f"{abs(hash(value)) % 16**16:016x}",
        "integration_id": EPIC,
    }
    return Door(**{**defaults, **changes})


def a_call(n: int = 0, **changes: Any) -> str:
    """One line of our own records; `n` is its mark and its place in time."""
    record = {
        "type": "call",
        "at": (NOW - timedelta(hours=1) + timedelta(milliseconds=n)).isoformat(),
        "integration": EPIC,
        "method": "GET",
        "url": f"/api/FHIR/R4/Patient?identifier=MRN-{n}",
        "status": 200,
        "latency_ms": 12.5,
        "received_bytes": n,
        **changes,
    }
    return json.dumps({name: value for name, value in record.items() if value is not None})


def an_access(
    n: int = 0, *, target: str = "/api/FHIR/R4/Patient/eX7", status: int = 200, rest: str = ' "-" "ua" 0.120'
) -> str:
    """One line of nginx's combined format with its request time."""
    at = NOW - timedelta(hours=1) + timedelta(seconds=n)
    return f'203.0.113.9 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {target} HTTP/1.1" {status} {n}{rest}'
