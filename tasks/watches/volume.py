"""Volume: less flows than usually at this hour of the week, and that is no accident."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.anomaly import DetectionMethod, Severity
from models.volume import Volume
from tasks.watches._interface import Round

HALF = -0.5
ADVICE = "Compare counts per provider and location with last week's; look for a filter, a new id or a lost source"


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each flow that brings too little."""
    return (finding(one, round_) for one in round_.flow.volumes() if one.is_drop)


def finding(drop: Volume, round_: Round) -> Finding:
    """What came beside what usually comes, in the hour that was compared."""
    kind = "records" if drop.is_traffic else "records per answer"
    where = f" at {drop.location}" if drop.location else ""
    says = (
        f"{drop.resource}{where}, {drop.direction}: {drop.says} in the last hour, {drop.amount:.0f} {kind} where "
        f"{drop.usual:.0f} are usual at {drop.usual_by}"
    )
    return Finding(
        integration_id=drop.integration_id,
        subject=":".join(filter(None, (drop.direction.value, drop.resource, drop.location)))[:64],
        severity=Severity.HIGH if (drop.change or 0) <= HALF else Severity.MEDIUM,
        says=says,
        since=round_.flow.hour_compared[0],
        method=DetectionMethod.DEVIATION,
        advice=ADVICE,
    )
