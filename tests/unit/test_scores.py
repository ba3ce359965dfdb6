"""One scale for all detectors, and the reason for which something above 1 is kept quiet."""

from __future__ import annotations

import pytest

from models.detectors import judge_all
from models.panel import Held, Panel
from models.scores import scores
from tests.panels import a_panel, a_usual
from tests.unit.test_signs import verdicts


def steady(*latest: float, **changes) -> Panel:
    usual = a_usual(len(latest), middle=120.0, spread=0.3, low=119.2, high=120.8)
    return a_panel(*([120.0] * 30 + [value] for value in latest), usual=usual, **changes)


def test_three_milliseconds_may_be_ten_deviations_and_are_held_because_nobody_feels_them():
    panel = steady(123.0)
    (held,) = scores(panel, judge_all(panel))
    assert held.score > 1
    assert not held.speaks
    assert held.held == "3ms above the usual is 10 deviations, but smaller than anybody feels (100ms)"
    assert (held.current, held.usual) == ("123ms", "120ms")


def test_what_is_felt_speaks_and_has_nothing_to_be_held_for():
    panel = steady(900.0)
    (loud,) = scores(panel, judge_all(panel))
    assert loud.speaks
    assert loud.held == ""
    assert "seasonal" in loud.detectors


def test_a_quiet_series_is_not_shown_and_the_highest_comes_first():
    panel = steady(120.0, 120.0, 120.0)
    found = scores(panel, {"level": verdicts(0.79, 0.8, 1.2)})
    assert [(one.series.subject, one.score) for one in found] == [("s2", 1.2), ("s1", 0.8)]


def test_one_that_speaks_is_shown_by_the_detector_that_speaks_and_not_by_one_that_is_held():
    panel = steady(120.0)
    (one,) = scores(panel, {"level": verdicts(9, held={0: Held.TOO_FEW}), "seasonal": verdicts(2)})
    assert (one.score, one.loudest, one.detectors, one.held) == (2, "seasonal", ("seasonal",), "")


@pytest.mark.parametrize("reason", [Held.LEARNING, Held.TOO_FEW, Held.CLOSED, Held.EXPECTED])
def test_every_other_reason_is_told_in_its_words(reason):
    (one,) = scores(steady(120.0), {"level": verdicts(2, held={0: reason})})
    assert one.held == reason.says


def test_without_detectors_there_is_no_score():
    assert scores(steady(120.0), {}) == ()
