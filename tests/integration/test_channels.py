"""Each channel's own ways, against receivers on this machine that answer as the services say that they do."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import stat
import threading
import traceback
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from models.catalogue import load
from models.errors import Misconfigured, Permanent, Transient
from models.queue import Notice
from tasks.notifiers import apprise, json_lines, pagerduty, webhook
from tasks.notifiers._aside import aside
from tests.builders import NOW, an_escalation
from tests.contracts.test_notifiers import Kind, a_notice, about_an_alert
from tests.service_shapes import refusals
from tests.sinks import KEY, SECRET, Sink, http_sink, over_http

HTTP = ("pagerduty", "slack", "teams", "webhook")
ANY = "INC-2025-03-26-001"
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def tell(route: str, sink: Sink, setenv: Any, notice: Notice | None = None, **changes: Any) -> None:
    channel = load("tasks.notifiers", route)
    settings = channel.Settings.model_validate({**over_http(route, sink.port, setenv), **changes})
    await channel.notify(notice or a_notice(), settings, NOW, Path())


# --- what every service over HTTP shares -----------------------------------------------------------------------------


@pytest.mark.parametrize("route", HTTP)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("Retry-After: 37", 37, id="seconds"),
        pytest.param(f"Retry-After: {format_datetime(NOW + timedelta(seconds=90))}", 90, id="a date, by our clock"),
        pytest.param("Retry-After: soon", None, id="no sense in it"),
        pytest.param("X-Any: 1", None, id="nothing said"),
    ],
)
async def test_a_throttled_call_says_when_it_may_be_made_again(route, header, seconds, monkeypatch):
    async with http_sink(route, (429, b"rate_limited", (header,))) as sink:
        with pytest.raises(Transient, match=rf"^{route}: no acceptance \(429\)") as raised:
            await tell(route, sink, monkeypatch.setenv)
        await tell(route, sink, monkeypatch.setenv, a_notice(attempts=2))
    assert raised.value.retry_after_s == seconds
    assert len(sink.bodies) == 2


@pytest.mark.parametrize("route", HTTP)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_refused_and_never_followed(route, status, monkeypatch):
    async with http_sink(route) as other:
        away = f"Location: http://localhost:{other.port}/taken"
        async with http_sink(route, (status, b"", (away,))) as sink:
            with pytest.raises(Permanent, match=f"refused with HTTP {status}"):
                await tell(route, sink, monkeypatch.setenv)
    assert other.bodies == []


@pytest.mark.parametrize("route", HTTP)
async def test_an_answer_that_comes_too_late_is_none(route, monkeypatch):
    async with http_sink(route, pause_s=30) as sink:
        with pytest.raises(Transient, match=r"no acceptance \(timeout\)"):
            await tell(route, sink, monkeypatch.setenv, deadline_s=0.2)
    assert len(sink.bodies) == 1


@pytest.mark.parametrize("route", HTTP)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
async def test_a_refusal_says_what_to_do_and_nothing_of_what_was_answered(route, status, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    async with http_sink(route, (status, f"echo {SECRET}".encode(), ())) as sink:
        with pytest.raises(Permanent, match=rf"^{route}: refused with HTTP {status}; \w+") as raised:
            await tell(route, sink, monkeypatch.setenv)
    told = ["".join(traceback.format_exception(raised.value)), caplog.text]
    assert not [text for text in told if SECRET in text or KEY in text]


@pytest.mark.parametrize("route", ["pagerduty", "slack", "teams"])
async def test_a_portal_that_answers_for_the_service_has_called_nobody(route, monkeypatch):
    page = (200, b"<html>Welcome, please sign in</html>", ("Content-Type: text/html; charset=utf-8",))
    async with http_sink(route, page) as sink:
        with pytest.raises(Transient, match="what answered is not the service"):
            await tell(route, sink, monkeypatch.setenv)


@pytest.mark.parametrize("route", HTTP)
async def test_a_private_address_is_not_called_by_a_name_that_leads_there(route, monkeypatch):
    async with http_sink(route) as sink:
        given = {"pagerduty": "url", "webhook": "url"}.get(route)
        monkeypatch.setenv("PRIVATE_URL", "https://printer.invalid/x")
        changes = {"url": "https://printer.invalid/x"} if given else {"url": "env:PRIVATE_URL"}
        with pytest.raises(Transient, match="dns_failed"):
            await tell(route, sink, monkeypatch.setenv, **changes)
    assert sink.bodies == []


@pytest.mark.parametrize("route", ["slack", "teams"])
@pytest.mark.parametrize(
    "written",
    [
        pytest.param(f"http://hooks.example.org/{SECRET}", id="plain http"),
        pytest.param(f"https://user:{SECRET}@hooks.example.org/x", id="a user in it"),
        pytest.param(f"https://hooks.example.org/x#{SECRET}", id="a fragment"),
        pytest.param(f"hooks.example.org/{SECRET}", id="no scheme"),
        pytest.param(f"https:///{SECRET}", id="no host"),
        pytest.param(f"ftp://hooks.example.org/{SECRET}", id="another scheme"),
    ],
)
async def test_a_secret_url_that_cannot_be_used_is_told_without_being_repeated(route, written, monkeypatch):
    monkeypatch.setenv("WRONG_URL", written)
    async with http_sink(route) as sink:
        with pytest.raises(Misconfigured, match=r"^env:WRONG_URL: ") as raised:
            await tell(route, sink, monkeypatch.setenv, url="env:WRONG_URL")
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_the_sinks_refuse_what_the_services_would_refuse():
    """The shapes would be no judges if they took anything."""
    event = pagerduty.event(a_notice(), pagerduty.Settings(routing_key="env:ANY"), KEY)
    assert refusals("pagerduty", json.dumps(event).encode()) == []
    assert refusals("pagerduty", json.dumps(event | {"event_action": "clear"}).encode())
    assert refusals("pagerduty", json.dumps(event | {"routing_key": "short"}).encode())
    assert refusals("pagerduty", json.dumps(event | {"dedup_key": "x" * 256}).encode())
    long = {"type": "section", "text": {"type": "plain_text", "text": "x" * 3001}}
    assert refusals("slack", json.dumps({"text": "x", "blocks": [long]}).encode())
    assert refusals("slack", json.dumps({"text": "<!channel>", "blocks": [{**long, "text": {}}]}).encode())
    whole = {"type": "section", "text": {"type": "plain_text", "text": "x" * 3000}}
    assert refusals("slack", json.dumps({"text": "x", "blocks": [whole] * 5}).encode()) == ["msg_blocks_too_long"]
    assert refusals("teams", json.dumps({"type": "message", "attachments": []}).encode())


# --- PagerDuty -------------------------------------------------------------------------------------------------------


async def test_pagerduty_is_told_the_beginning_the_word_and_the_end_under_one_key(monkeypatch):
    async with http_sink("pagerduty") as sink:
        for kind in Kind:
            await tell("pagerduty", sink, monkeypatch.setenv, a_notice(kind))
    assert [one["event_action"] for one in sink.told] == ["trigger", "acknowledge", "resolve"]
    assert {one["dedup_key"] for one in sink.told} == {ANY}
    assert {one["routing_key"] for one in sink.told} == {KEY}
    assert sink.refused == []


async def test_pagerduty_gets_typed_slots_and_links(monkeypatch):
    links = [{"href": "https://runbook.example.org/epic", "text": "Runbook"}]
    async with http_sink("pagerduty") as sink:
        await tell("pagerduty", sink, monkeypatch.setenv, links=links)
    (event,) = sink.told
    assert event["links"] == links
    assert event["payload"] == {
        "summary": "HIGH: Epic FHIR API: Network path instability",
        "source": "epic-fhir-main",
        "severity": "error",
        "component": "Epic FHIR API",
        "class": "E1-attempts-unsuccessful",
        "timestamp": "2025-03-26T12:42:17.000+00:00",
        "custom_details": {
            "Integration": "Epic FHIR API (epic-fhir-main)",
            "Incident": ANY,
            "Since": "2025-03-26 12:42 UTC",
            "Impact": "Delayed prescription data, occasional timeouts for users",
            "Cause": "Network path instability (65%)",
            "Called": "Network Operations, by rule E1-attempts-unsuccessful: 3 automatic attempts did not restore "
            "the connection",
            "More": f"heal explain {ANY}",
            "Evidence": "the name resolved in 1 ms",
            "Tried": "Renew - FAILED: no change",
            "What to do now": "Engage with ISP to investigate potential network congestion\n"
            "Consider implementing redundant connectivity route through secondary provider",
        },
    }


@pytest.mark.parametrize("length", [200, 255, 256, 4000])
async def test_a_long_id_is_still_one_key(length, monkeypatch):
    name = "INC-" + "x" * (length - 4)
    async with http_sink("pagerduty") as sink:
        for kind in (Kind.TRIGGER, Kind.RESOLVE):
            await tell("pagerduty", sink, monkeypatch.setenv, a_notice(kind, incident_id=name))
    keys = {one["dedup_key"] for one in sink.told}
    assert len(keys) == 1
    assert (keys == {name}) is (length <= 255)


async def test_an_event_that_pagerduty_says_it_did_not_take_is_refused(monkeypatch):
    async with http_sink("pagerduty", (202, b'{"status":"invalid event"}', ())) as sink:
        with pytest.raises(Permanent, match="the event was refused"):
            await tell("pagerduty", sink, monkeypatch.setenv)


async def test_a_routing_key_of_the_wrong_form_is_told_without_being_repeated(monkeypatch):
    monkeypatch.setenv("WRONG_KEY", "u+canary-rest-api-key")
    async with http_sink("pagerduty") as sink:
        with pytest.raises(Misconfigured, match=r"^env:WRONG_KEY: an integration key has 32") as raised:
            await tell("pagerduty", sink, monkeypatch.setenv, routing_key="env:WRONG_KEY")
    assert "canary" not in str(raised.value)
    assert sink.bodies == []


# --- Slack and Teams -------------------------------------------------------------------------------------------------


async def test_nothing_in_a_slack_message_is_markup(monkeypatch):
    call = an_escalation(cause="<!channel> & <b>", integration_name="*bold* _x_")
    async with http_sink("slack") as sink:
        await tell("slack", sink, monkeypatch.setenv, a_notice(escalation=call))
    (told,) = sink.told
    assert sink.refused == []
    assert told["text"] == "HIGH: *bold* _x_: &lt;!channel&gt; &amp; &lt;b&gt;"
    assert {one["text"]["type"] for one in told["blocks"]} == {"plain_text"}
    assert sink.paths == [f"/services/T0/{SECRET}?sig={SECRET}"]


async def test_a_workflow_gets_its_signature_and_a_card(monkeypatch):
    async with http_sink("teams") as sink:
        await tell("teams", sink, monkeypatch.setenv, about_an_alert(Kind.RESOLVE))
    (told,) = sink.told
    (card,) = told["attachments"]
    title = card["content"]["body"][0]["inlines"][0]
    assert sink.paths[0].endswith(f"?sig={SECRET}")
    assert title["text"] == "CLEARED: epic-fhir-main: the certificate ends in 6 days (limit 14 days)"
    assert title["color"] == "good"


# --- the signed webhook ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def signed(monkeypatch, secret: str):
    monkeypatch.setenv("HOOK", secret)
    async with http_sink("webhook") as sink:
        settings = webhook.Settings(url=f"http://localhost:{sink.port}/x", secret="env:HOOK")
        now = datetime.now(UTC)  # the verifier goes by the clock of the wall, and refuses what is five minutes old
        await webhook.notify(a_notice(), settings, now, Path())
        yield sink.heads[0], sink.bodies[0]


async def test_an_independent_implementation_verifies_what_we_sign(monkeypatch):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
    async with signed(monkeypatch, secret) as (headers, body):
        assert Webhook(secret).verify(body, headers)["incident"] == ANY
        for wrong in (body.replace(b"HIGH", b"LOW "), body + b" "):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(wrong, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers | {"webhook-id": "another"})
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 44).verify(body, headers)


# --- the file --------------------------------------------------------------------------------------------------------


async def write(path: Path, notice: Notice | None = None) -> None:
    await json_lines.notify(notice or a_notice(), json_lines.Settings(path=path.name), NOW, path.parent)


async def test_a_file_gets_one_line_for_each_notice_and_belongs_to_its_owner(tmp_path):
    path = tmp_path / "notices.jsonl"
    for kind in Kind:
        await write(path, a_notice(kind))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["type"] for one in lines] == ["incident.trigger", "incident.acknowledge", "incident.resolve"]
    assert {one["at"] for one in lines} == {NOW.isoformat()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_line_that_was_cut_off_spoils_no_other(tmp_path):
    path = tmp_path / "notices.jsonl"
    await write(path)
    path.write_bytes(path.read_bytes()[:40])
    await write(path, a_notice(attempts=2))
    torn, whole = path.read_text().splitlines()
    assert len(torn) == 40
    assert json.loads(whole)["repeat"] is True


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("make", [Path.mkdir, a_pipe, a_link], ids=["a directory", "a pipe", "a link"])
async def test_what_is_no_plain_file_is_not_written_to(make, tmp_path):
    path = tmp_path / "notices.jsonl"
    make(path)
    with pytest.raises(Misconfigured, match="cannot be appended to"):
        await write(path)
    assert not (tmp_path / "elsewhere").exists()


async def test_a_file_that_somebody_holds_is_waited_for_and_not_for_ever(tmp_path, monkeypatch):
    path = tmp_path / "notices.jsonl"
    monkeypatch.setattr(json_lines, "LONGEST_S", 0.1)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Transient, match="somebody holds the file"):
            await write(path)


async def test_a_file_may_be_written_by_many_at_once(tmp_path):
    path = tmp_path / "notices.jsonl"
    many = [threading.Thread(target=asyncio.run, args=(write(path),)) for _ in range(20)]
    for one in many:
        one.start()
    for one in many:
        one.join()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [a_notice().id] * 20


# --- apprise ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def heard():
    """What reaches the handlers of the process; pytest's own listens to silenced loggers too."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger().addHandler(handler)
    yield records
    logging.getLogger().removeHandler(handler)


async def test_apprise_neither_repeats_nor_follows_whatever_its_url_says(monkeypatch, caplog, heard):
    caplog.set_level(logging.DEBUG)
    async with http_sink("apprise") as other:
        away = f"Location: http://localhost:{other.port}/taken"
        async with http_sink("apprise", (302, b"", (away,))) as sink:
            with pytest.raises(Transient, match="1 of 1 services took nothing"):
                await tell("apprise", sink, monkeypatch.setenv)
    assert (len(sink.bodies), other.bodies) == (1, [])
    assert [one.name for one in heard if one.name.startswith(("apprise", "urllib3", "requests"))] == []
    assert SECRET not in caplog.text


async def test_apprise_tells_the_title_and_the_text_and_nothing_from_outside(monkeypatch):
    async with http_sink("apprise") as sink:
        await tell("apprise", sink, monkeypatch.setenv)
    (told,) = sink.told
    assert told["title"] == "HIGH: Epic FHIR API: Network path instability"
    assert told["type"] == "failure"
    assert "Integration: Epic FHIR API" in told["message"]
    assert "github" not in sink.bodies[0].decode()


def test_apprise_shows_no_image_from_outside(monkeypatch):
    monkeypatch.setenv("ANY", "json://localhost/")
    asset = apprise.service_of("env:ANY", apprise.Settings(urls=("env:ANY",)), Path()).asset
    assert not asset.image_url("failure", "72x72")
    assert not asset.image_url_logo


async def test_where_one_of_several_services_fails_all_are_told_again(monkeypatch):
    async with http_sink("apprise") as good, http_sink("apprise", (500, b"", ())) as bad:
        monkeypatch.setenv("GOOD", f"json://localhost:{good.port}/")
        monkeypatch.setenv("BAD", f"json://localhost:{bad.port}/")
        with pytest.raises(Transient, match="1 of 2 services took nothing"):
            await tell("apprise", good, monkeypatch.setenv, urls=["env:GOOD", "env:BAD"])
    assert (len(good.bodies), len(bad.bodies)) == (1, 1)


@pytest.mark.parametrize("written", [f"nosuch://{SECRET}", SECRET, "slack://"])
async def test_a_url_that_apprise_does_not_know_is_told_without_being_repeated(written, monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("WRONG", written)
    settings = apprise.Settings(urls=("env:WRONG",))
    with pytest.raises(Misconfigured, match=r"^env:WRONG: apprise knows no such URL"):
        await apprise.notify(a_notice(), settings, NOW, Path())
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


async def test_a_service_that_never_ends_holds_up_neither_the_cycle_nor_its_end(monkeypatch):
    async with http_sink("apprise", pause_s=30) as sink:
        with pytest.raises(Transient):
            await tell("apprise", sink, monkeypatch.setenv, deadline_s=0.2)


async def test_work_aside_gives_back_what_it_returns_and_raises():
    assert await aside(lambda: 7, "any") == 7
    with pytest.raises(ValueError, match="any"):
        await aside(lambda: int("any"), "any")


def test_work_aside_that_nobody_waits_for_any_more_is_left_alone():
    """Neither the loop's end nor the interpreter's waits for it: threads of an executor would be waited for."""
    ended = threading.Event()

    async def waiting() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await aside(lambda: ended.wait(20), "any")

    asyncio.run(waiting())
    (left,) = [one for one in threading.enumerate() if one.name == "any"]
    assert left.daemon
    ended.set()
    left.join()
