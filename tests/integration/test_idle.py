"""What has nothing to do in a cycle says so beforehand, and makes no task run of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.canary import Canary
from models.configuration import Follow, IntakeSettings
from models.integration import MetricQuery
from tasks import canary, intake, pull
from tasks.house import House
from tasks.intake.folder import RECEIVED
from tests.traffic import a_house

CANARY = Canary(consent="the clinic, 1 March 2026")
METRIC = MetricQuery(url="http://127.0.0.1:9", query="up", name="queue_depth")
FOLLOWING = IntakeSettings(follow=(Follow(path="/var/log/engine.log"),))


def test_a_house_without_canaries_metrics_and_logs_has_nothing_of_them_to_do(tmp_path):
    house = a_house(tmp_path)
    assert not any((canary.are_kept(house), pull.due(house), intake.is_there_any(house)))


def dropped(home: Path, name: str) -> House:
    path = home / "inbox" / name
    path.parent.mkdir(parents=True)
    path.touch()
    return a_house(home)


@pytest.mark.parametrize(
    ("has_work", "house"),
    [
        pytest.param(canary.are_kept, lambda home: a_house(home, canary=CANARY), id="a canary"),
        pytest.param(pull.due, lambda home: a_house(home, metrics=(METRIC,)), id="a metric"),
        pytest.param(intake.is_there_any, lambda home: dropped(home, "epic.log"), id="a log in the inbox"),
        pytest.param(intake.is_there_any, lambda home: dropped(home, f"{RECEIVED}/x.jsonl"), id="what was received"),
        pytest.param(intake.is_there_any, lambda home: a_house(home, intake=FOLLOWING), id="a log that is followed"),
    ],
)
def test_what_is_declared_or_waits_is_work(has_work: Callable[[House], object], house, tmp_path):
    assert has_work(house(tmp_path))
