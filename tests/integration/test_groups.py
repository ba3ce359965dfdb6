"""Groups in the monitor: three symptoms of one trouble are one group, which confirms sooner and is told in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.alert import Alert, turned
from models.describe import describe
from models.detectors import judge_all
from models.group import ALERT, Group, Member
from models.series import Series
from models.sighting import Sighting
from tasks.detect import put_in_words
from tasks.groups import keep_groups, practices, whose
from tasks.sightings import keep_sightings
from tests.builders import EPIC, UNITY, an_integration
from tests.clocks import MovedClock, a_house
from tests.panels import a_panel, a_usual
from tests.unit.test_alert import a_finding

MINUTE, CYCLES = timedelta(minutes=1), 60
TUESDAY = datetime(2026, 11, 24, 15, 0, 0, tzinfo=UTC)
SERIES = (
    Series(EPIC, "latency", "Appointment.search"),
    Series(EPIC, "pattern:throttling"),
    Series(EPIC, "queue_depth", "Appointment"),
)
MIDDLE, SPREAD = np.array([300.0, 0.0, 20.0]), np.array([15.0, 0.005, 2.0])
TROUBLE = np.array([1500.0, 0.4, 90.0])


class Clinic:
    """A monitor whose three series go wrong one after the other."""

    def __init__(self, home: Path) -> None:
        self.house = a_house(home, MovedClock(TUESDAY), an_integration())
        noise = np.random.default_rng(4).normal(0.0, 0.3, (3, CYCLES))
        self.courses = MIDDLE[:, None] + SPREAD[:, None] * np.clip(noise, -1, 1)
        self.courses[1] = 0.0

    def cycle(self, *odd: int) -> tuple[Group, ...]:
        """One more minute, in which these series are odd."""
        now = self.house.clock.move(MINUTE)
        column = MIDDLE.copy()
        column[list(odd)] = TROUBLE[list(odd)]
        self.courses = np.column_stack([self.courses[:, 1:], column])
        usual = a_usual(3, middle=0.0, spread=1.0, low=0.0, high=1.0)
        usual.middle[:], usual.spread[:] = MIDDLE, SPREAD
        usual.low[:], usual.high[:] = MIDDLE - 3 * SPREAD, MIDDLE + 3 * SPREAD
        panel = a_panel(*self.courses, series=SERIES, calls=10.0, usual=usual)
        panel.ends_s[:] += now.timestamp() - panel.ends_s[-1]
        judged = [(panel, judge_all(panel))]
        groups = keep_groups(self.house, judged)
        keep_sightings(self.house, put_in_words(self.house, judged, practices(groups), now), groups)
        return groups

    @property
    def kept(self) -> tuple[Group, ...]:
        """What the ledger knows."""
        return self.house.ledger.all_kept(Group)


@pytest.fixture
def clinic(tmp_path) -> Clinic:
    return Clinic(tmp_path)


def test_three_symptoms_become_one_group_that_lists_all_with_their_lags(clinic):
    assert clinic.cycle() == ()
    clinic.cycle(0)
    clinic.cycle(0)
    clinic.cycle(0, 1)
    (group,) = clinic.cycle(0, 1, 2)
    assert [(member.series, member.lag_s) for member in group.members] == list(
        zip(SERIES, (0.0, 120.0, 180.0), strict=True)
    )
    assert clinic.kept == (group,)
    told = {one.series: one.together for one in clinic.house.ledger.all_kept(Sighting)}
    assert set(told.values()) == {group.says}
    assert group.says.startswith("Increased latency (Appointment.search); 2 minutes later Rate limiting")


def test_a_group_keeps_its_id_and_is_forgotten_when_its_symptoms_are_over(clinic):
    clinic.cycle(0, 1)
    first = {group.id for group in clinic.cycle(0, 1)}
    assert first
    assert {group.id for group in clinic.cycle(0, 1, 2)} == first
    for _ in range(20):
        clinic.cycle()
    assert clinic.kept == ()


def test_a_group_that_falls_silent_for_a_cycle_is_the_same_group_afterwards(clinic):
    for _ in range(2):
        clinic.cycle(0, 2)
    (before,) = clinic.kept
    assert clinic.cycle() == ()
    assert clinic.kept == (before,)
    assert {group.id for group in clinic.cycle(0, 2)} == {before.id}


def test_one_symptom_by_itself_is_no_group(clinic):
    assert clinic.cycle(0) == ()
    assert clinic.kept == ()


def stand(clinic: Clinic, since: datetime) -> None:
    """Two alerts that began together."""
    findings = [a_finding(subject=subject, since=since) for subject in ("write", "read")]
    with clinic.house.ledger.change("watch:freshness", since) as change:
        for alert in turned((), "freshness", findings, since):
            change.keep(alert)
    assert len(clinic.house.ledger.all_kept(Alert, state="raised")) == 2


def test_alerts_join_what_is_odd(clinic):
    stand(clinic, clinic.house.clock.now())
    assert clinic.cycle() == ()
    (group,) = clinic.cycle(0)
    assert sorted(member.source for member in group.members) == [ALERT, ALERT, "probe"]


def test_alerts_make_no_group_among_themselves(clinic):
    stand(clinic, clinic.house.clock.now() - timedelta(hours=3))
    assert clinic.cycle(0) == ()


def test_a_refused_call_is_no_second_witness_of_the_failed_one(clinic):
    clinic.cycle(0, 1)
    (group,) = clinic.cycle(0, 1)
    assert {member.series for member in group.members} == {SERIES[0], SERIES[1]}
    assert set(whose([group])) == {SERIES[0]}


def test_what_ails_a_neighbour_makes_no_weak_sign_sure():
    members = [
        Member(integration_id=one, metric="latency", source="probe", began=TUESDAY, lag_s=0, score=2.0)
        for one in (EPIC, UNITY)
    ]
    witnesses = whose([Group(id="GRP-1", members=tuple(members), began=TUESDAY, shared="our own network", of=2)])
    assert len(set(witnesses.values())) == len(witnesses) == 2


def test_three_practices_at_once_are_one_level_graver_and_say_so():
    known = {"middle": 300.0, "spread": 15.0, "low": 255.0, "high": 345.0}
    panel = a_panel([300.0] * 30 + [1500.0], series=SERIES[:1], calls=10.0, usual=a_usual(1, **known))
    verdicts, one = judge_all(panel), an_integration()
    alone, among = (
        describe(panel, verdicts, [one], TUESDAY, lambda _: (), ailing)[EPIC][0] for ailing in ({}, {SERIES[0]: 3})
    )
    assert among.severity.rank == alone.severity.rank + 1
    assert "3 practices at once" in among.why
