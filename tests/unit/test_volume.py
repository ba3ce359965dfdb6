"""How little is too little, and how often an ordinary hour is taken for a loss."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest
from scipy.stats import poisson

from models.reading import Direction
from models.volume import CHANCE, DROP, Volume, chance_of_so_few, in_short, percent_change, together


def a_volume(amount: float | None = 20, weeks: tuple[float, ...] = (40, 40, 40, 40), **changes) -> Volume:
    told = {
        "integration_id": "epic-fhir-main",
        "resource": "Appointment",
        "direction": Direction.IN,
        "is_traffic": True,
        "messages": 10,
        "records": 100,
        "size_bytes": 2_400_000_000,
        "amount": amount,
        "weeks": weeks,
    }
    return Volume(**told | changes)


@pytest.mark.parametrize(
    ("amount", "weeks", "is_drop"),
    [
        pytest.param(10, (36, 34, 39, 36), True, id="a quarter of some forty"),
        pytest.param(18, (36, 34, 39, 36), False, id="half of some forty may be chance"),
        pytest.param(180, (360, 340, 390, 360), True, id="half of hundreds is not"),
        pytest.param(300, (360, 340, 390, 360), False, id="a sixth less, however certain, is not felt"),
        pytest.param(0, (3, 2, 4, 3), False, id="nothing where little is usual"),
        pytest.param(0, (0, 0, 0, 0), False, id="nothing where nothing is usual"),
        pytest.param(50, (100, 10, 190, 100), False, id="half, where hours scatter anyway"),
        pytest.param(0, (40, 40), False, id="learning"),
        pytest.param(None, (40, 40, 40), False, id="nothing to compare"),
    ],
)
def test_a_drop_is_large_and_no_accident(amount, weeks, is_drop):
    assert a_volume(amount, weeks).is_drop is is_drop


def test_few_weeks_prove_less_than_many():
    chances = [chance_of_so_few(15, [36.0] * weeks) for weeks in (3, 4, 8, 20)]
    assert chances == sorted(chances, reverse=True)


def test_with_endless_weeks_it_is_the_plain_poisson_tail():
    assert chance_of_so_few(20, [36.0] * 100_000) == pytest.approx(poisson.cdf(20, 36), rel=0.01)


@pytest.mark.parametrize("usual", [1, 5, 20, 100, 1000])
def test_an_ordinary_hour_is_hardly_ever_taken_for_a_loss(usual):
    """Four weeks teach and the fifth is judged, all of them drawn alike; p < 0.001 promises one in a thousand."""
    rng = np.random.default_rng(usual)
    draws = rng.poisson(usual, (3000, 5)).astype(float)
    candidates = [row for row in draws if row[0] <= (1 - DROP) * median(row[1:])]
    false = sum(chance_of_so_few(row[0], list(row[1:])) < CHANCE for row in candidates)
    assert false / len(draws) <= 0.003  # three standard errors above what is promised


def test_days_of_the_same_kind_stand_in_until_there_are_weeks():
    known = a_volume(20, (40, 40), days=(38, 40, 42, 40))
    assert (known.usual_by.value, known.usual, known.change) == ("this hour on such days", 40, -0.5)


@pytest.mark.parametrize(
    ("change", "says"),
    [(-0.5, "−50 %"), (0.0, "±0 %"), (2.0, "+200 %"), (-1.0, "−100 %"), (0.004, "±0 %")],
)
def test_a_change_is_written_with_its_sign(change, says):
    assert percent_change(change) == says


def test_volumes_are_told_in_the_units_of_the_report():
    assert a_volume().says == "2.4GB −50 %"
    assert a_volume(weeks=()).says == "2.4GB"
    places = [a_volume(20, location="a"), a_volume(40, location="b"), a_volume(5, (), location="c")]
    assert together(places) == "7.2GB −25 %"
    assert together([a_volume(weeks=())]) == "2.4GB"


def test_in_short_real_traffic_counts_and_what_changed_most_is_named():
    probes = a_volume(0, is_traffic=False, resource="Patient")
    steady = a_volume(41, resource="Order", size_bytes=1000)
    assert in_short([probes, steady, a_volume(20)]) == "2.4GB, Appointment −50 %"
    assert in_short([probes, steady]) == "1.0KB"
    assert in_short([probes]) == "2.4GB, Patient −100 %"
    assert in_short([a_volume(0, messages=0, size_bytes=0)]) == "0B, Appointment −100 %"
