"""What every detector keeps; a new file in the room is found by itself, and needs its fault planted here.

The past is four weeks of generated history in a real store, as a monitor at one round a minute would have written
it; the healthy day is one more that no detector has seen; a fault is that day's quarter of an hour before ten
o'clock, spoiled.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.anomaly import Anomaly, Case, JointSample
from models.baseline import Baseline
from models.catalogue import load, names
from models.detectors import evaluate_all
from models.joint import JointModel, learn
from models.reading import Outcome, Reading, Window
from simulator.history import generate_history
from tasks.history.cycles import FEATURES, joint_features
from tasks.remember import baseline, recent, remember, remember_frame
from tests.builders import a_reading, a_window, an_integration

DETECTORS = [name for name in names("models.detectors") if hasattr(load("models.detectors", name), "evaluate")]
INTEGRATION = an_integration()
DAY = datetime(2026, 11, 18, 5, tzinfo=UTC)  # a Wednesday's midnight in New York
TEN = DAY + timedelta(hours=10)
QUARTER, BUCKET = timedelta(minutes=15), timedelta(minutes=5)
EVERY_S, SEED = 60, 3


@dataclass(frozen=True)
class Past:
    """What detectors may have learned by midnight, and the day that follows."""

    home: Path
    baselines: tuple[Baseline, ...]
    learned: JointModel | None
    buckets: dict[datetime, tuple[float, ...]]
    day: Window

    def case(self, until: datetime, window: Window | None = None, **changes: Any) -> Case:
        """The case of an instant, as a monitor would gather it."""
        told = {
            "integration": INTEGRATION,
            "window": window or self.day.between(until - QUARTER, until),
            "baselines": self.baselines,
            "as_of": until,
            "joint": JointSample(model=self.learned, latest=self.buckets.get(until - BUCKET)),
        }
        return Case(**{**told, **changes})


@pytest.fixture(scope="module")
def past(tmp_path_factory) -> Past:
    home, after = tmp_path_factory.mktemp("weeks"), tmp_path_factory.mktemp("weeks-and-day")
    remember_frame(generate_history(INTEGRATION, DAY, every_s=EVERY_S, seed=SEED), home)
    shutil.copytree(home, after, dirs_exist_ok=True)
    week = generate_history(INTEGRATION, DAY + timedelta(days=1), weeks=1, every_s=EVERY_S, seed=SEED + 1)
    remember_frame(week[week["observed_at"] >= DAY].assign(source="probe"), after)
    buckets = joint_features(after, [INTEGRATION], DAY, DAY + timedelta(days=1))[INTEGRATION.id]
    learned = joint_features(home, [INTEGRATION], DAY - timedelta(weeks=4), DAY)[INTEGRATION.id]
    return Past(
        home=home,
        baselines=baseline(home, INTEGRATION, before=DAY),
        learned=learn(INTEGRATION.id, FEATURES, learned, DAY),
        buckets={DAY + n * BUCKET: row for n, row in enumerate(buckets)},
        day=recent(after, INTEGRATION.id, DAY, DAY + timedelta(days=1)),
    )


@pytest.fixture(scope="module")
def healthy_day(past) -> tuple[Case, ...]:
    """Every five minutes of the day."""
    return tuple(past.case(DAY + n * BUCKET) for n in range(3, 289))


def fails_mostly(nth: int, reading: Reading) -> Reading:
    """A server that fails on two of three calls."""
    broken = {"outcome": Outcome.SERVER_ERROR, "status": 503}
    return reading if nth % 3 == 0 else reading.model_copy(update=broken)


def is_throttled(nth: int, reading: Reading) -> Reading:
    """HTTP 429 on every fourth call."""
    broken = {"outcome": Outcome.THROTTLED, "status": 429}
    return reading.model_copy(update=broken) if nth % 4 == 0 else reading


def is_slow(_: int, reading: Reading) -> Reading:
    """Everything takes four times as long, and 100 ms more."""
    return reading.model_copy(update={"latency_ms": 4 * (reading.latency_ms or 0) + 100})


def answers_nothing(_: int, reading: Reading) -> Reading:
    """HTTP 200 in no time, with hardly a byte: nobody complains, and nothing is there."""
    return reading.model_copy(update={"received_bytes": 2, "latency_ms": 4.0})


PLANTED: dict[str, Callable[[int, Reading], Reading]] = {
    "error_rate": fails_mostly,
    "joint": answers_nothing,
    "known_failure": is_throttled,
    "latency": is_slow,
}


def spoiled(past: Past, name: str, home: Path) -> Case:
    """The case at ten o'clock after a quarter of an hour of this detector's fault."""
    window = past.day.between(TEN - QUARTER, TEN)
    broken = tuple(PLANTED[name](nth, reading) for nth, reading in enumerate(window.readings))
    shutil.copytree(past.home, home, dirs_exist_ok=True)
    remember(broken, home)
    (latest,) = joint_features(home, [INTEGRATION], TEN - BUCKET, TEN)[INTEGRATION.id]
    joint = JointSample(model=past.learned, latest=latest)
    return past.case(TEN, recent(home, INTEGRATION.id, TEN - QUARTER, TEN), joint=joint)


def judge(name: str, case: Case) -> list[Anomaly]:
    """What a detector says with nothing left in its memory."""
    detector = load("models.detectors", name)
    for kept in vars(detector).values():
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
    found: list[Anomaly] = detector.evaluate(case)
    return found


def test_every_detector_has_its_fault_planted_here():
    assert set(PLANTED) == set(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_is_quiet_on_a_healthy_day(healthy_day, name):
    detector = load("models.detectors", name)
    assert [anomaly for case in healthy_day for anomaly in detector.evaluate(case)] == []
    assert all(case.window.readings and case.joint and case.joint.latest for case in healthy_day)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_finds_its_planted_fault_and_says_the_same_twice(past, tmp_path, name):
    case = spoiled(past, name, tmp_path)
    first = judge(name, case)
    assert first
    assert judge(name, case) == first
    for anomaly in first:
        assert anomaly.integration_id == INTEGRATION.id
        assert anomaly.score > 1
        assert anomaly.first_observed <= anomaly.observed_at == TEN
        assert anomaly.baseline != anomaly.current


@pytest.mark.parametrize("name", DETECTORS)
def test_an_empty_window_holds_nothing(past, name):
    unread = JointSample(model=past.learned)
    assert judge(name, past.case(TEN, a_window(), joint=unread)) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_that_has_learned_nothing_is_quiet_about_a_single_call(name):
    window = a_window(a_reading(latency_ms=9_000.0))
    assert judge(name, Case(integration=INTEGRATION, window=window, as_of=window.until)) == []


def test_the_room_is_heard_worst_first(past, tmp_path):
    found = evaluate_all(spoiled(past, "error_rate", tmp_path))
    ranks = [(anomaly.severity.rank, anomaly.score) for anomaly in found]
    assert ranks == sorted(ranks, reverse=True)
    assert "error_rate" in [anomaly.metric for anomaly in found]
