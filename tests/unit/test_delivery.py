"""The judgement on a file, and what is remembered of it: counts, instants and keyed hashes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from models.arrival import SAMPLES, Memory, Sample, Seen, Verdict, arriving, drifted, judge
from models.drop import ExpectedFile, Phase
from models.flat_text import Content
from models.reading import Outcome

TUESDAY = date(2026, 3, 3)
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COLUMNS = ("id", "name", "amount")
NEW, OLD = "a" * 64, "b" * 64
TRAILER = {"prefix": "TRL", "count": 2}


def a_file(**changes: object) -> ExpectedFile:
    return ExpectedFile.model_validate({"name": "x.csv", "header": list(COLUMNS)} | changes)


def content(**changes: object) -> Content:
    return Content(**{"rows": 100, "columns": COLUMNS} | changes)


def seen(size: int = 10_000) -> Seen:
    return Seen(size=size, changed_at=NOW - 30 * MINUTE)


def weeks(count: int, rows: int = 100, size: int = 10_000) -> tuple[Sample, ...]:
    return tuple(Sample(day=TUESDAY - timedelta(weeks=n), rows=rows, size=size) for n in range(1, count + 1))


def a_memory(**changes: object) -> Memory:
    return Memory(**{"key": "0" * 64, "digest": OLD, "digest_day": TUESDAY - timedelta(days=1)} | changes)


@pytest.mark.parametrize(
    ("expected", "memory", "what", "verdict"),
    [
        pytest.param({}, {}, {}, (Outcome.OK, None), id="as it should be"),
        pytest.param({}, {}, {"rows": 0, "columns": ()}, (Outcome.PARTIAL, "file_empty"), id="nothing in it"),
        pytest.param({}, {}, {"rows": 0}, (Outcome.OK, None), id="a quiet day"),
        pytest.param({}, {}, {"is_cut": True}, (Outcome.PARTIAL, "truncated"), id="breaks off"),
        pytest.param(
            {}, {"ends_with_newline": True}, {"ends_with_newline": False}, (Outcome.PARTIAL, "truncated"), id="lost end"
        ),
        pytest.param({}, {"ends_with_newline": False}, {"ends_with_newline": False}, (Outcome.OK, None), id="as ever"),
        pytest.param({"trailer": TRAILER}, {}, {}, (Outcome.PARTIAL, "truncated"), id="no trailer"),
        pytest.param(
            {"trailer": TRAILER}, {}, {"trailer": True, "stated": 100}, (Outcome.OK, None), id="the trailer agrees"
        ),
        pytest.param(
            {"trailer": TRAILER},
            {},
            {"trailer": True, "stated": 103},
            (Outcome.SEMANTIC, "trailer_wrong"),
            id="it does not",
        ),
        pytest.param(
            {"trailer": TRAILER}, {}, {"trailer": True}, (Outcome.SEMANTIC, "trailer_wrong"), id="it says nothing"
        ),
        pytest.param({}, {}, {"columns": (*COLUMNS, "x")}, (Outcome.PARTIAL, "columns_added"), id="one more column"),
        pytest.param({}, {}, {"columns": COLUMNS[:2]}, (Outcome.SEMANTIC, "columns_changed"), id="one column less"),
        pytest.param({}, {}, {"columns": COLUMNS[::-1]}, (Outcome.SEMANTIC, "columns_changed"), id="in another order"),
        pytest.param(
            {}, {}, {"columns": ("id;name;amount",)}, (Outcome.SEMANTIC, "delimiter_changed"), id="another delimiter"
        ),
        pytest.param({}, {"digest": NEW}, {}, (Outcome.STALE, "same_as_before"), id="yesterday's again"),
        pytest.param({}, {"digest": NEW, "digest_day": TUESDAY}, {}, (Outcome.OK, None), id="today's sent twice"),
        pytest.param({}, {"digest": NEW}, {"rows": 0}, (Outcome.OK, None), id="two quiet days are alike"),
        pytest.param({}, {"samples": weeks(3)}, {"rows": 49}, (Outcome.PARTIAL, "much_smaller"), id="half the rows"),
        pytest.param({}, {"samples": weeks(3)}, {"rows": 50}, (Outcome.OK, None), id="just enough"),
        pytest.param({}, {"samples": weeks(2)}, {"rows": 1}, (Outcome.OK, None), id="nothing is usual yet"),
        pytest.param(
            {}, {"samples": weeks(3, size=50_000)}, {}, (Outcome.PARTIAL, "much_smaller"), id="half the bytes"
        ),
        pytest.param({"min_share": "10%"}, {"samples": weeks(3)}, {"rows": 11}, (Outcome.OK, None), id="another share"),
        pytest.param(
            {}, {"samples": weeks(3)}, {"is_cut": True, "rows": 3}, (Outcome.PARTIAL, "truncated"), id="the worst first"
        ),
    ],
)
def test_a_file_is_judged_by_the_first_thing_that_is_wrong_with_it(expected, memory, what, verdict):
    whole = content(**what)
    assert judge(a_file(**expected), a_memory(**memory), seen(), TUESDAY, whole, NEW, whole.columns) == verdict


def test_a_header_is_learned_and_held_against_the_next_by_its_hashes():
    hashes = tuple(character * 64 for character in "123")
    verdict = Verdict(seen=seen(), day=TUESDAY, outcome=Outcome.OK, rows=100)
    memory = a_memory().learned(verdict, content(), NEW, hashes)
    ours, tomorrow = a_file(header="learned"), TUESDAY + timedelta(days=1)
    judged = [
        judge(ours, memory, seen(), tomorrow, content(columns=("x",) * n), OLD, hashes[:n] + ("9" * 64,) * (n > 3))[1]
        for n in (3, 2)
    ]
    assert judged == [None, "columns_changed"]
    assert judge(a_file(header="none"), memory, seen(), tomorrow, content(columns=()), OLD, ())[1] is None


@pytest.mark.parametrize(
    ("known", "now", "code"),
    [
        pytest.param("abc", "abc", None, id="the same"),
        pytest.param("abc", "xaybzc", "columns_added", id="added anywhere"),
        pytest.param("abc", "acb", "columns_changed", id="another order"),
        pytest.param("abc", "abd", "columns_changed", id="renamed"),
        pytest.param("abc", "abcc", "columns_changed", id="the same name twice"),
        pytest.param("abc", "", "columns_changed", id="none"),
    ],
)
def test_a_header_that_keeps_all_its_columns_in_order_was_only_added_to(known, now, code):
    assert drifted(known, now) == code


def test_a_file_is_at_rest_when_it_looked_the_same_for_long_enough():
    fresh = Seen(size=1, changed_at=NOW)
    first = a_memory().looked(fresh, NOW)
    assert not a_memory().is_at_rest(fresh, NOW, MINUTE)
    assert not first.is_at_rest(fresh, NOW + MINUTE / 2, MINUTE)
    assert first.looked(fresh, NOW + MINUTE / 2) == first
    assert first.is_at_rest(fresh, NOW + MINUTE, MINUTE)
    grown = Seen(size=2, changed_at=NOW)
    assert not first.looked(grown, NOW + MINUTE).is_at_rest(grown, NOW + MINUTE, MINUTE)


def test_a_clock_that_went_back_begins_the_wait_anew():
    memory = a_memory().looked(seen(), NOW + timedelta(days=1))
    assert memory.looked(seen(), NOW).since == NOW


def test_what_changed_long_ago_is_at_rest_at_the_first_look():
    assert a_memory().is_at_rest(seen(), NOW + timedelta(hours=1), MINUTE)
    assert not a_memory().is_at_rest(seen(), NOW + timedelta(hours=1), timedelta(hours=3))


def test_only_whole_files_teach_what_is_usual_and_each_weekday_keeps_its_last():
    memory = a_memory()
    for n in range(SAMPLES + 6):
        day = TUESDAY + timedelta(weeks=n)
        memory = memory.learned(Verdict(seen=seen(n), day=day, outcome=Outcome.OK), content(rows=n), NEW, ())
        memory = memory.learned(Verdict(seen=seen(n), day=day, outcome=Outcome.OK), content(rows=n), NEW, ())
    bad = Verdict(seen=seen(), day=TUESDAY, outcome=Outcome.PARTIAL, code="truncated")
    assert [one.rows for one in memory.learned(bad, content(), OLD, ()).samples] == list(range(6, SAMPLES + 6))
    assert memory.usual(TUESDAY - timedelta(days=1)) is None


def test_a_file_that_came_is_missed_no_longer_and_may_be_taken_away():
    missed = a_memory().missing(TUESDAY)
    assert not missed.took(TUESDAY)
    came = missed.learned(Verdict(seen=seen(), day=TUESDAY, outcome=Outcome.OK), content(), NEW, ())
    assert came.missed is None
    assert came.took(TUESDAY)
    assert came.was_taken_for(seen(), TUESDAY + timedelta(days=1))
    cut = missed.judged(Verdict(seen=seen(), day=TUESDAY, outcome=Outcome.PARTIAL, code="truncated"))
    assert not cut.took(TUESDAY)


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [(None, Outcome.OK), (Phase.EARLY, Outcome.OK), (Phase.GRACE, Outcome.OK), (Phase.LATE, Outcome.SEMANTIC)],
)
def test_to_be_still_arriving_is_trouble_only_when_it_is_late(phase, outcome):
    assert arriving(phase) == (outcome, "still_arriving")
