"""What is learned is kept, is learned in turns, and never reaches into the window that is judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.configuration import Configuration
from models.follow import lookback
from models.integration import Integration
from models.policy import Policy
from models.series import JOINT
from simulator.history import generate_history
from tasks import learn as learning
from tasks.house import House
from tasks.learn import TERM, floored, learn_usual, learned_until
from tasks.learn_joint import learn_together
from tasks.panels import gather_panels
from tasks.past import baselines_of, judges_until, usual_until
from tasks.remember import baseline, remember_frame
from tests.builders import an_integration

NOON = datetime(2026, 3, 4, 12, 7, tzinfo=UTC)
END = datetime(2026, 3, 4, 6, tzinfo=UTC)  # the full six hours before the window of 11:52


class StandingClock:
    """A clock that shows what it is told."""

    speed = 1.0

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def house_of(tmp_path, *integrations: Integration, at: datetime = NOON) -> House:
    policy = Policy.model_validate({"version": "1", "owner": "Integration Team"})
    configuration = Configuration(integrations=integrations, policy=policy, path=tmp_path)
    return House(configuration=configuration, home=tmp_path, clock=StandingClock(at))


def sites(count: int) -> tuple[Integration, ...]:
    zones = ("America/New_York", "America/Los_Angeles")
    return tuple(an_integration(id=f"site-{n}", timezone=zones[n % 2]) for n in range(count))


def furnished(tmp_path, *integrations: Integration, weeks: int = 2) -> House:
    for seed, one in enumerate(integrations):
        remember_frame(generate_history(one, NOON, weeks=weeks, every_s=300, seed=seed), tmp_path)
    return house_of(tmp_path, *integrations)


def used(house: House):
    since = house.clock.now() - lookback(house.configuration.integrations[0])
    return usual_until(house.home, house.configuration.integrations, since, house.clock.now())


def test_what_was_learned_is_what_the_history_says(tmp_path):
    house = furnished(tmp_path, *sites(2))
    learn_usual(house)
    for one in house.configuration.integrations:
        every = {(b.operation, b.basis, b.hour_of_week, b.hour_of_day): b for b in baseline(tmp_path, one, END)}
        kept = used(house)[one.id]
        assert kept
        assert len(kept) < len(every)
        for known in kept:
            told = known.model_dump(exclude={"integration_id"})
            asked = every[known.operation, known.basis, known.hour_of_week, known.hour_of_day]
            assert told == pytest.approx(asked.model_dump(exclude={"integration_id"}))


def test_it_is_learned_once_in_six_hours_whoever_asks(tmp_path):
    house = furnished(tmp_path, *sites(2))
    learn_usual(house)
    (first,) = (tmp_path / "learned" / "baselines").iterdir()
    learn_usual(house_of(tmp_path, *sites(2), at=NOON + timedelta(minutes=7)))
    assert list((tmp_path / "learned" / "baselines").iterdir()) == [first]
    learn_usual(house_of(tmp_path, *sites(2), at=NOON + TERM))
    assert len(list((tmp_path / "learned" / "baselines").iterdir())) == 2


def test_a_fleet_is_learned_in_turns_and_an_older_term_serves_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "AT_ONCE", 2)
    house = furnished(tmp_path, *sites(5))
    for known in (2, 4, 5):
        learn_usual(house)
        assert len(learned_until(tmp_path, "baselines")) == known
    house.clock.at += TERM
    learn_usual(house)
    until = learned_until(tmp_path, "baselines")
    assert sorted(until.values()) == [END] * 3 + [END + TERM] * 2
    assert all(used(house)[one.id] for one in house.configuration.integrations)


def test_nobody_is_asked_about_twice_for_having_nothing_to_learn_from(tmp_path):
    house = house_of(tmp_path, *sites(1))
    learn_usual(house)
    assert learned_until(tmp_path, "baselines") == {"site-0": END}
    assert used(house) == {"site-0": ()}
    learn_usual(house)
    assert len(list((tmp_path / "learned" / "baselines").iterdir())) == 1


def test_what_was_learned_after_the_window_began_is_not_used(tmp_path):
    house = furnished(tmp_path, *sites(1))
    learn_usual(house)
    earlier = END - timedelta(minutes=1)
    assert usual_until(tmp_path, house.configuration.integrations, earlier, NOON) == {"site-0": ()}


def test_a_joint_model_is_learned_from_enough_rows_and_kept(tmp_path):
    house = furnished(tmp_path, *sites(2))
    learn_together(house)
    judges = judges_until(tmp_path, house.configuration.integrations, NOON - timedelta(minutes=15))
    assert list(judges) == ["site-0", "site-1"]
    for name, model in judges.items():
        assert model.integration_id == name
        assert model.trained_until == datetime(2026, 3, 4, tzinfo=UTC)
        assert model.timezone == house.integration(name).timezone
        assert [one.until for one in model.spans] == [model.trained_until] * 2 + [datetime(2026, 3, 1, tzinfo=UTC)]
    (panel,) = gather_panels(house, NOON)
    assert [one.integration_id for one in panel.series if one.metric == JOINT] == ["site-0", "site-1"]
    assert panel.joint is judges


def test_it_is_learned_once_a_day_and_what_was_learned_later_is_not_used(tmp_path):
    house = furnished(tmp_path, *sites(1))
    learn_together(house)
    learn_together(house)
    (path,) = (tmp_path / "learned" / "joint").iterdir()
    assert judges_until(tmp_path, house.configuration.integrations, datetime(2026, 3, 3, 23, tzinfo=UTC)) == {}
    house.clock.at += timedelta(days=1)
    learn_together(house)
    assert len(list((tmp_path / "learned" / "joint").iterdir())) == 2
    assert path.exists()


def test_two_days_are_too_few_for_a_joint_model(tmp_path):
    (one,) = sites(1)
    frame = generate_history(one, NOON, weeks=1, every_s=300)
    remember_frame(frame[frame["observed_at"] >= NOON - timedelta(days=1)], tmp_path)
    house = house_of(tmp_path, one)
    learn_together(house)
    assert len(judges_until(tmp_path, [one], NOON - timedelta(minutes=15))) == 0
    (panel,) = gather_panels(house, NOON)
    assert not [one for one in panel.series if one.metric == JOINT]


def test_old_lessons_go(tmp_path):
    house = furnished(tmp_path, *sites(1))
    for _ in range(14):
        learn_usual(house)
        house.clock.at += TERM
    files = sorted((tmp_path / "learned" / "baselines").iterdir())
    assert len(files) == 2 * 4 + 1  # two days of terms, and the newest


def test_only_the_hours_of_the_window_are_read(tmp_path):
    house = furnished(tmp_path, *sites(1))
    learn_usual(house)
    (path,) = (tmp_path / "learned" / "baselines").iterdir()
    hours = {known.hour_of_week for known in baselines_of(path, (55, 56))}
    assert hours == {None, 55, 56}
    assert {known.hour_of_day for known in baselines_of(path, (55, 56))} == {None, 7, 8}


@pytest.mark.parametrize(
    ("at", "step", "full"),
    [
        pytest.param(
            datetime(2026, 3, 4, 11, 59, tzinfo=UTC), TERM, datetime(2026, 3, 4, 6, tzinfo=UTC), id="six hours"
        ),
        pytest.param(datetime(2026, 3, 4, 12, tzinfo=UTC), TERM, datetime(2026, 3, 4, 12, tzinfo=UTC), id="just full"),
    ],
)
def test_an_instant_is_floored_to_the_full_step(at, step, full):
    assert floored(at, step) == full
