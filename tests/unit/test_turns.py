"""Few call at once, and whoever waits for a dead peer does not hold up the others."""

from __future__ import annotations

import asyncio

from tasks.probe import Turns


def test_no_more_than_eight_begin_at_once():
    async def run() -> int:
        turns, inside, most = Turns(), 0, 0

        async def call() -> None:
            nonlocal inside, most
            async with turns.mine():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(call() for _ in range(100)))
        return most

    assert asyncio.run(run()) == Turns.AT_ONCE


def test_whoever_waits_for_a_dead_peer_gives_the_turn_away(monkeypatch):
    monkeypatch.setattr(Turns, "LENT_S", 0.01)

    async def run() -> int:
        turns, dead, answered = Turns(), asyncio.Event(), 0

        async def hang() -> None:
            async with turns.mine():
                await dead.wait()

        async def call() -> None:
            nonlocal answered
            async with turns.mine():
                answered += 1

        hanging = [asyncio.create_task(hang()) for _ in range(3 * Turns.AT_ONCE)]
        await asyncio.gather(*(call() for _ in range(10)))
        still = sum(not task.done() for task in hanging)
        dead.set()
        await asyncio.gather(*hanging)
        assert answered == 10
        return still

    assert asyncio.run(run()) == 3 * Turns.AT_ONCE


def test_a_turn_is_given_back_once(monkeypatch):
    monkeypatch.setattr(Turns, "LENT_S", 0.0)

    async def run() -> int:
        turns = Turns()
        for _ in range(50):  # its time is over before the block is: two chances to give it back
            async with turns.mine():
                await asyncio.sleep(0.001)
        return turns._free._value

    assert asyncio.run(run()) == Turns.AT_ONCE
