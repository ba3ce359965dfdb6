"""What runs out is announced in time; what only wanders, or fills and drains, is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from models.detectors.exhaustion import HORIZON_S, METHOD, forecast, judge
from models.panel import CYCLES, Panel, Rules, Verdicts
from models.series import Series
from tests.panels import EPIC, EVERY_S, a_panel, a_usual

FULL, QUIET, NAN = 1000.0, 50.0, float("nan")
QUEUE = Series(EPIC, "queue_depth", "Appointment")


def panel(*rows, limit: float = FULL, series: Series = QUEUE, **more) -> Panel:
    n = len(rows)
    names = [series._replace(integration_id=f"{series.integration_id}-{nth}") for nth in range(n)]
    return a_panel(*rows, series=names, **{"limits": np.full(n, limit), **more})


def noise(seed: int, n: int, width: int, spread: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, (n, width))


def filling(minutes: int, spread: float, n: int = 12, seed: int = 1) -> np.ndarray:
    """Three quiet hours, then a fill that reaches the limit after so many minutes."""
    at = np.arange(CYCLES + minutes)
    return QUIET + (FULL - QUIET) / minutes * np.maximum(0, at - CYCLES) + noise(seed, n, len(at), spread)


def replayed(course: np.ndarray, step: int = 1, **more) -> Iterator[tuple[int, Verdicts]]:
    for end in range(CYCLES, course.shape[1] + 1, step):
        yield end, judge(panel(*course[:, end - CYCLES : end], **more))


# -- B07


@pytest.mark.parametrize("minutes", [70, 90, 120, 240])
def test_a_queue_that_fills_is_announced_half_an_hour_before_and_to_the_fifth(minutes):
    course = filling(minutes, spread=10)
    first = np.full(len(course), -1)
    eta_s = np.full(len(course), NAN)
    for end, verdicts in replayed(course):
        new = verdicts.speaks & (first < 0)
        first[new], eta_s[new] = end, verdicts.eta_s[new]
    left_s = (course.shape[1] - first) * EVERY_S
    assert (first >= 0).all()
    assert (left_s >= 30 * 60).all()
    assert np.median(np.abs(eta_s / left_s - 1)) <= 0.2
    assert np.quantile(np.abs(eta_s / left_s - 1), 0.9) <= 0.2


def test_the_time_left_is_told_with_its_interval_and_where_the_line_begins():
    rows = filling(150, spread=10, n=40)[:, 101 : CYCLES + 101]  # 50 minutes are left
    found, ends_s = forecast(panel(*rows)), panel(*rows).ends_s
    assert ((found.soonest_s < found.eta_s) & (found.eta_s < found.latest_s)).all()
    assert np.mean((found.soonest_s <= 50 * 60) & (found.latest_s >= 50 * 60)) >= 0.9  # its level is 95 %
    assert np.max(found.latest_s - found.soonest_s) <= 15 * 60
    assert (np.abs(found.since_s - (ends_s[-1] - 96 * EVERY_S)) <= 48 * EVERY_S).all()


def test_the_score_is_the_horizon_over_the_time_left():
    verdicts = judge(panel(filling(120, spread=2, n=1)[0, -CYCLES - 30 : -30]))
    assert verdicts.score[0] == pytest.approx(HORIZON_S / verdicts.eta_s[0])
    assert (verdicts.side[0], METHOD.value) == (1, "Predictive trend")


# -- what is left alone


def saw(period: int, top: float) -> np.ndarray:
    at = np.arange(CYCLES + 300) + np.arange(6)[:, None] * period // 6
    return QUIET + (top - QUIET) * (at % period) / period + noise(2, 6, CYCLES + 300, 10)


def wave() -> np.ndarray:
    return 400 + 300 * np.sin(2 * np.pi * (np.arange(CYCLES + 300) + np.arange(6)[:, None] * 240) / 1440)


@pytest.mark.parametrize(
    ("course", "limit"),
    [
        pytest.param(300 + noise(3, 20, CYCLES + 300, 60), FULL, id="noise"),
        pytest.param(np.random.default_rng(4).poisson(3, (20, CYCLES + 300)).astype(float), 20.0, id="small counts"),
        pytest.param(saw(20, 950), FULL, id="fills and drains every twenty minutes"),
        pytest.param(saw(60, 950), FULL, id="every hour"),
        pytest.param(saw(120, 950), FULL, id="every two hours"),
        pytest.param(wave(), FULL, id="a daily wave that turns below the limit"),
        pytest.param(FULL - filling(240, 10)[:, ::1], FULL, id="drains"),
        pytest.param(np.full((2, CYCLES + 300), 999.0), FULL, id="just below, and still"),
        pytest.param(filling(240, 10)[:, :300], 1e6, id="fills, and the limit is far"),
        pytest.param(filling(240, 10)[:, :300], NAN, id="fills, and has no limit"),
        pytest.param(np.full((2, CYCLES + 9), NAN), FULL, id="nothing was measured"),
    ],
)
def test_what_does_not_run_out_soon_is_left_alone(course, limit):
    assert not any(verdicts.speaks.any() for _, verdicts in replayed(course, step=4, limit=limit))


def test_a_morning_that_always_grows_like_this_is_usual():
    row = filling(240, 5, n=1)[0, -CYCLES - 40 : -40]
    assert judge(panel(row)).speaks[0]
    assert not judge(panel(row, usual=a_usual(middle=700.0, spread=50.0, low=400.0, high=row[-1] + 1))).speaks[0]
    assert judge(panel(row, usual=a_usual(middle=100.0, spread=50.0, low=0.0, high=300.0))).speaks[0]


@pytest.mark.parametrize("value", [FULL, FULL + 1])
def test_beyond_the_limit_others_speak(value):
    row = filling(60, 1, n=1)[0, -CYCLES:]
    row[-1] = value
    assert not judge(panel(row)).speaks[0]


def test_a_share_of_calls_is_nothing_that_runs_out():
    rising = np.linspace(0, 0.045, CYCLES)
    assert not judge(panel(rising, series=Series(EPIC, "error_rate"), limit=0.05)).speaks[0]


def test_a_panel_that_is_too_short_says_nothing():
    assert not judge(panel(np.linspace(0, 900, 11))).speaks.any()
    assert judge(panel(np.linspace(0, 900, 12))).speaks.all()


# -- limits that somebody declared


def declared(limit: float, side: int) -> Rules:
    return Rules(np.array([0]), np.array([limit]), np.array([limit]), np.array([side]), np.array([2]))


@pytest.mark.parametrize(
    ("limit", "side", "speaks"),
    [
        pytest.param(0.0, -1, True, id="a quota that is used up in half an hour"),
        pytest.param(-1000.0, -1, False, id="a limit that is far below"),
        pytest.param(1100.0, 1, False, id="a limit on the other side"),
    ],
)
def test_a_quota_runs_out_downwards(limit, side, speaks):
    row = 1000 - filling(120, 5, n=1)[0, -CYCLES - 30 : -30]
    verdicts = judge(panel(row, series=Series(EPIC, "quota_left"), limit=NAN, rules=declared(limit, side)))
    assert bool(verdicts.speaks[0]) is speaks
    if speaks:
        assert verdicts.side[0] == -1
        assert verdicts.eta_s[0] == pytest.approx(30 * 60, rel=0.2)


def test_of_two_limits_the_nearer_is_told():
    row = filling(120, 5, n=1)[0, -CYCLES - 40 : -40]
    both = judge(panel(row, limit=FULL, rules=declared(FULL + 100, 1)))
    assert both.eta_s[0] == judge(panel(row, limit=FULL)).eta_s[0]


def test_each_series_is_judged_for_itself():
    rows = np.vstack([filling(120, 5, n=1)[0, -CYCLES - 30 : -30], 300 + noise(5, 1, CYCLES, 40)[0]])
    together = judge(panel(*rows))
    assert together.speaks.tolist() == [True, False]
    assert together.eta_s[0] == judge(panel(rows[0])).eta_s[0]
