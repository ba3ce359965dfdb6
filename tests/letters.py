"""Messages to be sent, receivers to send them to, and senders that end as a test wants it."""

from __future__ import annotations

import asyncio
import json
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
from tasks.send import deliver_to
from tests.callers import READS, settings_for

CANARY = "CANARY-Smith-000-12-3456"  # no log, error or ledger may hold it
MARKS = {"ask": "query", "per_minute": 6000, "settles_s": 0.3}


def hl7(number: int, patients: int = 12, ends: str = "") -> bytes:
    """One update; MSH-13 counts, so that the engine sees the order of each patient."""
    patient = f"{CANARY}-{number % patients}"
    msh = (
        f"MSH|^~\\&|HEAL|TEST|CLINIC|PRACTICE|20260303150000+0000||ADT^A08^ADT_A01|ID{number:06}{ends}|T|2.5.1|{number}"
    )
    return f"{msh}\rEVN|A08|20260303\rPID|1||{patient}^^^HEAL^MR||ZZTEST^{CANARY}\rPV1|1|N\r".encode()


def fhir(number: int, patients: int = 12) -> bytes:
    """One appointment."""
    resource = {
        "resourceType": "Appointment",
        "identifier": [{"system": "urn:test:sends", "value": f"{CANARY}-{number:06}"}],
        "status": "cancelled",
        "participant": [{"actor": {"reference": f"Patient/{number % patients}"}, "status": "declined"}],
    }
    return json.dumps(resource).encode()


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


def bring_over(house: House, most_s: float = 60.0) -> None:
    """Rounds until nothing goes by itself any more."""

    async def rounds() -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + most_s
        while loop.time() < until:
            await deliver_to(house, house.integration("receiver"), timedelta(seconds=most_s))
            later = house.clock.now() + timedelta(hours=1)
            if not going(house) or not house.ledger.sends_due("receiver", later, 1):
                return
            await asyncio.sleep(0.05)

    asyncio.run(rounds())


def stuck(house: House) -> tuple[Send, ...]:
    """What needs a person."""
    return house.ledger.sends("receiver", [SendState.QUARANTINED])
