"""Faults that the pretend clinic can play, seen by the real connectors: the cause of each stands at the first place.

What no call shows (a watch, a survey of files, a reconciliation) is told beside it, as its fixture has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from models.baseline import Baseline
from models.catalogue import load
from models.diagnosis import Diagnosis, explain
from models.facts import Around, Change, Side, gather_facts
from models.fixture.seen import Seen
from models.integration import Integration, Read
from models.reading import Reading, Window
from models.signatures import known_signatures
from models.surface import Surface, diff
from models.tuning import Tuning
from simulator.control import Clinic, start_clinic
from tasks.connectors._interface import Context
from tasks.signatures import read_fixtures
from tests.builders import a_baseline
from tests.callers import READS, SYSTEM, context_for

TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)  # ten o'clock at the practice
BROKEN, WELL = 6, 2  # calls of the trouble, from which it says as much as it can, and of each operation before it
WRITES = ("Appointment.create", "Appointment.update")  # by the connector's canary
READ_ONE = {"Patient.read": "Patient/testpatient-0001"}
UNPLAYED = {"bridge"}  # no connector calls it: its beats come in by themselves
DAY_S = 86_400.0
OF_PAGES = ("paging_expires", "next_missing", "page_repeats")  # faults that take more than one page
PATIENT_S = 20.0  # of a call that is answered, on a machine however busy
UNKNOWN_S = 4.0  # of a write whose answer comes later than that
SILENT_S = {"black_hole": 2.0, "no_ack": 1.5}  # of one that is not: it takes as long as it may
PLAYED = [
    pytest.param(fixture.cause, seen, id=f"{fixture.cause}: {seen.fault}")
    for fixture in read_fixtures()
    for seen in fixture.positives
    if seen.fault and seen.system not in UNPLAYED
]


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    systems = tuple(sorted({param.values[1].system for param in PLAYED}))
    directory = tmp_path_factory.mktemp("clinic")
    with start_clinic(directory, start=TUESDAY_MORNING, speed=1, systems=systems) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    premises.mend()
    yield premises
    premises.mend()


def test_there_are_faults_to_play():
    assert len(PLAYED) > 30


@pytest.mark.parametrize(("cause", "seen"), PLAYED)
def test_a_fault_that_is_played_is_called_by_its_name(clinic, tmp_path, cause, seen):
    diagnosis = asyncio.run(played(clinic, tmp_path, seen))
    assert diagnosis.cause == cause, weighed(diagnosis)


def test_a_clock_of_ours_that_is_wrong_is_called_by_its_name(clinic, tmp_path):
    seen = Seen(says="our clock is a quarter of an hour ahead")
    diagnosis = asyncio.run(told(context_of(clinic, seen, tmp_path, ahead_s=900.0), seen))
    assert diagnosis.cause == "clock_skew", weighed(diagnosis)


def weighed(diagnosis: Diagnosis) -> list[tuple[str, float, list[str]]]:
    """The three that were thought of first, and why."""
    return [(h.cause, round(h.probability, 2), [e.says for e in h.evidence]) for h in diagnosis.hypotheses[:3]]


async def played(clinic: Clinic, home: Path, seen: Seen) -> Diagnosis:
    """Look at the system well, break it, look again, and weigh what was seen."""
    yesterday_s = -DAY_S if seen.kind == "flat_file" else 0.0  # the file of the day before, which is remembered
    context = context_of(clinic, seen, home_of(home, seen.kind, "before"), ahead_s=yesterday_s)
    before, good = await well(context, is_surveyed=bool(seen.changes))
    clinic.break_(seen.system, seen.fault, **seen.parameters)
    deadline_s = UNKNOWN_S if seen.operations[0] in WRITES and seen.fault == "latency" else PATIENT_S
    deadline_s = SILENT_S.get(seen.fault, deadline_s)
    return await told(context_of(clinic, seen, home_of(home, seen.kind, "after"), deadline_s), seen, before, good)


async def told(
    context: Context, seen: Seen, before: tuple[Surface, ...] = (), good: Sequence[Reading] = ()
) -> Diagnosis:
    """Call, climb, gather, and weigh what was seen."""
    async with opened(context) as connector:
        readings = await at_once(connector, context.integration, BROKEN)
        ladder = await connector.climb()
        credential = connector.credential() if hasattr(connector, "credential") else None
        after = await surveyed(connector) if seen.changes else ()
    onset = readings[0].observed_at
    facts = gather_facts(
        context.integration,
        Window(integration_id=context.integration.id, since=onset, until=context.clock.now(), readings=tuple(readings)),
        usual(context.integration, good if seen.fault == "latency" else readings),  # a busy machine is slow by itself
        ladder,
        credential,
        changes(context.integration.id, onset, before, after),
        onset=onset,
        watched=seen.watched,
        around=Around(indications=seen.indications, looked_for=seen.looked_for, neighbours=seen.neighbours),
    )
    return explain(facts, known_signatures(), context.clock.now())


async def well(context: Context, *, is_surveyed: bool) -> tuple[tuple[Surface, ...], list[Reading]]:
    """What the system says of itself while all is well, and what it answers."""
    integration = context.integration
    async with opened(context) as connector:
        readings = await at_once(connector, integration, WELL * len(integration.reads))
        assert all(one.outcome.is_ok for one in readings), [(one.operation, one.outcome, one.code) for one in readings]
        return await surveyed(connector) if is_surveyed else (), readings


def usual(integration: Integration, readings: Sequence[Reading]) -> tuple[Baseline, ...]:
    """A past in which each operation took as long as in these."""
    took = {
        read.operation: [r.latency_ms for r in readings if r.operation == read.operation and r.latency_ms is not None]
        for read in integration.reads
    }
    return tuple(
        a_baseline(integration_id=integration.id, operation=name, median_ms=median(times))
        for name, times in took.items()
        if times
    )


async def at_once(connector: Any, integration: Integration, calls: int) -> list[Reading]:
    """The declared operations in turn, together: a time-out is waited for once. Files are looked at one by one."""
    reads = [integration.reads[nth % len(integration.reads)] for nth in range(calls)]
    if integration.kind == "flat_file":
        return [await called(connector, read, nth) for nth, read in enumerate(reads)]
    return await asyncio.gather(*(called(connector, read, nth) for nth, read in enumerate(reads)))


async def called(connector: Any, read: Read, nth: int) -> Reading:
    if read.operation not in WRITES:
        return await connector.read(read)
    written, _ = await connector.write(f"canary-{read.operation.lower()}-{nth}-{id(connector)}".replace(".", "-"))
    return written


async def surveyed(connector: Any) -> tuple[Surface, ...]:
    return await connector.survey() if hasattr(connector, "survey") else ()


def changes(of: str, onset: datetime, before: tuple[Surface, ...], after: tuple[Surface, ...]) -> tuple[Change, ...]:
    """What two looks at what the system says of itself differ in."""
    pairs = ((old, new) for old in before for new in after if old.part is new.part)
    found = (one for old, new in pairs for one in diff(old, new))
    return tuple(Change(integration_id=of, at=onset, side=Side.THEIRS, says=one.says, kind=one.kind) for one in found)


def context_of(clinic: Clinic, seen: Seen, home: Path, deadline_s: float = PATIENT_S, ahead_s: float = 0.0) -> Context:
    """Everything to open a connector with; a fixture's operations, where the connector has them."""
    tuning = Tuning(deadline_s=deadline_s)
    context = context_for(clinic, seen.kind, home, ahead_s=ahead_s, tuning=tuning, **further(clinic, seen))
    connector = load("tasks.connectors", seen.kind)
    known = {*READS[seen.kind], *connector.operations(connector.Settings.model_validate(context.integration.settings))}
    chosen = [name for name in seen.operations if name in {*known, *WRITES}] or READS[seen.kind][:2]
    reads = tuple(Read(operation=name, component=name) for name in chosen)
    return replace(context, integration=context.integration.model_copy(update={"reads": reads}))


def home_of(home: Path, kind: str, name: str) -> Path:
    """A home of its own, so that no token is left over; but files are remembered, and interchanges numbered through."""
    place = {"x12_eligibility": home.parent / kind, "flat_file": home / kind}.get(kind, home / name)
    place.mkdir(exist_ok=True)
    return place


def further(clinic: Clinic, seen: Seen) -> dict[str, Any]:
    """Settings beyond the usual ones: small pages, one patient, a user to sign on."""
    if seen.kind == "epic_fhir":
        size = 5 if seen.fault in OF_PAGES else 200
        searches = {name: f"{name.split('.')[0]}?_count={size}" for name in READS["epic_fhir"]}
        return {"max_pages": 2, "searches": searches | READ_ONE | dict.fromkeys(WRITES, "Appointment?_count=5")}
    if seen.kind == "allscripts_unity":
        return {"ehr_password": f"file:{clinic.unity['password_file']}"}
    return {"connections": BROKEN} if seen.kind == "hl7_mllp" else {}


@asynccontextmanager
async def opened(context: Context):
    connector = load("tasks.connectors", context.integration.kind).open_connector(context)
    try:
        yield connector
    finally:
        if context.integration.kind == "allscripts_unity" and (session := connector._tokens.held()):
            await connector._retire(session.value)  # each one costs one of two seats
        await connector.aclose()


def test_every_kind_that_is_played_has_its_own_system():
    assert {seen.values[1].system for seen in PLAYED} <= set(SYSTEM.values())
