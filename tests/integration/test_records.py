"""Records page by page, from a server that turns its pages badly: what is taken, and where it ends."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from models.integration import Integration
from models.reading import Outcome
from models.reconciliation import Reconciliation
from models.tuning import Tuning
from tasks.connectors import _fhir_records, epic_fhir
from tasks.connectors._interface import Context
from tests.callers import wanted_for
from tests.clocks import MovedClock
from tests.sockets import answer, head_of, serving

NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)
SPAN = (NOW - timedelta(days=1), NOW)


def visit(name: str, version: int = 1) -> dict[str, object]:
    return {"resourceType": "Appointment", "id": name, "meta": {"versionId": str(version)}}


class Pages:
    """A server with these pages; `asked` are the searches that it met."""

    def __init__(self, *pages: list[dict[str, object]] | bytes, total: int | None = None) -> None:
        self.pages, self.total, self.asked = pages, total, []

    async def behave(self, reader, writer) -> None:
        while head := await head_of(reader):
            path = head.split(b" ", 2)[1].decode()
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            if path.endswith("/token"):
                writer.write(answer(b'{"access_token": "t", "token_type": "bearer", "expires_in": 300}'))
                continue
            self.asked.append(path)
            writer.write(self.page(int(path.partition("page=")[2] or 0)))

    def page(self, nth: int) -> bytes:
        found = self.pages[nth]
        if isinstance(found, bytes):
            return found
        link = [{"relation": "next", "url": f"{self.base}/Appointment?page={nth + 1}"}]
        bundle = {
            "resourceType": "Bundle",
            "total": self.total,
            "link": link if nth + 1 < len(self.pages) else [],
            "entry": [{"resource": one} for one in found],
        }
        return answer(json.dumps(bundle).encode(), "Content-Type: application/fhir+json")

    async def read(
        self,
        home: Path,
        clock: MovedClock,
        times: int = 1,
        tuning: Tuning | None = None,
        wanted: Reconciliation | None = None,
    ):
        """The last of so many readings of the span, what was taken in it, and a count afterwards."""
        asked = wanted or wanted_for("epic_fhir")
        async with serving(self.behave) as port:
            self.base = f"http://127.0.0.1:{port}"
            key = generate_private_key(SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (home / "key.pem").write_bytes(key)
            settings = {
                "base_url": self.base,
                "token_url": f"{self.base}/token",
                "client_id": "c",
                "key_id": "k",
                "private_key": f"file:{home / 'key.pem'}",
                "algorithm": "ES384",
            }
            reads = [{"operation": "Appointment.search", "component": "Appointments"}]
            integration = Integration(id="pages", name="Pages", kind="epic_fhir", settings=settings, reads=reads)
            epic = epic_fhir.open_connector(Context(integration, clock, home, tuning or Tuning()))
            try:
                for _ in range(times):
                    rows = []
                    reading = await epic.records(asked, *SPAN, rows.extend)
                taken = [(row["id"], row["meta"]["versionId"]) for row in rows]
                return reading, taken, await epic.count_records(asked, *SPAN)
            finally:
                await epic.aclose()


@pytest.fixture
def clock():
    return MovedClock(NOW)


def run(pages, tmp_path, clock, **more):
    return asyncio.run(pages.read(tmp_path, clock, **more))


def test_what_two_pages_both_bring_is_taken_once_and_another_version_of_it_too(tmp_path, clock):
    pages = Pages([visit("a"), visit("b")], [visit("b"), visit("a", 2), visit("c")], total=4)
    reading, taken, counted = run(pages, tmp_path, clock)
    assert (reading.outcome, reading.code) == (Outcome.OK, None)
    assert taken == [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1")]
    assert counted == 4
    assert pages.asked[0] == ("/Appointment?_count=50&date=ge2026-03-02T15:00:00.000Z&date=lt2026-03-03T15:00:00.000Z")
    assert pages.asked[-1] == pages.asked[0] + "&_summary=count"


def test_a_search_without_an_end_is_partial_and_what_came_is_taken(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(_fhir_records, "MOST_PAGES", 2)
    reading, taken, _ = run(Pages([visit("a")], [visit("b")], [visit("c")]), tmp_path, clock)
    assert (reading.outcome, reading.code) == (Outcome.PARTIAL, "page_limit")
    assert [name for name, _ in taken] == ["a", "b"]


def test_a_last_page_that_is_not_the_last_is_partial(tmp_path, clock):
    full = [visit(f"a{n}") for n in range(50)]
    reading, taken, _ = run(Pages(full, total=51), tmp_path, clock)
    assert (reading.outcome, reading.code, len(taken)) == (Outcome.PARTIAL, "page_truncated", 50)


def test_whoever_is_asked_to_wait_stops_and_asks_nothing_before_the_end(tmp_path, clock):
    wait = answer(b"{}", "Retry-After: 30", status="429 Too Many Requests")
    pages = Pages([visit("a")], wait, total=9)
    reading, taken, counted = run(pages, tmp_path, clock, times=3)
    assert (reading.outcome, reading.retry_after_s) == (Outcome.THROTTLED, 30)
    assert taken == []  # of the third: it was not asked
    assert counted is None
    assert len(pages.asked) == 2
    pages = Pages([visit("a")], wait)
    reading, taken, _ = run(pages, tmp_path, clock)
    assert [name for name, _ in taken] == ["a"]


def test_small_pages_are_asked_for_where_the_tuning_says_so(tmp_path, clock):
    pages = Pages([visit("a")])
    run(pages, tmp_path, clock, tuning=Tuning(page_size=0.2))
    assert "_count=10&" in pages.asked[0]


def test_a_day_that_no_search_knows_is_told_and_not_asked(tmp_path, clock):
    known = wanted_for("epic_fhir")
    columns = [one.model_dump(exclude_none=True) for one in known.columns]
    columns[1]["theirs"] = "requestedPeriod[].start"
    pages = Pages([visit("a")])
    reading, taken, counted = run(pages, tmp_path, clock, wanted=wanted_for("epic_fhir", columns=columns))
    assert (reading.outcome, reading.code) == (Outcome.CLIENT_ERROR, "day_not_searchable")
    assert (taken, counted, pages.asked) == ([], None, [])


@pytest.mark.parametrize(
    ("kind", "path", "parameter"),
    [
        ("Appointment", "$.start", "date"),
        ("Encounter", "period.start", "date"),
        ("Patient", "meta.lastUpdated", "_lastUpdated"),
        ("Patient", "start", None),
    ],
)
def test_a_day_is_searched_by_the_parameter_that_fhir_has_for_it(kind, path, parameter):
    assert _fhir_records.parameter_of(kind, path) == parameter


def test_days_without_hours_are_asked_for_as_days_of_the_practice(tmp_path, clock):
    columns = [one.model_dump(exclude_none=True) for one in wanted_for("epic_fhir").columns]
    columns[1]["kind"] = "date"
    pages = Pages([visit("a")])
    run(pages, tmp_path, clock, wanted=wanted_for("epic_fhir", columns=columns))
    assert pages.asked[0].endswith("&date=ge2026-03-02&date=lt2026-03-04")
