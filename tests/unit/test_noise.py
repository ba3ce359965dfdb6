"""Rules that cry wolf: what spoke often and went away by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.alert import Alert, turned
from models.anomaly import Severity
from models.incident import UNUSUAL, Moment, State
from models.noise import Rule, records
from models.sighting import Sighting, Stage
from tests.builders import EPIC, NOW, an_incident
from tests.unit.test_alert import a_finding
from tests.unit.test_unusual import a_sighting

MINUTE = timedelta(minutes=1)
LEVEL = Rule("level", "records", EPIC)


def spells(many: int, acted: int = 0, *, minutes: int = 4) -> list[Sighting]:
    """So many told sightings that are over, the first of them ended by somebody."""
    return [
        a_sighting(
            id=f"{EPIC}/records/{nth}",
            cleared_at=NOW,
            opened_at=NOW - minutes * MINUTE,
            odd_at=NOW,
            is_over=True,
            by_itself=nth >= acted,
            self_resolved=int(nth >= acted),
        )
        for nth in range(many)
    ]


def test_after_twenty_that_resolved_by_themselves_the_rule_is_noisy():
    (record,) = records(spells(21, acted=1))
    assert (record.rule, record.spoke, record.alone) == (LEVEL, 21, 20)
    assert record.is_noisy
    assert f"{record.share:.0%}" == "95%"
    assert record.median_life_s == 240


@pytest.mark.parametrize(
    ("many", "acted", "noisy"),
    [
        pytest.param(19, 0, False, id="too few to say"),
        pytest.param(20, 0, True, id="twenty"),
        pytest.param(20, 2, True, id="nine in ten"),
        pytest.param(20, 3, False, id="people acted on more than one in ten"),
    ],
)
def test_a_rule_is_noisy_when_it_spoke_often_and_nearly_always_for_nothing(many, acted, noisy):
    (record,) = records(spells(many, acted))
    assert record.is_noisy is noisy


def test_what_stands_is_not_over_and_has_no_life_yet():
    (record,) = records([a_sighting()])
    assert (record.spoke, record.over, record.share, record.median_life_s) == (1, 0, None, None)


def test_what_was_told_to_nobody_disturbs_nobody():
    assert records([a_sighting(notified_at=None, stage=Stage.CONFIRMED)]) == ()
    (raised,) = turned([], "freshness", [a_finding(severity=Severity.LOW)], NOW)
    assert records(alerts=[raised]) == ()
    assert records(incidents=[an_incident(moments=(Moment(at=NOW, state=State.SUSPECTED, says="odd"),))]) == ()


def test_every_detector_that_spoke_answers_for_it():
    found = records([a_sighting(detectors=("level", "seasonal"))])
    assert {one.rule.by for one in found} == {"level", "seasonal"}


def alert_cycles(stands: str, acted_at=None) -> Alert:
    known: dict[str, Alert] = {}
    for nth, state in enumerate(stands):
        at = NOW + nth * MINUTE
        acted = {EPIC: NOW + acted_at * MINUTE} if acted_at is not None else {}
        known |= {
            one.id: one for one in turned(known.values(), "freshness", [a_finding()] if state == "1" else [], at, acted)
        }
    (alert,) = known.values()
    return alert


def test_an_alert_remembers_how_often_it_went_away_by_itself_and_how_long_it_lasted():
    alert = alert_cycles("101101")
    (record,) = records(alerts=[alert])
    assert (record.rule, record.spoke, record.over, record.alone) == (Rule("freshness", "write", EPIC), 3, 2, 2)
    assert alert.lives_s == (60, 120)


def test_an_alert_that_ended_after_a_remedy_did_not_go_away_by_itself():
    assert alert_cycles("110", acted_at=1).self_resolved == 0
    assert alert_cycles("110", acted_at=-1).self_resolved == 1


def test_incidents_count_once_and_those_of_sightings_as_sightings():
    over = an_incident(state=State.RESOLVED, symptom="timeout", restored_at=NOW, started_at=NOW - 3 * MINUTE)
    healed = over.model_copy(update={"id": "INC-2025-03-26-002"})
    unusual = over.model_copy(update={"symptom": UNUSUAL})
    (record,) = records(incidents=[over, healed, unusual], acted={healed.id})
    assert (record.rule, record.spoke, record.alone) == (Rule("incident", "timeout", EPIC), 2, 1)
    assert record.median_life_s == 180
