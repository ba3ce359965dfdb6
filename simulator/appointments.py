"""Appointments that clients write: created once per identifier, found again by it, or lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs
from zlib import crc32

from pydantic import PositiveFloat

from simulator.clock import Clock
from simulator.faults import Fault, Probability
from simulator.messages import Request
from simulator.people import Arrival, instant
from simulator.weather import Weather

KIND = "Appointment"
CREATE = f"{KIND}.create"
MOST_KEPT = 10_000


class DropsWrites(Fault):
    """What is written is acknowledged with 201 and not stored, or only after `after_s` simulated seconds."""

    systems: ClassVar[tuple[str, ...]] = ("epic", "api")
    after_s: PositiveFloat | None = None  # None: never


class FewerRecords(Fault):
    """A share of the records is left out of every search, as if they had never come into being."""

    systems: ClassVar[tuple[str, ...]] = ("epic",)
    share: Probability = 0.5
    operation: str | None = None


class IgnoresConditions(Fault):
    """`If-None-Exist` is not looked at: whatever is written is created once more, as on many servers."""

    systems: ClassVar[tuple[str, ...]] = ("epic",)


class BadAppointment(ValueError):
    """A body that no FHIR server could store."""


class Written:
    """What clients have created, by system and value of its identifier."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        self._clock, self._weather = clock, weather
        self._kept: dict[str, tuple[datetime | None, dict[str, Any]]] = {}  # since when it can be found; None: never
        self._count = 0

    @property
    def stored(self) -> int:
        """How many can be found now."""
        return sum(self._is_there(since) for since, _ in self._kept.values())

    @property
    def created(self) -> int:
        """How many were ever created, each copy counted."""
        return self._count

    def create(self, request: Request) -> tuple[bool, dict[str, Any]]:
        """A new appointment, or the one that `If-None-Exist` finds; whether it is new.

        Raises:
            BadAppointment: when the body is no appointment with an identifier.
        """
        body = request.json_object() or {}
        tokens = list(_tokens(body))
        if body.get("resourceType") != KIND or not tokens:
            raise BadAppointment("The body must be an Appointment with an identifier.")
        wanted = parse_qs(request.headers.get("if-none-exist", "")).get("identifier", [])
        if self._weather.find(IgnoresConditions, request.route, CREATE):
            wanted = []
        known = next((found for token in wanted for found in self.find(token)), None)
        if known is not None:
            return False, known
        self._count += 1
        now = self._clock.now()
        created = body | {"id": f"written-{self._count}", "meta": {"lastUpdated": instant(now)}}
        fault = self._weather.find(DropsWrites, request.route, CREATE)
        since = now if fault is None else now + timedelta(seconds=fault.after_s) if fault.after_s else None
        self._kept |= dict.fromkeys(tokens, (since, created))
        while len(self._kept) > MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        return True, created

    def find(self, token: str) -> list[dict[str, Any]]:
        """Those with this identifier, `system|value`."""
        since, found = self._kept.get(token, (None, {}))
        return [found] if self._is_there(since) else []

    def _is_there(self, since: datetime | None) -> bool:
        return since is not None and since <= self._clock.now()


def _tokens(body: dict[str, Any]) -> Iterator[str]:
    identifiers = body.get("identifier")
    for one in identifiers if isinstance(identifiers, list) else []:
        if isinstance(one, dict) and isinstance(one.get("value"), str):
            yield f"{one.get('system', '')}|{one['value']}"


def thinned(found: list[Arrival], fault: FewerRecords | None) -> list[Arrival]:
    """What a search still brings; a record that is left out once is left out always."""
    if fault is None:
        return found
    return [arrival for arrival in found if crc32(arrival.id.encode()) % 1000 >= 1000 * fault.share]
