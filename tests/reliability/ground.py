"""The ground of a story: a house of one integration over stores of its own, with a case that is said, not measured.

Everything from the decision table to the ledger and the connector is the product's. Only time and what the readings
were are told by the story.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import psycopg

from models.configuration import Configuration
from models.incident import Incident, State
from models.integration import Integration, Read
from models.policy import Permission, Policy
from models.queue import missed
from models.reading import Outcome
from models.remedy import Action
from models.tier import Mode
from tasks.house import House
from tasks.ledger import open_ledger
from tests.builders import a_case, a_diagnosis, a_reading, an_incident

SERVER = "postgresql://root@127.0.0.1:5432/test"
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
UNITY = "unity"
MINUTE = timedelta(minutes=1)
CALLS = 6  # per minute


class ToldClock:
    """Time that a story tells: it goes on with the wall, and is put forward by hand."""

    speed = 1.0

    def __init__(self, at: datetime = AT) -> None:
        self.at, self.began = at, perf_counter()

    def now(self) -> datetime:
        """The present instant."""
        return self.at + timedelta(seconds=perf_counter() - self.began)

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.forward(timedelta(seconds=seconds))

    def forward(self, span: timedelta) -> None:
        """It is later now."""
        self.at += span


@cache
def empty() -> Path:
    """A home with a ledger in which nothing stands, to be copied: making one costs a hundred times as much."""
    room = Path(tempfile.mkdtemp(prefix="reliability-"))
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    home = room / "empty"
    open_ledger(home).close()
    (home / "password").write_text("pretend")
    return home


def new_home() -> Path:
    """A home of a story's own."""
    return Path(shutil.copytree(empty(), empty().parent / uuid4().hex))


@cache
def has_postgresql() -> bool:
    """Whether a server answers where the tests look for one."""
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def new_schema() -> str:
    """The URL of an empty PostgreSQL schema; `drop_schema` ends it."""
    schema = f"heal_{uuid4().hex[:12]}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE SCHEMA {schema}")
    return f"{SERVER}?options=-csearch_path%3D{schema}"


def drop_schema(url: str | None) -> None:
    """Leave nothing behind."""
    if url is not None:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute("SET client_min_messages = warning")
            server.execute(f"DROP SCHEMA {url.rpartition('%3D')[2]} CASCADE")


def an_integration(port: int, site: str, **more: object) -> Integration:
    """Unity, on a site of the peer, and whatever else it needs."""
    return Integration(
        **more,
        id=UNITY,
        name="Unity",
        kind="allscripts_unity",
        settings={
            "base_url": f"http://127.0.0.1:{port}/{site}/json",
            "app_name": "reliability",
            "username": "pretend",
            "password": "file:password",
        },
        reads=(Read(operation="GetSchedule", component="Schedule"),),
    )


def open_house(home: Path, port: int, site: str, remedies: dict[str, Mode], at: datetime = AT, **more: object) -> House:
    """A house of this integration, in which these remedies are allowed."""
    policy = Policy(
        version="1", owner="tests", remedies={name: Permission(mode=mode) for name, mode in remedies.items()}
    )
    configuration = Configuration(integrations=(an_integration(port, site, **more),), policy=policy, path=home)
    return House(configuration=configuration, home=home, clock=ToldClock(at))


def begin(house: House, *remedies: str, state: State = State.DIAGNOSING) -> Incident:
    """Trouble of half its calls since ten minutes, diagnosed; or over already, with reads to be made up for."""
    now = house.clock.now()
    with house.ledger.change("tests", now) as change:
        told = an_incident(
            integration_id=UNITY,
            state=State.OPEN,
            symptom="server_error",
            started_at=now - 10 * MINUTE,
            detected_at=now - 7 * MINUTE,
            updated_at=now,
            moments=(),
            diagnosis=a_diagnosis(integration_id=UNITY, remedies=remedies, diagnosed_at=now),
        )
        incident = change.open_incident(told)
        if state is State.MONITORING:
            change.miss(missed(failed(now - 10 * MINUTE, 4), incident.id))
            return change.save_incident(incident.model_copy(update={"state": state}).note(now, "well again"))
        return change.save_incident(incident.model_copy(update={"state": state}).note(now, "diagnosed"))


def failed(since: datetime, count: int) -> list[Any]:
    """Readings that were refused."""
    return [
        a_reading(
            integration_id=UNITY,
            operation="GetSchedule",
            observed_at=since + timedelta(seconds=second),
            outcome=Outcome.SERVER_ERROR,
        )
        for second in range(count)
    ]


def measure(house: House, share_bad: Callable[[datetime], float], until: datetime | None = None) -> None:
    """A quarter of an hour until now, or until an earlier instant: of the calls at an instant, this share failed."""
    now = house.clock.now()
    readings = []
    for nth in range(15 * CALLS, 0, -1):
        at = (until or now) - nth * MINUTE / CALLS
        is_bad = (nth * 7 % CALLS) / CALLS < share_bad(at)
        outcome = Outcome.SERVER_ERROR if is_bad else Outcome.OK
        readings.append(
            a_reading(integration_id=UNITY, operation="GetSchedule", observed_at=at, outcome=outcome, latency_ms=100.0)
        )
    case = a_case(*readings, integration=house.integration(UNITY), until=now)
    house.cases[UNITY] = case.model_copy(update={"as_of": now})


def well_after_effect(house: House, incident_id: str) -> Callable[[datetime], float]:
    """Half of the calls fail, until an action took effect."""
    effects = [action.effective_at for action in house.ledger.actions(incident_id) if action.effective_at]
    since = max(effects, default=None)
    is_over = house.ledger.incident(incident_id).state is State.MONITORING
    return lambda at: 0.0 if is_over or (since is not None and at >= since) else 0.5


def quiet() -> None:
    """What a process complains of on its way out goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def is_over(action: Action | None) -> bool:
    """Whether an attempt came to its end."""
    return action is not None and action.state.is_terminal
