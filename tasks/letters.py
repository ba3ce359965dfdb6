"""What messages say, until they are over: one private file each below the home, and nowhere else.

They hold patient data. The folder has mode 0700, a file 0600, and its name is chance: nothing in the ledger, in a log
or in Prefect tells more than that name. A file is there, with all its bytes, before the ledger knows of it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection, Sequence
from pathlib import Path

from models.errors import Permanent

FOLDER = "sends"
STAMP, PLACE = ".stamp", ".place"
GRACE_S = 3600.0  # a file that no row names may be of one that is being queued


class Letters:
    """The folder.

    Args:
        home: of the agent's own files.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    @property
    def place(self) -> str | None:
        """What this folder is called in the ledger; None: nothing was ever put here."""
        try:
            return (self._folder / PLACE).read_text(encoding="ascii")
        except FileNotFoundError:
            return None

    def put(self, contents: Sequence[bytes]) -> tuple[str, ...]:
        """Write each to disk, and give their names.

        Raises:
            Permanent: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.place is None:
                self._name_place()
            names = tuple(self._write(secrets.token_hex(16), content) for content in contents)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            raise Permanent(
                f"{self._folder}: messages cannot be kept there; make room, and give it to the user that runs heal"
            ) from None
        return names

    def get(self, name: str) -> bytes | None:
        """What was put; None: it is gone."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            raise Permanent(f"{self._folder}: a message cannot be read; give it to the user that runs heal") from None

    def drop(self, *names: str) -> None:
        """Forget what is over."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> frozenset[str]:
        """Of every file there is."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return frozenset(path.name for path in found) - {STAMP, PLACE}

    def sweep(self, needed: Collection[str]) -> int:
        """Forget what no message names any more: left by a process that died; how many there were."""
        stamp = self._folder / STAMP
        stamp.touch()
        before = stamp.stat().st_mtime - GRACE_S  # the disk's own clock, which also stamped the files
        gone = [name for name in self.names() - {*needed} if (self._folder / name).stat().st_mtime < before]
        self.drop(*gone)
        return len(gone)

    def __repr__(self) -> str:
        return "Letters()"

    def _name_place(self) -> None:
        """By chance, once: of two processes that do so, one wins."""
        draft = self._write(f".{secrets.token_hex(16)}", secrets.token_hex(8).encode("ascii"))
        with contextlib.suppress(FileExistsError):
            os.link(self._folder / draft, self._folder / PLACE)
        self.drop(draft)

    def _write(self, name: str, content: bytes) -> str:
        with os.fdopen(os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return name
