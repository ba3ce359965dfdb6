"""Files that are dropped into a folder: of this machine, mounted on it, or on a partner's SFTP server.

Nothing answers with an error here: a file is late, short, old or different, and every call succeeds. So a read
asks what a careful clerk would ask. Is today's file there? Has it come to rest? Is it whole, is it new, and does
it look as it always did?
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from models.classification import rung_of
from models.coverage import Carried, Witness
from models.integration import Read
from models.ladder import Ladder
from models.reading import Outcome, Reading, Rung
from models.reconciliation import Reconciliation
from tasks.connectors._flat_file_ladder import Climb
from tasks.connectors._flat_file_place import open_place
from tasks.connectors._flat_file_records import most_files, record_operations, rows_of
from tasks.connectors._flat_file_settings import Settings
from tasks.connectors._interface import Context, Record
from tasks.connectors._open import checked_settings, misconfigured
from tasks.connectors._records import read_of
from tasks.deliveries import Found
from tasks.folder import Unreachable
from tasks.ladder import climb_on
from tasks.network import Trouble
from tasks.trials import Reach, Trial

if TYPE_CHECKING:
    from tasks.ssh import Line

__all__ = ["FlatFile", "Settings", "open_connector", "operations", "record_operations"]


def operations(settings: Settings) -> tuple[str, ...]:
    """The reads that may be declared under these settings."""
    return tuple(sorted(settings.files))


def carries(settings: Settings) -> dict[str, Carried]:
    """What each file carries. One that is due is missed; a trailer counts; our own copy is held against theirs."""
    known: dict[str, Carried] = {}
    for operation, file in settings.files.items():
        is_due = {Witness.FRESHNESS, Witness.COUNTERS} if file.schedule and file.sent_from else {Witness.FRESHNESS}
        witnesses = is_due if file.schedule else set()
        witnesses |= {Witness.COUNTERS} if file.trailer else set()
        witnesses |= {Witness.ACK, Witness.LANDING} if file.sent_from else set()
        known[operation] = Carried(direction=file.direction, witnesses=frozenset(witnesses), is_file=True)
    return known


def open_connector(context: Context) -> FlatFile:
    """A connector for one integration.

    Raises:
        Misconfigured: when settings or secrets cannot be used, or a read has no file.
    """
    settings = checked_settings(context, Settings)
    lost = [read.operation for read in context.integration.reads if read.operation not in settings.files]
    if lost:
        raise misconfigured(context.integration.id, *(f"files: add an entry for {name}" for name in lost))
    if context.tuning.route != "main":
        says = "routes: the route in use is not declared; a folder has one way to it, so declare none"
        raise misconfigured(context.integration.id, says)
    return FlatFile(context, settings)


class FlatFile:
    """One folder, and the files that are expected in it."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context, self._settings = context, settings
        self._id, self._clock = context.integration.id, context.clock
        self._place = open_place(context, settings)
        self._shown: str | None = None  # by the host, at the last climb

    async def read(self, read: Read) -> Reading:
        """Look once at one expected file. It is read when it has come to rest, and judged once."""
        observed_at, began, before = self._clock.now(), perf_counter(), self._line
        try:
            async with asyncio.timeout(self._context.tuning.deadline_s):
                found = await self._place.deliveries.look(read.operation, self._settings.files[read.operation])
        except Unreachable as error:
            return self._troubled(read, observed_at, error.trouble)
        except TimeoutError:
            return self._troubled(read, observed_at, Trouble(Outcome.TIMEOUT, "deadline_passed", self._rung))
        reading = self._reading(read, observed_at, found, (perf_counter() - began) * 1000)
        line = self._line
        if line is None or line is before:
            return reading
        opened = {"dns_ms": line.dns_ms, "connect_ms": line.connect_ms, "tls_ms": line.exchange_ms}
        return reading.model_copy(update=opened)

    async def count_records(self, wanted: Reconciliation, since: datetime, until: datetime) -> int | None:  # noqa: ARG002 - as the others have it
        """A file is counted by reading it."""
        return None

    async def records(
        self, wanted: Reconciliation, since: datetime, until: datetime, take: Callable[[list[Record]], None]
    ) -> Reading:
        """The rows of the files that tell of these days, each file within the deadline of one look."""
        read, observed_at, began = read_of(wanted), self._clock.now(), perf_counter()
        expected, zone = self._settings.files.get(wanted.operation), ZoneInfo(self._context.integration.timezone)
        if expected is None:
            raise misconfigured(self._id, f"files: add an entry for {wanted.operation}")
        last = (until.astimezone(zone) - timedelta(microseconds=1)).date()
        span = (since.astimezone(zone).date(), last)
        try:
            async with asyncio.timeout(self._context.tuning.deadline_s * most_files(span)):
                came = await rows_of(self._place, expected, wanted, span, observed_at, take)
        except Unreachable as error:
            return self._troubled(read, observed_at, error.trouble)
        except TimeoutError:
            return self._troubled(read, observed_at, Trouble(Outcome.TIMEOUT, "deadline_passed", self._rung))
        found = Found(came.outcome, came.code, records=came.records, received_bytes=came.received_bytes)
        told = self._reading(read, observed_at, found, (perf_counter() - began) * 1000)
        return told.model_copy(update={"resource": wanted.resource})

    async def climb(self) -> Ladder:
        """Try each rung over a connection of its own, with the first file; nothing of it is remembered."""
        began, place = self._clock.now(), open_place(self._context, self._settings)
        operation = self._context.integration.reads[0].operation
        climb = Climb(self._context, place, operation, self._settings.files[operation])
        try:
            return Ladder.of(self._id, began, await climb_on(climb.lower, *climb.upper))
        finally:
            self._shown = climb.host_key or self._shown
            await place.aclose()

    @property
    def reach(self) -> Reach | None:
        """Where the SFTP server listens; None: the folder is on this machine."""
        server = self._settings.sftp
        return Reach(server.host, server.port, None, self._context.integration.lookup, greets=True) if server else None

    def trials(self) -> tuple[Trial, ...]:
        """Nothing: a look at another file is noted as seen, and every other question needs a log-in."""
        return ()

    async def aclose(self) -> None:
        """Close every socket."""
        await self._place.aclose()

    @property
    def open_connections(self) -> int:
        """Sockets open now; a folder of this machine has none."""
        return self._place.session.open_connections if self._place.session else 0

    @property
    def host_key_fingerprint(self) -> str | None:
        """Of the key that the host showed last; before it was asked, of the one that was agreed on."""
        if self._settings.sftp is None:
            return None
        seen = self._line.host_key if self._line else None
        return self._shown or seen or self._settings.sftp.host_key[0]

    @property
    def user_key_fingerprint(self) -> str | None:
        """Of the key that we log in with."""
        return self._place.session.account.key_fingerprint if self._place.session else None

    def __repr__(self) -> str:
        return f"FlatFile({self._id})"

    @property
    def _line(self) -> Line | None:
        return self._place.session.line if self._place.session else None

    @property
    def _rung(self) -> Rung:
        """Where a look is that takes too long."""
        session = self._place.session
        return Rung.READ if session is None or session.open_connections else session.rung

    def _troubled(self, read: Read, observed_at: datetime, trouble: Trouble) -> Reading:
        found = Found(trouble.outcome, trouble.code)
        return self._reading(read, observed_at, found, None).model_copy(update={"rung": trouble.rung})

    def _reading(self, read: Read, observed_at: datetime, found: Found, latency_ms: float | None) -> Reading:
        expected = self._settings.files[read.operation]
        return Reading(
            integration_id=self._id,
            observed_at=observed_at,
            operation=read.operation,
            component=read.component,
            direction=expected.direction,
            resource=expected.resource or read.operation.partition(".")[0],
            outcome=found.outcome,
            rung=rung_of(found.outcome),
            code=found.code,
            latency_ms=latency_ms,
            received_bytes=found.received_bytes,
            sent_bytes=found.sent_bytes,
            records=found.records,
            newest_at=found.newest_at,
            connections=self.open_connections,
        )
