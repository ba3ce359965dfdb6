"""A house whose calls go to a receiver that behaves by a plan, on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.anomaly import Severity
from models.channel import Answering, Channel
from models.configuration import Configuration
from models.incident import Event, Incident, State
from models.integration import Integration
from models.policy import Policy
from tasks import escalate
from tasks.house import House
from tasks.outbox import deliver
from tests.builders import a_diagnosis, an_incident, an_integration
from tests.clocks import MovedClock
from tests.sockets import answer, head_of, serving

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
SECRET = "the-secret-of-a-pager-24-bytes"
KEY_FILE = "pager-key"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Reply:
    """What the receiver does with one notice: take it or not, and what it answers (None: it hangs up)."""

    takes: bool
    status: int | None = 200
    wait_s: int | None = None
    hangs: bool = False  # until the sender gives up


TAKES = Reply(takes=True)


@dataclass
class Pager:
    """A receiver: what came, what it took, and when, by the clock of the house."""

    reply: Callable[[dict[str, Any]], Reply] = lambda _: TAKES
    now: Callable[[], datetime] = lambda: AT
    port: int = 0
    came: list[tuple[datetime, str, Reply]] = field(default_factory=list)  # when, which notice
    took: list[tuple[str, str, str]] = field(default_factory=list)  # which notice, of what, of which kind
    bodies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pages(self) -> list[str]:
        """The subjects that somebody was called for, in order, each as often as it was."""
        return [subject for _, subject, kind in self.took if kind in {"trigger", "raised"}]

    async def behave(self, reader: Any, writer: Any) -> None:
        while head := (await head_of(reader)).decode():
            lines = [line.split(":", 1) for line in head.splitlines()[1:] if ":" in line]
            headers = {name.lower(): value.strip() for name, value in lines}
            try:
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
            except asyncio.IncompleteReadError:  # the sender gave up
                return
            reply = self.reply(body)
            notice = headers["webhook-id"]
            self.came.append((self.now(), notice, reply))
            if reply.takes:
                self.took.append((notice, body.get("incident") or body["alert"], body["type"].split(".")[1]))
                self.bodies.append(body)
            if reply.hangs:
                await reader.read()
                return
            if reply.status is None:
                return
            extra = [f"Retry-After: {reply.wait_s}"] if reply.wait_s is not None else []
            writer.write(answer(b"", *extra, status=f"{reply.status} Said"))
            await writer.drain()


@asynccontextmanager
async def paged(pager: Pager) -> AsyncIterator[Pager]:
    async with serving(pager.behave) as port:
        pager.port = port
        yield pager


def systems(*names: str, **changes: Any) -> tuple[Integration, ...]:
    return tuple(an_integration(id=name, name=name, **changes) for name in names)


def a_paged_house(
    home: Path,
    port: int,
    clock: MovedClock,
    *integrations: Integration,
    channels: tuple[Channel, ...] = (),
    deadline_s: float = 5.0,
    **policy: Any,
) -> House:
    """A house of these integrations: one pager, and what else the policy says."""
    home.mkdir(parents=True, exist_ok=True)
    (home / KEY_FILE).write_text(SECRET)
    settings = {"url": f"http://127.0.0.1:{port}/", "secret": f"file:{KEY_FILE}", "deadline_s": deadline_s}
    every = (Channel(route="webhook", settings=settings), *channels)
    told = Policy(version="1", owner="tests", channels=every, **policy)
    configuration = Configuration(integrations=integrations or systems("epic"), policy=told, path=home)
    return House(configuration=configuration, home=home, clock=clock)


def answering(port: int) -> Answering:
    return Answering(url=f"http://127.0.0.1:{port}", secret=f"file:{KEY_FILE}")


def break_down(house: House, name: str, severity: Severity = Severity.CRITICAL, **changes: Any) -> Incident:
    """An incident of one integration, open since now."""
    now = house.clock.now()
    told = {
        "id": "",
        "integration_id": name,
        "fingerprint": f"{name}-{now:%H%M%S%f}",
        "severity": severity,
        "state": State.OPEN,
        "started_at": now,
        "detected_at": now,
        "updated_at": now,
        "moments": (),
        "diagnosis": a_diagnosis(integration_id=name),
    }
    with house.ledger.change("tests", now) as change:
        return change.open_incident(an_incident(**(told | changes)))


def recover(house: House, incident_id: str) -> None:
    """It is over, and whoever was told is told that."""
    now = house.clock.now()
    with house.ledger.change("tests", now) as change:
        well = change.incident(incident_id).advance(Event.RECOVERED, now, "well", restored_at=now)
        over = change.save_incident(well.advance(Event.QUIET, now, "quiet", resolved_at=now))
    escalate.announce_resolution(house, over)


async def rounds(house: House, clock: MovedClock, span: timedelta, tick: timedelta = MINUTE, **how: Any) -> None:
    """What the monitor does about calls, once in each tick of a span."""
    until = clock.at + span
    while clock.at < until:
        clock.move(tick)
        await one_round(house, **how)


async def one_round(house: House, **how: Any) -> int:
    """Warn, and deliver: what is left of a cycle when nothing is healed."""
    escalate.warn(house, house.ledger.incidents(active_only=True))
    return await deliver(house, **how)
