"""`heal kb search`: what people type finds what is known, over the real signatures, pages and ledger."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from flows.commands import kb
from flows.screens.knowledge import show_found, show_json
from models.errors import BadInput
from models.knowledge import Entry, EntryKind, page_entries
from models.recurrence import open_problem, spells_of
from models.signatures import known_signatures
from tasks.house import House
from tasks.knowledge import ask, entries
from tests.builders import NOW, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_recall import lived

DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path) -> House:
    return a_house(tmp_path, MovedClock(NOW), an_integration())


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("429 epic", "rate_limited"),
        ("too many requests", "rate_limited"),
        ("throttled by vendor", "rate_limited"),
        ("401", "token_expired"),
        ("token expired unity", "token_expired"),
        ("invalid_client", "credentials_rejected"),
        ("403 forbidden", "scope_missing"),
        ("503", "server_errors"),
        ("502 bad gateway", "server_errors"),
        ("NXDOMAIN", "name_not_resolved"),
        ("name does not resolve", "name_not_resolved"),
        ("certificate expired", "certificate_expired"),
        ("x509 unknown authority", "certificate_untrusted"),
        ("ssl handshake", "tls_refused"),
        ("clock skew ntp", "clock_skew"),
        ("ECONNREFUSED", "connection_refused"),
        ("packet loss isp", "path_unstable"),
        ("firewall drops packets", "black_hole"),
        ("keep-alive idle pool", "connection_pool_stale"),
        ("slow responses", "vendor_slow"),
        ("html login page instead of json", "wrong_content"),
        ("OperationOutcome error in 200", "errors_inside_answers"),
        ("404", "request_refused"),
    ],
)
def test_what_people_type_finds_the_cause_first(house, typed, first):
    assert ask(house, typed)[0].entry.id == first


@pytest.mark.parametrize(
    ("typed", "heading"),
    [("heartbeat", "heartbeat"), ("settings webhook", "settings of webhook"), ("the inbox", "The inbox")],
)
def test_what_no_cause_is_about_finds_a_page(house, typed, heading):
    found = ask(house, typed)[0].entry
    assert (found.kind, found.title) == (EntryKind.PAGE, heading)


def test_a_cause_tells_what_heals_it_and_how_often_that_worked(house, capsys):
    lived(house, NOW - 9 * DAY, "a" * 16)
    lived(house, NOW - 2 * DAY, "b" * 16)
    show_found(ask(house, "429 epic"))
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("CAUSE rate_limited: Rate limited")
    assert said[1] == "  Whose: vendor; met in 2 incidents"
    assert said[2] == "  Heals: Temporarily reduce polling frequency (helped 2 of 2 times)"
    assert "(not tried yet)" in said[3]


def test_past_incidents_and_problems_are_found_with_where_there_is_more(house):
    incident = lived(house, NOW - DAY, "a" * 16)
    problem = open_problem(incident, spells_of(incident), 1, NOW)
    with house.ledger.change("test", NOW) as change:
        change.keep(problem)
    found = {one.entry.id: one.entry for one in ask(house, "epic rate limiting")}
    assert found[incident.id].see == f"heal explain {incident.id}"
    assert found[incident.id].recommends == ("restored after 18 minutes",)
    assert found["PRB-1"].see == "heal problems PRB-1"


def test_every_known_cause_is_an_entry(house):
    known = {one.id for one in entries(house) if one.kind is EntryKind.CAUSE}
    assert known == {signature.cause for signature in known_signatures()}


def test_a_page_becomes_one_entry_a_heading():
    page = "before\n# One\nfirst words\n## `Two`\nsecond\n"
    assert [(one.title, one.text) for one in page_entries("docs/x.md", page)] == [
        ("One", "first words"),
        ("Two", "second"),
    ]


def test_a_program_gets_the_same_without_what_was_searched(house, capsys):
    found = ask(house, "429 epic")
    show_json(found)
    told = json.loads(capsys.readouterr().out)
    assert [one["entry"]["id"] for one in told] == [one.entry.id for one in found]
    assert "text" not in told[0]["entry"]
    assert set(told[0]["entry"]) == set(Entry.model_fields) - {"text"}


@pytest.mark.parametrize("what", [["find", "429"], ["search"], ["search", " "]], ids=str)
def test_what_cannot_be_meant_is_refused(tmp_path, what):
    with pytest.raises(BadInput, match="heal kb search TEXT"):
        kb.command(what, home=tmp_path)


def test_that_nothing_answers_is_said(house, capsys):
    show_found(ask(house, "zebra quantum"))
    assert capsys.readouterr().out == "Nothing that is known answers that.\n"
