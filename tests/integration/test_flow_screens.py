"""`heal flow`, `heal workflows` and `heal status`, typed in a shell over a history of the last weeks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from models.delivery import Delivery, DeliveryStep
from models.gauge import QUEUE_AGE, QUEUE_DEPTH, Gauge
from models.reading import Direction, Outcome, Reading, Source
from tasks.remember import remember, remember_deliveries, remember_gauges
from tests.integration.test_screen import heal

MINUTE, HOUR, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(weeks=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """One integration that is well, and one with every kind of trouble with its data."""
    folder = tmp_path_factory.mktemp("flow")
    key = folder / "key.pem"
    key.write_text("a key")
    key.chmod(0o600)

    def entry(name: str) -> dict:
        settings = {"base_url": "https://fhir.example.org/R4", "client_id": "a", "key_id": "b"}
        return {
            "id": name,
            "name": name,
            "kind": "epic_fhir",
            "settings": settings | {"private_key": f"file:{key}"},
            "reads": [{"operation": "Appointment.search", "component": "Appointment API"}],
            "feeds": [
                {"name": "visits", "resource": "Appointment", "operations": ["Appointment.search"], "every": "1h"},
                {"name": "orders", "resource": "Order", "direction": "out", "operations": ["Order.create"]},
            ],
        }

    pages = {"integrations": [entry("desk-1"), entry("desk-2")]}
    (folder / "integrations.yaml").write_text(yaml.safe_dump(pages))
    (folder / "policy.yaml").write_text('version: "1"\nowner: Integration Team\n')
    fill(folder / "state", datetime.now(UTC))
    return folder


def fill(home: Path, now: datetime) -> None:
    def read(name: str, at: datetime, newest: datetime, **changes) -> Reading:
        told = {"operation": "Appointment.search", "component": "Appointment API", "outcome": Outcome.OK}
        return Reading(integration_id=name, observed_at=at, newest_at=newest, records=20, **told | changes)

    def write(name: str, at: datetime, **changes) -> Reading:
        told = {"operation": "Order.create", "component": "Orders", "outcome": Outcome.OK, "resource": "Order"}
        told |= {"direction": Direction.OUT, "source": Source.TRAFFIC, "sent_bytes": 60_000_000, "records": 10}
        return Reading(integration_id=name, observed_at=at, **told | changes)

    weeks = range(5)
    remember([read("desk-1", now - n * MINUTE, now - n * MINUTE) for n in range(1, 200, 5)], home)
    remember([read("desk-2", now - n * MINUTE, now - 151 * MINUTE) for n in range(1, 150, 5)], home)
    remember([write("desk-1", now - w * WEEK - n * MINUTE) for w in weeks for n in range(1, 41)], home)
    remember([write("desk-2", now - w * WEEK - n * MINUTE) for w in weeks for n in range(1, 41) if w or n > 30], home)
    step = {"integration_id": "desk-2", "operation": "Order.create", "step": DeliveryStep.ACCEPTED}
    remember_deliveries([Delivery(observed_at=now - 30 * MINUTE, key="0" * 16, **step)], home)
    waits = {QUEUE_DEPTH: 12.0, QUEUE_AGE: 180.0}
    remember_gauges(
        [
            Gauge(integration_id="desk-2", observed_at=now, metric=m, value=v, subject="orders")
            for m, v in waits.items()
        ],
        home,
    )


def typed(place: Path, *words: str) -> tuple[int, dict[str, str]]:
    """The exit code, and the lines by integration and feed with single blanks."""
    done = heal(*words, "--config", place, "--home", place / "state")
    assert done.stderr == ""
    lines: dict[str, str] = {}
    for line in done.stdout.splitlines():
        words = line.split()
        lines[" ".join(words[:2])] = f"{lines.get(' '.join(words[:2]), '')} {' '.join(words)}".strip()
    return done.returncode, lines


def test_flow_tells_volume_freshness_landing_and_cursor_of_every_feed(place):
    code, lines = typed(place, "flow")
    assert code == 1
    assert "2.4GB ±0 % write=green last good write" in lines["desk-1 orders"]
    assert "read=green" in lines["desk-1 visits"]
    assert "600.0MB −75 % write=red last good write" in lines["desk-2 orders"]
    assert "accepted, not landed: 1 of 1 write in the last hour (limit 15 minutes)" in lines["desk-2 orders"]
    assert "read=red newest record" in lines["desk-2 visits"]


def test_flow_of_one_that_is_well_is_well(place):
    code, lines = typed(place, "flow", "desk-1")
    assert (code, "desk-2 orders" in lines) == (0, False)


def test_workflows_tell_cursor_backlog_and_what_is_stuck_or_late(place):
    code, lines = typed(place, "workflows")
    assert code == 1
    assert lines["desk-1 visits"].endswith("60 minutes – flowing")
    assert re.search(r" late desk-2 visits is late: newest record 2 hours 3\d minutes ago", lines["desk-2 visits"])
    assert re.search(r" 12 wait, oldest 3 minutes late ", lines["desk-2 orders"])
    assert re.search(r"last good write 3\d minutes ago \(limit 25 minutes\)", lines["desk-2 orders"])


def test_status_tells_the_volume_and_what_changed_most(place):
    _, lines = typed(place, "status")
    assert "600.0MB, Order −75 %" in next(line for line in lines.values() if line.startswith("desk-2"))
    assert " 2.4GB " in next(line for line in lines.values() if line.startswith("desk-1"))


@pytest.mark.parametrize("command", ["flow", "workflows"])
def test_an_integration_that_there_is_not_is_told_with_those_there_are(place, command):
    done = heal(command, "desk-3", "--config", place, "--home", place / "state")
    assert (done.returncode, done.stdout) == (2, "")
    assert "desk-1, desk-2" in done.stderr
