"""What healing is worth. Run it from the root: `python -m tests.benchmarks.bench_heal [CASES] [--seed N] [--each]`.

Seeded troubles of the pretend clinic (tests/benchmarks/troubles.py), each lived through three times from the same
past: with our rounds and the demo's policy, with nobody doing anything, and with what somebody would write instead of
us: every failed read is tried four times more at once, and a log-in is made anew whenever one is refused. For each:
whether and when it was well again, and how many requests the other side had to answer from the first minute of the
trouble until then (or for the whole hour).

*Well* is the same for all three and is read off the readings alone: three rounds in a row within the error rate that
the integration promises, newer than the trouble. Minutes are the clinic's; a minute of it is a round (models.pace).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import yaml

from flows import demo_configuration
from flows.clock import CompressedClock
from models.incident import State
from models.reading import Reading
from models.remedy import ActionState
from simulator.control import Clinic, start_clinic
from simulator.history import generate_history
from tasks.connectors._interface import RenewsCredentials
from tasks.house import House, open_house
from tasks.learn_joint import learn_together
from tasks.probe import connected, probe_all
from tasks.remember import remember, remember_frame
from tests.benchmarks.troubles import Case, cases
from tests.scenarios.staging import cycle

SPEED = 600.0  # at most; a round that takes longer than a tenth of a second makes the clinic wait
ROUND = timedelta(minutes=1)
BEFORE, MOST = 6, 60  # rounds before the trouble, and after it began
GOOD = 3  # rounds in a row that prove it well
NAIVE_TRIES = 4  # more, at once
COUNT = 36

Rounds = Callable[[House], Awaitable[list[Reading]]]


class Life(NamedTuple):
    """One trouble, lived through in one way."""

    well_after: timedelta | None  # from its beginning; None: not within the hour
    verified_after: timedelta | None  # … by our own proof; ours alone has one
    requests: int  # that the other side answered or refused, until then
    log_ins: int  # of those, tokens or sessions that were asked for
    acted: tuple[str, ...] = ()  # remedies that were carried out
    harmed: int = 0  # of those, taken back because they made it worse
    called: str | None = None  # the rule that called a person


async def ours(house: House) -> list[Reading]:
    """A round of the monitor."""
    seen: list[Reading] = []
    await cycle(house, seen)
    return seen


async def nothing(house: House) -> list[Reading]:
    """Only the reads."""
    readings = list(await probe_all(house))
    remember(readings, house.home)
    return readings


async def naive(house: House) -> list[Reading]:
    """What somebody would write: try again at once, log in again whenever that might be it."""
    (one,) = house.configuration.integrations
    readings = list(await probe_all(house))
    async with connected(house, one) as connector:
        if any(reading.outcome.is_auth for reading in readings) and isinstance(connector, RenewsCredentials):
            await connector.renew()
        for at, reading in enumerate(readings):
            for _ in range(NAIVE_TRIES):
                if readings[at].outcome.is_ok:
                    break
                readings[at] = await connector.read(one.read(reading.operation))
    remember(readings, house.home)
    return readings


WAYS: dict[str, Rounds] = {"nothing": nothing, "naive": naive, "ours": ours}


def live(case: Case, way: Rounds, past: Past) -> Life:
    """Live through one trouble."""
    start, epoch = case.begins - BEFORE * ROUND, time.time()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_clinic(Path(folder) / "clinic", speed=SPEED, start=start, epoch=epoch, seed=case.seed) as clinic,
    ):
        root = Path(folder)
        configuration = configure(root / "configuration", case.page(clinic))
        past.lend(case, root / "home", configuration)
        clock = CompressedClock(start, epoch, SPEED)
        return asyncio.run(rounds(case, way, clinic, lambda: open_house(configuration, root / "home", clock), clock))


def configure(directory: Path, page: dict[str, Any]) -> Path:
    """The page, and the demo's policy."""
    directory.mkdir(parents=True)
    pages = {"integrations.yaml": {"controls": {"connects": 0}, "integrations": [page]}}
    pages["policy.yaml"] = demo_configuration.policy()
    for name, content in pages.items():
        (directory / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return directory


async def rounds(case: Case, way: Rounds, clinic: Clinic, home: Callable[[], House], clock: CompressedClock) -> Life:
    """Round after round, until it is well again and everything of it is done, or the hour is over."""
    began, at_first, at_end, well, good = case.begins, (0, 0), None, None, []
    house = home()
    for nth in range(BEFORE + MOST):
        clinic.keep_to(clock.go_on(ROUND))
        if nth == BEFORE:
            began, at_first = clock.now(), asked(clinic, case)
            case.begin(clinic)
        if case.ends_after is not None and nth > BEFORE and clock.now() - began >= case.ends_after:
            case.end(clinic)
        round_began, house = clock.now(), home()
        readings = await way(house)
        if nth >= BEFORE:
            good = [*good, round_began] if is_well(house, readings) else []
            if well is None and len(good) >= GOOD and has_bitten(nth):
                well, at_end = good[0] - began, asked(clinic, case)
        if well is not None and is_done(house, way):
            break
        await clock.sleep(max(0.0, (ROUND - (clock.now() - round_began)).total_seconds()))
    at_end = at_end or asked(clinic, case)
    return ended(house, began, well, tuple(b - a for a, b in zip(at_first, at_end, strict=True)))


def has_bitten(nth: int) -> bool:
    """Whether the trouble had time to show: a session that ends early ends within these rounds."""
    return nth >= BEFORE + 2 * GOOD


def is_well(house: House, readings: list[Reading]) -> bool:
    """Whether one round is within what the integration promises."""
    (one,) = house.configuration.integrations
    failed = sum(not reading.outcome.is_ok for reading in readings)
    return bool(readings) and failed / len(readings) <= one.sla.error_rate


def is_done(house: House, way: Rounds) -> bool:
    """Whether nothing more will come of it."""
    return way is not ours or all(i.state in {State.RESOLVED, State.CLOSED} for i in house.ledger.incidents())


def asked(clinic: Clinic, case: Case) -> tuple[int, int]:
    """Requests and log-ins that the other side has seen so far."""
    journal = clinic.journal()[case.trouble.system]
    calls = sum(sum(by_status.values()) for by_status in journal["calls"].values())
    return calls, sum(journal["tokens"].values())


def ended(house: House, began: datetime, well: timedelta | None, asked_for: tuple[int, ...]) -> Life:
    """What came of it, with what the ledger knows."""
    incidents = house.ledger.incidents()
    actions = [action for one in incidents for action in house.ledger.actions(one.id) if action.executed_at]
    restored = [one.restored_at for one in incidents if one.restored_at and one.state is not State.SUSPECTED]
    proofs = [a.judged_at for a in actions if a.state is ActionState.SUCCEEDED and a.judged_at]
    verified = min(proofs, default=None) if restored else None
    return Life(
        well_after=well,
        verified_after=verified - began if verified else None,
        requests=asked_for[0],
        log_ins=asked_for[1],
        acted=tuple(action.remedy for action in actions),
        harmed=sum(action.state is ActionState.ROLLED_BACK for action in actions),
        called=next((one.escalated_for for one in incidents if one.escalated_for), None),
    )


class Past:
    """Four weeks of generated history for each system, made once and lent to every life."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lend(self, case: Case, home: Path, configuration: Path) -> None:
        """A copy of it, which ends where the story begins."""
        clock = CompressedClock(case.begins - BEFORE * ROUND, time.time(), 1.0)
        house = open_house(configuration, home, clock)
        (one,) = house.configuration.integrations
        kept = self._folder / f"{one.id}-{case.begins:%H%M}"
        if not kept.exists():
            made = open_house(configuration, kept, clock)
            remember_frame(generate_history(one, clock.now(), every_s=60, seed=1), kept)
            learn_together(made)
        shutil.copytree(kept, home, dirs_exist_ok=True)


def main() -> None:
    """Live all of it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=int, nargs="?", default=COUNT)
    parser.add_argument("--seed", type=int, default=1, help="of the first case; the others follow")
    parser.add_argument("--each", action="store_true", help="also a line for each case")
    told = parser.parse_args()
    logging.disable(logging.WARNING)
    lives: dict[str, list[tuple[Case, Life]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        past = Past(Path(folder))
        for case in cases(told.cases, told.seed):
            for name, way in WAYS.items():
                life = live(case, way, past)
                lives[name].append((case, life))
                if told.each:
                    print(f"{case.seed:4} {case.trouble.name:34} {name:8} {line(life)}", flush=True)
    for text in table(lives):
        print(text)


def line(life: Life) -> str:
    """One life in a line."""
    well = f"{life.well_after / ROUND:5.0f} min" if life.well_after is not None else "      –  "
    return f"{well} {life.requests:6} requests {life.log_ins:4} log-ins  {', '.join(life.acted)} {life.called or ''}"


def table(lives: dict[str, list[tuple[Case, Life]]]) -> Iterator[str]:
    """By trouble and way: how many were well within the hour, when, and what it cost the other side."""
    yield f"{'':36}{'':9}{'well':>8}{'median':>9}{'worst':>8}{'requests':>10}{'log-ins':>9}{'harmed':>8}{'called':>8}"
    names = list(dict.fromkeys(case.trouble.name for some in lives.values() for case, _ in some))
    for name in (*names, "all"):
        for way, some in lives.items():
            mine = [life for case, life in some if name in {case.trouble.name, "all"}]
            minutes = sorted(life.well_after / ROUND for life in mine if life.well_after is not None)
            when = f"{median(minutes):5.0f} min{max(minutes):4.0f} min" if minutes else f"{'–':>9}{'–':>8}"
            counts = [sum(life.requests for life in mine) / len(mine), sum(life.log_ins for life in mine) / len(mine)]
            harmed, called = sum(life.harmed for life in mine), sum(life.called is not None for life in mine)
            well = f"{len(minutes)}/{len(mine)}"
            yield f"{name:36}{way:9}{well:>8}{when}{counts[0]:10.0f}{counts[1]:9.1f}{harmed:8}{called:8}"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
