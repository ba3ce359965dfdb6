"""A folder of this machine with files that a test writes, and a clock that the test sets."""

from __future__ import annotations

import getpass
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from models.integration import Integration
from models.reading import Reading
from models.tuning import Tuning
from tasks.connectors import flat_file
from tasks.connectors._interface import Context

ZONE = ZoneInfo("America/New_York")
CLAIMS = {
    "name": "claims_{date:%Y%m%d}.csv",
    "schedule": {"days": "mon-fri", "by": "06:00"},
    "trailer": {"prefix": "TRL", "count": 2},
}


class SetClock:
    """Shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    async def sleep(self, _: float) -> None:
        return


def wall(text: str) -> datetime:
    """An instant as the practice's wall shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def claims(rows: int = 3, *, stated: int | None = None, columns: str = "id,name,amount", line: str = "") -> bytes:
    """A table with its trailer."""
    body = [line or f"C{n},Testpatient-{n:04d},{n}.00" for n in range(rows)]
    return "\n".join([columns, *body, f"TRL,{rows if stated is None else stated}", ""]).encode()


class Drop:
    """One folder, and the connector that looks at it, opened anew for each look as in each cycle."""

    def __init__(self, root: Path, now: str = "2026-03-03T10:00", **changes: Any) -> None:
        self.folder, self.home = root / "partner" / "drop", root / "home"
        self.folder.mkdir(parents=True)
        self.clock = SetClock(wall(now))
        self.tuning = Tuning(deadline_s=5.0)
        self.settings: dict[str, Any] = {"folder": str(self.folder), "files": {"Claims.file": CLAIMS | changes}}

    def put(self, name: str, content: bytes, changed: str = "2026-03-03T05:40") -> Path:
        """A file that changed last at this hour on the wall."""
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (wall(changed).timestamp(),) * 2)
        return path

    def over_sftp(self, port: int, key: Path, *host_keys: str) -> None:
        """Look at it through a server on this port from now on."""
        self.settings["sftp"] = {
            "host": "127.0.0.1",
            "port": port,
            "username": getpass.getuser(),
            "host_key": list(host_keys),
            "private_key": f"file:{key}",
        }

    def open(self) -> flat_file.FlatFile:
        """The connector."""
        reads = [{"operation": operation, "component": "Claims"} for operation in self.settings["files"]]
        integration = Integration(
            id="partner-files",
            name="Partner files",
            kind="flat_file",
            settings=self.settings,
            reads=reads,
            timezone=ZONE.key,
        )
        return flat_file.open_connector(Context(integration, self.clock, self.home, self.tuning, self.folder.parent))

    async def look(self, now: str | None = None) -> Reading:
        """One read, at this hour on the wall."""
        if now is not None:
            self.clock.time = wall(now)
        connector = self.open()
        try:
            return await connector.read(connector._context.integration.reads[0])
        finally:
            await connector.aclose()
