"""What flows, from lines that others wrote to alerts: an application's writes, a job's cursor, a bridge's beats."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from models.bridge import Bridge
from models.feed import Feed
from models.reading import Direction
from simulator.control import start_clinic
from tasks.house import House
from tasks.intake.take import take_in
from tests.builders import EPIC, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_flow import flowing, found, subjects, workflows

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SECRET = "ORDER-4711-of-Testpatient"
FEEDS = (
    Feed(name="orders", resource="Order", direction=Direction.OUT, operations=("Order.create",)),
    Feed(name="visits", resource="Appointment", operations=("Appointment.search",), every=HOUR),
)


def house_of(home: Path, **changes) -> tuple[House, MovedClock]:
    clock = MovedClock(NOW)
    return a_house(home, clock, an_integration(**{"feeds": FEEDS} | changes)), clock


def dropped(house: House, folder: Path, records: Iterable[dict]) -> None:
    """The records as lines of a file, taken in by name; every one of them is used."""
    lines = [json.dumps({"integration": EPIC, **record}) for record in records]
    file = folder / f"{len(list(folder.glob('*.jsonl')))}.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    taken = take_in(house, [file])
    assert (taken.lines, taken.turned_down) == (len(lines), 0)


def wrote(kind: str, minutes_ago: float, nth: int) -> dict:
    at = (NOW - minutes_ago * MINUTE).isoformat()
    return {"type": kind, "at": at, "operation": "Order.create", "resource": "Order", "key": f"{SECRET}-{nth}"}


def test_an_applications_own_records_tell_what_was_accepted_and_did_not_land(tmp_path):
    house, _ = house_of(tmp_path / "state")
    accepted = [wrote("accepted", 55 - nth, nth) for nth in range(40)]
    landed = [wrote("landed", 54 - nth, nth) for nth in range(3, 40)]
    dropped(house, tmp_path, [*accepted, *landed])
    (lost,) = found(house, "landing")
    assert lost.says == "Order.create accepted, not landed: 3 of 40 writes in the last hour (limit 15 minutes)"
    assert SECRET not in lost.model_dump_json()
    dropped(house, tmp_path, [wrote("landed", 1, nth) for nth in range(3)])
    assert found(house, "landing") == []


def test_a_job_that_tells_its_cursor_is_known_to_be_stuck(tmp_path):
    house, _ = house_of(tmp_path / "state")
    position = (NOW - 4 * HOUR).isoformat()
    told = [
        {
            "type": "cursor",
            "feed": "visits",
            "at": (NOW - n * MINUTE).isoformat(),
            "position": position,
            "queue_depth": 7,
        }
        for n in range(0, 121, 10)
    ]
    dropped(house, tmp_path, told)
    visits = workflows(house)[1]
    assert (visits.cursor.at, visits.depth) == (NOW - 4 * HOUR, 7)
    assert subjects(house, "stuck_cursor") == ["visits"]


def test_a_bridge_that_stops_for_three_beats_is_silent(tmp_path):
    with start_clinic(tmp_path / "clinic", start=NOW, speed=3000.0, systems=("bridge",)) as clinic:
        told = clinic.systems["bridge"]
        inbox = Path(told["inbox"])
        while len(list(inbox.glob("*.jsonl"))) < 4:
            time.sleep(0.02)
        clinic.break_("bridge", "stopped")
        desk = {"id": told["integration"], "bridges": (Bridge(name=told["bridge"]),)}
        house, clock = house_of(tmp_path / "state", **desk)
        clock.at = clinic.clock.now()
        taken = take_in(house, [inbox])
    assert (taken.turned_down, taken.lines >= 4) == (0, True)
    clock.at = last_beat(house) + 15 * MINUTE
    assert found(house, "bridges") == []
    clock.move(MINUTE)
    (silent,) = found(house, "bridges")
    assert silent.says.startswith(f"bridge silent: {told['bridge']} was last heard ")


def last_beat(house: House) -> datetime:
    with flowing(house) as flow:
        (heard,) = flow.beats().values()
    return heard.last_at
