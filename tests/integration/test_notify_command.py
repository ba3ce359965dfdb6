"""`heal notify`: each channel tried at once, told in one line each; and what waits, what arrived, what never did."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from flows.__main__ import app
from flows.clock import use
from models.errors import BadInput
from models.gauge import OURSELVES
from models.incident import Event, State
from models.ourselves import WITHHELD
from models.queue import NoticeKind
from tasks import escalate
from tasks.house import House, open_house
from tasks.remember import history
from tests.builders import NOW, a_diagnosis, an_incident
from tests.sinks import KEY, SECRET, Reply, Sink, http_sink
from tests.traffic import Frozen

ENTRY = {
    "id": "any-api",
    "name": "Any API",
    "kind": "http_api",
    "settings": {
        "base_url": "http://127.0.0.1:9",
        "auth": {"scheme": "none"},
        "calls": {"Thing.list": {"path": "things", "records": "rows"}},
    },
    "reads": [{"operation": "Thing.list", "component": "Things"}],
    "contacts": {"owner": "Desk", "vendor": "Vendor", "network": "Desk", "security": "Desk"},
}


@contextmanager
def sinks(**replies: tuple[Reply, ...]):
    """Receivers over HTTP by their channel, in a thread of their own: the command has an event loop of its own."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    found: dict[str, Sink] = {}
    ended = asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            for route, first in replies.items():
                found[route] = await stack.enter_async_context(http_sink(route, *first))
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.fixture
def configured(tmp_path, monkeypatch) -> Callable[..., Path]:
    """A configuration with these channels."""

    def write(channels: list[dict[str, Any]], **policy: Any) -> Path:
        folder = tmp_path / "configuration"
        folder.mkdir(exist_ok=True)
        told = {"version": "1", "owner": "us", "channels": channels, **policy}
        (folder / "policy.yaml").write_text(yaml.safe_dump(told))
        (folder / "integrations.yaml").write_text(yaml.safe_dump({"integrations": [ENTRY]}))
        return folder

    monkeypatch.setenv("KEY", KEY)
    monkeypatch.delenv("HEAL_LEDGER_URL", raising=False)
    use(Frozen(NOW))
    yield write
    use(None)


def heal(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    home = folder.parent / "home"
    done = CliRunner().invoke(
        app, ["notify", *arguments, "--config", str(folder), "--home", str(home)], standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output.splitlines()


def over(route: str, sink: Sink) -> dict[str, Any]:
    url = f"http://localhost:{sink.port}/x"
    return {"route": route, "settings": {"url": url, **({"routing_key": "env:KEY"} if route == "pagerduty" else {})}}


def test_each_channel_is_tried_at_once_and_told_in_a_line(configured, monkeypatch):
    with sinks(pagerduty=(), slack=((403, b"action_prohibited", ()),)) as found:
        monkeypatch.setenv("SLACK", f"http://localhost:{found['slack'].port}/{SECRET}")
        channels = [over("pagerduty", found["pagerduty"]), {"route": "slack", "settings": {"url": "env:SLACK"}}]
        code, lines = heal(
            configured([*channels, {"route": "json_lines", "settings": {"path": "notices.jsonl"}}]), "test"
        )
    assert code == 1
    assert lines[0].startswith("pagerduty: accepted in ")
    assert lines[1].startswith("slack: refused with HTTP 403; an administrator of the Slack workspace must allow")
    assert lines[2].startswith("json_lines: accepted in ")
    assert SECRET not in "".join(lines)


def test_a_test_says_that_it_is_one_and_leaves_nothing_open(configured):
    with sinks(pagerduty=()) as found:
        code, _ = heal(configured([over("pagerduty", found["pagerduty"])]), "test")
        trigger, resolve = found["pagerduty"].told
    assert code == 0
    assert trigger["payload"]["summary"].startswith("TEST, nothing is wrong: LOW: heal notify test")
    assert trigger["payload"]["severity"] == "info"
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == "TEST-20250326T134532Z"


def test_one_channel_alone_can_be_tried(configured):
    folder = configured([{"route": "console"}, {"route": "json_lines", "settings": {"path": "notices.jsonl"}}])
    code, lines = heal(folder, "test", "json_lines")
    assert code == 0
    assert len(lines) == 1
    written = json.loads((folder / "notices.jsonl").read_text())
    assert (written["test"], written["incident"]) == (True, "TEST-20250326T134532Z")


def test_what_is_missing_here_is_our_own_fault(configured, monkeypatch):
    monkeypatch.delenv("NO_SUCH_URL", raising=False)
    folder = configured([{"route": "teams", "settings": {"url": "env:NO_SUCH_URL"}}, {"route": "console"}])
    code, lines = heal(folder, "test")
    assert code == 2
    assert lines[0].startswith(
        "13:45:32 TEST, nothing is wrong: LOW TEST-20250326T134532Z: heal notify test: this channel"
    )
    assert lines[1].startswith("teams: env:NO_SUCH_URL: there is no secret here; set this environment variable")


@pytest.mark.parametrize("arguments", [("test", "pager"), ("send",), ("list", "console")])
def test_what_cannot_be_done_is_one_sentence(configured, arguments):
    with pytest.raises(BadInput, match=r"there are: console|write: heal notify test"):
        heal(configured([{"route": "console"}]), *arguments)


def a_house(folder: Path, clock: Frozen) -> House:
    return open_house(folder, folder.parent / "home", clock, check_secrets=False)


def call(house: House, says: str = "2 of 3 cycles") -> str:
    """An incident of which somebody must hear."""
    told = {"id": "", "integration_id": "any-api", "state": State.SUSPECTED, "moments": ()}
    diagnosis = a_diagnosis(integration_id="any-api", security=True, says=says)
    with house.ledger.change("test", house.clock.now()) as change:
        opened = change.open_incident(an_incident(**told, diagnosis=diagnosis))
        incident = change.save_incident(opened.advance(Event.CONFIRMED, house.clock.now(), "3 of 5"))
    assert escalate.consider_escalation(house, incident, None) is not None
    return incident.id


def test_the_list_shows_whom_a_channel_reaches_and_how_its_notices_fared(configured):
    with sinks(webhook=((503, b"", ()),) * 9) as found:
        hook = {"url": f"http://localhost:{found['webhook'].port}/x", "secret": "env:KEY"}
        channels = [
            {"route": "console"},
            {"route": "webhook", "settings": hook},
            {"route": "json_lines", "settings": {"path": "gone/notices.jsonl"}},
        ]
        groups = {"Desk": ["console", "webhook"], "Vendor": ["webhook"]}
        folder, clock = configured(channels, groups=groups), Frozen(NOW)
        house = a_house(folder, clock)
        name = call(house)
        assert asyncio.run(escalate.deliver(house)) == 1
        with house.ledger.change("test", NOW) as change:
            change.notify(name, NoticeKind.RESOLVE, ["console"])
        waiting = house.ledger.due_notices(NOW, 9, "test")
        with house.ledger.change("test", NOW) as change:
            for notice in waiting:
                change.not_delivered(notice.id, "Permanent", None)
        house.ledger.close()
    code, lines = heal(folder, "list")
    assert code == 0
    assert [line.split() for line in lines[1:]] == [
        ["console", "Desk", "2025-03-26T13:45:32Z", "0", "1"],
        ["webhook", "Desk,", "Vendor", "never", "1", "0"],
        ["json_lines", "nobody", "never", "0", "0"],
    ]


def test_a_notice_without_its_details_is_counted_told_of_and_goes_out(configured, caplog):
    folder, clock = configured([{"route": "json_lines", "settings": {"path": "notices.jsonl"}}]), Frozen(NOW)
    house = a_house(folder, clock)
    name = call(house, says="no answer for MRN00482917")
    assert asyncio.run(escalate.deliver(house)) == 1
    house.ledger.close()
    written = (folder / "notices.jsonl").read_text()
    assert json.loads(written)["withheld"] is True
    assert (name in written, "MRN00482917" in written, "Any API" in written) == (True, False, True)
    assert "MRN00482917" not in caplog.text
    rows = history(house.home).sql(f"FROM gauges WHERE metric = '{WITHHELD}'").fetchall()
    assert len(rows) == 1
    assert OURSELVES in rows[0]
    assert "json_lines" in rows[0]
