"""What makes no noise, end to end: every call is answered 200, records are missing, and it is found, told and ended.

The clinic and the house go by one clock that the test moves; the landed side is a real SQLite file.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.commands import reconcile as command
from models.discrepancy import DiscrepancyKind, Reconciled, State
from models.errors import BadInput
from models.gap import Gap
from models.incident import UNUSUAL, Incident
from models.incident import State as Stage
from models.reconciliation import Reconciliation
from models.sighting import Sighting
from simulator.people import Practice
from tasks import reconcile as reconciling
from tasks.coverage import coverage
from tasks.detect import detect, keep_incident, worth_attending
from tasks.diagnose import diagnose, is_due
from tasks.house import House
from tasks.keys_file import keys_path, read_keys
from tasks.probe import probe_all
from tasks.pseudonym import pseudonyms
from tasks.reconcile import Pair, declared, due, latest, reconcile
from tasks.remember import ask, remember
from tasks.report import write_report
from tasks.story import tell
from tests.callers import context_for, wanted_for
from tests.clocks import MovedClock, a_house, clinic_by_hand
from tests.landed import Row, appointments, land

CYCLE = timedelta(minutes=5)
TEN = datetime(2026, 3, 5, 15, tzinfo=UTC)  # a Thursday, 10:00 in New York
DAYS = timedelta(days=3)
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class Scene:
    """A clinic, a house that compares, and what landed."""

    def __init__(self, house: House, clock: MovedClock) -> None:
        self.house, self.clock = house, clock

    @property
    def pair(self) -> Pair:
        """What is compared."""
        return declared(self.house)[0]

    @property
    def rows(self) -> list[Row]:
        """What an application that works would have landed by now."""
        return appointments(Practice(1, "America/New_York"), self.clock.at - 5 * DAYS, self.clock.at)

    def land(self, spoil: Callable[[list[Row]], list[Row]] = list) -> list[Row]:
        """Let it land, spoilt or not."""
        rows = spoil(self.rows)
        land(self.house.home / "landed.db", "appointments", rows)
        return rows

    async def compare(self) -> Reconciled:
        """One run, a moment later."""
        self.clock.move(timedelta(seconds=1))
        return await reconcile(self.house, self.pair)

    async def cycle(self) -> Incident | None:
        """One round of the monitor."""
        self.clock.move(CYCLE)
        remember(await probe_all(self.house), self.house.home)
        found = worth_attending(self.house, detect(self.house))
        kept = [one for case, anomalies in found if (one := keep_incident(self.house, case, anomalies))]
        return kept[0] if kept else None

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """Those of data."""
        return tuple(one for one in self.house.ledger.all_kept(Sighting) if one.series.metric == "differences")

    def pseudonym(self, key: str) -> str:
        """The opaque key of a record of this home."""
        return pseudonyms(self.house.home)(key)


@asynccontextmanager
async def a_scene(home: Path, **changes: Any) -> AsyncIterator[Scene]:
    clock = MovedClock(TEN)
    async with clinic_by_hand(home / "clinic", clock, "epic") as clinic:
        larger = {"searches": {"Appointment.search": "Appointment?_count=100"}}
        one = context_for(clinic, "epic_fhir", home, **larger).integration
        wanted = Reconciliation.model_validate(
            wanted_for("epic_fhir").model_dump() | {"look_back": DAYS, "late_after": CYCLE} | changes
        )
        reads = tuple(read for read in one.reads if read.operation == "Appointment.search")
        watched = one.model_copy(update={"reconcile": (wanted,), "reads": reads, "probe_every": CYCLE})
        yield Scene(a_house(home, clock, watched), clock)


def without(*ids: str) -> Callable[[list[Row]], list[Row]]:
    """All but these."""
    return lambda rows: [row for row in rows if row["id"] not in ids]


async def test_records_that_never_landed_open_an_incident_that_ends_when_both_sides_agree(tmp_path, caplog):
    """Found at the next run, by opaque key; a gap keeps it open until counts agree; every call was answered."""
    caplog.set_level(logging.INFO)
    async with a_scene(tmp_path) as scene:
        ids = [row["id"] for row in scene.rows if row["start"].startswith("2026-03-04")][3:8]
        scene.land(without(*ids))
        found = await scene.compare()

        assert (found.state, found.differing, found.total(DiscrepancyKind.MISSING)) == (State.DIFFERS, 5, 5)
        keys = {one.key for one in read_keys(tmp_path, found.integration_id, found.name)}
        assert keys == {scene.pseudonym(one) for one in ids} == set(found.discrepancies[0].keys)
        assert (keys_path(tmp_path, found.integration_id, found.name).stat().st_mode & 0o777) == 0o600
        assert (scene.sightings[0].is_confirmed, len(scene.house.ledger.all_kept(Gap))) == (True, 1)

        incident = await scene.cycle()
        assert incident is not None
        assert (incident.symptom, incident.state) == (UNUSUAL, Stage.OPEN)
        assert is_due(incident, scene.clock.now())
        incident = await diagnose(scene.house, incident.id)
        assert incident.diagnosis is not None
        assert incident.diagnosis.cause == "records_missing"
        assert "read_again" in incident.diagnosis.remedies
        await scene.cycle()
        assert scene.house.ledger.all_kept(Gap)[0].incident_id == incident.id

        report = write_report(tell(scene.house, found.integration_id), tmp_path / "reports")
        told = json.loads(report.json.read_text())
        assert told["x-reconciliation"][0]["differences"][0]["count"] == 5
        assert "records by day" in report.html.read_text()

        assert due(scene.house) == ()
        scene.clock.move(timedelta(days=1))
        assert [one.wanted.name for one in due(scene.house)] == ["appointments"]
        scene.land()
        well = await scene.compare()
        assert well.agrees
        assert not scene.sightings[0].stands
        assert all(gap.closed_at for gap in scene.house.ledger.all_kept(Gap))

        for _ in range(12):
            await scene.cycle()
        over = scene.house.ledger.incident(incident.id)
        assert over.state is Stage.RESOLVED
        figures = ask(tmp_path, "select value from gauges where metric = 'differences' order by observed_at")
        assert [row["value"] for row in figures] == [5.0, 0.0]

    said = caplog.text + report.json.read_text() + report.markdown.read_text() + report.html.read_text()
    assert not [one for one in ids if one in said]
    assert not re.search(r"testpatient|appointment-[0-9]", said, re.IGNORECASE)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        pytest.param(lambda rows: [*rows, *rows[-400:-398]], DiscrepancyKind.DUPLICATE, id="twice"),
        pytest.param(lambda rows: [*rows, rows[-400] | {"id": "nowhere"}], DiscrepancyKind.EXTRA, id="only here"),
        pytest.param(
            lambda rows: [row | {"start": shifted(row["start"])} for row in rows], DiscrepancyKind.SHIFTED, id="an hour"
        ),
        pytest.param(lambda rows: [row | {"location": None} for row in rows], DiscrepancyKind.NULLS, id="emptied"),
    ],
)
async def test_each_silent_fault_has_its_name(tmp_path, spoil, kind):
    """As the landed side shows it."""
    async with a_scene(tmp_path) as scene:
        scene.land(spoil)
        found = await scene.compare()

    assert {one.kind for one in found.discrepancies} == {kind}, [one.says for one in found.discrepancies]


def shifted(text: str) -> str:
    """An hour later."""
    return (datetime.fromisoformat(text) + timedelta(hours=1)).isoformat(" ")


async def test_a_side_that_cannot_be_read_takes_nothing_back(tmp_path):
    """What stood stands; nothing new is claimed, and it is tried again by its own pace."""
    async with a_scene(tmp_path) as scene:
        scene.land(lambda rows: rows[:-400] + rows[-380:])
        assert (await scene.compare()).state is State.DIFFERS
        one, wanted = scene.pair
        lost = one.settings | {"base_url": "http://127.0.0.1:1/api/FHIR/R4"}
        unreached = await reconcile(scene.house, Pair(one.model_copy(update={"settings": lost}), wanted))

    assert (unreached.state, unreached.theirs, unreached.discrepancies) == (State.UNKNOWN, None, ())
    assert unreached.failed
    assert scene.sightings[0].stands
    kept = latest(scene.house, unreached.integration_id, unreached.name)
    assert kept is not None
    assert (kept.state, kept.differing, kept.tried_at, kept.failed) == (
        State.DIFFERS,
        20,
        unreached.as_of,
        unreached.failed,
    )


async def test_what_could_not_be_read_is_tried_again_within_the_hour_and_not_at_once(tmp_path):
    """Whatever its own pace: a day without a comparison is a day of wrong data."""
    async with a_scene(tmp_path) as scene:
        scene.land()
        scene.clock.move(timedelta(days=1))
        known = await scene.compare()
        scene.clock.move(timedelta(days=1))
        with scene.house.ledger.change("test", scene.clock.now()) as change:
            change.keep(known.tried(known.model_copy(update={"as_of": scene.clock.now(), "failed": "timeout"})))
        assert due(scene.house) == ()
        scene.clock.move(timedelta(minutes=31))
        assert len(due(scene.house)) == 1


async def test_a_sample_never_passes_over_a_day_on_which_something_differed(tmp_path):
    """Counts agree where only a value differs: a day that is not drawn again would end what still stands there."""
    async with a_scene(tmp_path, look_back=timedelta(days=9)) as scene:
        days = ("2026-02-26", "2026-02-27", "2026-03-02")
        wrong = [next(row["id"] for row in scene.rows if row["start"].startswith(day)) for day in days]
        scene.land(lambda rows: [row | ({"status": "noshow"} if row["id"] in wrong else {}) for row in rows])
        assert (await scene.compare()).differing == 3
        one, wanted = scene.pair
        sampled = await reconcile(scene.house, Pair(one, wanted.model_copy(update={"sample": 0.0})))

    assert (sampled.state, sampled.differing) == (State.DIFFERS, 3)
    assert scene.sightings[0].stands


async def test_both_sides_alike_are_no_news(tmp_path, capsys, monkeypatch):
    """And the command says so; it asks nobody for what the last run found."""
    async with a_scene(tmp_path) as scene:
        scene.land()
        found = await scene.compare()
        covered = await asyncio.to_thread(coverage, scene.house)
        monkeypatch.setattr(command, "house_of", lambda *_, **__: scene.house)
        code = command.command(scene.pair.integration.id, last=True, days=True)
        shown = capsys.readouterr().out
        with pytest.raises(BadInput, match="declares no entry claims under `reconcile`"):
            command.command(scene.pair.integration.id, name="claims")

    assert found.agrees
    assert (code, scene.sightings) == (0, ())
    assert "no difference" in shown
    assert "2026-03-04" in shown
    assert covered is not None
    assert latest(scene.house, found.integration_id, "appointments") == found


async def test_after_something_was_done_it_is_compared_again_within_minutes(tmp_path, monkeypatch):
    """An attempt is judged by a comparison that is newer than its effect."""
    async with a_scene(tmp_path) as scene:
        scene.land(lambda rows: rows[:-400] + rows[-380:])
        await scene.compare()
        assert due(scene.house) == ()
        monkeypatch.setattr(reconciling, "was_acted_on", lambda *_: True)
        assert due(scene.house) == (), "not at once"
        scene.clock.move(timedelta(minutes=5))
        assert len(due(scene.house)) == 1
