"""What the monitor makes of odd values while every call succeeds: observed, confirmed, told, over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from models.alert import Alert
from models.alert import turned as alerts_turned
from models.anomaly import Case, Severity
from models.describe import describe
from models.detectors import judge_all
from models.incident import UNUSUAL, Incident, State
from models.integration import Importance, Read
from models.reading import Outcome, Reading, Window
from models.series import Series
from models.sighting import Sighting, Stage
from tasks.detect import detect, keep_incident, worth_attending
from tasks.remember import remember
from tasks.sightings import Judgement, keep_sightings, named
from tasks.watch import told_once
from tests.builders import EPIC, a_reading, an_integration
from tests.clocks import MovedClock, a_house
from tests.panels import a_panel, a_usual
from tests.unit.test_alert import a_finding

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TUESDAY = datetime(2026, 11, 24, 15, 0, 1, tzinfo=UTC)
READ = Read(operation="Appointment.search", component="Appointment API", calls=4, importance=Importance.CRITICAL)
RECORDS = "records:Appointment.search"
SERIES = (Series(EPIC, "records", READ.operation), Series(EPIC, "error_rate"))
USUAL, LOW = 40, 2


class Practice:
    """Its monitor, cycle by cycle, with the panel that its history would have given."""

    def __init__(self, home: Path) -> None:
        self.house = a_house(home, MovedClock(TUESDAY), an_integration(reads=(READ,)))
        self.records, self.failed = [40.0] * 30, [0.0] * 30
        self.readings: list[Reading] = []

    def cycles(self, many: int, records: int = USUAL, outcome: Outcome = Outcome.OK) -> Incident | None:
        """So many rounds, a minute apart."""
        last = None
        for _ in range(many):
            at = self.house.clock.move(MINUTE)
            self.readings += minute(at, records, outcome=outcome)
            self.records.append(records if outcome.is_ok else float("nan"))
            self.failed.append(0.0 if outcome.is_ok else 1.0)
            last = self.judge()
        return last

    def judge(self) -> Incident | None:
        """What the monitor does with the round that it holds."""
        now, one = self.house.clock.now(), self.house.configuration.integrations[0]
        usual = a_usual(2, middle=USUAL, spread=2.0, low=35.0, high=45.0)
        usual.middle[1], usual.spread[1], usual.low[1], usual.high[1] = 0.0, 0.005, 0.0, 0.02
        panel = a_panel(self.records[-60:], self.failed[-60:], series=SERIES, calls=4.0, usual=usual)
        panel.ends_s[:] += now.timestamp() - panel.ends_s[-1]
        verdicts = judge_all(panel)
        found = describe(panel, verdicts, [one], now, lambda _: ())
        sightings = keep_sightings(self.house, [Judgement(panel, verdicts, found)])
        window = Window(
            integration_id=EPIC, since=now - 15 * MINUTE, until=now + MINUTE, readings=tuple(self.readings[-60:])
        )
        case = Case(integration=one, window=window, as_of=now)
        return keep_incident(self.house, case, named(found.get(EPIC, []), sightings))


def minute(at: datetime, records: int, **changes) -> list[Reading]:
    """One round of four calls that bring so many records each."""
    return [
        a_reading(
            observed_at=at + timedelta(seconds=nth / 4),
            operation=READ.operation,
            component=READ.component,
            records=records,
            **changes,
        )
        for nth in range(READ.calls)
    ]


@pytest.fixture
def practice(tmp_path) -> Practice:
    return Practice(tmp_path)


def sighting(practice: Practice, key: str = RECORDS) -> Sighting | None:
    return next((one for one in practice.house.ledger.all_kept(Sighting) if one.series.key == key), None)


def test_one_odd_cycle_stays_observed_and_opens_nothing(practice):
    assert practice.cycles(2) is None
    assert practice.cycles(1, LOW) is None
    seen = sighting(practice)
    assert seen is not None
    assert (seen.stage, seen.anomaly_id) == (Stage.OBSERVED, None)
    assert seen.anomaly is not None
    assert practice.cycles(4) is None
    assert practice.house.ledger.incidents() == ()


def test_three_odd_cycles_open_an_incident_although_every_call_succeeds(practice):
    practice.cycles(2)
    incident = practice.cycles(3, LOW)
    assert incident is not None
    assert (incident.symptom, incident.state) == (UNUSUAL, State.OPEN)
    seen = sighting(practice)
    assert seen is not None
    assert seen.stage.rank >= Stage.NOTIFIED.rank
    assert seen.incident_id == incident.id
    assert seen.anomaly_id == "ANM-2026-11-24-001"
    assert seen.anomaly_id in {one.id for one in incident.anomalies}
    assert seen.anomaly is not None
    assert seen.anomaly.id == seen.anomaly_id


def test_the_same_cycle_run_again_changes_no_number_and_no_stage(practice):
    practice.cycles(2)
    practice.cycles(2, LOW)
    before = [(one.id, one.stage, one.history, one.anomaly_id) for one in practice.house.ledger.all_kept(Sighting)]
    practice.house.clock.move(timedelta(seconds=5))
    practice.judge()
    after = [(one.id, one.stage, one.history, one.anomaly_id) for one in practice.house.ledger.all_kept(Sighting)]
    assert after == before
    assert {history for _, _, history, _ in after} <= {"1", "11"}


def test_it_is_over_when_the_sighting_is_cleared_and_resolved_when_it_stays_so(practice):
    practice.cycles(2)
    practice.cycles(4, LOW)
    assert practice.cycles(4).state is State.OPEN
    assert practice.cycles(4).state is State.MONITORING
    seen = sighting(practice)
    assert seen is not None
    assert (seen.stands, seen.by_itself) == (False, True)
    practice.cycles(12)
    assert practice.house.ledger.incidents()[0].state is State.RESOLVED
    practice.cycles(12)
    over = sighting(practice)
    assert over is not None
    assert (over.is_over, over.anomaly_id) == (True, "ANM-2026-11-24-001")


def test_a_blip_is_forgotten(practice):
    practice.cycles(2)
    practice.cycles(1, LOW)
    practice.cycles(22)
    assert sighting(practice) is None


def raised(practice: Practice) -> Alert:
    """The watch of volumes has found the same."""
    finding = a_finding("in:Appointment", Severity.HIGH, since=practice.house.clock.now())
    (alert,) = alerts_turned([], "volume", [finding], practice.house.clock.now())
    with practice.house.ledger.change("watch:volume", practice.house.clock.now()) as change:
        change.keep(alert)
    return alert


def test_what_an_alert_tells_of_already_opens_no_incident_until_the_alert_is_over(practice):
    practice.cycles(2)
    alert = raised(practice)
    assert practice.cycles(4, LOW) is None
    seen = sighting(practice)
    assert seen is not None
    assert (seen.alert_id, seen.is_confirmed) == (alert.id, True)
    over = alert.model_copy(update={"state": "cleared", "cleared_at": practice.house.clock.now()})
    with practice.house.ledger.change("watch:volume", practice.house.clock.now()) as change:
        change.keep(over)
    incident = practice.cycles(1, LOW)
    assert incident is not None
    assert incident.symptom == UNUSUAL


def test_an_alert_of_what_an_incident_tells_already_is_kept_and_sent_to_nobody_while_that_lasts(practice):
    practice.cycles(2)
    incident = practice.cycles(4, LOW)
    assert incident is not None
    alert = raised(practice)
    (kept,) = told_once(practice.house, [], [alert])
    assert kept.told_by == incident.id
    practice.cycles(25)
    assert not practice.house.ledger.incidents(active_only=True)
    (released,) = told_once(practice.house, [kept], [])
    assert released.told_by is None


def test_failing_calls_open_the_incident_that_they_always_opened_and_the_sighting_belongs_to_it(practice):
    practice.cycles(2)
    incident = practice.cycles(5, outcome=Outcome.SERVER_ERROR)
    assert incident is not None
    assert incident.symptom == "server_error"
    seen = sighting(practice, "error_rate")
    assert seen is not None
    assert seen.incident_id == incident.id
    ids = {one.id for one in incident.anomalies if one.metric == "error_rate"}
    assert ids == {seen.anomaly_id}
    assert len(practice.house.ledger.incidents()) == 1


def test_a_whole_round_goes_from_the_history_to_an_incident(tmp_path):
    rng, house = Random(7), a_house(tmp_path, MovedClock(TUESDAY), an_integration(reads=(READ,)))  # noqa: S311  # no secret
    for day in range(1, 5):
        begin = TUESDAY - day * DAY
        quiet = (minute(begin + n * 10 * MINUTE, USUAL + rng.randint(-2, 2)) for n in range(144))
        remember([reading for one in quiet for reading in one], house.home)
    told: list[Incident] = []
    for records in (40, 41, 2, 2, 2):
        at = house.clock.move(MINUTE)
        house.cases.clear()  # a run of the monitor has a house of its own
        remember(minute(at, records), house.home)
        kept = [keep_incident(house, case, found) for case, found in worth_attending(house, detect(house))]
        told += [one for one in kept if one is not None]
    assert {(one.id, one.symptom) for one in told} == {("INC-2026-11-24-001", UNUSUAL)}
    assert {one.metric for one in told[0].anomalies} >= {RECORDS}
