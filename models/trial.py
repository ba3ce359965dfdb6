"""Trial: a notice that only tries a channel, and how that went."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import NonNegativeFloat

from models.anomaly import Severity
from models.escalation import Escalation, Reason
from models.notice_words import TRIAL
from models.noun import Noun
from models.queue import Notice, NoticeKind

RULE = "heal-notify-test"
LATER, AGAIN = "it is sent again later", "see whether it can be reached from here, and try again"  # a test is sent once


class Tried(Noun):
    """How one channel took a test notice."""

    route: str
    took_ms: NonNegativeFloat
    accepted: bool
    says: str  # what happened; when it was not accepted, what to do
    by_us: bool = False  # it never left, because something is missing here

    @property
    def line(self) -> str:
        """In one line."""
        return f"{self.route}: accepted in {self.took_ms:.0f} ms" if self.accepted else one_line(self.route, self.says)


def one_line(route: str, says: str) -> str:
    """A sentence of a channel, which begins with its name once.

    >>> one_line("slack", "slack: refused with HTTP 403; make a new one"), one_line("slack", "env:URL: nothing there")
    ('slack: refused with HTTP 403; make a new one', 'slack: env:URL: nothing there')
    >>> one_line("teams", f"teams: no acceptance (timeout); {LATER}")
    'teams: no acceptance (timeout); see whether it can be reached from here, and try again'
    """
    line = " ".join(says.split()).replace(LATER, AGAIN)
    return line if line.startswith(f"{route}: ") else f"{route}: {line}"


def trial(route: str, at: datetime, kind: NoticeKind = NoticeKind.TRIGGER) -> Notice:
    """A notice that says of itself that it is a test; of the same instant, the same."""
    name = f"{TRIAL}{at.astimezone(UTC):%Y%m%dT%H%M%S}Z"
    return Notice(
        id=f"{name}/{kind.value}/{route}",
        incident_id=name,
        seq=1,
        kind=kind,
        route=route,
        escalation=Escalation(
            id=f"ESC-{name}",
            incident_id=name,
            integration_id="heal",
            integration_name="heal notify test",
            raised_at=at,
            reason=Reason(rule=RULE, says="a person tries whether this channel works"),
            priority=Severity.LOW,
            team="nobody",
            contact_groups=(),
            since=at,
            impact="none",
            cause="this channel works",
            confidence=1.0,
            evidence=(),
            tried=(),
            recommended=("Nothing is to be done: this is a test",),
        ),
        says="the test is over" if kind is NoticeKind.RESOLVE else "",
        queued_at=at,
        not_before=at,
        attempts=1,
    )
