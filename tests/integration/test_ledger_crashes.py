# ruff: noqa: T201, S311  # as a program it talks over stdout; chance is for the schedule only
"""The ledger under `kill -9`: real processes that write, are killed anywhere, and leave a history to be checked.

Run as a program, this file is the nursery: one process that has paid for the imports and forks the writers.
A writer notes in a file what the ledger has acknowledged to it; that file is the oracle.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from models.anomaly import Severity
from models.errors import LedgerConflict
from models.escalation import Escalation, Reason
from models.incident import Event, Incident, State
from models.queue import Lease, acting_on
from models.remedy import NEXT, Action, ActionState
from tasks.ledger import Ledger, open_ledger

SERVER = "postgresql://root@127.0.0.1:5432/test"
ROOT = Path(__file__).parents[2]
KILLS = 25  # on each database, of the writer that has written longest
WRITERS = 3  # at the same time
BRIEF = timedelta(milliseconds=4)  # a lease so short that writers often outlive theirs
DEADLINE_S = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, monkeypatch):
    monkeypatch.delenv("HEAL_LEDGER_URL", raising=False)
    if request.param == "sqlite":
        yield None
        return
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL server answers on 127.0.0.1:5432")
    schema = f"heal_{uuid4().hex[:12]}"
    with server:
        server.execute("SET client_min_messages = warning")
        server.execute(f"CREATE SCHEMA {schema}")
        yield f"{SERVER}?options=-csearch_path%3D{schema}"
        server.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(scope="session")
def program():
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("HEAL_LEDGER_URL", None)
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program
        program.stdin.close()


@pytest.fixture
def nursery(program):
    """The program that forks, and the processes it has forked; none of them outlives its test."""
    program.born = []
    yield program
    ended(program.born, signal.SIGKILL)


def born(nursery, job: str, home: Path, url: str | None, acks: Path, seed: int = 0) -> int:
    """Start a process on one of the jobs below; its pid."""
    order = {"job": job, "home": str(home), "url": url, "acks": str(acks), "seed": seed}
    nursery.stdin.write(json.dumps(order) + "\n")
    nursery.stdin.flush()
    pid = int(nursery.stdout.readline())
    nursery.born.append(pid)
    return pid


def ended(pids: list[int], how: signal.Signals | None = None) -> None:
    """Wait until these processes are gone, after a signal if one is given."""
    for pid in pids:
        if how:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
    until = time.monotonic() + DEADLINE_S
    for pid in pids:
        with suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.kill(pid, 0)
                time.sleep(0.002)
            pytest.fail(f"process {pid} did not end")


def acknowledged(acks: Path) -> list[dict]:
    """What writers were told; the last line of a killed one may be torn."""
    lines = acks.read_text().splitlines() if acks.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def wait_for(acks: Path, word: str) -> dict:
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        for ack in acknowledged(acks):
            if ack["did"] == word:
                return ack
        time.sleep(0.005)
    raise AssertionError(f"nobody did: {word}")


def wait_for_more(acks: Path, than: int) -> None:
    until = time.monotonic() + DEADLINE_S
    while len(acknowledged(acks)) < than and time.monotonic() < until:
        time.sleep(0.005)


def test_writers_killed_anywhere_lose_nothing_and_break_nothing(nursery, tmp_path, url):
    random, acks = Random(7), tmp_path / "acks"
    open_ledger(tmp_path, url).close()
    writers = [born(nursery, "write", tmp_path, url, acks, seed) for seed in range(WRITERS)]
    for kill in range(KILLS):
        wait_for_more(acks, than=len(acknowledged(acks)) + 2)
        time.sleep(random.uniform(0, 0.03))
        ended([writers.pop(0)], signal.SIGKILL)
        writers.append(born(nursery, "write", tmp_path, url, acks, WRITERS + kill))
    until = time.monotonic() + DEADLINE_S
    while not enough(acknowledged(acks)) and time.monotonic() < until:
        time.sleep(0.05)
    ended(writers, signal.SIGKILL)
    with open_ledger(tmp_path, url) as ledger:
        told = acknowledged(acks)
        assert enough(told)
        assert lost(ledger, told) == []
        assert violations(ledger) == []
        assert ledger.verify_audit().intact, ledger.verify_audit().says
        refused = Counter(row.rule for row in audited(ledger) if row.action == "refused")
        assert refused["A2"] >= 1
    print(f"{KILLS + WRITERS} kills, {len(told)} acknowledged, 0 lost; refused: {dict(refused)}")


def enough(told: list[dict]) -> bool:
    """Whether much was written, and somebody outlived a lease; else nothing was tried."""
    return len(told) >= 120 and any(ack["did"] == "outlived" for ack in told)


def lost(ledger: Ledger, told: list[dict]) -> list[dict]:
    """Acknowledged rows that the ledger does not have."""
    history = audited(ledger)
    saved = {(row.object_id, facts.get("version")) for row in history if (facts := json.loads(row.facts))}
    steps = {
        (row.object_id, facts.get("state"), facts.get("token")) for row in history if (facts := json.loads(row.facts))
    }
    known = {
        "opened": lambda ack: ledger.incident(ack["id"]).id == ack["id"],
        "noted": lambda ack: (
            (ack["id"], ack["version"]) in saved and ledger.incident(ack["id"]).version >= ack["version"]
        ),
        "planned": lambda ack: ledger.action(ack["id"]).id == ack["id"],
        "stepped": lambda ack: (ack["id"], ack["state"], ack["token"]) in steps,
        "over": lambda ack: ledger.action(ack["id"]).state == ack["state"],
        "outlived": lambda _: True,
        "called": lambda ack: len(ledger.notices(ack["id"])) >= ack["notices"],
    }
    return [ack for ack in told if not known[ack["did"]](ack)]


def audited(ledger: Ledger) -> list[sa.Row]:
    with ledger._reading() as connection:
        return list(connection.execute(sa.text("SELECT * FROM audit ORDER BY seq")).all())


def violations(ledger: Ledger) -> list[str]:
    """What the tables and the audit's history say against I1, I2, I4, I5, A2 and A3."""
    incidents = ledger.incidents()
    actions = [action for incident in incidents for action in ledger.actions(incident.id)]
    unclosed = Counter(i.fingerprint for i in incidents if not i.is_closed)
    open_ones = Counter(a.integration_id for a in actions if a.is_open)
    found = [f"I1: {name}" for name, count in unclosed.items() if count > 1]
    found += [f"I2: {name}" for name, count in open_ones.items() if count > 1]
    state: dict[str, str] = {}
    version: dict[str, int] = defaultdict(int)
    token: dict[str, int] = defaultdict(int)
    for row in audited(ledger):
        facts = json.loads(row.facts)
        if row.action == "action-planned":
            state[row.object_id] = "planned"
        if row.action == "incident-saved":
            version[row.object_id] += 1
            found += [f"I5: {row.object_id}"] if version[row.object_id] != facts["version"] else []
        if row.action == "action-saved":
            before, name = facts["from_state"], facts["integration_id"]
            found += [f"I4: {row.object_id}"] if state.get(row.object_id) != before else []
            found += [f"A3: {row.object_id}"] if ActionState(before).is_terminal else []
            found += [f"A2: {row.object_id}"] if (facts["token"] or 0) < token[name] else []
            state[row.object_id] = facts["state"]
            token[name] = max(token[name], facts["token"] or 0)
    found += [f"I4: {a.id}" for a in actions if state.get(a.id) != a.state]
    found += [f"I4: {i.id}" for i in incidents if version[i.id] != i.version]
    return found


def test_a_ledger_whose_making_was_killed_opens_the_next_time(nursery, tmp_path, url):
    random, acks = Random(11), tmp_path / "acks"
    for _ in range(10):
        maker = born(nursery, "open", tmp_path, url, acks)
        time.sleep(random.uniform(0, 0.08))
        ended([maker], signal.SIGKILL)
    with open_ledger(tmp_path, url) as ledger:
        assert ledger.verify_audit().intact


def test_many_processes_make_one_ledger_at_once(nursery, tmp_path, url):
    acks = tmp_path / "acks"
    ended([born(nursery, "open", tmp_path, url, acks, seed) for seed in range(6)])
    assert sorted(ack["id"][-3:] for ack in acknowledged(acks)) == ["001", "002", "003", "004", "005", "006"]
    with open_ledger(tmp_path, url) as ledger:
        assert len(ledger.incidents()) == 6
        assert ledger.verify_audit().intact


def test_a_process_that_slept_through_its_lease_is_refused(nursery, tmp_path, url):
    acks = tmp_path / "acks"
    with open_ledger(tmp_path, url) as ledger:
        sleeper = born(nursery, "sleep", tmp_path, url, acks)
        begun = wait_for(acks, "began")
        os.kill(sleeper, signal.SIGSTOP)
        try:
            (tmp_path / "go on").touch()
            lease = None
            while lease is None:
                lease = ledger.acquire(acting_on("a"), "successor", datetime.now(UTC), timedelta(minutes=1))
            action = ledger.action(begun["id"])
            with ledger.change("successor", datetime.now(UTC)) as change:
                change.save_action(action.to(ActionState.UNKNOWN), lease)
        finally:
            os.kill(sleeper, signal.SIGCONT)
        answer = wait_for(acks, "answered")
        ended([sleeper])
        assert answer["says"] == "refused"
        assert ledger.action(action.id).state is ActionState.UNKNOWN
        assert lease.token == begun["token"] + 1


# what the processes of the nursery do


class Writer:
    """Writes at random until it is killed, and notes what was acknowledged."""

    def __init__(self, order: dict) -> None:
        self.random = Random(order["seed"])
        self.holder = f"writer-{order['seed']}"
        self.acks = os.open(order["acks"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.home = Path(order["home"])
        self.ledger = open_ledger(self.home, order["url"])

    def ack(self, did: str, **what: object) -> None:
        os.write(self.acks, (json.dumps({"did": did, **what}) + "\n").encode())

    def open(self, integration_id: str) -> Incident:
        at = datetime.now(UTC)
        with self.ledger.change(self.holder, at) as change:
            incident = change.open_incident(
                Incident(
                    id="",
                    integration_id=integration_id,
                    fingerprint=integration_id,
                    state=State.SUSPECTED,
                    severity=Severity.HIGH,
                    symptom="auth",
                    started_at=at,
                    detected_at=at,
                    updated_at=at,
                )
            )
        self.ack("opened", id=incident.id)
        return incident

    def plan(self, incident: Incident) -> Action:
        at = datetime.now(UTC)
        with self.ledger.change(self.holder, at) as change:
            action = change.plan_action(
                Action(
                    id="",
                    incident_id=incident.id,
                    integration_id=incident.integration_id,
                    remedy="retry_failed",
                    says="Try again",
                    state=ActionState.PLANNED,
                    rule="D16",
                    reason="allowed",
                    plan_hash=uuid4().hex,
                    planned_at=at,
                )
            )
        self.ack("planned", id=action.id)
        return action

    def step(self, action: Action, lease: Lease, state: ActionState) -> Action:
        at = datetime.now(UTC)
        judged = {"effective_at": at, "judged_at": at + timedelta(seconds=1)}
        with self.ledger.change(self.holder, at) as change:
            saved = change.save_action(action.to(state, **judged), lease)
        self.ack("stepped", id=saved.id, state=saved.state, token=lease.token)
        if saved.state.is_terminal:
            self.ack("over", id=saved.id, state=saved.state)
        return saved

    def note(self, incident: Incident) -> None:
        at = datetime.now(UTC)
        cleared = self.random.random() < 0.1 and self.ledger.open_action(incident.integration_id) is None
        with self.ledger.change(self.holder, at) as change:
            moved = incident.advance(Event.CLEARED, at, "gone") if cleared else incident.note(at, "a word")
            saved = change.save_incident(moved)
        self.ack("noted", id=saved.id, version=saved.version)

    def call(self, incident: Incident) -> None:
        at, rule = datetime.now(UTC), f"R{self.random.randrange(4)}"
        with self.ledger.change(self.holder, at) as change:
            new = change.escalate(a_call(incident, rule, at), ["console", "pagerduty"])
            count = len(change.notices(incident.id))
        if new:
            self.ack("called", id=incident.id, notices=count)

    def round(self) -> None:
        integration_id = self.random.choice("aab")
        incident = self.ledger.current(integration_id) or self.open(integration_id)
        self.note(incident)
        self.call(incident)
        action = self.ledger.open_action(integration_id) or self.plan(incident)
        lease = self.ledger.acquire(acting_on(integration_id), self.holder, datetime.now(UTC), BRIEF)
        if lease is None:
            return
        time.sleep(self.random.choice([0, 0, 0.004, 0.02]))
        while action.is_open and self.random.random() < 0.8:
            action = self.step(action, lease, self.random.choice(sorted(NEXT[action.state])))


def a_call(incident: Incident, rule: str, at: datetime) -> Escalation:
    return Escalation(
        id=f"ESC-{incident.id.removeprefix('INC-')}-{rule}",
        incident_id=incident.id,
        integration_id=incident.integration_id,
        integration_name="Epic FHIR API",
        raised_at=at,
        reason=Reason(rule=rule, says="trouble"),
        priority=Severity.HIGH,
        team="Integration Team",
        contact_groups=("Integration Team",),
        since=at,
        impact="late",
        cause="unknown",
        confidence=0.0,
        evidence=(),
        tried=(),
        recommended=(),
    )


def write(order: dict) -> None:
    """Write until killed, or alone."""
    writer, parent = Writer(order), os.getppid()
    while os.getppid() == parent:  # nor do we outlive the nursery
        try:
            writer.round()
        except LedgerConflict as error:
            if "lease" in str(error):
                writer.ack("outlived")


def open_only(order: dict) -> None:
    """Open the ledger, perhaps make it, and write one incident."""
    Writer(order).open(f"i{order['seed']}")


def sleep(order: dict) -> None:
    """Begin an action, be stopped, and try to write its result after the lease has ended."""
    writer = Writer(order)
    lease = writer.ledger.acquire(acting_on("a"), writer.holder, datetime.now(UTC), timedelta(milliseconds=100))
    action = writer.plan(writer.open("a"))
    for state in (ActionState.APPROVED, ActionState.EXECUTING):
        action = writer.step(action, lease, state)
    writer.ack("began", id=action.id, token=lease.token)
    while not (writer.home / "go on").exists():
        time.sleep(0.001)
    time.sleep(0.2)
    try:
        writer.step(action, lease, ActionState.VERIFYING)
    except LedgerConflict:
        writer.ack("answered", says="refused")
    else:
        writer.ack("answered", says="accepted")


def rear() -> None:
    """Fork a process per line of orders, and tell its pid."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    jobs = {"write": write, "open": open_only, "sleep": sleep}
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            jobs[order["job"]](order)
        finally:
            os._exit(0)


if __name__ == "__main__":
    rear()
