"""When a refused read is tried again: the exact schedule on a clock moved by hand, against a real server (D01)."""

from __future__ import annotations

import asyncio

import pytest

from models.tuning import Setting, Tuning
from tasks.probe import RetryBudget, attempt, connected
from tests.builders import NOW
from tests.governed import DOWN, SHOP, a_round, adjusted, shop, throttled

DATE = f"Date: {NOW:%a, %d %b %Y %H:%M:%S} GMT"
DRAW = (
    0.5  # half of the jitter: the second and the third try leave half a second and a second and a half after the first
)
JITTER = (0.0, 0.5, 1.5)
SAID = {  # what they say of when to come back → when three tries leave, in seconds
    "seconds": (("Retry-After: 120",), (0.0, 126.0, 252.0)),
    "an HTTP-date": (("Retry-After: Wed, 26 Mar 2025 13:47:32 GMT",), (0.0, 126.0, 252.0)),
    "a date that is past": (("Retry-After: Wed, 26 Mar 2025 13:40:00 GMT",), JITTER),
    "negative": (("Retry-After: -5",), JITTER),
    "huge": (("Retry-After: 99999999999",), (0.0, 3780.0, 7560.0)),
    "a fraction": (("Retry-After: 2.5",), (0.0, 2.625, 5.25)),
    "garbage": (("Retry-After: in a while",), JITTER),
    "both headers": (("Retry-After: 30", "RateLimit-Reset: 90"), (0.0, 31.5, 63.0)),
    "twice": (("Retry-After: 30", "Retry-After: 60"), (0.0, 63.0, 126.0)),
    "nothing": ((), JITTER),
}


def schedule(tmp_path, says: bytes) -> tuple[float, ...]:
    async def run():
        async with shop(tmp_path, says) as (house, server):
            one, tuning = house.integration(SHOP), Tuning(attempts=3)
            async with connected(house, one, tuning) as connector:
                spare = RetryBudget(100, 60)
                await attempt(connector, one.reads[0], tuning, house.clock, spare, lambda: DRAW)
            return server.seconds()

    return tuple(asyncio.run(run()))


@pytest.mark.parametrize("said", SAID)
def test_three_tries_leave_when_they_may_and_not_before(tmp_path, said):
    headers, expected = SAID[said]
    left = schedule(tmp_path, throttled(*headers, DATE))
    print(f"{said:20} {left}")  # noqa: T201  # the exact schedule, shown with -rP
    assert left == pytest.approx(expected, abs=1e-6)


def test_a_tenth_of_the_calls_or_one_in_ten_seconds_is_all_that_a_storm_adds(tmp_path):
    """Eighty reads a round, every one refused, three tries each: 160 retries are wanted, and eight are made."""

    async def run():
        async with shop(tmp_path, DOWN, calls=80) as (house, server):
            adjusted(house, Setting.ATTEMPTS, 3, remedy="retry_failed")
            readings = await a_round(house)
            return len(server.asked_at), sum(one.attempts - 1 for one in readings)

    assert asyncio.run(run()) == (88, 8)
