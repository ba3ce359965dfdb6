"""No data where there was some."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.silence import judge
from models.panel import MOST, Held
from models.series import Series
from tests.panels import EPIC, EVERY_S, NAN, a_panel

QUEUE = [Series(EPIC, "queue_depth", "outbox")]
GONE = [NAN]


@pytest.mark.parametrize(
    ("values", "speaks"),
    [
        pytest.param([5.0] * 60, False, id="always there"),
        pytest.param([5.0] * 60 + GONE * 2, False, id="two cycles may be missing"),
        pytest.param([5.0] * 60 + GONE * 3, True, id="three may not"),
        pytest.param([5.0, NAN, NAN, NAN, NAN] * 20, False, id="measured every five minutes"),
        pytest.param([5.0, NAN, NAN, NAN, NAN] * 20 + GONE * 10, False, id="... and missing twice"),
        pytest.param([5.0, NAN, NAN, NAN, NAN] * 20 + GONE * 11, True, id="... and three times"),
        pytest.param(GONE * 60 + [5.0] * 20 + GONE * 3, True, id="what was before its first value is no gap"),
        pytest.param([5.0] * 9 + GONE * 20, False, id="hardly ever there"),
        pytest.param(GONE * 60, False, id="never there, and nobody declared it"),
        pytest.param([], False, id="an empty panel"),
    ],
)
def test_a_gap_is_news_when_it_is_much_longer_than_any_other(values, speaks):
    assert judge(a_panel(values, series=QUEUE)).speaks[0] == speaks


def test_what_was_declared_and_never_seen_is_missing():
    found = judge(a_panel(GONE * 180, series=QUEUE, expected=np.array([0])))
    assert found.score[0] == MOST
    assert found.speaks[0]


def test_it_says_since_when():
    panel = a_panel([5.0] * 60 + GONE * 4, series=QUEUE)
    assert judge(panel).since_s[0] == panel.ends_s[60] - EVERY_S


def beside(failed: float, calls: float, source: str = "probe"):
    """Records that are missing for five cycles, while calls go on like this."""
    rows = [[0.0] * 60 + [failed] * 5, [40.0] * 60 + GONE * 5, [300.0] * 60 + GONE * 5]
    series = [Series(EPIC, name, None, source) for name in ("error_rate", "records", "latency")]
    weights = np.full((3, 65), 4.0)
    weights[:, 60:] = calls
    return a_panel(*rows, series=series, weights=weights)


@pytest.mark.parametrize(
    ("panel", "speaks"),
    [
        pytest.param(beside(0.0, 4.0), True, id="calls succeed, and nobody counts records any more"),
        pytest.param(beside(1.0, 4.0), False, id="calls fail"),
        pytest.param(beside(0.25, 4.0), False, id="some calls fail"),
        pytest.param(beside(NAN, 0.0, "traffic"), False, id="nobody calls"),
    ],
)
def test_what_follows_from_failed_calls_is_left_to_others(panel, speaks):
    assert judge(panel).speaks[1] == speaks
    assert not judge(panel).speaks[2]


def test_an_integration_that_is_no_longer_probed_is_told_of_once():
    found = judge(beside(NAN, 0.0))
    assert found.speaks.tolist() == [True, False, False]


def test_real_traffic_may_be_silent_while_the_practice_is_closed():
    series = [Series(EPIC, "queue_depth", None, "traffic")]
    found = judge(a_panel([5.0] * 60 + GONE * 9, series=series, is_open=np.array([False])))
    assert found.held[0] == Held.CLOSED
