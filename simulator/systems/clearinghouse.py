"""The clearinghouse: one port for both ways to post, and two folders that it looks into."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from random import Random
from secrets import token_urlsafe
from typing import Any

from simulator import clearinghouse
from simulator.clearinghouse import Clearinghouse, SlowPayer
from simulator.messages import Cut, Request, Response
from simulator.people import Practice
from simulator.plan import Site
from simulator.server import Door, Server
from simulator.service import Service
from simulator.weather import Weather

LOOK_S = 0.02  # real seconds between two looks into the outbox


class Counter(Service):
    """The port, and a clerk who carries files from one folder to the other."""

    def __init__(self, system: str, *, application: Clearinghouse, folder: Path, **ground: Any) -> None:  # noqa: ANN401
        super().__init__(system, application=application, **ground)
        self._desk, self._folder, self._carried = application, folder, 0
        for name in ("outbox", "inbox"):
            (folder / name).mkdir(parents=True)
        self._clerk = asyncio.create_task(self._carry())

    async def handle(self, request: Request) -> Response | Cut:
        """An inquiry waits for a slow payer first."""
        if request.method == "POST":
            await self._wait_for_payer()
        return await super().handle(request)

    async def stop(self) -> None:
        """Close every port, and clear the folders away."""
        self._clerk.cancel()
        await asyncio.gather(self._clerk, return_exceptions=True)
        await super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _wait_for_payer(self) -> None:
        if (slow := self.weather.find(SlowPayer)) is not None:
            await asyncio.sleep(slow.wait_ms / 1000)

    async def _carry(self) -> None:
        """Answer every inquiry in the outbox; while nobody is at the counter, they lie there."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self.weather.door("main") is not Door.OPEN:
                continue
            for path in sorted((self._folder / "outbox").glob("*.270")):
                message = path.read_text(encoding="latin-1")
                path.unlink()
                await self._wait_for_payer()
                for answer in self._desk.exchange(message):
                    self._carried += 1
                    beside = self._folder / "inbox" / f".{self._carried}.tmp"
                    beside.write_text(answer, encoding="latin-1")
                    beside.rename(self._folder / "inbox" / f"{self._carried:06}.x12")


async def open_system(site: Site) -> tuple[Service, dict[str, str]]:
    """Open it, and say how to reach it."""
    plan, files = site.plan, site.files
    rng = Random(f"{plan.seed}:clearinghouse")
    weather, practice = Weather(plan.clock, rng), Practice(plan.seed, plan.timezone)
    server = Server("main", site.tls)
    login, member = clearinghouse.Login("clinic-submitter", token_urlsafe(18)), clearinghouse.Member()
    folder = plan.directory.resolve() / "clearinghouse"
    service = Counter(
        "clearinghouse",
        application=Clearinghouse(login, member, plan.clock, weather, rng),
        folder=folder,
        servers={"main": server},
        practice=practice,
        weather=weather,
        clock=plan.clock,
        rng=rng,
        error_share=plan.error_share,
    )
    directions = {
        "base_url": server.origin + clearinghouse.PLAIN_PATH,
        "core_url": server.origin + clearinghouse.CORE_PATH,
        "outbox": str(folder / "outbox"),
        "inbox": str(folder / "inbox"),
        "user": login.user,
        "password_file": files.write("clearinghouse-password", login.password.encode()),
        "payer": clearinghouse.PAYER,
        "npi": clearinghouse.NPI,
        "sender": clearinghouse.SUBMITTER,
        "receiver": clearinghouse.OURS,
        "member_id_file": files.write("member-id", member.id.encode()),
        "last_name_file": files.write("member-last-name", member.last_name.encode()),
        "first_name_file": files.write("member-first-name", member.first_name.encode()),
        "birth_date_file": files.write("member-birth-date", member.birth_date.encode()),
    }
    return service, directions
