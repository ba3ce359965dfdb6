"""A monitor that is killed at a named point of an action: what a process does that a scenario has started.

Everything heavy is imported here, so that processes can be forked from one that has it already.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb  # noqa: F401
import pandas as pd  # noqa: F401
import pyarrow as pa  # noqa: F401

from flows.clock import CompressedClock
from models.catalogue import load_all
from models.incident import Incident, State
from models.remedy import ActionState
from tasks import act, tokens
from tasks.connectors.allscripts_unity import AllscriptsUnity
from tasks.house import House
from tasks.ledger import Change
from tests.scenarios.staging import cycles

MOST = 30  # cycles
load_all("models.detectors")


class Order(NamedTuple):
    """What one process is asked to do."""

    configuration: Path
    home: Path
    start: datetime  # the clock's three numbers
    epoch: float
    speed: float
    lease: timedelta  # real time
    dies: str | None  # one of DEATHS; None: it lives
    complaints: Path  # its standard error


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(room: Any, name: str, *, only: Any = lambda *_: True) -> None:
    """Die when this function has done its work."""
    plain = getattr(room, name)

    def then(*args: Any, **kwargs: Any) -> Any:
        outcome = plain(*args, **kwargs)
        if only(*args):
            die()
        return outcome

    async def then_async(*args: Any, **kwargs: Any) -> Any:
        outcome = await plain(*args, **kwargs)
        if only(*args):
            die()
        return outcome

    setattr(room, name, then_async if asyncio.iscoroutinefunction(plain) else then)


def before(room: Any, name: str) -> None:
    """Die instead."""
    setattr(room, name, die)


def inside(prepare: Any) -> None:
    """Get ready to die once the effect has begun."""
    plain = act.apply

    async def apply(*args: Any) -> Any:
        prepare()
        return await plain(*args)

    act.apply = apply


def is_result(_: Change, action: Any, __: object) -> bool:
    return action.state is ActionState.VERIFYING


DEATHS = {
    "after the intent, before the effect": lambda: before(act, "apply"),
    "with the old session gone and no new one asked for": lambda: inside(lambda: after(AllscriptsUnity, "_retire")),
    "with a new session that was not kept": lambda: inside(lambda: before(tokens, "_replace")),
    "after the effect, before its result": lambda: after(act, "apply"),
    "with the result written and not committed": lambda: after(Change, "save_action", only=is_result),
    "after the result": lambda: after(act, "carry_out"),
}


def is_over(house: House, incident: Incident) -> bool:
    """Well again, nothing under way, nothing waiting; or, of trouble that stays, one attempt judged."""
    if house.ledger.open_action(incident.integration_id):
        return False
    if incident.state in {State.MONITORING, State.RESOLVED}:
        return not house.ledger.backlog(incident.id).waiting
    return incident.symptom != "auth" and any(a.judged_at for a in house.ledger.actions(incident.id))


def main(order: Order) -> None:
    """Cycle until the story is over."""
    os.dup2(os.open(order.complaints, os.O_CREAT | os.O_WRONLY), 2)
    act.LEASE = order.lease
    if order.dies:
        DEATHS[order.dies]()
    clock = CompressedClock(order.start, order.epoch, order.speed)
    asyncio.run(cycles(order.configuration, order.home, clock, MOST, is_over))
