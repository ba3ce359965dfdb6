"""The arithmetic of what stands around: the same time of week, figures of our own sentences, who ails together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.around import AT_ONCE, figure, is_same_time, neighbours_of, of_sighting
from models.indication import IndicationKind
from models.series import Series
from models.sighting import Sighting, Stage
from tests.builders import EPIC, NOW, an_anomaly

NEW_YORK = "America/New_York"
instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given one


@pytest.mark.parametrize(
    ("then", "now", "same"),
    [
        pytest.param("2026-02-01T12:00", "2026-02-08T12:20", True, id="a week and twenty minutes"),
        pytest.param("2026-02-01T12:00", "2026-02-08T12:40", False, id="a week and forty minutes"),
        pytest.param("2026-03-01T17:00", "2026-03-08T16:00", True, id="noon there, before and after clocks change"),
        pytest.param("2026-03-01T17:00", "2026-03-08T17:00", False, id="noon, and one o'clock"),
        pytest.param("2026-02-02T12:00", "2026-02-08T12:00", False, id="six days"),
        pytest.param("2026-02-02T04:50", "2026-02-09T05:10", True, id="Sunday before midnight and Monday after it"),
    ],
)
def test_the_same_time_of_the_week_is_the_practices_own(then, now, same):
    first, second = (datetime.fromisoformat(f"{one}+00:00") for one in (then, now))
    assert is_same_time(first, second, NEW_YORK) is same


@given(instants, instants)
def test_the_same_time_of_week_is_so_both_ways_and_of_itself(one, other):
    assert is_same_time(one, one, "UTC")
    assert is_same_time(one, other, "UTC") == is_same_time(other, one, "UTC")
    assert is_same_time(one, one + timedelta(weeks=3), "UTC")


@pytest.mark.parametrize(("text", "value"), [("1,250ms average", 1250.0), ("31.2 % of calls", 31.2), ("none", None)])
def test_the_figure_of_a_sentence_is_its_first_number(text, value):
    assert figure(text) == value


def test_who_ails_at_once_is_counted_with_the_one_that_is_diagnosed():
    shared = {
        "a": frozenset({"the host x"}),
        "b": frozenset({"the host x"}),
        "c": frozenset({"the host x", "the host y"}),
    }
    ailing = {"b": NOW, "c": NOW + AT_ONCE + timedelta(seconds=1)}
    assert [(n.shared, n.ailing, n.of) for n in neighbours_of("a", shared, ailing, NOW)] == [("the host x", 2, 3)]
    assert [(n.shared, n.ailing, n.of) for n in neighbours_of("a", shared, ailing, None)] == [("the host x", 3, 3)]
    assert neighbours_of("c", {"c": frozenset({"the host y"})}, {}, NOW) == ()


def a_sighting(metric: str, **changes) -> Sighting:
    told = {"current": "18 records per answer", "baseline": "36 records per answer"}
    known = {
        "id": "x", "series": Series(EPIC, metric, "Appointment.search"), "stage": Stage.CONFIRMED, "every_s": 60,
        "history": "111", "judged_at": NOW, "opened_at": NOW, "odd_at": NOW, "score": 2.0, "peak": 2.0, "side": -1,
        "severity": "MEDIUM", "detectors": ("fewer",), "anomaly": an_anomaly(metric=metric, **told),
    }  # fmt: skip
    return Sighting(**known | changes)


def test_a_confirmed_sighting_of_few_records_is_a_volume_drop_with_its_figures():
    found = of_sighting(a_sighting("records"))
    assert (found.kind, found.value, found.usual, found.subject) == (
        IndicationKind.VOLUME_DROP,
        18.0,
        36.0,
        "Appointment",
    )


@pytest.mark.parametrize(
    "sighting",
    [
        pytest.param(a_sighting("latency"), id="slowness is in the calls themselves"),
        pytest.param(a_sighting("records", stage=Stage.OBSERVED), id="nobody is sure yet"),
        pytest.param(a_sighting("records", cleared_at=NOW), id="it is over"),
    ],
)
def test_what_is_not_believed_or_no_condition_of_its_own_is_no_indication(sighting):
    assert of_sighting(sighting) is None
