"""Error budgets: how fast they burn, when that is worth a word, and what is left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Severity
from models.integration import Sla
from models.objective import Kind, Objective
from models.slo import (
    LATELY,
    NOW,
    PAIRS,
    SOON,
    WINDOWS,
    Budget,
    Coverage,
    burn,
    burning,
    burning_words,
    share_words,
    wilson,
    window_words,
)
from models.tally import Tally
from tests.builders import EPIC, an_integration
from tests.builders import NOW as AS_OF

DAY, MONTH = timedelta(days=1), timedelta(days=30)
UP = Objective(name="availability", target=0.99)


def a_tally(total: int, bad: int, minutes: int | None = None, span: timedelta = MONTH) -> Tally:
    spread = min(bad, 1 + bad // 4) if minutes is None else minutes
    return Tally(integration_id=EPIC, span=span, since=AS_OF - span, total=total, bad=bad, bad_minutes=spread)


def tallies(ratio: float, calls_per_minute: float = 4.0, **changes: Tally) -> dict[timedelta, Tally]:
    """The same error ratio over every window, unless a window is named (`1h`)."""
    even = {window: a_tally(round(calls_per_minute * (window / timedelta(minutes=1))), 0) for window in WINDOWS}
    same = {window: a_tally(t.total, round(t.total * ratio), span=window) for window, t in even.items()}
    return same | {window: changes[window_words(window)] for window in WINDOWS if window_words(window) in changes}


def a_budget(total: int = 172_800, bad: int = 0, **changes) -> Budget:
    defaults = {
        "integration_id": EPIC,
        "objective": UP,
        "tally": a_tally(total, bad),
        "coverage": Coverage(known_s=MONTH.total_seconds()),
        "burns": dict.fromkeys(WINDOWS),
    }
    return Budget(**{**defaults, **changes})


# --- the windows


@pytest.mark.parametrize(
    ("period", "factors"),
    [
        pytest.param(30, (14.4, 6, 3, 1), id="thirty days, as the workbook has them"),
        pytest.param(28, (13.44, 5.6, 2.8, 0.933), id="twenty-eight days"),
    ],
)
def test_a_burn_is_the_share_of_the_budget_over_the_share_of_the_period(period, factors):
    assert [pair.factor(timedelta(days=period)) for pair in PAIRS] == pytest.approx(factors, abs=0.001)


def test_a_short_window_is_a_twelfth_of_its_long_one():
    assert {pair.long / pair.short for pair in PAIRS} == {12}


@pytest.mark.parametrize(
    ("ratio", "spoken"),
    [
        pytest.param(0.144, [("page", Severity.CRITICAL), ("ticket", Severity.MEDIUM)], id="2% of a month in an hour"),
        pytest.param(0.143, [("page", Severity.HIGH), ("ticket", Severity.MEDIUM)], id="a little less"),
        pytest.param(0.06, [("page", Severity.HIGH), ("ticket", Severity.MEDIUM)], id="5% of it in six hours"),
        pytest.param(0.03, [("ticket", Severity.MEDIUM)], id="10% of it in a day"),
        pytest.param(0.011, [("ticket", Severity.MEDIUM)], id="10% of it in three days"),
        pytest.param(0.008, [], id="slower than the budget"),
        pytest.param(0.0, [], id="nothing"),
    ],
)
def test_a_steady_burn_speaks_by_the_gravest_windows_it_exceeds(ratio, spoken):
    found = burning(UP, tallies(ratio, calls_per_minute=40))
    assert [(pair.name, pair.severity) for pair in found] == spoken


def test_trouble_that_is_over_pages_no_longer():
    over = tallies(0.2, **{"5m": a_tally(20, 0), "30m": a_tally(120, 0)})
    assert [pair.name for pair in burning(UP, over)] == ["ticket"]


def test_trouble_that_has_only_begun_waits_for_the_long_window():
    assert burning(UP, tallies(0.0, **{"5m": a_tally(20, 20, minutes=5)})) == ()


@pytest.mark.parametrize(
    ("long", "short", "speaks"),
    [
        pytest.param(a_tally(3, 1), a_tally(1, 1), False, id="one of three nightly requests"),
        pytest.param(a_tally(4, 3, minutes=3), a_tally(2, 2, minutes=2), True, id="three, in three minutes"),
        pytest.param(a_tally(4, 4, minutes=1), a_tally(4, 4, minutes=1), False, id="four in one minute: one bad round"),
        pytest.param(a_tally(4, 3, minutes=3), a_tally(1, 1), False, id="only one of them lately"),
        pytest.param(a_tally(0, 0), a_tally(0, 0), False, id="no request at all"),
    ],
)
def test_too_few_events_say_nothing_whatever_their_share(long, short, speaks):
    found = burning(UP, tallies(0.0, **{"1h": long, "5m": short}))
    assert bool(found) is speaks


def test_the_words_of_a_burn_hold_both_measured_burns_the_limit_and_what_is_left():
    known = a_budget(bad=864, burns={**dict.fromkeys(WINDOWS), NOW: 21.04, timedelta(minutes=5): 33.3})
    assert burning_words(known, PAIRS[0]) == (
        "99% of probes succeed: the error budget burns 21 times as fast as it may over 1h and 33 times over 5m "
        "(limit 14.4); 50% of the budget is left"
    )


# --- the budget


@pytest.mark.parametrize(
    ("bad", "left", "minutes"),
    [
        pytest.param(0, 1.0, 432.0, id="untouched"),
        pytest.param(432, 0.75, 324.0, id="a quarter spent"),
        pytest.param(1728, 0.0, 0.0, id="all of it"),
        pytest.param(3456, -1.0, -432.0, id="overspent"),
    ],
)
def test_what_is_left_follows_from_the_events_of_the_period(bad, left, minutes):
    budget = a_budget(bad=bad)
    assert budget.left == pytest.approx(left)
    assert budget.left * (budget.allowed / timedelta(minutes=1)) == pytest.approx(minutes)


def test_a_watch_of_two_days_has_spent_of_a_month_only_what_went_wrong_in_two_days():
    """An hour of outage on the second day is 60 of the 432 minutes, and not 208% of a budget of 29."""
    budget = a_budget(total=2 * 1440, bad=60, coverage=Coverage(known_s=2 * 86_400))
    assert budget.spent == pytest.approx(60 / 432)


def test_a_figure_of_which_more_than_one_per_cent_is_missing_is_unknown():
    assert a_budget(coverage=Coverage(known_s=99.0, unknown_s=1.0)).attained == 1.0
    lost = a_budget(coverage=Coverage(known_s=98.9, unknown_s=1.1))
    assert (lost.attained, lost.left, lost.lasts) == (None, None, None)
    assert a_budget(total=0).attained is None


@pytest.mark.parametrize(
    ("pace", "days"),
    [
        pytest.param(None, None, id="nothing happened"),
        pytest.param(1.0, None, id="no faster than it comes back"),
        pytest.param(2.0, 7.5, id="half a budget at twice the pace"),
        pytest.param(30.0, 0.5, id="an outage"),
    ],
)
def test_the_rest_of_a_budget_lasts_as_long_as_the_burn_of_six_hours_says(pace, days):
    budget = a_budget(bad=864, burns={NOW: 0.0, SOON: pace, LATELY: 0.0})
    assert budget.lasts == (None if days is None else pytest.approx(days * DAY, abs=timedelta(seconds=1)))


# --- the interval


@pytest.mark.parametrize(
    ("good", "total", "shown"),
    [
        pytest.param(10_080, 10_083, ("99.91%", "99.99%"), id="as specified: 99.97%"),
        pytest.param(0, 10, ("0.00%", "27.75%"), id="none"),
        pytest.param(10, 10, ("72.25%", "100.00%"), id="all of few"),
        pytest.param(0, 0, ("0.00%", "100.00%"), id="nothing is known of nothing"),
    ],
)
def test_an_interval_is_wilsons(good, total, shown):
    assert tuple(f"{bound:.2%}" for bound in wilson(good, total)) == shown


@given(total=st.integers(1, 10**7), data=st.data())
def test_an_interval_holds_its_share_and_lies_within_zero_and_one(total, data):
    good = data.draw(st.integers(0, total))
    low, high = wilson(good, total)
    assert 0 <= low <= good / total + 1e-9
    assert good / total - 1e-9 <= high <= 1


@given(
    total=st.integers(0, 10**6),
    share=st.floats(0, 1),
    target=st.floats(0.5, 0.9999),
    known=st.floats(0, MONTH.total_seconds()),
)
def test_a_budget_is_never_overspent_by_more_than_everything_failing(total, share, target, known):
    objective = Objective(name="up", target=target)
    tally = a_tally(total, int(total * share))
    budget = a_budget(objective=objective, tally=tally, coverage=Coverage(known_s=known))
    if budget.spent is None:
        assert total == 0
    else:
        assert -1e-9 <= budget.spent <= 1 / (1 - target) + 1e-6
        assert budget.left == pytest.approx(1 - budget.spent)
    assert burn(tally, target) is None or 0 <= burn(tally, target) <= 1 / (1 - target) + 1e-6


# --- objectives


def test_without_objectives_those_of_the_sla_hold():
    availability, latency = an_integration(sla=Sla(availability=0.995)).promised
    assert (availability.target, availability.limit_ms) == (0.995, None)
    assert (latency.kind, latency.target, latency.limit_ms) == (Kind.LATENCY, 0.95, 2000.0)


def test_declared_objectives_replace_those_of_the_sla():
    assert an_integration(objectives=(UP,)).promised == (UP,)


@pytest.mark.parametrize(("share", "words"), [(0.9995, "99.95%"), (0.95, "95%"), (-1.08, "-108%"), (0.999, "99.9%")])
def test_a_share_is_told_without_needless_decimals(share, words):
    assert share_words(share) == words
