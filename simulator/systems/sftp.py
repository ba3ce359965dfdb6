"""A partner's SFTP server with a drop folder; the same folder can be looked at on this machine."""

from __future__ import annotations

import asyncio
import shutil
from random import Random
from secrets import token_urlsafe
from typing import Any

import asyncssh

from simulator.drop import INBOUND, OUTBOUND, SENT, Drop
from simulator.drop_faults import HostKeyChanged, KeyRefused
from simulator.exports import EXPORTS
from simulator.people import Practice
from simulator.plan import Site
from simulator.ssh import Partner, SshServer
from simulator.weather import Weather

USERNAME = "practice"
ALGORITHM = "ssh-ed25519"


class Sftp:
    """The port, the folder behind it, and its weather."""

    def __init__(self, server: SshServer, drop: Drop, weather: Weather) -> None:
        self.weather, self._server, self._drop = weather, server, drop
        self._time = asyncio.create_task(drop.keep_up())

    @property
    def operations(self) -> frozenset[str]:
        """Those that a fault may name."""
        return frozenset(export.operation for export in EXPORTS)

    def meet_weather(self) -> None:
        """Open, shut or silence the port, and spoil the files."""
        self._server.set_door(self.weather.door("main"))
        self._drop.refresh()

    def journal(self) -> dict[str, Any]:
        """Log-ins accepted and refused, folders listed, files opened, sockets open now."""
        counts = {name: self._server.counts[name] for name in ("logins", "refused", "lists", "opens")}
        return counts | {"open_sockets": self._server.open_sockets}

    async def stop(self) -> None:
        """Close the port and take the folder away."""
        self._time.cancel()
        await asyncio.gather(self._time, return_exceptions=True)
        await self._server.stop()
        shutil.rmtree(self._drop.root, ignore_errors=True)


async def open_system(site: Site) -> tuple[Sftp, dict[str, str]]:
    """Open it, and say how to reach it."""
    plan, files = site.plan, site.files
    weather = Weather(plan.clock, Random(f"{plan.seed}:sftp"))
    practice = Practice(plan.seed, plan.timezone)
    drop = Drop(plan.directory.resolve() / "sftp", practice, plan.timezone, plan.clock, weather)
    host_key, other_key, ours = (asyncssh.generate_private_key(ALGORITHM) for _ in range(3))
    password = token_urlsafe(18)
    partner = Partner(USERNAME, password, ours.convert_to_public(), lambda: weather.find(KeyRefused) is None)
    server = SshServer(drop.root, partner, lambda: other_key if weather.find(HostKeyChanged) else host_key)
    directions = {
        "host": "127.0.0.1",
        "port": str(server.port),
        "username": USERNAME,
        "host_key": host_key.get_fingerprint(),
        "other_host_key": other_key.get_fingerprint(),
        "private_key_file": files.write("sftp-key", ours.export_private_key()),
        "password_file": files.write("sftp-password", password.encode()),
        "folder": f"/{OUTBOUND}",
        "local_folder": str(drop.root / OUTBOUND),
        "inbound": f"/{INBOUND}",
        "local_inbound": str(drop.root / INBOUND),
        "sent": str(drop.root / SENT),
    }
    return Sftp(server, drop, weather), directions
