"""Ahead: records from the future, all by about the same time: a time zone, or a change of clocks (catalogue S69)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from models.ahead import FAR, OVER, SLACK, Ahead
from models.alert import Finding
from models.anomaly import Severity
from tasks.history.questions import rows
from tasks.watches._interface import Round

ADVICE = "Hold reminders; look whether UTC and local time are confused, and correct them by an agreed rule only"


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each operation whose times are ahead of the clock."""
    watched = {one.id for one in round_.integrations}
    return (finding(one) for one in ahead(round_) if one.is_shifted and one.integration_id in watched)


def ahead(round_: Round) -> Iterator[Ahead]:
    """Whatever claims to be ahead."""
    asked = {"since": round_.as_of - OVER, "until": round_.as_of + timedelta(microseconds=1)}
    limits = {"slack_s": SLACK.total_seconds(), "far_s": FAR.total_seconds()}
    return (Ahead.model_validate(row) for row in rows(round_.history, "ahead", asked | limits))


def finding(one: Ahead) -> Finding:
    """How far, in how many answers."""
    return Finding(
        integration_id=one.integration_id,
        subject=one.operation,
        severity=Severity.HIGH,
        says=f"{one.operation}: {one.says}",
        since=one.since,
        advice=ADVICE,
    )
