"""Accepted is not landed: writes that the other side took and that were never seen there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from models.alert import Finding
from models.anomaly import Severity
from models.delivery import Landing
from tasks.watches._interface import Round

ADVICE = "Ask the other side for what it holds in its queue; before sending again, look whether each is there already"


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each operation whose writes get lost; it is over when they land late."""
    watched = {one.id for one in round_.integrations}
    return (
        finding(one, round_.as_of) for one in round_.flow.landings() if one.is_lost and one.integration_id in watched
    )


def finding(lost: Landing, as_of: datetime) -> Finding:
    """Counts alone: which writes they are, nobody needs to know here."""
    return Finding(
        integration_id=lost.integration_id,
        subject=lost.operation,
        severity=Severity.HIGH,
        says=f"{lost.operation} {lost.says}",
        since=lost.oldest_at or as_of,
        advice=ADVICE,
    )
