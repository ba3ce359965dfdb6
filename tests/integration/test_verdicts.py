"""Two digest tables in DuckDB, and what is said of them: every silent fault, every decoy, the order of the names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.anomaly import Severity
from models.discrepancy import DiscrepancyKind as Kind
from simulator import landing_decoys as decoys
from simulator import landing_faults as faults
from simulator.landing import LAYOUTS
from simulator.landing_decoys import GONE
from simulator.landing_faults import Layout
from tasks.digests import Side, open_digests
from tasks.pseudonym import pseudonyms
from tasks.verdicts import verdicts
from tests.two_sides import (
    PRACTICE,
    PUBLIC,
    SYNTHEA,
    TIMEZONE,
    World,
    hashed,
    judge,
    practice_appointments,
    public_encounters,
    wanted_of,
)

LAYOUT = Layout(
    table="visits",
    columns=("id", "status", "start", "patient", "provider", "site", "note", "changed_at"),
    day="start",
    instants=("start",),
    patient="patient",
    provider="provider",
)
WANTED = wanted_of(LAYOUT, "visits", "Appointment", location="site")
AS_OF = datetime(2026, 3, 12, 18, tzinfo=UTC)
SMALL = World("small", LAYOUT, WANTED, (), AS_OF, "note", "note")
LATE, FRESH = AS_OF - timedelta(hours=2), AS_OF - timedelta(hours=2) + timedelta(seconds=1)


def row(number=0, changed=AS_OF - timedelta(days=2), **changes):
    """One record; patients, providers and sites go round."""
    start = datetime(2026, 3, 9, 14, tzinfo=UTC) + timedelta(minutes=7 * number)
    made = {"id": f"v{number}", "status": "booked", "start": start.isoformat(), "patient": f"p{number % 7}"}
    made |= {"provider": f"d{number % 3}", "site": "s1", "note": f"n{number}", "changed_at": changed.isoformat()}
    return made | changes


def later(one, **step):
    return (datetime.fromisoformat(one) + timedelta(**step)).isoformat()


def some(count, since=0):
    return [row(n) for n in range(since, since + count)]


def moved(rows, column="start", **step):
    return [one | {column: later(one[column], **step)} for one in rows]


def said(theirs, ours, days=None):
    """Kind and column, with the numbers of the keys."""
    judged = judge(SMALL, theirs, ours, days)
    return {(kind.value, column): sorted(int(key[1:]) for key in keys) for (kind, column), keys in judged.keys.items()}


ONE = row()
OLD = {"changed_at": later(ONE["changed_at"], hours=-5)}
MONDAY, TUESDAY = date(2026, 3, 9), date(2026, 3, 10)

ORDER = [
    pytest.param([ONE], [ONE], {}, id="the same"),
    pytest.param([], [], {}, id="nothing on either side"),
    pytest.param([ONE], [], {("missing", None): [0]}, id="missing"),
    pytest.param([], [ONE], {("extra", None): [0]}, id="extra"),
    pytest.param([row(status=GONE)], [], {}, id="a tombstone there needs nothing here"),
    pytest.param([], [row(status=GONE)], {}, id="a tombstone here needs nothing there"),
    pytest.param([row(status=GONE)], [row(status=GONE, note="x")], {}, id="what both call gone is not compared"),
    pytest.param(
        [row(status=GONE, note="x")], [ONE | OLD], {("stale", None): [0]}, id="gone there, and here as if nothing was"
    ),
    pytest.param([row(status=GONE, note="x")], [ONE], {("changed", "status"): [0]}, id="… of which only that is told"),
    pytest.param([row(changed=FRESH)], [], {}, id="not here yet"),
    pytest.param([row(changed=LATE)], [], {("missing", None): [0]}, id="not here, and late"),
    pytest.param([row(changed=FRESH, note="x")], [ONE], {}, id="its change is not here yet"),
    pytest.param([row(changed=LATE, note="x")], [ONE], {("stale", None): [0]}, id="its change is not here, and late"),
    pytest.param([], [row(changed=FRESH)], {}, id="here already, after they were asked"),
    pytest.param(
        [row(changed=FRESH)], [row(changed=FRESH, note="x")], {("changed", "note"): [0]}, id="the newest version, wrong"
    ),
    pytest.param([ONE], [ONE | OLD], {}, id="an older version that says the same"),
    pytest.param([ONE], [ONE | OLD | {"note": "x", "patient": "p6"}], {("stale", None): [0]}, id="an older version"),
    pytest.param(
        [ONE | {"changed_at": later(ONE["changed_at"], milliseconds=900)}],
        [ONE | {"note": "x"}],
        {("changed", "note"): [0]},
        id="a second that was cut is no older version",
    ),
    pytest.param([ONE], [ONE, ONE], {("duplicate", None): [0]}, id="twice here"),
    pytest.param([ONE, ONE], [ONE], {}, id="twice there"),
    pytest.param([ONE, ONE], [ONE, ONE], {}, id="twice on both sides"),
    pytest.param([ONE, ONE], [ONE] * 3, {("duplicate", None): [0]}, id="thrice here, twice there"),
    pytest.param([ONE], [ONE, ONE | {"note": "x"}], {("duplicate", None): [0]}, id="twice here, once right"),
    pytest.param(
        [ONE],
        [ONE | {"note": "x"}, ONE | {"note": "x"}],
        {("duplicate", None): [0], ("changed", "note"): [0]},
        id="twice here, and wrong",
    ),
    pytest.param([], [ONE, ONE], {("extra", None): [0]}, id="twice here, and not there"),
    pytest.param([ONE], [ONE | {"patient": "p9"}], {("mixed_up", "patient"): [0]}, id="another patient"),
    pytest.param([ONE], [ONE | {"patient": None}], {("nulls", "patient"): [0]}, id="no patient"),
    pytest.param(
        [row(0), row(1)],
        [row(0, patient="p1") | OLD, row(1, patient="p0") | OLD],
        {("mixed_up", "patient"): [0, 1]},
        id="exchanged patients, in older versions",
    ),
    pytest.param(
        some(5),
        [row(0, patient="p1"), row(1, patient="p0"), row(2, patient="p5") | OLD, *some(5)[3:]],
        {("mixed_up", "patient"): [0, 1], ("stale", None): [2]},
        id="exchanged patients, beside an older version",
    ),
    pytest.param(
        some(9),
        [one | {"patient": f"x-{one['patient']}"} for one in some(9)],
        {("changed", "patient"): [*range(9)]},
        id="all patients written in another way",
    ),
    pytest.param(some(3), moved(some(3), hours=1), {("shifted", "start"): [0, 1, 2]}, id="three an hour later"),
    pytest.param(some(2), moved(some(2), hours=1), {("changed", "start"): [0, 1]}, id="two an hour later"),
    pytest.param(some(3), moved(some(3), minutes=7), {("changed", "start"): [0, 1, 2]}, id="seven minutes later"),
    pytest.param(
        some(8),
        moved(some(4), hours=-4) + moved(some(4, since=4), hours=-5),
        {("shifted", "start"): [*range(8)]},
        id="UTC read as local, in summer and winter",
    ),
    pytest.param(
        some(3),
        moved(moved(some(3), hours=-4), column="changed_at", hours=-4),
        {("shifted", "start"): [0, 1, 2]},
        id="shifted with their instants of change are no older versions",
    ),
    pytest.param(
        some(4),
        [*moved(some(3), hours=1), row(3, start=later(row(3)["start"], hours=1)) | OLD],
        {("shifted", "start"): [0, 1, 2], ("stale", None): [3]},
        id="an older version beside what is shifted",
    ),
    pytest.param([ONE], [ONE | {"note": None}], {("nulls", "note"): [0]}, id="a lost value"),
    pytest.param([ONE | {"note": None}], [ONE], {("changed", "note"): [0]}, id="a value that they do not have"),
    pytest.param(
        [row(0), row(1), row(2, note=None)],
        [row(0, note=None), row(1, note=None), row(2)],
        {("nulls", "note"): [0, 1], ("changed", "note"): [2]},
        id="more lost than gained",
    ),
    pytest.param(
        [row(0), row(1, note=None)],
        [row(0, note=None), row(1)],
        {("changed", "note"): [0, 1]},
        id="as many lost as gained",
    ),
    pytest.param(
        [ONE],
        [ONE | {"note": "x", "provider": None}],
        {("changed", "note"): [0], ("nulls", "provider"): [0]},
        id="both",
    ),
    pytest.param(some(60), some(52), {("truncated", None): [*range(52, 60)]}, id="the last eight of sixty"),
    pytest.param(some(60), some(52, since=8), {("truncated", None): [*range(8)]}, id="the first eight: newest first"),
    pytest.param(some(60), some(57), {("missing", None): [57, 58, 59]}, id="the last three of sixty"),
    pytest.param(
        some(60),
        [one for one in some(60) if int(one["id"][1:]) % 7],
        {("missing", None): [*range(0, 60, 7)]},
        id="every seventh",
    ),
    pytest.param(some(60), [], {("missing", None): [*range(60)]}, id="all of it"),
]


@pytest.mark.parametrize(("theirs", "ours", "names"), ORDER)
def test_each_record_and_column_has_the_first_name_that_explains_it(theirs, ours, names):
    assert said(theirs, ours) == names


@pytest.mark.parametrize(
    ("theirs", "ours", "names"),
    [
        pytest.param(
            [ONE], [ONE | OLD | {"start": later(ONE["start"], days=1)}], {("stale", None): [0]}, id="was later"
        ),
        pytest.param([row(start=later(ONE["start"], days=1))], [ONE | OLD], {("stale", None): [0]}, id="earlier"),
        pytest.param([row(start=later(ONE["start"], days=1))], [], {}, id="missing on another day"),
        pytest.param([], [row(start=later(ONE["start"], days=1))], {}, id="extra on another day"),
        pytest.param([ONE], [ONE | {"start": None}], {("nulls", "start"): [0]}, id="without its day here"),
        pytest.param([row(start=None)], [], {("missing", None): [0]}, id="without a day"),
        pytest.param([], [row(start=None)], {("extra", None): [0]}, id="extra without a day"),
    ],
)
def test_what_moved_to_a_day_that_is_not_compared_is_a_pair_all_the_same(theirs, ours, names):
    assert said(theirs, ours, days=[MONDAY]) == names
    assert said(theirs, ours, days=[]) == {key: value for key, value in names.items() if _is_dayless(theirs, ours)}


def _is_dayless(theirs, ours):
    return all(one["start"] is None for one in (theirs or ours))


def test_what_is_gone_and_what_is_on_its_way_is_counted():
    theirs = [row(0), row(1, status=GONE), row(2, changed=FRESH), row(3, changed=FRESH)]
    verdicts = judge(SMALL, theirs, [row(0), row(3)]).verdicts
    assert verdicts.discrepancies == ()
    assert (verdicts.tombstones, verdicts.in_flight, verdicts.compared) == (1, 1, 2)


def test_of_one_provider_of_whom_nothing_is_here_it_is_said_with_a_pseudonym():
    theirs = [row(n, provider=f"doctor-{n % 6}", site=f"s{n % 2}") for n in range(120)]
    judged = judge(SMALL, theirs, [one for one in theirs if one["provider"] != "doctor-4"])
    (told,) = judged.verdicts.discrepancies
    assert (told.kind, told.count, told.of, told.provider) == (Kind.MISSING, 20, 120, hashed("doctor-4"))
    assert "all of one provider, while others' are here" in told.says
    assert "doctor" not in repr(told)


def test_where_a_whole_site_is_gone_its_providers_are_not_told_of_beside_it():
    theirs = [row(n, provider=f"d{n % 6}", site=f"s{n % 2}") for n in range(120)]
    judged = judge(SMALL, theirs, [one for one in theirs if one["site"] != "s1"])
    (told,) = judged.verdicts.discrepancies
    assert (told.kind, told.count, told.location, told.provider) == (Kind.MISSING, 60, hashed("s1"), None)


def test_a_day_of_which_nothing_is_here_is_nobodys_fault():
    theirs = [row(n, start=later(ONE["start"], days=n // 20, minutes=n)) for n in range(60)]
    theirs = [one | {"provider": "new"} if n in range(20, 30) else one for n, one in enumerate(theirs)]
    (told,) = judge(SMALL, theirs, [*theirs[:20], *theirs[40:]]).verdicts.discrepancies
    assert (told.kind, told.count, told.first_day, told.last_day) == (Kind.MISSING, 20, TUESDAY, TUESDAY)
    assert "all of one" not in told.says


def test_somebody_most_of_whose_records_a_lost_page_held_is_not_told_of_beside_it():
    theirs = [row(n, provider="late" if n == 20 or n >= 52 else f"d{n % 3}") for n in range(60)]
    here = [one for one in theirs if one["provider"] != "late"]
    page, one = judge(SMALL, theirs, here).verdicts.discrepancies
    assert [(told.kind, told.count) for told in (page, one)] == [(Kind.TRUNCATED, 8), (Kind.MISSING, 1)]
    assert "all of one" not in one.says


def test_the_most_severe_comes_first():
    ours = [one | {"note": "x"} for one in some(5)] + [row(5, patient="p1"), *some(294, since=6)]
    told = judge(SMALL, some(300), ours).verdicts.discrepancies
    assert [(one.kind, one.severity, one.count) for one in told] == [
        (Kind.MIXED_UP, Severity.HIGH, 1),
        (Kind.CHANGED, Severity.MEDIUM, 5),
    ]


def test_of_many_keys_the_first_hundred_are_kept_and_all_are_found():
    judged = judge(SMALL, some(300), [one | {"note": "x"} for one in some(300)])
    (told,) = judged.verdicts.discrepancies
    assert told.keys == tuple(sorted(hashed(f"v{n}") for n in range(300))[:100])
    assert judged.all_keys() == {f"v{n}" for n in range(300)}


def world_kinds():
    for make in PRACTICE:
        yield from ((make, fault) for fault in every_fault(make()))


def every_fault(world):
    some_rows = {"count": max(6, len(world.rows) // 20)}
    yield faults.RowsDropped(**some_rows)
    yield faults.PagesCut(count=12, page=12)
    yield faults.RowsDuplicated(**some_rows)
    yield faults.RowsAdded(**some_rows)
    yield faults.OldVersionsKept(**some_rows)
    yield faults.InstantsShifted(**some_rows, by_s=-3600)
    yield faults.ColumnEmptied(**some_rows, column=world.empties)
    yield faults.ColumnChanged(**some_rows, column=world.changes)
    yield faults.PatientsMixedUp(**some_rows)


def names_of(batch):
    found = {}
    for one in batch.touched:
        found[one.kind, None if one.kind is Kind.STALE else one.column] = one.keys
    return found


@pytest.mark.parametrize(
    ("make", "fault"), list(world_kinds()), ids=lambda one: getattr(one, "__name__", type(one).__name__)
)
def test_every_silent_fault_is_found_with_its_name_and_exactly_its_keys(make, fault):
    world = make()
    batch = world.spoilt(fault, seed=3)
    assert judge(world, batch.theirs, batch.ours).keys == names_of(batch)


DECOYS = [
    decoys.LateButArriving(share=0.05),
    decoys.ClosedDay(),
    decoys.ProviderOnLeave(),
    decoys.MergedAway(share=0.05),
    decoys.WrittenInLocalTime(share=1.0),
]


@pytest.mark.parametrize("decoy", DECOYS, ids=lambda one: type(one).__name__)
def test_of_a_decoy_nothing_is_said(decoy):
    world = practice_appointments()
    batch = world.spoilt(decoy, seed=3)
    assert batch.touched[0].keys
    assert judge(world, batch.theirs, batch.ours).verdicts.discrepancies == ()


def test_the_products_own_digests_say_the_same(tmp_path):
    world = practice_appointments()
    fault, decoy = faults.ColumnChanged(count=9, column="minutes"), decoys.WrittenInLocalTime(share=1.0)
    batch = decoy.spoil(world.spoilt(fault, seed=3), LAYOUTS["Appointment"], Random(3))  # noqa: S311 - chooses rows
    db = open_digests()
    for name, rows in (("theirs", batch.theirs), ("ours", batch.ours)):
        side = Side(db, name, world.wanted, tmp_path, TIMEZONE)
        side.add(rows)
        side.flush()
    told = verdicts(db, world.wanted, world.as_of)
    pseudonym = pseudonyms(tmp_path)
    assert [(one.kind, one.column, one.count) for one in told.discrepancies] == [(Kind.CHANGED, "minutes", 9)]
    assert {*told.discrepancies[0].keys} == {pseudonym(key.lower()) for key in batch.touched[0].keys}
    db.close()


@pytest.mark.needs_data
@pytest.mark.skipif(not SYNTHEA.exists(), reason="the public data (Synthea) is not at ../shared/data")
def test_on_public_data_equal_sides_are_equal_and_a_changed_digit_is_found():
    assert all(judge(world, world.rows, world.rows).keys == {} for world in (make() for make in PUBLIC))
    world = public_encounters()
    batch = world.spoilt(faults.ColumnChanged(count=11, column=world.changes), seed=3)
    assert judge(world, batch.theirs, batch.ours).keys == names_of(batch)


numbers = st.sets(st.integers(0, 40), max_size=25)
few = settings(max_examples=8, deadline=None)  # each asks a database some twenty questions


@few
@given(numbers, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(chosen, rng):
    theirs = [row(n) for n in chosen]
    ours = [row(n, note="x") if n % 3 == 0 else row(n) for n in chosen if n % 5]
    before = judge(SMALL, theirs, ours)
    rng.shuffle(theirs)
    rng.shuffle(ours)
    assert judge(SMALL, theirs, ours) == before
    assert said(theirs, theirs[::-1]) == {}


@few
@given(numbers, numbers)
def test_what_only_one_side_has_is_exactly_what_is_missing_or_extra(there, here):
    found = said([row(n) for n in there], [row(n) for n in here])
    assert found.pop(("extra", None), []) == sorted(here - there)
    assert sorted(n for keys in found.values() for n in keys) == sorted(there - here)
    assert {kind for kind, _ in found} <= {"missing", "truncated"}


@few
@given(
    st.dictionaries(st.integers(0, 40), st.sets(st.sampled_from(["status", "note", "provider", "site"])), max_size=25)
)
def test_each_changed_column_of_each_record_is_named_once(changed):
    ours = [row(n, **dict.fromkeys(columns, "other")) for n, columns in changed.items()]
    expected = {
        ("changed", name): sorted(n for n, columns in changed.items() if name in columns)
        for name in {name for columns in changed.values() for name in columns}
    }
    assert said([row(n) for n in changed], ours) == expected


@few
@given(st.integers(0, 2**32), st.integers(1, 300))
def test_records_lost_at_random_are_hardly_ever_called_a_page(seed, count):
    """In less than one of a thousand; the seeds that hypothesis tries are few."""
    world = practice_appointments()
    rows = world.rows[:600]
    lost = {one["id"] for one in Random(seed).sample(rows, count)}  # noqa: S311 - chooses rows
    judged = judge(world, rows, [one for one in rows if one["id"] not in lost])
    assert judged.keys == {(Kind.MISSING, None): lost}
