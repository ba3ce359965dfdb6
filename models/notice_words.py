"""Notice words: what a notice says, made once for every channel: a title, facts, lists, plain text and JSON.

Every line is plain text without line breaks and is cut to so many bytes that the whole fits into the smallest of the
services: 28 kB with Teams, 3,000 characters a block and about 13,000 altogether with Slack, 1,024 characters of
summary with PagerDuty.
"""

from __future__ import annotations

from datetime import UTC, datetime

from models.alert import Alert
from models.anomaly import Severity
from models.escalation import Escalation
from models.notice_screen import WITHHELD, is_bare, screened
from models.noun import Noun
from models.queue import Notice, NoticeKind
from models.wording import span, whole_percent

ACKNOWLEDGE = "acknowledge"  # NoticeKind's value
TRIAL = "TEST-"  # begins the incident's id of a notice that only tries a channel
TITLE, LINE, ENTRIES = 240, 280, 8  # bytes, bytes, and entries of one list; at most three lists and eight facts
REPEAT = " (repeat)"

Facts = tuple[tuple[str, str], ...]
Lists = tuple[tuple[str, tuple[str, ...]], ...]


class Told(Noun):
    """A notice in words."""

    kind: str  # a NoticeKind's value
    severity: Severity
    title: str  # one line
    facts: Facts  # what is short: a label and its value
    lists: Lists  # a heading and its sentences
    integration_id: str
    integration_name: str
    team: str = ""
    rule: str = ""  # that called, or the watch that found
    since: datetime | None = None

    @property
    def text(self) -> str:
        """All of it but the title, in lines."""
        lines = [f"{label}: {value}" for label, value in self.facts]
        for heading, sentences in self.lists:
            lines += ["", f"{heading}:", *(f"- {one}" for one in sentences)]
        return "\n".join(lines)


def told(notice: Notice) -> Told:
    """What leaves of a notice, in words; screened."""
    notice = screened(notice)
    if notice.alert is not None:
        return told_alert(notice, notice.alert)
    if notice.escalation is not None:
        return told_call(notice, notice.escalation)
    state = STATES.get(notice.kind.value, "CALL")
    return Told(
        kind=notice.kind.value,
        severity=Severity.HIGH,
        title=titled(notice, f"{state}: {notice.incident_id}"),
        facts=known((("Incident", notice.incident_id), (EVENTS.get(notice.kind.value, "Says"), notice.says))),
        lists=(),
        integration_id="",
        integration_name=notice.incident_id,
    )


STATES = {NoticeKind.RESOLVE.value: "RESOLVED", ACKNOWLEDGE: "ACKNOWLEDGED"}
EVENTS = {NoticeKind.RESOLVE.value: "Over", ACKNOWLEDGE: "Acknowledged"}  # what `says` tells then


def told_call(notice: Notice, call: Escalation) -> Told:
    """A call for a human, or how it went on."""
    kind = notice.kind.value
    state = STATES.get(kind, call.priority.value)
    is_call = kind not in STATES
    facts = (
        (EVENTS.get(kind, "Note"), notice.says if notice.says or is_call else OTHERWISE[kind]),
        ("Integration", f"{call.integration_name} ({call.integration_id})"),
        ("Incident", call.incident_id),
        ("Since", instant(call.since)),
        ("Impact", call.impact if is_call else ""),
        ("Cause", f"{call.cause} ({whole_percent(call.confidence)})" if call.cause != WITHHELD else WITHHELD),
        ("Called", f"{call.team}, by rule {call.reason.rule}: {call.reason.says}" if is_call else ""),
        ("Heard of it? Say so", notice.answer_at or "" if is_call else ""),
        ("More", "" if trial_mark(notice) else f"heal explain {call.incident_id}"),
    )
    lists = (("Evidence", call.evidence), ("Tried", call.tried), ("What to do now", call.recommended))
    return Told(
        kind=kind,
        severity=call.priority,
        title=titled(notice, f"{state}: {call.integration_name}: {call.cause}"),
        facts=known(facts),
        lists=listed(lists) if is_call else (),
        integration_id=call.integration_id,
        integration_name=call.integration_name,
        team=call.team,
        rule=call.reason.rule,
        since=call.since,
    )


OTHERWISE = {NoticeKind.RESOLVE.value: "it works again", ACKNOWLEDGE: "somebody is on it"}


def told_alert(notice: Notice, alert: Alert) -> Told:
    """A condition that stands, or stands no more."""
    kind, finding = notice.kind.value, alert.finding
    is_over = kind == NoticeKind.RESOLVE.value
    state = "CLEARED" if is_over else STATES.get(kind, finding.severity.value)
    stood = span((alert.cleared_at - alert.raised_at).total_seconds()) if is_over and alert.cleared_at else ""
    facts = (
        ("Acknowledged", notice.says if kind == ACKNOWLEDGE else ""),
        ("Stood for", stood),
        ("Integration", finding.integration_id),
        ("Alert", alert.id),
        ("Since", instant(finding.since)),
        ("What", finding.says),
        ("Note", beside(notice, alert)),
    )
    return Told(
        kind=kind,
        severity=finding.severity,
        title=titled(notice, f"{state}: {finding.integration_id}: {finding.says}"),
        facts=known(facts),
        lists=listed((("What to do now", (finding.advice,) if finding.advice and not is_over else ()),)),
        integration_id=finding.integration_id,
        integration_name=finding.integration_id,
        rule=alert.watch,
        since=finding.since,
    )


def beside(notice: Notice, alert: Alert) -> str:
    """What a notice says beside its alert, such as what else it tells of; empty: nothing."""
    return notice.says.removeprefix(alert.finding.says).lstrip("; ") if notice.kind is NoticeKind.TRIGGER else ""


def titled(notice: Notice, words: str) -> str:
    """The title, with what changes how it is read: that it is a test, or may be known already."""
    repeat = REPEAT if notice.is_repeat else ""
    return cut(f"{trial_mark(notice)}{words}", TITLE - len(repeat)) + repeat


def trial_mark(notice: Notice) -> str:
    """What a notice begins with that only tries a channel."""
    return "TEST, nothing is wrong: " if notice.incident_id.startswith(TRIAL) else ""


def instant(at: datetime) -> str:
    """An instant, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def known(facts: Facts) -> Facts:
    """Those that say something."""
    return tuple((label, cut(value, LINE)) for label, value in facts if value)


def listed(lists: Lists) -> Lists:
    """Those that say something; what is too much is counted."""
    return tuple((heading, shortened(sentences)) for heading, sentences in lists if sentences)


def shortened(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """The first of them, and how many more there are."""
    more = len(sentences) - ENTRIES
    kept = sentences if more <= 0 else (*sentences[: ENTRIES - 1], f"and {more + 1} more")
    return tuple(cut(one, LINE) for one in kept)


def cut(text: str, most: int) -> str:
    r"""One line of at most so many bytes, without anything that is no sign.

    >>> cut("a  line\nand another", 12), cut("short", 12)
    ('a line an…', 'short')
    """
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if len(line.encode()) <= most:
        return line
    return line.encode()[: most - 3].decode(errors="ignore").rstrip() + "…"


def line(notice: Notice) -> str:
    """The notice in one sentence of typed facts, as the console shows it."""
    notice = screened(notice)
    repeat = REPEAT if notice.is_repeat else ""
    call, alert = notice.escalation, notice.alert
    if alert is not None:
        ended = {NoticeKind.RESOLVE.value: "CLEARED ", ACKNOWLEDGE: "ACKNOWLEDGED "}.get(notice.kind.value, "")
        return f"{ended}{alert.finding.severity} {alert.id}{repeat}: {notice.says}"
    name = f"{notice.incident_id}{repeat}"
    if notice.kind.value == ACKNOWLEDGE:
        return f"ACKNOWLEDGED {name}: {notice.says or OTHERWISE[ACKNOWLEDGE]}"
    if notice.kind is NoticeKind.RESOLVE or call is None:
        ended = f": {call.integration_name}: {call.cause}" if call else ""
        return f"RECOVERED {name}: {notice.says}" if notice.says else f"RESOLVED {name}{ended}"
    return (
        f"{trial_mark(notice)}{call.priority} {call.incident_id}{repeat}: {call.integration_name}: {call.cause} "
        f"({call.confidence:.0%}). {call.team} is called by rule {call.reason.rule}: {call.reason.says}"
        f"{f' ({notice.says})' if notice.says else ''}{f' Heard of it? {notice.answer_at}' if notice.answer_at else ''}"
    )


def payload(notice: Notice) -> dict[str, object]:
    """The notice as JSON for another program: typed slots of the call or the alert; screened."""
    sent = screened(notice)
    about: dict[str, object]
    if sent.alert is not None:
        ended = {NoticeKind.RESOLVE.value: "cleared", ACKNOWLEDGE: "acknowledged"}.get(sent.kind.value, "raised")
        data = sent.alert.model_dump(mode="json")
        about = {"type": f"alert.{ended}", "alert": sent.incident_id, "repeat": sent.is_repeat, "data": data}
    else:
        call = sent.escalation.model_dump(mode="json") if sent.escalation else None
        kind, name = f"incident.{sent.kind.value}", sent.incident_id
        about = {"type": kind, "incident": name, "repeat": sent.is_repeat, "data": call}
    says = sent.says if sent.alert is None or sent.kind.value == ACKNOWLEDGE else beside(sent, sent.alert)
    about |= {"says": says} if says else {}
    about |= {"acknowledge": sent.answer_at} if sent.answer_at else {}
    marks = {"withheld": is_bare(sent), "test": sent.incident_id.startswith(TRIAL)}
    return about | {mark: True for mark, holds in marks.items() if holds}
