"""Notes that clients write into the REST system: kept as often as they are written, found again, or lost on the way."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

from simulator.appointments import DropsWrites
from simulator.clock import Clock
from simulator.messages import Request
from simulator.people import instant
from simulator.weather import Weather

PATH = "notes"
CREATE, FIND = "Note.create", "Note.list"
NUMBER, TEXT = "external_id", "text"
MOST_KEPT = 10_000


class Notes:
    """What clients have written, by a number of theirs. Nothing keeps two of one number apart, as with many vendors."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        self._clock, self._weather = clock, weather
        self._kept: OrderedDict[str, list[tuple[datetime | None, dict[str, Any]]]] = OrderedDict()
        self.created = 0

    @property
    def stored(self) -> int:
        """How many can be found now."""
        return sum(len(self.find(number)) for number in self._kept)

    def create(self, request: Request) -> dict[str, Any] | None:
        """One more; None: the body is no note."""
        body = request.json_object() or {}
        number, text = body.get(NUMBER), body.get(TEXT)
        if not isinstance(number, str) or not isinstance(text, str):
            return None
        self.created += 1
        now = self._clock.now()
        note = {"id": f"{PATH}-{self.created}", NUMBER: number, TEXT: text, "updated_at": instant(now)}
        fault = self._weather.find(DropsWrites, request.route, CREATE)
        since = now if fault is None else now + timedelta(seconds=fault.after_s) if fault.after_s else None
        self._kept.setdefault(number, []).append((since, note))
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return note

    def find(self, number: str) -> list[dict[str, Any]]:
        """Those of this number that are there by now."""
        now = self._clock.now()
        return [note for since, note in self._kept.get(number, []) if since is not None and since <= now]
