"""F22: a remedy makes it worse, verification is shown stale readings, taking back fails the first time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from time import perf_counter
from uuid import uuid4

import pytest

from models.errors import Transient
from models.incident import State
from models.remedy import ActionState, Outcome
from models.tier import Mode
from tasks import choose, escalate, remediate, verify
from tasks.house import House
from tasks.ledger import Change
from tests.reliability.ground import MINUTE, UNITY, begin, measure, new_home, open_house
from tests.reliability.invariants import violations
from tests.reliability.peer import peer
from tests.reliability.survival import Mutant, Profile, Survival, break_product, total, trial

NAME, PROMISE = (
    "F22",
    "what makes it worse is taken back, not tried again, and never left so without a call to a person",
)
TRIES = {Profile.SMALL: 1, Profile.USUAL: 6, Profile.FULL: 60}  # of each story
REMEDIES = ("retry_failed", "raise_deadline")
STEPS = 45  # minutes


@dataclass(frozen=True)
class Story:
    """What the calls come to, before any attempt and after one."""

    before: float
    after: float
    is_worse: bool = False
    is_stale: bool = False  # nothing was measured since the effect
    fails_first: bool = False  # to take it back


STORIES = {
    "it makes it worse": Story(0.34, 1.0, is_worse=True),
    "it makes it a little worse": Story(0.17, 0.67, is_worse=True),
    "it changes nothing": Story(0.5, 0.5),
    "stale readings look well": Story(0.5, 0.0, is_stale=True),
    "taking back fails the first time": Story(0.34, 1.0, is_worse=True, fails_first=True),
}


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Every story so many times, each time in another order of remedies."""
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        break_product(MUTANTS, mutant, patch)
        return total(tell(name, random) for _ in range(TRIES[profile]) for name in STORIES)


def tell(name: str, random: Random) -> Survival:
    """One incident to its end, or for three quarters of an hour."""
    story, began = STORIES[name], perf_counter()
    remedies = random.sample(REMEDIES, k=len(REMEDIES))
    house = open_house(new_home(), peer().port, uuid4().hex, dict.fromkeys(remedies, Mode.AUTO))
    house.clock.forward(MINUTE * random.randrange(600))
    incident = begin(house, *remedies)
    with pytest.MonkeyPatch.context() as patch:
        if story.fails_first:
            fail_once(patch)
        broken = asyncio.run(live(house, incident.id, story))
    with house.ledger as ledger:
        actions = ledger.actions(incident.id)
        tried = [action.remedy for action in actions if action.executed_at]
        broken += [] if len(set(tried)) == len(tried) and tried else [f"these were tried: {tried}"]
        standing = {one.action_id for one in ledger.adjustments(UNITY, as_of=house.clock.now())}
        for action in actions:
            if story.is_worse and action.state is not ActionState.ROLLED_BACK:
                broken.append(f"what made it worse ended as {action.state}")
            if action.id in standing and action.state.is_terminal:
                broken.append(f"{action.remedy} still stands, and was {action.outcome}")
        broken += [] if ledger.escalation(incident.id) else ["nobody was called"]
        broken += [] if ledger.incident(incident.id).state is not State.MONITORING else ["it was called well"]
        broken += violations(ledger, attempts=2)
    return trial([f"{name}: {says}" for says in broken], took_s=perf_counter() - began)


async def live(house: House, incident_id: str, story: Story) -> list[str]:
    """A cycle a minute; what a cycle raises ends that cycle, as it would in the monitor."""
    failures = 0
    for _ in range(STEPS):
        look(house, incident_id, story)
        if remediate.is_due(house, house.ledger.incident(incident_id)):
            try:
                incident, decision = await remediate.remediate(house, incident_id)
                escalate.consider_escalation(house, incident, decision)
            except Transient:
                failures += 1
        house.clock.forward(MINUTE)
    return [] if failures == story.fails_first else [f"{failures} cycles failed"]


def look(house: House, incident_id: str, story: Story) -> None:
    """What the readings of this minute say. Stale ones are all older than the effect, and all well."""
    begun = [action for action in house.ledger.actions(incident_id) if action.effective_at]
    spans = [(action.effective_at, action.judged_at) for action in begun]
    if story.is_stale and begun:
        measure(house, lambda _: 0.0, until=begun[-1].effective_at)
        return

    def share(at: datetime) -> float:
        is_under = any(since <= at and (until is None or at < until) for since, until in spans)
        return story.after if is_under else story.before

    measure(house, share)


def fail_once(patch: pytest.MonkeyPatch) -> None:
    """The first taking back fails."""
    plain, failed = Change.revert, []

    def revert(self, adjustment_id):
        if not failed:
            failed.append(adjustment_id)
            raise Transient("the ledger is busy: another process holds it; try again")
        plain(self, adjustment_id)

    patch.setattr(Change, "revert", revert)


def leave_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "take_back", lambda *_: None)


def believe_stale(patch: pytest.MonkeyPatch) -> None:
    """Readings count that are older than the effect."""
    plain, plain_judge = verify.flags, verify.judge
    patch.setattr(verify, "flags", lambda case, _, symptom: plain(case, None, symptom))

    def judge(effect, **how):
        after = effect.after if effect.after.total else effect.before.model_copy(update={"failed": 0})
        return plain_judge(effect.model_copy(update={"after": after}), **how)

    patch.setattr(verify, "judge", judge)


def call_it_a_success(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "judge", lambda *_, **__: Outcome.SUCCESSFUL)


def try_it_again(patch: pytest.MonkeyPatch) -> None:
    """What was taken back is taken for untried."""
    patch.setattr(remediate, "untried", lambda wanted, *_: tuple(wanted))
    plain = choose.request_for
    free = {"rolled_back": False, "last_hour": 0, "last_day": 0, "since_last_s": None, "attempts_in_incident": 0}

    def request_for(*one, **other):
        request = plain(*one, **other)
        return replace(request, **free)

    patch.setattr(choose, "request_for", request_for)


def call_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(escalate, "reason_to_escalate", lambda _: None)


MUTANTS: dict[str, Mutant] = {
    "no rollback": leave_it,
    "stale readings are believed": believe_stale,
    "everything is a success": call_it_a_success,
    "what was taken back is tried again": try_it_again,
    "nobody is called": call_nobody,
}
