"""`heal changes --before INC`, over a real ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.commands.changes import weigh
from models.incident import Event, State
from models.surface import Part
from models.survey import SurveyTurn
from tasks.changes import note_deploy
from tasks.house import House
from tasks.lift import suspects_of
from tests.builders import EPIC, NOW, an_incident, an_integration
from tests.clocks import MovedClock, a_house

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def house(tmp_path) -> House:
    return a_house(tmp_path, MovedClock(NOW), an_integration())


def opened(house: House, before: timedelta, name: str):
    at = NOW - before
    told = {"started_at": at, "detected_at": at, "updated_at": at, "symptom": "throttled", "fingerprint": name}
    with house.ledger.change("test", at) as change:
        opened = change.open_incident(an_incident(state=State.SUSPECTED, diagnosis=None, moments=(), **told))
        if before:
            change.save_incident(opened.advance(Event.CLEARED, at, "over"))
    return opened


def test_the_deploy_just_before_the_incident_leads_with_its_history(house, capsys):
    for weeks in (1, 2, 3, 4):
        note_deploy(house, "eyewear-ML", f"1.{weeks}", None, NOW - weeks * 7 * DAY)
        if weeks > 1:
            opened(house, weeks * 7 * DAY - 10 * MINUTE, f"{weeks:016}")
    note_deploy(house, "eyewear-ML", "2.0", None, NOW - 3 * HOUR)
    note_deploy(house, "eyewear-ML", "2.1", None, NOW - 6 * MINUTE)
    incident = opened(house, timedelta(0), "0" * 16)
    weigh(house, incident.id)
    first, head, leader, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("eyewear-ML deployed: 2.1 (6 minutes before) explains 9")
    assert "followed by trouble 3 of 5 times; by chance 0.03 of 5" in leader
    assert head.split()[0] == "explains"


def test_no_changes_detected_is_said_when_true_with_what_was_looked_at(house, capsys):
    turn = SurveyTurn(id=EPIC, integration_id=EPIC, next_at=NOW, looked={Part.KEYS: NOW})
    with house.ledger.change("test", NOW) as change:
        change.keep(turn)
    incident = opened(house, timedelta(0), "0" * 16)
    weigh(house, incident.id)
    said = capsys.readouterr().out
    assert said == "No changes detected before the onset (watched: our configuration, their keys)\n"
    assert suspects_of(house, incident).chance == 1.0
