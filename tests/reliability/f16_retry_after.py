"""F16: a peer asks to be left alone, in each of the ways that are in use. Nobody comes back early, or too often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from uuid import uuid4

import pytest

from flows.clock import CompressedClock
from models import waiting
from models.integration import Read
from models.retry import budget
from models.tuning import Tuning
from tasks import observe, probe
from tasks.house import House
from tests.reliability.ground import UNITY, new_home, open_house
from tests.reliability.peer import Site, peer
from tests.reliability.survival import Mutant, Profile, Survival, break_product, total, trial

NAME, PROMISE = "F16", "whoever is asked to wait waits as long as told, and retries stay within their budget"
TRIES = {Profile.SMALL: 1, Profile.USUAL: 1, Profile.FULL: 10}  # of each way
SPEED = 60.0  # a minute in a second
WAIT_S = 9  # asked for
WHOLE_S = 1.0  # what a date cannot tell: it has no fractions of a second
CALLS = 30
OFF = timedelta(minutes=10)  # of their clock


def http(at: datetime) -> str:
    """An HTTP-date."""
    return format_datetime(at.replace(microsecond=0), usegmt=True)


WAYS: dict[str, Callable[[datetime], dict[str, str]]] = {
    "seconds": lambda _: {"retry_after": str(WAIT_S)},
    "a date, by their clock": lambda now: {"retry_after": http(now + timedelta(seconds=WAIT_S)), "date": http(now)},
    "a date, by ours": lambda now: {"retry_after": http(now + timedelta(seconds=WAIT_S)), "date": ""},
    "a date, by a clock that is wrong": lambda now: {
        "retry_after": http(now - OFF + timedelta(seconds=WAIT_S)),
        "date": http(now - OFF),
    },
    "a policy that is used up": lambda _: {"ratelimit": f'"p";r=0;t={WAIT_S}'},
    "RateLimit-Reset": lambda _: {"ratelimit_reset": str(WAIT_S)},
    "X-RateLimit-Reset, seconds": lambda _: {"x_ratelimit_reset": str(WAIT_S)},
    "X-Rate-Limit-Reset, an epoch": lambda now: {
        "x_rate_limit_reset": str(int(now.timestamp()) + WAIT_S),
        "date": http(now),
    },
    "malformed, and another beside it": lambda _: {"retry_after": "soon", "x_ratelimit_reset": str(WAIT_S)},
}


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Each way, and once a cycle in which every call is refused."""
    ways = list(WAYS) * (TRIES[profile] if mutant is None else 1)
    with pytest.MonkeyPatch.context() as patch:
        break_product(MUTANTS, mutant, patch)
        return total([*asyncio.run(all_ways(ways, seed)), asyncio.run(a_storm())])


async def all_ways(ways: list[str], seed: int) -> list[Survival]:
    """Nine at a time, side by side: they mostly wait."""
    random, told = Random(seed), []
    for nth in range(0, len(ways), len(WAYS)):
        told += await asyncio.gather(*(asked(way, random.random()) for way in ways[nth : nth + len(WAYS)]))
    return told


def told(site: Site, clock: CompressedClock) -> Site:
    """The peer goes by the same clock."""
    site.now = lambda: clock.now().timestamp()
    return site


def a_house(clock: CompressedClock) -> tuple[House, Site]:
    """A house on this clock, and its peer."""
    site = told(peer().sites[name := uuid4().hex], clock)
    house = open_house(new_home(), peer().port, name, {})
    return House(configuration=house.configuration, home=house.home, clock=clock), site


async def asked(way: str, draw: float) -> Survival:
    """One read that is refused once, and repeated."""
    clock = CompressedClock(datetime.now(UTC), time.time(), SPEED)
    house, site = a_house(clock)
    site.refuses, site.refusals_left = WAYS[way], 1
    integration, began = house.integration(UNITY), time.perf_counter()
    async with probe.connected(house, integration) as connector:
        spare = probe.RetryBudget(10, 60)
        reading = await probe.attempt(connector, integration.reads[0], Tuning(attempts=2), clock, spare, lambda: draw)
    broken = [] if reading.outcome.is_ok and len(site.reads) == 2 else [f"{len(site.reads)} calls, {reading.outcome}"]
    waited = max(site.reads, default=0.0) - min(site.reads, default=0.0)
    broken += (
        [f"it came back after {waited:.2f} s"] if waited < WAIT_S - WHOLE_S * ("date" in way or "epoch" in way) else []
    )
    broken += [f"it stayed away for {waited:.1f} s"] if waited > 3 * WAIT_S else []
    return trial([f"{way}: {says}" for says in broken], took_s=time.perf_counter() - began)


async def a_storm() -> Survival:
    """Every call of a cycle is refused, whatever is done: the load is the calls and the budget, and no more."""
    clock = CompressedClock(datetime.now(UTC), time.time(), SPEED)
    house, site = a_house(clock)
    site.refuses, site.refusals_left = (lambda _: {"retry_after": "1"}), 10_000
    integration = house.integration(UNITY).model_copy(
        update={"reads": (Read(operation="GetSchedule", component="Schedule", calls=CALLS),)}
    )
    await probe.probe(house, integration, Tuning(attempts=4))
    most = CALLS + budget(CALLS, integration.probe_every.total_seconds())
    broken = [] if CALLS <= len(site.reads) <= most else [f"{len(site.reads)} calls, {CALLS} to {most} were to be made"]
    return trial(broken)


def ask_not_how_long(patch: pytest.MonkeyPatch) -> None:
    plain = probe.wait_s
    patch.setattr(probe, "wait_s", lambda attempt, draw, _=None: plain(attempt, draw))


def our_clock_only(patch: pytest.MonkeyPatch) -> None:
    plain = waiting.retry_after_s
    patch.setattr(
        observe, "retry_after_s", lambda headers, at: plain({k: v for k, v in headers.items() if k != "date"}, at)
    )


def one_way_only(patch: pytest.MonkeyPatch) -> None:
    plain = waiting.retry_after_s
    patch.setattr(
        observe, "retry_after_s", lambda headers, at: plain({k: v for k, v in headers.items() if "ratel" not in k}, at)
    )


def no_budget(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(probe.RetryBudget, "take", lambda _: True)


MUTANTS: dict[str, Mutant] = {
    "Retry-After is not heard": ask_not_how_long,
    "dates by our clock only": our_clock_only,
    "rate limits are not heard": one_way_only,
    "no budget": no_budget,
}
