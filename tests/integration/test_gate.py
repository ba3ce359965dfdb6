"""How much is asked of a system that cannot cope, or that asked to be left alone: against a real server."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import httpx
import pytest

from models.breaker import Breaker, BreakerState
from models.remedy import ActionState, Outcome
from models.tuning import Setting
from tasks.gate import NOT_ASKED, is_spared
from tasks.guard import forbid
from tasks.guarded import BreakerOpen
from tasks.observed import observed
from tasks.remember import history
from tasks.verify import verify
from tests.builders import NOW
from tests.clocks import MovedClock, a_house
from tests.governed import DOWN, GOOD, SHOP, a_round, a_shop, adjusted, shop, throttled

MINUTE = timedelta(minutes=1)
TICK = MINUTE + timedelta(milliseconds=50)  # a wait counts from the end of the answer, which takes its time


def arm(house):
    return adjusted(house, Setting.BREAKER, "armed", remedy="open_breaker")


def test_a_storm_opens_the_breaker_and_three_single_answers_close_it(tmp_path):
    async def run():
        async with shop(tmp_path, DOWN) as (house, server):
            asked, states = [], []

            async def rounds(number: int) -> None:
                for _ in range(number):
                    before = len(server.asked_at)
                    await a_round(house, MINUTE)
                    known = house.ledger.kept(Breaker, SHOP)
                    asked.append(len(server.asked_at) - before)
                    states.append(known.state.value if known else None)

            await rounds(1)
            arm(house)
            await rounds(4)
            server.says = GOOD
            await rounds(12)
            return house, asked, states

    house, asked, states = asyncio.run(run())
    assert asked[0] == 10  # nothing is armed yet
    assert asked[1] == 0  # the storm of the minute before has opened it
    again = asked.index(10, 1)
    assert set(asked[1:again]) <= {0, 1}
    assert asked[again:] == [10] * len(asked[again:])
    assert states[1:5] == ["open"] * 4
    assert sum(asked[n] for n, state in enumerate(states) if state == "half_open") == 2  # the third closed it
    assert states[again - 1 :] == ["closed"] * len(states[again - 1 :])
    thread = " ".join(moment.says for moment in house.ledger.current(SHOP).moments)
    assert "Circuit breaker opened (10 of 10 calls failed)" in thread
    assert "Circuit breaker closed: 3 single calls in a row were answered" in thread


def test_what_is_not_asked_is_written_down_and_is_no_reading(tmp_path):
    async def run():
        async with shop(tmp_path, DOWN) as (house, _):
            await a_round(house)
            arm(house)
            one, spared = house.integration(SHOP), [is_spared(house, house.integration(SHOP))]
            readings = await a_round(house, MINUTE)
            return house, readings, [*spared, is_spared(house, one)]

    house, readings, spared = asyncio.run(run())
    assert readings == ()
    assert spared == [False, True]  # neither canaries nor replays are sent meanwhile
    gauges = history(tmp_path).execute("select metric, subject, value from gauges").fetchall()
    assert gauges == [(NOT_ASKED, "Order.list", 10.0)]
    (queued,) = house.ledger.missed_reads(SHOP, limit=9)
    assert (queued.operation, queued.incident_id) == ("Order.list", house.ledger.current(SHOP).id)


def test_a_breaker_ends_with_what_armed_it(tmp_path):
    async def run():
        async with shop(tmp_path, DOWN) as (house, server):
            await a_round(house)
            armed = arm(house)
            await a_round(house, MINUTE)
            held = house.ledger.kept(Breaker, SHOP).state
            house.clock.at = armed.until
            before = len(server.asked_at)
            await a_round(house)
            return held, len(server.asked_at) - before, house.ledger.kept(Breaker, SHOP)

    assert asyncio.run(run()) == (BreakerState.OPEN, 10, None)


@pytest.mark.parametrize(
    ("remedy", "setting", "value", "kept"),
    [
        pytest.param("open_breaker", Setting.BREAKER, "armed", True, id="it was not to make anything better"),
        pytest.param("raise_deadline", Setting.DEADLINE_S, 20.0, False, id="it was, and did not"),
    ],
)
def test_what_spares_a_system_is_kept_though_nothing_gets_better_by_it(tmp_path, remedy, setting, value, kept):
    async def run():
        async with shop(tmp_path, DOWN) as (house, _):
            await a_round(house)
            made = adjusted(house, setting, value, remedy=remedy, outcome=None)
            for _ in range(14):
                await a_round(house, MINUTE)
                house.cases.clear()
                action = house.ledger.action(made.action_id)
                if action.state is ActionState.VERIFYING:
                    verify(house, house.ledger.incident(action.incident_id), action)
            return house.ledger.action(made.action_id), made in house.ledger.adjustments(SHOP)

    action, is_in_force = asyncio.run(run())
    assert (action.state, action.outcome) == (ActionState.FAILED, Outcome.NONE)
    assert is_in_force is kept


@pytest.mark.parametrize(
    ("says", "rounds", "asked"),
    [
        pytest.param("Retry-After: 120", 4, [0, 120], id="two minutes, over two rounds"),
        pytest.param("Retry-After: Wed, 26 Mar 2025 13:49:32 GMT", 6, [0, 240], id="until an instant"),
        pytest.param("Retry-After: 100", 4, [0, 120], id="the first round after it"),
        pytest.param("Retry-After: soon", 2, [0, 60], id="nobody can read it"),
    ],
)
def test_nobody_calls_before_the_end_of_the_pause_that_was_asked_for(tmp_path, says, rounds, asked):
    """Across rounds, and within one: of ten planned calls the first is the last."""
    date = "Date: Wed, 26 Mar 2025 13:45:32 GMT"

    async def run():
        async with shop(tmp_path, throttled(says, date)) as (house, server):
            for nth in range(rounds):
                await a_round(house, TICK if nth else timedelta(0))
            return sorted({round(at) for at in server.seconds()}), len(server.asked_at)

    seconds, calls = asyncio.run(run())
    assert seconds[: len(asked)] == asked
    assert calls == (len(seconds) if says != "Retry-After: soon" else 20)


def test_a_short_pause_is_waited_for_within_the_round(tmp_path):
    async def run():
        async with shop(tmp_path, throttled("Retry-After: 2"), calls=3) as (house, server):
            await a_round(house)
            return server.seconds()

    assert asyncio.run(run()) == pytest.approx([0, 2, 4], abs=0.5)


def test_a_retry_that_the_round_does_not_live_to_see_is_not_made(tmp_path):
    """It would otherwise hold every other system's readings back for an hour."""

    async def run():
        async with shop(tmp_path, throttled("Retry-After: 3600"), calls=1) as (house, server):
            adjusted(house, Setting.ATTEMPTS, 3, remedy="retry_failed")
            await a_round(house)
            return server.seconds(), house.clock.now()

    assert asyncio.run(run()) == ([0], NOW)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_guarded_application_is_told_at_once_and_calls_again_when_nobody_forbids_it(tmp_path, asynchronous):
    house = a_house(tmp_path, MovedClock(NOW), a_shop(9))
    inbox, asked = tmp_path / "inbox", []

    def served(request):
        asked.append(request)
        return httpx.Response(200)

    async def call():
        transport = observed(httpx.MockTransport(served), to=inbox, integration=SHOP, guarded=True)
        if asynchronous:
            async with httpx.AsyncClient(transport=transport) as client:
                return await client.get("http://shop.test/orders")
        with httpx.Client(transport=transport) as client:
            return client.get("http://shop.test/orders")

    assert asyncio.run(call()).status_code == 200
    forbid(house, SHOP, NOW + timedelta(seconds=100))
    with pytest.raises(BreakerOpen, match="shop is spared for") as held:
        asyncio.run(call())
    assert 90 < held.value.retry_after_s <= 100
    assert len(asked) == 1
    (inbox / ".guard" / f"{SHOP}.json").write_text(json.dumps({"for_s": 0.0}))  # nobody has renewed it
    assert asyncio.run(call()).status_code == 200
