"""What an open breaker on one system does for the others. From the root: `python -m tests.benchmarks.bench_breaker`.

One application with a client of few connections calls two systems from a queue of work, as a sync does: A and B by
turns, eight at a time. B answers in 100 ms. A answers likewise ("well"), or holds each call until the client's timeout
("hangs"), or does so behind a breaker that heal has opened, which the guarded client sees in a file ("open"). Counted
are B's answers in a second. Rounds alternate, so that the machine's moods meet all; the last line is the ratio that
row D10 asks for, over pairs: B beside a hanging A behind an open breaker, to B alone (the same workers, and no A).
The answers take long enough that the waiting decides and not our CPU, which others use too.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import suppress
from math import exp, log
from pathlib import Path
from statistics import mean, median, stdev
from time import perf_counter

import httpx

from tasks.guarded import FOLDER
from tasks.observed import observed
from tests.sockets import answer, head_of, serving

AT_ONCE, ROUNDS, PAIRS, SECONDS, SERVED_S, TIMEOUT_S = 8, 3, 30, 2.0, 0.1, 2.0
T95 = 2.045  # of Student's t, two-sided, 29 degrees of freedom
A, B = "pms-a", "pms-b"


async def serves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer after a moment."""
    while await head_of(reader):
        await asyncio.sleep(SERVED_S)
        writer.write(answer(b"{}"))
        await writer.drain()


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await head_of(reader)
    await asyncio.sleep(60)


async def throughput(ports: dict[str, int], inbox: Path, *, with_a: bool) -> float:
    """B's answers in a second, with workers that take A's and B's work by turns."""
    transports = {
        name: observed(httpx.AsyncHTTPTransport(), to=inbox, integration=name, guarded=True) for name in ports
    }
    served, until = 0, perf_counter() + SECONDS
    work = [A, B] if with_a else [B, B]
    async with (
        httpx.AsyncClient(transport=transports[A], timeout=TIMEOUT_S) as a,
        httpx.AsyncClient(transport=transports[B], timeout=TIMEOUT_S) as b,
    ):
        clients = {A: a, B: b}

        async def worker(turn: int) -> None:
            nonlocal served
            while perf_counter() < until:
                name, turn = work[turn % 2], turn + 1
                with suppress(httpx.HTTPError):  # an open breaker is one, told at once
                    await clients[name].get(f"http://127.0.0.1:{ports[name]}/orders")
                    served += name == B

        await asyncio.gather(*map(worker, range(AT_ONCE)))
    return served / SECONDS


def spare(inbox: Path, *, spared: bool) -> None:
    """The breaker before A, as heal writes it."""
    place = inbox / FOLDER / f"{A}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"for_s": 3600.0 if spared else 0.0}), encoding="utf-8")


async def measured() -> tuple[dict[str, list[float]], list[tuple[float, float]]]:
    """Throughputs of B by how A is; and pairs of them, alone and beside an open breaker, in turning order."""
    got: dict[str, list[float]] = {"alone": [], "well": [], "hangs": [], "open": []}
    pairs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        inbox = Path(folder)
        async with serving(serves) as good, serving(serves) as well, serving(hangs) as dead:

            async def rate(name: str) -> float:
                spare(inbox, spared=name == "open")
                ports = {A: dead if name in {"hangs", "open"} else well, B: good}
                return await throughput(ports, inbox, with_a=name != "alone")

            for _ in range(ROUNDS):
                for name, rates in got.items():
                    rates.append(await rate(name))
            for nth in range(PAIRS):
                first, second = ("alone", "open") if nth % 2 else ("open", "alone")
                seen = {first: await rate(first), second: await rate(second)}
                pairs.append((seen["alone"], seen["open"]))
    return got, pairs


def main() -> None:
    """Measure, and print one line each; the interval is that of the mean of the pairs' logarithms (Student's t)."""
    got, pairs = asyncio.run(measured())
    for name, rates in got.items():
        print(f"A {name:6} B serves {median(rates):7.1f} calls/s   ({min(rates):.1f} to {max(rates):.1f})")
    logs = [log(opened / alone) for alone, opened in pairs]
    half = T95 * stdev(logs) / len(logs) ** 0.5
    low, high = exp(mean(logs) - half), exp(mean(logs) + half)
    says = f"median {exp(median(logs)):.4f}, mean {exp(mean(logs)):.4f}, 95% interval {low:.4f} to {high:.4f}"
    print(f"B beside an open breaker, to B alone, {len(pairs)} pairs: {says}")


if __name__ == "__main__":
    main()
