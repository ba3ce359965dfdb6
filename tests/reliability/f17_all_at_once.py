"""F17: five hundred integrations fail at once. Somebody is called once, and hears of it when it is over."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from models.anomaly import Severity
from models.integration import Integration
from models.notify import group, stages
from tasks import cascade
from tasks.house import House
from tasks.ledger import Change
from tests.builders import an_integration
from tests.clocks import MovedClock
from tests.paging import AT, HOUR, MINUTE, Pager, a_paged_house, break_down, one_round, paged, recover
from tests.reliability.ground import new_home
from tests.reliability.survival import Mutant, Profile, Survival, break_product, total, trial

NAME, PROMISE = "F17", "hundreds that fail at once are one call, and who outlives the others is told of"
MANY = {Profile.SMALL: 9, Profile.USUAL: 500, Profile.FULL: 500}
TRIES = {Profile.SMALL: 1, Profile.USUAL: 1, Profile.FULL: 5}  # of each way
WAYS = ("an origin that is watched", "an origin that nobody watches", "an origin that nobody declared")
ORIGIN = "idp"


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Each way of having something in common."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HEAL_LEDGER_URL", raising=False)
        break_product(MUTANTS, mutant, patch)
        trials = [(way, seed + n) for n in range(TRIES[profile]) for way in WAYS]
        return total([asyncio.run(outage(way, MANY[profile], each)) for way, each in trials])


def fleet(way: str, many: int) -> tuple[Integration, ...]:
    """The integrations; hosts are their own, so that only what is declared is shared."""

    def one(name: str, **more: Any) -> Integration:
        known = an_integration(id=name, name=name, **more)
        return known.model_copy(update={"settings": known.settings | {"base_url": f"https://{name}.example.org/R4"}})

    declared = {"depends_on": (ORIGIN,)} if way != WAYS[2] else {}
    origin = (one(ORIGIN),) if way == WAYS[0] else ()
    return (*origin, *(one(f"practice-{n:03d}", **declared) for n in range(many)))


async def outage(way: str, many: int, seed: int) -> Survival:
    """All fail within two minutes, for an hour; then all but a few are well."""
    random, clock, home = Random(seed), MovedClock(AT), new_home()
    pager = Pager(now=clock.now)
    async with paged(pager):
        house = a_paged_house(home, pager.port, clock, *fleet(way, many))
        try:
            broken, until_told_s = await live(house, clock, pager, random, way)
        finally:
            house.ledger.close()
            shutil.rmtree(home)
    return trial([f"{way}: {says}" for says in broken], took_s=until_told_s)


async def live(house: House, clock: MovedClock, pager: Pager, random: Random, way: str) -> tuple[list[str], float]:
    """Twelve minutes of it and its end: what was wrong, and the real seconds of the cycle that tells of it."""
    began, ids = AT - 6 * MINUTE, {}
    for one in house.configuration.integrations:
        lag = timedelta(seconds=0 if one.id == ORIGIN else random.randrange(1, 120))
        severity = (
            Severity.CRITICAL
            if one.id == ORIGIN
            else random.choice((Severity.CRITICAL, Severity.CRITICAL, Severity.HIGH))
        )
        ids[one.id] = break_down(house, one.id, severity, started_at=began + lag).id
    begins = time.perf_counter()
    await one_cycle(house)
    until_told_s = time.perf_counter() - begins
    for _ in range(11):
        clock.move(MINUTE)
        await one_cycle(house)
    found = []
    if len(set(pager.pages)) != 1:
        found.append(f"{len(set(pager.pages))} were called for, {Counter(pager.pages).most_common(3)}")
    if len(pager.pages) > 3:  # at once, and at most two that join later
        found.append(f"{len(pager.pages)} words within twelve minutes")
    if way == WAYS[0] and pager.pages[:1] != [ids[ORIGIN]]:
        found.append("the origin was not the one that people were called for")
    return found + await ending(house, clock, pager, ids), until_told_s


async def ending(house: House, clock: MovedClock, pager: Pager, ids: dict[str, str]) -> list[str]:
    """All recover but three, of which nobody was told by name: now somebody is; then these do too."""
    told = set(pager.pages)
    outlive = [name for name, one in ids.items() if one not in told and name != ORIGIN][-3:]
    for name, one in ids.items():
        if name not in outlive:
            recover(house, one)
    for _ in range(3):
        clock.move(MINUTE)
        await one_cycle(house)
    found = []
    missing = [name for name in outlive if ids[name] not in pager.pages]
    if missing:
        found.append(f"{len(missing)} outlive the others, and nobody was told")
    for name in outlive:
        recover(house, ids[name])
    clock.move(HOUR)
    await one_cycle(house)
    ended = {subject for _, subject, kind in pager.took if kind == "resolve"}
    return [*found, *([f"of {len(set(pager.pages) - ended)} nobody heard the end"] if set(pager.pages) - ended else [])]


async def one_cycle(house: House) -> None:
    """What the monitor does about cascades and calls."""
    cascade.hold(house)
    await one_round(house)


def no_groups(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stages, "STAGES", stages.STAGES[:-1])


def no_storms(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(group, "STORM_OF", 10_000)


def nobody_is_inhibited(patch: pytest.MonkeyPatch) -> None:
    """Nor grouped: the origin does not stand for what depends on it."""
    patch.setattr(stages, "STAGES", stages.STAGES[1:-1])


def forget_the_others(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Change, "_free", lambda *_: None)


MUTANTS: dict[str, Mutant] = {
    "no groups": no_groups,
    "no storms": no_storms,
    "nobody is inhibited": nobody_is_inhibited,
    "who was told with others is forgotten": forget_the_others,
}
