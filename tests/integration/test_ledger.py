# ruff: noqa: PT012, S608, ISC004  # a change is refused or undone as a block; the tests tamper with SQL by hand
"""The ledger's promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import threading
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.anomaly import Anomaly, DetectionMethod, Severity, Trend
from models.errors import BadInput, LedgerConflict, Permanent, Refused, Transient
from models.escalation import Escalation, Reason
from models.facts import Change as Alteration
from models.incident import Event, Incident, State
from models.notify.candidate import Fate, Key
from models.notify.candidate import Verdict as Sifted
from models.queue import Lease, NoticeKind, NoticeState, acting_on, missed
from models.reading import Counts, Outcome, Reading
from models.remedy import NEXT, Action, ActionState, Effect
from models.sending import Answer, Ask, Send, Sending, SendState, Settlement, Verdict, sending_for
from models.tuning import Adjustment, Setting
from tasks.ledger import Anchor, Ledger, open_ledger, opening
from tasks.ledger.audit import begin_chain
from tasks.ledger.tables import REVISION, metadata

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
PREFIX = f"heal_{uuid4().hex[:6]}_"
SERVER = "postgresql://root@127.0.0.1:5432/test"
ROOT = Path(__file__).parents[2]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("HEAL_LEDGER_URL", raising=False)


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server, and schemas of our own on it that are dropped at the end."""
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        yield None
        return
    with connection:
        connection.execute("SET client_min_messages = warning")
        yield connection
        names = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", [f"{PREFIX}%"])
        for (name,) in names.fetchall():
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def new_schema(server) -> str:
    """The URL of an empty schema."""
    if server is None:
        pytest.skip("no PostgreSQL server answers on 127.0.0.1:5432")
    schema = f"{PREFIX}{uuid4().hex[:12]}"
    server.execute(f"CREATE SCHEMA {schema}")
    return f"{SERVER}?options=-csearch_path%3D{schema}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, server):
    """The address of a ledger that does not exist yet; None: SQLite in its home."""
    return None if request.param == "sqlite" else new_schema(server)


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A home with an empty ledger, to be copied."""
    home = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HEAL_LEDGER_URL", raising=False)
        open_ledger(home).close()
    return home


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared(request, server, tmp_path_factory):
    """One ledger on each database for all tests; `ledger` empties it."""
    address = new_schema(server) if request.param == "postgresql" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HEAL_LEDGER_URL", raising=False)
        opened = open_ledger(tmp_path_factory.mktemp("shared"), address)
    yield opened
    opened.close()


@pytest.fixture
def ledger(shared):
    """An empty ledger on each database."""
    with shared._changing.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        begin_chain(connection, shared._seal)
    return shared


@pytest.fixture
def sqlite_ledger(tmp_path, empty):
    shutil.copytree(empty, tmp_path, dirs_exist_ok=True)
    with open_ledger(tmp_path) as opened:
        yield opened


def an_incident(**changes) -> Incident:
    beginning = {
        "id": "",
        "integration_id": "epic",
        "fingerprint": "f" * 16,
        "state": State.SUSPECTED,
        "severity": Severity.HIGH,
        "symptom": "auth",
        "started_at": AT,
        "detected_at": AT,
        "updated_at": AT,
    }
    return Incident.model_validate(beginning | changes)


def an_action(incident: Incident, **changes) -> Action:
    plan = {
        "id": "",
        "incident_id": incident.id,
        "integration_id": incident.integration_id,
        "remedy": "retry_failed",
        "says": "Try again",
        "state": ActionState.PLANNED,
        "rule": "D16",
        "reason": "allowed",
        "plan_hash": uuid4().hex,
        "planned_at": AT,
    }
    return Action.model_validate(plan | changes)


def an_escalation(incident: Incident, rule_id: str = "E5-novel", at: datetime = AT) -> Escalation:
    return Escalation(
        id=f"ESC-{incident.id.removeprefix('INC-')}-{rule_id}",
        incident_id=incident.id,
        integration_id=incident.integration_id,
        integration_name="Epic FHIR API",
        raised_at=at,
        reason=Reason(rule=rule_id, says="no known cause"),
        priority=Severity.HIGH,
        team="Integration Team",
        contact_groups=("Integration Team",),
        since=AT,
        impact="late",
        cause="not diagnosed yet",
        confidence=0.0,
        evidence=(),
        tried=(),
        recommended=("look",),
    )


def opened(ledger: Ledger, **changes) -> Incident:
    with ledger.change("monitor", AT) as change:
        return change.open_incident(an_incident(**changes))


def advanced(ledger: Ledger, incident: Incident, *events: Event, at: datetime = AT, **changes) -> Incident:
    for event in events:
        incident = incident.advance(event, at, "moved", **changes)
    with ledger.change("monitor", at) as change:
        return change.save_incident(incident)


def planned(ledger: Ledger, incident: Incident, **changes) -> Action:
    with ledger.change("healer", AT) as change:
        return change.plan_action(an_action(incident, **changes))


def leased(ledger: Ledger, holder: str = "one", at: datetime = AT, integration_id: str = "epic") -> Lease:
    lease = ledger.acquire(acting_on(integration_id), holder, at, timedelta(seconds=30))
    assert lease is not None
    return lease


def moved(ledger: Ledger, action: Action, *states: ActionState, lease: Lease | None = None, **changes) -> Action:
    with ledger.change("healer", AT) as change:
        for state in states:
            action = change.save_action(action.to(state, **changes), lease)
    return action


PROVEN = {"effective_at": AT, "judged_at": AT + MINUTE}
RECOVERED = (Event.CONFIRMED, Event.RECOVERED, Event.QUIET)


def audited(ledger: Ledger) -> list[sa.Row]:
    with ledger._reading() as connection:
        return list(connection.execute(sa.text("SELECT * FROM audit ORDER BY seq")).all())


def tampered(ledger: Ledger, *statements: str) -> None:
    with ledger._changing.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


# incidents


def test_incidents_are_numbered_per_utc_day_without_gaps(ledger):
    first = opened(ledger, fingerprint="a")
    with pytest.raises(ZeroDivisionError), ledger.change("monitor", AT) as change:
        change.open_incident(an_incident(fingerprint="b"))
        raise ZeroDivisionError
    second = opened(ledger, fingerprint="c")
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    abroad = opened(ledger, fingerprint="d", detected_at=late.astimezone(ZoneInfo("Asia/Tokyo")))
    tomorrow = opened(ledger, fingerprint="e", detected_at=AT + timedelta(days=1))
    assert [i.id for i in (first, second, abroad, tomorrow)] == [
        "INC-2026-11-23-001",
        "INC-2026-11-23-002",
        "INC-2026-11-23-003",
        "INC-2026-11-24-001",
    ]
    assert [i.id for i in ledger.incidents()] == [tomorrow.id, abroad.id, second.id, first.id]


def test_what_was_written_is_read_back_equal(ledger):
    anomaly = an_anomaly()
    saved = opened(ledger, anomalies=(anomaly,))
    assert ledger.incident(saved.id) == saved
    assert ledger.current("epic") == saved
    assert ledger.current("unity") is None


def test_an_unknown_id_says_what_ids_look_like(ledger):
    with pytest.raises(BadInput, match="INC-2026-01-31-001"):
        ledger.incident("INC-1")
    with pytest.raises(BadInput, match="ACT-2026-01-31-001"):
        ledger.action("ACT-1")


def test_one_trouble_has_at_most_one_incident_that_is_not_closed(ledger):
    first = opened(ledger)
    with pytest.raises(LedgerConflict, match=first.id):
        opened(ledger)
    advanced(ledger, first, Event.CLEARED)
    assert opened(ledger).id != first.id


def test_the_database_itself_refuses_a_second_incident_of_one_trouble(ledger):
    first = opened(ledger)
    copy = (
        "INSERT INTO incidents (id, integration_id, fingerprint, state, detected_at, updated_at, version, document) "
        "SELECT 'INC-X', integration_id, fingerprint, '{}', detected_at, updated_at, version, document "
        f"FROM incidents WHERE id = '{first.id}'"
    )
    with pytest.raises(sa.exc.IntegrityError):
        tampered(ledger, copy.format("resolved"))
    tampered(ledger, copy.format("closed"))


def test_a_resolved_incident_is_reopened_within_the_hour_and_closed_by_a_new_one_after_it(ledger):
    first = advanced(ledger, opened(ledger), *RECOVERED, resolved_at=AT)
    assert ledger.reopenable(first.fingerprint, AT + 59 * MINUTE) == first
    assert ledger.reopenable("another", AT) is None
    assert ledger.reopenable(first.fingerprint, AT + 60 * MINUTE) is None
    with pytest.raises(LedgerConflict), ledger.change("monitor", AT + 59 * MINUTE) as change:
        change.open_incident(an_incident())
    with ledger.change("monitor", AT + 60 * MINUTE) as change:
        second = change.open_incident(an_incident(detected_at=AT + 60 * MINUTE))
    assert ledger.incident(first.id).is_closed
    assert ledger.current("epic") == second


@pytest.mark.parametrize(
    ("spoil", "rule_id"),
    [
        pytest.param(lambda i: i.model_copy(update={"version": 0}), "I5", id="a stale version"),
        pytest.param(lambda i: i.model_copy(update={"severity": Severity.LOW}), "I7", id="severity drops"),
        pytest.param(lambda i: i.model_copy(update={"moments": ()}), "I5", id="the thread is cut"),
        pytest.param(lambda i: i.model_copy(update={"state": State.RESOLVED}), "I5", id="a step off the thread"),
        pytest.param(lambda i: i.model_copy(update={"fingerprint": "x"}), "I5", id="another trouble"),
    ],
)
def test_a_save_that_breaks_an_invariant_is_refused_and_audited(ledger, spoil, rule_id):
    stored = advanced(ledger, opened(ledger), Event.CONFIRMED)
    with pytest.raises(LedgerConflict), ledger.change("monitor", AT) as change:
        change.save_incident(spoil(stored.note(AT, "more") if rule_id == "I7" else stored))
    assert ledger.incident(stored.id) == stored
    assert (audited(ledger)[-1].action, audited(ledger)[-1].rule) == ("refused", rule_id)
    assert ledger.verify_audit().intact


def test_of_two_writers_with_the_same_version_one_wins(ledger):
    stored = opened(ledger)
    won = advanced(ledger, stored, Event.CONFIRMED)
    with pytest.raises(LedgerConflict, match="somebody else"):
        advanced(ledger, stored, Event.CLEARED)
    assert ledger.incident(stored.id) == won


def test_a_closed_incident_is_never_edited(ledger):
    closed = advanced(ledger, opened(ledger), Event.CLEARED)
    with pytest.raises(LedgerConflict, match="never edited"), ledger.change("monitor", AT) as change:
        change.save_incident(closed.note(AT, "one more word"))
    assert ledger.incident(closed.id) == closed


def test_an_incident_is_not_resolved_while_an_action_is_open(ledger):
    watched = advanced(ledger, opened(ledger), Event.CONFIRMED, Event.RECOVERED)
    action = planned(ledger, watched)
    with pytest.raises(LedgerConflict, match="one of its actions is open"):
        advanced(ledger, watched, Event.QUIET)
    moved(ledger, action, ActionState.CANCELLED)
    assert advanced(ledger, watched, Event.QUIET).state is State.RESOLVED


def an_anomaly(**changes) -> Anomaly:
    values = {
        "integration_id": "epic",
        "metric": "error_rate",
        "severity": Severity.HIGH,
        "description": "errors",
        "detection_method": DetectionMethod.THRESHOLD,
        "baseline": "1%",
        "current": "20%",
        "first_observed": AT,
        "observed_at": AT,
        "trend": Trend.STABLE,
        "score": 2.0,
    }
    return Anomaly.model_validate(values | changes)


def test_an_anomaly_keeps_its_number_for_the_whole_incident(ledger):
    one, other = opened(ledger, fingerprint="a"), opened(ledger, fingerprint="b")
    slow, late = an_anomaly(metric="latency"), an_anomaly(first_observed=AT + timedelta(days=1), metric="volume")
    with ledger.change("monitor", AT) as change:
        first = change.number_anomalies([an_anomaly(), slow], one.id)
    with ledger.change("monitor", AT) as change:
        again = change.number_anomalies([slow, an_anomaly(observed_at=AT + MINUTE), late], one.id)
        elsewhere = change.number_anomalies([an_anomaly()], other.id)
    assert [a.id for a in first] == ["ANM-2026-11-23-001", "ANM-2026-11-23-002"]
    assert [a.id for a in again] == ["ANM-2026-11-23-002", "ANM-2026-11-23-001", "ANM-2026-11-24-001"]
    assert [a.id for a in elsewhere] == ["ANM-2026-11-23-003"]


# actions


def test_an_integration_has_at_most_one_open_action(ledger):
    incident = opened(ledger)
    first = planned(ledger, incident)
    assert first.id == "ACT-2026-11-23-001"
    assert ledger.open_action("epic") == first
    with pytest.raises(LedgerConflict, match=first.id):
        planned(ledger, incident)
    moved(ledger, first, ActionState.CANCELLED)
    second = planned(ledger, incident)
    assert ledger.actions(incident.id) == (ledger.action(first.id), second)


@pytest.mark.parametrize("state", [pytest.param(state, id=state.value) for state in ActionState])
def test_the_database_itself_refuses_a_second_open_action(sqlite_ledger, state):
    first = planned(sqlite_ledger, opened(sqlite_ledger))
    copy = (
        "INSERT INTO actions (id, incident_id, integration_id, remedy, state, plan_hash, planned_at, document) "
        f"SELECT 'ACT-X', incident_id, integration_id, remedy, '{state}', 'other', planned_at, document FROM actions "
        f"WHERE id = '{first.id}'"
    )
    if state.is_terminal:
        tampered(sqlite_ledger, copy)
    else:
        with pytest.raises(sa.exc.IntegrityError):
            tampered(sqlite_ledger, copy)


def test_a_plan_is_used_once(ledger):
    incident = opened(ledger)
    moved(ledger, planned(ledger, incident, plan_hash="p"), ActionState.DENIED)
    with pytest.raises(LedgerConflict, match="used before"):
        planned(ledger, incident, plan_hash="p")


def paths() -> dict[ActionState, tuple[ActionState, ...]]:
    """The shortest way from planned to every state."""
    ways, queue = {ActionState.PLANNED: ()}, deque([ActionState.PLANNED])
    while queue:
        here = queue.popleft()
        for following in sorted(NEXT[here]):
            if following not in ways:
                ways[following] = (*ways[here], following)
                queue.append(following)
    return ways


@pytest.mark.parametrize(
    "terminal", [pytest.param(state, id=state.value) for state in ActionState if state.is_terminal]
)
def test_a_terminal_action_never_changes(ledger, terminal):
    lease = leased(ledger)
    ended = moved(ledger, planned(ledger, opened(ledger)), *paths()[terminal], lease=lease, **PROVEN)
    assert ended.state is terminal
    for state in {ActionState.PLANNED, ActionState.EXECUTING, ActionState.SUCCEEDED, terminal}:
        with pytest.raises(LedgerConflict, match="never changes"), ledger.change("healer", AT) as change:
            change.save_action(ended.model_copy(update={"state": state, "reason": "another"}), lease)
    with ledger.change("healer", AT) as change:
        assert change.save_action(ended, lease) == ended
    assert ledger.action(ended.id) == ended


def test_a_step_that_the_machine_does_not_have_is_refused(ledger):
    action = planned(ledger, opened(ledger))
    with pytest.raises(LedgerConflict, match="cannot go"), ledger.change("healer", AT) as change:
        change.save_action(action.model_copy(update={"state": ActionState.SUCCEEDED}), leased_inside(change))


def leased_inside(change) -> Lease:
    lease = change.acquire(acting_on("epic"), "inside", timedelta(seconds=30))
    assert lease is not None
    return lease


def test_lease_intent_and_adjustment_are_one_transaction(ledger):
    approved = moved(ledger, planned(ledger, opened(ledger)), ActionState.APPROVED)
    with pytest.raises(ZeroDivisionError), ledger.change("healer", AT) as change:
        change.save_action(approved.to(ActionState.EXECUTING), leased_inside(change))
        change.adjust(an_adjustment(approved))
        raise ZeroDivisionError
    assert ledger.action(approved.id) == approved
    assert ledger.adjustments() == ()
    assert leased(ledger).token == 1


def test_the_intent_counts_before_anything_happens(ledger):
    lease = leased(ledger)
    running = moved(ledger, planned(ledger, opened(ledger)), ActionState.APPROVED, ActionState.EXECUTING, lease=lease)
    assert (running.token, running.executed_at) == (lease.token, AT)
    assert ledger.actions_since(AT) == (running,)
    assert ledger.actions_since(AT + MINUTE) == ()


def test_a_stale_token_is_refused_and_audited_and_nothing_of_its_change_remains(ledger):
    incident, first = opened(ledger), leased(ledger, "one")
    running = moved(ledger, planned(ledger, incident), ActionState.APPROVED, ActionState.EXECUTING, lease=first)
    assert ledger.acquire(first.name, "two", AT + timedelta(seconds=29), MINUTE) is None
    assert ledger.interrupted(AT) == ()
    late = AT + timedelta(seconds=30)
    assert ledger.interrupted(late) == (running,)
    second = leased(ledger, "two", at=late)
    assert second.token == first.token + 1
    with pytest.raises(LedgerConflict, match="lease on epic is lost"), ledger.change("one", late) as change:
        change.notify(incident.id, NoticeKind.TRIGGER, ["console"])
        change.save_action(running.to(ActionState.VERIFYING), first)
    assert ledger.action(running.id) == running
    assert ledger.notices(incident.id) == ()
    refusal = audited(ledger)[-1]
    assert (refusal.action, refusal.rule, refusal.object_id, refusal.actor) == ("refused", "A2", running.id, "one")
    assert json.loads(refusal.facts)["token"] == first.token
    assert moved(ledger, running, ActionState.UNKNOWN, lease=second).token == second.token


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: None, id="none"),
        pytest.param(lambda lease: lease.model_copy(update={"name": acting_on("unity")}), id="of another integration"),
        pytest.param(lambda lease: lease.model_copy(update={"token": lease.token + 1}), id="a token made up"),
        pytest.param(lambda lease: lease.model_copy(update={"holder": "two"}), id="of another holder"),
    ],
)
def test_only_the_present_lease_may_begin_or_go_on(ledger, spoil):
    lease = leased(ledger)
    leased(ledger, integration_id="unity")
    approved = moved(ledger, planned(ledger, opened(ledger)), ActionState.APPROVED)
    with pytest.raises(LedgerConflict, match="is lost"):
        moved(ledger, approved, ActionState.EXECUTING, lease=spoil(lease))
    running = moved(ledger, approved, ActionState.EXECUTING, lease=lease)
    with pytest.raises(LedgerConflict, match="is lost"):
        moved(ledger, running, ActionState.VERIFYING, lease=spoil(lease))


def test_a_lease_is_renewed_by_its_holder_and_spent_when_given_back(ledger):
    first = leased(ledger, "one")
    longer = ledger.renew(first, AT + MINUTE, MINUTE)
    assert ledger.acquire(first.name, "two", AT + MINUTE, MINUTE) is None
    ledger.release(longer, AT + MINUTE)
    with pytest.raises(LedgerConflict, match="lost"):
        ledger.renew(longer, AT + MINUTE, MINUTE)
    second = ledger.acquire(first.name, "two", AT + MINUTE, MINUTE)
    assert second is not None
    assert second.token == first.token + 1
    ledger.release(longer, AT + MINUTE)
    assert ledger.renew(second, AT + MINUTE, MINUTE).token == second.token


def test_a_conflict_that_is_swallowed_still_undoes_the_change(ledger):
    incident = opened(ledger)
    with pytest.raises(LedgerConflict), ledger.change("monitor", AT) as change:
        change.save_incident(incident.note(AT, "first"))
        with suppress(LedgerConflict):
            change.save_incident(incident.note(AT, "second"))
    assert ledger.incident(incident.id) == incident


def test_success_needs_a_judgement_newer_than_the_effect(ledger):
    lease = leased(ledger)
    judged = moved(ledger, planned(ledger, opened(ledger)), *paths()[ActionState.VERIFYING], lease=lease)
    for when in ({}, {"effective_at": AT}, {"effective_at": AT, "judged_at": AT}):
        with pytest.raises(LedgerConflict, match="not judged after"):
            moved(ledger, judged, ActionState.SUCCEEDED, lease=lease, **when)
    effect = Effect(before=Counts(total=9, failed=9), after=Counts(total=9, failed=0))
    assert moved(ledger, judged, ActionState.SUCCEEDED, lease=lease, effect=effect, **PROVEN).effect == effect


def test_the_kill_switch_stops_beginnings_and_lets_the_rest_end(ledger):
    lease = leased(ledger)
    approved = moved(ledger, planned(ledger, opened(ledger)), ActionState.APPROVED)
    with ledger.change("jane", AT) as change:
        change.halt("maintenance tonight")
    assert ledger.halted() == "maintenance tonight"
    with pytest.raises(Refused, match="switched off"):
        moved(ledger, approved, ActionState.EXECUTING, lease=lease)
    with ledger.change("jane", AT) as change:
        change.resume()
    running = moved(ledger, approved, ActionState.EXECUTING, lease=lease)
    with ledger.change("jane", AT) as change:
        change.halt("again")
    assert moved(ledger, running, ActionState.FAILED, lease=lease).state is ActionState.FAILED
    assert "maintenance" not in str(audited(ledger))


def an_adjustment(action: Action, **changes) -> Adjustment:
    values = {
        "id": f"ADJ-{action.id}-pace",
        "integration_id": action.integration_id,
        "setting": Setting.PACE,
        "value": 0.5,
        "previous": 1.0,
        "since": AT,
        "until": AT + timedelta(hours=1),
        "action_id": action.id,
    }
    return Adjustment.model_validate(values | changes)


def test_an_adjustment_applies_between_its_ends_until_it_is_reverted(ledger):
    action = planned(ledger, opened(ledger))
    slower = an_adjustment(action)
    for _ in range(2):
        with ledger.change("healer", AT) as change:
            change.adjust(slower)
    assert ledger.adjustments("epic", AT) == (slower,)
    assert ledger.adjustments("epic", AT + timedelta(hours=1)) == ()
    assert ledger.adjustments("epic", AT - MINUTE) == ()
    assert ledger.adjustments("unity", AT) == ()
    assert ledger.adjustments() == (slower,)
    with pytest.raises(LedgerConflict), ledger.change("healer", AT) as change:
        change.adjust(slower.model_copy(update={"value": 0.1}))
    for _ in range(2):
        with ledger.change("healer", AT) as change:
            change.revert(slower.id)
    assert ledger.adjustments() == ()
    assert [row.action for row in audited(ledger)].count("reverted") == 1


# the smaller things


def readings(count: int) -> list[Reading]:
    """Failures, two at each instant, with one good reading among them."""
    failed = [
        Reading(
            integration_id="epic",
            observed_at=AT + MINUTE * (n // 2),
            operation="Patient.search",
            component="Patient API",
            outcome=Outcome.SERVER_ERROR,
        )
        for n in range(count)
    ]
    return [*failed, failed[0].model_copy(update={"outcome": Outcome.OK})]


def test_missed_reads_wait_oldest_first_and_count_once(ledger):
    incident = opened(ledger)
    with ledger.change("monitor", AT) as change:
        assert change.miss(missed(readings(3))) == 3
        assert change.miss(missed(readings(5), incident.id)) == 2
        assert change.miss(()) == 0
    waiting = ledger.missed_reads("epic", 10)
    assert [read.due_at for read in waiting] == sorted(read.due_at for read in waiting)
    assert {read.incident_id for read in waiting} == {incident.id}
    assert len(waiting) == 5
    with ledger.change("replayer", AT) as change:
        change.processed([read.id for read in waiting[:2]], ok=True)
        change.processed([waiting[0].id, waiting[2].id], ok=False)
    assert [read.id for read in ledger.missed_reads("epic", 2)] == [read.id for read in waiting[2:4]]
    backlog = ledger.backlog(incident.id)
    assert (backlog.queued, backlog.processed, backlog.waiting) == (5, 2, 3)
    assert ledger.backlog("INC-none").is_complete


HERE, ELSEWHERE = "0" * 16, "1" * 16  # two disks


def a_message(ledger: Ledger, number: int, key: str = "a", at: datetime = AT) -> tuple[Send, bool]:
    said = {
        "identity": f"{number:016x}",
        "content": "c" * 16,
        "place": HERE,
        "letter": f"{number:032x}",
        "kind": "ADT.A08",
    }
    with ledger.change("send", at) as change:
        return change.queue_send(integration_id="epic", order_key=key * 16, **said)


def sending(ledger: Ledger, holder: str = "one", at: datetime = AT) -> Lease:
    lease = ledger.acquire(sending_for("epic"), holder, at, MINUTE)
    assert lease is not None
    return lease


def stepped(ledger: Ledger, send: Send, lease: Lease | None, verdict: Verdict) -> Send:
    """A message after one try, with both commits."""
    rules = Sending(ask=Ask.QUERY)
    for step in (send.begun(AT), send.begun(AT).answered(Answer(verdict=verdict), rules, AT, 0.5)):
        with ledger.change("send", AT) as change:
            change.save_send(step, lease)
    return step


def test_of_each_key_only_the_first_message_goes_and_a_quarantined_one_holds_the_rest(ledger):
    one, two, other = (a_message(ledger, *said)[0] for said in ((1, "a"), (2, "a"), (3, "b")))
    assert a_message(ledger, 1) == (one, False)
    lease = sending(ledger)
    assert ledger.sends_due("epic", HERE, AT, 9) == (one, other)
    assert ledger.sends_due("epic", ELSEWHERE, AT, 9) == ledger.sending_integrations(ELSEWHERE) == ()
    stepped(ledger, one, lease, Verdict.ACCEPTED)
    assert ledger.sends_due("epic", HERE, AT, 9) == (two, other)
    stuck = stepped(ledger, two, lease, Verdict.REFUSED)
    a_message(ledger, 4, "a")
    assert ledger.sends_due("epic", HERE, AT + timedelta(days=9), 9) == (other,)
    assert ledger.sends_behind("epic") == 1
    with ledger.change("A. Person", AT) as change:
        change.save_send(stuck.settled(Settlement.WITHDRAWN, AT), None)
    assert [send.seq for send in ledger.sends_due("epic", HERE, AT, 9)] == [3, 4]
    later = stepped(ledger, other, lease, Verdict.LATER)
    assert later not in ledger.sends_due("epic", HERE, AT, 9)
    assert later in ledger.sends_due("epic", HERE, AT + MINUTE, 9)
    tally = ledger.tallies()["epic"]
    assert (tally.queued, tally.sent, tally.withdrawn, tally.waiting) == (2, 1, 1, 2)
    with ledger.change("send", AT) as change:
        assert change.forget_sends(AT + MINUTE) == 2
    assert a_message(ledger, 1)[1]  # forgotten, so it is new


def test_a_message_is_moved_on_only_under_the_present_lease(ledger):
    send, lease = a_message(ledger, 1)[0], sending(ledger)
    successor = sending(ledger, "two", AT + 2 * MINUTE)
    for stale in (lease, None, leased(ledger)):
        with pytest.raises(LedgerConflict, match="somebody else sends"), ledger.change("send", AT) as change:
            change.save_send(send.begun(AT), stale)
    assert ledger.a_send(send.id).state is SendState.QUEUED
    sent = stepped(ledger, send, successor, Verdict.ACCEPTED)
    with pytest.raises(LedgerConflict, match="cannot become"), ledger.change("send", AT) as change:
        change.save_send(send.begun(AT), successor)
    assert ledger.a_send(sent.id) == sent
    assert ledger.verify_audit().intact


def test_what_was_altered_is_remembered_once(ledger):
    upgrade = Alteration(integration_id="epic", at=AT, side="theirs", says="software version 10.4 → 10.5")
    with ledger.change("monitor", AT) as change:
        assert change.note_change(upgrade)
        assert not change.note_change(upgrade)
    assert ledger.changes("epic", AT, AT + MINUTE) == (upgrade,)
    assert ledger.changes("epic", AT - MINUTE, AT) == ()
    assert ledger.changes("unity", AT, AT + MINUTE) == ()


# the outbox


def claimed(ledger: Ledger, at: datetime = AT, holder: str = "sender") -> list[tuple[str, NoticeKind]]:
    return [(notice.route, notice.kind) for notice in ledger.due_notices(at, 10, holder)]


def test_a_call_is_queued_once_per_rule_with_one_notice_per_route(ledger):
    incident = opened(ledger)
    for _ in range(2):
        with ledger.change("monitor", AT) as change:
            change.escalate(an_escalation(incident), ["console", "pagerduty"])
    assert ledger.escalation(incident.id) == an_escalation(incident)
    first = ledger.due_notices(AT, 10, "one")
    assert [(n.route, n.escalation, n.attempts, n.is_repeat) for n in first] == [
        ("console", an_escalation(incident), 1, False),
        ("pagerduty", an_escalation(incident), 1, False),
    ]
    with ledger.change("monitor", AT + MINUTE) as change:
        assert change.escalate(an_escalation(incident, "T1-too-long", AT + MINUTE), ["console"])
    assert ledger.escalation(incident.id).reason.rule == "T1-too-long"


def test_a_claimed_notice_is_nobody_elses_until_its_claim_ends(ledger):
    incident = opened(ledger)
    with ledger.change("monitor", AT) as change:
        change.notify(incident.id, NoticeKind.TRIGGER, ["console"], "something is wrong")
    (first,) = ledger.due_notices(AT, 10, "one")
    assert ledger.due_notices(AT + MINUTE, 10, "two") == ()
    (second,) = ledger.due_notices(AT + 2 * MINUTE, 10, "two")
    assert (second.id, second.is_repeat, second.says) == (first.id, True, "something is wrong")
    for _ in range(2):
        with ledger.change("two", AT) as change:
            change.delivered(second.id)
    with ledger.change("one", AT) as change:
        change.not_delivered(first.id, "Timeout", AT)
    assert [notice.state for notice in ledger.notices(incident.id)] == [NoticeState.DELIVERED]
    assert claimed(ledger, AT + timedelta(hours=1)) == []


def test_a_resolve_waits_for_its_trigger_on_the_same_route_only(ledger):
    incident = opened(ledger)
    with ledger.change("monitor", AT) as change:
        change.notify(incident.id, NoticeKind.TRIGGER, ["console", "pagerduty"])
    console, pagerduty = ledger.due_notices(AT, 10, "one")
    with ledger.change("one", AT) as change:
        change.delivered(console.id)
        change.not_delivered(pagerduty.id, "Timeout", AT + 10 * MINUTE)
        change.notify(incident.id, NoticeKind.RESOLVE, ["console", "pagerduty", "slack"])
        assert change.notify(incident.id, NoticeKind.RESOLVE, ["console", "pagerduty"]) == ()
    assert claimed(ledger) == [("console", NoticeKind.RESOLVE)]
    assert claimed(ledger, AT + 9 * MINUTE, "two") == [("console", NoticeKind.RESOLVE)]
    assert ("pagerduty", NoticeKind.TRIGGER) in claimed(ledger, AT + 10 * MINUTE)
    with ledger.change("one", AT) as change:
        change.delivered(pagerduty.id)
    assert ("pagerduty", NoticeKind.RESOLVE) in claimed(ledger, AT + 10 * MINUTE)


def test_a_trigger_that_never_left_collapses_with_its_resolve(ledger):
    incident = opened(ledger)
    with ledger.change("monitor", AT) as change:
        change.escalate(an_escalation(incident), ["console"])
        assert change.notify(incident.id, NoticeKind.RESOLVE, ["console"]) == ()
    assert claimed(ledger) == []
    assert [notice.state for notice in ledger.notices(incident.id)] == [NoticeState.COLLAPSED]
    with ledger.change("monitor", AT) as change:
        assert len(change.notify(incident.id, NoticeKind.TRIGGER, ["console"])) == 1
        assert change.notify(incident.id, NoticeKind.TRIGGER, ["console"]) == ()


@pytest.mark.parametrize(
    ("an_earlier_one_left", "wanted"),
    [pytest.param(False, [], id="nobody knows of it"), pytest.param(True, [NoticeKind.RESOLVE], id="one had left")],
)
def test_a_refused_trigger_takes_its_resolve_along_unless_another_left(ledger, an_earlier_one_left, wanted):
    incident = opened(ledger)
    if an_earlier_one_left:
        with ledger.change("monitor", AT) as change:
            change.escalate(an_escalation(incident, "T1-too-long"), ["slack"])
        (left,) = ledger.due_notices(AT, 10, "one")
        with ledger.change("one", AT) as change:
            change.delivered(left.id)
    with ledger.change("monitor", AT) as change:
        change.escalate(an_escalation(incident), ["slack"])
    (tried,) = ledger.due_notices(AT, 10, "one")
    with ledger.change("one", AT) as change:
        change.notify(incident.id, NoticeKind.RESOLVE, ["slack"])
        change.not_delivered(tried.id, "Gone", None)
    dead = ledger.notices(incident.id)[-2]
    assert (dead.state, dead.last_error) == (NoticeState.DEAD, "Gone")
    assert [kind for _, kind in claimed(ledger)] == wanted


def withheld(ledger: Ledger, incident: Incident, route: str = "pager") -> str:
    """The id of a call that no stage has looked at."""
    with ledger.change("monitor", AT) as change:
        change.escalate(an_escalation(incident), [route], withheld=True)
    return f"{incident.id}/1/{route}"


def states_of(ledger: Ledger, *incidents: Incident) -> list[str]:
    return [one.state.value for incident in incidents for one in ledger.notices(incident.id)]


def test_what_is_withheld_leaves_only_when_the_stages_say_so(ledger):
    name = withheld(ledger, opened(ledger))
    assert ledger.stirring() == (True, False, False, False)
    assert claimed(ledger) == []
    key = Key("pager", "production", "epic")
    for verdict, is_out in (
        (Sifted(name, Fate.HELD, "mute", "it is night"), False),
        (Sifted(name, Fate.SENT, "group", key=key), True),
        (Sifted(name, Fate.HELD, "mute", "too late"), False),
    ):
        with ledger.change("monitor", AT + MINUTE) as change:
            assert change.settle(verdict, "with 2 more: a, b") is is_out
    assert ledger.stirring() == (False, True, False, False)
    (lead,) = ledger.standing_leads(["epic"])
    assert (lead.id, lead.says, lead.released_at, lead.stage) == (name, "with 2 more: a, b", AT + MINUTE, None)
    assert [row.action for row in audited(ledger)][-3:] == ["notice-queued", "notice-held", "notice-waiting"]


def test_who_was_told_with_another_is_looked_at_again_when_that_one_is_over(ledger):
    lead, other = opened(ledger, fingerprint="a"), opened(ledger, fingerprint="b")
    first, second = withheld(ledger, lead), withheld(ledger, other)
    with ledger.change("monitor", AT) as change:
        change.settle(Sifted(first, Fate.SENT, "group", key=Key("pager", "", "storm")))
        change.settle(Sifted(second, Fate.GROUPED, "group", "told with it", led_by=first))
    assert states_of(ledger, lead, other) == ["waiting", "grouped"]
    assert [one.id for one in ledger.led_by([first])] == [second]
    assert [kind for _, kind in claimed(ledger)] == [NoticeKind.TRIGGER]
    with ledger.change("monitor", AT) as change:
        change.delivered(first)
        change.notify(lead.id, NoticeKind.RESOLVE, ["pager"])
    assert states_of(ledger, lead, other) == ["delivered", "waiting", "held"]
    assert ledger.standing_leads(["storm"]) == ()
    with ledger.change("monitor", AT) as change:
        assert change.notify(other.id, NoticeKind.RESOLVE, ["pager"]) == ()
    assert states_of(ledger, other) == ["collapsed"]


def test_an_answer_is_told_between_the_call_and_its_end(ledger):
    incident = opened(ledger)
    with ledger.change("monitor", AT) as change:
        change.escalate(an_escalation(incident), ["pager"])
        assert len(change.notify(incident.id, NoticeKind.ACKNOWLEDGE, ["pager", "mail"])) == 1
    for kind in (NoticeKind.TRIGGER, NoticeKind.ACKNOWLEDGE):
        (mine,) = ledger.due_notices(AT, 10, "one", "pager")
        assert mine.kind is kind
        with ledger.change("one", AT) as change:
            change.delivered(mine.id)
    with ledger.change("monitor", AT) as change:
        assert len(change.notify(incident.id, NoticeKind.RESOLVE, ["pager", "mail"])) == 1
    assert ledger.due_notices(AT, 10, "one", "mail") == ()
    assert ledger.tries_since("pager", AT - MINUTE) == (AT, AT)


def test_an_answer_to_what_never_left_collapses_with_it(ledger):
    incident = opened(ledger)
    with ledger.change("monitor", AT) as change:
        change.escalate(an_escalation(incident), ["pager"])
        change.notify(incident.id, NoticeKind.ACKNOWLEDGE, ["pager"])
        assert change.notify(incident.id, NoticeKind.RESOLVE, ["pager"]) == ()
    assert states_of(ledger, incident) == ["collapsed", "collapsed"]


def test_another_channel_tells_once_what_one_refused(ledger):
    incident = opened(ledger)
    with ledger.change("monitor", AT) as change:
        change.escalate(an_escalation(incident), ["pager", "mail"])
        assert change.tell_instead(f"{incident.id}/1/pager", "mail") is None, "it is told there anyway"
        assert change.tell_instead(f"{incident.id}/1/pager", "console") == f"{incident.id}/3/console"
        assert change.tell_instead(f"{incident.id}/1/pager", "slack") is None
        change.expire(f"{incident.id}/2/mail")
    assert states_of(ledger, incident) == ["waiting", "expired", "waiting"]


# the audit


def test_state_audit_and_outbox_are_one_transaction(ledger):
    incident = opened(ledger)
    before = len(audited(ledger))
    with pytest.raises(ZeroDivisionError), ledger.change("monitor", AT) as change:
        change.save_incident(incident.advance(Event.CONFIRMED, AT, "confirmed"))
        change.escalate(an_escalation(incident), ["console"])
        raise ZeroDivisionError
    assert ledger.incident(incident.id) == incident
    assert ledger.escalation(incident.id) is None
    assert claimed(ledger) == []
    assert len(audited(ledger)) == before


CUT = "DELETE FROM audit WHERE seq > 8"
TAMPERING = [
    *(
        pytest.param([f"UPDATE audit SET {column} = {value} WHERE seq = 5"], 5, id=f"{column} edited")
        for column, value in {
            "at": "'2026-11-23T09:00:00.000000+00:00'",
            "actor": "'eve'",
            "action": "'nothing'",
            "object_id": "'INC-2026-11-23-009'",
            "rule": "'D1'",
            "before_hash": "'x'",
            "after_hash": "'x'",
            "facts": "'{}'",
            "prev": "'x'",
            "mac": "'x'",
        }.items()
    ),
    pytest.param(["DELETE FROM audit WHERE seq = 5"], 5, id="one deleted"),
    pytest.param(["DELETE FROM audit WHERE seq = 1"], 1, id="the first deleted"),
    pytest.param(["DELETE FROM audit WHERE seq = 5", "UPDATE audit SET seq = 5 WHERE seq = 6"], 5, id="closed up"),
    pytest.param(
        [f"UPDATE audit SET seq = {new} WHERE seq = {old}" for old, new in ((5, 99), (6, 5), (99, 6))], 5, id="swapped"
    ),
    pytest.param([CUT], 9, id="the tail cut"),
    pytest.param(
        [CUT, "UPDATE audit_head SET seq = 8, mac = (SELECT mac FROM audit WHERE seq = 8)"], 8, id="cut, head made up"
    ),
    pytest.param(["DELETE FROM audit_head"], 1, id="the head deleted"),
    pytest.param(["DELETE FROM audit"], 1, id="all rows deleted"),
    pytest.param(["UPDATE audit_head SET seal = 'x'"], 12, id="the seal broken"),
    pytest.param(
        [
            "INSERT INTO audit SELECT 13, at, actor, action, object_id, rule, before_hash, after_hash, facts, prev, mac"
            " FROM audit WHERE seq = 12"
        ],
        13,
        id="one made up",
    ),
]


@pytest.mark.parametrize(("statements", "first_bad"), TAMPERING)
def test_the_audit_names_the_first_row_that_cannot_be_trusted(ledger, statements, first_bad):
    with ledger.change("monitor", AT) as change:
        for n in range(12):
            change.audit("decided", f"INC-2026-11-23-{n:03d}", "D16", attempt=n)
    assert ledger.verify_audit().rows == 12
    assert ledger.verify_audit().intact
    tampered(ledger, *statements)
    verdict = ledger.verify_audit()
    assert (verdict.intact, verdict.first_bad) == (False, first_bad), verdict.says


def test_an_anchor_shows_a_ledger_that_was_set_back(sqlite_ledger, tmp_path):
    opened(sqlite_ledger, fingerprint="a")
    with sqlite3.connect(tmp_path / "ledger.sqlite") as source, sqlite3.connect(tmp_path / "old.sqlite") as copy:
        source.backup(copy)
    opened(sqlite_ledger, fingerprint="b")
    anchor = sqlite_ledger.verify_audit().head
    assert anchor is not None
    with sqlite3.connect(tmp_path / "ledger.sqlite") as target, sqlite3.connect(tmp_path / "old.sqlite") as copy:
        copy.backup(target)
    assert sqlite_ledger.verify_audit().intact
    assert sqlite_ledger.verify_audit(anchor).first_bad == 2
    assert sqlite_ledger.verify_audit(Anchor(seq=1, mac="x")).first_bad == 1


def test_a_whole_chain_raises_no_alarm_while_others_write(ledger):
    stop, alarms = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            verdict = ledger.verify_audit()
            alarms.extend([] if verdict.intact else [verdict.says])

    looker = threading.Thread(target=look)
    looker.start()
    for n in range(40):
        opened(ledger, fingerprint=f"f{n}")
    stop.set()
    looker.join()
    assert alarms == []
    assert ledger.verify_audit().rows == 40


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param(("decided", "INC-1", None, {"patient": "x"}), "no place for patient", id="a name not on the list"),
        pytest.param(("decided", "INC-1", None, {"state": "Jane Doe"}), "no sentences", id="a sentence as a fact"),
        pytest.param(("decided", "Jane Doe", None, {}), "no sentences", id="a sentence as an object"),
        pytest.param(("decided", "INC-1", "because so", {}), "no sentences", id="a sentence as a rule"),
    ],
)
def test_the_audit_takes_codes_and_numbers_only(ledger, row, says):
    action, object_id, rule_id, facts = row
    with pytest.raises(ValueError, match=says) as raised, ledger.change("monitor", AT) as change:
        change.audit(action, object_id, rule_id, **facts)
    assert "Jane" not in str(raised.value)
    assert audited(ledger) == []


# opening


def test_the_revisions_make_the_tables_that_the_code_expects(ledger):
    with ledger._reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    config = Config()
    config.set_main_option("script_location", str(ROOT / "tasks" / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_column_takes_only_its_own_type(sqlite_ledger):
    opened(sqlite_ledger)
    with pytest.raises(sa.exc.IntegrityError, match="cannot store TEXT value in INTEGER"):
        tampered(sqlite_ledger, "UPDATE incidents SET version = 'many'")


def test_all_files_are_private_to_their_owner(sqlite_ledger, tmp_path):
    opened(sqlite_ledger)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {"ledger.sqlite", "audit.key"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_ledger_is_what_it_was_when_it_is_opened_again(tmp_path, url):
    with open_ledger(tmp_path, url) as first:
        incident = opened(first)
    with open_ledger(tmp_path, url) as again:
        assert again.incident(incident.id) == incident
        assert again.verify_audit().intact


@pytest.mark.parametrize(
    ("key", "says"),
    [
        pytest.param(None, "missing or damaged", id="lost"),
        pytest.param(b"short", "missing or damaged", id="torn"),
        pytest.param(b"k" * 32, "not the key this ledger was begun with", id="another"),
    ],
)
def test_a_ledger_is_not_continued_with_the_wrong_key(tmp_path, url, key, says):
    open_ledger(tmp_path, url).close()
    (tmp_path / "audit.key").unlink() if key is None else (tmp_path / "audit.key").write_bytes(key)
    with pytest.raises(Permanent, match=says):
        open_ledger(tmp_path, url)


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path, url):
    with open_ledger(tmp_path, url) as first:
        tampered(first, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Permanent, match="newer version"):
        open_ledger(tmp_path, url)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        pytest.param("mysql://heal:s3cret@db/heal", BadInput, id="another database"),
        pytest.param("heal:s3cret@db", BadInput, id="no address"),
        pytest.param("postgresql://heal:s3cret@db:port/heal", BadInput, id="a port that is none"),
        pytest.param("postgresql://heal:s3cret@127.0.0.1:1/heal", Transient, id="nobody answers"),
    ],
)
def test_an_address_that_does_not_work_is_explained_without_its_secret(tmp_path, monkeypatch, address, kind):
    monkeypatch.setenv("HEAL_LEDGER_URL", address)
    with pytest.raises(kind) as raised:
        open_ledger(tmp_path)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_busy_ledger_is_worth_another_try(tmp_path, url, monkeypatch):
    monkeypatch.setattr(opening, "BUSY_MS", 100)
    with open_ledger(tmp_path, url) as ledger, open_ledger(tmp_path, url) as other:
        with other.change("other", AT), pytest.raises(Transient, match="busy"), ledger.change("monitor", AT):
            pass
        assert opened(ledger).id == "INC-2026-11-23-001"


def test_a_spoiled_document_is_named_and_not_quoted(ledger):
    incident = opened(ledger)
    tampered(ledger, f"""UPDATE incidents SET document = '{{"id": "Jane Doe"}}' WHERE id = '{incident.id}'""")
    with pytest.raises(Permanent, match="no valid Incident") as raised:
        ledger.incident(incident.id)
    assert "Jane" not in str(raised.value)


def test_what_would_not_read_back_is_not_written(ledger):
    incident = opened(ledger)
    with pytest.raises(Permanent, match="not valid"), ledger.change("monitor", AT) as change:
        change.save_incident(incident.model_copy(update={"symptom": 7}))
    assert ledger.incident(incident.id) == incident
