"""A real pool of two connections that leaks: calls wait longer and longer, and only then fail."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from models.classification import judge_status
from models.integration import Read
from models.reading import Outcome, Rung
from tasks.http import BoundedClient
from tasks.observe import answer, reading
from tests.builders import EPIC, NOW
from tests.sockets import answer as said
from tests.sockets import head_of, serving

READ = Read(operation="Patient.search", component="Patient API")
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Desk:
    """A server that answers `/quick` at once and anything else when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Queue[str]()
        self.go_on = asyncio.Event()

    async def behave(self, reader, writer):
        while head := await head_of(reader):
            path = head.split(b" ", 2)[1].decode()
            await self.asked.put(path)
            if path != "/quick":
                await self.go_on.wait()
            writer.write(said(b"{}"))
            await writer.drain()


async def queued(client: BoundedClient, calls: int) -> None:
    """Until so many calls wait for a connection; each has looked up the name before."""
    while sum(len(slot._waiters or ()) for slot in client._slots.values()) < calls:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.002)


async def test_a_call_that_finds_a_free_connection_waits_for_nothing():
    desk = Desk()
    async with serving(desk.behave) as port:
        client = BoundedClient(pool_size=2)
        fetched = [await client.fetch("GET", f"http://localhost:{port}/quick") for _ in range(3)]
        assert [one.timings.pool_wait_ms for one in fetched] == [0.0] * 3
        assert client.open_connections == 1
        await client.aclose()


async def test_a_leaked_pool_shows_waiting_that_rises_before_anything_fails():
    """Both connections are held by calls that never end; what comes after waits, the later the longer."""
    desk = Desk()
    async with serving(desk.behave) as port:
        client, url = BoundedClient(pool_size=2, deadline_s=20.0), f"http://localhost:{port}"
        leaks = [asyncio.create_task(client.fetch("GET", f"{url}/slow")) for _ in range(2)]
        for _ in leaks:
            assert await desk.asked.get() == "/slow"
        waiting = []
        for nth in range(3):
            waiting.append(asyncio.create_task(client.fetch("GET", f"{url}/quick")))
            await queued(client, nth + 1)
            await asyncio.sleep(0.05)
        impatient = await client.fetch("GET", f"{url}/quick", deadline_s=0.3)
        assert desk.asked.empty()  # none of them has left the house
        desk.go_on.set()
        waited = await asyncio.gather(*waiting)
        await asyncio.gather(*leaks)
        await client.aclose()
    assert (impatient.outcome, impatient.code, impatient.rung) == (Outcome.TIMEOUT, "pool_exhausted", Rung.TCP)
    assert impatient.timings.pool_wait_ms > 0
    assert [one.status for one in waited] == [200] * 3
    waits = [one.timings.pool_wait_ms for one in waited]
    assert waits == sorted(waits, reverse=True)  # who came first waited longest, and all of them noticeably
    assert waits[-1] >= 45  # it waited through the last pause at least


async def test_waiting_is_told_apart_from_the_other_sides_slowness():
    desk = Desk()
    async with serving(desk.behave) as port:
        client, url = BoundedClient(pool_size=1), f"http://localhost:{port}"
        leak = asyncio.create_task(client.fetch("GET", f"{url}/slow"))
        await desk.asked.get()
        began = perf_counter()
        waiting = asyncio.create_task(client.fetch("GET", f"{url}/quick"))
        await queued(client, 1)
        await asyncio.sleep(0.1)
        desk.go_on.set()
        fetched = await waiting
        spent_ms = (perf_counter() - began) * 1000
        await leak
        await client.aclose()
    seen = reading(EPIC, READ, NOW, [answer(fetched, NOW, judge_status_alone)], None, 1)
    assert seen.pool_wait_ms >= 95
    assert seen.latency_ms + seen.pool_wait_ms <= spent_ms  # no millisecond counts twice


def judge_status_alone(status, headers, _):
    return judge_status(status, headers)


async def test_pools_of_different_hosts_do_not_wait_for_each_other():
    one, other = Desk(), Desk()
    async with serving(one.behave) as here, serving(other.behave) as there:
        client = BoundedClient(pool_size=1)
        leak = asyncio.create_task(client.fetch("GET", f"http://localhost:{here}/slow"))
        await one.asked.get()
        fetched = await client.fetch("GET", f"http://localhost:{there}/quick")
        assert (fetched.status, fetched.timings.pool_wait_ms) == (200, 0.0)
        one.go_on.set()
        await leak
        await client.aclose()
