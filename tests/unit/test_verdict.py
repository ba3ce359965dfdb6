"""What differences are called, how bad they are, and what is told of them: the arithmetic, without a database."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Severity
from models.discrepancy import DiscrepancyKind as Kind
from models.reconciliation import Column, Landed, Reconciliation
from models.verdict import (
    Absent,
    Differs,
    Found,
    Offset,
    Tail,
    absentees,
    chance_of,
    cuts,
    duration,
    emptied,
    mixes_up,
    says,
    severity,
    shifts,
)

DAY = date(2026, 3, 5)


def wanted(resource="Appointment", **changes):
    names = ("id", "start", "patient", "sphere", "right_axis", "note", "changed_at")
    given = {"day": "start", "changed": "changed_at", "patient": "patient"} | changes
    return Reconciliation(
        name=given.pop("name", "appointments"),
        resource=resource,
        operation="x",
        ours=Landed(url="sqlite:///landed.db"),
        columns=tuple(Column(name=name) for name in names),
        **given,
    )


@given(st.integers(1, 9), st.data())
def test_the_chance_of_a_choice_is_that_of_counting_all_of_them(total, data):
    missing = data.draw(st.integers(0, total))
    chosen = data.draw(st.integers(0, total))
    ways = [set(one) for one in combinations(range(total), missing)]
    counted = sum({*range(chosen)} <= one for one in ways) / comb(total, missing)
    assert chance_of(total, missing, chosen) == pytest.approx(counted, abs=1e-12)


def test_a_chance_of_a_million_records_is_still_a_number():
    assert 0 < chance_of(1_000_000, 3, 2) < 1e-10
    assert chance_of(1_000_000, 500_000, 3) == pytest.approx(1 / 8, rel=1e-3)


@pytest.mark.parametrize(
    ("tails", "cut"),
    [
        pytest.param([(300, 20, 20)], [20], id="a page"),
        pytest.param([(300, 25, 20)], [20], id="a page, and a few elsewhere"),
        pytest.param([(300, 4, 4)], [], id="too few for a page"),
        pytest.param([(300, 20, 5)], [5], id="the last five of twenty"),
        pytest.param([(30, 25, 9)], [], id="so many are missing that the last ones had to be"),
        pytest.param([(10, 9, 9)], [], id="all but one could be any"),
        pytest.param([(300, 20, 20), (10, 9, 9)], [20, 9], id="all but one, beside a page that is proven"),
        pytest.param([(300, 20, 20), (10, 9, 8)], [20], id="no whole end, beside a page that is proven"),
        pytest.param([(20, 5, 5)] * 20, [], id="one of many tries succeeds by chance"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_an_end_is_cut_when_chance_does_not_explain_it(tails, cut):
    groups = [Tail(date(2026, 3, 1 + n), None, "changed", *one[:2], 0, one[2]) for n, one in enumerate(tails)]
    assert sorted(tail.beyond for tail in cuts(groups)) == sorted(cut)


def test_of_two_orders_the_one_with_the_longer_end_counts():
    both = [Tail(DAY, None, way, 300, 20, 0, beyond) for way, beyond in (("changed", 20), ("placed", 12))]
    assert [tail.way for tail in cuts(both)] == ["changed"]


@pytest.mark.parametrize(
    ("days", "is_told"),
    [
        pytest.param([(10, 100, 12)], True, id="most of a day is here, and nothing of one"),
        pytest.param([(1, 100, 1)], False, id="one record"),
        pytest.param([(10, 100, 100)], False, id="of that day nobody's is here"),
        pytest.param([(10, 100, 100), (5, 100, 100)], False, id="of both days nobody's is here"),
        pytest.param([(2, 100, 3), (2, 100, 3)], True, id="a little on each of two days"),
    ],
)
def test_somebody_is_absent_when_the_others_are_there(days, is_told):
    found = [Absent("a", date(2026, 3, 1 + n), *one) for n, one in enumerate(days)]
    assert absentees(found, among=20) == (("a",) if is_told else ())


@pytest.mark.parametrize(
    ("offset_s", "records", "total", "is_shift"),
    [
        pytest.param(3600, 3, 3, True, id="three by an hour"),
        pytest.param(3600, 2, 2, False, id="two may be chance"),
        pytest.param(-14_400, 50, 60, True, id="UTC read as local"),
        pytest.param(20_700, 50, 60, True, id="Kathmandu"),
        pytest.param(420, 50, 50, False, id="seven minutes are no zone"),
        pytest.param(0, 50, 50, False, id="the same second"),
        pytest.param(27 * 3600, 50, 50, False, id="more than any two zones are apart"),
        pytest.param(3600, 10, 100, False, id="one in ten of what was moved"),
    ],
)
def test_a_shift_is_an_offset_of_zones_that_many_share(offset_s, records, total, is_shift):
    assert bool(shifts([Offset("start", offset_s, records, total)])) is is_shift


@pytest.mark.parametrize(("lost", "gained", "is_emptied"), [(1, 0, True), (2, 1, True), (1, 1, False), (0, 3, False)])
def test_a_column_is_emptied_when_more_is_lost_than_gained(lost, gained, is_emptied):
    assert bool(emptied([Differs("note", lost + gained, lost, gained, 0, 0)])) is is_emptied


@pytest.mark.parametrize(
    ("records", "known", "swapped", "is_mixed"),
    [
        pytest.param(1, 0, 0, True, id="one hangs on somebody unknown"),
        pytest.param(99, 99, 0, True, id="nearly all hang on another of theirs"),
        pytest.param(99, 0, 0, False, id="nearly all are written in another way"),
        pytest.param(99, 0, 2, True, id="two of them were exchanged"),
        pytest.param(2, 0, 0, True, id="two of all"),
    ],
)
def test_patients_are_mixed_up_unless_all_are_written_in_another_way(records, known, swapped, is_mixed):
    assert mixes_up(Differs("patient", records, 0, 0, known, swapped), 100 if records > 2 else records) is is_mixed
    assert mixes_up(None, 100) is False


@pytest.mark.parametrize(
    ("resource", "kind", "column", "share", "level"),
    [
        ("Appointment", Kind.MISSING, None, 0.001, Severity.MEDIUM),
        ("Appointment", Kind.MISSING, None, 0.02, Severity.MEDIUM),
        ("Appointment", Kind.MISSING, None, 0.021, Severity.HIGH),
        ("Appointment", Kind.CHANGED, "note", 0.001, Severity.MEDIUM),
        ("Appointment", Kind.SHIFTED, "start", 0.001, Severity.HIGH),
        ("Appointment", Kind.CHANGED, "patient", 0.001, Severity.HIGH),
        ("Order", Kind.SHIFTED, "start", 0.001, Severity.MEDIUM),
        ("Order", Kind.MIXED_UP, "patient", 0.001, Severity.HIGH),
        ("Order", Kind.MIXED_UP, "patient", 0.05, Severity.CRITICAL),
        ("Order", Kind.CHANGED, "sphere", 0.001, Severity.HIGH),
        ("Order", Kind.CHANGED, "right_axis", 0.001, Severity.HIGH),
        ("VisionPrescription", Kind.MISSING, None, 0.001, Severity.HIGH),
        ("MedicationRequest", Kind.STALE, None, 0.05, Severity.CRITICAL),
    ],
)
def test_what_may_harm_a_patient_is_worse_and_so_is_much_of_anything(resource, kind, column, share, level):
    assert severity(wanted(resource), kind, column, share) is level


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            Found(Kind.MISSING, 12, 1204, first_day=DAY, last_day=date(2026, 3, 7)),
            "12 of 1,204 appointments of 5 to 7 March 2026 are missing here; they have had them for more than 2 hours",
        ),
        (
            Found(Kind.MISSING, 40, 1204, dimension="provider", first_day=DAY, last_day=DAY),
            (
                "40 of 1,204 appointments of 5 March 2026 (3.3%) are missing here: all of one provider, while others' "
                "are here; they have had them for more than 2 hours"
            ),
        ),
        (
            Found(Kind.TRUNCATED, 20, 1204, days=2, first_day=date(2026, 2, 28), last_day=date(2026, 3, 1)),
            (
                "20 of 1,204 appointments of 28 February to 1 March 2026 are missing here from a point on, of 2 days, "
                "as if a page or a file ended early; they have had them for more than 2 hours"
            ),
        ),
        (
            Found(Kind.SHIFTED, 900, 1204, column="start", offset_s=-16_200),
            "900 of 1,204 appointments (74.8%) have `start` 4 h 30 min earlier here than with them, all by the same",
        ),
        (
            Found(Kind.STALE, 1, 1204, first_day=date(2025, 12, 31), last_day=date(2026, 1, 1)),
            (
                "1 of 1,204 appointments of 31 December 2025 to 1 January 2026 is here as it was before; they changed "
                "it more than 2 hours ago"
            ),
        ),
        (Found(Kind.EXTRA, 1, 1204), "1 of 1,204 appointments is here, and not with them"),
        (Found(Kind.DUPLICATE, 2, 1204), "2 of 1,204 appointments are here more often than with them"),
        (Found(Kind.MIXED_UP, 2, 1204), "2 of 1,204 appointments hang here on another patient than with them"),
        (
            Found(Kind.NULLS, 2, 1204, column="note"),
            "2 of 1,204 appointments have no `note` here; with them there is one",
        ),
        (Found(Kind.CHANGED, 1, 1204, column="note"), "1 of 1,204 appointments has another `note` here than with them"),
    ],
)
def test_a_difference_is_told_with_counts_days_and_the_rule(found, sentence):
    assert says(wanted(), found) == sentence


def test_where_nobody_tells_of_changes_no_time_is_claimed():
    told = says(wanted(changed=None, name="vision_prescriptions"), Found(Kind.MISSING, 1, 9))
    assert told == "1 of 9 vision prescriptions (11.1%) is missing here; they have it"


@pytest.mark.parametrize(("seconds", "words"), [(3600, "1 h"), (19_800, "5 h 30 min"), (900, "15 min")])
def test_an_offset_is_told_in_hours_and_minutes(seconds, words):
    assert duration(seconds) == words
