"""Calls for a human, carried to a real receiver: signed, in order, and delivered only when it said so."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from models.configuration import Configuration
from models.errors import Misconfigured, Permanent, Transient
from models.incident import Event, Incident, State
from models.policy import Channel, Policy
from models.queue import Notice, NoticeKind
from tasks import escalate
from tasks.house import House
from tasks.notifiers import console, webhook
from tests.builders import EPIC, NOW, a_diagnosis, an_escalation, an_incident, an_integration
from tests.sockets import answer, head_of, serving

SECRET = "canary-secret-of-at-least-24-bytes"
VARIABLE = "HEAL_TEST_WEBHOOK_SECRET"
MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Receiver:
    """What came, and what is answered: the next of `statuses`, the last for ever; None: no answer at all."""

    statuses: list[int | None] = field(default_factory=lambda: [200])
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    port: int = 0

    async def behave(self, reader, writer):
        while head := (await head_of(reader)).decode():
            lines = [line.split(":", 1) for line in head.splitlines()[1:] if ":" in line]
            headers = {name.lower(): value.strip() for name, value in lines}
            self.heads.append(headers)
            self.bodies.append(await reader.readexactly(int(headers.get("content-length", 0))))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            if status is None:
                await reader.read()
                return
            writer.write(answer(f"echo {SECRET}".encode(), status=f"{status} Said"))
            await writer.drain()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


@asynccontextmanager
async def receiving(*statuses: int | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(statuses) or [200])
    async with serving(receiver.behave, tls) as port:
        receiver.port = port
        yield receiver


@pytest.fixture(autouse=True)
def the_secret(monkeypatch):
    monkeypatch.setenv(VARIABLE, SECRET)
    monkeypatch.delenv("HEAL_LEDGER_URL", raising=False)


def settings_for(receiver: Receiver, scheme: str = "http", **changes: Any) -> webhook.Settings:
    told = {"url": f"{scheme}://localhost:{receiver.port}/calls", "secret": f"env:{VARIABLE}", "deadline_s": 5.0}
    return webhook.Settings.model_validate(told | changes)


def a_notice(**changes: Any) -> Notice:
    told = {
        "id": "INC-2025-03-26-001/1/webhook",
        "incident_id": "INC-2025-03-26-001",
        "seq": 1,
        "kind": NoticeKind.TRIGGER,
        "route": "webhook",
        "escalation": an_escalation(),
        "queued_at": NOW,
        "not_before": NOW,
        "attempts": 1,
    }
    return Notice(**{**told, **changes})


async def notify(receiver: Receiver, notice: Notice | None = None, **changes: Any) -> None:
    await webhook.notify(notice or a_notice(), settings_for(receiver, **changes), NOW, Path())


def verified(secret: bytes, headers: dict[str, str], body: bytes) -> bool:
    """As a receiver does it by hand (Standard Webhooks 1.0.0): HMAC-SHA256 over `id.timestamp.body`, in base64."""
    content = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    expected = base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
    return any(hmac.compare_digest(part, f"v1,{expected}") for part in headers["webhook-signature"].split())


async def test_a_call_is_signed_so_that_its_receiver_can_verify_it():
    async with receiving() as receiver:
        await notify(receiver)
    (headers,), (body,) = receiver.heads, receiver.bodies
    assert verified(SECRET.encode(), headers, body)
    assert headers["webhook-id"] == "INC-2025-03-26-001/1/webhook"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["content-type"] == "application/json"
    assert not verified(b"another secret", headers, body)
    assert not verified(SECRET.encode(), headers, body.replace(b"HIGH", b"LOW "))
    assert not verified(SECRET.encode(), headers | {"webhook-timestamp": "1"}, body)


async def test_a_secret_in_base64_is_the_bytes_behind_it(monkeypatch):
    secret = bytes(range(32))
    monkeypatch.setenv(VARIABLE, "whsec_" + base64.b64encode(secret).decode())
    async with receiving() as receiver:
        await notify(receiver)
    assert verified(secret, receiver.heads[0], receiver.bodies[0])


async def test_the_signature_is_the_one_of_the_published_example():
    """The vector of the standard's own libraries: msg_p5jXN8AQM9LWM0D4loKWxJek, 1614265330."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = webhook.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_receiver_behind_tls_is_reached_and_a_wrong_authority_is_not(tmp_path):
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    async with receiving(tls=context) as receiver:
        await webhook.notify(a_notice(), settings_for(receiver, "https", ca_bundle="ca.pem"), NOW, tmp_path)
        assert len(receiver.bodies) == 1
        with pytest.raises(Transient, match="tls_failed"):
            await webhook.notify(a_notice(), settings_for(receiver, "https", ca_bundle="other.pem"), NOW, tmp_path)
        assert len(receiver.bodies) == 1


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_any_2xx_is_taken_for_received(status):
    async with receiving(status) as receiver:
        await notify(receiver)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        pytest.param(500, Transient, "no acceptance (500); it is sent again later", id="their server fails"),
        pytest.param(503, Transient, "no acceptance (503); it is sent again later", id="they are busy"),
        pytest.param(429, Transient, "no acceptance (429); it is sent again later", id="too many calls"),
        pytest.param(408, Transient, "no acceptance (408); it is sent again later", id="we were too slow for them"),
        pytest.param(425, Transient, "no acceptance (425); it is sent again later", id="too early"),
        pytest.param(None, Transient, "no acceptance (timeout); it is sent again later", id="they never answer"),
        pytest.param(400, Permanent, "refused with HTTP 400; check url and secret", id="they do not understand us"),
        pytest.param(401, Permanent, "refused with HTTP 401; check url and secret", id="the wrong secret"),
        pytest.param(404, Permanent, "refused with HTTP 404; check url and secret", id="the wrong address"),
        pytest.param(302, Permanent, "refused with HTTP 302; check url and secret", id="moved: never followed"),
    ],
)
async def test_what_is_not_accepted_is_sent_again_or_given_up(status, error, says, caplog):
    caplog.set_level(logging.DEBUG)
    async with receiving(status) as receiver:
        with pytest.raises(error) as raised:
            await notify(receiver, deadline_s=0.4)
    assert says in str(raised.value)
    assert len(receiver.bodies) == 1
    told = [str(raised.value), repr(raised.value), caplog.text, receiver.bodies[0].decode(), str(receiver.heads)]
    assert not [text for text in told if SECRET in text]
    assert "/calls" not in str(raised.value)


async def test_nobody_there_is_tried_again_later():
    async with receiving() as receiver:
        pass
    with pytest.raises(Transient, match="refused"):
        await notify(receiver)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("whsec_not*base64*canary", id="not base64"),
        pytest.param("whsec_abcanary", id="base64 that was cut"),
        pytest.param("whsec_", id="nothing behind the prefix"),
        pytest.param("whsec_Y2FuYXJ5", id="six bytes in base64"),
        pytest.param("canary-23-bytes-of-text", id="23 bytes"),
    ],
)
async def test_a_secret_that_is_not_fit_to_sign_with_is_told_without_being_repeated(monkeypatch, secret):
    monkeypatch.setenv(VARIABLE, secret)
    async with receiving() as receiver:
        with pytest.raises(Misconfigured) as raised:
            await notify(receiver)
    assert str(raised.value) == f"env:{VARIABLE}: write at least 24 random bytes here, as they are or as whsec_<base64>"
    assert receiver.bodies == []


async def test_what_leaves_the_house_is_typed_slots_only():
    async with receiving() as receiver:
        await notify(receiver)
        await notify(receiver, a_notice(kind=NoticeKind.RESOLVE, escalation=None, attempts=2))
    trigger, resolve = receiver.told
    assert set(trigger) == {"type", "incident", "repeat", "data"}
    assert (trigger["type"], trigger["incident"], trigger["repeat"]) == (
        "incident.trigger",
        "INC-2025-03-26-001",
        False,
    )
    assert set(trigger["data"]) == set(type(an_escalation()).model_fields)
    assert resolve == {
        "type": "incident.resolve",
        "incident": "INC-2025-03-26-001",
        "repeat": True,
        "data": None,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"url": "http://alerts.example.org/heal"}, id="plain http to somewhere else"),
        pytest.param({"url": "https://user:pass@alerts.example.org"}, id="a password in the URL"),
        pytest.param({"secret": "hunter2"}, id="a secret as itself"),
        pytest.param({"deadline_s": 0}, id="no time at all"),
        pytest.param({"colour": "red"}, id="a key that nobody knows"),
    ],
)
def test_settings_are_refused(wrong):
    told = {"url": "https://alerts.example.org/heal", "secret": f"env:{VARIABLE}"}
    with pytest.raises(ValueError, match="validation error") as refused:
        webhook.Settings.model_validate(told | wrong)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("notice", "line"),
    [
        pytest.param(
            a_notice(),
            "13:45:32 HIGH INC-2025-03-26-001: Epic FHIR API: Network path instability (65%). Network Operations is "
            "called by rule E1-attempts-unsuccessful: 3 automatic attempts did not restore the connection",
            id="a call",
        ),
        pytest.param(
            a_notice(attempts=2),
            "13:45:32 HIGH INC-2025-03-26-001 (repeat): Epic FHIR API: Network path instability (65%). Network "
            "Operations is called by rule E1-attempts-unsuccessful: 3 automatic attempts did not restore the "
            "connection",
            id="the same again",
        ),
        pytest.param(
            a_notice(kind=NoticeKind.RESOLVE),
            "13:45:32 RESOLVED INC-2025-03-26-001: Epic FHIR API: Network path instability",
            id="it is over",
        ),
    ],
)
async def test_the_console_writes_one_line_on_standard_error(capsys, notice, line):
    await console.notify(notice, console.Settings(), NOW, Path())
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", line + "\n")


# --- the outbox ------------------------------------------------------------------------------------------------------


class HandClock:
    """A clock that goes on when it is told to."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Scene:
    """A house with one incident whose calls go to a receiver."""

    house: House
    clock: HandClock
    incident: Incident

    @property
    def states(self) -> list[tuple[str, str, int]]:
        return [(n.kind.value, n.state.value, n.attempts) for n in self.house.ledger.notices(self.incident.id)]

    def escalate(self) -> None:
        found = escalate.consider_escalation(self.house, self.house.ledger.incident(self.incident.id), None)
        assert found is not None

    def move(self, event: Event, **changes: Any) -> Incident:
        with self.house.ledger.change("test", self.clock.now()) as change:
            known = self.house.ledger.incident(self.incident.id)
            return change.save_incident(known.advance(event, self.clock.now(), "as told", **changes))

    async def deliver(self, after: timedelta = timedelta(0)) -> int:
        self.clock.at += after
        return await escalate.deliver(self.house)


@pytest.fixture
def scene(tmp_path):
    """Told by a receiver: `scene(receiver)`; the ledger is closed at the end."""
    opened: list[House] = []

    def tell(receiver: Receiver, **changes: Any) -> Scene:
        settings = settings_for(receiver, **changes).model_dump(mode="json")
        policy = Policy(version="1", owner="us", channels=(Channel(route="webhook", settings=settings),))
        configuration = Configuration(integrations=(an_integration(),), policy=policy, path=tmp_path)
        clock = HandClock()
        house = House(configuration=configuration, home=tmp_path / "home", clock=clock)
        opened.append(house)
        told = {"id": "", "state": State.SUSPECTED, "moments": (), "diagnosis": a_diagnosis(security=True)}
        with house.ledger.change("test", NOW) as change:
            incident = change.open_incident(an_incident(**told))
            change.save_incident(incident.advance(Event.CONFIRMED, NOW, "3 of 5"))
        return Scene(house, clock, incident)

    yield tell
    for house in opened:
        house.ledger.close()


async def test_a_call_counts_as_delivered_only_after_it_was_accepted(scene):
    async with receiving(503, 429, 200) as receiver:
        told = scene(receiver)
        told.escalate()
        assert told.states == [("trigger", "waiting", 0)]
        assert await told.deliver() == 0
        assert told.states == [("trigger", "waiting", 1)]
        assert await told.deliver(after=6 * MINUTE) == 0
        assert await told.deliver(after=6 * MINUTE) == 1
        assert told.states == [("trigger", "delivered", 3)]
        assert await told.deliver(after=6 * MINUTE) == 0
    assert [one["repeat"] for one in receiver.told] == [False, True, True]
    assert len({head["webhook-id"] for head in receiver.heads}) == 1
    assert all(verified(SECRET.encode(), h, b) for h, b in zip(receiver.heads, receiver.bodies, strict=True))


async def test_a_failed_delivery_is_not_hurried(scene):
    async with receiving(503) as receiver:
        told = scene(receiver)
        told.escalate()
        await told.deliver()
        assert await told.deliver(after=timedelta(seconds=1)) == 0
        assert len(receiver.bodies) == 1
        (waiting,) = told.house.ledger.notices(told.incident.id)
        assert timedelta(seconds=2) <= waiting.not_before - NOW <= timedelta(seconds=6)
        assert waiting.last_error == "Transient"


def test_pauses_grow_from_two_seconds_to_five_minutes():
    for attempts in range(1, 40):
        assert all(2 <= escalate.pause_s(attempts) <= 302 for _ in range(20))
    assert max(escalate.pause_s(1) for _ in range(50)) <= 6
    assert max(escalate.pause_s(12) for _ in range(200)) > 60


async def test_a_route_that_refuses_for_good_is_left(scene):
    async with receiving(400, 200) as receiver:
        told = scene(receiver)
        told.escalate()
        assert await told.deliver() == 0
        assert await told.deliver(after=timedelta(hours=1)) == 0
        assert told.states == [("trigger", "dead", 1)]
        (dead,) = told.house.ledger.notices(told.incident.id)
        assert dead.last_error == "Permanent"
    assert len(receiver.bodies) == 1


async def test_the_end_is_told_after_the_beginning_and_never_before_it(scene):
    async with receiving(503, 503, 200, 200) as receiver:
        told = scene(receiver)
        told.escalate()
        await told.deliver()
        told.move(Event.RECOVERED, restored_at=NOW)
        escalate.announce_resolution(told.house, told.move(Event.QUIET, resolved_at=NOW))
        for _ in range(4):
            await told.deliver(after=6 * MINUTE)
    assert [one["type"] for one in receiver.told] == ["incident.trigger"] * 3 + ["incident.resolve"]
    assert told.states == [("trigger", "delivered", 3), ("resolve", "delivered", 1)]


async def test_nobody_hears_of_an_end_whose_beginning_they_never_heard(scene):
    async with receiving() as receiver:
        told = scene(receiver)
        told.escalate()
        told.move(Event.RECOVERED, restored_at=NOW)
        escalate.announce_resolution(told.house, told.move(Event.QUIET, resolved_at=NOW))
        assert await told.deliver() == 0
    assert receiver.bodies == []
    assert told.states == [("trigger", "collapsed", 0)]


async def test_whoever_heard_of_the_end_is_called_again_when_the_trouble_returns(scene):
    async with receiving() as receiver:
        told = scene(receiver)
        told.escalate()
        await told.deliver()
        told.move(Event.RECOVERED, restored_at=NOW)
        escalate.announce_resolution(told.house, told.move(Event.QUIET, resolved_at=NOW))
        await told.deliver()
        told.move(Event.RELAPSED, reopened=1, restored_at=None, resolved_at=None, escalated_for=None)
        told.escalate()
        await told.deliver(after=MINUTE)
    assert [one["type"] for one in receiver.told] == ["incident.trigger", "incident.resolve", "incident.trigger"]


async def test_while_a_call_stands_the_same_rule_does_not_call_again(scene):
    async with receiving() as receiver:
        told = scene(receiver)
        told.escalate()
        await told.deliver()
        with told.house.ledger.change("test", NOW) as change:
            known = told.house.ledger.incident(told.incident.id)
            change.save_incident(known.note(NOW, "as after a relapse", escalated_for=None))
        told.escalate()
        assert await told.deliver(after=MINUTE) == 0
    assert len(receiver.bodies) == 1


async def test_a_channel_without_its_secret_keeps_the_call_until_there_is_one(scene, monkeypatch):
    async with receiving() as receiver:
        told = scene(receiver)
        told.escalate()
        monkeypatch.delenv(VARIABLE)
        assert await told.deliver() == 0
        assert told.states == [("trigger", "waiting", 1)]
        monkeypatch.setenv(VARIABLE, SECRET)
        assert await told.deliver(after=6 * MINUTE) == 1


async def test_what_is_kept_and_audited_names_no_secret(scene, tmp_path):
    async with receiving(400) as receiver:
        told = scene(receiver)
        told.escalate()
        await told.deliver()
        told.house.ledger.close()
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept
    assert not [path.name for path in kept if SECRET.encode() in path.read_bytes()]
    assert told.incident.integration_id == EPIC
