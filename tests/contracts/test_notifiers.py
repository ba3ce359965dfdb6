"""Every file in tasks/notifiers, found by itself: it tells every kind of notice, fits, fails as it must, leaks nothing.

A new channel needs a receiver in tests/sinks.py; without one it fails here by its name.
"""

from __future__ import annotations

import contextlib
import io
import logging
import traceback
from enum import StrEnum
from typing import Any

import pytest

from models.alert import AlertState
from models.anomaly import Severity
from models.catalogue import load, names
from models.errors import HealError, Misconfigured, Permanent, Transient
from models.escalation import Reason
from models.queue import Notice, NoticeKind
from tests.builders import NOW, an_alert, an_escalation
from tests.sinks import KEY, SECRET, Reached, reached

ROUTES = names("tasks.notifiers")
pytestmark = pytest.mark.anyio

# What cannot tell a refusal from a moment's trouble, or is never refused.
NEVER: dict[str, type[HealError] | None] = {"apprise": Transient, "json_lines": Misconfigured, "console": None}
LATER: dict[str, type[HealError] | None] = {"json_lines": Misconfigured, "console": None}


class Kind(StrEnum):
    """The kinds by their values: the value is all that a channel may look at."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def a_notice(kind: Kind = Kind.TRIGGER, **changes: Any) -> Notice:
    told = {
        "id": "INC-2025-03-26-001/1/any",
        "incident_id": "INC-2025-03-26-001",
        "seq": 1,
        "kind": NoticeKind.TRIGGER,
        "route": "any",
        "escalation": an_escalation(evidence=("the name resolved in 1 ms",), tried=("Renew - FAILED: no change",)),
        "queued_at": NOW,
        "not_before": NOW,
        "attempts": 1,
    }
    known = kind.value if kind.value in list(NoticeKind) else None
    return Notice(**{**told, **changes}).model_copy(update={"kind": NoticeKind(known) if known else kind})


def about_an_alert(kind: Kind, **changes: Any) -> Notice:
    state = AlertState.CLEARED if kind is Kind.RESOLVE else AlertState.RAISED
    alert = an_alert(state=state, cleared_at=NOW if state is AlertState.CLEARED else None)
    told = {"id": f"{alert.id}/1/any", "incident_id": alert.id, "escalation": None, "alert": alert}
    return a_notice(kind, **{**told, "says": alert.finding.says, **changes})


ID, NAME = "INC-2025-03-26-001", "Epic FHIR API"
STORIES = [
    pytest.param(a_notice(), (ID, NAME, "HIGH", "Network Operations", "Engage with ISP"), id="trigger"),
    pytest.param(
        a_notice(Kind.ACKNOWLEDGE, says="Integration Team until 15:30 UTC"),
        (ID, "acknowledge", "Integration Team until 15:30 UTC"),
        id="acknowledge",
    ),
    pytest.param(a_notice(Kind.RESOLVE), (ID, "resolve", NAME, "Network path instability"), id="resolve"),
    pytest.param(a_notice(attempts=2), (ID, "repeat"), id="repeat"),
    pytest.param(about_an_alert(Kind.TRIGGER), ("ALT-", "6 days"), id="alert raised"),
    pytest.param(about_an_alert(Kind.RESOLVE), ("ALT-", "clear", "6 days"), id="alert cleared"),
    pytest.param(a_notice(Kind.RESOLVE, escalation=None), (ID, "resolve"), id="an end that knows no beginning"),
]


async def tell(route: str, notice: Notice, reached: Reached, tmp_path) -> list[str]:
    """What the receiver has seen of it; of the console, what was printed."""
    channel, printed = load("tasks.notifiers", route), io.StringIO()
    settings = channel.Settings.model_validate(reached.settings)
    assert SECRET not in repr(settings)
    with contextlib.redirect_stderr(printed):
        await channel.notify(notice, settings, NOW, tmp_path)
    return [*reached.seen(), *([printed.getvalue()] if printed.getvalue() else [])]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("notice", "parts"), STORIES)
async def test_every_kind_of_notice_is_told_by_every_channel(route, notice, parts, tmp_path, monkeypatch):
    async with reached(route, tmp_path, monkeypatch.setenv) as place:
        (seen,) = await tell(route, notice, place, tmp_path)
        assert place.refused() == []
    missing = [part for part in parts if part.lower() not in seen.lower()]
    if route == "console":  # one line has no room for what to do
        missing = [part for part in missing if part != "Engage with ISP"]
    if route == "pagerduty" and notice.kind is not NoticeKind.TRIGGER:
        assert notice.incident_id in seen  # … what has to be the same is the key
    assert missing == []


CANARIES = {
    "record number": "MRN00482917",
    "bare record number": "48291077",
    "social security": "123-45-6789",
    "telephone": "(555) 123-4567",
    "date of birth": "03/14/1958",
    "e-mail": "zebulandra@example.org",
    "reference": "Patient/eXk8canary",
    "name": "Quillfeather, Zebulandra",
    "token": "zb-live-9f8e7d6c5b4a3f2e1d0c",
    "address": "471 Quincunx Lane",
    "query": "https://ehr.example/read?patient=77",
}
CALL_FIELDS = ("cause", "impact", "evidence", "tried", "recommended", "reason")
FIELDS = (*CALL_FIELDS, "says", "finding", "advice")
PLANTED = {(name, "cause") for name in CANARIES} | {("record number", where) for where in FIELDS}


def planted(place: str, text: str) -> Notice:
    """A notice with this in one of its sentences."""
    says = f"no answer for {text} today"
    if place == "says":
        return a_notice(says=says)
    if place in {"finding", "advice"}:
        found = an_alert().finding.model_copy(update={"says" if place == "finding" else "advice": says})
        return about_an_alert(Kind.TRIGGER, alert=an_alert(finding=found), says="")
    value: Any = Reason(rule="E5-novel", says=says) if place == "reason" else says
    return a_notice(escalation=an_escalation(**{place: (value,) if place in CALL_FIELDS[2:5] else value}))


@pytest.mark.parametrize("route", ROUTES)
async def test_what_looks_like_an_identifier_leaves_by_no_channel_and_somebody_is_called_all_the_same(
    route, tmp_path, monkeypatch
):
    async with reached(route, tmp_path, monkeypatch.setenv) as place:
        for name, where in PLANTED:
            seen = (await tell(route, planted(where, CANARIES[name]), place, tmp_path))[-1]
            assert CANARIES[name].lower() not in seen.lower(), (name, where)
            about = ("ALT-", "MEDIUM") if where in {"finding", "advice"} else (ID, NAME, "HIGH")
            known = (one if one in seen else {"MEDIUM": "warning", "HIGH": "error"}.get(one, one) for one in about)
            assert [one for one in known if one not in seen] == [], (name, where)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_word_that_names_nobody_is_found_on_every_channel(route, tmp_path, monkeypatch):
    """The control: a net that lets nothing through would pass the test above."""
    async with reached(route, tmp_path, monkeypatch.setenv) as place:
        seen = await tell(route, planted("cause", "Controlquill"), place, tmp_path)
    assert "Controlquill" in seen[0]


LONG = '€ é 𝔘 <b>*_`"\\ word' * 300


@pytest.mark.parametrize("route", ROUTES)
async def test_a_notice_that_says_far_too_much_still_fits(route, tmp_path, monkeypatch):
    many = tuple(f"{n} of 600: {LONG}" for n in range(600))
    call = an_escalation(
        cause=LONG, impact=LONG, evidence=many, tried=many, recommended=many, reason=Reason(rule="E5-novel", says=LONG)
    )
    async with reached(route, tmp_path, monkeypatch.setenv) as place:
        seen = await tell(route, a_notice(escalation=call, attempts=2), place, tmp_path)
        assert place.refused() == []
    assert len(seen) == 1


@pytest.mark.parametrize("route", [route for route in ROUTES if NEVER.get(route, Permanent) is not None])
@pytest.mark.parametrize("said", ["later", "never"])
async def test_a_failure_is_transient_or_permanent_and_tells_no_secret(route, said, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    expected = {"later": LATER.get(route, Transient), "never": NEVER.get(route, Permanent)}[said]
    assert expected is not None
    async with reached(route, tmp_path, monkeypatch.setenv, said) as place:
        with pytest.raises(expected) as raised:
            await tell(route, a_notice(), place, tmp_path)
    told = ["".join(traceback.format_exception(raised.value)), caplog.text, repr(raised.value)]
    assert not [text for text in told if SECRET in text or KEY in text or "canary-echo" in text]
    if expected is not Misconfigured:
        assert str(raised.value).startswith(f"{route}: ")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("severity", list(Severity))
async def test_every_severity_can_be_told(route, severity, tmp_path, monkeypatch):
    async with reached(route, tmp_path, monkeypatch.setenv) as place:
        seen = await tell(route, a_notice(escalation=an_escalation(priority=severity)), place, tmp_path)
        assert place.refused() == []
    assert severity.value in seen[0] or route == "pagerduty"
