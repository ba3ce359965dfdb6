"""What a cycle costs, and whether that will do."""

from __future__ import annotations

import numpy as np
import pytest

from models.bench import Cost, Size, costs_told, made_panel, verdict
from models.detectors import judge_all

A_MINUTE = Size(100, 30, 60.0)


def costs(judging: float, learning: float) -> list[Cost]:
    return [Cost("judge", judging, "sum", 0.01, 1), Cost("learn", learning, "scan", 0.5, 1 / 1440)]


@pytest.mark.parametrize(
    ("size", "judging", "learning", "keeps_up"),
    [
        pytest.param(A_MINUTE, 1.9, 0, True, id="below two seconds of a minute"),
        pytest.param(A_MINUTE, 2.1, 0, False, id="above"),
        pytest.param(A_MINUTE, 1.9, 72, True, id="a day's learning is a part of each cycle"),
        pytest.param(A_MINUTE, 1.9, 288, False, id="... and too much learning is too much"),
        pytest.param(Size(100, 30, 10.0), 0.4, 0, False, id="a quicker pace leaves less"),
        pytest.param(Size(100, 30, 300.0), 9.9, 0, True, id="a slower one more"),
    ],
)
def test_a_cycle_may_take_a_thirtieth_of_its_time(size, judging, learning, keeps_up):
    found = verdict(size, costs(judging, learning))
    assert found.keeps_up is keeps_up
    assert ("does not keep up" in found.says) is not keeps_up


def test_each_figure_stands_beside_its_bare_limit():
    (judging, learning) = costs_told(costs(1.5, 8.0)).rows
    assert judging == ("judge", "1.500 s", "sum", "0.0100 s", "150 ×")
    assert learning[-1] == "16 ×"


def test_what_is_made_up_can_be_judged_and_is_ordinary():
    panel = made_panel(Size(20, 30, 60.0))
    assert panel.values.shape == (600, 180)
    spoken = np.stack([one.speaks for one in judge_all(panel).values()]).any(axis=0)
    assert spoken.mean() < 0.05
