"""Deliveries: look whether an expected file is there, whole and new, and remember it until the next one.

One look never waits for a file to come to rest: it notes what it saw in a small file under the home folder, and
the look of a later cycle compares. A file that was judged is not read again until it changes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from models.arrival import Memory, Seen, Verdict, arriving, judge
from models.drop import Calendar, Due, ExpectedFile, Phase, belongs
from models.flat_text import Unusable
from models.reading import Code, Direction, Outcome
from tasks.clock import Clock
from tasks.folder import File, Folder, LocalFolder
from tasks.memory_file import keep, recall
from tasks.sift import Sift

LOOK_AROUND_S = 3.0  # real seconds for guessing where a missing file may have gone
USUAL_GRACE = timedelta(minutes=30)
NOT_THERE = {"file_missing", "file_elsewhere", "not_replaced", "nothing_sent", "not_delivered"}
NOTHING_YET = {"not_due_yet", "within_grace", "nothing_there", "already_collected", "still_arriving"}


class Found(NamedTuple):
    """What one look came to: counts, instants and codes."""

    outcome: Outcome
    code: Code | None = None
    records: int | None = None
    received_bytes: int = 0
    sent_bytes: int = 0
    newest_at: datetime | None = None


Result = tuple[Found, Memory]
Folders = Callable[[str | None], Folder]


class Deliveries:
    """The expected files of one integration.

    Args:
        folders: opens a folder by its path; None: the one where files usually come, or go.
        calendar: the practice's days.
        memory: the directory that remembers.
        clock: now.
        base: the directory that relative folders of this machine start from.
    """

    def __init__(self, folders: Folders, calendar: Calendar, memory: Path, clock: Clock, base: Path) -> None:
        self._folders, self._calendar, self._memory = folders, calendar, memory
        self._clock, self._base = clock, base

    async def look(self, operation: str, expected: ExpectedFile) -> Found:
        """Look once, and remember.

        Raises:
            Unreachable: when the folder cannot be looked at; nothing is remembered then.
        """
        path = self._memory / f"{operation}.json"
        before = await asyncio.to_thread(recall, path, Memory) or a_new_memory()
        found, after = await self._looked(expected, before, fresh=False)
        if after != before:
            await asyncio.to_thread(keep, path, after)
        return found

    async def peek(self, operation: str, expected: ExpectedFile) -> Found:
        """Look once with fresh eyes: a file that was judged is read again, and nothing is remembered."""
        before = await asyncio.to_thread(recall, self._memory / f"{operation}.json", Memory)
        return (await self._looked(expected, before or a_new_memory(), fresh=True))[0]

    async def _looked(self, expected: ExpectedFile, memory: Memory, *, fresh: bool) -> Result:
        look = _Look(expected, self._folders(expected.folder), memory, self._clock.now(), fresh=fresh)
        if expected.schedule is None:
            return await self._unscheduled(look)
        dues = self._calendar.dues(expected.schedule, look.now)
        due, previous, one_before = (next(dues, None) for _ in range(3))
        if due is None:
            return nothing("not_due_yet"), memory
        if file := await self._file_of(look, due, previous):
            return await self._examined(look, file, due.day, due.phase(look.now))
        if memory.took(due.day):
            return nothing("already_collected"), memory
        if due.phase(look.now) is Phase.LATE:
            return await self._missing(look, due), memory.missing(due.day)
        code = "not_due_yet" if due.phase(look.now) is Phase.EARLY else "within_grace"
        return await self._still_standing(look, code, previous, one_before)

    async def _unscheduled(self, look: _Look) -> Result:
        """A file that comes when it comes: the newest one is taken for the day on which it changed."""
        file = await self._named(self._source(look), look.expected, self._calendar.today(look.now))
        if file is None:
            return nothing("nothing_there"), look.memory
        return await self._examined(look, file, self._calendar.today(file.changed_at), None)

    async def _still_standing(self, look: _Look, code: Code, due: Due | None, previous: Due | None) -> Result:
        """Before the hour: whatever is the matter with the last delivery is still the matter."""
        if due is None:
            return nothing(code), look.memory
        if file := await self._file_of(look, due, previous):
            found, memory = await self._examined(look, file, due.day, Phase.LATE)
            return (found._replace(code=code) if found.code == "unchanged" else found), memory
        if look.memory.missed == due.day:
            return Found(Outcome.SEMANTIC, "file_missing", records=0), look.memory
        return nothing(code), look.memory

    def _source(self, look: _Look) -> Folder:
        """Where a file begins its way: our own copy of what we send, their folder for what we get."""
        sent_from = look.expected.sent_from
        return look.folder if sent_from is None else LocalFolder(self._base / sent_from)

    async def _file_of(self, look: _Look, due: Due, previous: Due | None) -> File | None:
        """The file of one delivery, if it is there."""
        file = await self._named(self._source(look), look.expected, due.day)
        if file is None or look.expected.is_dated:
            return file
        is_old = look.memory.was_taken_for(seen(file), due.day) or not belongs(file.changed_at, due, previous)
        return None if is_old else file

    async def _named(self, folder: Folder, expected: ExpectedFile, day: date) -> File | None:
        if "*" in expected.name:
            return await folder.newest(expected.matches(day).fullmatch)
        return await folder.find(expected.name_on(day))

    async def _missing(self, look: _Look, due: Due) -> Found:
        """What can be said of a file that is late."""
        expected = look.expected
        if expected.direction is Direction.OUT:
            return Found(Outcome.SEMANTIC, "nothing_sent", records=0)
        if not expected.is_dated and await self._named(look.folder, expected, due.day):
            return Found(Outcome.STALE, "not_replaced", records=0)
        if await look.folder.newest(expected.unfinished(due.day).fullmatch):
            return Found(*arriving(Phase.LATE), records=0)
        is_elsewhere = expected.is_dated and await self._is_elsewhere(look, due.day)
        return Found(Outcome.SEMANTIC, "file_elsewhere" if is_elsewhere else "file_missing", records=0)

    async def _is_elsewhere(self, look: _Look, day: date) -> bool:
        like = look.expected.resembles(day).fullmatch
        try:
            async with asyncio.timeout(LOOK_AROUND_S):
                return await look.folder.newest(like) is not None or await look.folder.is_elsewhere(like)
        except TimeoutError:
            return False

    async def _examined(self, look: _Look, file: File, day: date, phase: Phase | None) -> Result:
        """A file that is there: known already, still arriving, or to be judged now."""
        if look.expected.direction is Direction.OUT:
            return await self._compared(look, file, day, phase)
        known = look.known(file, day)
        if known is not None:
            return known
        if not look.is_at_rest(file):
            return Found(*arriving(phase), newest_at=file.changed_at), look.looked(file)
        return await self._judged(look, file, day, phase)

    async def _judged(self, look: _Look, file: File, day: date, phase: Phase | None) -> Result:
        expected, memory = look.expected, look.looked(file)
        sift = Sift(expected, bytes.fromhex(memory.key))
        try:
            sift.expect(file.size)
            came = await look.folder.read(file, sift.feed)
            if came < file.size:  # it shrank while we read it: somebody is at work
                return Found(*arriving(phase), received_bytes=came, newest_at=file.changed_at), memory
            content = sift.finish()
        except Unusable as error:
            verdict = Verdict(seen=seen(file), day=day, outcome=error.outcome, code=error.code)
            return reported(verdict, sift.came), memory.judged(verdict)
        columns = sift.hashed(content.columns)
        outcome, code = judge(expected, memory, seen(file), day, content, sift.digest, columns)
        verdict = Verdict(seen=seen(file), day=day, outcome=outcome, code=code, rows=content.rows)
        return reported(verdict, came), memory.learned(verdict, content, sift.digest, columns)

    async def _compared(self, look: _Look, ours: File, day: date, phase: Phase | None) -> Result:
        """Whether what we sent lies there, by name and size (spec: catalogue, S44)."""
        theirs = await look.folder.find(ours.name)
        if theirs is None:
            if look.memory.took(day):
                return nothing("already_collected"), look.memory
            if look.now - ours.changed_at < grace_of(look.expected):
                return nothing("within_grace")._replace(newest_at=ours.changed_at), look.memory
            return Found(Outcome.SEMANTIC, "not_delivered", newest_at=ours.changed_at), look.memory
        if known := look.known(theirs, day, size=ours.size):
            return known
        if theirs.size < ours.size and not look.is_at_rest(theirs):
            return Found(*arriving(phase), newest_at=theirs.changed_at), look.looked(theirs)
        outcome, code = delivered(ours.size, theirs.size)
        verdict = Verdict(seen=seen(theirs), day=day, outcome=outcome, code=code)
        found = Found(outcome, code, sent_bytes=theirs.size, newest_at=theirs.changed_at)
        return found, look.looked(theirs).judged(verdict)


class _Look:
    """One look at one expected file."""

    def __init__(self, expected: ExpectedFile, folder: Folder, memory: Memory, now: datetime, *, fresh: bool) -> None:
        self.expected, self.folder, self.memory, self.now = expected, folder, memory, now
        self._fresh = fresh

    def known(self, file: File, day: date, size: int | None = None) -> Result | None:
        """What is known of a file that was judged and has not changed since."""
        verdict = None if self._fresh else self.memory.of(seen(file), day)
        if verdict is None or (size is not None and verdict.outcome.is_ok != (size == file.size)):
            return None
        found = Found(verdict.outcome, verdict.code or "unchanged", records=0, newest_at=file.changed_at)
        return found, self.memory

    def is_at_rest(self, file: File) -> bool:
        """Whether nobody writes to it any more."""
        return self.memory.is_at_rest(seen(file), self.now, self.expected.stable_for)

    def looked(self, file: File) -> Memory:
        """The memory after this look."""
        return self.memory.looked(seen(file), self.now)


def seen(file: File) -> Seen:
    """What of a file may be remembered."""
    return Seen(size=file.size, changed_at=file.changed_at)


def a_new_memory() -> Memory:
    """Nothing yet, and a key for the hashes to come."""
    return Memory(key=secrets.token_hex(32))


def reported(verdict: Verdict, came: int) -> Found:
    """A verdict as it is told once."""
    at = verdict.seen.changed_at
    return Found(verdict.outcome, verdict.code, records=verdict.rows, received_bytes=came, newest_at=at)


def nothing(code: Code) -> Found:
    """No file, and no trouble."""
    return Found(Outcome.OK, code, records=0)


def grace_of(expected: ExpectedFile) -> timedelta:
    """How long what we send may take to lie there."""
    return expected.schedule.grace if expected.schedule else USUAL_GRACE


def delivered(ours: int, theirs: int) -> tuple[Outcome, Code | None]:
    """What two sizes say of what we sent."""
    if theirs == ours:
        return Outcome.OK, None
    return (Outcome.PARTIAL, "delivered_short") if theirs < ours else (Outcome.SEMANTIC, "delivered_differs")
