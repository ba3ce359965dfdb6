"""Another way of writing the same value is no difference; another value always is one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import canonical
from models.comparison import kind_of
from models.reconciliation import ColumnKind as Kind

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        pytest.param(Kind.TEXT, "  Anna  Maria ", "ANNA MARIA", id="case and white space of a text"),
        pytest.param(Kind.TEXT, "", None, id="nothing, and nothing"),
        pytest.param(Kind.TEXT, "NULL", None, id="how an export writes nothing"),
        pytest.param(Kind.CODE, " 367336001", "367336001 ", id="white space around a code"),
        pytest.param(Kind.NUMBER, "+1.50", 1.5, id="a sign and a zero"),
        pytest.param(Kind.NUMBER, "-0.00", "0", id="nothing below zero"),
        pytest.param(Kind.NUMBER, "1E3", 1000, id="an exponent"),
        pytest.param(Kind.DATE, "03/05/2026", "2026-03-05", id="the United States"),
        pytest.param(Kind.DATE, "20260305", date(2026, 3, 5), id="HL7, and a driver"),
        pytest.param(Kind.DATE, "2026-03-05 00:00:00", "3/5/2026", id="a midnight that an export adds"),
        pytest.param(Kind.INSTANT, "2026-03-05T14:00:00Z", "2026-03-05T09:00:00-05:00", id="two zones"),
        pytest.param(Kind.INSTANT, "2026-03-05 09:00", "20260305140000Z", id="without a zone, the practice's"),
        pytest.param(Kind.INSTANT, "3/5/2026 2:00 PM", "2026-03-05T14:00:00-05:00", id="a clock of twelve hours"),
        pytest.param(Kind.INSTANT, "2026-07-05T14:00:00+0000", "2026-07-05 10:00:00.000", id="in summer"),
        pytest.param(Kind.PHONE, "+1 (555) 123-4567", "555.123.4567", id="a telephone number"),
        pytest.param(Kind.FLAG, "Y", True, id="yes"),
    ],
)
def test_another_way_of_writing_is_no_difference(kind, one, other):
    """Both come to the same form."""
    assert canonical(kind, one, NEW_YORK) == canonical(kind, other, NEW_YORK)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        pytest.param(Kind.CODE, "e10", "E10", id="the case of a code"),
        pytest.param(Kind.CODE, "007", "7", id="zeros of a code"),
        pytest.param(Kind.NUMBER, "1.25", "-1.25", id="a sign"),
        pytest.param(Kind.NUMBER, "1" * 40 + "2", "1" * 40 + "3", id="the last of many digits"),
        pytest.param(Kind.DATE, "2026-03-05", "2026-05-03", id="day and month changed places"),
        pytest.param(Kind.DATE, "2026-02-30", "2026-03-02", id="a day that there is not"),
        pytest.param(Kind.INSTANT, "2026-03-05T14:00:00Z", "2026-03-05T14:00:00-05:00", id="UTC read as local"),
        pytest.param(Kind.INSTANT, "2026-03-05 01:00", "2026-03-06 01:00", id="a day later"),
        pytest.param(Kind.PHONE, "555-123-4567", "555-123-4568", id="one digit"),
        pytest.param(Kind.PHONE, "555-123-4567", "ask the daughter", id="words"),
        pytest.param(Kind.FLAG, "yes", "no", id="yes and no"),
        pytest.param(Kind.TEXT, "0", None, id="zero is something"),
    ],
)
def test_another_value_is_a_difference(kind, one, other):
    """However alike it looks."""
    assert canonical(kind, one, NEW_YORK) != canonical(kind, other, NEW_YORK)


@given(st.sampled_from(list(Kind)), st.one_of(st.none(), st.text(max_size=40), st.floats(), st.integers()))
def test_nothing_raises_and_the_form_is_its_own_form(kind, value):
    """Whatever stands in a table."""
    form = canonical(kind, value, NEW_YORK)

    assert form is None or canonical(kind, form, NEW_YORK) == form


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - a zone follows
    st.integers(-14 * 4, 14 * 4),
)
def test_a_moment_is_the_same_in_every_zone(moment, quarters):
    """In quarters of an hour from UTC."""
    here = moment.replace(tzinfo=UTC)
    there = here.astimezone(timezone(timedelta(minutes=15 * quarters)))

    assert canonical(Kind.INSTANT, here.isoformat()) == canonical(Kind.INSTANT, there.isoformat())


@given(st.decimals(-1000, 1000, places=2, allow_nan=False), st.integers(0, 6))
def test_a_number_is_its_value(number, zeros):
    """Zeros behind the point change nothing."""
    assert canonical(Kind.NUMBER, f"{number}{'0' * zeros}") == canonical(Kind.NUMBER, str(Decimal(number).normalize()))


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        pytest.param("birth_date", ["1970-01-02", "03/05/2026"], Kind.DATE, id="dates"),
        pytest.param("start", ["2026-03-05T14:00:00Z", "2026-03-05 10:00"], Kind.INSTANT, id="moments"),
        pytest.param("sphere", ["-1.25", "+0.50", "0"], Kind.NUMBER, id="measures"),
        pytest.param("postal", ["02134", "10001"], Kind.TEXT, id="zeros in front mean something"),
        pytest.param("code", ["1E3", "2E5"], Kind.TEXT, id="an exponent may be a code"),
        pytest.param("phone", ["5551234567", "+1 555 123 4567"], Kind.PHONE, id="by its name"),
        pytest.param("member", ["5551234567"], Kind.NUMBER, id="digits without such a name"),
        pytest.param("active", ["true", "No"], Kind.FLAG, id="yes and no"),
        pytest.param("day", ["20260305"], Kind.NUMBER, id="eight digits may be anything"),
        pytest.param("note", ["x", "2026-03-05"], Kind.TEXT, id="half of them"),
        pytest.param("gone", ["", "NULL"], Kind.TEXT, id="nothing at all"),
    ],
)
def test_what_a_column_holds_is_told_by_its_values(name, values, kind):
    """A text, where that is not plain."""
    assert kind_of(name, values, values) is kind


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        pytest.param(["1970-01-02"], ["19700102"], Kind.DATE, id="eight digits beside dates"),
        pytest.param(["2026-03-05T14:00:00Z"], ["20260305140000"], Kind.INSTANT, id="HL7 beside moments"),
        pytest.param(["true", "false"], ["1", "0"], Kind.FLAG, id="one and zero beside yes and no"),
        pytest.param(["Y", "N"], ["1", "1"], Kind.FLAG, id="both letters of a pair"),
        pytest.param(["1", "0"], ["1", "0"], Kind.NUMBER, id="one and zero alone"),
        pytest.param(["F", "F"], ["F", "N"], Kind.TEXT, id="a letter that may be a sex"),
        pytest.param(["1970-01-02"], ["soon"], Kind.TEXT, id="dates beside words"),
    ],
)
def test_one_side_says_plainly_what_the_other_can_be_read_as(source, target, kind):
    """Whichever of them it is."""
    assert kind_of("x", source, target) is kind
    assert kind_of("x", target, source) is kind


def test_a_code_by_its_name_is_no_number():
    """250.0 and 250.00 are two diagnoses."""
    assert kind_of("icd_code", ["250.0"], ["250.00"]) is Kind.TEXT
