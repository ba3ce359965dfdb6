"""What every scenario stands on: a clinic with its configuration, one cycle without Prefect, and processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from flows import demo_configuration
from flows.clock import CompressedClock
from flows.watch import pause
from models.incident import Incident
from models.policy import Decision
from models.reading import Reading
from simulator.control import Clinic
from tasks import detect as detecting
from tasks import diagnose as diagnosing
from tasks import escalate as escalating
from tasks import govern as governing
from tasks import procedure as following
from tasks import recurrence as recurring
from tasks import remediate as remediating
from tasks.clock import Clock
from tasks.fail_back import look_back
from tasks.house import House, open_house
from tasks.pending import keep_pending
from tasks.probe import probe_all
from tasks.remember import remember

ROOT = Path(__file__).parents[2]
HEAL = Path(sys.executable).with_name("heal")
PREFECT = Path(sys.executable).with_name("prefect")
SPEED = 60.0
OLD_ENOUGH = timedelta(minutes=40)
EVERY = timedelta(seconds=60)  # of the clinic's time: one real second


def clock_of(clinic: Clinic, ahead: timedelta = timedelta(0)) -> CompressedClock:
    """The clinic's time; `ahead` makes ours wrong."""
    return CompressedClock(clinic.clock.start + ahead, clinic.clock.epoch, clinic.clock.speed)


def configure(directory: Path, *integrations: dict[str, Any]) -> Path:
    """The demo's policy, and these integrations."""
    directory.mkdir(parents=True, exist_ok=True)
    pages = {"integrations.yaml": {"integrations": list(integrations)}, "policy.yaml": demo_configuration.policy()}
    for name, page in pages.items():
        (directory / name).write_text(yaml.safe_dump(page, sort_keys=False), encoding="utf-8")
    return directory


async def cycle(
    house: House, seen: list[Reading] | None = None, decided: list[Decision] | None = None
) -> Incident | None:
    """One round of the monitor as plain verbs, without Prefect: flows/monitor.py in small.

    `seen` gets its readings, and `decided` what policy said of remedies.
    """
    readings = await probe_all(house)
    remember(readings, house.home)
    if seen is not None:
        seen += readings
    governing.govern(house, readings)
    incident = None
    for case, anomalies in detecting.worth_attending(house, detecting.detect(house)):
        incident = detecting.keep_incident(house, case, anomalies)
        if incident is None:
            continue
        incident = recurring.note_recurrence(house, incident)
        following.follow_procedure(house, incident, case.window)
        if diagnosing.is_due(incident, house.clock.now()):
            incident = await diagnosing.diagnose(house, incident.id)
        if remediating.is_due(house, house.ledger.incident(incident.id)):
            incident, decision = await remediating.remediate(house, incident.id)
            escalating.consider_escalation(house, incident, decision)
            if decided is not None and decision is not None:
                decided.append(decision)
    await keep_pending(house)
    await look_back(house)
    return incident


async def cycles(
    configuration: Path, home: Path, clock: Clock, most: int, is_over: Callable[[House, Incident], bool]
) -> Incident | None:
    """Rounds on the grid of the clock, until the story is over, or there were too many."""
    incident = None
    for _ in range(most):
        await clock.sleep(pause(clock.now().timestamp(), EVERY))
        house = open_house(configuration, home, clock)
        incident = await cycle(house)
        if incident is not None and is_over(house, incident):
            break
    return incident


async def end_session(clinic: Clinic, configuration: Path, home: Path) -> None:
    """A session that was good for forty minutes, and has just ended early; from now on three hours are allowed.

    It is as old as that by our clock alone: what is learned from its end then renews nothing while a story lasts.
    """
    earlier = open_house(configuration, home, clock_of(clinic, -OLD_ENOUGH))
    assert all(reading.outcome.is_ok for reading in await probe_all(earlier))
    clinic.break_("unity", "refresh_refused")
    clinic.break_("unity", "token_expires_early", lifetime_s=1.0)
    assert clinic.journal()["unity"]["sessions"]["ended"] == 1  # to look is to let time pass
    clinic.break_("unity", "token_expires_early", lifetime_s=3 * 3600.0)


def run(command: Sequence[object], *, timeout_s: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command from the root of the project, in the environment of the tests and these variables."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def processes(word: str, parent: int | None = None) -> list[str]:
    """Command lines of live processes that hold a word or have this parent; from /proc, zombies left out."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state, ppid = (place / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it ended meanwhile
            continue
        if state != "Z" and line and (word in line or int(ppid) == parent):
            found.append(line)
    return found


def files_holding(folder: Path, *words: bytes) -> list[tuple[str, bytes]]:
    """Which files below a folder hold which of these words, byte by byte."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    contents = ((path, path.read_bytes()) for path in paths)
    return [(str(path.relative_to(folder)), word) for path, content in contents for word in words if word in content]
