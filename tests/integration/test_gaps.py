"""Gaps in a real ledger, beside a pretend clinic: an outage opens them, what was made up for closes them, and no
incident is over before."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from flows import demo_configuration
from flows.commands import gaps as command
from models.anomaly import Case, Severity
from models.configuration import Configuration
from models.discrepancy import DayCount, Discrepancy, DiscrepancyKind, Reconciled
from models.errors import DEGRADED, HEALTHY, BadInput, LedgerConflict
from models.feed import Feed
from models.gap import ClosedBy, Gap, GapState, Reason, Unit
from models.gap_reconciled import run_of
from models.incident import Event, Incident, State
from models.integration import Integration, Read
from models.policy import Approving, Channel, Policy
from models.reading import Outcome
from models.reconciliation import Column, ColumnKind, Landed, Reconciliation
from models.report import build_report, check
from models.sending import Answer, Ask, Sending, SendState, Settlement, Verdict, sending_for
from simulator.control import Clinic
from tasks.detect import gather_case, keep_incident
from tasks.gaps import awaited, keep_message_gaps, keep_reconciled_gaps, vouch
from tasks.house import House
from tasks.ledger import Change, Ledger
from tasks.probe import probe_all
from tasks.remediate import is_due, remediate
from tasks.remember import remember
from tasks.story import tell
from tasks.watch import standing, watch_all
from tests.builders import (
    BEGINNING,
    EPIC,
    a_case,
    a_diagnosis,
    a_reading,
    an_anomaly,
    an_incident,
    an_integration,
    minutes,
)
from tests.callers import context_for
from tests.clocks import AdvancingClock, MovedClock, a_house, clinic_by_hand
from tests.integration.test_service_clinic import MORNING

MINUTE = timedelta(minutes=1)
FEEDS = (
    Feed(name="patients", resource="Patient", operations=("Patient.search",)),
    Feed(name="visits", resource="Appointment", operations=("Appointment.search",)),
)
VISITS = Reconciliation(
    name="visits",
    resource="Appointment",
    operation="Appointment.search",
    ours=Landed(url="sqlite:///landed.db", table="visits"),
    columns=(Column(name="id"), Column(name="start", kind=ColumnKind.INSTANT)),
    day="start",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# --- cycles that are told: an incident and the ledger, without a network -------------------------------------------


class Practice:
    """One integration whose cycles are told minute by minute: `.` all well, `x` half of the calls fail, `X` all."""

    def __init__(self, home: Path, **changes) -> None:
        self.integration: Integration = an_integration(**{"feeds": FEEDS} | changes)
        self.clock = MovedClock(BEGINNING)
        self.house: House = a_house(home, self.clock, self.integration)
        self.told = ""

    @property
    def ledger(self) -> Ledger:
        return self.house.ledger

    @property
    def incident(self) -> Incident:
        return self.ledger.incidents(EPIC)[0]

    @property
    def gaps(self) -> dict[str, Gap]:
        return {gap.resource: gap for gap in self.ledger.all_kept(Gap, EPIC)}

    def live(self, pattern: str, **changes) -> Incident:
        for letter in pattern:
            self.told += letter
            self.clock.at = BEGINNING + len(self.told) * MINUTE
            if letter != "." and self.ledger.current(EPIC) is None:
                self.suspect(self.clock.at - MINUTE)
            keep_incident(self.house, self.case(**changes), [])
        return self.incident

    def skip(self, minutes: int) -> None:
        """Time in which all is well, and nobody looks."""
        self.told += "." * minutes
        self.clock.at = BEGINNING + len(self.told) * MINUTE

    def suspect(self, at: datetime, **changes) -> None:
        told = {"state": State.SUSPECTED, "started_at": at, "detected_at": at, "updated_at": at, "diagnosis": None}
        begun = an_incident(**{"id": "", "symptom": "server_error", "moments": ()} | told | changes)
        with self.ledger.change("test", at) as change:
            change.open_incident(begun)

    def case(self, **changes) -> Case:
        failed = ({".": 0, "x": 10, "X": 20}[letter] for letter in self.told)
        latest = minutes(*failed, **changes)
        seen = [one for one in latest if one.observed_at >= self.clock.at - 15 * MINUTE]
        return a_case(*seen, integration=self.integration, until=self.clock.at)

    def replay(self, most: int = 1000, *operations: str) -> None:
        waiting = [
            one for one in self.ledger.missed_reads(EPIC, 10_000) if one.operation in operations or not operations
        ]
        with self.ledger.change("test", self.clock.at) as change:
            change.processed([one.id for one in waiting[:most]], ok=True)


@pytest.fixture
def practice(tmp_path) -> Practice:
    return Practice(tmp_path)


def test_an_outage_opens_a_gap_for_each_feed_from_its_last_good_read_on(practice):
    practice.live("..xxxx")
    patients, visits = practice.gaps["Patient"], practice.gaps["Appointment"]
    assert (patients.state, patients.until, patients.incident_id) == (GapState.OPEN, None, practice.incident.id)
    assert patients.since == BEGINNING + timedelta(minutes=1, seconds=54)  # of twenty calls, the last of this kind
    assert visits.since == BEGINNING + timedelta(minutes=1, seconds=57)
    assert (patients.expected, patients.delivered, patients.reasons) == (20, 0, (Reason.FAILED_READS,))


def test_a_suspicion_opens_none(practice):
    assert practice.live("xx..").state is State.CLOSED
    assert practice.gaps == {}


def test_the_same_cycle_told_again_changes_nothing(practice):
    practice.live("..xxxx....")
    before = practice.gaps
    audit = len(audited(practice.ledger))
    keep_incident(practice.house, practice.case(), [])
    assert practice.gaps == before
    assert len(audited(practice.ledger)) == audit


def audited(ledger: Ledger) -> list[str]:
    with ledger._reading() as connection:
        return list(connection.execute(sa.text("SELECT action FROM audit ORDER BY seq")).scalars())


def test_it_ends_with_the_first_good_read_and_closes_when_every_failed_one_was_replayed(practice):
    practice.live("..xxxx....")
    assert practice.incident.state is State.MONITORING
    ended = practice.gaps["Patient"]
    assert (ended.state, ended.until) == (GapState.BACKFILLING, BEGINNING + timedelta(minutes=5, seconds=30))
    practice.replay(7)
    practice.live(".")
    told = [(gap.state, gap.delivered, gap.expected) for gap in practice.gaps.values()]
    assert sum(delivered for _, delivered, _ in told) == 7
    assert {state for state, *_ in told} == {GapState.BACKFILLING}
    practice.replay()
    practice.live(".")
    closed = practice.gaps["Patient"]
    assert (closed.state, closed.closed_by, closed.delivered, closed.expected) == (
        GapState.CLOSED, ClosedBy.REPLAY, 20, 20
    )  # fmt: skip


def test_an_incident_is_not_resolved_before_its_gaps_are_closed_and_says_once_why_it_waits(practice):
    practice.live("..xxxx" + "." * 20)
    assert practice.incident.state is State.MONITORING
    waits = [moment.says for moment in practice.incident.moments if "waits for" in moment.says]
    assert waits == [
        "Quiet for 10 min; waits for 2 gaps: Patient at all sites 09:31–09:35, Appointment at all sites 09:31–09:35"
    ]
    practice.replay(1000, "Patient.search")
    practice.live("..")
    (_, again) = [moment.says for moment in practice.incident.moments if "waits for" in moment.says]
    assert again.endswith("waits for 1 gap: Appointment at all sites 09:31–09:35")
    practice.replay()
    assert practice.live("..").state is State.RESOLVED


def test_the_ledger_itself_refuses_a_resolution_over_an_open_gap(practice):
    """Whoever judges wrongly cannot write it down; the refusal is audited."""
    incident = practice.live("..xxxx......")
    with (
        pytest.raises(LedgerConflict, match="while one of its gaps is open"),
        practice.ledger.change("test", practice.clock.at) as change,
    ):
        change.save_incident(incident.advance(Event.QUIET, practice.clock.at, "quiet", resolved_at=practice.clock.at))
    assert audited(practice.ledger)[-1] == "refused"
    assert practice.incident.state is State.MONITORING


def test_trouble_that_returns_is_the_same_gap_while_that_is_not_closed_and_another_one_afterwards(practice):
    practice.live("..xxxx....xxx")
    assert practice.incident.state is State.DIAGNOSING
    practice.live("x")
    again = practice.gaps["Patient"]
    assert (len(practice.gaps), again.state, again.until) == (2, GapState.OPEN, None)
    practice.live("." * 8)
    practice.replay()
    practice.live(".")
    assert {gap.state for gap in practice.gaps.values()} == {GapState.CLOSED}
    closed = practice.gaps["Patient"]
    practice.live("xxxx")
    every = [gap for gap in practice.ledger.all_kept(Gap, EPIC) if gap.resource == "Patient"]
    assert [gap.state for gap in every] == [GapState.CLOSED, GapState.OPEN]
    assert every[0] == closed
    assert every[1].since >= closed.until


def test_a_stray_failure_while_all_is_well_opens_nothing_and_holds_nobody_up(practice):
    practice.live("..xxxx....")
    practice.replay()
    practice.live(".")
    stray = a_reading(observed_at=practice.clock.at + timedelta(seconds=1), outcome=Outcome.SERVER_ERROR)
    practice.clock.at += MINUTE
    practice.told += "."
    seen = practice.case()
    keep_incident(practice.house, seen.model_copy(update={"window": with_another(seen.window, stray)}), [])
    assert [gap.state for gap in practice.gaps.values()] == [GapState.CLOSED] * 2


def with_another(window, reading):
    return window.model_copy(update={"readings": (*window.readings, reading)})


@pytest.mark.parametrize(
    ("feeds", "location", "found"),
    [
        pytest.param(FEEDS, "north", {("Patient", "north"), ("Appointment", "north")}, id="a place that calls name"),
        pytest.param(
            (Feed(name="v", resource="Visit", operations=("Appointment.search",), locations=("north", "south")),),
            None,
            {("Visit", "north"), ("Visit", "south"), ("Patient", None)},
            id="places that a feed declares",
        ),
        pytest.param(
            (Feed(name="v", resource="Visit", operations=("Appointment.search", "Patient.search")),),
            None,
            {("Visit", None)},
            id="a feed of two calls",
        ),
        pytest.param((), None, {("Patient", None), ("Appointment", None)}, id="no feed: each call is its own"),
    ],
)
def test_a_gap_is_of_one_kind_of_data_at_one_place(tmp_path, feeds, location, found):
    practice = Practice(tmp_path, feeds=feeds)
    practice.live("..xxxx", location=location)
    assert {(gap.resource, gap.location) for gap in practice.ledger.all_kept(Gap, EPIC)} == found


def test_before_the_window_the_history_tells_the_last_good_read(practice):
    remember([a_reading(observed_at=BEGINNING - timedelta(hours=5))], practice.house.home)
    practice.live("XXXX")
    assert practice.gaps["Patient"].since == BEGINNING - timedelta(hours=5)
    assert practice.gaps["Appointment"].since == BEGINNING + timedelta(seconds=3)  # its first: never read well before


# --- records that both sides must hold alike -------------------------------------------------------------------------


def a_run(practice: Practice, *found: Discrepancy, theirs: int = 30, ours: int = 30, **changes) -> Reconciled:
    at = practice.clock.at
    told = {
        "id": f"{EPIC}/visits", "integration_id": EPIC, "name": "visits", "resource": "Appointment",
        "state": "differs" if found else "agrees", "as_of": at, "since": at - timedelta(days=7), "until": at,
        "days": (DayCount(day=BEGINNING.date(), theirs=theirs, ours=ours, compared=True),), "discrepancies": found,
    }  # fmt: skip
    return Reconciled(**told | changes)


def missing(count: int) -> Discrepancy:
    day = BEGINNING.date()
    told = {"severity": Severity.HIGH, "of": 30, "first_day": day, "last_day": day, "says": "…"}
    return Discrepancy(kind=DiscrepancyKind.MISSING, count=count, **told)


def reconcile(practice: Practice, run: Reconciled) -> tuple[Gap, ...]:
    with practice.ledger.change("test", practice.clock.at) as change:
        return keep_reconciled_gaps(change, practice.integration, run)


def test_where_both_sides_are_reconciled_replayed_reads_prove_nothing(tmp_path):
    practice = Practice(tmp_path, reconcile=(VISITS,))
    practice.live("..xxxx....")
    practice.replay()
    practice.live("." * 12)
    states = {name: gap.state for name, gap in practice.gaps.items()}
    assert states == {"Patient": GapState.CLOSED, "Appointment": GapState.BACKFILLING}
    assert practice.incident.state is State.MONITORING
    assert awaited(practice.house) == {(EPIC, "visits"): practice.gaps["Appointment"].since}
    reconcile(practice, a_run(practice, missing(3)))
    visits = practice.gaps["Appointment"]
    assert (visits.state, visits.delivered, visits.expected) == (GapState.BACKFILLING, 27, 30)
    assert visits.reasons == (Reason.FAILED_READS, Reason.MISSING)
    assert practice.live(".").state is State.MONITORING
    (closed,) = reconcile(practice, a_run(practice))
    assert (closed.state, closed.closed_by, closed.reference) == (
        GapState.CLOSED, ClosedBy.RECONCILIATION, run_of(a_run(practice))
    )  # fmt: skip
    assert practice.live(".").state is State.RESOLVED
    assert awaited(practice.house) == {}


def test_a_silent_difference_is_a_gap_of_no_incident_until_one_is_under_way(tmp_path):
    practice = Practice(tmp_path, reconcile=(VISITS,))
    practice.skip(4)
    (gap,) = reconcile(practice, a_run(practice, missing(3), ours=27))
    assert (gap.unit, gap.incident_id, gap.expected, gap.delivered) == (Unit.RECORDS, None, 30, 27)
    assert reconcile(practice, a_run(practice, missing(3), ours=27)) == ()
    practice.clock.move(MINUTE)
    (closed,) = reconcile(practice, a_run(practice))
    assert (closed.id, closed.state) == (gap.id, GapState.CLOSED)


@pytest.mark.parametrize(
    ("metric", "holds"),
    [
        pytest.param("differences:visits", True, id="of the incident that tells of the difference"),
        pytest.param("error_rate", False, id="of no other"),
    ],
)
def test_a_gap_that_stood_alone_joins_the_incident_that_tells_of_it(tmp_path, metric, holds):
    practice = Practice(tmp_path, reconcile=(VISITS,))
    practice.skip(4)
    reconcile(practice, a_run(practice, missing(3), ours=27))
    practice.suspect(practice.clock.at, state=State.OPEN, symptom="unusual", anomalies=(an_anomaly(metric=metric),))
    practice.live(".")
    assert [gap.incident_id for gap in practice.ledger.open_gaps(EPIC)] == [practice.incident.id if holds else None]


# --- messages of ours ------------------------------------------------------------------------------------------------


def a_message(practice: Practice, number: int) -> str:
    told = {"identity": f"{number:016x}", "content": "c" * 16, "place": "0" * 16, "letter": f"{number:032x}"}
    with practice.ledger.change("test", practice.clock.at) as change:
        send, _ = change.queue_send(integration_id=EPIC, order_key=f"{number:016x}", kind="Appointment.create", **told)
    return send.id


def answer(practice: Practice, send_id: str, verdict: Verdict) -> None:
    now = practice.clock.at
    lease = practice.ledger.acquire(sending_for(EPIC), "one", now, MINUTE)
    with practice.ledger.change("test", now) as change:
        begun = change.save_send(change.a_send(send_id).begun(now), lease)
        change.save_send(begun.answered(Answer(verdict=verdict), Sending(ask=Ask.QUERY), now, 0.5), lease)


def settle(practice: Practice, send_id: str, settlement: Settlement) -> None:
    with practice.ledger.change("test", practice.clock.at) as change:
        change.save_send(change.a_send(send_id).settled(settlement, practice.clock.at), None)


def test_messages_that_wait_are_a_gap_to_them_until_each_went_or_lies_aside(practice):
    practice.live("..xxxx")
    sends = [a_message(practice, number) for number in range(4)]
    answer(practice, sends[0], Verdict.ACCEPTED)
    keep_message_gaps(practice.house)
    assert "Appointment.create" not in {one for gap in practice.gaps.values() for one in gap.operations}
    practice.clock.move(20 * MINUTE)
    keep_message_gaps(practice.house)
    (gap,) = outgoing(practice)
    assert (gap.state, gap.reasons, gap.incident_id) == (
        GapState.OPEN, (Reason.STUCK_MESSAGES,), practice.incident.id
    )  # fmt: skip
    answer(practice, sends[1], Verdict.ACCEPTED)
    answer(practice, sends[2], Verdict.REFUSED)
    keep_message_gaps(practice.house)
    assert outgoing(practice)[0].state is GapState.OPEN
    answer(practice, sends[3], Verdict.ACCEPTED)
    keep_message_gaps(practice.house)
    (aside,) = outgoing(practice)
    assert (aside.state, aside.expected, aside.delivered, aside.quarantined) == (GapState.QUARANTINED, 4, 3, 1)
    keep_message_gaps(practice.house)
    assert outgoing(practice) == [aside]
    settle(practice, sends[2], Settlement.ARRIVED)
    keep_message_gaps(practice.house)
    assert [gap.state for gap in outgoing(practice)] == [GapState.CLOSED]
    assert all(practice.ledger.a_send(one).state is SendState.SENT for one in sends)


def outgoing(practice: Practice) -> list[Gap]:
    return [gap for gap in practice.ledger.all_kept(Gap, EPIC) if gap.unit is Unit.MESSAGES]


def test_a_message_that_dies_later_is_a_gap_of_its_own(practice):
    for number in range(2):
        answer(practice, a_message(practice, number), Verdict.REFUSED)
        keep_message_gaps(practice.house)
        practice.clock.move(MINUTE)
    assert [(gap.state, gap.expected) for gap in outgoing(practice)] == [(GapState.QUARANTINED, 1)] * 2


def test_where_no_message_is_stuck_nothing_is_written(practice):
    before = len(audited(practice.ledger))
    keep_message_gaps(practice.house)
    assert len(audited(practice.ledger)) == before


# --- a process that dies ---------------------------------------------------------------------------------------------


def die_within(home: Path, after: int) -> None:
    """Live a minute of an outage, and be killed after so many nouns were kept: all of it is one transaction."""
    practice = Practice(home)
    practice.live("..xxxx...")
    plain, left = Change.keep, [after]

    def keep(self, *args, **kwargs):
        outcome = plain(self, *args, **kwargs)
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

    Change.keep = keep
    practice.replay()
    practice.live("..")
    os._exit(0)


@pytest.mark.parametrize("after", [0, 1])
def test_killed_between_two_steps_it_is_as_before_and_whoever_comes_next_closes_them(tmp_path, after):
    process = multiprocessing.get_context("fork").Process(target=die_within, args=(tmp_path, after))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    practice = Practice.__new__(Practice)
    practice.integration, practice.clock = an_integration(feeds=FEEDS), MovedClock(BEGINNING + 9 * MINUTE)
    practice.house, practice.told = a_house(tmp_path, practice.clock, practice.integration), "..xxxx..."
    assert {gap.state for gap in practice.gaps.values()} <= {GapState.OPEN, GapState.BACKFILLING}
    practice.live("..")
    assert {gap.state for gap in practice.gaps.values()} == {GapState.CLOSED}
    assert len(practice.gaps) == 2
    assert practice.ledger.verify_audit().intact


# --- people ----------------------------------------------------------------------------------------------------------


def told_by(practice: Practice, tmp_path: Path, monkeypatch, **options) -> int:
    monkeypatch.setattr(command, "house_of", lambda *_, **__: practice.house)
    return command.command(config=tmp_path, home=tmp_path, **options)


def test_the_command_lists_what_is_open_first_and_closes_on_a_word(practice, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "240")
    practice.live("..xxxx......")
    practice.replay(1000, "Patient.search")
    practice.live(".")
    assert told_by(practice, tmp_path, monkeypatch) == DEGRADED
    shown = capsys.readouterr().out
    assert "Appointment" in shown
    assert "Patient" not in shown
    assert told_by(practice, tmp_path, monkeypatch, everything=True, as_json=True) == DEGRADED
    documents = json.loads(capsys.readouterr().out)
    assert [(one["resource"], one["state"]) for one in documents] == [
        ("Appointment", "backfilling"), ("Patient", "closed")
    ]  # fmt: skip
    gap = practice.gaps["Appointment"]
    with pytest.raises(BadInput, match="say why and who"):
        told_by(practice, tmp_path, monkeypatch, close=gap.id, by="Data Team")
    options = {"close": gap.id, "because": "counted with the clinic", "by": "Data Team"}
    assert told_by(practice, tmp_path, monkeypatch, **options) == HEALTHY
    assert "no report calls that a proof" in capsys.readouterr().out
    assert practice.incident.moments[-1].says == f"{gap.id} closed on the word of Data Team: counted with the clinic"
    assert told_by(practice, tmp_path, monkeypatch) == HEALTHY
    assert "No gap is open" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pattern", "gap", "because", "says"),
    [
        pytest.param("..xxxx", None, "loaded by hand", "still grows", id="its trouble lasts"),
        pytest.param("..xxxx.....", "GAP-1999-01-01-001", "loaded by hand", "knows no gap", id="no such gap"),
        pytest.param("..xxxx.....", None, "Mr. Smith called", "because", id="a word that could name a patient"),
    ],
)
def test_a_word_that_cannot_be_taken_changes_nothing(practice, pattern, gap, because, says):
    practice.live(pattern)
    before = practice.gaps
    with pytest.raises(BadInput, match=says):
        vouch(practice.house, gap or before["Patient"].id, "Data Team", because)
    assert practice.gaps == before


def test_it_takes_as_many_people_as_policy_asks_for(tmp_path):
    practice = Practice(tmp_path)
    policy = Policy(version="1", owner="Integration Team", approval=Approving(people=2))
    configuration = practice.house.configuration.model_copy(update={"policy": policy})
    house = House(configuration=configuration, home=tmp_path, clock=practice.clock)
    practice.live("..xxxx.....")
    gap_id = practice.gaps["Patient"].id
    assert vouch(house, gap_id, "Data Team", "loaded by hand").holds
    assert vouch(house, gap_id, "Integration Team", "seen there").is_over
    told = [moment.says for moment in practice.incident.moments[-2:]]
    assert told[0] == f"{gap_id} not closed yet, 1 of 2 people agree on the word of Data Team: loaded by hand"


def test_a_vouched_gap_holds_nobody_up_and_is_never_called_no_loss(practice):
    practice.live("..xxxx......")
    practice.replay()
    with practice.ledger.change("test", practice.clock.at) as change:  # one that no replay closes
        for gap in practice.gaps.values():
            change.keep(gap.model_copy(update={"unit": Unit.RECORDS}))
    for gap in practice.gaps.values():
        vouch(practice.house, gap.id, "Data Team", "counted with the clinic")
    assert practice.live("." * 8).state is State.RESOLVED
    report = build_report(tell(practice.house, EPIC, practice.incident.id))
    assert report.x_no_data_loss is False
    assert check(report.model_dump(mode="json", by_alias=True)) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        pytest.param({}, Severity.MEDIUM, id="visits"),
        pytest.param(
            {"reads": (Read(operation="Appointment.search", component="API", essential=True),)},
            Severity.HIGH,
            id="what is declared essential",
        ),
        pytest.param(
            {"feeds": (Feed(name="rx", resource="MedicationRequest", operations=("Appointment.search",)),)},
            Severity.HIGH,
            id="prescriptions",
        ),
    ],
)
async def test_somebody_is_told_of_a_gap_that_stays_open_for_hours(tmp_path, changes, severity):
    practice = Practice(tmp_path, **changes)
    practice.live("..xxxx....", operation="Appointment.search")
    practice.skip(230)
    await watch_all(practice.house)
    assert not [alert for alert in standing(practice.house) if alert.watch == "gaps"]
    practice.skip(5)
    await watch_all(practice.house)
    (alert,) = [alert for alert in standing(practice.house) if alert.watch == "gaps"]
    assert alert.finding.severity is severity
    assert "is a gap for 4 hours 3 minutes (limit 4 h): 0 of 40 reads" in alert.finding.says
    practice.replay()
    practice.live(".", operation="Appointment.search")
    await watch_all(practice.house)
    assert not [alert for alert in standing(practice.house) if alert.watch == "gaps"]


# --- the pretend clinic ----------------------------------------------------------------------------------------------


def at_the_clinic(clinic: Clinic, home: Path, clock: MovedClock) -> House:
    """Two feeds of a real server, and a policy that lets missed reads be replayed."""
    told: Integration = context_for(clinic, "epic_fhir", home).integration
    reads = tuple(Read(operation=one, component="API", calls=2) for one in ("Patient.search", "Appointment.search"))
    changes = {"reads": reads, "feeds": FEEDS, "reconcile": (VISITS,), "routes": (), "controls": None}
    page = demo_configuration.policy() | {"remedies": {"replay_missed": {"mode": "auto"}}}
    policy = Policy(
        version="1", owner="Integration Team", remedies=page["remedies"], channels=(Channel(route="console"),)
    )
    configuration = Configuration(integrations=(told.model_copy(update=changes),), policy=policy, path=home)
    return House(configuration=configuration, home=home, clock=clock)


@pytest.mark.anyio
async def test_an_outage_of_the_clinic_is_over_when_its_feeds_are_replayed_and_reconciled(tmp_path):
    clock = AdvancingClock(MORNING)
    async with clinic_by_hand(tmp_path / "clinic", clock, "epic") as clinic:
        await live_through(clinic, tmp_path, clock)


async def live_through(clinic: Clinic, tmp_path: Path, clock: MovedClock) -> None:
    """An outage of five minutes, seen and replayed over real sockets."""
    house = at_the_clinic(clinic, tmp_path, clock)
    (one,) = house.configuration.integrations

    async def live(rounds: int) -> Incident | None:
        """Rounds of the monitor without its detectors: what they would say is told."""
        for _ in range(rounds):
            house.clock.move(MINUTE)
            remember(await probe_all(house), house.home)
            case = gather_case(house, one)
            keep_incident(house, case, [an_anomaly(integration_id=one.id)] if case.window.counts.failed else [])
            incident = house.ledger.current(one.id)
            if incident and incident.diagnosis is None:
                with house.ledger.change("test", case.as_of) as change:
                    change.save_incident(
                        incident.note(case.as_of, "told", diagnosis=a_diagnosis(integration_id=one.id))
                    )
            elif incident and is_due(house, incident):
                await remediate(house, incident.id)
        return next(iter(house.ledger.incidents(one.id)), None)

    await live(2)
    await asyncio.to_thread(clinic.break_, "epic", "server_errors", share=1.0)
    await live(5)
    opened = {gap.resource: gap for gap in house.ledger.all_kept(Gap)}
    assert {name: gap.state for name, gap in opened.items()} == dict.fromkeys(["Patient", "Appointment"], GapState.OPEN)
    assert all(gap.since < MORNING + 4 * MINUTE for gap in opened.values())
    await asyncio.to_thread(clinic.mend)
    incident = await live(15)
    assert house.ledger.backlog(incident.id).is_complete
    replayed, lacking = (next(g for g in house.ledger.all_kept(Gap) if g.resource == name) for name in opened)
    if replayed.resource != "Patient":
        replayed, lacking = lacking, replayed
    assert (replayed.state, replayed.closed_by, replayed.delivered) == (
        GapState.CLOSED,
        ClosedBy.REPLAY,
        replayed.expected,
    )
    assert (lacking.state, incident.state) == (GapState.BACKFILLING, State.MONITORING)
    assert build_report(tell(house, one.id)).x_no_data_loss is False
    now = house.clock.now()
    run = Reconciled(
        id=f"{one.id}/visits", integration_id=one.id, name="visits", resource="Appointment", state="agrees",
        as_of=now, since=now - timedelta(days=1), until=now,
        days=(DayCount(day=local_day(MORNING, one.timezone), theirs=9, ours=9),),
    )  # fmt: skip
    with house.ledger.change("test", now) as change:
        keep_reconciled_gaps(change, one, run)
    assert (await live(1)).state is State.RESOLVED
    report = build_report(tell(house, one.id))
    assert report.x_no_data_loss is True
    assert check(report.model_dump(mode="json", by_alias=True)) == []


def local_day(at: datetime, timezone: str):
    return at.astimezone(ZoneInfo(timezone)).date()
