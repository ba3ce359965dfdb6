"""Notice screen: what looks like an identifier leaves in no notice; the call itself still does.

A notice is made of sentences of ours, so nothing of a patient should ever be in it. This is the second net. A
sentence in which something has the form of an identifier is not sent, to anybody: the notice then says who ails, how
badly and under which number it is found, and nobody is left uncalled. A name has no form, and is not seen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from models.alert import Alert
from models.escalation import Escalation
from models.plain import looks_identifying
from models.queue import Notice

LONGEST, MOST = 500, 20  # characters of a sentence, and sentences of a list, that leave and are looked at
WITHHELD = "details are withheld: something in them has the form of an identifier"

LISTS = ("evidence", "tried", "recommended")

OURS = re.compile(  # ids that we give, by their whole form
    r"\b(?:INC|ACT|PRB|ANM|SIL|GAP)-20[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{3,5}\b(?:#[0-9]{1,3}\b)?|\bADJ-[0-9a-f]{12}\b"
)
INSTANT = re.compile(
    r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?)?"
    r"(?:Z|[+-][0-2][0-9]:[0-5][0-9])?(?![0-9-])"
)
UNITS = "%|ms|s|min|h|d|bytes|[KMGT]?B|milliseconds|seconds|minutes|hours|days"
COUNTED = (
    "calls|reads|records|rows|messages|connections|requests|attempts|times|samples|cycles|events|files|lines|"
    "errors|failures"
)
DECIMALS = r"(?:\.[0-9]{1,6})?"
MEASURED = re.compile(  # a number of one or two digits needs no excuse
    rf"(?<![\w.,/-])[<>+-]?[0-9]{{1,12}}{DECIMALS} ?(?:{UNITS})(?![\w-])"
    rf"|(?<![\w.,/-])(?:[0-9]{{1,7}} of )?[0-9]{{1,7}} (?:{COUNTED})(?![\w-])"
    rf"|: [0-9]{{1,9}}{DECIMALS}, usually [0-9]{{1,9}}{DECIMALS}\b"  # models.describe, of any metric
    r"|: [0-9]{1,7}(?:\.[0-9]{1,9})? of [0-9]{1,7}\b"  # models.indication, of what was compared
)
TELLING = re.compile(  # what `looks_identifying` has no need to know at its own doors
    r"[^\s@]+@[^\s@]+\.[A-Za-z]{2,}"  # an e-mail address
    r"|https?://\S*[?#]\S"  # a URL that says more than where
    r"|\b[a-z]{2,12}:[0-9a-f]{8,}\b"  # something by its hash or template, as of a finger
    r"|\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{16}\b"  # a pseudonym (tasks.pseudonym): it stands in no notice
)
ACRONYMS = re.compile(r"\b[A-Z]{2,6}/(?:[A-Z]{2,6}|[0-9](?:\.[0-9])?)\b|\b[A-Z][a-z]+/[A-Z][a-z]+_[A-Z][a-z]+\b")


def is_telling(text: str, known: Iterable[str] = ()) -> bool:
    """Whether something in a sentence of ours has the form of an identifier.

    Args:
        text: the sentence.
        known: what the configuration declares, such as names of systems and groups: it may have any form.

    >>> is_telling("34567 of 35551 calls failed since 2026-11-28 09:15 UTC"), is_telling("no patient 48291077 found")
    (False, True)
    """
    for word in sorted((one for one in known if one), key=len, reverse=True):
        text = text.replace(word, " ")
    if TELLING.search(text):
        return True
    for ours in (OURS, INSTANT, ACRONYMS, MEASURED):
        text = ours.sub(" ", text)
    return looks_identifying(text)


def screened(notice: Notice) -> Notice:
    """The notice as it may leave: itself, or its bare form when a sentence in it is telling. Twice is as once."""
    notice = bounded(notice)
    known = tuple(declared(notice))
    if is_bare(notice) or not any(is_telling(text, known) for text in sentences(notice)):
        return notice
    call = bare_call(notice.escalation) if notice.escalation else None
    alert = bare_alert(notice.alert) if notice.alert else None
    return notice.model_copy(update={"escalation": call, "alert": alert, "says": WITHHELD})


def is_bare(notice: Notice) -> bool:
    """Whether its details are withheld."""
    return notice.says == WITHHELD


def bounded(notice: Notice) -> Notice:
    """The notice without what nobody reads: only what leaves has to be looked at."""
    changes: dict[str, object] = {"says": notice.says[:LONGEST]}
    if call := notice.escalation:
        shorter = {name: getattr(call, name)[:LONGEST] for name in ("impact", "cause")}
        lists = {name: tuple(one[:LONGEST] for one in getattr(call, name)[:MOST]) for name in LISTS}
        reason = call.reason.model_copy(update={"says": call.reason.says[:LONGEST]})
        changes["escalation"] = call.model_copy(update={**shorter, **lists, "reason": reason})
    if alert := notice.alert:
        cut = {name: getattr(alert.finding, name)[:LONGEST] for name in ("says", "advice")}
        changes["alert"] = alert.model_copy(update={"finding": alert.finding.model_copy(update=cut)})
    return notice.model_copy(update=changes)


def declared(notice: Notice) -> Iterator[str]:
    """Names and ids that the configuration or we have given."""
    yield notice.incident_id
    if call := notice.escalation:
        yield from (call.id, call.integration_id, call.integration_name, call.team, *call.contact_groups)
    if alert := notice.alert:
        yield from (alert.id, alert.integration_id, alert.finding.subject)


def sentences(notice: Notice) -> Iterator[str]:
    """Every free text of a notice."""
    yield notice.says
    if call := notice.escalation:
        yield from (call.reason.says, call.impact, call.cause, *call.evidence, *call.tried, *call.recommended)
    if alert := notice.alert:
        yield from (alert.finding.says, alert.finding.advice)


def bare_call(call: Escalation) -> Escalation:
    """Who ails, how badly, who is called, and under which number it is found."""
    reason = call.reason.model_copy(update={"says": WITHHELD})
    bare = {"reason": reason, "impact": "", "cause": WITHHELD, "evidence": (), "tried": (), "recommended": ()}
    return call.model_copy(update=bare)


def bare_alert(alert: Alert) -> Alert:
    """The same of an alert."""
    return alert.model_copy(update={"finding": alert.finding.model_copy(update={"says": WITHHELD, "advice": ""})})
