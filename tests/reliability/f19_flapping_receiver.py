"""F19: who is called is down, slow or busy, or takes a call and does not say so. All is heard, in order."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from models.anomaly import Severity
from models.errors import BadInput
from models.queue import NoticeState
from tasks import outbox
from tasks.acknowledge import acknowledge
from tasks.house import House
from tasks.ledger import Change, ledger
from tests.clocks import MovedClock
from tests.paging import AT, HOUR, MINUTE, Pager, Reply, a_paged_house, break_down, one_round, paged, recover, systems
from tests.reliability.ground import new_home
from tests.reliability.survival import Mutant, Profile, Survival, break_product, total, trial

NAME, PROMISE = "F19", "every call arrives, in order, and twice only where nobody can know that it arrived"
SEEDS = {Profile.SMALL: 2, Profile.USUAL: 60, Profile.FULL: 1_000}
OF_A_MUTANT = 12  # at most, until one shows it
NAMES = ("epic", "unity", "portal")
DEADLINE_S = 0.05  # real seconds, after which a receiver that hangs is given up
DOWN = HOUR
LONG = timedelta(hours=8)  # by then all has arrived, as the receiver is well from the third hour on
ODDS = (
    (6, Reply(takes=True)),
    (2, Reply(takes=False, status=500)),
    (1, Reply(takes=False, status=429)),
    (1, Reply(takes=False, status=429, wait_s=700)),
    (1, Reply(takes=False, status=None)),  # hangs up before it has it
    (1, Reply(takes=True, status=None)),  # … and after
    (1, Reply(takes=True, status=503)),  # its answer is lost on the way
    (1, Reply(takes=True, hangs=True)),  # … or never comes
)
LOST = frozenset(one for _, one in ODDS if one.takes and (one.hangs or one.status != 200))
ORDER = ("trigger", "acknowledge", "resolve")


class Crash(Exception):
    """The monitor ends between the receiver's answer and the line that says so."""


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """So many nights, each of its own seed."""
    seeds = range(seed * 10_000, seed * 10_000 + (SEEDS[profile] if mutant is None else OF_A_MUTANT))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HEAL_LEDGER_URL", raising=False)
        break_product(MUTANTS, mutant, patch)
        return total(asyncio.run(nights(seeds, patch, ends_early=mutant is not None)))


async def nights(seeds: Iterable[int], patch: pytest.MonkeyPatch, *, ends_early: bool) -> list[Survival]:
    """One after another, at one receiver; of a broken product until the first that shows it."""
    pager, lived = Pager(), list[Survival]()
    async with paged(pager):
        for seed in seeds:
            lived.append(await night(seed, pager, patch))
            if ends_early and not lived[-1].held:
                break
    return lived


async def night(seed: int, pager: Pager, patch: pytest.MonkeyPatch) -> Survival:
    """Three incidents that begin, are answered and end while the receiver flaps; down for an hour among it."""
    random, clock, began = Random(seed), MovedClock(AT), time.perf_counter()
    home, down_from = new_home(), AT + random.randrange(90) * MINUTE
    pager.came.clear()
    pager.took.clear()
    pager.now = clock.now
    pager.reply = lambda _: behaves(random, clock.now(), down_from)
    crashes = Counter[str]()
    house = a_paged_house(home, pager.port, clock, *systems(*NAMES), deadline_s=DEADLINE_S)
    patch.setattr(Change, "delivered", crashing(random, crashes))
    try:
        subjects = await live(house, clock, random)
        broken = [*wrong_in(pager, house, subjects), *hurried(pager)]
        doubles = sum(count - 1 for count in Counter(notice for notice, _, _ in pager.took).values())
        excused = sum(crashes.values()) + sum(reply in LOST for _, _, reply in pager.came)
        broken += [f"{doubles} came twice, {excused} were lost on the way"] if doubles > excused else []
    finally:
        house.ledger.close()
        shutil.rmtree(home)
    return trial([f"seed {seed}: {says}" for says in broken], took_s=time.perf_counter() - began)


def behaves(random: Random, now: datetime, down_from: datetime) -> Reply:
    """What the receiver does at this instant."""
    if down_from <= now < down_from + DOWN:
        return Reply(takes=False, status=503)
    if now >= AT + 3 * HOUR:
        return Reply(takes=True)
    odds, replies = zip(*ODDS, strict=True)
    return replace(random.choices(replies, odds)[0])


def crashing(random: Random, crashes: Counter[str]) -> Any:
    """A line in the ledger that is, one time in fifteen, never written."""
    plain = PLAIN_DELIVERED

    def delivered(change: Change, notice_id: str) -> None:
        if random.random() < 1 / 15:
            crashes[notice_id] += 1
            raise Crash
        plain(change, notice_id)

    return delivered


PLAIN_DELIVERED = Change.delivered


async def live(house: House, clock: MovedClock, random: Random) -> tuple[str, ...]:
    """Three hours of trouble and quiet; the incidents."""
    due = {name: random.randrange(0, 100) for name in NAMES}
    ids: dict[str, str] = {}
    ends = {name: due[name] + random.randrange(1, 80) for name in NAMES}
    hears = {name: due[name] + random.randrange(1, 80) for name in NAMES}
    minute = 0
    while clock.at < AT + LONG and (minute < 181 or not is_done(house, ids)):
        for name in NAMES:
            if minute == due[name]:
                ids[name] = break_down(house, name, Severity.CRITICAL).id
            if name in ids and minute == hears[name]:
                hear(house, ids[name])
            if name in ids and minute == ends[name]:
                recover(house, ids[name])
        try:
            await one_round(house, draw=random.random)
        except Crash:
            object.__setattr__(house, "holder", f"after-{minute}")
        minute += 1
        clock.move(timedelta(seconds=random.randrange(50, 71)))
    return tuple(ids.values())


def hear(house: House, incident_id: str) -> None:
    """Somebody answers, if there is still something to answer."""
    try:
        acknowledge(house, incident_id, "Kim")
    except BadInput:
        return


def is_done(house: House, ids: dict[str, str]) -> bool:
    """Whether nothing is on its way."""
    waits = {NoticeState.WAITING, NoticeState.HELD}
    return not any(one.state in waits for name in ids.values() for one in house.ledger.notices(name))


def wrong_in(pager: Pager, house: House, subjects: Iterable[str]) -> list[str]:
    """What never came, though it was to, and what came before what it follows."""
    found = []
    took = {notice for notice, _, _ in pager.took}
    for subject in subjects:
        meant = [one for one in house.ledger.notices(subject) if one.state is not NoticeState.COLLAPSED]
        found += [f"{one.id} never came, and is {one.state}" for one in meant if one.id not in took]
        first: dict[str, int] = {}
        for place, (_, about, kind) in enumerate(pager.took):
            if about == subject:
                first.setdefault(kind, place)
        places = [first[kind] for kind in ORDER if kind in first]
        if places != sorted(places) or (first and "trigger" not in first):
            found.append(f"{subject} was told as {sorted(first, key=first.__getitem__)}")
        if "trigger" in first and "resolve" not in first:
            found.append(f"nobody heard that {subject} is over")
    return found


def hurried(pager: Pager) -> list[str]:
    """Notices that came back before the time that the receiver had asked for."""
    found, until = [], dict[str, datetime]()
    for at, notice, reply in pager.came:
        if notice in until and at < until[notice]:
            found.append(f"{notice} came back {until[notice] - at} too early")
        if reply.wait_s is not None:
            until[notice] = at + timedelta(seconds=reply.wait_s)
    return found


def mark_before_sending(patch: pytest.MonkeyPatch) -> None:
    plain = outbox.send

    async def send(house: House, notice: Any, now: datetime, draw: Any) -> bool:
        with house.ledger.change("escalate", now) as change:
            PLAIN_DELIVERED(change, notice.id)
        return await plain(house, notice, now, draw)

    patch.setattr(outbox, "send", send)


def drop_the_order(patch: pytest.MonkeyPatch) -> None:
    plain = ledger.due
    patch.setattr(ledger, "due", lambda at, route=None: tuple(one for n, one in enumerate(plain(at, route)) if n != 3))


def ask_not_how_long(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "wait_s", lambda _, attempts, draw: outbox.pause_s(attempts, draw))


def give_up_early(patch: pytest.MonkeyPatch) -> None:
    """What fails three times is never tried again."""
    plain = Change.not_delivered

    def not_delivered(change: Change, notice_id: str, error_class: str, retry_at: datetime | None) -> None:
        tries = change._notice(notice_id).attempts
        plain(change, notice_id, error_class, retry_at if tries < 3 else None)

    patch.setattr(Change, "not_delivered", not_delivered)


def forget_the_claim(patch: pytest.MonkeyPatch) -> None:
    """Every look sends once more what was sent before."""

    def twice(_: Change, __: str) -> None:
        return

    patch.setattr("tests.reliability.f19_flapping_receiver.PLAIN_DELIVERED", twice)


MUTANTS: dict[str, Mutant] = {
    "marked before it is sent": mark_before_sending,
    "the order is dropped": drop_the_order,
    "Retry-After is not heard": ask_not_how_long,
    "given up after three tries": give_up_early,
    "never marked": forget_the_claim,
}
