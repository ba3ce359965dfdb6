"""An inquiry over two folders: a file put into one, and the file with its answer looked for in the other.

The folders may be shared with others and may hold what is none of ours, so files are told by the control number and
trace inside, never by name; they are left where they are. A file that is still being written tells little yet, and is
looked at again.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from heapq import nlargest
from pathlib import Path
from stat import S_ISREG
from time import perf_counter

from models.reading import Code
from models.x12 import LARGEST
from models.x12_answers import Verdict

POLL_S = 0.05  # real seconds between two looks
MOST_FILES = 200  # looked into, newest first; no clock is asked, because a file server has its own

Reads = Callable[[bytes], Verdict | None]
"""Looks into the content of one file: what it says of our inquiry; None when it says nothing."""


class Unusable(Exception):
    """A folder cannot be used; carries the code that says why."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code)


class Folders:
    """The two folders of one integration."""

    def __init__(self, outbox: Path, inbox: Path) -> None:
        self._outbox, self._inbox = outbox, inbox

    def check(self) -> None:
        """Whether both are there, and may be used.

        Raises:
            Unusable: with the reason.
        """
        for folder, name, needed in ((self._outbox, "outbox", os.W_OK), (self._inbox, "inbox", os.R_OK)):
            if not folder.is_dir():
                raise Unusable(f"{name}_missing")
            if not os.access(folder, needed | os.X_OK):
                raise Unusable(f"{name}_not_allowed")

    async def put(self, name: str, content: bytes) -> None:
        """Write a file under another name first, so that nobody takes half of it.

        Raises:
            Unusable: when the folder does not take it.
        """
        await asyncio.to_thread(self._put, name, content)

    async def find(self, reads: Reads, limit_s: float) -> Verdict | None:
        """The first file, newest first, that `reads` makes something of; None when none came in time.

        Args:
            reads: looks into the content of one file; handed each content once.
            limit_s: real seconds to wait.

        Raises:
            Unusable: when the folder cannot be read.
        """
        began, passed_over = perf_counter(), set[tuple[str, int, int]]()
        while True:
            seen = await asyncio.to_thread(self._look, reads, passed_over)
            left_s = limit_s - (perf_counter() - began)
            if seen is not None or left_s <= 0:
                return seen
            await asyncio.sleep(min(POLL_S, left_s))

    def _put(self, name: str, content: bytes) -> None:
        self.check()
        beside = self._outbox / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._outbox / name)
        except OSError:
            beside.unlink(missing_ok=True)
            raise Unusable("outbox_not_writable") from None

    def _look(self, reads: Reads, passed_over: set[tuple[str, int, int]]) -> Verdict | None:
        for path, state in self._newest():
            known = (path.name, state.st_mtime_ns, state.st_size)
            if known in passed_over:
                continue
            passed_over.add(known)
            found = reads(_content(path))
            if found is not None:
                return found
        return None

    def _newest(self) -> list[tuple[Path, os.stat_result]]:
        try:
            with os.scandir(self._inbox) as entries:
                files = (file for entry in entries if (file := _plain_file(entry)) is not None)
                return nlargest(MOST_FILES, files, key=lambda file: file[1].st_mtime_ns)
        except OSError:
            raise Unusable("inbox_missing" if not self._inbox.is_dir() else "inbox_not_allowed") from None


def _plain_file(entry: os.DirEntry[str]) -> tuple[Path, os.stat_result] | None:
    """A file of bearable size that is not hidden; None when it is something else, or has just gone away."""
    try:
        state = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    is_plain = S_ISREG(state.st_mode) and not entry.name.startswith(".")
    return (Path(entry.path), state) if is_plain and 0 < state.st_size <= LARGEST else None


def _content(path: Path) -> bytes:
    """What a file holds; nothing when it went away, or grew beyond bounds."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError:
        return b""
    return content if len(content) <= LARGEST else b""
