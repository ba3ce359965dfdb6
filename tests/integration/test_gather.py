"""Both sides of the pretend practice, over its real sockets and out of real databases."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import BadInput
from models.integration import midnight
from models.waiting import Pause
from simulator.control import start_clinic
from simulator.people import Practice
from tasks.gather import gather
from tasks.probe import connected
from tests.callers import context_for, wanted_for
from tests.clocks import MovedClock, a_house
from tests.landed import appointments, land, land_on_server

NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)  # a Tuesday, 10:00 in New York
TODAY = date(2026, 3, 3)
SERVER = "postgresql://root@127.0.0.1:5432/test"
PRACTICE = Practice(1, "America/New_York")
SLOW = 1 / 3600  # simulated seconds per second: it is 10:00 all the time


@pytest.fixture(scope="module")
def premises(tmp_path_factory):
    directory = tmp_path_factory.mktemp("clinic")
    with start_clinic(directory, start=NOW, speed=SLOW, systems=("epic", "unity", "sftp")) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises):
    yield premises
    premises.mend()


class Place:
    """A house whose one integration is compared with what was landed."""

    def __init__(self, clinic, home, kind="epic_fhir", **changes):
        self.kind, self.home = kind, home
        larger = {"searches": {"Appointment.search": "Appointment?_count=100"}} if kind == "epic_fhir" else {}
        self.integration = context_for(clinic, kind, home, **larger).integration
        self.clock = MovedClock(NOW)
        self.house = a_house(home, self.clock, self.integration)
        self.changes = {"late_after": "2h"} | changes

    def gathered(self, url="sqlite:///landed.db", **changes):
        wanted = wanted_for(self.kind, url, **self.changes | changes)

        async def run():
            async with connected(self.house, self.integration) as connector:
                return await gather(self.house, connector, self.integration, wanted, self.clock.now())

        return asyncio.run(run())

    def land(self, rows, table="appointments"):
        land(self.home / "landed.db", table, rows)


@pytest.fixture
def place(clinic, tmp_path):
    return Place(clinic, tmp_path)


def landed(days=7):
    """What was made for the days of a window, today's included."""
    return appointments(PRACTICE, NOW - timedelta(days=days + 2), NOW)


def differing(gathered):
    """The keys on which the tables of both sides differ."""
    differ = "SELECT key FROM (SELECT COLUMNS('^(key|h_)') FROM {0} EXCEPT ALL SELECT COLUMNS('^(key|h_)') FROM {1})"
    found = [
        gathered.db.execute(differ.format(*names)).fetchall() for names in (("theirs", "ours"), ("ours", "theirs"))
    ]
    return [{key for (key,) in rows} for rows in found]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, place):
    """Where the same rows were landed: in a file, or on a server."""
    if request.param == "sqlite":
        place.land(landed())
        yield "sqlite:///landed.db"
        return
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL server answers on 127.0.0.1:5432")
    schema = f"heal_sides_{uuid4().hex[:12]}"
    with connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        try:
            land_on_server(connection, schema, "appointments", landed())
            yield f"{SERVER}#{schema}.appointments"
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


def test_two_sides_that_hold_the_same_agree_row_by_row(place, url):
    ours = {"url": url.partition("#")[0], "table": url.partition("#")[2] or "appointments"}
    gathered = place.gathered(ours=ours)
    assert gathered.failed is None
    assert differing(gathered) == [set(), set()]
    assert gathered.theirs == gathered.ours == gathered.counted == gathered.compared > 1000
    assert [one.day for one in gathered.days] == list(gathered.compared_days)
    assert (len(gathered.days), gathered.days[-1].day) == (8, TODAY)
    assert all(one.theirs == one.ours and one.compared for one in gathered.days)
    assert (gathered.confidence, gathered.at_most, gathered.keyless) == (None, None, 0)
    columns = gathered.db.sql("SELECT * EXCLUDE (day, changed_at, is_gone) FROM theirs").fetchall()
    texts = {value for row in columns for value in row if isinstance(value, str)}
    assert all(re.fullmatch("[0-9a-f]{16}", text) for text in texts)


@pytest.mark.parametrize("sample", [None, 0.2])
def test_what_is_missing_extra_and_changed_on_one_day_is_all_that_differs(place, sample):
    rows = landed()
    friday = [row for row in rows if row["start"].startswith("2026-02-27 1")]
    rows.remove(friday[0])
    friday[1]["status"] = "noshow"
    rows.append(friday[2] | {"id": "appointment-nowhere"})
    rows.append(friday[3])
    place.land(rows)
    gathered = place.gathered(sample=sample)
    assert date(2026, 2, 27) in gathered.compared_days
    theirs, ours = differing(gathered)
    assert (len(theirs), len(ours)) == (2, 3)
    assert {one.day for one in gathered.days if one.compared and one.theirs != one.ours} == {date(2026, 2, 27)}
    assert gathered.confidence == (sample and 0.95)


def test_equal_sides_with_a_sample_cost_a_tenth_of_the_requests_of_a_full_read(place):
    place.land(landed(60))
    whole = place.gathered(look_back="60d")
    sampled = Place.gathered(Afresh(place), look_back="60d", sample=0.02)
    says = f"requests: {sampled.requests} of {whole.requests}; records: {sampled.records} of {whole.records}"
    print(says)  # noqa: T201 - the figure that is told, see `pytest -rP`
    assert differing(whole) == differing(sampled) == [set(), set()]
    assert sampled.requests <= 0.1 * whole.requests
    assert {TODAY, TODAY - timedelta(days=1)} < {*sampled.compared_days}
    assert len(sampled.compared_days) == 2 + 2
    assert sampled.theirs == whole.theirs == sampled.ours
    assert sampled.confidence == 0.95
    assert 0.5 < sampled.at_most < 1  # two days of sixty say little


class Afresh(Place):
    """The same place, with a home that remembers nothing."""

    def __init__(self, place):
        self.kind, self.home, self.integration, self.clock = place.kind, place.home, place.integration, place.clock
        self.changes = place.changes
        home = place.home / "afresh"
        home.mkdir()
        house = a_house(home, self.clock, self.integration)
        self.house = type(house)(place.house.configuration, home, self.clock)


def test_what_agreed_and_has_not_moved_is_not_read_again_and_what_moved_is(place):
    rows = landed()
    place.land(rows)
    first = place.gathered()
    second = place.gathered()
    assert len(second.standing) == 8
    assert second.compared_days == ()
    assert (second.theirs, second.ours) == (first.theirs, first.ours)
    assert second.requests == 2 < first.requests / 10  # how many there are, and what changed
    assert all(one.theirs == one.ours for one in second.days)
    rows[200]["status"] = "noshow"
    place.land(rows)
    third = place.gathered()
    (day,) = third.compared_days
    assert rows[200]["start"].startswith(day.isoformat())
    assert [len(keys) for keys in differing(third)] == [1, 1]
    again = place.gathered()
    assert again.compared_days == (day,)  # what differs is compared until it agrees
    other = place.gathered(location=None)
    assert len(other.compared_days) == 8  # what is compared is another thing


def test_what_moved_away_from_a_day_is_known_on_both_sides(place):
    rows = landed()
    moved = rows[-1]  # was made this hour, for tomorrow
    moved["start"] = "2026-03-03 16:00:00+00:00"
    place.land(rows)
    gathered = place.gathered()
    theirs, ours = differing(gathered)
    assert theirs == ours
    assert len(theirs) == 1
    (found,) = gathered.db.execute("SELECT day, changed_at FROM theirs WHERE key = ?", [*theirs]).fetchall()
    assert found[0] == TODAY + timedelta(days=1)


def test_a_system_that_asks_for_a_pause_is_left_alone_and_the_rest_is_unknown(clinic, place):
    place.land(landed())
    clinic.break_("epic", "rate_limit", per_minute=1, operation="Appointment.search")
    gathered = place.gathered()
    assert gathered.failed == "throttled"
    assert gathered.compared_days == ()
    assert gathered.requests <= 2
    assert gathered.theirs is None
    assert all(one.theirs is None and not one.compared for one in gathered.days)
    assert gathered.ours > 1000
    assert place.house.ledger.kept(Pause, place.integration.id) is not None
    clinic.mend()
    spared = place.gathered()
    assert (spared.failed, spared.requests) == ("spared", 0)
    place.clock.move(timedelta(seconds=61))
    assert place.gathered().failed is None


def test_a_vendor_that_cannot_count_is_read_day_by_day(clinic, tmp_path):
    place = Place(clinic, tmp_path, "allscripts_unity", look_back="3d", sample=0.1)
    rows = [
        {
            "id": one.id,
            "start": row["start"],
            "status": "Scheduled",
            "patient": str(one.patient),
            "updated": row["updated"],
        }
        for one in PRACTICE.arrivals("GetSchedule", NOW - timedelta(days=4), NOW)
        for row in (
            {
                "start": f"{(one.at.replace(minute=0, second=0, microsecond=0) + timedelta(days=1)).isoformat()}",
                "updated": one.at.isoformat(timespec="milliseconds"),
            },
        )
    ]
    place.land(rows, "schedule")
    gathered = place.gathered()
    assert gathered.failed is None
    assert differing(gathered) == [set(), set()]
    assert len(gathered.compared_days) == 4
    assert (gathered.counted, gathered.requests) == (None, 1 + 4)


def test_delivered_files_are_read_as_a_side(clinic, tmp_path):
    place = Place(clinic, tmp_path, "flat_file", look_back="5d")
    rows = [
        {
            "claim_id": f"C{one.id}",
            "service_date": f"{one.at:%m/%d/%Y}",
            "amount": f"{40 + one.patient % 90}",
            "patient_id": f"TEST{one.patient:06d}",
        }
        for one in PRACTICE.arrivals(
            "Appointment.search", NOW - timedelta(days=8), midnight(TODAY, "America/New_York"), 9 * 288
        )
    ]
    place.land(rows, "claims")
    gathered = place.gathered()
    assert gathered.failed is None
    assert differing(gathered) == [set(), set()]
    assert gathered.theirs == gathered.ours > 500


def test_a_kind_that_hands_out_no_records_is_told_so(place):
    place.land(landed())

    async def run():
        await gather(place.house, object(), place.integration, wanted_for("epic_fhir"), NOW)

    with pytest.raises(BadInput, match="hands out no records"):
        asyncio.run(run())
