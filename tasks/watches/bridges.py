"""Bridges: an agent at the practice that gives no sign of life at an hour at which it usually does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from models.alert import Finding
from models.anomaly import Severity
from models.bridge import Beats, Bridge
from models.integration import Integration
from models.wording import local_time_on, span
from tasks.watches._interface import Round

ADVICE = "Look whether the workstation is on, awake and online, and whether its bridge runs; start it again"
NEVER = "Start the bridge, and look whether its heartbeats reach the inbox"


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each bridge that is silent, or was never heard."""
    beats = round_.flow.beats()
    for one in round_.integrations:
        for bridge in one.bridges:
            heard = beats.get((one.id, bridge.name))
            if heard is None:
                yield never(one, bridge, round_.as_of)
            elif heard.silence(round_.as_of, one.timezone) > bridge.patience:
                yield silent(one, bridge, heard, round_.as_of)


def silent(one: Integration, bridge: Bridge, heard: Beats, as_of: datetime) -> Finding:
    """When it was heard last, and when it should have been."""
    last = local_time_on(heard.last_at, one.timezone, as_of)
    known = "" if heard.has_learned else "; its nights are not known yet"
    rule = f"a beat every {span(bridge.every.total_seconds())}, silent after {bridge.silent_after}"
    return Finding(
        integration_id=one.id,
        subject=bridge.name,
        severity=Severity.HIGH if one.calendar.is_open(as_of) else Severity.MEDIUM,
        says=f"bridge silent: {bridge.name} was last heard {last} ({rule}{known})",
        since=heard.last_at,
        advice=ADVICE,
    )


def never(one: Integration, bridge: Bridge, as_of: datetime) -> Finding:
    """Declared, and not heard in all that is remembered: shown, but nobody is called."""
    says = f"bridge {bridge.name} was never heard"
    return Finding(
        integration_id=one.id, subject=bridge.name, severity=Severity.LOW, says=says, since=as_of, advice=NEVER
    )
