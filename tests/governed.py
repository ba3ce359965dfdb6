"""A real server that answers as a test says and remembers when it was asked, and a house that talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from models.incident import Event, Incident, State
from models.integration import Integration, Read
from models.queue import acting_on
from models.reading import Counts, Reading
from models.remedy import ActionState, Effect, Outcome
from models.tuning import Adjustment, Setting
from tasks.govern import govern
from tasks.house import House
from tasks.probe import probe_all
from tasks.remember import remember
from tests.builders import NOW, an_action, an_adjustment, an_incident, an_integration
from tests.clocks import MovedClock, a_house
from tests.sockets import answer, head_of, serving

GOOD = answer(b"{}", "Content-Type: application/json")
DOWN = answer(b"{}", "Content-Type: application/json", status="503 Service Unavailable")
SHOP = "shop"


class Shop:
    """A web service; `says` may be changed while it runs."""

    def __init__(self, clock: MovedClock, says: bytes = GOOD) -> None:
        self.clock, self.says = clock, says
        self.asked_at: list[datetime] = []
        self.paths: list[str] = []

    async def behave(self, reader: Any, writer: Any) -> None:
        while head := await head_of(reader):
            self.paths.append(head.split(b" ", 2)[1].decode())
            writer.write(self.answer())
            self.asked_at.append(self.clock.now())
            await writer.drain()

    def answer(self) -> bytes:
        """To the next call."""
        return self.says

    def seconds(self) -> list[float]:
        """When it was asked, in seconds since `NOW`."""
        return [(at - NOW).total_seconds() for at in self.asked_at]


def throttled(*headers: str) -> bytes:
    return answer(b"{}", "Content-Type: application/json", *headers, status="429 Too Many Requests")


def a_shop(port: int, calls: int = 10, **changes: Any) -> Integration:
    known: dict[str, Any] = {
        "id": SHOP,
        "name": "Shop API",
        "kind": "http_api",
        "settings": {
            "base_url": f"http://127.0.0.1:{port}",
            "calls": {"Order.list": {"path": "orders"}, "Prescription.list": {"path": "prescriptions"}},
        },
        "reads": (Read(operation="Order.list", component="Order API", calls=calls),),
        "concurrency": 1,
    }
    return an_integration(**known | changes)


@asynccontextmanager
async def shop(
    home: Path, says: bytes = GOOD, kind: type[Shop] = Shop, **changes: Any
) -> AsyncIterator[tuple[House, Shop]]:
    """A house that watches one server, and the server."""
    clock = MovedClock(NOW)
    server = kind(clock, says)
    async with serving(server.behave) as port:
        yield a_house(home, clock, a_shop(port, **changes)), server


async def a_round(house: House, after: timedelta = timedelta(0)) -> tuple[Reading, ...]:
    """Time passes, and one round of the monitor as far as it is about how hard we talk."""
    house.clock.move(after)  # type: ignore[attr-defined]  # it is a MovedClock
    readings = await probe_all(house)
    remember(readings, house.home)
    govern(house, readings)
    return readings


def begun(house: House, integration_id: str = SHOP) -> Incident:
    """An incident of this integration, in the ledger."""
    with house.ledger.change("monitor", house.clock.now()) as change:
        fresh = an_incident(id="", integration_id=integration_id, state=State.SUSPECTED, moments=())
        return change.open_incident(fresh)


def adjusted(
    house: House,
    setting: Setting,
    value: float | str,
    *,
    remedy: str,
    lasts: timedelta = timedelta(hours=1),
    outcome: Outcome | None = Outcome.SUCCESSFUL,
    integration_id: str = SHOP,
) -> Adjustment:
    """A workaround in force as a remedy leaves it that was carried out and judged; its incident goes on.

    Without an outcome it is not judged yet, and its incident is verifying.
    """
    incident = house.ledger.current(integration_id) or begun(house, integration_id)
    now = house.clock.now()
    lease = house.ledger.acquire(acting_on(integration_id), "tests", now, timedelta(minutes=1))
    plan = an_action(
        id="",
        incident_id=incident.id,
        integration_id=integration_id,
        remedy=remedy,
        state=ActionState.PLANNED,
        plan_hash=f"{remedy}/{now.timestamp()}".encode().hex().ljust(64, "0")[:64],
        planned_at=now,
        **dict.fromkeys(("executed_at", "effective_at", "judged_at")),
        effect=Effect(before=Counts(total=10, failed=10), after=Counts(total=0, failed=0)),
        outcome=Outcome.PENDING,
    )
    began = now - timedelta(seconds=1)
    ended = ActionState.SUCCEEDED if outcome is Outcome.SUCCESSFUL else ActionState.FAILED
    with house.ledger.change("tests", now) as change:
        action = change.plan_action(plan)
        made = an_adjustment(
            id=f"ADJ-{remedy.replace('_', '-')}-{now:%H%M%S}",
            integration_id=integration_id,
            setting=setting,
            value=value,
            previous="off" if isinstance(value, str) else 1.0,
            since=now,
            until=now + lasts,
            action_id=action.id,
        )
        change.adjust(made)
        action = change.save_action(action.to(ActionState.APPROVED), lease)
        action = change.save_action(action.to(ActionState.EXECUTING, executed_at=began), lease)
        action = change.save_action(action.to(ActionState.VERIFYING, effective_at=began), lease)
        if outcome is not None:
            change.save_action(action.to(ended, judged_at=now, outcome=outcome), lease)
            return made
        for event in (Event.CONFIRMED, Event.STARTED, Event.PLANNED, Event.ACTED):
            incident = incident.advance(event, now, event.value)
        change.save_incident(incident)
    house.ledger.release(lease, now)
    return made
