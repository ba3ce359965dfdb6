"""How sending fares when answers are lost, senders die and one message is poison.

Run it from the root: `python -m tests.benchmarks.bench_sends`; `--small` for a look, `--kill N`, `--sends N`.

The receiver counts: what it stored, what it got twice, what came out of a patient's order (by MSH-13). It looks at no
control id, as many do, so nobody but the sender keeps copies out. The same messages meet the same losses under each
strategy: half of the lost answers are of messages that were kept, half of messages that never arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from models.sending import SendState, Verdict
from simulator.control import Clinic, start_clinic
from tasks import redrive as redriving
from tasks.house import House
from tasks.probe import connected
from tasks.send import deliver_to, enqueue
from tests.letters import SERIES, hl7
from tests.mortal_sender import DEATHS, Order, main
from tests.senders import a_sender, bring_over, stuck

SHARE = 0.1  # of answers are lost
TRIES = 5  # of naive retry
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.mortal_sender"])


@contextmanager
def a_clinic() -> Iterator[tuple[Clinic, Path]]:
    """A receiver that nobody has used, and a home."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "clinic").mkdir()
        with start_clinic(place / "clinic", systems=("mllp",), seed=7, speed=1) as clinic:
            clinic.break_("mllp", "keeps_copies")
            yield clinic, place / "home"


def received(clinic: Clinic) -> dict[str, int]:
    """What the receiver counted."""
    return clinic.journal()["mllp"]["received"]


def messages(many: int, series: int = 1, **how: Any) -> list[bytes]:
    return [hl7(number, **how) for number in range(series * SERIES, series * SERIES + many)]


async def naively(house: House, contents: list[bytes], tries: int) -> None:
    """Send each, and again until somebody says that it was taken."""
    async with connected(house, house.integration("receiver")) as connector:
        for content in contents:
            for _ in range(tries):
                if (await connector.send(content)).verdict is Verdict.ACCEPTED:
                    break


def lost_answers(many: int) -> bool:
    """The three strategies beside each other."""
    print(f"{many} messages of 50 patients, {SHARE:.0%} of answers lost")
    print(f"{'':24}{'stored':>8}{'lost':>8}{'copies':>8}{'out of order':>14}{'answers lost':>14}{'asked':>8}{'s':>8}")
    good = True
    for name in ("ask before retry", "naive retry", "no retry"):
        with a_clinic() as (clinic, home):
            clinic.break_("mllp", "lost_acks", share=SHARE, lost="either")
            house, contents, began = a_sender(clinic, home), messages(many, patients=50), time.perf_counter()
            if name == "ask before retry":
                enqueue(house, "receiver", contents)
                bring_over(house, most_s=600)
            else:
                asyncio.run(naively(house, contents, TRIES if name == "naive retry" else 1))
            got, answers = received(clinic), clinic.journal()["mllp"]["messages"]
            reset, asked = answers["ADT.A08"].get("reset", 0), sum(answers.get("QBP.Q11", {}).values())
            figures = (got["stored"], many - got["stored"], got["copies"], got["out_of_order"], reset, asked)
            print(
                f"{name:24}{figures[0]:>8}{figures[1]:>8}{figures[2]:>8}{figures[3]:>14}{figures[4]:>14}"
                f"{figures[5]:>8}{time.perf_counter() - began:>8.1f}"
            )
            if name == "ask before retry":
                good = figures[:4] == (many, 0, 0, 0)
    return good


def kills(many: int) -> bool:
    """Senders that are killed one after another while a queue is brought over."""
    random, points = Random(11), list(DEATHS)  # noqa: S311 - when to die
    queue, ended, survived = 12 * many, Counter[str](), 0
    with a_clinic() as (clinic, home):
        clinic.break_("mllp", "lost_acks", share=SHARE, lost="either")
        house, began = a_sender(clinic, home), time.perf_counter()
        enqueue(house, "receiver", messages(queue, patients=25))
        house.ledger.close()
        for number in range(many):
            dies = points[number % len(points)]
            after = random.uniform(0.01, 1.0) if dies == "at any moment" else random.randrange(4)
            after = random.randrange(2) if "question" in dies else after
            process = FORK.Process(target=main, args=(Order(house.configuration, home, dies, after),))
            process.start()
            process.join()
            ended[dies] += process.exitcode != 0
            survived += process.exitcode == 0
        bring_over(house, most_s=600)
        got, tally = received(clinic), house.ledger.tallies()["receiver"]
        good = (got["stored"], got["copies"], got["out_of_order"], tally.sent) == (queue, 0, 0, queue)
        print(f"\n{queue} messages of 25 patients, {SHARE:.0%} of answers lost, senders killed: {sum(ended.values())}")
        for dies, times in ended.items():
            print(f"    {dies:<48}{times:>5}")
        print(
            f"stored {got['stored']}, lost {queue - got['stored']}, copies {got['copies']}, out of a patient's order "
            f"{got['out_of_order']}; ended before they were killed: {survived}; {time.perf_counter() - began:.1f} s"
        )
    return good


def poison(many: int) -> bool:
    """One message that the receiver hangs up on, first in the queue, beside the same queue without it."""
    print(f"\n{many} messages of as many patients; one of them poison, the first")
    took = {}
    for name in ("none is poison", "one is poison"):
        with a_clinic() as (clinic, home):
            clinic.break_("mllp", "poison", id_ends="POISON")
            house, ends = a_sender(clinic, home), "POISON" if name == "one is poison" else ""
            first, *others = messages(1, patients=many, ends=ends) + messages(many, patients=many)[1:]
            enqueue(house, "receiver", [first, *others])
            began = time.perf_counter()
            arrived = asyncio.run(until_others(house, many - 1))
            took[name] = arrived - began
            bring_over(house)
            kept = received(clinic)["stored"]
            print(
                f"{name:24}the other {many - 1} arrived after {took[name]:6.1f} s; in quarantine: {len(stuck(house))}"
            )
            if ends:
                (send,) = stuck(house)
                clinic.mend("mllp", "poison")
                redriving.redrive(house, (send,), "A. Person")
                bring_over(house)
                got = received(clinic)
                print(
                    f"{'':24}{send.because}, {send.code}, {send.tries} tries; after redrive stored {got['stored']}, "
                    f"copies {got['copies']}"
                )
                good = (kept, got["stored"], got["copies"]) == (many - 1, many, 0)
    delay = took["one is poison"] - took["none is poison"]
    cycle = 60.0
    print(f"delayed by {delay:.1f} s; a cycle is {cycle:.0f} s")
    return good and delay <= cycle


async def until_others(house: House, many: int) -> float:
    """When that many had arrived, by the stopwatch; one round, as the monitor makes it."""
    at, sent = 0.0, 0

    def tell(send: Any) -> None:
        nonlocal at, sent
        sent += send.state is SendState.SENT
        if sent == many and not at:
            at = time.perf_counter()

    await deliver_to(house, house.integration("receiver"), timedelta(minutes=5), tell)
    return at or float("inf")


def main_() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--sends", type=int, default=1000)
    parser.add_argument("--kill", type=int, default=100)
    parser.add_argument("--poison", type=int, default=500)
    asked = parser.parse_args()
    os.environ.pop("HEAL_LEDGER_URL", None)
    sizes = (60, 6, 40) if asked.small else (asked.sends, asked.kill, asked.poison)
    good = [lost_answers(sizes[0]), kills(sizes[1]), poison(sizes[2])]
    print("\nas promised" if all(good) else "\nNOT as promised")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main_())
