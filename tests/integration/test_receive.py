"""The signed endpoint as a sender meets it: a real server, signatures, repeats, floods, drips; and curl alone."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from flows.receive import Impatient, receiving
from models.problem import ProblemReport
from models.receiver import Receiver
from tasks.house import House
from tasks.intake import take_in
from tasks.intake.folder import inbox_of
from tasks.receive import application
from tasks.receive.limits import LARGEST, PER_MINUTE
from tasks.receive.spool import Spool
from tasks.signing import signature
from tests.builders import EPIC
from tests.traffic import CANARIES, NOW, a_call, a_house

ROOT = Path(__file__).parents[2]
HEAL = Path(sys.executable).with_name("heal")
SECRET, OLD_SECRET = "a-secret-of-twenty-four-bytes!", "the-secret-before-of-24-bytes!"


@dataclass
class Desk:
    """A server, and how a sender would talk to it."""

    house: House
    port: int

    def send(self, kind="records", body=b"{}", *, key=SECRET, age_s=0, message="msg-1", **headers):
        body = body.encode() if isinstance(body, str) else body
        at = int(NOW.timestamp()) - age_s
        signed = {
            "webhook-id": message,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(key.encode(), message, at, body),
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(f"http://127.0.0.1:{self.port}/v1/{kind}", content=body, headers=signed | named, timeout=30)

    @property
    def received(self):
        folder = inbox_of(self.house.configuration, self.house.home) / "received"
        return [path.read_text() for path in folder.iterdir()] if folder.exists() else []


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Iterator[Desk]:
    monkeypatch.setenv("SENDER", SECRET)
    monkeypatch.setenv("SENDER_BEFORE", OLD_SECRET)
    monkeypatch.setenv("BRIDGE", "the-secret-of-a-bridge-24-b!")
    monkeypatch.setattr("flows.receive.HEAD_S", 0.3)
    monkeypatch.setattr("tasks.receive.limits.BODY_S", 0.3)
    receivers = (
        Receiver(name="eyewear", secrets=("env:SENDER_BEFORE", "env:SENDER")),
        Receiver(name="bridge", secrets=("env:BRIDGE",), sends=("heartbeats", "records"), integrations=("elsewhere",)),
    )
    house = a_house(tmp_path / "home", policy={"receivers": receivers})
    config = uvicorn.Config(
        application(house), port=0, http=Impatient, ws="none", lifespan="off", log_level="error", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Desk(house, server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join(10)


def test_what_is_accepted_lies_in_the_inbox_and_becomes_readings(desk):
    answer = desk.send(body=f"{a_call(1)}\n{a_call(2)}")
    assert (answer.status_code, answer.json()) == (202, {"accepted": True})
    assert len(desk.received) == 1
    taken = take_in(desk.house)
    assert (taken.kept, taken.turned_down, desk.received) == (2, 0, [])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"key": "another-secret-of-24-bytes!!!"}, 401, id="forged"),
        pytest.param({"key": OLD_SECRET}, 202, id="signed with the secret before"),
        pytest.param({"age_s": 299}, 202, id="just in time"),
        pytest.param({"age_s": 301}, 401, id="late"),
        pytest.param({"age_s": -301}, 401, id="from the future"),
        pytest.param({"webhook_signature": ""}, 401, id="no signature"),
        pytest.param({"webhook_signature": "v1,!!! v2,x" * 50}, 401, id="garbage for a signature"),
        pytest.param({"webhook_timestamp": "9" * 400}, 401, id="garbage for a time"),
        pytest.param({"webhook_id": "x" * 500}, 401, id="an endless id"),
        pytest.param({"kind": "nothing"}, 404, id="no such address"),
        pytest.param({"kind": "records", "body": b"x" * (LARGEST["records"][0] + 1)}, 413, id="too large"),
        pytest.param({"kind": "problems", "body": b"x" * ((1 << 16) + 1)}, 413, id="too large a report"),
        pytest.param({"body": gzip.compress(a_call(1).encode()), "content_encoding": "gzip"}, 202, id="packed"),
        pytest.param({"body": gzip.compress(b"0" * (9 << 20)), "content_encoding": "gzip"}, 413, id="a bomb"),
        pytest.param({"body": b"\x1f\x8bnot", "content_encoding": "gzip"}, 400, id="packed garbage"),
        pytest.param({"content_encoding": "br"}, 400, id="an encoding that is not ours"),
        pytest.param({"kind": "problems", "body": "[" * 60_000}, 400, id="nested without end"),
        pytest.param({"kind": "problems", "body": json.dumps({"integration": EPIC})}, 400, id="half a report"),
        pytest.param({"kind": "problems", "body": '{"integration": "elsewhere", "says": "x"}'}, 400, id="of nobody"),
        pytest.param({"kind": "heartbeats", "body": "[1]"}, 400, id="no heartbeat"),
        pytest.param({"kind": "problems", "key": "the-secret-of-a-bridge-24-b!"}, 401, id="a bridge reports nothing"),
    ],
)
def test_what_is_wrong_is_refused_without_a_word(desk, changes, status):
    answer = desk.send(**changes)
    assert answer.status_code == status
    assert status == 202 or answer.content in {b"", b"Not Found"}
    assert (status == 202) == bool(desk.received)


def test_a_message_that_comes_again_counts_once_also_after_a_restart(desk):
    for _ in range(3):
        assert desk.send(body=a_call(1)).status_code == 202
    assert take_in(desk.house).kept == 1
    assert desk.send(body=a_call(1)).status_code == 202
    assert take_in(desk.house).kept == 0
    again = Spool(inbox_of(desk.house.configuration, desk.house.home), NOW)
    assert again.is_known(Spool.mark("eyewear", "msg-1"))
    assert not again.is_known(Spool.mark("eyewear", "msg-2"))


def test_a_sender_speaks_of_its_own_integrations_only(desk):
    body = f"{a_call(1)}\n{a_call(2, integration='elsewhere')}"
    assert desk.send(body=body, key="the-secret-of-a-bridge-24-b!").status_code == 202
    assert [EPIC in text for text in desk.received] == [False]


def test_reports_are_limited_and_grouped_and_names_are_not_kept(desk):
    body = json.dumps({"integration": EPIC, "says": f"appointments missing for {CANARIES[0]}"})
    answers = [desk.send("problems", body, message=f"msg-{n}").status_code for n in range(PER_MINUTE["problems"] + 1)]
    assert answers == [202] * PER_MINUTE["problems"] + [429]
    (report,) = desk.house.ledger.all_kept(ProblemReport)
    assert (report.times, report.says) == (PER_MINUTE["problems"], "appointments missing for …")


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"POST /v1/records HTTP/1.1\r\nHost: a\r\nX-Slow: ", id="a head that never ends"),
        pytest.param(b"", id="a caller that says nothing"),
        pytest.param(
            b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1", id="a body that never ends"
        ),
        pytest.param(b"GET /" + b"a" * 200_000, id="an endless address"),
        pytest.param(b"\x16\x03\x01 not http\r\n\r\n", id="another protocol"),
    ],
)
def test_a_sender_that_drips_is_cut_off(desk, begin):
    async def run():
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(begin)
        said = b""
        with suppress(ConnectionResetError):
            said = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return said

    said = asyncio.run(run())
    assert said == b"" or said.split(b" ")[1] == b"400"
    assert desk.send(body=a_call(1)).status_code == 202


CURL = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="curl and openssl are not installed")
def test_a_person_can_send_with_curl_and_openssl_alone(desk):
    desk.house.clock.at = desk.house.clock.at.fromtimestamp(time.time(), NOW.tzinfo)
    told = {
        "BODY": json.dumps({"integration": EPIC, "says": "appointments missing"}),
        "EYEWEAR_SECRET": SECRET,
        "URL": f"http://127.0.0.1:{desk.port}",
    }
    (recipe,) = CURL  # as the page shows it
    done = subprocess.run(["bash", "-c", recipe], env=os.environ | told, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("202"), done.stdout + done.stderr
    assert [report.says for report in desk.house.ledger.all_kept(ProblemReport)] == ["appointments missing"]


RECEIVERS = """
receivers:
  - {name: eyewear, secrets: [env:SENDER]}
  - {name: bridge, secrets: [env:BRIDGE], integrations: [epic-fhir-main]}
"""
DEPLOY = {"component": "eyewear-ML", "version": "2026.11.3", "previous": "2026.11.2"}


@pytest.fixture
def endpoint(tmp_path, monkeypatch) -> Iterator[str]:
    """The endpoint in its own process, as `heal serve` starts it, over the example configuration."""
    monkeypatch.setenv("SENDER", SECRET)
    monkeypatch.setenv("BRIDGE", OLD_SECRET)
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    with (tmp_path / "deployments" / "policy.yaml").open("a", encoding="utf-8") as policy:
        policy.write(RECEIVERS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with receiving(tmp_path / "deployments", tmp_path / "home", f"127.0.0.1:{port}", None) as process:
        while not is_there(port):
            assert process.poll() is None, "it ended before it listened"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1/changes"


def is_there(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    except httpx.TransportError:
        return False


def told(address: str, message: str, key: str = SECRET, **changes) -> int:
    """The status that a signed deploy is answered with, by the clock on the wall."""
    body, at = json.dumps(DEPLOY | changes).encode(), int(time.time())
    signed = signature(key.encode(), message, at, body)
    headers = {"webhook-id": message, "webhook-timestamp": str(at), "webhook-signature": signed}
    return httpx.post(address, content=body, headers=headers, timeout=30).status_code


def noted(home: Path, *which: str) -> list[str]:
    """The lines of `heal changes` that speak of a deploy."""
    asked = [HEAL, "changes", *which, "--config", home.parent / "deployments", "--home", home]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=home.parent, env=environment)
    return [line for line in done.stdout.splitlines() if "eyewear-ML deployed" in line]


@pytest.mark.skipif(not HEAL.exists(), reason="the console script `heal` is not installed here")
def test_a_signed_deploy_is_seen_in_heal_changes(endpoint, tmp_path):
    assert told(endpoint, "msg-0", key="another-secret-of-24-bytes!!!", version="0") == 401
    assert told(endpoint, "msg-1", version="3 for Smith") == 400
    assert [told(endpoint, "msg-2"), told(endpoint, "msg-2")] == [202, 202]  # sent again, it counts once
    assert told(endpoint, "msg-3", key=OLD_SECRET, version="2026.11.4") == 202  # who may speak of one speaks of one
    assert told(endpoint, "msg-4", key=OLD_SECRET, version="5", integrations=["allscripts-unity-main"]) == 401

    *others, first = noted(tmp_path / "home")
    assert re.search(r"ours +[a-z-]+ +deploy +eyewear-ML deployed: .+  2026\.11\.2 → 2026\.11\.3", first)
    of_all = [line for line in (*others, first) if "2026.11.3" in line]
    of_one = [line for line in others if "2026.11.4" in line]
    assert (len(of_all), len(of_one), len(others)) == (2, 1, 2)
    assert "epic-fhir-main" in of_one[0]
