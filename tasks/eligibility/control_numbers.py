"""Control numbers: each interchange of an integration gets one that it never had before, whatever process asks.

A number that is used twice is refused as a duplicate (TA1 note 025), and may be taken for a replay. So the number is on
the disk before the message leaves; a file that is lost or torn begins again above what was used (`following`).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from datetime import datetime
from pathlib import Path

from models.errors import Permanent
from models.x12_inquiry import following

WIDTH = 9  # digits


class ControlNumbers:
    """The numbers of one integration.

    Args:
        home: directory of the agent's own files; the numbers are in `x12/` below it.
        integration_id: names the file.
    """

    def __init__(self, home: Path, integration_id: str) -> None:
        self._path = home / "x12" / f"{integration_id}.control"

    async def next(self, as_of: datetime) -> int:
        """A new number.

        Raises:
            Permanent: when it cannot be written down.
        """
        return await asyncio.to_thread(self._next, as_of)

    def _next(self, as_of: datetime) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            raise self._unwritable() from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until the descriptor is closed; held for one write
            number = following(_read(descriptor), as_of)
            os.pwrite(descriptor, f"{number:0{WIDTH}}".encode(), 0)
            os.ftruncate(descriptor, WIDTH)
            os.fsync(descriptor)
        except OSError:
            raise self._unwritable() from None
        finally:
            os.close(descriptor)
        return number

    def _unwritable(self) -> Permanent:
        return Permanent(f"{self._path.parent}: control numbers cannot be kept; give this directory to who runs heal")


def _read(descriptor: int) -> int | None:
    text = os.pread(descriptor, WIDTH + 1, 0)
    return int(text) if len(text) == WIDTH and text.isdigit() else None
