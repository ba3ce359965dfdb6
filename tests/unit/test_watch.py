"""Ctrl-C ends a watch, also when something below takes it for its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from flows.watch import end_if_asked


async def swallowing() -> None:
    """What a workflow engine may do with a cancellation while a run begins."""
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        return


async def cycles() -> int:
    done = 0
    while True:
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)
        await swallowing() if done else None
        end_if_asked()
        done += 1


@pytest.fixture
def hearing() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before or signal.SIG_DFL)


@pytest.mark.usefixtures("hearing")
def test_a_swallowed_ctrl_c_ends_it_all_the_same():
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(asyncio.wait_for(cycles(), 4))


def test_without_one_it_goes_on():
    async def calm() -> str:
        end_if_asked()
        return "on"

    assert asyncio.run(calm()) == "on"
