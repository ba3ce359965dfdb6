"""The landing program as a system of the pretend clinic: it keeps up with the practice, and is broken by name."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

from simulator.control import start_clinic
from simulator.landing import records
from simulator.people import Practice

BEGINS = datetime(2026, 3, 9, 14, tzinfo=UTC)  # a Monday morning in New York


def landed(url):
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
        return {key for (key,) in db.execute("SELECT id FROM appointments")}


def until(condition):
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.1)


def of_practice(until):
    return {
        row["id"] for row in records(Practice(4, "America/New_York"), "Appointment", BEGINS - timedelta(days=6), until)
    }


def test_the_practices_records_land_until_it_is_broken_by_name(tmp_path):
    with start_clinic(tmp_path, speed=3600, start=BEGINS, seed=4, systems=("landing",)) as clinic:
        place = clinic.systems["landing"]
        assert place["Appointment"] == "appointments"
        before = of_practice(BEGINS)
        assert len(before) > 100
        until(lambda: before <= landed(place["url"]))
        clinic.break_("landing", "rows_dropped", share=1.0)
        until(lambda: clinic.journal()["landing"]["touched"] > 10)
        clinic.mend("landing")
        mended = clinic.clock.now()
        until(lambda: clinic.clock.now() > mended + timedelta(hours=3))
        lost = of_practice(mended) - landed(place["url"])
        assert 0 < len(lost) <= clinic.journal()["landing"]["touched"]
