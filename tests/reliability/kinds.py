"""The kinds of remedy that are killed: what a story must know of each. A new kind is one more row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from models.incident import State
from models.tier import Mode
from tasks import act
from tasks.house import House
from tasks.ledger import Ledger
from tests.reliability.ground import UNITY
from tests.reliability.peer import Site

Count = Callable[[Ledger, Site, str, bool], int]  # of the peer's site, the point, and whether success is claimed


def wrong_calls(_: Ledger, site: Site, __: str, is_done: bool) -> int:
    """Calls that are one too many, or missing where success is claimed."""
    return abs(site.effects.total() - 1) if is_done else max(0, site.effects.total() - 1)


def wrong_adjustments(ledger: Ledger, _: Site, __: str, is_done: bool) -> int:
    """The same of adjustments in force."""
    return abs(len(ledger.adjustments(UNITY)) - is_done)


def wrong_sessions(_: Ledger, site: Site, point: str, is_done: bool) -> int:
    """The first session, one renewal, and one more where the new session died with its owner."""
    return abs(site.issued - (1 + is_done + (point == "with a new session that was not kept")))


def wrong_reads(ledger: Ledger, *_: object) -> int:
    """Reads that were not made up for; once more than once does no harm."""
    return sum(ledger.backlog(incident.id).waiting for incident in ledger.incidents())


async def first_session(house: House) -> None:
    """The session that is to be renewed."""
    async with act.connected(house, house.integration(UNITY)) as connector:
        assert (await connector.read(house.integration(UNITY).reads[0])).outcome.is_ok


@dataclass(frozen=True)
class Kind:
    """A kind of remedy: all that a story must know of it."""

    remedy: str
    repeats: bool = True  # whether it may be repeated
    sees: bool = True  # whether its effect can be observed
    state: State = State.DIAGNOSING
    mode: Mode = Mode.AUTO
    needs: Callable[[int, str], dict[str, Any]] = lambda *_: {}  # of an integration, on the peer's port and site
    prepare: Callable[[House], Awaitable[None]] | None = None
    wrong: Count = wrong_calls


def actuated(role: str) -> Callable[[int, str], dict[str, Any]]:
    """An integration whose actuator of this role calls the peer."""

    def declared(port: int, site: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port}/{site}/effects/{{key}}"
        call = {"url": url, "observe": {"url": url, "path": "done", "equals": True}}
        return {"environment": "test", "actuators": {role: {"kind": "http_call", "settings": call}}}

    return declared


KINDS = {
    "adjusting": Kind("retry_failed", wrong=wrong_adjustments),
    "session": Kind("renew_credentials", prepare=first_session, wrong=wrong_sessions),
    "replay": Kind("replay_missed", state=State.MONITORING, wrong=wrong_reads),
    "outside": Kind("switch_on"),
    "outside, once": Kind("send_once", repeats=False),
    "outside, once, unseen, agreed to": Kind("send_blind", repeats=False, sees=False, mode=Mode.APPROVE),
    "restart by an actuator": Kind("restart_component", repeats=False, needs=actuated("restart")),
    "pause by an actuator": Kind("pause_sync", needs=actuated("pause")),
}
ACTUATED = ("restart by an actuator", "pause by an actuator")
WIRED, AGREED = ("outside", "outside, once", "outside, once, unseen, agreed to"), ("outside, once, unseen, agreed to",)
