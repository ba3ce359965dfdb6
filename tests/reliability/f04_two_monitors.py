"""F4: two monitors on one home. One is stopped for longer than its lease and goes on, or both run at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models.errors import LedgerConflict
from models.remedy import ActionState
from models.tier import Mode
from tasks import act
from tasks.house import House
from tasks.ledger import Ledger, actions, open_ledger
from tests.reliability import pretend
from tests.reliability.f03_kill_each_step import no_lease, step
from tests.reliability.ground import AT, MINUTE, begin, drop_schema, has_postgresql, new_home, new_schema, open_house
from tests.reliability.invariants import violations
from tests.reliability.nursery import PATIENCE_S, born, ended, stop, stopped
from tests.reliability.peer import peer
from tests.reliability.points import after, before, inside
from tests.reliability.survival import Mutant, Profile, Survival, total, trial

NAME, PROMISE = "F4", "of two monitors one acts at a time; who slept through its lease does nothing more"
TRIES = {Profile.SMALL: 4, Profile.USUAL: 50, Profile.FULL: 500}
LEASE_S = 0.3  # real; thirty in earnest
REMEDIES = {"switch_on": True, "send_once": False}  # and whether it may be repeated
POINTS = {
    "after the intent, before anything": partial(before, act, "carry_out", stop),
    "connected, before the effect": partial(inside, partial(before, act, "remedy_file", stop)),
    "asked for, nobody heard the answer": partial(after, pretend.WIRE, "ask", then=stop),
    "after the effect, before its result": partial(after, act, "apply", then=stop),
    "after the intent, for less than its lease": partial(before, act, "apply", stop),
    "both at once": None,
}
SHORT, LATE = "after the intent, for less than its lease", "after the intent, before anything"
RESULT_LATE = ("asked for, nobody heard the answer", "after the effect, before its result")


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Points and remedies in turn, on SQLite and every third time on PostgreSQL."""
    stories = [(point, remedy) for remedy in REMEDIES for point in POINTS]
    if mutant is not None:
        return total(tell(*story, None, mutant) for story in TELLING[mutant])
    Random(seed).shuffle(stories)
    told = []
    for nth in range(TRIES[profile]):
        url = new_schema() if nth % 3 == 2 and has_postgresql() else None
        try:
            told.append(tell(*stories[nth % len(stories)], url))
        finally:
            drop_schema(url)
    return total(told)


def tell(point: str, remedy: str, url: str | None, mutant: str | None = None) -> Survival:
    """One meeting of two."""
    home, site = new_home(), peer().sites[name := uuid4().hex]
    site.takes_s = 0.02
    where = {"home": home, "port": peer().port, "site": name, "remedy": remedy, "url": url}
    start = partial(born, __name__, "monitor", mutant, **where, lease_s=PATIENCE_S if point == SHORT else LEASE_S)
    with closing(open_ledger(home, url)) as ledger:
        first, took_s, broken = start(point=point), 0.0, []
        if POINTS[point] is None:
            codes = [ended(start(point=point)), ended(first)]
        else:
            with stopped(first) as is_stopped:
                before_s = time.perf_counter()
                codes = [ended(start(point="both at once", until="glanced" if point == SHORT else "recovered"))]
                took_s, done = time.perf_counter() - before_s, site.effects.total()
            codes.append(ended(first))
            codes.append(ended(start(point="both at once")))
            broken += [] if is_stopped else ["nobody was stopped"]
            broken += ["it acted without its lease"] * (point == LATE and site.effects.total() > done)
            broken += ["the other one did not wait"] * (point == SHORT and (done > 0 or refusals(ledger) > 0))
            broken += ["a stale result was not refused"] * (point in RESULT_LATE and not refusals(ledger))
        broken += [f"they ended with {codes}"] * any(codes)
        broken += [f"{site.overlaps} effects at one time"] * bool(site.overlaps)
        broken += [] if len(ledger.latest_actions(9)) == 1 else ["there is not one attempt"]
        once = [] if REMEDIES[remedy] else site.effects.elements()
        broken += violations(ledger, attempts=2, effects=site.effects, once=once)
    # who was stopped with the call in its hands makes it, and the key tells that it is the same
    most = 2 if point == "connected, before the effect" and REMEDIES[remedy] else 1
    wrong = sum(max(0, n - most) for n in site.effects.values())
    return trial([f"{remedy}, {point}: {says}" for says in broken], wrong=wrong, took_s=took_s)


def refusals(ledger: Ledger) -> int:
    """Stale tokens that were turned away."""
    with ledger._reading() as connection:
        counted = connection.execute(sa.text("SELECT count(*) FROM audit WHERE action = 'refused' AND rule = 'A2'"))
        return int(counted.scalar_one())


def monitor(
    home: Path, port: int, site: str, remedy: str, url: str | None, point: str, lease_s: float, until: str = "over"
) -> None:
    """A step every few milliseconds of real time, and once an effect is known, every minute of told time."""
    pretend.register()
    act.LEASE = timedelta(seconds=lease_s)
    house = open_house(home, port, site, {remedy: Mode.AUTO}, AT)
    if url is not None:
        house.__dict__["ledger"] = open_ledger(home, url)
    incident_id = one_incident(house, remedy)
    if arm := POINTS[point]:
        arm()
    asyncio.run(live(house, incident_id, until))


def one_incident(house: House, remedy: str) -> str:
    """The incident; whoever is first opens it."""
    if not house.ledger.incidents():
        try:
            return begin(house, remedy).id
        except LedgerConflict:
            time.sleep(0.05)  # the other one is just writing its diagnosis
    return house.ledger.incidents()[0].id


async def live(house: House, incident_id: str, until: str) -> None:
    """Until the attempt is over, or has left what its first owner did, or after one glance."""
    end = time.monotonic() + PATIENCE_S / 2
    while time.monotonic() < end:
        await step(house, incident_id)
        action = next(iter(house.ledger.latest_actions(1)), None)
        is_recovered = action is not None and action.state is ActionState.VERIFYING
        if until == "glanced" or (action is not None and action.state.is_terminal):
            return
        if until == "recovered" and is_recovered:
            return
        if is_recovered:
            house.clock.forward(MINUTE)
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to an end")


def no_token_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(actions.ActionChanges, "holds", lambda *_: True)


def no_second_look(patch: pytest.MonkeyPatch) -> None:
    """Nobody asks, before the effect, whether the lease is still theirs."""
    patch.setattr(Ledger, "holds", lambda *_: True)


MUTANTS: dict[str, Mutant] = {
    "drop the token check": no_token_check,
    "act without a second look at the lease": no_second_look,
    "no lease": no_lease,
}
TELLING = {
    "drop the token check": [("after the effect, before its result", "switch_on")],
    "act without a second look at the lease": [("after the intent, before anything", "switch_on")],
    "no lease": [(SHORT, "switch_on")],
}
