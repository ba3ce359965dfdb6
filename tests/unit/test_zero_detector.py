"""Counts that should not be zero."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.zero import judge
from models.panel import Held
from models.series import Series
from tests.panels import EPIC, EVERY_S, NAN, a_panel, a_usual

TRAFFIC = [Series(EPIC, "calls", None, "traffic")]
PROBES = [Series(EPIC, "records", "Appointment.search")]


def verdict(values, series, usual, **changes) -> bool:
    return bool(judge(a_panel(values, series=series, usual=usual, **changes)).speaks[0])


def of(middle: float, spread: float | None = None, days: int = 4):
    return a_usual(middle=middle, spread=middle**0.5 if spread is None else spread, days=days)


@pytest.mark.parametrize(
    ("values", "series", "usual", "speaks"),
    [
        pytest.param([40, 0], TRAFFIC, of(40), True, id="forty a minute, and none"),
        pytest.param([5, 0, 0], TRAFFIC, of(5), False, id="five a minute, and two minutes of none"),
        pytest.param([5, 0, 0, 0, 0], TRAFFIC, of(5), True, id="four minutes of none"),
        pytest.param([5, 0, 0, NAN, 0, 0], TRAFFIC, of(5), True, id="a gap among them"),
        pytest.param([5, 0, 0, 0, 1], TRAFFIC, of(5), False, id="one is not none"),
        pytest.param([5, 0, 0, 0, 0, 0], TRAFFIC, of(5, spread=12), False, id="where it scatters like that"),
        pytest.param([2, 0, 0, 0, 0, 0], TRAFFIC, of(2), False, id="two a minute"),
        pytest.param([0] * 60, TRAFFIC, of(0), False, id="nothing is usual"),
        pytest.param([0] * 60, TRAFFIC, a_usual(), False, id="nothing is known"),
        pytest.param([40, 0], PROBES, of(40), True, id="an answer without records"),
        pytest.param([5, 0, 0, 0, 0], PROBES, of(5), False, id="four answers tell of the same five minutes"),
        pytest.param([5] + [0] * 170, PROBES, of(5), True, id="hours of them do not"),
        pytest.param([], PROBES, of(5), False, id="an empty panel"),
    ],
)
def test_none_is_news_when_an_ordinary_hour_would_hardly_be_as_empty(values, series, usual, speaks):
    assert verdict(values, series, usual) == speaks


def test_few_days_prove_little():
    values = [4.0, 0, 0, 0, 0]
    assert [verdict(values, TRAFFIC, of(4, days=days)) for days in (1, 2, 4)] == [False, False, True]


def test_zero_appointments_are_nothing_on_a_holiday_and_news_on_a_working_tuesday():
    told = {"series": PROBES, "usual": of(40)}
    closed = judge(a_panel([40.0, 0.0], is_open=np.array([False]), **told))
    assert (closed.held[0], closed.score[0] > 1) == (Held.CLOSED, True)
    panel = a_panel([40.0, 0.0, 0.0], **told)
    assert judge(panel).speaks[0]
    assert judge(panel).since_s[0] == panel.ends_s[1] - EVERY_S
    assert judge(panel).side[0] == -1
