"""Problem: what a person noticed, beside what was measured at that moment.

A report is believed as far as `suspected`: it opens a candidate, never a remedy. Its text is data. Of it the words
of `models.plain_words` are kept, so that a name or a number somebody wrote into it is not.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field, NonNegativeInt, PositiveInt

from models.alert import Finding
from models.anomaly import DetectionMethod, Severity
from models.noun import Kept, Noun
from models.plain_words import PLAIN
from models.reading import Identifier, Operation, Outcome

AROUND = timedelta(minutes=30)  # of the telemetry that is looked at, before and after
ALIKE = timedelta(minutes=30)  # two people who notice the same do so within it
LASTS = timedelta(hours=24)  # without any sign in the telemetry it is over then
LONGEST = 500  # characters of a text (spec: security, 3.2)
LEFT_OUT = "…"
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]{1,2})?|[.,!?]|[^\sA-Za-z.,!?]+")


class ProblemState(StrEnum):
    """Whether somebody still has the problem."""

    OPEN = "open"
    CLOSED = "closed"


class Evidence(Noun):
    """What was measured around the moment: counts and codes."""

    since: AwareDatetime
    until: AwareDatetime
    calls: NonNegativeInt
    failed: NonNegativeInt
    outcomes: dict[Outcome, NonNegativeInt] = Field(default_factory=dict)  # of the failed calls
    anomalies: tuple[str, ...] = ()  # as their detectors describe them
    alerts: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()  # their ids

    @property
    def shows_something(self) -> bool:
        """Whether the telemetry shows anything odd."""
        return bool(self.failed or self.anomalies or self.alerts or self.incidents)


class ProblemReport(Kept):
    """One problem, noticed by one person or by several."""

    integration_id: Identifier
    state: ProblemState = ProblemState.OPEN
    operation: Operation | None = None  # what it is about; None: nobody said
    at: AwareDatetime  # when it was first noticed
    last_at: AwareDatetime  # when it was last reported
    times: PositiveInt = 1
    says: str  # redacted
    sources: tuple[str, ...] = ()  # marks of the messages that told it, so that one counts once
    evidence: Evidence
    closed_at: AwareDatetime | None = None

    def is_alike(self, operation: str | None, at: datetime) -> bool:
        """Whether a new report is of the same problem."""
        same = self.operation == operation or None in {self.operation, operation}
        return self.state is ProblemState.OPEN and same and self.at - ALIKE <= at <= self.last_at + ALIKE

    def stands(self, as_of: datetime, *, is_troubled: bool) -> bool:
        """Whether somebody should still look at it.

        Args:
            as_of: now.
            is_troubled: whether the telemetry shows trouble now.
        """
        return self.state is ProblemState.OPEN and (is_troubled or as_of - self.last_at < LASTS)


def redacted(text: str) -> str:
    """The plain words of a text; each run of others is one `…`."""
    kept: list[str] = []
    for word in WORD.findall(text[: 4 * LONGEST]):
        told = word if word in ".,!?" or word.lower() in PLAIN else LEFT_OUT
        if told != LEFT_OUT or kept[-1:] != [LEFT_OUT]:
            kept.append(told)
    joined = re.sub(r" ([.,!?])", r"\1", " ".join(kept))
    return joined[:LONGEST]


def conclusion(evidence: Evidence) -> str:
    """What the telemetry says of the moment, in one sentence or two."""
    calls = f"{evidence.failed} of {evidence.calls} calls failed within half an hour"
    if not evidence.shows_something:
        seen = calls if evidence.calls else "no call was made within half an hour"
        return f"No telemetry anomaly found ({seen}). Compare both sides' data: what a person sees may not fail a call."
    kinds = ", ".join(f"{outcome} {number}" for outcome, number in evidence.outcomes.items())
    parts = [f"{calls} ({kinds})" if kinds else calls, *evidence.anomalies, *evidence.alerts, *evidence.incidents]
    return f"Telemetry of that moment: {'; '.join(parts)}."


def finding(report: ProblemReport) -> Finding:
    """What a standing report says to whoever is called."""
    about = f" about {report.operation}" if report.operation else ""
    often = f", {report.times} times" if report.times > 1 else ""
    said = f"Somebody reported a problem{about}{often}: “{report.says}”. {conclusion(report.evidence)}"
    return Finding(
        integration_id=report.integration_id,
        subject=report.id,
        severity=Severity.MEDIUM,
        says=said,
        since=report.at,
        method=DetectionMethod.REPORT,
        advice=f"Ask whoever reported it; when it is over: heal report-problem --close {report.id}",
    )
