"""The console: one line on standard error, where whoever runs the monitor sees it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from models.noun import Noun
from models.queue import Notice, NoticeKind


class Settings(Noun):
    """Nothing to set."""


async def notify(notice: Notice, _: Settings, now: datetime, __: Path) -> None:
    """Print the notice."""
    sys.stderr.write(f"{now:%H:%M:%S} {line(notice)}\n")
    sys.stderr.flush()


def line(notice: Notice) -> str:
    """The notice in one sentence of typed facts."""
    repeat = " (repeat)" if notice.is_repeat else ""
    call, alert = notice.escalation, notice.alert
    if alert is not None:
        ended = "CLEARED " if notice.kind is NoticeKind.RESOLVE else ""
        return f"{ended}{alert.finding.severity} {alert.id}{repeat}: {notice.says}"
    if notice.kind is NoticeKind.RESOLVE or call is None:
        over = f"{notice.incident_id}{repeat}"
        return f"RECOVERED {over}: {notice.says}" if notice.says else f"RESOLVED {over}"
    return (
        f"{call.priority} {call.incident_id}{repeat}: {call.integration_name}: {call.cause} "
        f"({call.confidence:.0%}). {call.team} is called by rule {call.reason.rule}: {call.reason.says}"
    )
