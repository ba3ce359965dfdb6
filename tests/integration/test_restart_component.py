"""A channel whose threads wait for each other for ever: found, drained, restarted once, and proved; real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.actuator import Actuation, Stage
from models.incident import Incident, State
from models.remedy import ActionState, Outcome
from models.tuning import tuned
from tasks import probe as probing
from tasks.house import House, open_house
from tests import channel
from tests.clocks import MovedClock
from tests.scenarios.staging import cycle

MINUTE = timedelta(minutes=1)
QUICK_S = 0.4  # a deadline: what never answers is not waited for ten seconds
ID = "interface-engine"


@pytest.fixture
def folder(tmp_path: Path, free_tcp_port: int) -> Iterator[Path]:
    """The folder of a channel that works, and listens at the port."""
    place = tmp_path / "channel"
    for name in ("queue", "done"):
        (place / name).mkdir(parents=True)
    channel.restart(place, free_tcp_port)
    yield place
    if (place / "pid").exists():
        os.kill(int((place / "pid").read_text()), signal.SIGKILL)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"deadline_s": QUICK_S}
    monkeypatch.setattr(probing, "tuned", lambda made, at: tuned(made, at).model_copy(update=short))


def program(folder: Path, what: str, *rest: str) -> list[str]:
    return [sys.executable, channel.__file__, what, str(folder), *rest]


def configure(directory: Path, folder: Path, port: int, mode: str = "auto", **actuators: Any) -> Path:
    """One integration with these actuators, by default all that a restart can use."""
    command = {
        "restart": {"run": program(folder, "restart", str(port)), "observe": program(folder, "did", "{key}")},
        "drain": {
            "run": program(folder, "drain"),
            "undo": program(folder, "open"),
            "observe": program(folder, "quiet"),
        },
    }
    entry = {
        "id": ID,
        "name": "Interface engine",
        "kind": "hl7_mllp",
        "environment": "test",
        "settings": {"host": "127.0.0.1", "port": port, "tls": False},
        "reads": [{"operation": "Echo", "component": "Channel", "calls": 2}],
        "controls": {"calls": 0, "connects": 0},
        "actuators": {role: {"kind": "command", "settings": one} for role, one in command.items()} | actuators,
    }
    policy = {
        "version": "1",
        "owner": "Integration Team",
        "remedies": {"restart_component": {"mode": mode}},
        "channels": [{"route": "console"}],
    }
    directory.mkdir()
    (directory / "integrations.yaml").write_text(yaml.safe_dump({"integrations": [entry]}))
    (directory / "policy.yaml").write_text(yaml.safe_dump(policy))
    return directory


class TickingClock(MovedClock):
    """It is moved, and never shows the same instant twice: what was done is newer than what was seen before."""

    def now(self) -> datetime:
        return self.move(timedelta(milliseconds=1))


class Story:
    """Cycles of a minute each, in time that is moved."""

    def __init__(self, configuration: Path, home: Path) -> None:
        self.configuration, self.home = configuration, home
        self.clock = TickingClock(datetime(2026, 3, 5, 15, tzinfo=UTC))

    @property
    def house(self) -> House:
        return open_house(self.configuration, self.home, self.clock)

    def go_on(self, *states: State, most: int = 12) -> Incident:
        """Cycles until the incident is in one of these states."""
        incident = None
        for _ in range(most):
            self.clock.move(MINUTE)
            incident = asyncio.run(cycle(self.house)) or incident
            if incident is not None and incident.state in states:
                return incident
        raise AssertionError(f"{most} cycles, and it is {incident and incident.state}: {incident and incident.moments}")

    def quiet(self, cycles: int) -> None:
        for _ in range(cycles):
            self.clock.move(MINUTE)
            asyncio.run(cycle(self.house))


def jam(folder: Path) -> None:
    (folder / "jam").touch()


def restarts(folder: Path) -> list[str]:
    return [key for key in (folder / "restarts").read_text().split() if len(key) == 64]


def test_a_deadlocked_channel_is_drained_restarted_once_and_a_second_restart_is_refused(
    tmp_path, folder, free_tcp_port
):
    story = Story(configure(tmp_path / "configuration", folder, free_tcp_port), tmp_path / "home")
    story.quiet(3)
    jam(folder)
    incident = story.go_on(State.VERIFYING)
    (action,) = story.house.ledger.actions(incident.id)
    assert [step.says.split(":")[0] for step in action.steps] == ["Drained", "Restarted", "Let new work in again"]
    assert restarts(folder) == [action.plan_hash]
    assert list((folder / "queue").iterdir()) == []
    made = {one.role.value: one.state for one in story.house.ledger.all_kept(Actuation, ID)}
    assert made == {"restart": Stage.DONE, "drain": Stage.TAKEN_BACK}

    incident = story.go_on(State.MONITORING)
    judged = story.house.ledger.action(action.id)
    assert (judged.state, judged.outcome) == (ActionState.SUCCEEDED, Outcome.SUCCESSFUL)

    jam(folder)
    incident = story.go_on(State.OPEN)
    assert "restart_component was tried" in incident.moments[-1].says
    assert "(cool-down 0:15:00) (D10)" in incident.moments[-1].says
    call = story.house.ledger.escalation(incident.id)
    assert call is not None
    assert call.reason.rule == "E3-outside-boundaries"
    assert len(restarts(folder)) == 1


def test_a_channel_that_works_and_refuses_is_never_restarted(tmp_path, folder, free_tcp_port):
    story = Story(configure(tmp_path / "configuration", folder, free_tcp_port), tmp_path / "home")
    (folder / "rejects").touch()
    incident = story.go_on(State.OPEN)
    story.quiet(2)
    assert incident.diagnosis is not None
    assert incident.diagnosis.cause == "message_rejected"
    assert (story.house.ledger.actions(incident.id), restarts(folder)) == ((), [])


def test_a_channel_that_does_not_come_up_again_is_not_restarted_twice(tmp_path, folder, free_tcp_port):
    story = Story(configure(tmp_path / "configuration", folder, free_tcp_port), tmp_path / "home")
    (folder / "broken").touch()
    jam(folder)
    incident = story.go_on(State.VERIFYING)
    story.go_on(State.DIAGNOSING, State.OPEN)
    story.quiet(2)
    (action,) = story.house.ledger.actions(incident.id)
    assert (action.state, action.outcome) == (ActionState.FAILED, Outcome.NONE)
    assert len(restarts(folder)) == 1
