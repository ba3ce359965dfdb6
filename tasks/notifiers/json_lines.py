"""A file: one line of JSON for each notice, appended, for another program or for the record.

Nothing rotates it: hand it to logrotate with `copytruncate`, or move it away; the next notice begins a new one.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
from datetime import datetime
from pathlib import Path

from models.errors import Misconfigured, Mistake, Transient
from models.integration import Text
from models.notice_words import payload
from models.noun import Noun
from models.queue import Notice
from tasks.notifiers._aside import aside
from tasks.notifiers._post import encoded

FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe holds up nobody
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EINTR})  # may pass
LONGEST_S = 5.0  # for one line


class Settings(Noun):
    """Where it is."""

    path: Text  # a relative one starts from the configuration's directory


async def notify(notice: Notice, settings: Settings, now: datetime, base: Path) -> None:
    """Append one notice, and have it on the disk.

    Raises:
        Transient: when there is no room.
        Misconfigured: when this file cannot be written; it can once a person has changed that.
    """
    line = encoded({"at": now.isoformat(), "id": notice.id} | payload(notice)) + b"\n"
    path = base / settings.path
    try:
        async with asyncio.timeout(LONGEST_S):
            await aside(lambda: append(path, line), "heal json_lines")
    except TimeoutError:
        raise Transient("json_lines: somebody holds the file, or its disk hangs; it is written later") from None
    except OSError as error:
        if error.errno in FULL:
            raise Transient("json_lines: no room, or a disk that fails; it is written later") from None
        says = "this cannot be appended to; name a plain file in a directory that heal may write to"
        raise Misconfigured((Mistake(file=str(path), line=0, says=says),)) from None


def append(path: Path, line: bytes) -> None:
    """One line; another one that was cut off is ended before it.

    Raises:
        OSError: it could not be written.
    """
    place = os.open(path, FLAGS, 0o600)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)  # half of another's line looks like one that was cut off
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise OSError(errno.EINVAL, "no plain file")
        size = os.lseek(place, 0, os.SEEK_END)
        torn = size > 0 and os.pread(place, 1, size - 1) != b"\n"
        text = b"\n" + line if torn else line
        if os.write(place, text) != len(text):
            raise OSError(errno.ENOSPC, "no room")  # not cut back: another process may have appended since
        os.fsync(place)
    finally:
        os.close(place)
