"""`heal anomalies`, as somebody types it: what stands, every score, and the rules that cry wolf."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows.commands import anomalies as command
from models.anomaly import Severity
from models.errors import BadInput
from models.series import Series
from models.sighting import Sighting, Stage
from tasks import scores as scoring
from tasks.house import House
from tests.builders import EPIC, NOW, UNITY, an_anomaly, an_integration
from tests.clocks import MovedClock, a_house
from tests.unit.test_noise import spells
from tests.unit.test_scores import steady
from tests.unit.test_unusual import a_sighting

MINUTE = timedelta(minutes=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return a_house(tmp_path, MovedClock(NOW), an_integration(), an_integration(id=UNITY))


@pytest.fixture
def shown(house, monkeypatch, capsys):
    """What it prints."""
    monkeypatch.setattr(command, "house_of", lambda *_, **__: house)

    def run(which: str | None = None, **options: bool) -> str:
        plain = {"scores": False, "noisy": False, "everything": False}
        assert command.command(which, **{**plain, **options}) == 0
        return capsys.readouterr().out

    return run


def keep(house: House, *sightings: Sighting) -> None:
    with house.ledger.change("test", NOW) as change:
        for one in sightings:
            change.keep(one)


BLIP = a_sighting(
    Series(EPIC, "latency", "Patient.search"),
    stage=Stage.OBSERVED,
    times=0,
    notified_at=None,
    anomaly_id=None,
    anomaly=an_anomaly(id=None),
)
ELSEWHERE = a_sighting(Series(UNITY, "records", "GetPatient"), anomaly_id="ANM-2025-03-26-002", severity=Severity.HIGH)
OVER = a_sighting(id="over", anomaly_id="ANM-2025-03-25-009", cleared_at=NOW, is_over=True, by_itself=True)


def test_nothing_is_odd(shown):
    assert shown() == "Nothing is odd now.\n"
    assert shown(everything=True) == "Nothing was odd in the last 90 days.\n"


def test_what_stands_is_told_with_how_far_it_has_come_and_what_is_usual(house, shown):
    told = a_sighting(detectors=("level", "seasonal"), incident_id="INC-2025-03-26-001")
    keep(house, told, BLIP, ELSEWHERE, OVER)
    text = shown()
    assert text.split()[:6] == ["anomaly", "integration", "what", "stage", "since", "score"]
    starts = [line.split()[0] for line in text.splitlines()[1:] if line[1:2].strip()]
    assert starts == ["ANM-2025-03-26-002", "ANM-2025-03-26-001", "–"]  # the gravest first, a blip last
    for part in (
        "notified MEDIUM",
        "MEDIUM",
        "09:30 EDT",
        "2.5",
        "level,",
        "INC-2025-03-26-001",
        "observed",
        "WORSENING",
    ):
        assert part in text
    assert "1250ms" in text


def test_only_one_integration_is_shown_when_only_one_is_asked_for(house, shown):
    keep(house, a_sighting(), ELSEWHERE)
    assert "ANM-2025-03-26-001" not in shown(UNITY)
    with pytest.raises(BadInput, match="no integration 'nobody'"):
        shown("nobody")


def test_what_is_over_is_shown_when_it_is_asked_for(house, shown):
    keep(house, OVER)
    assert shown() == "Nothing is odd now.\n"
    assert "went by itself" in shown(everything=True)


def test_what_comes_and_goes_says_so(house, shown):
    keep(house, a_sighting(flapping=True, stage=Stage.CONFIRMED))
    assert "confirmed, flapping" in shown()


def test_one_anomaly_is_told_in_full(house, shown):
    keep(house, a_sighting(agrees="2 detectors agree", history="00111"))
    full = shown("ANM-2025-03-26-001")
    for part in ("··███", "2 detectors agree", "1, of which 0 went by themselves", f"{EPIC} records:Patient.search"):
        assert part in full
    with pytest.raises(BadInput, match="knows no anomaly ANM-2025-03-26-077"):
        shown("ANM-2025-03-26-077")


def test_every_score_is_on_one_scale_and_what_is_held_says_why(shown, monkeypatch):
    monkeypatch.setattr(scoring, "gather_panels", lambda *_: [steady(123.0, 900.0)])
    head, loud, held = shown(scores=True).strip("\n").splitlines()
    assert head.split()[:3] == ["integration", "series", "score"]
    assert "seasonal" in loud
    assert "held (seasonal)" in held
    assert "3ms above the usual is 10 deviations, but smaller than anybody feels (100ms)" in held


def test_no_series_is_near_when_nothing_was_measured(shown):
    assert shown(scores=True) == "No series is near 1.\n"


def test_after_twenty_that_resolved_by_themselves_the_rule_is_listed_as_noisy(house, shown):
    keep(house, *spells(21, acted=1))
    told = shown(noisy=True)
    assert "95%" in told
    assert "noisy" in told
    assert "4 minutes" in told
    assert f"`heal tune records --integration {EPIC}` replays another threshold." in told


def test_a_rule_that_helps_is_shown_only_when_all_are_asked_for(house, shown):
    keep(house, *spells(21, acted=9))
    assert shown(noisy=True).startswith("No rule is noisy")
    assert "57%" in shown(noisy=True, everything=True)
