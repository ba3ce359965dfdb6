"""Real traffic that falls off."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.fewer import judge, quietest
from models.panel import Held
from models.series import Series
from tests.panels import EPIC, EVERY_S, NAN, a_panel, a_usual

TRAFFIC = [Series(EPIC, "calls", None, "traffic")]
USUAL = a_usual(middle=6.0, spread=2.4, bottom=2.0)
BUSY = {"middle": 60.0, "spread": 8.0}


@pytest.mark.parametrize(
    ("values", "usual", "speaks"),
    [
        pytest.param([6.0] * 20, USUAL, False, id="as usual"),
        pytest.param([6.0] * 18 + [0.0] * 2, USUAL, False, id="two minutes without any"),
        pytest.param([6.0] * 15 + [0.0] * 5, USUAL, True, id="five minutes without any"),
        pytest.param([6.0] * 5 + [1.0] * 15, USUAL, True, id="a sixth, for a quarter of an hour"),
        pytest.param([6.0] * 5 + [4.0] * 15, USUAL, False, id="two thirds are felt by nobody"),
        pytest.param([60.0] * 5 + [20.0] * 15, a_usual(**BUSY, bottom=48.0), True, id="a third of many"),
        pytest.param([60.0] * 5 + [20.0] * 15, a_usual(**BUSY, bottom=15.0), False, id="it was so before"),
        pytest.param([6.0] * 5 + [12.0] * 15, USUAL, False, id="twice as many"),
        pytest.param([6.0] * 5 + [0.0] * 5 + [NAN] * 10, USUAL, False, id="not measured is not none"),
        pytest.param([0.0] * 15, a_usual(), False, id="nothing is known"),
    ],
)
def test_it_speaks_of_half_the_calls_for_some_time(values, usual, speaks):
    assert bool(judge(a_panel(values, series=TRAFFIC, usual=usual)).speaks[0]) is speaks


def test_it_says_since_when_and_on_which_side():
    panel = a_panel([6.0] * 15 + [0.0] * 5, series=TRAFFIC, usual=USUAL)
    found = judge(panel)
    assert found.side[0] == -1
    assert found.since_s[0] == panel.ends_s[-5] - EVERY_S


def test_nobody_calls_while_the_practice_is_closed():
    panel = a_panel([6.0] * 15 + [0.0] * 5, series=TRAFFIC, usual=USUAL, is_open=np.array([False]))
    assert judge(panel).held[0] == Held.CLOSED


def test_records_of_answers_are_no_sum():
    panel = a_panel([6.0] * 15 + [0.0] * 5, series=[Series(EPIC, "records", "Patient.search", "traffic")], usual=USUAL)
    assert not judge(panel).speaks[0]


def test_the_quietest_hour_is_never_busier_than_the_usual_one():
    found = quietest(np.array([6.0, 6.0, 6.0]), np.array([1.0, NAN, 9.0]))
    assert found.tolist() == pytest.approx([4.50, 2.72, 6.0], abs=0.01)
