"""The spool: what was sent lies durably in the inbox before the sender hears that we have it, and once only.

A message is known by its `webhook-id` for a day: a sender that did not hear our answer sends it again.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from tasks.history.write import sync
from tasks.intake.aside import private_folder
from tasks.intake.folder import RECEIVED, files_below

REMEMBERED = timedelta(hours=24)
MOST = 200_000  # messages that are remembered: two a second, for a day
SEEN = ".seen"  # below the inbox; one file an hour, one message a line
HOUR = "%Y%m%d%H"


class Spool:
    """Writes messages into the inbox, each once.

    Args:
        inbox: the folder.
        now: for what is remembered from before.
    """

    def __init__(self, inbox: Path, now: datetime) -> None:
        self.received = private_folder(private_folder(inbox) / RECEIVED)
        self.notes = private_folder(inbox / SEEN)
        self.seen: OrderedDict[str, None] = OrderedDict()
        for name in sorted(path.name for path in self.notes.iterdir()):
            for line in (self.notes / name).read_text(encoding="ascii", errors="replace").splitlines():
                self._remember(line)
        for path in files_below(self.received):  # written, and then killed before it was noted
            self._remember(path.stem)
        self._sweep(now)

    @staticmethod
    def mark(sender: str, message_id: str) -> str:
        """How a message is known; its id says nothing here."""
        return sha256(f"{sender}/{message_id}".encode()).hexdigest()[:32]

    def is_known(self, mark: str) -> bool:
        """Whether it came before."""
        return mark in self.seen

    def put(self, mark: str, body: bytes) -> None:
        """Write a body of JSON lines; it is durable, and will be taken in, when this returns."""
        draft = self.received / f".{mark}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.received / f"{mark}.jsonl")
        sync(self.received)

    def note(self, mark: str, now: datetime) -> None:
        """Remember a message for a day, durably."""
        name = f"{now:{HOUR}}"
        is_new = not (self.notes / name).exists()
        handle = os.open(self.notes / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{mark}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        self._remember(mark)
        if is_new:
            sync(self.notes)
            self._sweep(now)

    def _remember(self, mark: str) -> None:
        self.seen[mark] = None
        while len(self.seen) > MOST:
            self.seen.popitem(last=False)

    def _sweep(self, now: datetime) -> None:
        oldest = f"{now - REMEMBERED:{HOUR}}"
        for path in self.notes.iterdir():
            if path.name < oldest:
                path.unlink(missing_ok=True)
