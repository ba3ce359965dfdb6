"""Two pretend days: what is wrong is found, and little else; the full month is `tests/benchmarks/bench_month.py`."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from simulator.month.draw import COLUMNS, draw
from simulator.month.families import BY_NAME, FAMILIES, Decoy, Label
from simulator.month.plan import RECOVERY, Month, make_month
from tests.months import Replayed, replay
from tests.scores import GRACE, Page, Score

TUESDAY = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def month() -> Month:
    return make_month(7, sites=6, days=2, warm_up_days=10, faults=16, begins=TUESDAY)


@pytest.fixture(scope="module")
def replayed(month: Month) -> Replayed:
    return replay(month, workers=1)


def test_most_of_what_is_wrong_is_found_soon(month: Month, replayed: Replayed) -> None:
    score = Score.of(month, replayed.whole)
    assert score.recall >= 0.9, score.missed
    assert score.delay() <= 3


@pytest.mark.parametrize("name", ["known_failure", "level", "seasonal", "silence"])
def test_a_detector_finds_its_share_by_itself(month: Month, replayed: Replayed, name: str) -> None:
    score = Score.of(month, replayed.detectors[name])
    assert score.hits
    assert score.precision >= 0.75


def test_hardly_anybody_is_called_for_nothing(month: Month, replayed: Replayed) -> None:
    score = Score.of(month, replayed.whole)
    assert len(score.false) <= 2, score.false


def test_it_does_better_than_plain_rules(month: Month, replayed: Replayed) -> None:
    score = Score.of(month, replayed.whole)
    plain = {name: Score.of(month, pages) for name, pages in replayed.plain.items()}
    assert score.recall > plain["fixed thresholds"].recall
    assert len(score.false) < len(plain["three sigma"].false)


# --- the month itself ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole_month() -> Month:
    return make_month(5)


def test_a_whole_month_holds_every_family_and_every_decoy(whole_month: Month) -> None:
    dealt = Counter(label.family for label in whole_month.faults)
    assert len(whole_month.faults) >= 200
    assert set(dealt) == {family.name for family in FAMILIES}
    assert {label.family for label in whole_month.decoys} == set(Decoy)


def test_faults_are_apart_and_of_the_sizes_that_are_promised(whole_month: Month) -> None:
    month = whole_month
    placed = [one for one in month.labels if one.family not in {Decoy.MONDAY, Decoy.HOLIDAY, Decoy.CLOCKS}]
    for site in month.sites:
        mine = sorted((one for one in placed if one.integration_id == site.id), key=lambda one: one.since)
        assert all(after.since - before.until >= RECOVERY for before, after in pairwise(mine))
    for label in month.faults:
        family = BY_NAME[label.family]
        assert family.smallest - 1e-3 <= label.size <= family.largest + 1e-3
        assert label.since <= label.felt < label.until


def test_the_same_seed_deals_and_draws_the_same_and_another_does_not(month: Month) -> None:
    again = make_month(7, sites=6, days=2, warm_up_days=10, faults=16, begins=TUESDAY)
    assert again.labels == month.labels
    assert draw(again, again.sites[0]).readings.equals(draw(month, month.sites[0]).readings)
    assert make_month(8, sites=6, days=2, warm_up_days=10, faults=16, begins=TUESDAY).labels != month.labels


def test_readings_have_the_columns_of_a_reading_in_order_of_time(month: Month) -> None:
    readings = draw(month, month.sites[0]).readings
    assert tuple(readings.columns) == COLUMNS
    assert readings["observed_at"].is_monotonic_increasing
    assert readings["observed_at"].min() >= month.since
    assert readings["observed_at"].max() < month.until


# --- the score -------------------------------------------------------------------------------------------------------


def a_fault(since: int, until: int, site: str = "site-000") -> Label:
    return Label(site, "hard down", since, until, 1.0, "easy", since, (0,), ("error_rate",))


@pytest.mark.parametrize(
    ("at", "found", "false", "repeats"),
    [
        pytest.param([], 0, 0, 0, id="nobody is called"),
        pytest.param([100], 1, 0, 0, id="at its first cycle"),
        pytest.param([99], 0, 1, 0, id="just before it"),
        pytest.param([150 + GRACE], 1, 0, 0, id="at the end of the grace"),
        pytest.param([151 + GRACE], 0, 1, 0, id="just after the grace"),
        pytest.param([102, 140], 1, 0, 1, id="called again"),
    ],
)
def test_a_page_counts_where_it_falls(month: Month, at: list[int], found: int, false: int, repeats: int) -> None:
    pages = [Page("site-000", cycle, "error_rate") for cycle in at]
    quiet = month._replace(labels=(a_fault(100, 150),))
    score = Score.of(quiet, pages)
    assert (len(score.hits), len(score.false), score.repeats) == (found, false, repeats)


def test_a_page_at_another_integration_explains_nothing(month: Month) -> None:
    score = Score.of(month._replace(labels=(a_fault(100, 150, "site-001"),)), [Page("site-000", 110, "error_rate")])
    assert (score.recall, len(score.false)) == (0.0, 1)
