"""Two weeks of a stored past are replayed, another threshold is proposed, and somebody agrees to it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from flows.commands import anomalies as anomalies_command
from flows.commands import tune as command
from models.anomaly import Severity
from models.detectors import judge_all
from models.errors import BadInput
from models.incident import Event, Incident, State, fingerprint
from models.integration import Environment, Importance, Read
from models.series import Series
from models.tune import Tuned, TunedState, factors
from tasks.detect import judge
from tasks.house import House
from tasks.learn_hours import learn_hours
from tasks.remember import remember
from tasks.replays import Learned, ground_of, past_of, trail_of
from tasks.tune import Asked, approve, check, proposed, replay_threshold, undo
from tests.builders import EPIC, a_reading, an_integration
from tests.clocks import MovedClock, a_house

EVERY, DAY = timedelta(minutes=10), timedelta(days=1)
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
READ = Read(operation="Appointment.search", component="Appointment API", importance=Importance.CRITICAL)
LATENCY = Series(EPIC, "latency", READ.operation)
DAYS = 14
REAL = (5, 8, 12)  # days before now on which it was really slow
MINOR = {7: 14, 6: 22, 4: 20, 2: 3, 1: 5, 0: 7}  # days before now: the hour from which it was a bit slow
ASKED = Asked("latency", EPIC, NOON - 9 * DAY, NOON)
SHORT = ASKED._replace(since=NOON - 2 * DAY)


def latency_of(at: datetime, rng: Random) -> float:
    """Quick; a bit slow for a while on some days, when nobody minds; very slow for an hour on three days."""
    minute, ago = at.hour * 60 + at.minute, (NOON - at) // DAY
    if ago in REAL and 600 <= minute < 660:
        return 5000.0
    is_slow = ago in MINOR and 0 <= minute - 60 * MINOR[ago] < 50
    return rng.gauss(300, 5) if is_slow else rng.gauss(120, 5)


@pytest.fixture(scope="module")
def past(tmp_path_factory) -> Path:
    """A home with all of it, and the three incidents in the ledger."""
    home, rng = tmp_path_factory.mktemp("past"), Random(5)  # noqa: S311  # no secret
    house = a_house(home, MovedClock(NOON), an_integration(reads=(READ,), probe_every=EVERY))
    for day in range(DAYS, 0, -1):
        begin = NOON - day * DAY
        rounds = [begin + n * EVERY + timedelta(seconds=1) for n in range(144)]
        readings = [
            a_reading(
                observed_at=at, operation=READ.operation, component=READ.component, latency_ms=latency_of(at, rng)
            )
            for at in rounds
        ]
        remember(readings, home)
    for ago in REAL:
        began = (NOON - ago * DAY).replace(hour=10)
        began = began if NOON - began >= ago * DAY else began - DAY
        slow = Incident(
            id="",
            integration_id=EPIC,
            fingerprint=fingerprint(Environment.PRODUCTION, EPIC, f"slow {ago}"),
            state=State.OPEN,
            severity=Severity.HIGH,
            symptom="slow",
            started_at=began,
            detected_at=began,
            updated_at=began,
        ).note(began, "confirmed")
        over = began + timedelta(hours=1)
        with house.ledger.change("test", began) as change:
            opened = change.open_incident(slow)
        with house.ledger.change("test", over) as change:
            calm = opened.advance(Event.RECOVERED, over, "well again", restored_at=over)
            change.save_incident(calm.advance(Event.QUIET, over, "quiet", resolved_at=over))
    house.ledger.close()
    return home


@pytest.fixture
def house(past, tmp_path) -> House:
    shutil.copytree(past, tmp_path / "home")
    return a_house(tmp_path / "home", MovedClock(NOON), an_integration(reads=(READ,), probe_every=EVERY))


def test_a_replay_learns_each_day_from_the_days_before_it_only(house):
    one = house.configuration.integrations[0]
    known = past_of(house, one, NOON - 9 * DAY, NOON, lambda name: name == LATENCY)
    learned = Learned(house, known)
    assert (known.course.series, len(known.columns)) == ((LATENCY,), 9 * 144)
    for column in (known.first, known.columns[-1]):
        assert learned.usual_at(column).middle[0] == pytest.approx(120, abs=5)
    empty = Learned(house, past_of(house, one, NOON - 14 * DAY, NOON, lambda name: name == LATENCY))
    assert empty.usual_at(200).is_learning.all()  # of the day before anything was known


def test_a_replay_says_what_the_monitor_would_have_said(house):
    """The stacked cycles of an hour beside one panel each, with the limits and hours of the configuration."""
    one = house.configuration.integrations[0]
    since = (NOON - 2 * DAY).replace(hour=3)
    known = past_of(house, one, since, since + timedelta(hours=1), lambda _: True)
    trail = trail_of(house, known)
    ground, usual = ground_of(house, known), Learned(house, known).usual_at(known.first)
    said = set()
    for column in known.columns:
        panel = known.course.panel(column, usual, limits=ground.limits, is_open=ground.is_open[:, column])
        said |= {
            (column - known.first, int(row), name)
            for name, verdicts in judge_all(panel).items()
            for row in verdicts.speaks.nonzero()[0]
        }
    assert said == {(one.cycle, one.row, one.detector) for one in trail.loud if not one.unknown}
    assert said


def test_a_threshold_is_chosen_on_the_older_part_and_reported_on_the_rest(house):
    replayed = replay_threshold(house, ASKED)
    tuned = replayed.tuned
    assert tuned is not None
    assert tuned.fit is not None
    assert (tuned.fit.since, tuned.fit.until) == (NOON - 9 * DAY, NOON - 3 * DAY)
    assert (tuned.effect.since, tuned.effect.until) == (NOON - 3 * DAY, NOON)
    assert tuned.fit.after.told < tuned.fit.before.told
    assert tuned.fit.missed == ()
    assert len(tuned.fit.before.found) == 2  # the third is older than what was asked for
    assert len(replayed.real) == 2
    assert tuned.effect.after.told < tuned.effect.before.told


def test_a_proposal_changes_nothing_and_agreeing_to_it_does(house):
    tuned = replay_threshold(house, ASKED, 9.0).tuned
    assert tuned is not None
    assert tuned.fit is None
    assert "missed 0 of 2 real incidents" in tuned.effect.says
    assert factors(house.ledger.all_kept(Tuned))(LATENCY) == 1.0
    agreed = approve(house, tuned.id, "on call", "cries wolf each morning")
    assert (agreed.state, agreed.approved_by, agreed.why) == (TunedState.IN_FORCE, "on call", "cries wolf each morning")
    assert factors(house.ledger.all_kept(Tuned))(LATENCY) == 9.0
    undo(house, tuned.id, "the owner")
    assert factors(house.ledger.all_kept(Tuned))(LATENCY) == 1.0
    assert proposed(house, tuned.id).ended_by == "the owner"


def slow_now(house: House, latency_ms: float) -> float:
    """The highest score of latency that is heard, after some slow rounds."""
    for _ in range(3):
        at = house.clock.move(EVERY)
        remember([a_reading(observed_at=at, operation=READ.operation, latency_ms=latency_ms)], house.home)
    house.cases.clear()
    (judgement,), _ = judge(house, house.clock.now())
    row = judgement.panel.series.index(LATENCY)
    return max(float(one.score[row]) for one in judgement.verdicts.values() if one.speaks[row] or one.score[row] < 1)


def test_what_is_in_force_is_what_the_monitor_judges_by(house):
    learn_hours(house)
    before = slow_now(house, 300.0)
    assert before > 1
    tuned = replay_threshold(house, SHORT, 10.0).tuned
    assert tuned is not None
    approve(house, tuned.id, "on call", "cries wolf")
    assert slow_now(house, 300.0) < 1
    assert slow_now(house, 9000.0) > 1


def test_a_proposal_expires_when_its_history_or_configuration_changes(house):
    first, second = (replay_threshold(house, SHORT, factor).tuned for factor in (3.0, 4.0))
    assert first is not None
    assert second is not None
    assert first.ground == second.ground
    approve(house, second.id, "on call", "cries wolf")
    with pytest.raises(BadInput, match=f"{first.id} has expired"):  # another threshold is in force now
        approve(house, first.id, "on call", "again")
    third = replay_threshold(house, SHORT, 5.0).tuned
    assert third is not None
    late = a_reading(observed_at=NOON - DAY, operation=READ.operation, latency_ms=90_000.0)
    remember([late], house.home)
    with pytest.raises(BadInput, match=f"{third.id} has expired"):
        approve(house, third.id, "on call", "cries wolf")


def test_a_later_threshold_takes_the_place_of_the_one_in_force(house):
    for factor in (3.0, 4.0):
        tuned = replay_threshold(house, SHORT, factor).tuned
        assert tuned is not None
        approve(house, tuned.id, "on call", "cries wolf")
    states = {one.factor: one.state for one in house.ledger.all_kept(Tuned)}
    assert states == {3.0: TunedState.REPLACED, 4.0: TunedState.IN_FORCE}


@pytest.mark.parametrize(
    ("asked", "threshold", "says"),
    [
        pytest.param(ASKED, 0.5, "from 1 ", id="too low"),
        pytest.param(ASKED, 21.0, "to 20;", id="too high"),
        pytest.param(ASKED._replace(metric="no such thing"), None, "no metric is called so", id="no name"),
    ],
)
def test_what_cannot_be_replayed_is_refused_before_anything_is_read(asked, threshold, says):
    with pytest.raises(BadInput, match=says):
        check(asked.metric, threshold)


def test_a_metric_that_the_history_does_not_hold_is_said(house):
    with pytest.raises(BadInput, match="the history holds no staleness of epic-fhir-main"):
        replay_threshold(house, ASKED._replace(metric="staleness"))


# --- as somebody types it --------------------------------------------------------------------------------------------


@pytest.fixture
def typed(house, monkeypatch, capsys):
    """`heal tune …` in this house, at its hour; what it prints."""
    monkeypatch.setattr(command, "house_of", lambda *_, **__: house)
    monkeypatch.setattr(anomalies_command, "house_of", lambda *_, **__: house)

    def run(**options) -> str:
        plain = {"rule": None, "integration": None, "since": "9d", "threshold": None, "plot": None, "approve": None}
        plain |= {"undo": None, "by": None, "why": None, "listed": False}
        assert command.command(**{**plain, **options}) == 0
        return capsys.readouterr().out

    return run


def test_a_replay_is_shown_drawn_and_agreed_to(typed, tmp_path, house):
    shown = typed(rule="latency", integration=EPIC, plot=tmp_path / "told.svg")
    (tuned,) = house.ledger.all_kept(Tuned)
    assert "of 2 real incidents it found 2" in shown
    assert "chosen on 2026-11-16 to 2026-11-22" in shown
    assert "missed 0 of 2 real incidents" in shown
    assert f"`heal tune --approve {tuned.id} --by NAME" in shown
    assert (tmp_path / "told.svg").read_text(encoding="utf-8").count("<svg") == 1
    assert f"In force: latency of {EPIC} speaks from a score of {tuned.factor:g} instead of 1." in typed(
        approve=tuned.id, by="on call", why="cries wolf"
    )
    assert "cries wolf" in typed(listed=True)
    assert "speaks from a score of 1 again" in typed(undo=tuned.id, by="the owner")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({}, "say one thing", id="nothing"),
        pytest.param({"rule": "latency", "listed": True}, "say one thing", id="two things"),
        pytest.param({"approve": "THR-2026-11-25-001", "by": "on call"}, "say who agrees and why", id="no reason"),
        pytest.param({"undo": "THR-2026-11-25-001"}, "say who", id="nobody"),
        pytest.param({"undo": "THR-2026-11-25-001", "by": "on call"}, "knows no threshold", id="no such"),
        pytest.param({"rule": "latency", "integration": "nobody"}, "no integration 'nobody'", id="no integration"),
        pytest.param({"rule": "latency", "since": "31d"}, "30d at most", id="too far back"),
    ],
)
def test_what_is_said_wrong_is_one_sentence(typed, options, says):
    with pytest.raises(BadInput, match=says):
        typed(**options)


def test_no_threshold_was_proposed_yet(typed):
    assert "No threshold was proposed yet" in typed(listed=True)
