r"""Traces of HL7 v2 over MLLP: framed messages, or text as Mirth shows it, with the instant of each before it.

    2026-11-23T09:15:23.120Z SENT
    MSH|^~\&|HEAL|MAIN|PMS|MAIN|20261123091523||ADT^A08|000123|P|2.5
    PID|…
    2026-11-23T09:15:23.180Z RECEIVED
    MSH|^~\&|PMS|MAIN|HEAL|MAIN|20261123091523||ACK^A08|77|P|2.5
    MSA|AA|000123

Of a message its type, its control id (as a pseudonym) and its acknowledgement are looked at, nothing else. The
answer is found by its MSA-2, and means what it would mean to a probe (models.hl7_answers); one that does not come
within five minutes of the trace is `no_ack`. Without an instant before it, MSH-7 tells when, in the practice's
time zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from models.hl7_answers import Sent, judge_ack, rung_of_ack
from models.intake._batch import Batch, Door, Unusable, Waiting, microseconds, refuse_all, traffic, within
from models.reading import Code, Direction, Outcome, Rung
from models.vocabulary import OTHER, Vocabulary
from models.words import MESSAGES, TRIGGER

BREAKS = b"\n\r\x0b\x1c"  # start and end of a frame break lines as its segments do
PATIENCE = 300_000_000  # µs without an acknowledgement
MOST_WAITING = 1000  # messages without an answer that are remembered
HEAD = re.compile(
    r"\[?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?+(?:Z|[+-]\d\d:?\d\d)?+)\]?+"
    r"(?:\s++\[?([A-Za-z]{2,10}+|->|<-)\]?)?+:?\s*+"
)
SENT = frozenset({"SENT", "OUT", "OUTBOUND", "SEND", "->"})
RECEIVED = frozenset({"RECEIVED", "IN", "INBOUND", "RECV", "<-"})
HL7_TIME = re.compile(r"(\d{14})(?:\.\d{1,4})?([+-]\d{4})?")
NO_ACK = (Outcome.TIMEOUT.value, Rung.HTTP.value, "no_ack")
ANY = Sent(control_id=b"")  # which message is answered is found out here


def looks_like(line: str) -> bool:
    """A message's first segment, or an instant before one."""
    head = HEAD.fullmatch(line)
    return line.startswith("MSH|") or bool(head and head[2])


def parse(lines: Sequence[str], door: Door) -> Batch:
    """One reading for each message: when it was answered, or when nobody answered it."""
    vocabulary = door.own()
    if vocabulary is None:
        return refuse_all(lines, "unknown_integration")
    batch = Batch(consumed=whole(lines, door))
    waiting = {one.key: one for one in door.carried}
    latest = 0
    for place, entry in messages(lines[: batch.consumed]):
        try:
            latest = max(latest, take(entry, vocabulary, door, waiting, batch))
        except Unusable as reason:
            batch.refused.append((place, str(reason)))
    give_up(waiting, vocabulary, door, latest, batch)
    batch.carried = tuple(waiting.values())
    return batch


def whole(lines: Sequence[str], door: Door) -> int:
    """How many lines belong to whole messages: the last one may go on in the next batch."""
    if door.is_last:
        return len(lines)
    seen = [(n, line) for n, line in enumerate(lines) if line]
    pairs = zip(reversed(seen), reversed(seen[:-1]), strict=False)
    return next((n for (n, line), (_, before) in pairs if begins(line, before)), 0)


def begins(line: str, before: str) -> bool:
    """Whether an entry of the trace starts here."""
    if line.startswith("MSH|"):
        return HEAD.fullmatch(before) is None
    return HEAD.match(line) is not None


def messages(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The entries of a trace, each with the place of its first line."""
    entry: list[str] = []
    start = 0
    for place, line in enumerate(lines):
        if not line:
            continue
        if entry and begins(line, entry[-1]):
            yield start, entry
            entry = []
        if not entry:
            start = place
        entry.append(line)
    if entry:
        yield start, entry


def take(entry: list[str], vocabulary: Vocabulary, door: Door, waiting: dict[str, Waiting], batch: Batch) -> int:
    """One message: it waits for its answer, or is one. Returns its instant.

    Raises:
        Unusable: with the reason.
    """
    head = HEAD.match(entry[0])
    header = next((line[line.index("MSH|") :] for line in entry[:2] if "MSH|" in line), None)
    if header is None:
        raise Unusable("no_header")
    fields = header.split("|", 12)
    if len(fields) < 10:  # noqa: PLR2004 - MSH-10 is the last that is needed
        raise Unusable("short_header")
    at = within(instant(head[1] if head else None, fields[6], vocabulary.timezone), door.span)
    answer = next((line.split("|", 3) for line in entry if line.startswith("MSA|")), None)
    if answer is None:
        word = (head[2] or "").upper() if head else ""
        direction = Direction.IN if word in RECEIVED else Direction.OUT
        key = door.pseudonym(f"{vocabulary.integration_id}/{fields[9]}")
        waiting[key] = Waiting(key, at, operation_of(fields[8]), direction.value)
    else:
        verdict = judged("\r".join((header, *entry[1:])))
        batch.readings.append(answered(answer, verdict, fields[8], at, vocabulary, door, waiting))
    return at


def judged(acknowledgement: str) -> tuple[str, str, Code | None]:
    """Outcome, rung and code of an acknowledgement.

    Raises:
        Unusable: when it acknowledges nothing in a word of table 0008.
    """
    found = judge_ack(acknowledgement.encode("utf-8", "replace"), ANY)
    if found.outcome is Outcome.MALFORMED:
        raise Unusable("bad_acknowledgement")
    return found.outcome.value, rung_of_ack(found).value, found.code


def answered(
    answer: list[str],
    verdict: tuple[str, str, Code | None],
    kind: str,
    at: int,
    vocabulary: Vocabulary,
    door: Door,
    waiting: dict[str, Waiting],
) -> tuple[object, ...]:
    """The reading of a message whose acknowledgement has come; an answer to nothing known stands for itself."""
    key = door.pseudonym(f"{vocabulary.integration_id}/{answer[2] if len(answer) > 2 else ''}")  # noqa: PLR2004 - MSA-2
    asked = waiting.pop(key, None)
    if asked is None:
        return traffic(vocabulary, at, operation_of(kind), verdict, direction=Direction.OUT.value)
    return traffic(
        vocabulary,
        asked.at,
        asked.operation,
        verdict,
        resource=resource_of(asked.operation),
        direction=asked.direction,
        latency_ms=max(0, at - asked.at) / 1000,
    )


def give_up(waiting: dict[str, Waiting], vocabulary: Vocabulary, door: Door, latest: int, batch: Batch) -> None:
    """Messages that were not answered in five minutes, or by the end of the trace, or that are too many."""
    surplus = len(waiting) - MOST_WAITING
    for place, one in enumerate(sorted(waiting.values(), key=lambda one: one.at)):
        if door.is_last or place < surplus or latest - one.at > PATIENCE:
            del waiting[one.key]
            resource = resource_of(one.operation)
            row = traffic(vocabulary, one.at, one.operation, NO_ACK, resource=resource, direction=one.direction)
            batch.readings.append(row)


def operation_of(kind: str) -> str:
    """`ADT^A08^ADT_A01` → `ADT.A08`."""
    message, _, rest = kind.partition("^")
    trigger = rest.partition("^")[0]
    if message not in MESSAGES:
        return OTHER
    return f"{message}.{trigger}" if TRIGGER.fullmatch(trigger) else message


def resource_of(operation: str) -> str | None:
    """The kind of message."""
    message = operation.partition(".")[0]
    return message if message in MESSAGES else None


def instant(told_at: str | None, said: str, timezone: str) -> int:
    """When it passed, in microseconds since 1970: as the trace tells, else as MSH-7 does.

    Raises:
        Unusable: when neither can be read.
    """
    found = HL7_TIME.fullmatch(said)
    if told_at is None and found is None:
        raise Unusable("bad_time")
    try:
        if told_at is not None or found is None:
            return microseconds(datetime.fromisoformat(told_at or ""))
        local = datetime.strptime(found[1] + (found[2] or "+0000"), "%Y%m%d%H%M%S%z")
        return microseconds(local if found[2] else local.replace(tzinfo=ZoneInfo(timezone)))
    except (ValueError, OverflowError):
        raise Unusable("bad_time") from None
