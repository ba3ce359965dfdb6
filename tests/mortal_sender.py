"""A sender that is killed at a named point of a send, or at any moment: what a process does that a test has started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from flows.clock import WallClock
from models.configuration import Configuration
from models.sending import SendState
from tasks import send as sending
from tasks.connectors.hl7_mllp import Hl7Mllp
from tasks.house import House
from tasks.ledger import Change, Ledger
from tasks.letters import Letters
from tests.senders import rounds

LEASE = timedelta(seconds=0.5)  # of the dead: whoever comes next waits for its end


class Order(NamedTuple):
    """What one process is asked to do."""

    configuration: Configuration
    home: Path
    dies: str | None  # one of DEATHS; None: it lives
    after: float  # how many of that point it survives; of "at any moment", real seconds


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def around(room: Any, name: str, survives: int, *, before: bool = False, only: Any = lambda *_: True) -> None:
    """Die before or after the nth time that this function does its work."""
    plain, left = getattr(room, name), [survives]

    def is_it(args: tuple[Any, ...]) -> bool:
        if not only(*args):
            return False
        left[0] -= 1
        return left[0] < 0

    def then(*args: Any, **kwargs: Any) -> Any:
        ends = is_it(args)
        if ends and before:
            die()
        outcome = plain(*args, **kwargs)
        if ends:
            die()
        return outcome

    async def then_async(*args: Any, **kwargs: Any) -> Any:
        ends = is_it(args)
        if ends and before:
            die()
        outcome = await plain(*args, **kwargs)
        if ends:
            die()
        return outcome

    setattr(room, name, then_async if asyncio.iscoroutinefunction(plain) else then)


def is_sent(_: Change, send: Any, __: object) -> bool:
    return send.state is SendState.SENT


def timed(seconds: float) -> None:
    """The kernel ends it, wherever it is."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))


DEATHS: dict[str, Callable[[float], None]] = {
    "after the intent, before a byte leaves": lambda n: around(Hl7Mllp, "send", int(n), before=True),
    "after the answer, before the record": lambda n: around(Hl7Mllp, "send", int(n)),
    "after the question, before its record": lambda n: around(Hl7Mllp, "ask", int(n)),
    "with the record written and not committed": lambda n: around(Change, "save_send", int(n), only=is_sent),
    "after the record, before its content is gone": lambda n: around(Letters, "drop", int(n), before=True),
    "at any moment": timed,
}


def main(order: Order) -> None:
    """Bring over what waits."""
    sending.LEASE = LEASE
    house = House(configuration=order.configuration, home=order.home, clock=WallClock())
    assert isinstance(house.ledger, Ledger)
    if order.dies:
        DEATHS[order.dies](order.after)
    asyncio.run(rounds(house))
