"""Each kind of actuator against the real thing: processes, a server that is called, files with readers."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from models.actuator import Role
from tasks.actuators import command, file, http_call
from tasks.actuators._interface import Errand, Unknown
from tasks.signing import Keys, signer
from tests.builders import an_integration
from tests.clocks import MovedClock
from tests.sockets import answer, serving

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 5, 15, 0, 0, 250_000, tzinfo=UTC)
KEY = "ab" * 32
SECRET = "s3cret-CANARY-of-the-engine"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def errand(home: Path = Path(), **changes: Any) -> Errand:
    told = {"incident_id": "INC-2026-03-05-001", "action_id": "ACT-2026-03-05-001", "key": KEY, "since": NOW}
    return Errand(Role.RESTART, an_integration(), MovedClock(NOW), **{**told, "home": home, "base": home, **changes})


# --- command ---------------------------------------------------------------------------------------------------------


def python(code: str, *rest: str) -> list[str]:
    return [sys.executable, "-c", code, *rest]


@pytest.mark.parametrize(
    ("code", "ok", "says"),
    [
        pytest.param("print('Patient/123')", True, "the command ended with 0 and wrote 12 bytes", id="it worked"),
        pytest.param("import sys; sys.exit(3)", False, "the command ended with 3 and wrote 0 bytes", id="it did not"),
        pytest.param("print('x' * 10**6)", True, "the command ended with 0 and wrote 1000001 bytes", id="chatty"),
    ],
)
async def test_of_a_command_only_its_exit_code_and_how_much_it_said_is_kept(code, ok, says):
    done = await command.apply(errand(), command.Settings(run=python(code)))
    assert (done.ok, done.says) == (ok, says)


async def test_a_command_sees_a_bare_environment_and_what_placeholders_stand_for(tmp_path, monkeypatch):
    monkeypatch.setenv("UNITY_PASSWORD", SECRET)
    code = "import os, sys, json; json.dump([sorted(os.environ), sys.argv[1:]], open(sys.argv[1], 'w'))"
    out = tmp_path / "out"
    run = python(code, str(out), "{key} of {integration}; $HOME `id`")
    assert (await command.apply(errand(), command.Settings(run=run))).ok
    names, argv = json.loads(out.read_text())
    assert {name for name in names if not name.startswith("HEAL_")} <= {"LANG", "PATH", "LC_CTYPE"}
    assert argv[1] == f"{KEY} of epic-fhir-main; $HOME `id`"


async def test_at_its_deadline_a_command_is_killed_with_its_whole_group_and_its_effect_is_unknown(tmp_path):
    code = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
    )
    settings = command.Settings(run=python(code, str(tmp_path / "pid")), timeout="1s")
    with pytest.raises(Unknown, match="killed after 1 s"):
        await command.apply(errand(), settings)
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int, patience_s: float = 5.0) -> bool:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(("code", "seen"), [(0, True), (1, False), (2, None)])
async def test_whether_a_command_is_in_place_is_its_observers_exit_code(code, seen):
    settings = command.Settings(run=python("pass"), observe=python(f"import sys; sys.exit({code})"))
    assert await command.observe(errand(), settings) is seen
    assert await command.observe(errand(), command.Settings(run=python("pass"))) is None


async def test_a_program_that_is_not_there_has_done_nothing(tmp_path):
    settings = command.Settings(run=[str(tmp_path / "none")])
    done = await command.apply(errand(), settings)
    assert (done.ok, done.says) == (False, "the command could not be started (FileNotFoundError)")
    (tmp_path / "none").write_text("#!/bin/sh\n")
    (tmp_path / "none").chmod(0o777)
    assert [says for _, says in command.objections(settings)] == [
        f"`run`: everybody may change {tmp_path}/none; `chmod o-w` it"
    ]


# --- http_call -------------------------------------------------------------------------------------------------------


class Engine:
    """An administrative API: keeps what it is asked, and answers as it is told."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.heads, self.bodies = list(answers), [], []

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        self.heads.append((head.split(" HTTP")[0], headers))
        self.bodies.append(await reader.readexactly(int(headers.get("content-length", 0))))
        if self.answers:
            writer.write(self.answers.pop(0))
            await writer.drain()


def settings_for(port: int, **changes: Any) -> http_call.Settings:
    told = {
        "url": f"http://127.0.0.1:{port}/channels/{{target}}/restart",
        "target": "orders",
        "body": {"reason": "{incident}", "times": 1},
        "headers": {"Authorization": "env:HEAL_TEST_ENGINE", "X-Site": "main"},
        "signing_secret": "env:HEAL_TEST_SIGNING",
        "timeout": "1s",
    }
    return http_call.Settings.model_validate(told | changes)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEAL_TEST_ENGINE", SECRET)
    monkeypatch.setenv("HEAL_TEST_SIGNING", "whsec_" + "A" * 40)


async def test_a_call_is_templated_signed_and_bears_the_plans_hash():
    engine = Engine(answer(b""))
    async with serving(engine.behave) as port:
        done = await http_call.apply(errand(), settings_for(port))
    assert (done.ok, done.says) == (True, "answered with HTTP 200")
    ((line, headers),) = engine.heads
    assert line == "POST /channels/orders/restart"
    assert headers["idempotency-key"] == headers["webhook-id"] == KEY
    assert (headers["authorization"], headers["x-site"]) == (SECRET, "main")
    assert json.loads(engine.bodies[0]) == {"reason": "INC-2026-03-05-001", "times": 1}
    keys = (Keys("us", (bytes(30),)),)
    assert signer(keys, headers, engine.bodies[0], NOW) == "us"
    assert signer(keys, headers, engine.bodies[0] + b" ", NOW) is None


async def test_the_undoing_call_has_a_key_of_its_own():
    engine = Engine(answer(b"", status="204 No Content"))
    async with serving(engine.behave) as port:
        undo = {"method": "DELETE", "url": f"http://127.0.0.1:{port}/pause"}
        assert (await http_call.undo(errand(), settings_for(port, undo=undo))).ok
    assert engine.heads[0][0] == "DELETE /pause"
    assert engine.heads[0][1]["idempotency-key"] == f"{KEY}-undo"


@pytest.mark.parametrize(
    ("reply", "came_of_it"),
    [
        pytest.param(answer(b"", status="202 Accepted"), True, id="taken"),
        pytest.param(answer(b"", status="302 Found"), False, id="sent elsewhere: never followed"),
        pytest.param(answer(b"", status="409 Conflict"), False, id="refused"),
        pytest.param(answer(b"", status="503 Service Unavailable"), None, id="a server error may have done it"),
        pytest.param(b"", None, id="hung up without an answer"),
    ],
)
async def test_a_refusal_is_known_and_silence_is_not(reply, came_of_it):
    engine = Engine(reply)
    async with serving(engine.behave) as port:
        if came_of_it is None:
            with pytest.raises(Unknown):
                await http_call.apply(errand(), settings_for(port))
        else:
            assert (await http_call.apply(errand(), settings_for(port))).ok is came_of_it
    assert len(engine.heads) == 1


async def test_where_nobody_listens_nothing_was_done(free_tcp_port):
    done = await http_call.apply(errand(), settings_for(free_tcp_port))
    assert (done.ok, done.says) == (False, "nobody was reached (connection_refused)")


NEWER, SAME = {"path": "at", "newer": True}, {"path": "last.key", "equals": "{key}"}


@pytest.mark.parametrize(
    ("wanted", "reply", "seen"),
    [
        pytest.param(SAME, {"last": {"key": KEY}}, True, id="our key"),
        pytest.param(SAME, {"last": {"key": "another"}}, False, id="somebody else's"),
        pytest.param(SAME, {"last": None}, None, id="no key there"),
        pytest.param({"path": "up", "equals": True}, {"up": 1}, False, id="1 is not true"),
        pytest.param(NEWER, {"at": "2026-03-05T15:00:00Z"}, True, id="in the same second"),
        pytest.param(NEWER, {"at": "2026-03-05T14:59:59Z"}, False, id="before us"),
        pytest.param(NEWER, {"at": NOW.timestamp() * 1000 + 5}, True, id="in milliseconds"),
        pytest.param(NEWER, {"at": "2026-03-05T15:00:01"}, None, id="of an unknown zone"),
        pytest.param(NEWER, {"at": "soon"}, None, id="no instant"),
    ],
)
async def test_whether_a_call_is_in_place_is_read_from_an_answer(wanted, reply, seen):
    async with serving(Engine(answer(json.dumps(reply).encode())).behave) as port:
        observe = {"url": f"http://127.0.0.1:{port}/channels/{{target}}", **wanted}
        assert await http_call.observe(errand(), settings_for(port, observe=observe)) is seen


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"url": "https://{target}.example.org/x"}, "in the path only", id="a host from a template"),
        pytest.param({"url": "https://a.example.org/{patient}"}, "may stand in braces", id="another placeholder"),
        pytest.param({"body": {"a": [{"b": "{password}"}]}}, "may stand in braces", id="deep in a body"),
        pytest.param({"body": {"a": "env:HOME"}}, "a body holds none", id="a secret in a body"),
        pytest.param({"headers": {"Idempotency-Key": "1"}}, "ours to write", id="our header"),
        pytest.param({"observe": {"url": "http://127.0.0.1:1/", "path": "a"}}, "either `equals`", id="to what"),
        pytest.param({"undo": {"url": "https://b.example.org/x"}}, "the same host", id="credentials for another host"),
    ],
)
def test_what_a_call_may_not_say_is_refused(changes, says):
    with pytest.raises(ValidationError, match=says):
        settings_for(1, **changes)


async def test_a_dry_run_calls_nobody_and_shows_no_secret():
    engine = Engine()
    async with serving(engine.behave) as port:
        bare = Errand(Role.RESTART, an_integration(), MovedClock(NOW))
        told = http_call.dry_run(bare, settings_for(port))
    assert told == (
        f"POST http://127.0.0.1:{port}/channels/orders/restart with reason, times as Authorization, X-Site say, signed"
    )
    assert engine.heads == []
    run = command.Settings(run=["/bin/restart", "{key}", "{integration}"])
    assert command.dry_run(bare, run) == "run /bin/restart {key} epic-fhir-main, for 10 s at most"


# --- file ------------------------------------------------------------------------------------------------------------

READ = "import sys; sys.exit('second' in open(sys.argv[1]).read())"
ROUTES = "# gateways\nepic:\n  upstream: main  # or second\n" + "  line7: 7\n" + "# a line that nobody reads\n" * 2000


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    page = tmp_path / "routes.yaml"
    page.write_text(ROUTES)
    page.chmod(0o640)
    return page


def route(page: Path, **changes: Any) -> file.Settings:
    told = {"path": str(page), "format": "yaml", "key": "epic.upstream", "to": "second"}
    return file.Settings.model_validate(told | changes)


async def intended(home: Path, settings: file.Settings) -> Errand:
    return errand(home, previous=await file.before(errand(home), settings))


async def test_a_reader_sees_the_old_file_or_the_new_and_undoing_restores_every_byte(tmp_path, routes):
    settings, seen, over = route(routes), set(), threading.Event()

    def read_on() -> None:
        while not over.is_set():
            seen.add(routes.read_text())

    reader = threading.Thread(target=read_on)
    reader.start()
    sent = await intended(tmp_path / "home", settings)
    for _ in range(10):
        assert (await file.apply(sent, settings)).ok
        assert await file.observe(sent, settings) is True
        assert (await file.undo(sent, settings)).ok
        assert await file.observe(sent, settings) is False
        sent = await intended(tmp_path / "home", settings)
    over.set()
    reader.join()
    assert seen <= {ROUTES, ROUTES.replace("main  #", '"second"  #')}
    assert (routes.read_text(), routes.stat().st_mode & 0o777) == (ROUTES, 0o640)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["home", "routes.yaml"]


async def test_what_is_kept_for_undoing_is_for_us_alone(tmp_path, routes):
    sent = await intended(tmp_path / "home", route(routes))
    (kept,) = (tmp_path / "home" / file.KEPT).iterdir()
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "main" not in str(sent.previous)


async def test_what_somebody_wrote_meanwhile_stays(tmp_path, routes):
    settings = route(routes)
    sent = await intended(tmp_path / "home", settings)
    assert (await file.apply(sent, settings)).ok
    routes.write_text(routes.read_text().replace("line7: 7\n", "line7: 8\n"))
    assert (await file.undo(sent, settings)).ok
    assert routes.read_text() == ROUTES.replace("main  #", '"main"  #').replace("line7: 7\n", "line7: 8\n")


async def test_a_key_that_is_not_ours_any_more_is_left_alone(tmp_path, routes):
    settings = route(routes)
    sent = await intended(tmp_path / "home", settings)
    assert (await file.apply(sent, settings)).ok
    theirs = routes.read_text().replace('"second"', '"third"')
    routes.write_text(theirs)
    assert (await file.undo(sent, settings)).ok
    assert routes.read_text() == theirs


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"check": python(READ, "{file}")}, "its check ended with 1", id="its check"),
        pytest.param({"key": "epic.colour"}, "cannot be changed", id="no such key"),
        pytest.param({"format": "toml"}, "cannot be changed", id="another format"),
    ],
)
async def test_a_file_that_would_be_wrong_is_not_written(tmp_path, routes, changes, says):
    settings = route(routes, **changes)
    done = await file.apply(await intended(tmp_path / "home", settings), settings)
    assert not done.ok
    assert says in done.says
    assert routes.read_text() == ROUTES


async def test_a_link_is_never_followed(tmp_path, routes):
    link, folder = tmp_path / "link.yaml", tmp_path / "folder"
    link.symlink_to(routes)
    folder.symlink_to(tmp_path)
    for place in (link, folder / "routes.yaml"):
        settings = route(place)
        assert not (await file.apply(replace(errand(tmp_path), previous="{}"), settings)).ok
        assert [key for key, _ in file.objections(settings)] == ["path"]
    assert routes.read_text() == ROUTES
    with pytest.raises(ValidationError, match="write the whole path"):
        route(Path("/etc/../etc/x"))
    assert link.readlink() == routes
