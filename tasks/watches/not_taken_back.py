"""A temporary change outside of us whose end has passed, and which could not be taken back (spec: safety, A6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from models.actuator import Actuation, Stage
from models.alert import Finding
from models.anomaly import Severity
from tasks.watches._interface import Round

ADVICE = "Undo it by hand and look at `heal actuators`; it is tried again in each cycle, unless healing is halted"

PATIENCE = timedelta(minutes=2)  # a cycle or two


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each; an end that has only just come is the next step's to keep."""
    declared = {one.id for one in round_.integrations}
    for stage in (Stage.INTENDED, Stage.IN_FORCE):
        for one in round_.house.ledger.all_kept(Actuation, state=stage):
            if one.integration_id in declared and one.is_due(round_.as_of - PATIENCE):
                yield finding(one)


def finding(one: Actuation) -> Finding:
    """What still stands, and since when it should not."""
    what = f"{one.role} by {one.kind} ({one.action_id})"
    says = f"{what} should have been taken back, and was not in {one.undo_tries} tries"
    return Finding(
        integration_id=one.integration_id,
        subject=one.role.value,
        severity=Severity.HIGH,
        says=says,
        since=one.until or one.since,
        advice=ADVICE,
    )
