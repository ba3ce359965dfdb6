"""A cascade in a real ledger: dependents are held while the origin ails, and let go when it is over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows import monitor
from flows.commands import deps as command
from models.incident import Event, Incident, State
from tasks.cascade import find_cascades, hold, known_dependencies, learned_edges
from tasks.house import House
from tests.builders import NOW, an_incident, an_integration
from tests.clocks import MovedClock, a_house

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NAMES = ("idp-main", "epic-a", "epic-b", "lab-feed", "other")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two that stand on an identity provider, one that stands on one of them, and one by itself."""
    stands_on = {"epic-a": ("idp-main",), "epic-b": ("idp-main",), "lab-feed": ("epic-a",)}
    every = [an_integration(id=name, depends_on=stands_on.get(name, ())) for name in NAMES]
    return a_house(tmp_path, MovedClock(NOW + 10 * timedelta(minutes=1)), *every)


def fail(house: House, name: str, at_s: float, day: int = 0) -> Incident:
    began = NOW + at_s * SECOND - day * DAY
    told = an_incident(
        id="", integration_id=name, fingerprint=f"{name}-{day}", state=State.OPEN, diagnosis=None,
        started_at=began, detected_at=began, updated_at=began, symptom="transport",
    )  # fmt: skip
    with house.ledger.change("test", began) as change:
        return change.open_incident(told)


def resolve(house: House, name: str) -> None:
    incident = house.ledger.current(name)
    assert incident is not None
    at = incident.started_at + 20 * SECOND
    over = incident.advance(Event.RECOVERED, at, "well").advance(Event.QUIET, at, "quiet", resolved_at=at)
    with house.ledger.change("test", at) as change:
        change.save_incident(over)


def held(house: House) -> dict[str, str | None]:
    return {one.integration_id: one.held_by for one in house.ledger.incidents(active_only=True)}


def test_dependents_are_held_by_the_origin_and_the_origin_is_not(house):
    for nth, name in enumerate(("idp-main", "epic-a", "lab-feed", "epic-b")):
        fail(house, name, 40 * nth)
    (found,) = hold(house)
    assert found.origin == "idp-main"
    assert held(house) == {"idp-main": None, "epic-a": "idp-main", "epic-b": "idp-main", "lab-feed": "idp-main"}


def test_when_the_origin_is_over_whatever_still_ails_is_cared_for_again(house):
    for nth, name in enumerate(("idp-main", "epic-b")):
        fail(house, name, 40 * nth)
    hold(house)
    resolve(house, "idp-main")
    hold(house)
    assert held(house) == {"epic-b": None}
    thread = [moment.says for moment in house.ledger.incidents("epic-b")[0].moments]
    assert any(says.startswith("Held: impacted by idp-main") for says in thread)
    assert any(says.startswith("No longer held") for says in thread)


def test_looking_again_changes_nothing(house):
    for nth, name in enumerate(("idp-main", "epic-a")):
        fail(house, name, 40 * nth)
    hold(house)
    before = house.ledger.incidents()
    hold(house)
    assert house.ledger.incidents() == before


@pytest.mark.anyio
async def test_what_is_held_is_neither_diagnosed_nor_healed(house):
    for nth, name in enumerate(("idp-main", "epic-a")):
        fail(house, name, 40 * nth)
    hold(house)
    (waiting,) = house.ledger.incidents("epic-a")
    await monitor.care(house, waiting.id)
    assert house.ledger.incident(waiting.id) == waiting
    assert house.ledger.actions(waiting.id) == ()


def test_one_incident_by_itself_is_no_cascade(house):
    fail(house, "idp-main", 0)
    assert find_cascades(house) == ()


def test_what_follows_again_and_again_becomes_an_edge(house):
    for day in range(4, 0, -1):
        fail(house, "other", 0, day)
        resolve_all(house)
        fail(house, "lab-feed", 90, day)
        resolve_all(house)
    (edge,) = learned_edges(house)
    assert (edge.dependent, edge.dependency, edge.times) == ("lab-feed", "other", 4)
    assert "other" in known_dependencies(house).below("lab-feed")


def resolve_all(house: House) -> None:
    for one in house.ledger.incidents(active_only=True):
        resolve(house, one.integration_id)


def test_the_command_shows_a_cascade_first_and_the_paths_to_what_is_critical(house, monkeypatch, capsys):
    monkeypatch.setattr(command, "house_of", lambda *_, **__: house)
    assert command.command(None, critical=False, as_json=False) == 0
    assert "idp-main" in capsys.readouterr().out
    for nth, name in enumerate(("idp-main", "epic-a")):
        fail(house, name, 40 * nth)
    assert command.command(None, critical=True, as_json=False) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("2 integrations impacted by idp-main: idp-main; 40 seconds later epic-a")
    assert "Appointment API" in shown
    assert "every 60 seconds" in shown
