"""Houses that send to the pretend clinic, and know nothing of what is broken there."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from flows.clock import WallClock
from models.configuration import Configuration
from models.integration import Integration
from models.policy import Channel, Policy
from models.sending import Send, SendState
from simulator.control import Clinic
from tasks.house import House
from tasks.ledger.send_reads import STILL_GOING
from tasks.letters import Letters
from tasks.send import deliver_to
from tests.callers import READS, settings_for

MARKS = {"ask": "query", "per_minute": 6000, "settles_s": 0.3}


def a_sender(clinic: Clinic, home: Path, kind: str = "hl7_mllp", **rules: Any) -> House:
    """A house with one receiver, by the wall's clock; it knows nothing of the faults there."""
    settings = settings_for(clinic, kind) | {"sends": MARKS | rules}
    reads = [{"operation": operation, "component": operation} for operation in READS[kind][:1]]
    one = Integration(id="receiver", name="Receiver", kind=kind, settings=settings, reads=reads)
    policy = Policy(version="1", owner="Integration Team", channels=(Channel(route="console"),))
    configuration = Configuration(integrations=(one,), policy=policy, path=home)
    return House(configuration=configuration, home=home, clock=WallClock())


def going(house: House) -> tuple[Send, ...]:
    """What still goes without a person."""
    return house.ledger.sends("receiver", STILL_GOING)


async def rounds(house: House, most_s: float = 20.0) -> None:
    """Rounds until nothing goes by itself any more."""
    loop = asyncio.get_running_loop()
    until = loop.time() + most_s
    while loop.time() < until:
        await deliver_to(house, house.integration("receiver"), timedelta(seconds=most_s))
        if not going(house) or not house.ledger.sends_due(
            "receiver", str(Letters(house.home).place), house.clock.now() + timedelta(hours=1), 1
        ):
            return
        await asyncio.sleep(0.05)


def bring_over(house: House, most_s: float = 20.0) -> None:
    """The same, from a test."""
    asyncio.run(rounds(house, most_s))


def stuck(house: House) -> tuple[Send, ...]:
    """What needs a person."""
    return house.ledger.sends("receiver", [SendState.QUARANTINED])
