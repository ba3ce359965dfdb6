"""Planted identifiers and secrets at every entrance, looked for on every surface (spec: reliability, F24).

Other tests plant them in the answers of each kind of system, in HL7 acknowledgements, in messages to be sent, in
surfaces and in intake formats one by one. Here one house takes all of it at once and tells everything that it can tell.
One word is declared in its configuration, and so must be found on every surface: a net that never finds anything
proves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import re
import resource
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import uvicorn
import yaml
from typer.testing import CliRunner

from flows.__main__ import app
from flows.clock import use
from flows.coat import coat
from flows.wrong import told
from models.errors import HealError
from tasks.detect_file import detect_file
from tasks.escalate import deliver
from tasks.halt import halt
from tasks.house import House, open_house
from tasks.intake.folder import inbox_of
from tasks.notifiers.webhook import payload
from tasks.origin_file import origin_of
from tasks.receive import application
from tasks.survey import learn_answers
from tasks.watch import watch_all
from tests.integration.test_receive import SECRET, Desk
from tests.scenarios.staging import cycle
from tests.sockets import answer, head_of, serving
from tests.traffic import NOW, Frozen, a_call

API = "any-api"
ROUNDS = 8
MINUTE = timedelta(seconds=60)
PRIVATE = {"set-aside", "taken", "received"}  # what could not be used, for its owner alone (docs/ingest.md)
CONTROL = "Controlquill"
SURFACES = ("screens", "output", "log", "exceptions", "notices", "ledger", "files", "history", "reports", "file names")

# The eighteen kinds of 45 CFR 164.514(b)(2), then secrets; {n} is the entrance. None is made of listed words alone.
KINDS = {
    "given name": "Zebulandra{a}",
    "family name": "Quill{a}feather",
    "street": "471{n} Quincunx Lane",
    "date of birth": "03/1{n}/1958",
    "telephone": "(555) 123-456{n}",
    "fax": "555-867-530{n}",
    "e-mail": "zq{n}@example.org",
    "social security": "123-45-678{n}",
    "record number": "MRN0048291{n}",
    "health plan": "XGH-553-2091{n}",
    "account": "ACC 77-41-009{n}",
    "licence": "DL-C4472-119{n}",
    "vehicle": "1HGCM82633A00435{n}",
    "device": "SN-AB12C3D4X{n}",
    "URL": "https://portal.example/p/eXk{n}canary",
    "address": "203.0.113.7{n}",
    "biometric": "iris:9f2c77ab{n}",
    "photograph": "face-482910-{n}.jpg",
    "other id": "eXk{n}canaryabcdef",
    "password": "hunter{n}-Zebra!",
    "token": "zb-live-9f8e7d6c5b4a3f2e1d0{n}",
    "private key": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC{n}",
    "JSON web token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI3{n}In0.c2ln",
}
ENTRANCES = ("answers", "headers", "records", "names", "messages", "words", "logs", "tables", "pages", "mistakes")
PLANTED = {
    f"{kind} at {entrance}": form.format(n=n, a="abcdefghij"[n])
    for n, entrance in enumerate(ENTRANCES)
    for kind, form in KINDS.items()
}


def canaries(entrance: str) -> tuple[str, ...]:
    return tuple(text for name, text in PLANTED.items() if name.endswith(f" at {entrance}"))


@dataclass
class Net:
    """A house, and every surface on which something of it was seen."""

    configuration: Path
    home: Path
    clock: Frozen = field(default_factory=Frozen)
    seen: dict[str, list[str]] = field(default_factory=dict)
    did: dict[str, int] = field(default_factory=dict)  # how often something went through an entrance

    def house(self) -> House:
        return open_house(self.configuration, self.home, self.clock, check_secrets=False)

    def see(self, surface: str, text: object) -> None:
        self.seen.setdefault(surface, []).append(str(text))

    def passed(self, entrance: str, times: int = 1) -> None:
        self.did[entrance] = self.did.get(entrance, 0) + times

    def refused(self, entrance: str, act: Callable[[], object]) -> None:
        """What an act said when it could not be done; that counts as having gone through the entrance."""
        try:
            act()
        except HealError as error:
            self.see("exceptions", "".join(traceback.format_exception(error)))
            self.passed(entrance)

    def heal(self, *arguments: object) -> None:
        """A command, and what a person saw of it."""
        stores = () if arguments[0] == "sql" else ("--config", self.configuration)
        done = CliRunner().invoke(app, [str(one) for one in (*arguments, *stores, "--home", self.home)])
        self.see("screens", done.output)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            assert isinstance(done.exception, HealError), arguments
            self.see("screens", done.exception)

    def held(self, planted: Mapping[str, str]) -> list[tuple[str, str]]:
        """Which of these were seen, or a long part of one, and where."""
        texts = {surface: "\n".join(said).lower() for surface, said in self.seen.items()}
        parts = {name: {one, *re.findall(r"[A-Za-z0-9]{8,}", one)} for name, one in planted.items()}
        return [(name, it) for name in planted for it in texts if any(one.lower() in texts[it] for one in parts[name])]


# --- entrances -------------------------------------------------------------------------------------------------------


def answers() -> list[bytes]:
    """What a system may say, in turn: identifiers as values, as keys, as pages, as errors, and in every header."""
    every, key = canaries("answers"), canaries("answers")[1]
    issue = {"severity": "error", "code": every[0], "diagnostics": " ".join(every), "details": {"text": every[2]}}
    rows = {"rows": [dict.fromkeys(("a", "b"), one) for one in every], "by": {one: {"id": 1} for one in every}}
    bodies = [
        ("200 OK", json.dumps(rows)),
        ("200 OK", json.dumps({"error": {"code": key, "message": " ".join(every)}})),
        ("503 Service Unavailable", json.dumps({"resourceType": "OperationOutcome", "issue": [issue]})),
        ("401 Unauthorized", json.dumps({"error": key, "error_description": " ".join(every)})),
        ("500 Internal Server Error", f"<html><title>{' '.join(every)}</title><h1>{key}</h1></html>"),
        ("302 Found", " ".join(every)),
    ]
    shown = " ".join(canaries("headers"))
    headers = (
        f"X-Request-Id: {canaries('headers')[8]}",
        f"Server: {shown}",
        f'WWW-Authenticate: Bearer realm="{shown}", error="{canaries("headers")[1]}", error_description="{shown}"',
        f"Location: https://{canaries('headers')[1]}.example/{canaries('headers')[8]}",
        f"Content-Type: application/json; profile={canaries('headers')[8]}",
        f"Retry-After: {shown}",
        f"Set-Cookie: {shown}",
    )
    return [answer(body.encode(), *headers, status=status) for status, body in bodies]


async def live(net: Net) -> None:
    """Minutes of a system that says all that, with an incident, its diagnosis, its watches and its notices."""
    said, asked = answers(), 0

    async def behave(reader, writer):
        nonlocal asked
        while await head_of(reader):
            writer.write(said[asked % len(said)] if asked > 2 * len(said) else said[2 + asked % 2])
            await writer.drain()
            asked += 1

    async with serving(behave) as port:
        page = net.configuration / "integrations.yaml"
        page.write_text(page.read_text().replace("127.0.0.1:9", f"127.0.0.1:{port}"))
        for _ in range(ROUNDS):
            net.clock.at += MINUTE
            house = net.house()
            await cycle(house)
            learn_answers(house)
            await watch_all(house)
            await deliver(house)
    net.passed("answers", asked)
    net.passed("headers", asked)


def records(net: Net, folder: Path) -> None:
    """Every type of record and every field, failed and not; and files by names that say too much."""
    lines: list[str] = []
    for n, one in enumerate(canaries("records")):
        common = {"integration": API, "at": (NOW + 2 * MINUTE).isoformat()}  # into the incident, so new to it
        fields = dict.fromkeys(("operation", "resource", "component", "code", "location", "request_id", "bridge"), one)
        lines += [
            a_call(n, integration=API, **fields, url=f"/{one}?{one}={one}"),
            a_call(n, integration=API, status=503, message=f"no {one} found", error=one),
            json.dumps(common | {"type": "error", "error": one, "message": f"could not save {one}: timed out"}),
            json.dumps(common | {"type": "refused", "operation": one, "key": one, "message": one}),
            json.dumps(common | {"type": "gauge", "metric": one, "value": 1, "subject": one}),
            json.dumps(common | {"type": "cursor", "feed": one, "position": 1}),
            json.dumps(common | {"type": one}),
        ]
    (folder / "records.jsonl").write_text("\n".join(lines) + "\n")
    net.heal("ingest", folder / "records.jsonl")
    net.passed("records", len(lines))
    inbox = inbox_of(net.house().configuration, net.home)
    inbox.mkdir(parents=True, exist_ok=True)
    for n, one in enumerate(canaries("names")):
        path = inbox / f"{one.replace('/', '_')}.jsonl"
        path.write_text(a_call(n, integration=API, received_bytes=4711 + n) + "\n")
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 60))
    net.heal("ingest")
    net.passed("names", sum(len(list(folder.iterdir())) for folder in inbox.glob("taken")))


def messages(net: Net) -> None:
    """What a sender signs: reports, deploys and records, and one that breaks the desk itself."""
    house = net.house()
    config = uvicorn.Config(application(house), port=0, ws="none", lifespan="off", log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    desk = Desk(house, server.servers[0].sockets[0].getsockname()[1])
    for n, one in enumerate(canaries("messages")):
        report = {"integration": API, "says": f"the record of {one} is wrong", "operation": None}
        deploy = {"component": f"eyewear {one}"[:64], "version": one, "previous": one}
        sent = ("problems", report) if n % 2 else ("changes", deploy)
        answered = desk.send(sent[0], json.dumps(sent[1]), message=f"m{n}")
        net.see("screens", answered.text)
        net.passed("messages", answered.status_code in {202, 400})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.receive.app.only_of", lambda *_: {}[" ".join(canaries("messages"))])
        assert desk.send("records", "{}", message="broken").status_code == 503
    server.should_exit = True
    thread.join(10)


def words(net: Net) -> None:
    """Who decided and why: everything at one door, and at every other door that asks one thing of it."""
    doors = (
        ("resume", "--by", "{}"),
        ("drift", API, "--approve", "--by", "Us", "--reason", "{}"),
        ("drift", API, "--approve", "--by", "{}", "--reason", "asked for"),
        ("maintenance", API, "--for", "2h", "--by", "Us", "--reason", "{}"),
        ("maintenance", API, "--for", "2h", "--by", "{}", "--reason", "an upgrade"),
        ("silence", "add", "--integration", API, "--for", "2h", "--by", "Us", "--reason", "{}"),
        ("silence", "add", "--integration", API, "--for", "2h", "--by", "{}", "--reason", "an upgrade"),
        ("silence", "add", "--cause", "{}", "--for", "2h", "--by", "Us", "--reason", "an upgrade"),
        ("ack", "INC-2026-11-23-001", "--by", "{}"),
        ("note-change", "deployed", "--all", "--version", "{}"),
        ("note-change", "deployed {}", "--all"),
        ("report-problem", "{} is missing", "--integration", API),
    )
    every = dict(zip(KINDS, canaries("words"), strict=True))
    nobody_can_tell = {"given name", "family name", "licence", "biometric", "photograph"}  # from words of an upgrade
    for kind, one in every.items():
        if kind not in nobody_can_tell:
            net.refused("words", lambda one=one: halt(net.house(), "Us", f"upgraded for {one}"))
    for door in doors:
        net.heal(*(part.format(every["record number"]) for part in door))
        net.passed("words")


def logs(net: Net, folder: Path) -> None:
    """An error log, plain and as JSON, told in clusters."""
    path = folder / "error.log"
    plain = [f"2026-11-23 11:00:00 ERROR could not read {one}: timed out" for one in canaries("logs")]
    path.write_text("\n".join([*plain, *(json.dumps({"level": "error", "error": one}) for one in canaries("logs"))]))
    net.heal("errors", path)
    net.heal("errors", path, "--json")
    net.passed("logs", len(KINDS))


def tables(net: Net, folder: Path) -> None:
    """The wrong file, handed to what reads recorded metrics and call graphs."""
    path = folder / "patients.csv"
    every = canaries("tables")
    for rows in (
        ("name,value", *(f"{one},{one}" for one in every)),
        *((f"time,{one}",) * 3 + (f"1,{one}",) for one in every),
    ):
        path.write_text("\n".join(rows) + "\n")
        net.refused("tables", lambda: detect_file(path))
        net.refused("tables", lambda: origin_of(None, path, path, None, "latency"))
        net.refused("tables", lambda: origin_of(path, path, path, None, "latency"))


def pages(net: Net, folder: Path) -> None:
    """A configuration with secrets and identifiers in the wrong places, as keys and as values."""
    written = (net.configuration / "integrations.yaml").read_text()
    for n, one in enumerate(canaries("pages")):
        place = folder / f"page{n}"
        place.mkdir()
        (place / "policy.yaml").write_text((net.configuration / "policy.yaml").read_text())
        entry = yaml.safe_load(written)
        entry["integrations"][0] |= {"id": one, "timezone": one, "depends_on": [one], "probe_every": one}
        entry["integrations"][0] |= {} if one.isalpha() else {one: one}  # a key that is a word is told as it is written
        entry["integrations"][0]["settings"] |= {"auth": {"scheme": "bearer", "token": one}, "base_url": one}
        (place / "integrations.yaml").write_text(yaml.safe_dump(entry))
        net.refused("pages", lambda place=place: open_house(place, net.home, net.clock))
        (place / "integrations.yaml").write_text(f"integrations: [{one}: '{one}\n")
        net.refused("pages", lambda place=place: open_house(place, net.home, net.clock))


def mistakes(net: Net) -> None:
    """An error of ours that quotes what it was given, in a verb that Prefect runs."""

    async def broken(one: str) -> int:
        return int(one)

    for one in canaries("mistakes"):
        run = coat(broken, name="broken", is_needed=lambda _: False)
        with pytest.raises(Exception, match=r"test_canaries\.py:\d+ \(ValueError\)") as raised:
            asyncio.run(run(one))
        net.see("exceptions", "".join(traceback.format_exception(raised.value)))
        net.see("screens", told(raised.value))
        net.passed("mistakes")


# --- surfaces --------------------------------------------------------------------------------------------------------


def look(net: Net) -> None:
    """Everything that the house tells, and everything that it has written."""
    house = net.house()
    incidents = house.ledger.incidents()
    for command in (
        ("status",),
        ("coverage",),
        ("coverage", "--json"),
        ("report", "--out", net.home / "reports"),
        ("changes", "--baselines"),
        ("errors",),
        ("errors", "--json"),
        ("problems",),
        ("report-problem",),
        ("anomalies", "--all"),
        ("drift",),
        ("maintenance",),
        ("silence", "list"),
        ("notices",),
        ("kb", "search", "timeout"),
        ("explain", "status", API),
        *(("explain", one.id) for one in incidents),
        *(("similar", one.id) for one in incidents),
        *(("sql", f"from {view}") for view in ("readings", "errors", "gauges", "deliveries")),
        ("audit", "verify"),
    ):
        net.heal(*command)
    for one in incidents:
        for notice in house.ledger.notices(one.id):
            net.see("notices", json.dumps(payload(notice)))
    net.see("ledger", [one.model_dump_json() for one in incidents])
    house.ledger.close()
    (net.home / CONTROL.lower()).touch()
    logging.getLogger("heal").debug("%s", CONTROL)
    net.refused("control", lambda: detect_file(net.home / f"no-{CONTROL}.csv"))
    for path in sorted(net.home.rglob("*")):
        if path.is_file() and not PRIVATE & set(path.parts):
            net.see("files", path.read_bytes().decode("latin-1"))
            if path.suffix == ".parquet":
                net.see("history", pq.read_table(path).to_pylist())
            if path.parent.name == "reports":
                net.see("reports", path.read_text())
        net.see("file names", path.name)


def a_net(folder: Path) -> Net:
    """A configuration with one system of any kind, a sender, and somebody to be told."""
    (folder / "configuration").mkdir(parents=True)
    call = {"path": "things", "records": "rows"}
    entry = {
        "id": API,
        "name": f"{CONTROL} API",
        "kind": "http_api",
        "settings": {"base_url": "http://127.0.0.1:9", "auth": {"scheme": "none"}, "calls": {"Thing.list": call}},
        "reads": [{"operation": "Thing.list", "component": CONTROL, "calls": 3}],
        "sla": {"error_rate": "1%"},
    }
    policy = {
        "version": "1",
        "owner": "us",
        "channels": [{"route": "console"}],
        "receivers": [{"name": "eyewear", "secrets": ["env:SENDER"]}],
        "escalation": {"after": "1m"},
    }
    (folder / "configuration" / "integrations.yaml").write_text(yaml.safe_dump({"integrations": [entry]}))
    (folder / "configuration" / "policy.yaml").write_text(yaml.safe_dump(policy))
    return Net(folder / "configuration", folder / "home")


@contextlib.contextmanager
def watched(net: Net) -> Iterator[None]:
    """While this lasts, whatever is printed or logged is seen, whoever does it."""
    printed, complained, logged = io.StringIO(), io.StringIO(), io.StringIO()
    handler, root = logging.StreamHandler(logged), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(complained),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("SENDER", SECRET)
            use(net.clock)
            yield
    finally:
        use(None)
        root.removeHandler(handler)
        root.setLevel(before)
        for surface, text in (("output", printed), ("output", complained), ("log", logged)):
            net.see(surface, text.getvalue())


@pytest.fixture(scope="module")
def net(tmp_path_factory) -> Net:
    folder = tmp_path_factory.mktemp("canaries")
    net = a_net(folder)
    with watched(net):
        messages(net)
        words(net)
        records(net, folder)
        logs(net, folder)
        tables(net, folder)
        pages(net, folder)
        mistakes(net)
        asyncio.run(live(net))
        look(net)
    return net


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_nothing_that_is_planted_at_an_entrance_is_found_on_any_surface(net, entrance):
    assert net.did[entrance] >= len(KINDS)
    assert net.held({name: one for name, one in PLANTED.items() if name.endswith(f" at {entrance}")}) == []


def test_what_the_house_has_written_is_for_its_owner_alone(net):
    assert net.home.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="this machine allows no dump anyway")
def test_a_crash_dumps_no_memory():
    limit = "resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2"
    door = f"import resource; resource.setrlimit({limit}); from flows import __main__ as door; "
    ended = "door.leave = lambda _: print(resource.getrlimit(resource.RLIMIT_CORE)[0]); door.main()"
    done = subprocess.run([sys.executable, "-c", door + ended, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n0\n")


def test_what_the_configuration_declares_is_found_on_every_surface(net):
    (incident,) = net.house().ledger.incidents()
    assert incident.diagnosis is not None
    assert incident.escalated_for, "a house that calls nobody cannot say too much to them"
    assert any("Never met before the onset" in one for one in incident.diagnosis.related_factors)
    assert {surface for _, surface in net.held({"control": CONTROL})} >= set(SURFACES)
