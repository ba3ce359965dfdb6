"""A notice on its way through the ledger to a real receiver: stages, outbox, calls that go further, and answers."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner

from flows.__main__ import app
from flows.clock import WallClock
from models.anomaly import Severity
from models.channel import Channel
from models.errors import BadInput
from models.incident import Event
from models.notify.calling import Calling, CallState
from models.notify.chain import Link
from models.notify.silence import Matcher
from models.queue import NoticeState
from tasks import calling, outbox
from tasks.acknowledge import acknowledge
from tasks.escalate import consider_escalation
from tasks.house import House, open_house
from tasks.ledger import Change, open_ledger
from tasks.ledger.tables import REVISION
from tasks.outbox import deliver
from tasks.receive import application
from tasks.silence import begin_silence, end_silence
from tests.builders import a_diagnosis
from tests.clocks import MovedClock
from tests.paging import (
    AT,
    HOUR,
    MINUTE,
    Pager,
    Reply,
    a_paged_house,
    answering,
    break_down,
    one_round,
    paged,
    recover,
    rounds,
    systems,
)

pytestmark = pytest.mark.anyio
GROUPS = {
    "Integration Team": ("webhook",),
    "Vendor Support": ("webhook",),
    "Network Operations": ("webhook",),
    "Security": ("webhook",),
    "Head": ("console",),
}
CONSOLE = (Channel(route="console"),)
REFUSES, FAILS = Reply(takes=False, status=400), Reply(takes=False, status=500)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("HEAL_LEDGER_URL", raising=False)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(AT)


Open = Callable[..., Any]


@pytest.fixture
def scene(tmp_path, clock) -> Open:
    """A pager and its house, for a `with` block."""

    @asynccontextmanager
    async def opened(*integrations: Any, **policy: Any) -> AsyncIterator[tuple[House, Pager]]:
        async with paged(Pager(now=clock.now)) as pager:
            house = a_paged_house(tmp_path / "home", pager.port, clock, *integrations, **policy)
            try:
                yield house, pager
            finally:
                house.ledger.close()

    return opened


def states(house: House, subject: str) -> list[tuple[str, str, str]]:
    return [(one.kind.value, one.route, one.state.value) for one in house.ledger.notices(subject)]


async def test_what_is_p1_is_told_at_once_and_what_is_p2_when_it_lasts(scene, clock):
    async with scene(*systems("epic", "unity", "portal")) as (house, pager):
        grave = break_down(house, "epic", Severity.CRITICAL)
        lasting = break_down(house, "unity", Severity.HIGH)
        break_down(house, "portal", Severity.MEDIUM)
        await one_round(house)
        assert pager.pages == [grave.id]
        await rounds(house, clock, 10 * MINUTE)
        assert pager.pages == [grave.id]
        await rounds(house, clock, MINUTE)
        assert pager.pages == [grave.id, lasting.id]
        assert house.ledger.incident(lasting.id).warned_for == "P2-not-healed-at-once"
        assert house.ledger.escalation(grave.id) is None, "nobody is needed yet, and the report says so"


async def test_a_child_waits_for_its_parent_and_is_told_when_it_outlives_it(scene, clock):
    integrations = (*systems("idp"), *systems("epic", depends_on=("idp",)))
    async with scene(*integrations) as (house, pager):
        child = break_down(house, "epic")
        await one_round(house)
        assert pager.pages == []
        parent = break_down(house, "idp")
        await rounds(house, clock, 5 * MINUTE)
        assert pager.pages == [parent.id]
        (withheld,) = house.ledger.notices(child.id)
        assert (withheld.state, withheld.stage) == (NoticeState.HELD, "inhibit")
        assert withheld.because == "it only depends on idp, which ails"
        recover(house, parent.id)
        await rounds(house, clock, 2 * MINUTE)
        assert pager.pages == [parent.id, child.id]
        assert (parent.id, "resolve") in [(subject, kind) for _, subject, kind in pager.took]


async def test_a_silence_withholds_and_at_its_end_what_is_still_broken_is_told(scene, clock):
    async with scene(*systems("epic", "unity")) as (house, pager):
        known = break_down(house, "epic")
        await one_round(house)
        silence = begin_silence(house, Matcher(severity=Severity.CRITICAL), HOUR, "NOC", "planned move")
        mended, broken = break_down(house, "unity"), known
        await rounds(house, clock, 20 * MINUTE)
        assert pager.pages == [known.id]
        assert house.ledger.notices(mended.id)[0].because.startswith(f"{silence.id} by NOC")
        recover(house, mended.id)
        await rounds(house, clock, 45 * MINUTE)
        assert pager.pages == [known.id, broken.id]
        assert pager.bodies[-1]["says"] == f"still broken after the silence {silence.id}"
        assert states(house, mended.id) == [("trigger", "webhook", "collapsed")]


async def test_suppression_hides_no_resolution_of_what_was_told(scene, clock):
    async with scene() as (house, pager):
        told = break_down(house, "epic")
        await one_round(house)
        begin_silence(house, Matcher(integration_id="epic"), HOUR, "NOC", "planned move")
        recover(house, told.id)
        await rounds(house, clock, MINUTE)
        assert [kind for _, _, kind in pager.took] == ["trigger", "resolve"]


@pytest.mark.parametrize(
    ("lasts", "says"),
    [
        pytest.param(timedelta(hours=25), "a silence lasts 24h at most", id="too long"),
        pytest.param(timedelta(0), "a silence lasts 24h at most", id="nothing"),
    ],
)
async def test_a_silence_is_short(scene, lasts, says):
    async with scene() as (house, _):
        with pytest.raises(BadInput, match=says):
            begin_silence(house, Matcher(integration_id="epic"), lasts, "NOC", "planned move")
        with pytest.raises(BadInput, match="no silence SIL-9 holds"):
            end_silence(house, "SIL-9", "NOC")


async def test_security_is_told_through_every_silence(scene):
    async with scene() as (house, pager):
        begin_silence(house, Matcher(integration_id="epic"), HOUR, "NOC", "planned move")
        stolen = break_down(house, "epic", Severity.MEDIUM, diagnosis=a_diagnosis(security=True))
        consider_escalation(house, house.ledger.incident(stolen.id), None)
        assert await deliver(house) == 1
        assert pager.pages == [stolen.id]


async def test_of_a_group_that_ended_who_still_ails_is_told(scene, clock):
    names = [f"s{n}" for n in range(8)]
    async with scene(*systems(*names)) as (house, pager):
        broken = [break_down(house, name) for name in names]
        await one_round(house)
        (lead,) = pager.pages
        assert pager.bodies[0]["says"] == "with 7 more: s1, s2, s3 and 4 others"
        for incident in broken[:4]:
            recover(house, incident.id)
        await rounds(house, clock, 2 * MINUTE)
        assert [(subject, kind) for _, subject, kind in pager.took][:2] == [(lead, "trigger"), (lead, "resolve")]
        assert len(pager.pages) > 1
        assert set(pager.pages[1:]) <= {one.id for one in broken[4:]}


# --- the outbox ------------------------------------------------------------------------------------------------------


async def test_a_refusal_goes_over_another_channel_at_once(scene, capsys):
    groups = dict.fromkeys(GROUPS, ("webhook",))
    async with scene(channels=CONSOLE, groups=groups) as (house, pager):
        pager.reply = lambda _: REFUSES
        told = break_down(house, "epic")
        await one_round(house)
        await deliver(house)
        assert states(house, told.id) == [("trigger", "webhook", "dead"), ("trigger", "console", "delivered")]
        assert told.id in capsys.readouterr().err
        (_, instead) = house.ledger.notices(told.id)
        assert instead.instead_of == f"{told.id}/1/webhook"


@pytest.mark.parametrize(
    ("severity", "after_3_min", "after_a_day"),
    [
        pytest.param(Severity.CRITICAL, ["waiting", "delivered"], ["waiting", "delivered"], id="P1: another channel"),
        pytest.param(Severity.MEDIUM, ["waiting"], ["expired"], id="P3: not worth telling after a day"),
    ],
)
async def test_what_no_channel_takes(scene, clock, capsys, severity, after_3_min, after_a_day):
    groups = dict.fromkeys(GROUPS, ("webhook",))
    async with scene(channels=CONSOLE, groups=groups) as (house, pager):
        pager.reply = lambda _: FAILS
        told = break_down(house, "epic", severity, diagnosis=a_diagnosis(remedies=()))
        consider_escalation(house, house.ledger.incident(told.id), None)
        await rounds(house, clock, 5 * MINUTE)
        first = [state for kind, _, state in states(house, told.id) if kind == "trigger"]
        assert first == after_3_min
        clock.move(timedelta(days=1))
        await deliver(house)
        last = [one.state.value for one in house.ledger.notices(told.id) if not one.is_again]
        assert last == after_a_day
        assert capsys.readouterr().err.count(told.id) >= after_3_min.count("delivered")


async def test_a_receiver_that_says_how_long_is_left_alone_for_so_long(scene, clock):
    async with scene() as (house, pager):
        pager.reply = lambda _: Reply(takes=len(pager.came) > 0, status=200 if pager.came else 429, wait_s=400)
        break_down(house, "epic")
        await one_round(house)
        await rounds(house, clock, 390 * timedelta(seconds=1), timedelta(seconds=30))
        assert len(pager.came) == 1
        await rounds(house, clock, MINUTE, timedelta(seconds=10))
        assert len(pager.took) == 1


def test_a_pause_is_drawn_and_no_longer_than_an_hour():
    assert outbox.pause_s(3, lambda: 0.5) == 2 + 0.5 * 16
    assert outbox.wait_s(outbox.Transient("later", retry_after_s=7200.0), 1, lambda: 0.0) == 3600
    assert outbox.wait_s(outbox.Transient("later"), 1, lambda: 0.0) == 2


async def test_a_channel_is_handed_no_more_than_it_takes(scene, clock):
    async with scene(*systems("a", "b", "c")) as (house, pager):
        channel = house.configuration.policy.channels[0].model_copy(update={"at_most": 1, "within": 4 * MINUTE})
        policy = house.configuration.policy.model_copy(update={"channels": (channel,)})
        object.__setattr__(house, "configuration", house.configuration.model_copy(update={"policy": policy}))
        for name in "abc":
            break_down(house, name)
        await one_round(house)
        assert len(pager.took) == 1
        await rounds(house, clock, 9 * MINUTE)
        came = [at for at, _, _ in pager.came]
        assert len(pager.took) == 3
        assert all(later - earlier >= 4 * MINUTE for earlier, later in pairwise(came))


async def test_nothing_to_do_is_one_question(scene, monkeypatch):
    async with scene() as (house, _):
        asked: list[str] = []
        house.ledger.stirring()
        for name in ("_reading", "_writing"):
            plain = getattr(house.ledger, name)
            monkeypatch.setattr(house.ledger, name, lambda plain=plain, name=name: asked.append(name) or plain())
        assert await deliver(house) == 0
        assert asked == ["_reading"]


# --- who is called next ----------------------------------------------------------------------------------------------

CHAINED = {
    "groups": GROUPS,
    "chains": {"Integration Team": Link(then="Head"), "Vendor Support": Link(then="Head")},
    "channels": CONSOLE,
}


def steps_of(house: House, subject: str) -> list[tuple[int, str]]:
    return [
        (int((one.queued_at - AT).total_seconds() // 60), one.route)
        for one in house.ledger.notices(subject)
        if one.kind.value == "trigger"
    ]


async def test_nobody_answers_so_others_are_called_until_somebody_does(scene, clock, capsys):
    async with scene(**CHAINED) as (house, pager):
        told = break_down(house, "epic")
        await one_round(house)
        await rounds(house, clock, 32 * MINUTE)
        assert steps_of(house, told.id) == [(0, "webhook"), (10, "console"), (30, "webhook")]
        answered = acknowledge(house, told.id, "Kim of the NOC")
        assert answered.is_new
        assert not acknowledge(house, told.id, "Lee").is_new
        await rounds(house, clock, 25 * MINUTE)
        assert [kind for _, _, kind in pager.took] == ["trigger", "trigger", "acknowledge"]
        assert "ACKNOWLEDGED" in capsys.readouterr().err
        await rounds(house, clock, 3 * HOUR)
        assert steps_of(house, told.id)[3:] == [(62, "webhook")]
        recover(house, told.id)
        await rounds(house, clock, 5 * HOUR)
        assert pager.took[-1][2] == "resolve"
        assert house.ledger.kept(Calling, told.id).state is CallState.OVER


async def test_a_process_that_is_killed_between_two_steps_leaves_the_timer_to_the_next(scene, tmp_path):
    """It dies after the receiver took the first call and before that is written down; the rest is done by others."""
    async with scene(**CHAINED) as (house, pager):
        told = break_down(house, "epic")
        house.ledger.close()
        for minute, dies in ((0, True), (2, False), (9, False), (10, True), (13, False), (29, False), (31, False)):
            done = await a_process(tmp_path / "home", pager.port, minute, dies)
            assert done == (-signal.SIGKILL if dies else 0)
        assert steps_of(house, told.id) == [(0, "webhook"), (10, "console"), (31, "webhook")]
        assert pager.pages == [told.id] * 3, "told, told again because nobody knew that it arrived, and called again"
        assert {one.state.value for one in house.ledger.notices(told.id)} == {"delivered"}


async def a_process(home: Path, port: int, minute: int, dies: bool) -> int | None:
    """One look at everything by a process of its own, at this minute; how it ended."""
    process = multiprocessing.get_context("fork").Process(target=look, args=(home, port, minute, dies))
    process.start()
    await asyncio.to_thread(process.join, 30)
    return process.exitcode


def look(home: Path, port: int, minute: int, dies: bool) -> None:
    house = a_paged_house(home, port, MovedClock(AT + minute * MINUTE), **CHAINED)
    if dies:
        Change.delivered = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    asyncio.run(one_round(house))


async def test_of_two_monitors_that_saw_the_same_timer_one_takes_the_step(scene, clock):
    async with scene(**CHAINED) as (house, _):
        told = break_down(house, "epic")
        await one_round(house)
        clock.move(10 * MINUTE)
        seen, active = house.ledger.kept(Calling, told.id), house.ledger.incidents(active_only=True)
        assert [calling.look(house, seen, active) for _ in range(2)] == [True, False]
        assert steps_of(house, told.id) == [(0, "webhook"), (10, "console")]


async def test_nobody_is_called_while_it_is_quiet_and_the_step_is_made_up_for(scene, clock):
    async with scene(**CHAINED) as (house, _):
        told = break_down(house, "epic")
        await one_round(house)
        silence = begin_silence(house, Matcher(integration_id="epic"), 15 * MINUTE, "NOC", "planned move")
        await rounds(house, clock, 14 * MINUTE)
        assert steps_of(house, told.id) == [(0, "webhook")]
        await rounds(house, clock, 2 * MINUTE)
        assert (15, "console") in steps_of(house, told.id)
        assert house.ledger.kept(type(silence), silence.id).state == "ended"


async def test_whoever_answers_what_nobody_was_called_for_is_told(scene, clock):
    async with scene() as (house, _):
        quiet = break_down(house, "epic", Severity.MEDIUM)
        with pytest.raises(BadInput, match="nobody was called about"):
            acknowledge(house, quiet.id, "Kim")
        with pytest.raises(BadInput, match="--by"):
            acknowledge(house, quiet.id, "x" * 400)
        with house.ledger.change("tests", clock.at) as change:
            well = change.incident(quiet.id).advance(Event.RECOVERED, clock.at, "well", restored_at=clock.at)
            change.save_incident(well.advance(Event.QUIET, clock.at, "quiet", resolved_at=clock.at))
        with pytest.raises(BadInput, match="nothing to acknowledge any more"):
            acknowledge(house, quiet.id, "Kim")


# --- the link --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def desk(house: House, port: int) -> AsyncIterator[None]:
    config = uvicorn.Config(application(house), port=port, ws="none", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has nothing else to wait for
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def test_a_link_is_answered_by_a_person_and_not_by_its_preview(scene, clock, unused_port):
    async with scene(acknowledge=answering(unused_port)) as (house, pager):
        told = break_down(house, "epic")
        await one_round(house)
        link = pager.bodies[0]["acknowledge"]
        async with desk(house, unused_port), httpx.AsyncClient() as browser:
            for _ in range(3):
                seen = await browser.get(link)
                assert (seen.status_code, "I have heard" in seen.text) == (200, True)
            assert house.ledger.kept(Calling, told.id).state is CallState.CALLING
            assert "default-src 'none'" in seen.headers["content-security-policy"]
            refused = await browser.post(link, data={"by": "<b>" + "9" * 9})
            assert (refused.status_code, "<b>9" in refused.text) == (400, False)
            first = await browser.post(link, data={"by": "Kim"})
            before = house.ledger.incident(told.id)
            again = await browser.post(link, data={"by": "Lee"})
            assert (first.status_code, again.status_code) == (200, 200)
            assert "By <b>Kim</b>" in first.text
            assert "By <b>Kim</b>" in again.text
            assert house.ledger.incident(told.id) == before
            for wrong in (link[:-3] + "abc", link[:-1], link + "x", link.replace("~", "~~"), link.rpartition("~")[0]):
                assert (await browser.post(wrong, data={"by": "Eve"})).status_code == 404
            recover(house, told.id)
            await rounds(house, clock, MINUTE)
            assert (await browser.get(link)).status_code == 410
    assert [kind for _, _, kind in pager.took] == ["trigger", "acknowledge", "resolve"]


async def test_a_link_ends_after_a_day(scene, clock, unused_port):
    async with scene(acknowledge=answering(unused_port)) as (house, pager):
        break_down(house, "epic")
        await one_round(house)
        async with desk(house, unused_port), httpx.AsyncClient() as browser:
            clock.move(timedelta(hours=24))
            assert (await browser.get(pager.bodies[0]["acknowledge"])).status_code == 410


@pytest.fixture
def unused_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# --- on a terminal ---------------------------------------------------------------------------------------------------

WATCHED = """\
integrations:
  - id: epic
    name: Epic FHIR API
    kind: epic_fhir
    settings: { base_url: https://fhir.example.org/R4, client_id: our-app, key_id: key-1, private_key: env:NO_KEY }
    reads: [{ operation: Patient.search, component: Patient API }]
"""


def heal(place: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*arguments, "--config", str(place), "--home", str(place / "home")])
    return (2, str(done.exception)) if isinstance(done.exception, BadInput) else (done.exit_code, done.output)


async def test_people_ask_for_quiet_and_answer_on_a_terminal(tmp_path):
    (tmp_path / "integrations.yaml").write_text(WATCHED)
    (tmp_path / "policy.yaml").write_text('version: "1"\nowner: us\n')
    quiet = ("silence", "add", "--integration", "epic", "--for", "2h", "--reason", "planned move", "--by", "NOC")
    assert heal(tmp_path, "silence", "list") == (0, "Nothing is silenced.\n")
    assert heal(tmp_path, "notices") == (0, "Nobody was told of anything.\n")
    code, said = heal(tmp_path, *quiet)
    assert (code, "quiet until" in said) == (0, True)
    name = said.split(":")[0]
    house = open_house(tmp_path, tmp_path / "home", WallClock(), check_secrets=False)
    told = break_down(house, "epic")
    await one_round(house)
    for arguments, shown in (
        (("silence", "list"), "integration epic"),
        (("notices",), "planned move"),
        (("notices", told.id), f"silence: {name}"),
    ):
        code, said = heal(tmp_path, *arguments)
        assert (code, shown in " ".join(said.split())) == (0, True), said
    assert heal(tmp_path, "silence", "end", name, "--by", "NOC")[0] == 0
    await one_round(house)
    assert states(house, told.id) == [("trigger", "console", "delivered")]
    assert heal(tmp_path, "ack", told.id, "--by", "Kim") == (
        0,
        f"{told.id}: acknowledged by Kim. Nobody else is called.\n",
    )
    assert "Kim acknowledged it at" in heal(tmp_path, "ack", told.id, "--by", "Lee")[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("silence", "add", "--integration", "epic"), "say how long, why and who", id="too little"),
        pytest.param(
            ("silence", "add", "--integration", "nobody", "--for", "1h", "--reason", "a move", "--by", "us"),
            "no integration",
            id="who is that",
        ),
        pytest.param(
            ("silence", "add", "--for", "1h", "--reason", "a move", "--by", "us"),
            "name what is to be quiet",
            id="everything",
        ),
        pytest.param(
            ("silence", "add", "--integration", "epic", "--for", "25h", "--reason", "a move", "--by", "us"),
            "24h at most",
            id="for ever",
        ),
        pytest.param(
            ("silence", "add", "--cause", "bad_luck", "--for", "1h", "--reason", "a move", "--by", "us"),
            "there is no such cause",
            id="a cause that nobody knows",
        ),
        pytest.param(
            ("silence", "add", "--watch", "stars", "--for", "1h", "--reason", "a move", "--by", "us"),
            "there is no such watch; there are: ahead, bridges",
            id="a watch that nobody keeps",
        ),
        pytest.param(("silence", "end"), "say which and who", id="which"),
        pytest.param(("silence", "end", "SIL-1", "--by", "us"), "no silence SIL-1 holds", id="which there is not"),
        pytest.param(("ack", "INC-1", "--by", "us"), "the ledger knows no incident", id="of what"),
        pytest.param(("notices", "epic"), "write the id of an incident or an alert", id="of whom"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path, arguments, says):
    (tmp_path / "integrations.yaml").write_text(WATCHED)
    (tmp_path / "policy.yaml").write_text('version: "1"\nowner: us\n')
    code, said = heal(tmp_path, *arguments)
    assert (code, says in said) == (2, True), said


# --- ledgers of before -----------------------------------------------------------------------------------------------


def test_a_ledger_of_before_goes_on_with_what_it_had_in_its_outbox(tmp_path):
    """As revision 0003 left it: the columns are taken away again, and the revision is set back."""
    with open_ledger(tmp_path):
        pass
    added = [
        "stage",
        "because",
        "told_by",
        "environment",
        "root",
        "released_at",
        "tried_at",
        "sent_at",
        "step",
        "instead_of",
    ]
    with sqlite3.connect(tmp_path / "ledger.sqlite") as old:
        old.execute("DROP INDEX notices_by_root")
        for column in added:
            old.execute(f"ALTER TABLE notices DROP COLUMN {column}")
        old.execute("UPDATE alembic_version SET version_num = '0003'")
        at = "2026-11-23T15:00:00.000000+00:00"
        old.execute(
            "INSERT INTO notices (id, incident_id, seq, kind, route, says, queued_at, not_before, attempts, state) "
            "VALUES ('INC-1/1/console', 'INC-1', 1, 'trigger', 'console', '', ?, ?, 0, 'waiting')",
            (at, at),
        )
    with open_ledger(tmp_path) as ledger:
        (waiting,) = ledger.due_notices(AT + MINUTE, 5, "one")
        assert (waiting.id, waiting.released_at, waiting.step) == ("INC-1/1/console", AT, 0)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as now:
        assert now.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISION,)
