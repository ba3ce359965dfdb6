"""Read and write freshness: red when what comes in, or what goes out, is older than it may be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from models.alert import Finding
from models.anomaly import Severity
from models.wording import counted, local_time_on
from models.workflow import Workflow
from tasks.watches._interface import Round

ADVICE = {
    "read": "Look whether the other side's export or interface runs, and at `heal workflows`",
    "write": "Look whether the writer and the practice's bridge run; what is typed meanwhile waits",
}


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each integration and direction with a feed that is late."""
    late = (one for one in round_.flow.workflows if one.is_late)
    grouped = sorted(late, key=lambda one: (one.integration_id, one.noun))
    for _, feeds in groupby(grouped, key=lambda one: (one.integration_id, one.noun)):
        yield finding(tuple(feeds))


def finding(late: tuple[Workflow, ...]) -> Finding:
    """The worst of the late feeds of one direction, and how many others there are."""
    worst = max(late, key=lambda one: (one.age is None, one.age.age if one.age else None))
    return Finding(
        integration_id=worst.integration_id,
        subject=worst.noun,
        severity=Severity.MEDIUM,
        says=says(worst, len(late) - 1),
        since=worst.age.since if worst.age else worst.last_at or worst.as_of,
        advice=ADVICE[worst.noun],
    )


def says(worst: Workflow, others: int) -> str:
    """`write=red: Orders, last good write 09:15:23 AM EDT (limit 25 minutes of opening hours); 1 other feed too`."""
    zone, age = worst.calendar.timezone, worst.age
    told = f"{age.by} {local_time_on(age.since, zone, worst.as_of)}" if age else f"no good {worst.noun} is remembered"
    also = f"; {counted(others, 'other feed')} too" if others else ""
    return f"{worst.noun}=red: {worst.feed.name}, {told} ({worst.limit_says}){also}"
