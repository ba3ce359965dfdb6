"""A cursor that does not move although calls succeed: a stale copy, a stuck job, or a filter that lost its source."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.anomaly import Severity
from models.wording import local_time_on
from models.workflow import Workflow
from tasks.watches._interface import Round

ADVICE = "Read one record that you know was changed, past any cache; when it is old there too, call the vendor"


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each feed that brings nothing new."""
    return (finding(one) for one in round_.flow.workflows if one.is_stuck)


def finding(stuck: Workflow) -> Finding:
    """Since when it stands, and how long that should take."""
    since = stuck.cursor.stood_since if stuck.cursor else stuck.as_of
    at = local_time_on(since, stuck.calendar.timezone, stuck.as_of)
    says = f"{stuck.feed.name}: calls succeed, and the cursor has stood since {at}, {stuck.period_says}"
    return Finding(
        integration_id=stuck.integration_id,
        subject=stuck.feed.name,
        severity=Severity.MEDIUM,
        says=says,
        since=since,
        advice=ADVICE,
    )
