"""F3: `kill -9` at every labelled step of an action, for every kind of remedy; another process finds it and goes on.

A kind is a row of `kinds.KINDS` and a step a row of `points.POINTS`; a new kind of remedy needs nothing else.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import update

from models.incident import Event
from models.remedy import Action, ActionState
from tasks import act, approve, choose, escalate, remediate
from tasks.house import House
from tasks.ledger import Ledger, open_ledger
from tasks.ledger.leases import LeaseChanges
from tasks.ledger.tables import leases
from tasks.remedies import renew_credentials
from tests.reliability import pretend
from tests.reliability.ground import AT, MINUTE, begin, measure, new_home, open_house, well_after_effect
from tests.reliability.invariants import violations
from tests.reliability.kinds import AGREED, KINDS
from tests.reliability.nursery import born, ended
from tests.reliability.peer import peer
from tests.reliability.points import POINTS
from tests.reliability.survival import Mutant, Profile, Survival, total, trial

NAME, PROMISE = "F3", "killed at any step of an action, it is finished, or handed to a person; nothing is done twice"
TIMES = {Profile.USUAL: 1, Profile.FULL: 20}
SAMPLE = 7
RECOVERED_S = 60.0
STEPS, ATTEMPTS = 14, 2


def stories() -> list[tuple[str, str]]:
    """Every kind with every point that it has."""
    return [(kind, point) for point, row in POINTS.items() for kind in KINDS if kind in row.only]


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Tell every story; a sample of them, with the tell-tale ones of a mutant."""
    every = stories()
    if mutant is not None:
        every = TELLING[mutant]
    elif profile is Profile.SMALL:
        every = Random(seed).sample(every, SAMPLE)
    return total(tell(*story, mutant) for _ in range(TIMES.get(profile, 1)) for story in every)


def tell(kind: str, point: str, mutant: str | None = None) -> Survival:
    """One death and what came of it."""
    home, site = new_home(), peer().sites[(name := f"{time.monotonic_ns()}")]
    where: dict[str, Any] = {"home": home, "port": peer().port, "site": name, "kind": kind}
    began = born(__name__, "attempt", mutant, **where, point=point)
    code = ended(began)
    with closing(open_ledger(home)) as ledger:
        left = next(iter(ledger.latest_actions(1)), None)
        counted = (dict(site.effects), site.issued)
        broken = [] if code == -signal.SIGKILL else [f"it was to be killed, and ended with {code}"]
        if left is not None and left.state is ActionState.EXECUTING:
            at_once = ended(born(__name__, "look", mutant, **where))
            is_same = (ledger.action(left.id), dict(site.effects), site.issued) == (left, *counted)
            broken += [] if is_same and at_once == 0 else ["it was touched while the lease of the dead lasted"]
        if POINTS[point].twice:
            code = ended(born(__name__, "go_on", mutant, **where, point=point))
            broken += [] if code == -signal.SIGKILL else [f"whoever found it was to be killed, and ended with {code}"]
            where["at"] = AT + 9 * MINUTE
        start = time.perf_counter()
        code = ended(born(__name__, "go_on", mutant, **where))
        took_s = time.perf_counter() - start
        broken += [] if code == 0 else [f"whoever went on ended with {code}"]
        broken += [] if took_s <= RECOVERED_S else [f"it took {took_s:.0f} s"]
        broken += judged(ledger, kind, point, left)
        last = next(iter(ledger.latest_actions(1)), None)
        wrong = KINDS[kind].wrong(ledger, site, point, last is not None and last.state is ActionState.SUCCEEDED)
        once = [] if KINDS[kind].repeats else site.effects.elements()
        broken += violations(ledger, attempts=ATTEMPTS, effects=site.effects, once=once)
    return trial([f"{kind}, {point}: {says}" for says in broken], wrong=wrong, took_s=took_s)


def judged(ledger: Ledger, kind: str, point: str, left: Action | None) -> list[str]:
    """Whether it ended as it must."""
    actions = [action for action in ledger.latest_actions(9) if action.remedy == KINDS[kind].remedy]
    if len(actions) != 1:
        return [f"there are {len(actions)} attempts"]
    (action,) = actions
    incident = ledger.incident(action.incident_id)
    is_finished = KINDS[kind].repeats or left is None or left.state is not ActionState.EXECUTING
    if not is_finished and KINDS[kind].sees:
        is_finished = action.state is ActionState.SUCCEEDED and point not in {
            "after the intent, before the effect",
            "connected, before the effect",
            "with the actuator's intent written, before the call",
        }
    is_finished &= not POINTS[point].twice  # two tries are all it gets
    wanted = ActionState.SUCCEEDED if is_finished else ActionState.NEEDS_HUMAN
    broken = [] if action.state is wanted else [f"it ended as {action.state}, not as {wanted}"]
    if action.state is ActionState.NEEDS_HUMAN and ledger.escalation(incident.id) is None:
        broken.append("nobody was called")
    return broken


# --- what the processes do -------------------------------------------------------------------------------------------


def house_of(home: Path, port: int, site: str, kind: str, at: datetime = AT) -> House:
    """The house of a story."""
    pretend.register()
    row = KINDS[kind]
    return open_house(home, port, site, {row.remedy: row.mode}, at, **row.needs(port, site))


def attempt(home: Path, port: int, site: str, kind: str, point: str) -> None:
    """Open an incident, and take its steps until the point where it ends."""
    house = house_of(home, port, site, kind)
    incident = begin(house, KINDS[kind].remedy, state=KINDS[kind].state)
    if prepare := KINDS[kind].prepare:
        asyncio.run(prepare(house))
    POINTS[point].arm()
    asyncio.run(live(house, incident.id))


def look(home: Path, port: int, site: str, kind: str) -> None:
    """Come at once, while the lease of the dead lasts."""
    house = house_of(home, port, site, kind, AT + timedelta(seconds=5))
    asyncio.run(step(house, house.ledger.incidents()[0].id))


def go_on(
    home: Path, port: int, site: str, kind: str, at: datetime = AT + 2 * MINUTE, point: str | None = None
) -> None:
    """Come when the lease is over, and bring it to its end, or to the point where it ends."""
    house = house_of(home, port, site, kind, at)
    incident = house.ledger.incidents()[0]
    if point is not None:
        POINTS[point].arm()
    asyncio.run(live(house, incident.id))


async def live(house: House, incident_id: str) -> None:
    """A step a minute until the attempt is over; people agree to what waits for them."""
    for _ in range(STEPS):
        await step(house, incident_id)
        action = next(iter(house.ledger.latest_actions(1)), None)
        if action is not None and action.state is ActionState.AWAITING_APPROVAL:
            approve.approve(house, action.id, "Ada Example", "looked at it")
        if action is not None and action.state.is_terminal:
            return
        house.clock.forward(MINUTE)


async def step(house: House, incident_id: str) -> None:
    """One step, as flows/remediate.py says it, on the readings of this minute."""
    measure(house, well_after_effect(house, incident_id))
    if remediate.is_due(house, house.ledger.incident(incident_id)):
        incident, decision = await remediate.remediate(house, incident_id)
        escalate.consider_escalation(house, incident, decision)


# --- how the product may be broken -----------------------------------------------------------------------------------


def skip_the_intent(patch: pytest.MonkeyPatch) -> None:
    plain = act.act

    async def first_the_effect(house, incident, chosen):
        plan = act.planned(house, incident, chosen)
        await act.apply(house, plan.model_copy(update={"id": "ACT-2026-11-23-001"}))
        return await plain(house, incident, chosen)

    patch.setattr(remediate, "act", first_the_effect)


def mark_before_the_effect(patch: pytest.MonkeyPatch) -> None:
    async def marked(house, incident, action, lease):
        with house.ledger.change("remediate", house.clock.now()) as change:
            change.save_action(action.to(ActionState.VERIFYING, effective_at=change.at), lease)
            moved = change.save_incident(incident.advance(Event.ACTED, change.at, "done"))
        await act.apply(house, action)
        return moved

    patch.setattr(act, "carry_out", marked)


def ask_nobody(answer: bool) -> Mutant:
    """Recovery takes for granted what it ought to look for."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        async def observe(_):
            return answer

        pretend.register()
        for name in ("switch_on", "send_once"):
            patch.setattr(choose.remedy_file(name), "observe", observe)
        patch.setattr(renew_credentials, "observe", observe)

    return broken


def repeat_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(act, "why_never_again", lambda *_, **__: None)


def try_for_ever(patch: pytest.MonkeyPatch) -> None:
    plain = act.why_never_again

    def forgetful(house, action, *, in_place):
        why = plain(house, action, in_place=in_place)
        return None if why and why.startswith("it was begun") else why

    patch.setattr(act, "why_never_again", forgetful)


def no_lease(patch: pytest.MonkeyPatch) -> None:
    plain = LeaseChanges.acquire

    def taken(self, name, holder, ttl):
        self._connection.execute(update(leases).values(holder=None))
        return plain(self, name, holder, ttl)

    patch.setattr(LeaseChanges, "acquire", taken)


def call_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(escalate, "reason_to_escalate", lambda _: None)


MUTANTS: dict[str, Mutant] = {
    "skip the intent": skip_the_intent,
    "mark before the effect": mark_before_the_effect,
    "no observer: never in place": ask_nobody(answer=False),
    "no observer: always in place": ask_nobody(answer=True),
    "repeat what must not be repeated": repeat_everything,
    "try again for ever": try_for_ever,
    "no lease": no_lease,
    "nobody is called": call_nobody,
}
TELLING = {  # the stories that must show it
    "skip the intent": [("outside", "before the lease"), ("outside", "asked for, nobody heard the answer")],
    "mark before the effect": [("outside", "connected, before the effect")],
    "no observer: never in place": [("outside", "after the effect, before its result")],
    "no observer: always in place": [("outside", "after the intent, before the effect")],
    "repeat what must not be repeated": [(AGREED[0], "after the effect, before its result")],
    "try again for ever": [("outside", "connected, before the effect, twice")],
    "no lease": [("outside", "after the intent, before the effect")],
    "nobody is called": [(AGREED[0], "after the effect, before its result")],
}
