"""What connectors that hand out records have in common: one version once, a pause that is kept, a pace, and an end."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta

from models.integration import Read
from models.reading import Outcome, Reading
from models.reconciliation import Reconciliation
from models.waiting import free_at
from tasks.clock import Clock
from tasks.connectors._interface import Record

MOST_PAGES = 500  # of one span; whoever wants more asks for shorter spans
UNSAID = timedelta(minutes=1)  # of rest, when a system that is asked too much does not say for how long
DIGEST_BYTES = 16  # of a version: two of a million differ for certain


class Versions:
    """The records of one span; what two pages both bring is taken once, when it is the very same version.

    A record that changed while we turned the page is another version, and both are handed on.
    """

    def __init__(self) -> None:
        self._met: set[bytes] = set()

    def fresh(self, rows: list[Record]) -> list[Record]:
        """Those that were not met before."""
        found = []
        for row in rows:
            written = json.dumps(row, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
            digest = hashlib.blake2b(written, digest_size=DIGEST_BYTES).digest()
            if digest not in self._met:
                self._met.add(digest)
                found.append(row)
        return found


class Rest:
    """A pause that a system asked for while its records were read: nothing is called before it is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: Reading | None = None
        self._until: datetime | None = None

    def note(self, reading: Reading) -> Reading:
        """Hear an answer."""
        if reading.outcome is Outcome.THROTTLED or (reading.retry_after_s and not reading.outcome.is_ok):
            until = free_at(reading) if reading.retry_after_s else reading.observed_at + UNSAID
            self._asked, self._until = reading, until
        return reading

    @property
    def asked(self) -> Reading | None:
        """The answer that asked for it; None: they may be called."""
        return self._asked if self._until is not None and self._clock.now() < self._until else None


async def keep_pace(pace: float, spent_ms: float | None) -> None:
    """Wait so long that calls take this share of the time."""
    if pace < 1:
        await asyncio.sleep((spent_ms or 0.0) / 1000 * (1 / pace - 1))


def read_of(wanted: Reconciliation) -> Read:
    """The read under which its calls are recorded."""
    return Read(operation=wanted.operation, component=f"{wanted.resource} records")


def instant(moment: datetime) -> str:
    """A moment in UTC, in milliseconds: `2026-03-02T14:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
