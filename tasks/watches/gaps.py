"""Gaps that stay open: data that somebody waits for, and that nothing has made up for in hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from models.alert import Finding
from models.anomaly import Severity
from models.gap import Gap, GapState
from models.gap_tables import NEEDS, figures, named
from models.integration import Integration
from models.reading import Direction
from models.wording import counted, span
from tasks.watches._interface import Round

LONG = timedelta(hours=4)  # half a working day: what healing does by itself is over by then (spec: safety, 1.4)
PRESCRIPTIONS = frozenset({"MedicationRequest", "Prescription", "VisionPrescription"})


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each integration and kind of data, one way, with a gap that is open for long."""
    declared = {one.id: one for one in round_.integrations}
    late = [gap for gap in round_.house.ledger.open_gaps() if gap.since + LONG <= round_.as_of]
    known = sorted((gap for gap in late if gap.integration_id in declared), key=subject)
    for (integration_id, *_), group in groupby(known, key=subject):
        gaps = sorted(group, key=lambda gap: gap.since)
        yield finding(declared[integration_id], gaps, round_)


def subject(gap: Gap) -> tuple[str, str, Direction]:
    """What one finding is about."""
    return gap.integration_id, gap.resource, gap.direction


def finding(integration: Integration, gaps: list[Gap], round_: Round) -> Finding:
    """The oldest of them, and how many others there are."""
    first, zone = gaps[0], integration.timezone
    others = f"; {counted(len(gaps) - 1, 'other gap')} of it too" if len(gaps) > 1 else ""
    age = span((round_.as_of - first.since).total_seconds())
    says = f"{named(first, zone, round_.as_of)} is a gap for {age} (limit 4 h): {figures(first)}{others}"
    return Finding(
        integration_id=integration.id,
        subject=f"{first.resource}.{first.direction}"[:64],
        severity=Severity.HIGH if is_prescription(integration, first) else Severity.MEDIUM,
        says=says,
        since=first.since,
        advice=advice(first),
    )


def is_prescription(integration: Integration, gap: Gap) -> bool:
    """Whether glasses or medicines wait for it: by its kind of data, or because its read is declared essential."""
    essential = {read.operation for read in integration.reads if read.essential}
    return gap.resource in PRESCRIPTIONS or bool(essential & set(gap.operations))


def advice(gap: Gap) -> str:
    """What to do now."""
    if gap.state is GapState.OPEN:
        return "Its trouble lasts: see its incident; `heal gaps` tells how far it reaches"
    return f"It waits for {NEEDS[gap.unit]}; `heal gaps` shows it, and takes a person's word where nothing else can"
