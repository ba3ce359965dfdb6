"""What the Prefect coat of a cycle costs. Run it from the root: `python -m tests.benchmarks.bench_coat [SIZE …]`.

The monitor flow on a Prefect server of its own, and the same sentence with every verb called as it is, take turns
over one fleet (two reads each at one local nginx, a day of history), so that the machine's moods meet both. Prints
the best of three for 1, 100 and 1,000 integrations: seconds of a cycle, CPU seconds of this process and of the
server. Nothing is attended to: on a busy machine the fleet would be thought slow, and incidents are no part of it.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from flows.engine import Engine, engine
from flows.ground import prepare_prefect
from tasks.house import House
from tasks.learn import learn_usual, learned_until
from tests.benchmarks.fleet import Peers, furnish, give_a_past, peers

SIZES = (1, 100, 1_000)
DAYS, ROUNDS = 1, 3
SETTLES_S = 2.0  # Prefect hands its events over in batches, and its server writes them down a little later


class Spent(NamedTuple):
    """One cycle, in seconds."""

    wall: float
    own_cpu: float
    server_cpu: float


def as_it_is(verb: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A verb that can be awaited as its coat can."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        found = verb(*args, **kwargs)
        return await found if inspect.isawaitable(found) else found

    return call


def uncoated() -> dict[str, Callable[..., Awaitable[Any]]]:
    """The verbs of the monitor flow, by the names that it calls them by."""
    from flows import monitor as page  # noqa: PLC0415  # Prefect reads its settings when it is imported

    verbs = {
        "probe": page.probing.probe_all,
        "fly": page.canaries.fly,
        "sample": page.sampling.sample,
        "pull": page.pulling.pull,
        "store": page.remember,
        "take_in": page.taking.take_in_round,
        "survey": page.surveying.survey_due,
        "judge": page.detecting.detect,
        "learn": page.learning.learn_together,
        "watch": page.watching.watch_all,
        "note": page.ourselves.note_cycle,
    }
    return {name: as_it_is(verb) for name, verb in verbs.items()}


def cpu_of(server: Engine) -> float:
    """CPU seconds of the server's process so far."""
    if server.server is None:
        return 0.0
    told = Path(f"/proc/{server.server.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


async def spent_on(cycle: Callable[[], Awaitable[None]], server: Engine) -> Spent:
    """One cycle, and what the server does about it afterwards."""
    wall, own, theirs = time.perf_counter(), time.process_time(), cpu_of(server)
    await cycle()
    wall = time.perf_counter() - wall
    await asyncio.sleep(SETTLES_S)
    return Spent(wall, time.process_time() - own, cpu_of(server) - theirs)


async def in_turns(house: House, server: Engine) -> dict[str, Spent]:
    """The best cycle with and without its coat, each column by itself."""
    from flows import monitor as page  # noqa: PLC0415  # as above
    from flows.coat import one_client  # noqa: PLC0415  # as above

    ground = str(house.configuration.path), str(house.home)

    async def coated() -> None:
        await page.monitor(*ground, everybody=True)

    async def bare() -> None:
        with patch.multiple(page, **uncoated()):
            await page.monitor.fn(*ground, everybody=True)

    async def leave_alone(*_: object) -> None:
        """Attend to nothing."""

    found: dict[str, list[Spent]] = {"bare": [], "coated": []}
    with patch.object(page, "attend", leave_alone):
        async with one_client():
            await coated()  # the first opens tokens, imports, and surveys
            for _ in range(ROUNDS):
                found["bare"].append(await spent_on(bare, server))
                found["coated"].append(await spent_on(coated, server))
    return {name: Spent(*map(min, zip(*rows, strict=True))) for name, rows in found.items()}


def furnished(base: Path, size: int, where: Peers) -> House:
    """A fleet that has a past, and has learned from it."""
    house = furnish(base / str(size), size, where)
    give_a_past(house, DAYS)
    for _ in range(100):
        learn_usual(house)
        if len(learned_until(house.home, "baselines")) == size:
            break
    return house


def main() -> None:
    """Print the table."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    prepare_prefect()
    with tempfile.TemporaryDirectory() as folder, peers(Path(folder) / "peers") as where:
        houses = {size: furnished(Path(folder), size, where) for size in sizes}
        with engine(Path(folder) / "prefect") as server:
            import flows.monitor  # noqa: F401, PLC0415  # Prefect, while its server comes up

            server.wait()
            print(
                f"{'integrations':>12} {'':8} {'s per cycle':>12} {'ms each':>9} {'own CPU-s':>10} {'server CPU-s':>13}"
            )
            for size, house in houses.items():
                told = asyncio.run(in_turns(house, server))
                coat = Spent(*(b - a for a, b in zip(told["bare"], told["coated"], strict=True)))
                for name, one in {**told, "the coat": coat}.items():
                    each = 1000 * one.wall / size
                    print(
                        f"{size:12,} {name:8} {one.wall:12.3f} {each:9.2f} {one.own_cpu:10.3f} {one.server_cpu:13.3f}"
                    )


if __name__ == "__main__":
    main()
